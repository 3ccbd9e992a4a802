//! The blast radius: what a change set would do to others than those it names (SPEC 4.3). Groups left empty, people
//! without a group or a manager, people with an account here who would be blocked, organizations without people.
//!
//! It begins with the links that would go, which are few, and asks the indexes of the links what would remain. Where no
//! link goes, as in a first load, nothing is asked at all.

use super::TaskError;
use super::pending::Pending;
use super::prepare::plan::Plan;
use crate::model::connector::ConnectorDefinition;
use crate::model::consequence::{Consequence, ConsequenceName, Example};
use crate::model::entity_type::Represents;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

/// Examples that are kept of each.
const EXAMPLES: u64 = 20;

/// What the links that the change set in the pending schema takes away would do to others. Asked on a connection of its
/// own, beside the other questions at the end of a preparation.
pub fn of_links(plan: &Plan, pending: &Pending) -> Result<Vec<Consequence>, TaskError> {
    if plan.definition.entity_types.iter().all(|one| one.represents == Represents::Nothing) {
        return Ok(Vec::new());
    }
    let mut connection = pending.connect()?;
    if !links_that_go(&mut connection, pending)? {
        return Ok(Vec::new());
    }
    let world = World::of(&mut connection, plan)?;
    let found = [
        world.groups_emptied(&mut connection)?,
        world.last_group_lost(&mut connection)?,
        world.manager_lost(&mut connection)?,
        world.organizations_emptied(&mut connection)?,
    ];
    Ok(found.into_iter().flatten().collect())
}

/// Gathers the links that go (`going`), those that come (`coming`), and the records that go (`leaving`).
fn links_that_go(connection: &mut PgConnection, pending: &Pending) -> QueryResult<bool> {
    let schema = &pending.schema;
    connection.batch_execute(&format!(
        "create temp table going as
           select association_id, from_id, coalesce(before_to_id, to_id) as to_id from {schema}.changes
            where association_id is not null and operation in ('delete', 'update');
         create temp table coming as
           select association_id, from_id, to_id from {schema}.changes
            where association_id is not null and operation in ('insert', 'update');
         create temp table leaving as
           select resource_id as id from {schema}.changes where entity_type_id is not null and operation = 'delete';
         create index on going (association_id, from_id, to_id); create index on going (association_id, to_id);
         create index on coming (association_id, from_id); create index on coming (association_id, to_id);
         create index on leaving (id);
         analyze going; analyze coming; analyze leaving"
    ))?;
    let going: Count = diesel::sql_query("select count(*) as count from going").get_result(connection)?;
    Ok(going.count > 0)
}

/// Which associations and entity types mean what, as lists of ids for SQL.
struct World {
    /// Membership associations whose `from` end is the group, and those whose `to` end is, of all connectors.
    group_first: String,
    group_last: String,
    /// Entity types that represent users, of all connectors.
    users: String,
    /// Associations of this connector from a user to at most one user.
    managers: String,
    /// Associations of this connector from users to organizations, and the other way round.
    to_organization: String,
    from_organization: String,
    /// Entity types of this connector that represent organizations.
    organizations: String,
}

