//! PostgreSQL's errors in words: what it says, its SQLSTATE, where in the statement, and what to do.

use crate::connectors::ConnectionError;
use crate::connectors::sql::fault::{lost, near, sentence, words};
use crate::connectors::sql::settings::Database;
use crate::connectors::sql::tls;
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::ErrorPosition;

/// What an error means. `statement`: what was prepared.
pub fn explain(database: &Database, statement: &str, error: &Error) -> ConnectionError {
    let Some(told) = error.as_db_error() else { return without_code(database, error) };
    let code = told.code().code();
    let mut what = format!("{} (SQLSTATE {code})", words(told.message()));
    if let Some(ErrorPosition::Original(at)) = told.position()
        && let Some(near) = near(statement, *at as usize)
    {
        what = format!("{what}, {near}");
    }
    let (advice, transient) = advice(code, database);
    ConnectionError { place: database.place.clone(), message: sentence(&what, &advice), transient }
}

fn without_code(database: &Database, error: &Error) -> ConnectionError {
    if let Some(fault) = tls::fault(database, error) {
        return fault;
    }
    let mut told = error.to_string();
    if let Some(cause) = error.source() {
        told = format!("{told}: {cause}");
    }
    if told.contains("TLS") && told.contains("server does not support") {
        let message = "the server offers no TLS: set it up there, or write tls = \"none\" if nobody can listen";
        return ConnectionError::permanent(&database.place, message);
    }
    if told.starts_with("invalid configuration") || told.starts_with("authentication error") {
        // A password that is needed and not there; a way to sign in that is not known.
        return ConnectionError::permanent(&database.place, sentence(&words(&told), "check user and password"));
    }
    if told.starts_with("error connecting") {
        let message = format!("can't connect: {}; is the server running there?", words(&told));
        return ConnectionError::transient(&database.place, message);
    }
    lost(database, &told)
}

/// What to do about a SQLSTATE, and whether it may be over later.
fn advice(code: &str, database: &Database) -> (String, bool) {
    let seconds = database.statement_timeout.as_secs();
    let (advice, transient) = match code {
        "28000" | "28P01" => ("check user and password, and that the server lets this user in from here", false),
        "3D000" => ("check database", false),
        "42P01" | "3F000" => {
            ("check the name: it is taken exactly, and the database keeps names without quotes in lower case", false)
        }
        "42703" => ("check the name of the column", false),
        "42501" => ("this user may not read it: let the database's administrator grant SELECT", false),
        "25006" => ("a query must only read", false),
        "22021" | "22P05" => ("a value can't be converted to UTF-8: mend it there, or leave the column out", false),
        "53300" | "57P03" | "57P01" | "57P02" => ("try again later", true),
        "57014" => return (format!("raise statement_seconds = {seconds}, or make the query faster"), true),
        "40001" | "40P01" | "55P03" => ("something else was in the way; try again later", true),
        _ => match code.get(..2).unwrap_or_default() {
            "42" => ("check the query", false),
            "08" | "53" | "57" | "58" => ("the server's log says more", true),
            _ => ("", false),
        },
    };
    (advice.to_owned(), transient)
}
