//! Addresses of the private server, and the database in it.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use diesel::{Connection, PgConnection, RunQueryDsl};

use super::PrivateServerError;
use super::postmaster::Postmaster;

/// The address of a database, as libpq reads it: the folder of the socket goes into `host`.
pub(super) fn url(postmaster: &Postmaster, database: &str) -> String {
    let host = percent_encoded(&postmaster.socket_folder);
    let port = postmaster.port;
    format!("postgres://postgres@localhost:{port}/{database}?host={host}")
}

/// Connects to the database, and creates it when the server does not have it.
pub(super) fn ensure_database(postmaster: &Postmaster, database: &'static str) -> Result<(), PrivateServerError> {
    let missing = format!("database \"{database}\" does not exist");
    match connect(postmaster, database) {
        Ok(_) => return Ok(()),
        Err(PrivateServerError::Refused { source, .. }) if source.to_string().contains(&missing) => {}
        Err(refused) => return Err(refused),
    }
    let mut admin = connect(postmaster, "postgres")?;
    let created = diesel::sql_query(format!("create database {database}")).execute(&mut admin);
    match created {
        Ok(_) => Ok(()),
        Err(source) => Err(PrivateServerError::CreateDatabase { database, source }),
    }
}

fn connect(postmaster: &Postmaster, database: &str) -> Result<PgConnection, PrivateServerError> {
    let url = url(postmaster, database);
    // A server that hangs accepts the connection and never answers.
    let connected = PgConnection::establish(&format!("{url}&connect_timeout=10"));
    connected.map_err(|source| PrivateServerError::Refused { pid: postmaster.pid, url, source })
}

/// RFC 3986, section 2.1: everything but the unreserved characters as `%XX`.
fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_byte_by_byte() {
        let path = Path::new("/srv/my data/100%ü");
        assert_eq!(percent_encoded(path), "%2Fsrv%2Fmy%20data%2F100%25%C3%BC");
    }
}