impl World {
    fn of(connection: &mut PgConnection, plan: &Plan) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Lists {
            #[diesel(sql_type = Nullable<Text>)]
            group_first: Option<String>,
            #[diesel(sql_type = Nullable<Text>)]
            group_last: Option<String>,
            #[diesel(sql_type = Nullable<Text>)]
            users: Option<String>,
        }
        let lists: Lists = diesel::sql_query(
            "select (select string_agg(a.id::text, ', ') from associations a
                       join entity_types e on e.id = a.from_entity_type_id and e.represents = 'groups'
                      where a.membership and not a.retired) as group_first,
                    (select string_agg(a.id::text, ', ') from associations a
                       join entity_types e on e.id = a.from_entity_type_id and e.represents <> 'groups'
                      where a.membership and not a.retired) as group_last,
                    (select string_agg(id::text, ', ') from entity_types where represents = 'users') as users",
        )
        .get_result(connection)?;
        let definition = &plan.definition;
        let of = |from: Represents, to: Represents, single: bool| {
            let matching = definition.associations.iter().filter(|one| {
                represents(definition, &one.from) == from
                    && one.to.names().any(|end| represents(definition, end) == to)
                    && (!single || one.cardinality.is_single_valued())
            });
            list(matching.filter_map(|one| plan.associations.get(&one.name)))
        };
        let organizations = definition.entity_types.iter().filter(|one| one.represents == Represents::Organizations);
        let given = |list: Option<String>| list.unwrap_or_else(|| "0".to_owned());
        Ok(Self {
            group_first: given(lists.group_first),
            group_last: given(lists.group_last),
            users: given(lists.users),
            managers: of(Represents::Users, Represents::Users, true),
            to_organization: of(Represents::Users, Represents::Organizations, false),
            from_organization: of(Represents::Organizations, Represents::Users, false),
            organizations: list(organizations.filter_map(|one| plan.entity_types.get(&one.name))),
        })
    }

    /// From the groups that lose a member to those around them, and from each down to a user that would remain.
    fn groups_emptied(&self, connection: &mut PgConnection) -> Result<Option<Consequence>, TaskError> {
        let Self { group_first, group_last, users, .. } = self;
        let users_of_from = self.remains(group_first, "from_id", "nodes.node", "to_id", users);
        let users_of_to = self.remains(group_last, "to_id", "nodes.node", "from_id", users);
        let question = format!(
            "with recursive losing as (
               select from_id as id from going where association_id in ({group_first})
               union select to_id from going where association_id in ({group_last})
             ), candidates as materialized (
               select g.id as group_id, g.resource_id as root from losing join groups g on g.resource_id = losing.id
               union
               select a.id, a.resource_id from losing
                 join groups d on d.resource_id = losing.id join group_closure c on c.descendant_id = d.id
                 join groups a on a.id = c.ancestor_id and a.resource_id is not null
             ), tree as (
               select root, root as node from candidates
               union
               select tree.root, m.resource_id
                 from tree join groups g on g.resource_id = tree.node
                 join group_closure c on c.ancestor_id = g.id and c.depth = 1
                 join groups m on m.id = c.descendant_id
                where not exists (select from leaving l where l.id = m.resource_id)
                  and not exists (select from going v where v.association_id in ({group_first})
                                     and v.from_id = tree.node and v.to_id = m.resource_id)
             ), nodes as materialized (
               select distinct node from tree
             ), peopled as materialized (
               select node from nodes left join groups tg on tg.resource_id = nodes.node
                where ({users_of_from}) or ({users_of_to})
                   or exists (select from coming n where n.association_id in ({group_first}) and n.from_id = nodes.node)
                   or exists (select from coming n where n.association_id in ({group_last}) and n.to_id = nodes.node)
                   or exists (select from local_memberships m where m.group_id = tg.id)
             ), kept as materialized (
               select distinct tree.root from tree join peopled on peopled.node = tree.node
             )
             select g.id as group_id, null::bigint as person_id, r.key, g.name
               from candidates c join groups g on g.id = c.group_id join resources r on r.id = c.root
                and r.entity_type_id = g.entity_type_id
              where not exists (select from leaving l where l.id = c.root)
                and not exists (select from kept where kept.root = c.root)"
        );
        consequence(connection, ConsequenceName::GroupsEmptied, &question, |count| {
            format!("{} would have no member any more", counted(count, "group", "groups"))
        })
    }

    fn last_group_lost(&self, connection: &mut PgConnection) -> Result<Option<Consequence>, TaskError> {
        let Self { group_first, group_last, users, .. } = self;
        // More links than go: more than so many stand in the index, which is quicker than to tell one from another.
        let remains = |associations: &str, at: &str, user: &str| {
            format!(
                "exists (select from links l where l.association_id in ({associations}) and l.{at} = {user}
                          offset (select count(*) from going v where v.association_id in ({associations})
                                     and v.{at} = {user}))"
            )
        };
        let (as_to, as_from) = (remains(group_first, "to_id", "u.id"), remains(group_last, "from_id", "u.id"));
        let question = format!(
            "with losing as (
               select to_id as id from going where association_id in ({group_first})
               union select from_id from going where association_id in ({group_last})
               -- Most exchange one group for another: who gets one needs no further question.
               except select to_id from coming where association_id in ({group_first})
               except select from_id from coming where association_id in ({group_last})
             ), without as materialized (
               -- Most others keep one, as the same record: the index of the links knows it. In this order the lookups go
               -- forward through it.
               select id from (select id from losing order by id) losing
                where not ({own_to}) and not ({own_from})
             ), people as materialized (
               select r.person_id, min(r.key) as key from without
                 join resources r on r.id = without.id and r.entity_type_id in ({users}) and r.person_id is not null
                where not exists (select from leaving l where l.id = r.id) group by r.person_id
             ), lost as materialized (
               select person_id, key from people
                where not exists (select from local_memberships m where m.person_id = people.person_id)
                  and not exists (
                    select from resources u where u.person_id = people.person_id and u.entity_type_id in ({users})
                       and (exists (select from coming n where n.association_id in ({group_first}) and n.to_id = u.id)
                          or exists (select from coming n where n.association_id in ({group_last})
                                        and n.from_id = u.id)
                          or {as_to} or {as_from}))
             )
             select null::bigint as group_id, p.id as person_id, lost.key, {PERSON} as name
               from lost join persons p on p.id = lost.person_id",
            own_to = remains(group_first, "to_id", "losing.id"),
            own_from = remains(group_last, "from_id", "losing.id"),
        );
        consequence(connection, ConsequenceName::LastGroupLost, &question, |count| {
            format!("{} would lose their last group", counted(count, "user", "users"))
        })
    }

    fn manager_lost(&self, connection: &mut PgConnection) -> Result<Option<Consequence>, TaskError> {
        let Self { managers, users, .. } = self;
        let question = format!(
            "select null::bigint as group_id, r.person_id, r.key, coalesce({PERSON}, r.key) as name
               from (select distinct from_id from going where association_id in ({managers})) v
               join resources r on r.id = v.from_id and r.entity_type_id in ({users})
               left join persons p on p.id = r.person_id
              where not exists (select from leaving l where l.id = r.id)
                and not exists (select from coming n where n.association_id in ({managers}) and n.from_id = r.id)"
        );
        consequence(connection, ConsequenceName::ManagerLost, &question, |count| {
            format!("{} would have no manager any more", counted(count, "user", "users"))
        })
    }

    fn organizations_emptied(&self, connection: &mut PgConnection) -> Result<Option<Consequence>, TaskError> {
        let Self { to_organization, from_organization, organizations, users, .. } = self;
        let as_to = self.remains(to_organization, "to_id", "r.id", "from_id", users);
        let as_from = self.remains(from_organization, "from_id", "r.id", "to_id", users);
        let question = format!(
            "select null::bigint as group_id, null::bigint as person_id, r.key,
                    coalesce(r.attributes ->> 'name', r.attributes ->> 'title', r.key) as name
               from (select to_id as id from going where association_id in ({to_organization})
                     union select from_id from going where association_id in ({from_organization})) v
               join resources r on r.id = v.id and r.entity_type_id in ({organizations})
              where not exists (select from leaving l where l.id = r.id) and not ({as_to}) and not ({as_from})
                and not exists (select from coming n where n.association_id in ({to_organization}) and n.to_id = r.id)
                and not exists (select from coming n where n.association_id in ({from_organization})
                                   and n.from_id = r.id)"
        );
        consequence(connection, ConsequenceName::OrganizationsEmptied, &question, |count| {
            format!("{} would have nobody any more", counted(count, "organization", "organizations"))
        })
    }

    /// Whether a link of one of these associations at `node` would remain, that leads to one of these entity types if
    /// any are given.
    fn remains(&self, associations: &str, at: &str, node: &str, other: &str, ends: &str) -> String {
        let end = match ends.is_empty() {
            true => String::new(),
            false => {
                format!("and exists (select from resources o where o.id = l.{other} and o.entity_type_id in ({ends}))")
            }
        };
        format!(
            "exists (select from links l where l.association_id in ({associations}) and l.{at} = {node}
                        and not exists (select from going v where v.association_id = l.association_id
                                           and v.from_id = l.from_id and v.to_id = l.to_id) {end})"
        )
    }
}

