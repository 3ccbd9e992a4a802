//! Changes that are left out: those that a person has excluded from this run, and those that are held until another one
//! is proposed (SPEC 4.3). Looked up in memory by what they change, so that nothing is paid where there are none.
//!
//! What a withheld change leaves behind:
//! - an insert: the record is not there; links that need it are left out with it, and are no problems;
//! - an update: the stored record stays as it is, without its digest, so that the next run looks again;
//! - a delete: the stored record stays with its links and its person;
//! - a link's change: the link stays as it is, and its owner without its digest.

use super::Scope;
use super::change_set::LinkChange;
use super::keys::flag;
use super::pairs::Association;
use super::scan::key_digest;
use crate::model::guard::Operation;
use crate::model::run::Run;
use crate::pipeline::TaskError;
use crate::values::digest::Digest;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// All changes that a run leaves out.
#[derive(Default)]
pub struct Withholding {
    resources: HashMap<u128, Vec<Wish>>,
    /// Keys that wishes about resources name, per entity type.
    named: HashMap<i32, Vec<Named>>,
    links: HashMap<i32, Vec<LinkWish>>,
    standing: BTreeSet<i64>,
    met: BTreeSet<i64>,
    open: BTreeSet<i64>,
}

/// A wish about a resource: excluded (no hold, whatever is proposed), or held as long as this is proposed.
struct Wish {
    hold: Option<i64>,
    proposal: u128,
}

struct Named {
    hold: i64,
    operation: Operation,
    key: u128,
}

struct LinkWish {
    hold: Option<i64>,
    operation: Operation,
    from: u128,
    to: u128,
}

