//! Blocking a user by hand: what else it would do, before it is done; and unblocking.

use super::user::find;
use crate::model::person::blocking::{self, BlockError};
use crate::model::person::{self, Person};
use crate::model::session::Flash;
use crate::pipeline::provenance::Origins;
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, links, standing};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/block.html")]
struct BlockPage {
    layout: Layout,
    name: String,
    badges: Vec<Badge>,
    action: String,
    back: String,
    standing: Vec<(String, When)>,
    accounts: Vec<(String, String)>,
    emptied: Vec<(String, String)>,
    groups: usize,
    by_hand: bool,
}

/// The words that go with it.
#[derive(Deserialize)]
pub struct BlockForm {
    reason: String,
}

/// What blocking would do.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let person = find(conn, &Moment::default(), &id)?;
            let memberships = person::memberships(conn, &crate::model::as_of::AsOf::Now, &[person.id])?;
            let groups: Vec<i64> = memberships.iter().map(|one| one.group_id).collect();
            let emptied = blocking::groups_left_alone(conn, person.id, &groups)?;
            let origins = Origins::load(conn)?;
            let blocks = person.blocks();
            Ok(BlockPage {
                accounts: blocking::accounts_of(conn, person.field("user_name"))?,
                emptied: emptied.into_iter().map(|one| (links::group(one.group_id), one.name)).collect(),
                groups: groups.len(),
                badges: standing::badges_of(&person, layout.now),
                action: links::of_user(person.id, "block"),
                back: links::user(person.id),
                by_hand: blocks.iter().any(|block| block.connector.is_none()),
                standing: blocks
                    .iter()
                    .map(|block| (standing::reason(block, &origins), When::new(block.since, layout.now)))
                    .collect(),
                name: person.name(),
                layout: titled(layout, &person),
            })
        })
        .await
}

fn titled(layout: Layout, person: &Person) -> Layout {
    layout
        .titled(Section::Users, format!("Block {}", person.name()))
        .under(links::USERS, "Users")
        .under(links::user(person.id), person.name())
}

/// Blocks.
pub async fn block(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<BlockForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let person = find(conn, &Moment::default(), &id)?;
            let reason = form.reason.trim();
            if reason.is_empty() {
                let flash = Flash::refused("Say why: whoever looks at the profile later has to know.");
                return visitor.lead(conn, &links::of_user(person.id, "block"), flash);
            }
            let done = blocking::block(conn, person.id, &visitor.account().name, reason, Utc::now());
            answer(conn, &visitor, &person, done, "is blocked until somebody takes that back; no run does")
        })
        .await
}

/// Takes blocks by hand back.
pub async fn unblock(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<BlockForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let person = find(conn, &Moment::default(), &id)?;
            let done = blocking::unblock(conn, person.id, &visitor.account().name, form.reason.trim(), Utc::now());
            answer(conn, &visitor, &person, done, "is no longer blocked by hand")
        })
        .await
}

fn answer(
    conn: &mut PgConnection,
    visitor: &Visitor,
    person: &Person,
    done: Result<(), BlockError>,
    words: &str,
) -> Result<Lead, WebError> {
    let flash = match done {
        Ok(()) => Flash::done(format!("{} {words}.", person.name())),
        Err(BlockError::Database(error)) => return Err(error.into()),
        Err(refusal) => Flash::refused(super::decision::sentence(&refusal)),
    };
    visitor.lead(conn, &links::user(person.id), flash)
}
