//! The database, opened for one command.

use super::Refusal;
use crate::config::Config;
use crate::db::private::PrivateServer;
use crate::db::{self, Db, DbConnection};
use crate::model::connector::{self, Connector};
use nix::unistd::{Uid, User};

/// Connections that a command uses side by side at most.
const CONNECTIONS: u32 = 4;

/// The database, its tables up to date. Ends with the command; the private PostgreSQL is stopped then if nobody else
/// uses it.
pub struct Session {
    /// For short statements.
    pub db: Db,
    /// For connections of one's own.
    pub url: String,
    // After the pool, so that its connections are closed before the server is let go.
    _server: Option<PrivateServer>,
}

impl Session {
    /// Opens `DATABASE_URL`, or starts or joins the private PostgreSQL of the data directory.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let server = match config.database_url {
            Some(_) => None,
            None => Some(PrivateServer::start(&config.data_dir)?),
        };
        let url = match (&config.database_url, &server) {
            (Some(url), _) => url.clone(),
            (None, Some(server)) => server.url().to_owned(),
            (None, None) => return Err(Refusal::failed("there is no database; set DATABASE_URL").into()),
        };
        db::migrate(&url)?;
        Ok(Self { db: db::pool(&url, CONNECTIONS)?, url, _server: server })
    }

    /// A connection for short work.
    pub fn connection(&self) -> anyhow::Result<DbConnection> {
        Ok(self.db.get().map_err(db::DbError::from)?)
    }

    /// The connector of that name, or exit code 4.
    pub fn connector(&self, name: &str) -> anyhow::Result<Connector> {
        let found = connector::by_name(&mut *self.connection()?, name)?;
        Ok(found.ok_or_else(|| {
            Refusal::not_found(format!(
                "there is no connector {name:?}; `muster export` lists all, `muster apply` makes one"
            ))
        })?)
    }
}

/// What logs call whoever sits at the command line: `root (command line)`.
pub fn who() -> String {
    let uid = Uid::current();
    let name = User::from_uid(uid).ok().flatten().map_or_else(|| format!("user {uid}"), |user| user.name);
    format!("{name} (command line)")
}