impl Withholding {
    /// Reads what the run leaves out: its own exclusions, and the connector's holds that stand.
    pub fn load(connection: &mut PgConnection, run: &Run) -> Result<Self, TaskError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Nullable<BigInt>)]
            hold: Option<i64>,
            #[diesel(sql_type = Nullable<Integer>)]
            entity_type_id: Option<i32>,
            #[diesel(sql_type = Nullable<Integer>)]
            association_id: Option<i32>,
            #[diesel(sql_type = Text)]
            operation: String,
            #[diesel(sql_type = Text)]
            key: String,
            #[diesel(sql_type = Nullable<Text>)]
            to_key: Option<String>,
            #[diesel(sql_type = Nullable<Jsonb>)]
            after: Option<Value>,
        }
        let mut all = Self::default();
        let rows = diesel::sql_query(
            "select null::bigint as hold, entity_type_id, association_id, operation, key, to_key, null::jsonb as after
               from exclusions where run_id = $1
             union all
             select id, entity_type_id, association_id, operation, key, to_key, after
               from holds where connector_id = $2 and ended_at is null and (due_at is null or due_at > now())",
        )
        .bind::<Integer, _>(run.id.0)
        .bind::<Integer, _>(run.connector_id.0)
        .load_iter::<Row, PgRowByRowLoadingMode>(connection)?;
        for row in rows {
            let row = row?;
            let Some(operation) = Operation::ALL.into_iter().find(|one| one.as_str() == row.operation) else {
                continue;
            };
            all.standing.extend(row.hold);
            let key = key_digest(&row.key);
            if let Some(association) = row.association_id {
                let to = key_digest(row.to_key.as_deref().unwrap_or_default());
                all.links.entry(association).or_default().push(LinkWish { hold: row.hold, operation, from: key, to });
            }
            if let Some(entity_type) = row.entity_type_id {
                let wish = Wish { hold: row.hold, proposal: proposal(row.after.as_ref()) };
                all.resources.entry(identity(entity_type, operation, key)).or_default().push(wish);
                let named = row.hold.map(|hold| Named { hold, operation, key });
                all.named.entry(entity_type).or_default().extend(named);
            }
        }
        Ok(all)
    }

    /// Whether nothing is left out, whatever is proposed.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.links.is_empty()
    }

    /// Whether anything of an entity type is left out.
    pub fn is_about(&self, entity_type: i32) -> bool {
        !self.resources.is_empty() && self.named.contains_key(&entity_type)
    }

    /// Whether this change of a resource is left out. `after` is only worked out where somebody has a wish about it.
    pub fn withholds(
        &mut self,
        entity_type: i32,
        operation: Operation,
        key: u128,
        after: impl FnOnce() -> Option<Value>,
    ) -> bool {
        if self.resources.is_empty() {
            return false;
        }
        let Some(wishes) = self.resources.get(&identity(entity_type, operation, key)) else { return false };
        let proposed = proposal(after().as_ref());
        let mut withheld = false;
        for wish in wishes {
            match wish.hold {
                None => withheld = true,
                Some(hold) if wish.proposal == proposed => {
                    self.met.insert(hold);
                    withheld = true;
                }
                // Another wish leaves it out already; whether this hold is over is not for this run to say.
                Some(_) => {}
            }
        }
        if withheld {
            self.open.extend(wishes.iter().filter_map(|wish| wish.hold));
        }
        withheld
    }

    /// Keeps the stored records whose deletion is left out. Called when the absent ones are known.
    pub fn keep(&mut self, scope: &mut Scope<'_>) {
        if !self.is_about(scope.id) {
            return;
        }
        let id = scope.id;
        for entry in scope.keys.iter_mut() {
            if entry.has(flag::GONE) && self.withholds(id, Operation::Delete, entry.key, || None) {
                entry.clear(flag::GONE);
                entry.set(flag::WITHHELD);
                if entry.has(flag::COMMANDED) {
                    scope.counters.deleted_by_command -= 1;
                    scope.counters.withheld += 1;
                } else {
                    scope.counters.withheld_deletes += 1;
                }
            }
        }
    }

    /// What is left out of the links of an association. Called when all records have their ids.
    pub fn of_links(&self, association: &Association<'_>, scopes: &[Scope<'_>]) -> WithheldLinks {
        let mut found = WithheldLinks::default();
        let Some(wishes) = self.links.get(&association.id) else { return found };
        let from = &scopes[association.from].keys;
        for wish in wishes {
            let Some(owner) = from.find(wish.from).map(|slot| from.get(slot).id) else { continue };
            for &end in &association.to {
                let Some(slot) = scopes[end].keys.find(wish.to) else { continue };
                let ends = (owner, scopes[end].keys.get(slot).id);
                let of = match wish.operation {
                    Operation::Insert => &mut found.inserts,
                    Operation::Update => &mut found.updates,
                    Operation::Delete => &mut found.deletes,
                };
                of.entry(ends).or_default().extend(wish.hold);
            }
        }
        found
    }

    /// Notes holds whose change was left out.
    pub fn met(&mut self, holds: &[i64]) {
        self.met.extend(holds);
    }

    /// What becomes of the holds that stand, in the end: those that left something out, and those that are over because
    /// something else was proposed, or nothing any more. The others could not be held against anything this time.
    pub fn settle(
        &mut self,
        scopes: &[Scope<'_>],
        associations: &[Association<'_>],
        complete: bool,
    ) -> (Vec<i64>, Vec<i64>) {
        for scope in scopes {
            for named in self.named.get(&scope.id).into_iter().flatten() {
                let entry = scope.keys.find(named.key).map(|slot| scope.keys.get(slot));
                let known = match entry {
                    // Protected: what it proposes is not known.
                    Some(entry) if entry.has_any(flag::CONFLICT) => false,
                    Some(entry) if entry.has(flag::REJECTED) && !entry.has(flag::WITHHELD) => false,
                    Some(entry) => entry.has(flag::READ) || complete,
                    None => complete || named.operation != Operation::Insert,
                };
                if !known {
                    self.open.insert(named.hold);
                }
            }
        }
        for association in associations {
            let keys = &scopes[association.from].keys;
            for wish in self.links.get(&association.id).into_iter().flatten() {
                let entry = keys.find(wish.from).map(|slot| keys.get(slot));
                let known = match entry {
                    Some(entry) if entry.has_any(flag::CONFLICT | flag::REJECTED) => false,
                    Some(entry) if entry.has(flag::WITHHELD) && !entry.has(flag::READ) => false,
                    Some(entry) => entry.has(flag::READ) || complete,
                    None => complete,
                };
                if !known {
                    self.open.extend(wish.hold);
                }
            }
        }
        let over = self.standing.iter().filter(|hold| !self.met.contains(hold) && !self.open.contains(hold));
        (self.met.iter().copied().collect(), over.copied().collect())
    }
}

/// Links of one association that are left out, by their ends, with the holds that say so.
#[derive(Default)]
pub struct WithheldLinks {
    inserts: HashMap<(i64, i64), Vec<i64>>,
    updates: HashMap<(i64, i64), Vec<i64>>,
    deletes: HashMap<(i64, i64), Vec<i64>>,
}

impl WithheldLinks {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inserts.is_empty() && self.updates.is_empty() && self.deletes.is_empty()
    }

    /// The holds that leave this change out; empty where it is excluded, `None` where it goes through.
    pub fn find(&self, change: &LinkChange) -> Option<&[i64]> {
        let of = match change.operation? {
            Operation::Insert => &self.inserts,
            Operation::Update => &self.updates,
            Operation::Delete => &self.deletes,
        };
        of.get(&(change.from, change.to)).map(Vec::as_slice)
    }
}

