//! `[sign_in]` of the settings document: who must have a second factor, and which directory and provider are trusted to
//! say who somebody is.

use super::account::Role;
use super::settings::SecretReference;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[sign_in]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignInSettings {
    /// The roles that need a second factor.
    pub second_factor: Vec<Role>,
    /// A directory that checks passwords.
    pub directory: Option<DirectorySignIn>,
    /// An OpenID provider.
    pub provider: Option<ProviderSignIn>,
}

impl SignInSettings {
    /// Whether nobody of that role gets in without a second factor.
    pub fn needs_second_factor(&self, role: Role) -> bool {
        self.second_factor.contains(&role)
    }
}

/// `[sign_in.directory]`: passwords are checked by a connector's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySignIn {
    /// The connector.
    pub connector: String,
    /// Its connection to the directory; may be left out where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The entity type whose entries sign in; may be left out where one represents users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<String>,
    /// How an entry is found by the name that somebody types: `(uid={name})`.
    pub filter: String,
    /// The attribute of an entry that names its groups.
    pub group_attribute: String,
    /// Where groups are searched that name the entry as a member, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_base: Option<String>,
    /// Which groups are the entry's: `(member={dn})`.
    pub group_filter: String,
    /// Which groups give which role: their distinguished names.
    pub roles: RoleGroups,
}

/// `[sign_in.provider]`: an OpenID provider says who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSignIn {
    /// What the button calls it.
    pub name: String,
    /// Its address, exactly as it writes it itself.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// What we prove that with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretReference>,
    /// What is asked for, beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that an account is called by.
    pub name_claim: String,
    /// The claim that holds the groups.
    pub groups_claim: String,
    /// The claim that tells which user somebody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_claim: Option<String>,
    /// The profile field that it is held against: `user_name`, `employee_id` or `mail`.
    pub person_field: String,
    /// Hosts that the provider's endpoints may be on, beside the issuer's.
    pub hosts: Vec<String>,
    /// The only CA certificates to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether the provider asks for a second factor itself, so that ours is not asked for.
    pub has_second_factor: bool,
    /// Which groups give which role.
    pub roles: RoleGroups,
}

/// Which groups give which role. Whoever is in none of them is a person, if there is a user whose account it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleGroups {
    /// These groups' members are administrators.
    pub administrator: Vec<String>,
    /// These are operators.
    pub operator: Vec<String>,
    /// These are viewers.
    pub viewer: Vec<String>,
    /// Only members of these sign in as persons; empty: every user does.
    pub person: Vec<String>,
}

impl RoleGroups {
    /// All groups that are of interest.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        [&self.administrator, &self.operator, &self.viewer, &self.person].into_iter().flatten()
    }

    /// The role of somebody who is in the groups of which `is_in` says so; `None`: they have no business here.
    pub fn role(&self, is_in: impl Fn(&str) -> bool, is_user: bool) -> Option<Role> {
        let any = |groups: &[String]| groups.iter().any(|group| is_in(group));
        if any(&self.administrator) {
            Some(Role::Administrator)
        } else if any(&self.operator) {
            Some(Role::Operator)
        } else if any(&self.viewer) {
            Some(Role::Viewer)
        } else if is_user && (self.person.is_empty() || any(&self.person)) {
            Some(Role::Person)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_role_of_the_groups_counts_and_nobody_gets_in_without_any() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut roles = RoleGroups { administrator: list(&["a"]), viewer: list(&["v", "w"]), ..RoleGroups::default() };
        let of = |roles: &RoleGroups, own: &[&str], is_user| roles.role(|group| own.contains(&group), is_user);
        assert_eq!(of(&roles, &["v", "a"], false), Some(Role::Administrator));
        assert_eq!(of(&roles, &["w"], false), Some(Role::Viewer));
        assert_eq!(of(&roles, &["x"], true), Some(Role::Person));
        assert_eq!(of(&roles, &["x"], false), None);
        roles.person = list(&["p"]);
        assert_eq!(of(&roles, &["x"], true), None);
        assert_eq!(of(&roles, &["p"], true), Some(Role::Person));
        assert_eq!(of(&roles, &["p"], false), None);
    }
}
