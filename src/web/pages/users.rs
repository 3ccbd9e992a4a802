//! All users: searched, filtered by how they stand, in pages.

use super::job_execution::Chip;
use crate::model::person::{self, Filter, Person, StateFilter};
use crate::web::elements::Badge;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE, Page};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, standing, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/users.html")]
struct UsersPage {
    layout: Layout,
    search: String,
    state: &'static str,
    chips: Vec<Chip>,
    profile_type: String,
    types: Vec<TypeChip>,
    amount: String,
    is_capped: bool,
    users: Vec<UserLine>,
    is_filtered: bool,
    is_first: bool,
    all: String,
    first: String,
    next: Option<String>,
}

/// A profile type to choose.
struct TypeChip {
    href: String,
    name: String,
    chosen: bool,
}

struct UserLine {
    href: String,
    name: String,
    user_name: String,
    mail: String,
    department: String,
    title: String,
    badges: Vec<Badge>,
}

/// Which users.
#[derive(Deserialize)]
pub struct UsersQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default, rename = "type")]
    profile_type: String,
    #[serde(default)]
    after: String,
}

const CHIPS: [(StateFilter, &str); 4] = [
    (StateFilter::All, "All"),
    (StateFilter::Current, "Current"),
    (StateFilter::Past, "Past"),
    (StateFilter::Blocked, "Blocked"),
];

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<UsersQuery>,
) -> Result<HttpResponse, WebError> {
    let UsersQuery { q, state, profile_type, after } = query.into_inner();
    context
        .page(visitor, move |conn, mut layout| {
            let moment = layout.look_back(conn)?;
            let filter = Filter { search: plain(&q), state: StateFilter::from_word(&state).unwrap_or_default() };
            let after = Cursor::decode(&after);
            let place = after.as_ref().map(|cursor| (user_name(&cursor.key), cursor.id));
            let types = if moment.at.is_now() { person::types(conn)? } else { Vec::new() };
            let profile_type = Some(profile_type).filter(|one| types.contains(one)).unwrap_or_default();
            let found = match profile_type.as_str() {
                "" => person::page(conn, &moment.at, &filter, place, PAGE as i64 + 1)?,
                one => person::page_of_type(conn, &filter, one, place, PAGE as i64 + 1)?,
            };
            let page = Page::new(found.persons, |person: &Person| Cursor {
                key: person
                    .fields
                    .get("user_name")
                    .and_then(|name| name.as_str())
                    .map_or(String::new(), |name| format!("={name}")),
                id: person.id,
            });
            let state = match filter.state {
                StateFilter::All => "",
                state => state.as_str(),
            };
            let of_type = |one: &str, state: &str, after: &str| {
                let query = [("q", filter.search.as_str()), ("state", state), ("type", one), ("after", after)];
                moment.keep(links::with_query(links::USERS, &query))
            };
            let at = |state: &str, after: &str| of_type(&profile_type, state, after);
            let types = types.into_iter().map(|name| {
                let chosen = name == profile_type;
                TypeChip { href: of_type(if chosen { "" } else { name.as_str() }, state, ""), name, chosen }
            });
            let chips = CHIPS.iter().map(|(one, words)| Chip {
                href: at(if *one == StateFilter::All { "" } else { one.as_str() }, ""),
                words,
                chosen: *one == filter.state,
            });
            Ok(UsersPage {
                state,
                chips: chips.collect(),
                types: types.collect(),
                profile_type: profile_type.clone(),
                amount: words::amount(found.amount, "user", "users"),
                is_capped: !filter.search.is_empty()
                    && matches!(found.amount, crate::model::amount::Amount::MoreThan(_)),
                is_filtered: !filter.search.is_empty() || !profile_type.is_empty() || filter.state != StateFilter::All,
                is_first: after.is_none(),
                all: moment.keep(links::USERS),
                first: at(state, ""),
                next: page.next.as_ref().map(|cursor| at(state, &cursor.encode())),
                users: page.rows.iter().map(|person| line(person, &moment, layout.now)).collect(),
                layout: layout.titled(Section::Users, "Users"),
                search: filter.search,
            })
        })
        .await
}

/// A cursor's key: `=` and the user name, or nothing for those that have none.
fn user_name(key: &str) -> Option<&str> {
    key.strip_prefix('=')
}

/// What somebody typed into a search box: trimmed, bounded, without what the database can't store.
pub fn plain(search: &str) -> String {
    search.trim().chars().filter(|character| *character != '\0').take(200).collect()
}

fn line(person: &Person, moment: &Moment, now: DateTime<Utc>) -> UserLine {
    let field = |name: &str| person.field(name).unwrap_or_default().to_owned();
    UserLine {
        href: moment.keep(links::user(person.id)),
        name: person.name(),
        user_name: field("user_name"),
        mail: field("mail"),
        department: field("department"),
        title: field("title"),
        badges: standing::badges_of(person, moment.or(now)),
    }
}
