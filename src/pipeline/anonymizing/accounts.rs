//! The accounts that are a person's alone: from a directory or a provider, or made for just that person. They go with their
//! sessions and second factors; where one has done something, that somebody did stays, and who does not.

use super::ERASED;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

/// Where accounts are named as who did something: table and column.
pub const WHO: &[(&str, &str)] = &[
    ("anonymizations", "anonymized_by"),
    ("anonymizations", "lifted_by"),
    ("approvals", "approved_by"),
    ("audit", "account"),
    ("configurations", "created_by"),
    ("connectors", "activity_changed_by"),
    ("connectors", "draft_saved_by"),
    ("correlation_decisions", "decided_by"),
    ("correlation_decisions", "undone_by"),
    ("decisions", "decided_by"),
    ("departures", "added_by"),
    ("holds", "held_by"),
    ("holds", "ended_by"),
    ("leases", "cancelled_by"),
    ("local_edits", "edited_by"),
    ("local_memberships", "added_by"),
    ("local_memberships_history", "added_by"),
    ("local_memberships_history", "removed_by"),
    ("local_nesting", "added_by"),
    ("local_nesting", "removed_by"),
    ("merges", "merged_by"),
    ("overrides", "made_by"),
    ("overrides", "ended_by"),
    ("runs", "started_by"),
    ("settings_versions", "created_by"),
    ("source_schemas", "refreshed_by"),
    ("tokens", "created_by"),
    ("uploads", "uploaded_by"),
];

/// The accounts of one person.
pub(super) struct OwnAccounts {
    names: Vec<String>,
    subjects: Vec<String>,
}

impl OwnAccounts {
    /// Of a person; nobody signs in with them from here on.
    pub(super) fn load(conn: &mut PgConnection, person: i64) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            name: String,
            #[diesel(sql_type = Nullable<Text>)]
            subject: Option<String>,
        }
        let rows: Vec<Row> = diesel::sql_query(
            "select name, subject from accounts
              where person_id = $1 and (origin <> 'local' or role = 'person') for update",
        )
        .bind::<BigInt, _>(person)
        .load(conn)?;
        let subjects = rows.iter().filter_map(|row| row.subject.clone()).collect();
        Ok(Self { names: rows.into_iter().map(|row| row.name).collect(), subjects })
    }

    /// What they are called, and by what they are known elsewhere.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.names.iter().chain(&self.subjects).map(String::as_str)
    }

    /// Removes them. Other accounts of the person, which somebody else made for more, are nobody's from here on; all are
    /// signed out.
    pub(super) fn remove(&self, conn: &mut PgConnection, person: i64) -> QueryResult<()> {
        for statement in [
            "delete from sessions s using accounts a where a.id = s.account_id and a.person_id = $1",
            "delete from accounts where person_id = $1 and (origin <> 'local' or role = 'person')",
            "update accounts set person_id = null where person_id = $1",
        ] {
            diesel::sql_query(statement).bind::<BigInt, _>(person).execute(conn)?;
        }
        Ok(())
    }

    /// Takes their names from what they have done.
    pub(super) fn redact(&self, conn: &mut PgConnection) -> QueryResult<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        conn.batch_execute("set local muster.audit = 'erase'")?;
        let subjects: Vec<String> = self.names.iter().map(|name| format!("account {name}")).collect();
        // From where they came tells who they are, too; of whoever was not let in nothing else is known.
        diesel::sql_query(
            "update audit
                set origin = null,
                    detail = case when jsonb_typeof(detail) = 'object' then detail - 'address' else detail end
              where account = any($1) or account = 'nobody' and subject = any($2)",
        )
        .bind::<Array<Text>, _>(&self.names)
        .bind::<Array<Text>, _>(&subjects)
        .execute(conn)?;
        for (table, column) in WHO {
            diesel::sql_query(format!("update {table} set {column} = $1 where {column} = any($2)"))
                .bind::<Text, _>(ERASED)
                .bind::<Array<Text>, _>(&self.names)
                .execute(conn)?;
        }
        diesel::sql_query("update audit set subject = 'account ' || $1 where subject = any($2)")
            .bind::<Text, _>(ERASED)
            .bind::<Array<Text>, _>(subjects)
            .execute(conn)?;
        conn.batch_execute("set local muster.audit = ''")?;
        // In logs of runs: "started by ada", "resumed by ada; …".
        for name in &self.names {
            diesel::sql_query(
                "update run_log
                    set message = left(replace(message || ';', ' by ' || $2 || ';', ' by ' || $1 || ';'), -1)
                  where position(' by ' || $2 || ';' in message || ';') > 0",
            )
            .bind::<Text, _>(ERASED)
            .bind::<Text, _>(name)
            .execute(conn)?;
        }
        for table in ["persons", "persons_history"] {
            diesel::sql_query(format!(
                "update {table}
                    set blocks = (select jsonb_agg(case when block ->> 'account' = any($2)
                                                        then jsonb_set(block, '{{account}}', to_jsonb($1)) else block end
                                                   order by position)
                                    from jsonb_array_elements(blocks) with ordinality as one (block, position))
                  where blocks <> '[]' and exists (select from jsonb_array_elements(blocks) block
                                                    where block ->> 'account' = any($2))"
            ))
            .bind::<Text, _>(ERASED)
            .bind::<Array<Text>, _>(&self.names)
            .execute(conn)?;
        }
        Ok(())
    }
}
