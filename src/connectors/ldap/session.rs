//! A signed-in connection to the first server that answers.

use super::entry::{self, Entry};
use super::outcome;
use super::settings::{Credentials, DirectorySettings, Server};
use super::transport::{self, Ending};
use crate::connectors::ConnectionError;
use crate::secret::Secret;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchOptions, StdStream};
use std::time::Duration;

/// A connection. Clones share it; with the last one it ends.
#[derive(Clone)]
pub struct Session {
    /// The server's address, for messages.
    pub server: String,
    /// `TLS 1.3`, if encrypted.
    pub encryption: Option<String>,
    ldap: Ldap,
    ending: Ending,
    timeout: Duration,
}

impl Session {
    /// The same, but this server is asked first, if the settings still name it.
    pub async fn open_first(settings: &DirectorySettings, first: Option<&str>) -> Result<Self, ConnectionError> {
        if let Some(server) = settings.servers.iter().find(|server| Some(server.name.as_str()) == first) {
            match Self::open_at(server, settings).await {
                Err(failure) if failure.transient && settings.servers.len() > 1 => {}
                answered => return answered,
            }
        }
        Self::open(settings).await
    }

    /// Connects and signs in to the first server that answers. A server that answers with a refusal is not passed over:
    /// the others would refuse as well, and a wrong password tried everywhere locks the account.
    pub async fn open(settings: &DirectorySettings) -> Result<Self, ConnectionError> {
        let mut failures: Vec<ConnectionError> = Vec::new();
        for server in &settings.servers {
            match Self::open_at(server, settings).await {
                Ok(session) => return Ok(session),
                Err(failure) if failure.transient => failures.push(failure),
                Err(refusal) => return Err(refusal),
            }
        }
        match <[ConnectionError; 1]>::try_from(failures) {
            Ok([only]) => Err(only),
            Err(all) => {
                let message = all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                Err(ConnectionError::transient(format!("none of {} servers", all.len()), message))
            }
        }
    }

    /// Connects and signs in to this server.
    pub async fn open_at(server: &Server, settings: &DirectorySettings) -> Result<Self, ConnectionError> {
        let link = transport::connect(server, settings).await?;
        let local = LdapConnSettings::new().set_std_stream(StdStream::Unix(link.stream));
        let (driver, ldap) = LdapConnAsync::with_settings(local, "ldapi:///")
            .await
            .map_err(|error| ConnectionError::transient(&server.name, error.to_string()))?;
        tokio::spawn(driver.drive());
        let session = Self {
            server: server.name.clone(),
            encryption: link.encryption,
            ldap,
            ending: link.ending,
            timeout: settings.timeout,
        };
        if let Some(credentials) = &settings.credentials {
            session.sign_in(credentials).await?;
        }
        if settings.external {
            session.sign_in_as_connected().await?;
        }
        Ok(session)
    }

    /// SASL EXTERNAL (RFC 4422 appendix A): the connection itself says who we are.
    async fn sign_in_as_connected(&self) -> Result<(), ConnectionError> {
        let mut ldap = self.handle();
        // In a task of its own, as below.
        let answer = tokio::spawn(async move { ldap.sasl_external_bind().await }).await;
        let result = match answer {
            Ok(result) => result.map_err(|error| self.lost(&error))?,
            Err(_) => return Err(ConnectionError::permanent(&self.server, "the answer to the sign-in is not LDAP")),
        };
        if result.rc == outcome::SUCCESS {
            return Ok(());
        }
        let outcome = outcome::explain(&result);
        Err(ConnectionError {
            place: self.server.clone(),
            message: format!("signing in as whom the connection says (SASL EXTERNAL) failed: {}", outcome.words),
            transient: outcome.transient,
        })
    }

    async fn sign_in(&self, credentials: &Credentials) -> Result<(), ConnectionError> {
        let mut ldap = self.handle();
        let (dn, password) = (credentials.dn.clone(), credentials.password.clone());
        // In a task of its own: ldap3 panics if the answer is no bind response, and that must not end ours.
        let answer = tokio::spawn(async move { ldap.simple_bind(&dn, password.expose()).await }).await;
        let result = match answer {
            Ok(result) => result.map_err(|error| self.lost(&error))?,
            Err(_) => return Err(ConnectionError::permanent(&self.server, "the answer to the sign-in is not LDAP")),
        };
        if result.rc == outcome::SUCCESS {
            return Ok(());
        }
        let mut result = result;
        if result.text.contains(credentials.password.expose()) {
            result.text.clear();
        }
        let outcome = outcome::explain(&result);
        Err(ConnectionError {
            place: self.server.clone(),
            message: format!("signing in as {} failed: {}. {}", credentials.dn, outcome.words, outcome.advice),
            transient: outcome.transient,
        })
    }

