//! The moves of a run: users that come under a new key where their old one is gone. Accepted or refused here before the
//! run is applied.

use super::run::find;
use crate::model::correlation::{self, NewDecision, Verdict};
use crate::model::key_move::{self, KeyMove};
use crate::model::person;
use crate::model::run::RunId;
use crate::model::session::Flash;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use serde::Deserialize;

/// Moves decided together when all of them are.
const BATCH: i64 = 1000;

#[derive(Template)]
#[template(path = "pages/moves.html")]
struct MovesPage {
    layout: Layout,
    action: String,
    moves: Vec<MoveLine>,
    count: u64,
    is_applied: bool,
    may_decide: bool,
    next: Option<String>,
}

/// A move as a row.
pub struct MoveLine {
    name: String,
    entity_type: String,
    old_key: String,
    new_key: String,
    person: String,
    person_href: String,
    why: String,
    stands: String,
}

/// After which one the page begins.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct MovesQuery {
    after: String,
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    query: Query<MovesQuery>,
) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    context
        .page(visitor, move |conn, layout| {
            let run = find(conn, id)?;
            let after = Cursor::decode(&query.after);
            let after = after.as_ref().and_then(|one| Some((i32::try_from(one.id).ok()?, one.key.as_str())));
            let mut moves = key_move::of_run(conn, id, after, PAGE as i64 + 1)?;
            let more = moves.len() > PAGE;
            moves.truncate(PAGE);
            let action = links::of_run(id, "moves");
            let next = moves.last().filter(|_| more).map(|last| {
                let cursor = Cursor { key: last.new_key.clone(), id: last.entity_type_id.into() };
                links::with_query(&action, &[("after", &cursor.encode())])
            });
            let is_applied = run.applied_at.is_some();
            Ok(MovesPage {
                count: key_move::count(conn, id)?,
                moves: moves.into_iter().map(|one| line(one, is_applied)).collect(),
                is_applied,
                may_decide: layout.may_administer() && !is_applied,
                next,
                action,
                layout: layout
                    .titled(Section::Runs, format!("Moves of run {id}"))
                    .under(links::run(id), format!("Run {id}")),
            })
        })
        .await
}

/// Accepts or refuses what was ticked, or all of them, provided that they are as many as were shown.
pub async fn decide(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let (id, form) = (RunId(*id), form.into_inner());
    context
        .act(move |conn| {
            let run = find(conn, id)?;
            let back = links::of_run(id, "moves");
            if run.applied_at.is_some() {
                let flash =
                    Flash::refused("The run is applied. A user's profile separates what does not belong together.");
                return visitor.lead(conn, &back, flash);
            }
            let given = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let accepts = given("verdict") != Some("refuse");
            let ticked: Vec<&str> =
                form.iter().filter(|(name, _)| name == "move").map(|(_, name)| name.as_str()).collect();
            let all = given("all").and_then(|all| all.parse::<u64>().ok());
            let there = key_move::count(conn, id)?;
            if all.is_some_and(|shown| shown != there) {
                let there = words::counted(there, "move is", "moves are");
                let flash = Flash::refused(format!("{there} there now; look again, then decide."));
                return visitor.lead(conn, &back, flash);
            }
            let comment = given("comment").map(str::trim).filter(|comment| !comment.is_empty());
            let (mut decided, mut after) = (0, None::<(i32, String)>);
            loop {
                let from = after.as_ref().map(|(entity_type, key)| (*entity_type, key.as_str()));
                let moves = key_move::of_run(conn, id, from, BATCH)?;
                let Some(last) = moves.last() else { break };
                after = Some((last.entity_type_id, last.new_key.clone()));
                let chosen = moves.into_iter().filter(|one| all.is_some() || ticked.contains(&name(one).as_str()));
                let decisions: Vec<NewDecision> = chosen
                    .map(|one| NewDecision {
                        verdict: if accepts { Verdict::Person(one.person_id) } else { Verdict::New },
                        entity_type: one.entity_type_id,
                        key: one.new_key,
                    })
                    .collect();
                decided += correlation::decide(conn, &decisions, &visitor.account().name, comment)?;
            }
            let flash = match decided {
                0 => Flash::refused("No move was ticked."),
                _ => Flash::done(format!(
                    "{} {}. Resume prepares the run anew with it; so does the next run.",
                    words::counted(decided as u64, "move", "moves"),
                    if accepts { "accepted" } else { "refused" }
                ))
                .with_link(links::run(id), format!("Run {id}")),
            };
            visitor.lead(conn, &back, flash)
        })
        .await
}

fn name(one: &KeyMove) -> String {
    format!("{}:{}", one.entity_type_id, one.new_key)
}

fn line(one: KeyMove, is_applied: bool) -> MoveLine {
    let by = one.decided_by.as_deref().unwrap_or_default();
    MoveLine {
        name: name(&one),
        person: one.person.as_ref().and_then(person::name_of).unwrap_or_else(|| format!("User {}", one.person_id)),
        person_href: links::user(one.person_id),
        why: one.field.as_ref().map_or_else(|| "decided by hand".to_owned(), |field| format!("same {field}")),
        stands: match (one.decision.as_deref(), one.waits) {
            (Some("person"), _) => format!("accepted by {by}"),
            (Some("new"), _) => format!("refused by {by}"),
            (Some(_), _) => format!("ignored by {by}"),
            (None, true) => "waits; both stay until somebody decides".to_owned(),
            (None, false) if is_applied => "applied".to_owned(),
            (None, false) => "applied with the run, unless refused".to_owned(),
        },
        entity_type: one.entity_type_title,
        old_key: one.old_key,
        new_key: one.new_key,
    }
}
