//! Profiles as rules read them: `profile.department`. Every field is a text, as in mappings every column is; what has no
//! value is empty text, several values are taken apart by `split(profile.skills)`. Only fields that rules name are read.

use crate::model::profile_field::{FieldType, ProfileField, entry};
use crate::values::expression::{Columns, Evaluated, Expression, Header, Row};
use crate::values::format::VALUE_SEPARATOR;
use crate::values::text::closest;
use csv::StringRecord;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a rule says nothing of a person, or of anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(String);

/// Compiles a rule and checks that the fields which it names exist.
pub fn compile(rule: &str, declared: &[ProfileField]) -> Result<Expression, RuleError> {
    let expression = Expression::compile_for_profile(rule).map_err(|error| RuleError(error.to_string()))?;
    match expression.columns() {
        Columns::All => Err(RuleError("the name of a field can't be computed; write it, as in profile.mail".into())),
        Columns::Named(names) => {
            let known = || declared.iter().map(|field| field.name.as_str());
            match names.iter().find(|name| !known().any(|field| field == name.as_str())) {
                None => Ok(expression),
                Some(unknown) => {
                    let near = closest(unknown, known()).join(" or ");
                    let hint =
                        if near.is_empty() { "see Profile fields".into() } else { format!("did you mean {near}?") };
                    Err(RuleError(format!("there is no profile field {unknown:?}; {hint}")))
                }
            }
        }
    }
}

/// Which fields are read.
#[derive(Clone)]
pub(super) struct Reading {
    fields: Vec<String>,
    header: Arc<Header>,
}

/// What rules see of a person.
pub(super) struct Profile {
    /// The person.
    pub id: i64,
    is_current: bool,
    header: Arc<Header>,
    record: StringRecord,
}

#[derive(QueryableByName)]
pub(super) struct ProfileRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Array<Nullable<Jsonb>>)]
    values: Vec<Option<Value>>,
}

impl Reading {
    /// Those that these rules name, less photos.
    pub(super) fn of<'r>(rules: impl Iterator<Item = &'r Expression>, declared: &[ProfileField]) -> Self {
        let named: BTreeSet<&String> = rules
            .filter_map(|rule| match rule.columns() {
                Columns::Named(names) => Some(names),
                Columns::All => None,
            })
            .flatten()
            .collect();
        let binary =
            |name: &str| declared.iter().any(|field| field.name == name && field.field_type() == FieldType::Binary);
        let fields: Vec<String> = named.into_iter().filter(|name| !binary(name)).cloned().collect();
        let header = Arc::new(Header::new(&fields));
        Self { fields, header }
    }

    /// `id, state, values`, of the table called `p`; the fields' names are `$1`.
    pub(super) const COLUMNS: &'static str = "p.id, p.state, array(
        select coalesce(nullif(p.fields -> name, 'null'), p.local -> name)
          from unnest($1) with ordinality as named (name, place) order by place) as values";

    /// The names that [`Self::COLUMNS`] needs.
    pub(super) fn fields(&self) -> &[String] {
        &self.fields
    }

    /// These persons.
    pub(super) fn of_persons(&self, connection: &mut PgConnection, persons: &[i64]) -> QueryResult<Vec<Profile>> {
        let rows: Vec<ProfileRow> =
            diesel::sql_query(format!("select {} from persons p where p.id = any($2)", Self::COLUMNS))
                .bind::<Array<Text>, _>(&self.fields)
                .bind::<Array<BigInt>, _>(persons)
                .load(connection)?;
        Ok(rows.into_iter().map(|row| self.profile(row)).collect())
    }

    /// A row that was read.
    pub(super) fn profile(&self, row: ProfileRow) -> Profile {
        let values = row.values.iter().map(|value| value.as_ref().map(text).unwrap_or_default());
        Profile {
            id: row.id,
            is_current: row.state == "current",
            header: Arc::clone(&self.header),
            record: values.collect(),
        }
    }
}

impl Profile {
    /// Whether the person belongs to the group of this rule. Who is past belongs to none.
    pub(super) fn fulfils(&self, rule: &Expression) -> Result<bool, RuleError> {
        if !self.is_current {
            return Ok(false);
        }
        match rule.evaluate(&Row::of_profile(&self.header, &self.record)) {
            Ok(Evaluated::Bool(verdict)) => Ok(verdict),
            Ok(_) => Err(RuleError("it gave no yes or no; compare something, as in profile.country == 'CH'".into())),
            Err(error) => Err(RuleError(error.to_string())),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(entry::write).collect::<Vec<_>>().join(VALUE_SEPARATOR),
        other => entry::write(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn declared() -> Vec<ProfileField> {
        ["department", "skills", "age"]
            .map(|name| ProfileField {
                name: name.into(),
                title: name.into(),
                value_type: "text".into(),
                required: false,
                is_unique: false,
                sources: Vec::new(),
                editable_by: "nobody".into(),
                position: 1,
                declared_by: "settings".into(),
                choices: Vec::new(),
                multivalued: false,
                hidden: false,
            })
            .into()
    }

    fn verdict(rule: &str, state: &str, values: [(&str, Value); 3]) -> Result<bool, String> {
        let rule = compile(rule, &declared()).map_err(|error| error.to_string())?;
        let reading = Reading::of(std::iter::once(&rule), &declared());
        let of = |name: &String| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let values = reading.fields().iter().map(of).map(|value| value.filter(|value| !value.is_null())).collect();
        let profile = reading.profile(ProfileRow { id: 1, state: state.into(), values });
        profile.fulfils(&rule).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_reads_a_profile() {
        let ada = || [("department", json!("Computing")), ("skills", json!(["go", "chess"])), ("age", json!(36))];
        for (rule, expected) in [
            ("profile.department == 'Computing'", true),
            ("lower(profile.department).startsWith('comp') && 'chess' in split(profile.skills)", true),
            ("int(profile.age) >= 40", false),
            ("profile[\"department\"] in ['Computing', 'Research']", true),
        ] {
            assert_eq!(verdict(rule, "current", ada()), Ok(expected), "{rule}");
            assert_eq!(verdict(rule, "past", ada()), Ok(false), "{rule}: who is past is in no such group");
        }
        let nobody = || [("department", Value::Null), ("skills", Value::Null), ("age", Value::Null)];
        assert_eq!(verdict("profile.department == ''", "current", nobody()), Ok(true));
        assert!(verdict("int(profile.age) > 1", "current", nobody()).is_err(), "no number: it can't be told");
        assert!(verdict("profile.department", "current", ada()).unwrap_err().contains("no yes or no"));
    }

    #[test]
    fn a_rule_names_fields_that_exist() {
        let wrong = |rule: &str| compile(rule, &declared()).unwrap_err().to_string();
        assert!(wrong("profile.departement == 'x'").contains("did you mean department?"));
        assert!(wrong("row.department == 'x'").contains("'row' is unknown"));
        assert!(wrong("profile[profile.age] == ''").contains("can't be computed"));
        assert!(wrong("profile.age ==").contains("line 1"));
    }
}
