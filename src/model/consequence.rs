//! A consequence: what a change set would do to others than those it names (SPEC 4.3). Prepare counts them, and the
//! decision page shows them before anybody resumes.

use serde::{Deserialize, Serialize};

/// What happens to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsequenceName {
    /// Groups that had members, directly or via groups, and will have none.
    GroupsEmptied,
    /// People who stay and lose their last group.
    LastGroupLost,
    /// People who stay and lose their manager.
    ManagerLost,
    /// People who would be blocked or removed and have an account here.
    AccountsBlocked,
    /// Organizations that stay and lose their last person.
    OrganizationsEmptied,
}

/// A consequence with its count and some of those it would hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    /// Which.
    pub name: ConsequenceName,
    /// How many.
    pub count: u64,
    /// The sentence for the page.
    pub message: String,
    /// Some of them, at most twenty.
    pub examples: Vec<Example>,
}

/// One of those that a consequence would hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The key of the resource, or the user name.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// The person, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_id: Option<i64>,
    /// The group, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<i64>,
    /// The role of the account here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}
