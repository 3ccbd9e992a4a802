//! A group, managed by a connector or local. What pages read of it; runs write it (`pipeline::groups`).

mod members;
pub(super) mod nesting;

pub use members::{Member, Place, members};

use super::amount::Amount;
use super::as_of::{AsOf, Life};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

/// Members are counted up to here.
const COUNTED: i64 = 500;

/// A group in a list.
#[derive(Debug, Clone, QueryableByName)]
pub struct Group {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its resource; `None`: a local group.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub resource_id: Option<i64>,
    /// The entity type's name.
    #[diesel(sql_type = Nullable<Text>)]
    pub entity_type: Option<String>,
    /// The connector's name.
    #[diesel(sql_type = Nullable<Text>)]
    pub connector: Option<String>,
    /// What pages call the connector.
    #[diesel(sql_type = Nullable<Text>)]
    pub connector_title: Option<String>,
    /// Profile type of its members while they are current.
    #[diesel(sql_type = Nullable<Text>)]
    pub profile_type: Option<String>,
    /// What a local group is for.
    #[diesel(sql_type = Text)]
    pub description: String,
    /// The rule that decides who is in a local group.
    #[diesel(sql_type = Nullable<Text>)]
    pub rule: Option<String>,
    #[diesel(sql_type = BigInt)]
    members: i64,
}

impl Group {
    /// Direct members: users and groups.
    pub fn members(&self) -> Amount {
        Amount::counted(self.members, COUNTED)
    }
}

fn select(at: &AsOf, ends: &Ends) -> String {
    let links = [("from_id", &ends.group_first), ("to_id", &ends.group_last)];
    let links: String = links.iter().map(|(end, associations)| one_for_each_link(at, end, associations)).collect();
    format!(
        "select g.id, g.name, g.resource_id, e.name as entity_type, c.name as connector,
                c.display_name as connector_title, g.profile_type, g.description, g.rule,
                (select count(*) from (
                   {links}
                   select 1 from {local_memberships} m where m.group_id = g.id
                   union all
                   select 1 from {nesting} n where n.parent_id = g.id
                   limit 501) counted) as members
           from {groups} g
           left join entity_types e on e.id = g.entity_type_id
           left join connectors c on c.id = e.connector_id",
        local_memberships = at.local_memberships(),
        nesting = at.local_nesting(),
        groups = at.groups(),
    )
}

/// `select 1 from … union all`, over the links of these associations that have a group at this end. Those of now are
/// read from the partition itself: its index then answers alone, where a condition on the association would have each
/// link looked up.
fn one_for_each_link(at: &AsOf, end: &str, associations: &[i32]) -> String {
    let ids = || associations.iter().map(i32::to_string);
    match at {
        AsOf::Now => {
            ids().map(|id| format!("select 1 from links_{id} l where l.{end} = g.resource_id union all ")).collect()
        }
        AsOf::Then(_) => format!(
            "select 1 from {links} l where l.{end} = g.resource_id and l.association_id = any('{{{ids}}}') union all ",
            links = at.links(),
            ids = ids().collect::<Vec<_>>().join(",")
        ),
    }
}

/// Which groups a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// All of them.
    #[default]
    All,
    /// Those whose members a connector decides.
    Managed,
    /// The others.
    Local,
}

