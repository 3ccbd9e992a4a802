//! Who was anonymized, as far as that is known: a number, when, by whom; and whether runs still pass the person over. By a
//! name that somebody still knows, the one that it is about can be found.

use crate::model::anonymization::{self, Anonymization, AnonymizationFilter};
use crate::pipeline::anonymizing::lifting;
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/anonymized.html")]
struct AnonymizedPage {
    layout: Layout,
    /// Whether a name was asked for; the page does not repeat it.
    is_filtered: bool,
    lines: Vec<Line>,
    next: Option<String>,
}

/// One that was anonymized.
struct Line {
    user: i64,
    when: When,
    by: String,
    badge: Badge,
    lifted: Option<(String, When, String)>,
    href: String,
}

/// From where on.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct AnonymizedQuery {
    before: Option<i64>,
}

/// The name that is looked for. It comes in a form, so that it stands in no address and no history of a browser.
#[derive(Deserialize)]
pub struct NameForm {
    #[serde(default)]
    name: String,
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<AnonymizedQuery>,
) -> Result<HttpResponse, WebError> {
    let filter = AnonymizationFilter { ids: None, before: query.before };
    context.page(visitor, move |conn, layout| Ok(page(anonymization::page(conn, &filter, LIMIT)?, layout, false))).await
}

/// Those that pass over whoever has that name.
pub async fn find(context: Data<WebContext>, visitor: Visitor, form: Form<NameForm>) -> Result<HttpResponse, WebError> {
    let (key_file, name) = (context.work.key_file.clone(), form.into_inner().name);
    context
        .page(visitor, move |conn, layout| {
            let found = lifting::of_name(conn, &key_file, &name);
            let ids = Some(found.map_err(|error| WebError::Internal(error.to_string()))?);
            let filter = AnonymizationFilter { ids, before: None };
            Ok(page(anonymization::page(conn, &filter, LIMIT)?, layout, true))
        })
        .await
}

const LIMIT: i64 = PAGE as i64 + 1;

fn page(mut found: Vec<Anonymization>, layout: Layout, is_filtered: bool) -> AnonymizedPage {
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let last = found.last().filter(|_| more && !is_filtered);
    AnonymizedPage {
        next: last.map(|last| links::with_query(links::ANONYMIZED, &[("before", &last.id.to_string())])),
        lines: found.into_iter().map(|one| line(one, layout.now)).collect(),
        is_filtered,
        layout: layout.titled(Section::Users, "Anonymized users").under(links::USERS, "Users"),
    }
}

fn line(one: Anonymization, now: DateTime<Utc>) -> Line {
    let lifted =
        one.lifted_at.zip(one.lifted_by).map(|(at, by)| (by, When::new(at, now), one.reason.unwrap_or_default()));
    Line {
        user: one.person_id,
        when: When::new(one.anonymized_at, now),
        by: one.anonymized_by,
        badge: match &lifted {
            None => Badge::new("quiet", "i-minus", "Passed over"),
            Some(_) => Badge::new("good", "i-check", "Lifted"),
        },
        lifted,
        href: links::anonymized(one.id),
    }
}
