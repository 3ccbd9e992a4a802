//! What somebody has decided about the users of a batch.

use super::{Correlator, Match, TO_BE_MADE, User};
use crate::pipeline::difference::keys::Keys;
use crate::pipeline::people::moving::Move;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use std::collections::HashMap;

#[derive(QueryableByName)]
struct Decided {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    decision: String,
    /// Who it is, if the person is still there.
    #[diesel(sql_type = Nullable<BigInt>)]
    person_id: Option<i64>,
}

/// Finds what was decided. A person that is no longer there is looked for by the rules again; one that a decision has made
/// already is that person.
pub(super) fn look_up(
    correlator: &mut Correlator<'_>,
    connection: &mut PgConnection,
    keys: &Keys,
    users: &[User],
    found: &mut [Option<Match>],
) -> QueryResult<()> {
    let texts: Vec<&str> = users.iter().map(|user| user.key.as_str()).collect();
    let decided: Vec<Decided> = diesel::sql_query(
        "select d.key, d.decision, p.id as person_id
           from correlation_decisions d
           left join merges m on m.person_id = d.person_id
           left join persons p on p.id = coalesce(m.into_id, d.person_id)
          where d.entity_type_id = $1 and d.key = any($2) and d.undone_at is null",
    )
    .bind::<Integer, _>(correlator.entity_type)
    .bind::<Array<Text>, _>(texts)
    .load(connection)?;
    if decided.is_empty() {
        return Ok(());
    }
    let persons: Vec<i64> = decided.iter().filter_map(|one| one.person_id).collect();
    if correlator.definition.create && !persons.is_empty() {
        correlator.occupied(connection, keys, &persons)?;
    }
    let decided: HashMap<&str, &Decided> = decided.iter().map(|one| (one.key.as_str(), one)).collect();
    for (user, found) in users.iter().zip(found) {
        let Some(one) = decided.get(user.key.as_str()) else { continue };
        *found = match (one.decision.as_str(), one.person_id) {
            ("ignore", _) => Some(Match::None),
            ("new", None) => Some(Match::New(TO_BE_MADE)),
            (_, Some(person)) => {
                if let Some((old_key, _)) = correlator.leaving.get(&person).filter(|(old, _)| *old != user.key) {
                    let (old_key, new_key) = (old_key.clone(), user.key.clone());
                    correlator.moves.push(Move { old_key, new_key, person, field: None });
                }
                Some(Match::Existing(person))
            }
            _ => None,
        };
    }
    Ok(())
}
