//! What was decided about records in doubt, or taken back.

use super::MatchesQuery;
use crate::model::as_of::AsOf;
use crate::model::correlation::{self, NewDecision, Verdict};
use crate::model::session::Flash;
use crate::model::{doubt, person};
use crate::pipeline::people::matches::{self, Choice};
use crate::web::error::WebError;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form};
use diesel::pg::PgConnection;

type Fields = Vec<(String, String)>;

/// Decides what was chosen, or all that match, provided that they are as many as were shown.
pub async fn decide(context: Data<WebContext>, visitor: Visitor, form: Form<Fields>) -> Result<HttpResponse, WebError> {
    let form = form.into_inner();
    context
        .act(move |conn| {
            let flash = match given(&form, "all").parse::<u64>() {
                Ok(shown) => all(conn, &form, shown, &visitor)?,
                Err(_) => match chosen(conn, &form)? {
                    Ok(decisions) if decisions.is_empty() => Flash::refused("Nothing was chosen."),
                    Ok(decisions) => {
                        done(correlation::decide(conn, &decisions, &visitor.account().name, comment(&form))?)
                    }
                    Err(refusal) => Flash::refused(refusal),
                },
            };
            visitor.lead(conn, &query(&form).address("", ""), flash)
        })
        .await
}

/// Takes decisions back.
pub async fn undo(context: Data<WebContext>, visitor: Visitor, form: Form<Fields>) -> Result<HttpResponse, WebError> {
    let form = form.into_inner();
    context
        .act(move |conn| {
            let ticked = form.iter().filter(|(name, _)| name == "decision");
            let ids: Vec<i64> = ticked.filter_map(|(_, id)| id.parse().ok()).collect();
            let flash = match correlation::undo(conn, &ids, &visitor.account().name)? {
                0 => Flash::refused("No decision was ticked that still stands."),
                undone => Flash::done(format!(
                    "{} taken back. What was ignored is in doubt again; who was found stays who it is: the profile \
                     separates and merges.",
                    words::counted(undone as u64, "decision", "decisions")
                )),
            };
            visitor.lead(conn, &query(&form).address("yes", ""), flash)
        })
        .await
}

/// The one value of that name.
fn given<'f>(form: &'f Fields, name: &str) -> &'f str {
    form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

fn comment(form: &Fields) -> Option<&str> {
    Some(given(form, "comment").trim()).filter(|comment| !comment.is_empty())
}

fn query(form: &Fields) -> MatchesQuery {
    MatchesQuery {
        connector: given(form, "connector").to_owned(),
        code: given(form, "code").to_owned(),
        key: given(form, "key").to_owned(),
        ..MatchesQuery::default()
    }
}

fn done(decided: usize) -> Flash {
    Flash::done(format!(
        "{} decided. The next complete run of the connector goes by it.",
        words::counted(decided as u64, "record", "records")
    ))
    .with_link(links::with_query(links::MATCHES, &[("decided", "yes")]), "What was decided")
}

/// The decisions that were chosen record by record, or why one can't be taken.
fn chosen(conn: &mut PgConnection, form: &Fields) -> Result<Result<Vec<NewDecision>, String>, WebError> {
    let mut decisions = Vec::new();
    for place in 0..super::DOUBTS {
        let name = given(form, &format!("record{place}"));
        let Some((entity_type, key)) = name.split_once(':') else { break };
        let Ok(entity_type) = entity_type.parse::<i32>() else { break };
        let verdict = match given(form, &format!("choice{place}")) {
            "" => continue,
            "new" => Verdict::New,
            "ignore" => Verdict::Ignore,
            "other" => match named(conn, given(form, &format!("other{place}")).trim())? {
                Ok(person) => Verdict::Person(person),
                Err(refusal) => return Ok(Err(format!("{key}: {refusal} Nothing was decided."))),
            },
            chosen => match chosen.strip_prefix("person:").and_then(|id| id.parse().ok()) {
                Some(person) if person::find(conn, &AsOf::Now, person)?.is_some() => Verdict::Person(person),
                _ => return Ok(Err(format!("{key}: that user is gone. Nothing was decided."))),
            },
        };
        decisions.push(NewDecision { entity_type, key: key.to_owned(), verdict });
    }
    Ok(Ok(decisions))
}

/// The only person with that user name, mail, employee id or number.
pub(in crate::web::pages) fn named(conn: &mut PgConnection, text: &str) -> Result<Result<i64, String>, WebError> {
    if text.is_empty() {
        return Ok(Err("say which other user it is: user name, mail, employee ID or number.".into()));
    }
    let found = person::named(conn, &AsOf::Now, text)?;
    Ok(match found.as_slice() {
        [one] => Ok(one.id),
        [] => match text.parse() {
            Ok(id) if person::find(conn, &AsOf::Now, id)?.is_some() => Ok(id),
            _ => Err(format!("there is no user {text:?}; write the user name, mail, employee ID or number.")),
        },
        several => {
            let ids: Vec<String> = several.iter().map(|one| one.id.to_string()).collect();
            Err(format!("several users are called {text:?}; write the number of one: {}.", ids.join(", ")))
        }
    })
}

/// Decides all that match in the same way.
fn all(conn: &mut PgConnection, form: &Fields, shown: u64, visitor: &Visitor) -> Result<Flash, WebError> {
    let filter = query(form).doubts(conn)?;
    let there = doubt::count(conn, &filter)?;
    if there != shown {
        return Ok(Flash::refused(format!(
            "{} match now, not {}; look again, then decide.",
            super::how_many(there),
            words::count(shown)
        )));
    }
    let choice = match given(form, "verdict") {
        "new" => Choice::New,
        "ignore" => Choice::Ignore,
        _ => Choice::Exact,
    };
    let decided = matches::decide_all(conn, &filter, choice, &visitor.account().name, comment(form))?;
    Ok(match decided {
        0 => Flash::refused("None of them has exactly one user that it may be; decide them one by one."),
        decided => done(decided),
    })
}
