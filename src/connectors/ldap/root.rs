//! What a server says about itself: its root entry (RFC 4512 5.1).

use super::dn;
use super::session::Session;
use crate::connectors::ConnectionError;

/// `supportedControl` of paged results (RFC 2696).
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

/// The root entry of a server.
#[derive(Default)]
pub struct RootDse {
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl RootDse {
    /// Reads it; empty where this account may not.
    pub async fn read(session: &Session) -> Result<Self, ConnectionError> {
        // By name: operational attributes come for nobody who does not ask.
        const ASKED: [&str; 10] = [
            "vendorName",
            "vendorVersion",
            "objectClass",
            "supportedControl",
            "supportedCapabilities",
            "namingContexts",
            "dsServiceName",
            "dnsHostName",
            "highestCommittedUSN",
            "schemaNamingContext",
        ];
        let attributes = session.read("", &ASKED).await?.map(|entry| entry.attributes).unwrap_or_default();
        Ok(Self { attributes })
    }

    /// The values of an attribute that are text.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let found = self.attributes.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name));
        found
            .flat_map(|(_, values)| values)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Whether it says which controls it takes.
    pub fn lists_controls(&self) -> bool {
        self.values("supportedControl").next().is_some()
    }

    /// Whether it takes a control.
    pub fn offers(&self, control: &str) -> bool {
        self.values("supportedControl").any(|oid| oid == control)
    }

    /// Whether it is Active Directory, or something that behaves like it.
    pub fn is_active_directory(&self) -> bool {
        self.values("supportedCapabilities").any(|oid| oid == ACTIVE_DIRECTORY)
    }

    /// Whether it is OpenLDAP.
    pub fn is_openldap(&self) -> bool {
        self.values("objectClass").any(|class| class.eq_ignore_ascii_case("OpenLDAProotDSE"))
    }

    /// The attribute that stays the same for an entry all its life: 16 bytes that no other entry ever has.
    pub fn identity(&self) -> &'static str {
        if self.is_active_directory() { "objectGUID" } else { "entryUUID" }
    }

    /// The longest naming context that holds an entry of this name.
    pub fn context_of(&self, name: &str) -> Option<String> {
        let name = dn::one_form(name)?.to_lowercase();
        let holds = |context: &&str| {
            let Some(context) = dn::one_form(context).map(|context| context.to_lowercase()) else { return false };
            !context.is_empty()
                && name.strip_suffix(&context).is_some_and(|rest| rest.is_empty() || rest.ends_with(','))
        };
        self.values("namingContexts").filter(holds).max_by_key(|context| context.len()).map(str::to_owned)
    }

    /// The product's name and version, as far as it says.
    pub fn product(&self) -> String {
        let (name, version) = (self.values("vendorName").next(), self.values("vendorVersion").next());
        let named = match (name, version) {
            (Some(name), Some(version)) if version.contains(name) => Some(version.to_owned()),
            (Some(name), version) => Some([Some(name), version].into_iter().flatten().collect::<Vec<_>>().join(" ")),
            (None, _) => None,
        };
        match (self.is_active_directory(), named) {
            (true, Some(named)) => format!("Active Directory ({named})"),
            (true, None) => "Active Directory".to_owned(),
            (false, Some(named)) => named,
            (false, None) if self.is_openldap() => "OpenLDAP".to_owned(),
            (false, None) => "an LDAP server that does not name itself".to_owned(),
        }
    }
}