    /// Whether the server takes a name with a password (RFC 4513 5.1.3). The session is that name's afterwards, or nobody's.
    /// Neither may be empty.
    pub async fn takes(&self, dn: &str, password: &str) -> Result<bool, ConnectionError> {
        if dn.is_empty() || password.is_empty() {
            return Ok(false);
        }
        let mut ldap = self.handle();
        let (dn, secret) = (dn.to_owned(), Secret::new(password.to_owned()));
        // In a task of its own, as above.
        let answer = tokio::spawn(async move { ldap.simple_bind(&dn, secret.expose()).await }).await;
        let result = match answer {
            Ok(result) => result.map_err(|error| self.lost(&error))?,
            Err(_) => return Err(ConnectionError::permanent(&self.server, "the answer to a sign-in is not LDAP")),
        };
        match result.rc {
            outcome::SUCCESS => Ok(true),
            code if outcome::REFUSES_A_PERSON.contains(&code) => Ok(false),
            _ => {
                let outcome = outcome::explain(&ldap3::LdapResult { text: String::new(), ..result });
                let message = format!("somebody's sign-in failed: {}. {}", outcome.words, outcome.advice);
                Err(ConnectionError { place: self.server.clone(), message, transient: outcome.transient })
            }
        }
    }

    /// The entry of that name with these attributes; `None` if there is none, or this account may not see it.
    pub async fn read(&self, dn: &str, attributes: &[&str]) -> Result<Option<Entry>, ConnectionError> {
        let mut found = None;
        let mut search = self
            .handle()
            .streaming_search(dn, Scope::Base, "(objectClass=*)", attributes)
            .await
            .map_err(|error| self.lost(&error))?;
        while let Some(item) = search.next().await.map_err(|error| self.lost(&error))? {
            if !item.is_ref() && !item.is_intermediate() {
                let entry = entry::parse(item.0)
                    .map_err(|fault| ConnectionError::permanent(&self.server, fault.to_string()))?;
                found = Some(entry);
            }
        }
        let result = search.finish().await;
        if result.rc == outcome::SUCCESS || result.rc == outcome::NO_SUCH_OBJECT {
            return Ok(found);
        }
        let outcome = outcome::explain(&result);
        Err(ConnectionError {
            place: self.server.clone(),
            message: format!("reading `{dn}`: {}. {}", outcome.words, outcome.advice),
            transient: outcome.transient,
        })
    }

    /// Whether a search finds anything.
    pub async fn finds(&self, base: &str, scope: Scope, filter: &str) -> Result<bool, ConnectionError> {
        self.first(base, scope, filter, vec!["1.1".to_owned()]).await.map(|found| found.is_some())
    }

    /// One entry of a search. Not the first page of one in pages: a server counts pages per connection, and one that is
    /// left open would get in the way of the next.
    pub async fn first(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: Vec<String>,
    ) -> Result<Option<Entry>, ConnectionError> {
        let mut search = self
            .handle()
            .with_search_options(SearchOptions::new().sizelimit(1))
            .streaming_search(base, scope, filter, attributes)
            .await
            .map_err(|error| self.lost(&error))?;
        let mut found = None;
        while let Some(item) = search.next().await.map_err(|error| self.lost(&error))? {
            if !item.is_ref() && !item.is_intermediate() {
                let entry = entry::parse(item.0)
                    .map_err(|fault| ConnectionError::permanent(&self.server, fault.to_string()))?;
                found = Some(entry);
            }
        }
        let result = search.finish().await;
        // A limit that is reached means that there is more, which was known.
        if result.rc == outcome::SUCCESS || result.rc == outcome::SIZE_LIMIT_EXCEEDED && found.is_some() {
            return Ok(found);
        }
        let outcome = outcome::explain(&result);
        let message = format!("searching `{base}` for `{filter}`: {}. {}", outcome.words, outcome.advice);
        Err(ConnectionError { place: self.server.clone(), message, transient: outcome.transient })
    }

    /// A handle for one operation that waits no longer than the settings say.
    pub fn handle(&self) -> Ldap {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout);
        ldap
    }

    /// Why an operation has no answer. The connection is of no more use then.
    pub fn lost(&self, error: &LdapError) -> ConnectionError {
        if let LdapError::Timeout { .. } = error {
            let message = format!("no answer within {} s (`timeout_seconds`)", self.timeout.as_secs());
            return ConnectionError::transient(&self.server, message);
        }
        if let Some(ending) = self.ending.get() {
            return ending.clone();
        }
        match error {
            LdapError::EndOfStream | LdapError::ResultRecv { .. } | LdapError::OpSend { .. } => {
                ConnectionError::transient(&self.server, "an answer was no LDAP, or the connection ended")
            }
            other => ConnectionError::permanent(&self.server, other.to_string()),
        }
    }

    /// Says goodbye. What the server makes of it is of no interest.
    pub async fn close(self) {
        let _ = self.handle().unbind().await;
    }
}
