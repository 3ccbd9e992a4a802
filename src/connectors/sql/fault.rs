//! What a database says when something is wrong: bounded, with its place.

use super::settings::{Database, SourceTable};
use crate::connectors::ConnectionError;

/// A server's words in one line. They are somebody else's, and may be long.
pub fn words(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words: String = line.chars().filter(|c| !c.is_control()).take(MOST).collect();
    if line.chars().count() > MOST {
        words.push('…');
    }
    words.trim_end_matches('.').to_owned()
}

/// Where in a statement something is wrong: `line 2, character 15, near "of people"`. `at` counts characters from 1.
pub fn near(statement: &str, at: usize) -> Option<String> {
    let before: String = statement.chars().take(at.checked_sub(1)?).collect();
    let rest: String = statement.chars().skip(at - 1).take_while(|c| *c != '\n').take(30).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some(format!("line {line}, character {column}, near {rest:?}"))
}

/// A sentence, and what to do.
pub fn sentence(what: &str, advice: &str) -> String {
    if advice.is_empty() { what.to_owned() } else { format!("{what}: {advice}") }
}

/// What a statement took longer than.
pub fn took_too_long(database: &Database) -> ConnectionError {
    let seconds = database.statement_timeout.as_secs();
    ConnectionError::transient(
        &database.place,
        format!("reading takes longer than statement_seconds = {seconds}: raise it, or make the query faster"),
    )
}

/// No connection, or no sign-in, in time.
pub fn no_connection(database: &Database) -> ConnectionError {
    let seconds = database.timeout.as_secs();
    let message = format!("no connection within {seconds} s: is the address right, and the way there open?");
    ConnectionError::transient(&database.place, message)
}

/// The connection is no more.
pub fn lost(database: &Database, why: &str) -> ConnectionError {
    ConnectionError::transient(&database.place, format!("the connection broke: {}", words(why)))
}

/// The error with the table that it happened in, after so many rows.
pub fn in_table(error: ConnectionError, table: &SourceTable, rows: u64) -> ConnectionError {
    let ConnectionError { place, message, transient } = error;
    let message = format!(
        "table `{}`, {rows} {} read: {}. The table was not read to its end, so nothing of it is used",
        table.name,
        if rows == 1 { "row" } else { "rows" },
        message.trim_end_matches('.')
    );
    ConnectionError { place, message, transient }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_statement_has_line_and_character() {
        assert_eq!(near("select *\nof péople", 10).as_deref(), Some("line 2, character 1, near \"of péople\""));
        assert_eq!(near("select", 0), None);
        assert_eq!(near("select", 7).as_deref(), Some("line 1, character 7, near \"\""));
    }

    #[test]
    fn words_are_one_bounded_line() {
        assert_eq!(words(" no\nsuch\t\u{1b}table. "), "no such table");
        assert_eq!(words(&"é".repeat(400)).chars().count(), 301);
    }
}
