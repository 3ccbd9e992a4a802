//! What a database is asked. Each statement stands in lines of its own, so that a comment at the end of somebody's query
//! hides nothing of ours. The database prepares it as one statement before it is run.

use super::session::Content;
use super::settings::{Source, SourceTable, System};

/// From where on rows are read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The watermark.
    pub text: String,
    /// Whether it is a number there.
    pub is_number: bool,
}

/// All rows of a table, as the document says.
pub fn source(system: System, table: &SourceTable) -> String {
    match &table.source {
        Source::Table(parts) => {
            let name = parts.iter().map(|part| quoted(system, part)).collect::<Vec<_>>().join(".");
            format!("SELECT * FROM {name}")
        }
        Source::Query(query) => query.clone(),
    }
}

/// The rows that are there: all, but those that count as deleted.
pub fn rows(system: System, table: &SourceTable) -> String {
    match &table.deleted_where {
        None => source(system, table),
        Some(condition) => {
            format!("SELECT * FROM (\n{}\n) AS muster_rows\nWHERE (\n{condition}\n) IS NOT TRUE", source(system, table))
        }
    }
}

/// A few of them.
pub fn sample(system: System, table: &SourceTable, count: u32) -> String {
    format!("SELECT * FROM (\n{}\n) AS muster_sample\nLIMIT {count}", rows(system, table))
}

/// The rows whose watermark is not below `from`, or empty, with their command as a last column.
pub fn changed(system: System, table: &SourceTable, column: &str, from: Option<&Bound>) -> String {
    let command = match &table.deleted_where {
        None => "'update'".to_owned(),
        Some(condition) => format!("CASE WHEN (\n{condition}\n) THEN 'delete' ELSE 'update' END"),
    };
    let mut statement = format!(
        "SELECT muster_rows.*, {command} AS muster_command FROM (\n{}\n) AS muster_rows",
        source(system, table)
    );
    if let Some(from) = from {
        let column = quoted(system, column);
        statement +=
            &format!("\nWHERE muster_rows.{column} >= {} OR muster_rows.{column} IS NULL", literal(system, from));
    }
    statement
}

/// One row: the largest watermark, whether it is a number, what the time is there (UTC), and whether the largest
/// watermark is not below `since`.
pub fn position(system: System, table: &SourceTable, column: &str, content: Content, since: Option<&Bound>) -> String {
    let largest = format!("max(muster_rows.{})", quoted(system, column));
    let is_number = match content {
        Content::Number => "1".to_owned(),
        Content::Unknown => format!("CASE WHEN typeof({largest}) IN ('integer', 'real') THEN 1 ELSE 0 END"),
        _ => "0".to_owned(),
    };
    let now = match system {
        System::Postgresql => "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')",
        System::Mysql => "utc_timestamp()",
        System::Sqlite => "strftime('%Y-%m-%dT%H:%M:%S', 'now')",
    };
    let has_grown = match since {
        Some(since) => format!("CASE WHEN {largest} >= {} THEN 1 ELSE 0 END", literal(system, since)),
        None => "1".to_owned(),
    };
    format!("SELECT {largest}, {is_number}, {now}, {has_grown} FROM (\n{}\n) AS muster_rows", source(system, table))
}

/// A name, exactly as it is.
fn quoted(system: System, name: &str) -> String {
    match system {
        System::Mysql => format!("`{}`", name.replace('`', "``")),
        System::Postgresql | System::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A watermark as a constant.
fn literal(system: System, bound: &Bound) -> String {
    let text = &bound.text;
    let is_plain = |allowed: &str| text.bytes().all(|byte| byte.is_ascii_digit() || allowed.as_bytes().contains(&byte));
    match system {
        // Of the column's own type, whatever that is.
        System::Postgresql => format!("'{}'", text.replace('\'', "''")),
        // In quotes it would be compared as a number of double precision.
        System::Mysql | System::Sqlite if bound.is_number && is_plain("+-.eE") && !text.is_empty() => text.clone(),
        System::Sqlite => format!("'{}'", text.replace('\'', "''")),
        // Moments of MySQL have no zone of their own: the session's is UTC.
        System::Mysql if is_plain("-:.TZ ") => format!("'{}'", text.trim_end_matches('Z')),
        // Whatever the session takes a backslash for.
        System::Mysql => {
            format!("_utf8mb4 x'{}'", text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_nothing_but_constants() {
        let of = |system, text: &str, is_number| literal(system, &Bound { text: text.to_owned(), is_number });
        assert_eq!(of(System::Postgresql, "a'; drop table x; --\\", false), "'a''; drop table x; --\\'");
        assert_eq!(of(System::Sqlite, "it's", false), "'it''s'");
        assert_eq!(of(System::Mysql, "it's\\", false), "_utf8mb4 x'697427735c'");
        assert_eq!(of(System::Mysql, "2026-11-20T02:00:00.5Z", false), "'2026-11-20T02:00:00.5'");
        assert_eq!(of(System::Mysql, "18446744073709551615", true), "18446744073709551615");
        assert_eq!(of(System::Mysql, "1 or 1=1", true), "_utf8mb4 x'31206f7220313d31'");
        assert_eq!(of(System::Sqlite, "1 or 1=1", true), "'1 or 1=1'");
    }

    #[test]
    fn names_are_nothing_but_names() {
        assert_eq!(quoted(System::Mysql, "a`b"), "`a``b`");
        assert_eq!(quoted(System::Postgresql, "a\"b"), "\"a\"\"b\"");
    }
}