/// What people call a person.
const PERSON: &str = "coalesce(p.fields ->> 'display_name', p.fields ->> 'user_name', p.fields ->> 'mail')";

/// The accounts here of persons who would be blocked or removed.
pub fn of_accounts(connection: &mut PgConnection, blocked: &[i64]) -> Result<Option<Consequence>, TaskError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        person_id: i64,
        #[diesel(sql_type = Text)]
        account: String,
        #[diesel(sql_type = Text)]
        role: String,
        #[diesel(sql_type = Nullable<Text>)]
        name: Option<String>,
    }
    if blocked.is_empty() {
        return Ok(None);
    }
    let rows: Vec<Row> = diesel::sql_query(format!(
        "select p.id as person_id, a.name as account, a.role, {PERSON} as name
           from persons p
           join accounts a on a.person_id = p.id
                or a.person_id is null and lower(a.name) = lower(p.fields ->> 'user_name')
          where a.active and a.role <> 'person' and p.id = any($1) order by a.role, lower(a.name)"
    ))
    .bind::<diesel::sql_types::Array<BigInt>, _>(blocked)
    .load(connection)?;
    let count = rows.len() as u64;
    let example = |row: Row| Example {
        name: row.name.unwrap_or_else(|| row.account.clone()),
        key: row.account,
        person_id: Some(row.person_id),
        group_id: None,
        role: Some(row.role),
    };
    Ok((count > 0).then(|| Consequence {
        name: ConsequenceName::AccountsBlocked,
        count,
        message: format!("{} an account here would be blocked or removed", counted(count, "user with", "users with")),
        examples: rows.into_iter().take(EXAMPLES as usize).map(example).collect(),
    }))
}