/// Up to `limit` groups by name, after the name and id `after`, whose name holds `search`: a walk along the index by name.
pub fn page(
    conn: &mut PgConnection,
    at: &AsOf,
    search: &str,
    kind: Kind,
    after: Option<(&str, i64)>,
    limit: i64,
) -> QueryResult<Vec<Group>> {
    let ends = Ends::load(conn)?;
    let (name, id) = after.map_or((None, None), |(name, id)| (Some(name), Some(id)));
    let pattern = format!("%{}%", super::resource::escape_like(search));
    let kind = match kind {
        Kind::All => "true",
        Kind::Managed => "g.resource_id is not null",
        Kind::Local => "g.resource_id is null",
    };
    diesel::sql_query(format!(
        "{select}
          where ($1 is null or (lower(g.name), g.id) > (lower($1), $2)) and g.name ilike $3 and {kind}
          order by lower(g.name), g.id
          limit $4",
        select = select(at, &ends)
    ))
    .bind::<Nullable<Text>, _>(name)
    .bind::<Nullable<BigInt>, _>(id)
    .bind::<Text, _>(pattern)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// One group.
pub fn find(conn: &mut PgConnection, at: &AsOf, id: i64) -> QueryResult<Option<Group>> {
    let ends = Ends::load(conn)?;
    diesel::sql_query(format!("{} where g.id = $1", select(at, &ends)))
        .bind::<BigInt, _>(id)
        .get_result(conn)
        .optional()
}

/// From when to when a group was there.
pub fn life(conn: &mut PgConnection, id: i64) -> QueryResult<Option<Life>> {
    diesel::sql_query(
        "select began, ended from (
           select min(valid_from) as began, nullif(max(valid_to), 'infinity') as ended from (
             select coalesce(w.applied_at, g.valid_from) as valid_from, 'infinity'::timestamptz as valid_to
               from groups g left join runs w on w.id = g.run_id where g.id = $1
             union all
             select valid_from, valid_to from groups_history where id = $1) versions
         ) life where began is not null",
    )
    .bind::<BigInt, _>(id)
    .get_result(conn)
    .optional()
}

/// A group beside another one: within it, or around it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Related {
    /// The group.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// How many steps away.
    #[diesel(sql_type = Integer)]
    pub depth: i32,
    /// Whether it is within (else around).
    #[diesel(sql_type = Bool)]
    pub within: bool,
}

/// The groups within and around a group, the nearest first, at most `limit` of each.
pub fn related(conn: &mut PgConnection, at: &AsOf, group: i64, limit: i64) -> QueryResult<Vec<Related>> {
    let (below, above, groups) =
        (nesting::below(conn, at, &[group])?, nesting::above(conn, at, &[group])?, at.groups());
    diesel::sql_query(format!(
        "(select g.id, g.name, c.depth, true as within
            from {below} c join {groups} g on g.id = c.descendant_id
           where c.ancestor_id = $1 and c.descendant_id <> $1
           order by c.depth, lower(g.name), g.id limit $2)
         union all
         (select g.id, g.name, c.depth, false
            from {above} c join {groups} g on g.id = c.ancestor_id
           where c.descendant_id = $1 and c.ancestor_id <> $1
           order by c.depth, lower(g.name), g.id limit $2)"
    ))
    .bind::<BigInt, _>(group)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// Ids of the associations whose links are memberships.
pub(super) fn membership_associations(conn: &mut PgConnection) -> QueryResult<Vec<i32>> {
    let ends = Ends::load(conn)?;
    Ok(ends.group_first.into_iter().chain(ends.group_last).collect())
}

/// The associations whose links are memberships: those that come from groups, and those that lead to groups.
pub(super) fn membership_ends(conn: &mut PgConnection) -> QueryResult<(Vec<i32>, Vec<i32>)> {
    let ends = Ends::load(conn)?;
    Ok((ends.group_first, ends.group_last))
}

/// Membership associations by the end that is the group: where links come from groups, `from` holds `to`; where they
/// come from users, `to` holds `from`. Those that never had a link have no partition yet, and are left out.
struct Ends {
    group_first: Vec<i32>,
    group_last: Vec<i32>,
}

impl Ends {
    fn load(conn: &mut PgConnection) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Integer)]
            id: i32,
            #[diesel(sql_type = Bool)]
            group_first: bool,
        }
        let rows: Vec<Row> = diesel::sql_query(
            "select a.id, e.represents = 'groups' as group_first
               from associations a join entity_types e on e.id = a.from_entity_type_id
              where a.membership and to_regclass('public.links_' || a.id) is not null",
        )
        .load(conn)?;
        let (first, last): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.group_first);
        let ids = |rows: Vec<Row>| rows.into_iter().map(|row| row.id).collect();
        Ok(Self { group_first: ids(first), group_last: ids(last) })
    }
}
