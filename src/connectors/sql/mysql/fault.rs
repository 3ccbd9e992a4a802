//! The errors of MySQL and MariaDB in words: what they say, number and SQLSTATE, and what to do. Where in a statement
//! something is wrong stands in their own words.

use crate::connectors::ConnectionError;
use crate::connectors::sql::fault::{lost, sentence, words};
use crate::connectors::sql::settings::Database;
use crate::connectors::sql::tls;
use mysql_async::{DriverError, Error, IoError, ServerError};

/// What an error means.
pub fn explain(database: &Database, error: &Error) -> ConnectionError {
    if let Some(fault) = tls::fault(database, error) {
        return fault;
    }
    let refuse = |message: &str| ConnectionError::permanent(&database.place, message);
    match error {
        Error::Server(told) => answered(database, told),
        Error::Io(IoError::Io(error)) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound => {
                let message = format!("can't connect: {error}; is the server running there?");
                ConnectionError::transient(&database.place, message)
            }
            _ => lost(database, &error.to_string()),
        },
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            refuse("the server offers no TLS: set it up there, or write tls = \"none\" if nobody can listen")
        }
        Error::Driver(DriverError::ConnectionClosed) => lost(database, "the server closed it"),
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => refuse(&format!(
            "the server wants a way to sign in that is not known here ({}): give this user another",
            words(name)
        )),
        Error::Driver(DriverError::MysqlOldPasswordDisabled | DriverError::CleartextPluginDisabled) => refuse(
            "the server wants the password in a form that anybody can read: give this user another way to sign in",
        ),
        Error::Driver(DriverError::Params(_) | DriverError::MixedParams) => {
            refuse("the query has a placeholder such as :name, and there is nothing to put there")
        }
        // What a packet holds that was not expected may be of persons: it is not repeated.
        Error::Driver(DriverError::UnexpectedPacket { .. }) => lost(database, "what the server sent is not understood"),
        other => lost(database, &other.to_string()),
    }
}

fn answered(database: &Database, told: &ServerError) -> ConnectionError {
    let what = format!("{} (error {}, SQLSTATE {})", words(&told.message), told.code, words(&told.state));
    let seconds = database.statement_timeout.as_secs();
    let (advice, transient) = match told.code {
        1045 | 1698 => ("check user and password, and that the server lets this user in from here".to_owned(), false),
        1044 | 1049 => ("check database".to_owned(), false),
        1142 | 1143 | 1227 => {
            ("this user may not read it: let the database's administrator grant SELECT".to_owned(), false)
        }
        1146 => ("check the name of the table".to_owned(), false),
        1054 => ("check the name of the column".to_owned(), false),
        1064 => ("check the query".to_owned(), false),
        1792 => ("a query must only read".to_owned(), false),
        1969 | 3024 => (format!("raise statement_seconds = {seconds}, or make the query faster"), true),
        1040 | 1053 | 1203 | 1205 | 1213 | 1317 | 1927 | 4031 => ("try again later".to_owned(), true),
        _ => (String::new(), told.state.starts_with("08") || told.state.starts_with("40")),
    };
    ConnectionError { place: database.place.clone(), message: sentence(&what, &advice), transient }
}
