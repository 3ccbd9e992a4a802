//! Sentences and notes that may name a person although they are not about one: what names it is replaced.

use super::ERASED;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text};
use serde_json::Value;

/// A column of free text, and how its rows belong to connectors.
struct Column {
    table: &'static str,
    name: &'static str,
    is_json: bool,
    /// Which rows can be meant at all; `$2` is the list of connectors.
    among: &'static str,
}

const fn column(table: &'static str, name: &'static str, is_json: bool, among: &'static str) -> Column {
    Column { table, name, is_json, among }
}

const ALL: &str = "cardinality($2) >= 0";
const OF_CONNECTOR: &str = "connector_id = any($2)";
const OF_RUN: &str = "run_id in (select id from runs where connector_id = any($2))";

/// All of them. What tables hold of a person by design is erased by [`super::erasing`].
const COLUMNS: &[Column] = &[
    column("runs", "causes", true, OF_CONNECTOR),
    column("runs", "breaches", true, OF_CONNECTOR),
    column("runs", "consequences", true, OF_CONNECTOR),
    column("runs", "failure", true, OF_CONNECTOR),
    column("runs", "became_complete", false, OF_CONNECTOR),
    column("run_log", "message", false, OF_RUN),
    column("run_proofs", "proof", true, OF_RUN),
    column("problems", "message", false, OF_RUN),
    column("problems", "value", false, OF_RUN),
    column("decisions", "comment", false, OF_RUN),
    column("decisions", "detail", true, OF_RUN),
    column("holds", "reason", false, ALL),
    column("doubts", "message", false, ALL),
    column("correlation_decisions", "comment", false, ALL),
    column("merges", "comment", false, ALL),
    column("overrides", "reason", false, ALL),
    column("rule_failures", "message", false, ALL),
    column("announcements", "facts", true, OF_CONNECTOR),
    column("deliveries", "message", true, ALL),
    column("deliveries", "error", false, ALL),
    column("anonymizations", "reason", false, ALL),
    column("job_slots", "outcome", true, ALL),
    column("sessions", "flash", true, ALL),
    column("audit", "detail", true, ALL),
    column("audit", "subject", false, ALL),
];

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Text)]
    content: String,
}

/// Replaces these texts, the longest first, wherever they stand as words of their own.
pub(super) fn redact(conn: &mut PgConnection, texts: &[String], connectors: &[i32]) -> QueryResult<()> {
    if texts.is_empty() {
        return Ok(());
    }
    conn.batch_execute("set local muster.audit = 'erase'")?;
    for Column { table, name, is_json, among } in COLUMNS {
        // Few rows hold one of them; which, the database finds out.
        let found: Vec<Found> = diesel::sql_query(format!(
            "select ctid::text as place, {name}::text as content from {table}
              where {name} is not null and {among}
                and exists (select from unnest($1) text where position(lower(text) in lower({name}::text)) > 0)
                for update"
        ))
        .bind::<Array<Text>, _>(texts)
        .bind::<Array<Integer>, _>(connectors)
        .load(conn)?;
        let cast = if *is_json { "::jsonb" } else { "" };
        for Found { place, content } in found {
            let redacted = match is_json {
                false => without(&content, texts),
                true => serde_json::from_str(&content)
                    .map_or_else(|_| "{}".to_owned(), |value| without_value(value, texts).to_string()),
            };
            if redacted != content {
                diesel::sql_query(format!("update {table} set {name} = $1{cast} where ctid = $2::tid"))
                    .bind::<Text, _>(redacted)
                    .bind::<Text, _>(place)
                    .execute(conn)?;
            }
        }
    }
    conn.batch_execute("set local muster.audit = ''")
}

fn without_value(value: Value, texts: &[String]) -> Value {
    match value {
        Value::String(text) => Value::String(without(&text, texts)),
        Value::Array(values) => values.into_iter().map(|value| without_value(value, texts)).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(name, value)| (without(&name, texts), without_value(value, texts))).collect(),
        ),
        other => other,
    }
}

/// A text in which none of `texts` stands as words of its own, whatever the case.
fn without(text: &str, texts: &[String]) -> String {
    let mut text = text.to_owned();
    for name in texts {
        let mut rest = text.as_str();
        let mut clean = String::with_capacity(text.len());
        while let Some((start, end)) = find(rest, name) {
            let is_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let before = rest[..start].chars().next_back().or(clean.chars().next_back());
            match is_inside(before) || is_inside(rest[end..].chars().next()) {
                true => clean.push_str(&rest[..end]),
                false => {
                    clean.push_str(&rest[..start]);
                    clean.push_str(ERASED);
                }
            }
            rest = &rest[end..];
        }
        clean.push_str(rest);
        text = clean;
    }
    text
}

/// Where a name stands first, whatever its case: from byte to byte.
fn find(text: &str, name: &str) -> Option<(usize, usize)> {
    let wanted: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    text.char_indices().find_map(|(start, _)| {
        let mut wanted = wanted.iter();
        let mut end = start;
        for c in text[start..].chars() {
            if wanted.as_slice().is_empty() {
                break;
            }
            for lower in c.to_lowercase() {
                if wanted.next() != Some(&lower) {
                    return None;
                }
            }
            end += c.len_utf8();
        }
        wanted.as_slice().is_empty().then_some((start, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_where_they_are_words_of_their_own() {
        let texts = ["Ada Lovelace", "ada@example.org", "1001"].map(str::to_owned);
        assert_eq!(without("created user ADA LOVELACE (key=1001)", &texts), "created user (erased) (key=(erased))");
        assert_eq!(without("11001 rows, 1001st, x1001, 1001", &texts), "11001 rows, 1001st, x1001, (erased)");
        assert_eq!(without("to <Ada@Example.org>; ada@example.org", &texts), "to <(erased)>; (erased)");
        assert_eq!(without("nobody", &texts), "nobody");
        assert_eq!(without("Žofie of Ærø", &["ÆRØ".to_owned()]), "Žofie of (erased)");
    }

    #[test]
    fn numbers_of_json_stay() {
        let value = serde_json::json!({"rows": 1001, "keys": ["1001", "1002"], "note": {"of Ada Lovelace": null}});
        let texts = ["Ada Lovelace", "1001"].map(str::to_owned);
        let clean = serde_json::json!({"rows": 1001, "keys": ["(erased)", "1002"], "note": {"of (erased)": null}});
        assert_eq!(without_value(value, &texts), clean);
    }
}