/// The persons with an active account here that is more than their own: said to be theirs, or by user name. Those are
/// watched when it is worked out who is blocked.
pub fn account_holders(connection: &mut PgConnection) -> QueryResult<Vec<i64>> {
    #[derive(QueryableByName)]
    struct Holder {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let holders: Vec<Holder> = diesel::sql_query(
        "select p.id from accounts a join persons p on lower(p.fields ->> 'user_name') = lower(a.name)
          where a.active and a.role <> 'person' and a.person_id is null
         union
         select a.person_id from accounts a where a.active and a.role <> 'person' and a.person_id is not null",
    )
    .load(connection)?;
    Ok(holders.into_iter().map(|holder| holder.id).collect())
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn consequence(
    connection: &mut PgConnection,
    name: ConsequenceName,
    question: &str,
    message: impl FnOnce(u64) -> String,
) -> Result<Option<Consequence>, TaskError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<BigInt>)]
        group_id: Option<i64>,
        #[diesel(sql_type = Nullable<BigInt>)]
        person_id: Option<i64>,
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Nullable<Text>)]
        name: Option<String>,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    // All that there are before any of them is named: for the sake of a few in order, PostgreSQL would else begin with
    // the names of everybody.
    let rows: Vec<Row> = diesel::sql_query(format!(
        "with found as materialized ({question})
         select group_id, person_id, key, name, count(*) over () as count
           from found order by lower(name), key limit {EXAMPLES}"
    ))
    .load(connection)?;
    let Some(count) = rows.first().map(|row| row.count.unsigned_abs()) else { return Ok(None) };
    let examples = rows
        .into_iter()
        .map(|row| Example {
            name: row.name.unwrap_or_else(|| row.key.clone()),
            key: row.key,
            person_id: row.person_id,
            group_id: row.group_id,
            role: None,
        })
        .collect();
    Ok(Some(Consequence { name, count, message: message(count), examples }))
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn represents(definition: &ConnectorDefinition, entity_type: &str) -> Represents {
    let found = definition.entity_types.iter().find(|one| one.name == entity_type);
    found.map_or(Represents::Nothing, |one| one.represents)
}

/// Ids for an SQL list; one that nothing has where there are none.
fn list<'i>(ids: impl Iterator<Item = &'i i32>) -> String {
    let ids: Vec<String> = ids.map(ToString::to_string).collect();
    if ids.is_empty() { "0".to_owned() } else { ids.join(", ") }
}
