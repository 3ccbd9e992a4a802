//! A notification: who hears of trouble, and how. One `[[notification]]` of the settings document.

use super::run::UnknownWord;
use super::settings::SecretReference;
use serde::{Deserialize, Serialize};

/// One `[[notification]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationDefinition {
    /// What the list of deliveries calls it; its kind, where it has none.
    #[serde(default)]
    pub name: Option<String>,
    /// How it is told.
    #[serde(flatten)]
    pub channel: Channel,
    /// What it tells of.
    pub on: Vec<Occasion>,
    /// Whether it also tells when what it told of is over.
    #[serde(default = "yes")]
    pub recovered: bool,
    /// Only of these connectors; empty: of all.
    #[serde(default)]
    pub connectors: Vec<String>,
}

/// How something is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Channel {
    /// A signed request (Standard Webhooks).
    Webhook {
        /// Where it goes; http or https.
        url: String,
        /// What it is signed with: `whsec_` and base64.
        secret: SecretReference,
        /// Whether it may go to link-local addresses, where clouds keep what is nobody's business.
        #[serde(default)]
        allow_link_local: bool,
    },
    /// Mail by SMTP.
    Mail {
        /// The server's name or address.
        server: String,
        /// Its port; by the kind of encryption where it is not given.
        #[serde(default)]
        port: Option<u16>,
        /// How the connection is encrypted.
        #[serde(default)]
        tls: MailTls,
        /// Who signs in, if anybody.
        #[serde(default)]
        user: Option<String>,
        /// With which password.
        #[serde(default)]
        password: Option<SecretReference>,
        /// The sender's address.
        from: String,
        /// The recipients' addresses.
        to: Vec<String>,
    },
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Begins in the clear and must be encrypted before anything is said. Port 587.
    #[default]
    Starttls,
    /// Encrypted from the first byte. Port 465.
    Tls,
    /// Not at all. Port 25.
    None,
}

impl MailTls {
    /// The port where none is given.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// What a notification tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// A guard stopped a run.
    Blocked,
    /// A run failed.
    Failed,
    /// A connector was not synchronized when it should have been.
    Late,
    /// What was told is over.
    Recovered,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Blocked, Self::Failed, Self::Late, Self::Recovered];

    /// The word in SQL, JSON and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Recovered => "recovered",
        }
    }
}

impl std::str::FromStr for Occasion {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let all = Self::ALL.map(Self::as_str);
        Self::ALL.into_iter().find(|known| known.as_str() == word).ok_or_else(|| UnknownWord::new(word, &all))
    }
}

fn yes() -> bool {
    true
}

impl NotificationDefinition {
    /// What the list of deliveries calls it.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.channel.kind())
    }

    /// Whether it tells of that trouble of that connector.
    pub fn tells_of(&self, occasion: Occasion, connector: &str) -> bool {
        self.on.contains(&occasion)
            && (self.connectors.is_empty() || self.connectors.iter().any(|one| one == connector))
    }
}

impl Channel {
    /// The word in documents.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Mail { .. } => "mail",
        }
    }

    /// Who gets it, without secrets: each mail address, or a webhook's host. What stands behind a host may be one: some
    /// services put it there.
    pub fn recipients(&self) -> Vec<String> {
        match self {
            Self::Webhook { url, .. } => {
                let end = url.find("://").map_or(0, |at| at + 3);
                let host = url[end..].find(['/', '?', '#']).map_or(url.len(), |at| end + at);
                vec![url[..host].to_owned()]
            }
            Self::Mail { to, .. } => to.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_known_by_its_host_alone() {
        let webhook = |url: &str| Channel::Webhook {
            url: url.to_owned(),
            secret: SecretReference::Env("SECRET".to_owned()),
            allow_link_local: false,
        };
        assert_eq!(webhook("https://chat.example.org/hooks/T0K3N").recipients(), ["https://chat.example.org"]);
        assert_eq!(webhook("https://chat.example.org?key=1").recipients(), ["https://chat.example.org"]);
        assert_eq!(webhook("http://10.0.0.1:8080").recipients(), ["http://10.0.0.1:8080"]);
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for occasion in Occasion::ALL {
            assert_eq!(occasion.as_str().parse::<Occasion>().unwrap(), occasion);
            assert_eq!(serde_json::to_value(occasion).unwrap(), occasion.as_str());
        }
        assert!("blokked".parse::<Occasion>().is_err());
    }
}
