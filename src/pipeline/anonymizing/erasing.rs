//! The statements that take a person's data out of the tables that hold it by design, one after the other. Each is set-wise.

use super::ERASED;
use super::identity::Identity;
use crate::model::connector::ConnectorId;
use crate::model::snapshot;
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};

/// Who is erased, by whom.
pub(super) struct Erasing<'a> {
    pub(super) person: i64,
    pub(super) identity: &'a Identity,
    pub(super) connectors: &'a [i32],
    pub(super) by: &'a str,
    pub(super) now: DateTime<Utc>,
}

/// What was erased.
pub(super) struct Erased {
    pub(super) records: usize,
    pub(super) changes: usize,
}

/// In every statement: `$1` the person, `$2` the ids of its records, `$3` and `$4` their entity types and keys side by
/// side, `$5` the connectors, `$6` what stands where a key stood, `$7` who, `$8` when.
const EVERY: &str = "given as (select $1::bigint as person, $2::bigint[] as ids, $3::integer[] as types,
                                      $4::text[] as keys, $5::integer[] as connectors, $6::text as nothing,
                                      $7::text as who, $8::timestamptz as moment)";

impl Erasing<'_> {
    pub(super) fn everything(&self, conn: &mut PgConnection) -> QueryResult<Erased> {
        let changes = self.changes(conn)?;
        self.holds(conn)?;
        self.problems(conn)?;
        self.history(conn)?;
        self.who_is_who(conn)?;
        self.by_account(conn)?;
        self.photos_and_person(conn)?;
        let records = self.records(conn)?;
        Ok(Erased { records, changes })
    }

    /// Changes of its records and of links to them: who and what; that there was a change stays.
    fn changes(&self, conn: &mut PgConnection) -> QueryResult<usize> {
        self.run(
            conn,
            ", erased as (
               update changes c
                  set key = case when c.association_id is null or c.from_id = any($2) then $6 else c.key end,
                      to_key = case when c.to_id = any($2) then $6 else c.to_key end,
                      before_to_key = case when c.before_to_id = any($2) then $6 else c.before_to_key end,
                      before = null, after = null, person_id = null, digest = null, links_digest = null
                where c.resource_id = any($2) or c.person_id = $1 or c.from_id = any($2) or c.to_id = any($2)
                   or c.before_to_id = any($2)
               returning c.run_id, c.seq)
             insert into erasures (run_id, seq) select run_id, seq from erased on conflict do nothing",
        )
    }

    /// Holds end; exclusions have no other use than to name what is left out.
    fn holds(&self, conn: &mut PgConnection) -> QueryResult<()> {
        let meant = "(entity_type_id, key) in (select * from unnest($3, $4))
                     or association_id is not null and (key = any($4) or to_key = any($4))";
        self.run(
            conn,
            &format!(
                " update holds
                    set key = case when key = any($4) then $6 else key end,
                        to_key = case when to_key = any($4) then $6 else to_key end,
                        before_to_key = case when before_to_key = any($4) then $6 else before_to_key end,
                        before = null, after = null, reason = null, ended_at = coalesce(ended_at, $8),
                        ended_by = coalesce(ended_by, $7), ended_why = coalesce(ended_why, 'released')
                  where connector_id = any($5) and ({meant} or before_to_key = any($4))"
            ),
        )?;
        self.run(
            conn,
            &format!(
                " delete from exclusions e using runs r
                  where r.id = e.run_id and r.connector_id = any($5) and ({meant})"
            ),
        )?;
        Ok(())
    }

    /// Problems of its records, or with references to them.
    fn problems(&self, conn: &mut PgConnection) -> QueryResult<()> {
        self.run(
            conn,
            ", scopes as (
               select name from entity_types where id = any($3)
               union
               select a.name from associations a
                where a.from_entity_type_id = any($3) or a.to_entity_type_ids && $3
             )
             update problems p
                set key = case when p.key is not null then $6 end, value = null, message = $6,
                    identity = gen_random_uuid()
               from runs r
              where r.id = p.run_id and r.connector_id = any($5) and p.scope in (select name from scopes)
                and (p.key = any($4) or p.value = any($4))",
        )?;
        Ok(())
    }

    /// Past versions: when they were, and nothing else.
    fn history(&self, conn: &mut PgConnection) -> QueryResult<()> {
        self.run(
            conn,
            " update persons_history
                set fields = '{}', provenance = '{}', local = '{}', blocks = '[]', search = ''
              where id = $1",
        )?;
        self.run(
            conn,
            " update resources_history set key = $6, attributes = '{}', person_id = null
              where person_id = $1 or id = any($2)",
        )?;
        self.run(conn, " delete from departures where person_id = $1 or resource_id = any($2)")?;
        Ok(())
    }

    /// What was decided about whom its records are.
    fn who_is_who(&self, conn: &mut PgConnection) -> QueryResult<()> {
        let meant = "(entity_type_id, key) in (select * from unnest($3, $4))";
        self.run(conn, &format!(" delete from correlation_decisions where person_id = $1 or {meant}"))?;
        self.run(conn, &format!(" delete from doubts where {meant}"))?;
        self.run(
            conn,
            " delete from moves
               where person_id = $1 or (entity_type_id, old_key) in (select * from unnest($3, $4))
                  or (entity_type_id, new_key) in (select * from unnest($3, $4))",
        )?;
        self.run(conn, " update merges set comment = null where person_id = $1 or into_id = $1")?;
        Ok(())
    }

    /// What accounts have set on the profile.
    fn by_account(&self, conn: &mut PgConnection) -> QueryResult<()> {
        for table in ["overrides", "local_edits", "rule_failures", "local_memberships_history"] {
            self.run(conn, &format!(" delete from {table} where person_id = $1"))?;
        }
        Ok(())
    }

    /// The profile, what hangs on it, and large values that nobody else has.
    fn photos_and_person(&self, conn: &mut PgConnection) -> QueryResult<()> {
        self.run(conn, " delete from local_memberships where person_id = $1")?;
        self.run(conn, " delete from persons where id = $1")?;
        if !self.identity.blobs.is_empty() {
            diesel::sql_query(
                "delete from blobs b
                  where b.sha256 = any($1)
                    and not exists (select from persons p where p.fields ->> 'photo' = 'sha256:' || b.sha256)
                    and not exists (select from resources r
                                     where r.id <> all($2) and r.attributes::text like '%sha256:' || b.sha256 || '%')",
            )
            .bind::<Array<Text>, _>(&self.identity.blobs)
            .bind::<Array<BigInt>, _>(self.identity.ids())
            .execute(conn)?;
            diesel::sql_query(
                "delete from photo_renditions p
                  where p.sha256 = any($1) and not exists (select from blobs b where b.sha256 = p.sha256)",
            )
            .bind::<Array<Text>, _>(&self.identity.blobs)
            .execute(conn)?;
        }
        Ok(())
    }

    /// Its records and their links: no snapshot of them holds any more.
    fn records(&self, conn: &mut PgConnection) -> QueryResult<usize> {
        let connectors: Vec<ConnectorId> = self.connectors.iter().map(|id| ConnectorId(*id)).collect();
        snapshot::touch(conn, &connectors)?;
        self.run(conn, " delete from links where from_id = any($2) or to_id = any($2)")?;
        self.run(conn, " delete from newer_digests where entity_type_id = any($3) and resource_id = any($2)")?;
        self.run(conn, " delete from resources where entity_type_id = any($3) and id = any($2)")
    }

    fn run(&self, conn: &mut PgConnection, statement: &str) -> QueryResult<usize> {
        let (types, keys): (Vec<i32>, Vec<&str>) =
            self.identity.records.iter().map(|(entity_type, _, key)| (*entity_type, key.as_str())).unzip();
        let query: BoxedSqlQuery<'_, Pg, SqlQuery> = diesel::sql_query(format!("with {EVERY}{statement}")).into_boxed();
        query
            .bind::<BigInt, _>(self.person)
            .bind::<Array<BigInt>, _>(self.identity.ids())
            .bind::<Array<Integer>, _>(types)
            .bind::<Array<Text>, _>(keys)
            .bind::<Array<Integer>, _>(self.connectors)
            .bind::<Text, _>(ERASED)
            .bind::<Text, _>(self.by)
            .bind::<Timestamptz, _>(self.now)
            .execute(conn)
    }
}
