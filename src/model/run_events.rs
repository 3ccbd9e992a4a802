//! What an applied run did to users, groups and memberships, one event a line: `created-user: created user Ada Lovelace
//! (key=1001)`. Read from the rows that the run wrote, never kept beside them.

use super::run::Run;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, QueryableByName)]
pub struct RunEvent {
    /// In one hyphenated word: `created-user`, `blocked-user`, `added-user-to-group`, …
    #[diesel(sql_type = Text)]
    pub event: String,
    /// The sentence.
    #[diesel(sql_type = Text)]
    pub sentence: String,
}

impl std::fmt::Display for RunEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.event, self.sentence)
    }
}

/// Groups: those that are new with this run, and those that are gone.
const GROUPS: &str = "
  select 'created-group' as event, 'created group ' || g.name || ' (key=' || r.key || ')' as sentence
    from groups g join resources r on r.entity_type_id = g.entity_type_id and r.id = g.resource_id and r.run_id = $1
   where g.run_id = $1 and not exists (
     select from changes c where c.run_id = $1 and c.resource_id = r.id and c.operation = 'update')
  union all
  select 'deleted-group', 'deleted group ' || coalesce(nullif(c.before ->> 'name', ''), c.key) || ' (key=' || c.key || ')'
    from changes c join entity_types e on e.id = c.entity_type_id and e.represents = 'groups'
   where c.run_id = $1 and c.operation = 'delete'";

/// Users: the persons that the run made, and those of which it ended a version, by what became different.
const USERS: &str = "
  with name_of as (select p.id, coalesce(p.fields ->> 'display_name', p.fields ->> 'user_name', '') as name from persons p)
  select 'created-user' as event, 'created user ' || n.name || ' (key=' || coalesce(r.key, '') || ')' as sentence
    from persons p join name_of n using (id)
    left join lateral (
      select key from resources where person_id = p.id and run_id = $1
      union all select key from resources_history where person_id = p.id and run_id = $1 limit 1) r on true
   where p.created_run_id = $1
  union all
  select case when h.operation = 'delete' then 'deleted-user'
              when h.blocks = '[]' and after.blocks <> '[]' then 'blocked-user'
              when h.blocks <> '[]' and after.blocks = '[]' then 'unblocked-user'
              else 'updated-user' end,
         case when h.operation = 'delete' then 'deleted user '
              when h.blocks = '[]' and after.blocks <> '[]' then 'blocked user '
              when h.blocks <> '[]' and after.blocks = '[]' then 'unblocked user '
              else 'updated user ' end
         || coalesce(h.fields ->> 'display_name', h.fields ->> 'user_name', '')
         || ' (key=' || coalesce(c.key, '') || ')'
    from persons_history h
    left join lateral (select key from changes where run_id = $1 and person_id = h.id limit 1) c on true
    left join lateral (
      select blocks from (
        select later.blocks, later.valid_from from persons_history later
         where later.id = h.id and later.valid_from >= h.valid_to
        union all
        select p.blocks, p.valid_from from persons p where p.id = h.id and p.valid_from >= h.valid_to
      ) versions order by valid_from limit 1) after on true
   where h.ended_by_run_id = $1";

/// Memberships that came and went, where the run listed them one by one; those of a scope that was loaded whole are the
/// scope's.
const MEMBERSHIPS: &str = "
  select case o.operation when 'insert' then 'added-user-to-group' else 'removed-user-from-group' end as event,
         case o.operation when 'insert' then 'added user ' else 'removed user ' end
         || coalesce(p.fields ->> 'display_name', p.fields ->> 'user_name', '')
         || case o.operation when 'insert' then ' to group ' else ' from group ' end || g.name as sentence
    from outbox o join persons p on p.id = o.person_id join groups g on g.id = o.group_id
   where o.run_id = $1 and o.kind = 'membership'
  union all
  select 'added-user-to-group', 'added user ' || coalesce(p.fields ->> 'display_name', p.fields ->> 'user_name', '')
         || ' to group ' || g.name
    from outbox o
    join associations a on a.id = o.association_id and a.membership
    join links l on l.association_id = a.id and l.run_id = $1
    join groups g on g.resource_id in (l.from_id, l.to_id)
    join resources r on r.id = case when g.resource_id = l.from_id then l.to_id else l.from_id end
    join persons p on p.id = r.person_id
   where o.run_id = $1 and o.kind = 'scope' and o.association_id is not null";

/// Calls `each` for every event of an applied run: groups, users, memberships. Streamed: memory does not grow with them.
pub fn each<E: From<diesel::result::Error>>(
    connection: &mut PgConnection,
    run: &Run,
    mut each: impl FnMut(RunEvent) -> Result<(), E>,
) -> Result<(), E> {
    if run.applied_at.is_none() {
        return Ok(());
    }
    for question in [GROUPS, USERS, MEMBERSHIPS] {
        let events = diesel::sql_query(question)
            .bind::<Integer, _>(run.id.0)
            .load_iter::<RunEvent, PgRowByRowLoadingMode>(connection)?;
        for event in events {
            each(event?)?;
        }
    }
    Ok(())
}
