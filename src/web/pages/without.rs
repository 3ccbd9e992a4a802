//! Leaving changes out of a run: the second step, which repeats how many, shows some of them, and says what becomes of
//! the others.

use super::decision::sentence;
use super::run::{find, total};
use crate::model::change::{self, ChangeFilter, Selection};
use crate::model::connector;
use crate::model::decision::{self, Decider, DecisionError, Rest, Without};
use crate::model::guard::Operation;
use crate::model::run::{Run, RunId};
use crate::model::session::Flash;
use crate::web::decision_view::decision_view;
use crate::web::diff::{ChangeLine, Scopes};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

/// Changes shown on the page itself.
const SAMPLE: i64 = 20;

#[derive(Template)]
#[template(path = "pages/without.html")]
struct WithoutPage {
    layout: Layout,
    run: Run,
    connector: String,
    /// The selection again, as the form's hidden fields.
    fields: Vec<(String, String)>,
    /// The filter in words; none for single ones.
    filter: Option<String>,
    changes: Vec<ChangeLine>,
    count: u64,
    left: u64,
    tomorrow: NaiveDate,
    /// Why it will have to be looked at again.
    moved: Option<&'static str>,
    action: String,
    back: String,
}

/// The step before: what is left out, and what is left.
pub async fn confirm(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    query: Query<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let (id, query) = (RunId(*id), query.into_inner());
    context
        .page(visitor, move |conn, layout| {
            let run = find(conn, id)?;
            if decision_view(&run).is_none() {
                return Err(WebError::Conflict(format!(
                    "Run {id} does not wait for a decision; it is {}.",
                    words::state(run.state).to_lowercase()
                )));
            }
            let selection = selection(&query);
            let (count, shown) = match selection.filters.first() {
                Some(filter) => {
                    (change::count(conn, &run, filter, decision::MOST)?, change::page(conn, &run, filter, SAMPLE)?)
                }
                None if selection.single.is_empty() => (0, Vec::new()),
                None => {
                    let only = ChangeFilter { only: selection.single.clone(), ..ChangeFilter::default() };
                    let chosen = change::page(conn, &run, &only, 1000)?;
                    (chosen.len() as u64, chosen)
                }
            };
            let scopes = Scopes::load(conn, &run)?;
            let changes = shown.iter().take(SAMPLE as usize).map(|change| scopes.line(change, false)).collect();
            let connector = connector::by_id(conn, run.connector_id)?.ok_or_else(|| WebError::missing("run", id))?;
            let moved = if connector.configuration_version != run.configuration_version {
                Some("The configuration was edited since")
            } else {
                (Some(connector.state_version) != run.state_version).then_some("Another run was applied since")
            };
            let layout = layout
                .titled(Section::Runs, format!("Leave out {}?", words::counted(count, "change", "changes")))
                .under(links::run(id), format!("Run {id}"))
                .under(links::of_run(id, "changes"), "Changes");
            Ok(WithoutPage {
                connector: connector.display_name,
                filter: selection.filters.first().map(in_words),
                fields: query.into_iter().filter(|(name, _)| name != "digest").collect(),
                left: total(&run).saturating_sub(count),
                changes,
                count,
                tomorrow: layout.now.date_naive() + Days::new(1),
                moved,
                action: links::of_run(id, "without"),
                back: links::of_run(id, "changes"),
                layout,
                run,
            })
        })
        .await
}

/// Leaves them out.
pub async fn decide(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let (id, form) = (RunId(*id), form.into_inner());
    let enqueue = context.work.enqueue.clone();
    context
        .act(move |conn| {
            find(conn, id)?;
            let rest = if given(&form, "act") == "look" { Rest::LookAgain } else { Rest::Apply };
            let hold = rest == Rest::LookAgain || given(&form, "how") == "hold";
            let due_at = match due_at(&form, Utc::now()) {
                Ok(due_at) => due_at.filter(|_| hold),
                Err(refusal) => return visitor.lead(conn, &links::of_run(id, "changes"), Flash::refused(refusal)),
            };
            let comment = Some(given(&form, "comment").trim()).filter(|comment| !comment.is_empty());
            let by = Decider { name: &visitor.account().name, comment };
            let without = Without { selection: selection(&form), hold, due_at, rest };
            let flash = match decision::leave_out(conn, id, given(&form, "digest"), &without, &by, &enqueue) {
                Ok(out) => Flash::done(format!(
                    "{} {}. The run is being prepared anew without {}{}.",
                    words::counted(out.changes, "change", "changes"),
                    if hold { "held" } else { "left out" },
                    if out.changes == 1 { "it" } else { "them" },
                    match (rest, out.moved) {
                        (_, true) => "; look at it again then",
                        (Rest::Apply, false) => ", then applied",
                        (Rest::LookAgain, false) => "; the guards look at what is left",
                    }
                )),
                Err(DecisionError::NotFound(id)) => return Err(WebError::missing("run", id)),
                Err(DecisionError::Database(error)) => return Err(error.into()),
                Err(refusal) => Flash::refused(sentence(&refusal)),
            };
            visitor.lead(conn, &links::run(id), flash)
        })
        .await
}

/// What was ticked, or all that match the filter.
fn selection(pairs: &[(String, String)]) -> Selection {
    if given(pairs, "all").is_empty() {
        let single = pairs.iter().filter(|(name, _)| name == "change").map(|(_, cursor)| cursor.clone()).collect();
        return Selection { single, filters: Vec::new() };
    }
    let filled = |name: &str| Some(given(pairs, name).trim().to_owned()).filter(|text| !text.is_empty());
    let operation = given(pairs, "operation");
    let filter = ChangeFilter {
        scope: filled("scope"),
        operation: Operation::ALL.into_iter().find(|one| one.as_str() == operation),
        property: filled("property"),
        key: filled("key"),
        ..ChangeFilter::default()
    };
    Selection { single: Vec::new(), filters: vec![filter] }
}

fn given<'p>(pairs: &'p [(String, String)], name: &str) -> &'p str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

/// The day on which a hold ends, at its beginning.
fn due_at(form: &[(String, String)], now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, &'static str> {
    let until = given(form, "until").trim();
    if until.is_empty() {
        return Ok(None);
    }
    let day: NaiveDate = until.parse().map_err(|_| "The day can't be read; write it as 2027-01-31.")?;
    let due_at = day.and_time(NaiveTime::MIN).and_utc();
    if due_at > now { Ok(Some(due_at)) } else { Err("A hold can't end before it begins; name a day to come.") }
}

fn in_words(filter: &ChangeFilter) -> String {
    let mut parts = Vec::new();
    parts.extend(filter.scope.as_ref().map(|scope| format!("of {scope}")));
    parts.extend(filter.operation.map(|operation| format!("that {}", operation.as_str())));
    parts.extend(filter.property.as_ref().map(|property| format!("with the property {property}")));
    parts.extend(filter.key.as_ref().map(|key| format!("whose key begins with {key:?}")));
    if parts.is_empty() { "all changes of the run".to_owned() } else { format!("all changes {}", parts.join(", ")) }
}
