//! What accounts have set on a profile: overrides, local values, and what hidden fields keep from whom.

use crate::model::as_of::AsOf;
use crate::model::person::{self, LocalEdit, OverrideRecord};
use crate::model::profile_field::{self, ProfileField};
use crate::web::elements::When;
use crate::web::links;
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use serde_json::Value;

/// Who set what of one person.
pub(in crate::web::pages) struct ByAccount {
    person: i64,
    overrides: Vec<OverrideRecord>,
    edits: Vec<LocalEdit>,
    may_administer: bool,
    now: DateTime<Utc>,
}

/// An override beside its value.
pub(in crate::web::pages) struct OverrideLine {
    /// Who made it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub since: When,
    /// When it ends by itself.
    pub until: Option<When>,
    /// Where it is changed or ended, for those who may.
    pub href: Option<String>,
}

impl ByAccount {
    /// What stood at that moment.
    pub(in crate::web::pages) fn load(
        conn: &mut PgConnection,
        at: &AsOf,
        person: i64,
        may_administer: bool,
        now: DateTime<Utc>,
    ) -> QueryResult<Self> {
        Ok(Self {
            person,
            overrides: person::overrides(conn, at, person)?,
            edits: person::local_edits(conn, person)?,
            may_administer,
            now,
        })
    }

    /// The override of a field.
    pub(super) fn overridden(&self, field: &str) -> Option<OverrideLine> {
        let one = self.overrides.iter().find(|one| one.field == field)?;
        Some(OverrideLine {
            by: one.made_by.clone(),
            reason: one.reason.clone(),
            since: When::new(one.made_at, self.now),
            until: one.due_at.map(|due_at| When::new(due_at, self.now)),
            href: self.may_administer.then(|| links::user_override(self.person, field)),
        })
    }

    /// Who set the local value of a field, and when.
    pub(super) fn edited(&self, field: &str) -> Option<(String, When)> {
        let one = self.edits.iter().find(|one| one.field == field)?;
        Some((one.edited_by.clone(), When::new(one.edited_at, self.now)))
    }
}

/// Takes hidden fields out of what is shown to others than administrators.
pub(in crate::web::pages) fn conceal<'v>(
    declared: &[ProfileField],
    may_administer: bool,
    shown: impl IntoIterator<Item = &'v mut Value>,
) {
    if !may_administer {
        profile_field::conceal(declared, shown);
    }
}
