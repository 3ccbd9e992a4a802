//! `[sign_in]`: who must have a second factor, and which directory and provider say who somebody is.

use super::connection::secret;
use super::paths::Folder;
use super::section::{Section, one_of};
use crate::connectors::ldap;
use crate::model::account::Role;
use crate::model::sign_in_settings::{DirectorySignIn, ProviderSignIn, RoleGroups, SignInSettings};
use url::{Host, Url};

/// The profile fields that a claim may be held against: those that are looked up by an index.
const PERSON_FIELDS: [(&str, &str); 3] = [("user_name", "user_name"), ("employee_id", "employee_id"), ("mail", "mail")];

/// The table; what is built in where there is none.
pub(super) fn read(root: &Section<'_, '_>, folder: Folder<'_>) -> SignInSettings {
    let Some(section) = root.section("sign_in", "[sign_in]") else { return SignInSettings::default() };
    let settings = SignInSettings {
        second_factor: roles(&section, "second_factor"),
        directory: section.section("directory", "[sign_in.directory]").map(|section| directory(&section)),
        provider: section.section("provider", "[sign_in.provider]").map(|section| provider(&section, folder)),
    };
    section.close();
    settings
}

fn roles(section: &Section<'_, '_>, key: &'static str) -> Vec<Role> {
    let words = section.texts(key);
    let role = |(position, word): (usize, &String)| {
        let role = word.parse().ok();
        if role.is_none() {
            let known = one_of(Role::ALL.iter().map(|role| role.as_str()));
            section.error_at_element(key, position, format!("{word:?} is no role; write {known}"));
        }
        role
    };
    words.iter().enumerate().filter_map(role).collect()
}

fn directory(section: &Section<'_, '_>) -> DirectorySignIn {
    let filter = filter(section, "filter", "{name}").unwrap_or_default();
    if filter.is_empty() && !section.has("filter") {
        section.error("[sign_in.directory] needs filter = \"(uid={name})\"");
    }
    let group_base = section.text("group_base");
    let group_filter = self::filter(section, "group_filter", "{dn}");
    if group_filter.is_some() && group_base.is_none() {
        section.error_at("group_filter", "group_filter needs group_base: where are groups to be searched?");
    }
    let group_attribute = section.text("group_attribute");
    if group_attribute.is_some() && group_base.is_some() {
        section
            .error_at("group_attribute", "groups stand in the entry (group_attribute), or are searched (group_base)");
    }
    let directory = DirectorySignIn {
        connector: section.required_text("connector"),
        connection: section.text("connection"),
        entity_type: section.text("entity_type"),
        filter,
        group_attribute: group_attribute.unwrap_or_else(|| "memberOf".to_owned()),
        group_base,
        group_filter: group_filter.unwrap_or_else(|| "(member={dn})".to_owned()),
        roles: role_groups(section, "[sign_in.directory.roles]"),
    };
    section.close();
    directory
}

/// A filter in which a name takes the place of `place`.
fn filter(section: &Section<'_, '_>, key: &'static str, place: &str) -> Option<String> {
    let filter = section.text(key)?;
    if !filter.contains(place) {
        section.error_at(key, format!("{filter:?} has no {place}, so it would find everybody; write {place} into it"));
    } else if !ldap::is_filter(&filter.replace(place, "x")) {
        section.error_at(key, format!("{filter:?} is no LDAP filter (RFC 4515); write one such as (uid={place})"));
    }
    Some(filter)
}

fn role_groups(section: &Section<'_, '_>, title: &'static str) -> RoleGroups {
    let Some(roles) = section.section("roles", title) else { return RoleGroups::default() };
    let groups = RoleGroups {
        administrator: roles.texts("administrator"),
        operator: roles.texts("operator"),
        viewer: roles.texts("viewer"),
        person: roles.texts("person"),
    };
    roles.close();
    groups
}

fn provider(section: &Section<'_, '_>, folder: Folder<'_>) -> ProviderSignIn {
    let text = |key, default: &str| section.text(key).unwrap_or_else(|| default.to_owned());
    let issuer = section.required_text("issuer");
    check_issuer(section, &issuer);
    let person_claim = section.text("person_claim");
    if person_claim.is_none() && section.has("person_field") {
        section.error_at("person_field", "person_field needs person_claim: which claim is held against it?");
    }
    let scopes = if section.has("scopes") { section.texts("scopes") } else { vec!["profile".into(), "email".into()] };
    let provider = ProviderSignIn {
        name: text("name", "OpenID Connect"),
        issuer,
        client_id: section.required_text("client_id"),
        client_secret: secret(section, "client_secret", folder),
        scopes,
        name_claim: text("name_claim", "preferred_username"),
        groups_claim: text("groups_claim", "groups"),
        person_claim,
        person_field: section.word("person_field", &PERSON_FIELDS).unwrap_or("user_name").to_owned(),
        hosts: section.texts("hosts"),
        ca_file: section.text("ca_file").map(|path| folder.absolute(section, "ca_file", &path).into()),
        has_second_factor: section.flag("has_second_factor", false),
        roles: role_groups(section, "[sign_in.provider.roles]"),
    };
    if let Some(position) = provider.scopes.iter().position(|scope| scope.contains(char::is_whitespace)) {
        section.error_at_element("scopes", position, "a scope is one word; write each by itself");
    }
    section.close();
    provider
}

/// What is said there decides who is an administrator here: it is not read from a line that others can write to.
fn check_issuer(section: &Section<'_, '_>, issuer: &str) {
    let is_here = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let flaw = match Url::parse(issuer) {
        _ if issuer.is_empty() => return,
        Err(_) => "is no address",
        Ok(url) if url.scheme() != "https" && !(url.scheme() == "http" && is_here(&url)) => {
            "does not begin with https://"
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => "has a query or a fragment",
        Ok(url) if !url.username().is_empty() || url.password().is_some() => "holds a user or a password",
        Ok(_) => return,
    };
    section.error_at(
        "issuer",
        format!("the issuer {flaw}; write it as the provider's own /.well-known/openid-configuration has it"),
    );
}