/// The ids of stored records of the `to` ends that will not be there after the run: links to them can't be kept.
pub fn gone(association: &Association<'_>, scopes: &[Scope<'_>]) -> HashSet<i64> {
    let ends = association.to.iter().flat_map(|&end| scopes[end].keys.iter());
    ends.filter(|(_, entry)| !entry.will_exist()).map(|(_, entry)| entry.id).collect()
}

/// Writes what became of the holds into the pending schema's own table.
pub fn write(
    connection: &mut PgConnection,
    schema: &str,
    run: i32,
    withheld: &[i64],
    over: &[i64],
) -> Result<(), TaskError> {
    diesel::sql_query(format!("create unlogged table {schema}.run_holds (like public.run_holds)"))
        .execute(connection)?;
    for (holds, outcome) in [(withheld, "withheld"), (over, "over")] {
        if !holds.is_empty() {
            diesel::sql_query(format!("insert into {schema}.run_holds select $1, hold, $2 from unnest($3) as hold"))
                .bind::<Integer, _>(run)
                .bind::<Text, _>(outcome)
                .bind::<Array<BigInt>, _>(holds)
                .execute(connection)?;
        }
    }
    Ok(())
}

fn identity(entity_type: i32, operation: Operation, key: u128) -> u128 {
    let parts: [&[u8]; 3] = [&entity_type.to_be_bytes(), operation.as_str().as_bytes(), &key.to_be_bytes()];
    Digest::of_fields(4, parts.into_iter()).0
}

/// The digest of what a change proposes. The database writes numbers and the order of properties in its own way, so both
/// are brought into one form first.
fn proposal(after: Option<&Value>) -> u128 {
    let text = after.map(canonical).unwrap_or_default().to_string();
    Digest::of_fields(5, std::iter::once(text.as_bytes())).0
}

/// A value in the form that does not depend on who wrote it: numbers by their worth, properties by their names.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e18 => Value::from(float as i64),
            (None, Some(float)) => Value::from(float),
            (None, None) => value.clone(),
        },
        Value::Array(values) => values.iter().map(canonical).collect(),
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort_unstable();
            Value::Object(names.into_iter().map(|name| (name.clone(), canonical(&map[name]))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_proposal_is_the_same_however_the_database_writes_it() {
        let mapped = json!({"mail": "a@b", "age": 3.0, "big": 1e16, "tags": ["x"]});
        let stored: Value =
            serde_json::from_str(r#"{"age": 3, "big": 10000000000000000, "mail": "a@b", "tags": ["x"]}"#).unwrap();
        assert_eq!(proposal(Some(&mapped)), proposal(Some(&stored)));
        assert_ne!(proposal(Some(&mapped)), proposal(Some(&json!({"mail": "a@c"}))));
        assert_ne!(proposal(None), proposal(Some(&json!({}))));
    }
}
