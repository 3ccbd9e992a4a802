//! Notifications: who hears of trouble, and what became of each message.

use super::job_execution::Chip;
use crate::jobs::announcing;
use crate::model::delivery::{self, Delivery, DeliveryState, TEST};
use crate::model::notification::{NotificationDefinition, Occasion};
use crate::model::session::Flash;
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/deliveries.html")]
struct DeliveriesPage {
    layout: Layout,
    /// None where the settings can't be read any more.
    notifications: Option<Vec<NotificationLine>>,
    chips: Vec<Chip>,
    deliveries: Vec<DeliveryLine>,
    is_filtered: bool,
    next: Option<String>,
}

struct NotificationLine {
    name: String,
    kind: &'static str,
    recipients: String,
    on: String,
    connectors: String,
}

struct DeliveryLine {
    id: i64,
    title: String,
    href: Option<String>,
    occasion: Badge,
    notification: String,
    recipient: String,
    state: Badge,
    tries: i32,
    error: Option<String>,
    when: When,
    next: Option<When>,
    may_be_retried: bool,
    may_be_given_up: bool,
}

/// Which deliveries.
#[derive(Deserialize)]
pub struct DeliveriesQuery {
    #[serde(default)]
    state: String,
    before: Option<i64>,
}

/// Which notification is tested.
#[derive(Deserialize)]
pub struct TestForm {
    notification: String,
}

const CHIPS: [(&str, &str); 5] = [
    ("", "All"),
    (DeliveryState::Pending.as_str(), "Pending"),
    (DeliveryState::Failed.as_str(), "Failed"),
    (DeliveryState::Sent.as_str(), "Sent"),
    (DeliveryState::GivenUp.as_str(), "Given up"),
];

/// The page.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<DeliveriesQuery>,
) -> Result<HttpResponse, WebError> {
    let DeliveriesQuery { state, before } = query.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let state: Option<DeliveryState> = state.parse().ok();
            let word = state.map_or("", DeliveryState::as_str);
            let mut deliveries = delivery::newest(conn, state, before, PAGE as i64 + 1)?;
            let more = deliveries.len() > PAGE;
            deliveries.truncate(PAGE);
            let next = deliveries
                .last()
                .filter(|_| more)
                .map(|last| links::with_query(links::DELIVERIES, &[("state", word), ("before", &last.id.to_string())]));
            let chips = CHIPS.iter().map(|(state, words)| Chip {
                href: links::with_query(links::DELIVERIES, &[("state", state)]),
                words,
                chosen: *state == word,
            });
            Ok(DeliveriesPage {
                notifications: announcing::notifications(conn)?.map(|all| all.iter().map(notification_line).collect()),
                chips: chips.collect(),
                deliveries: deliveries.into_iter().map(|one| delivery_line(one, layout.now)).collect(),
                is_filtered: state.is_some() || before.is_some(),
                next,
                layout: layout.titled(Section::Deliveries, "Notifications"),
            })
        })
        .await
}

/// Sends a test message.
pub async fn test(context: Data<WebContext>, visitor: Visitor, form: Form<TestForm>) -> Result<HttpResponse, WebError> {
    let public_url = context.config.public_url.clone();
    context
        .act(move |conn| {
            let all = announcing::notifications(conn)?.unwrap_or_default();
            let flash = match all.iter().find(|one| one.name() == form.notification) {
                None => Flash::refused("The settings have no notification of that name any more."),
                Some(notification) => {
                    let (by, now) = (&visitor.account().name, Utc::now());
                    let message = announcing::test_message(notification, by, &public_url, now);
                    delivery::add_test(conn, notification, &message, by, now)?;
                    Flash::done("A test message is on its way; its delivery stands below.")
                }
            };
            visitor.lead(conn, links::DELIVERIES, flash)
        })
        .await
}

/// Tries a delivery again at once.
pub async fn retry(context: Data<WebContext>, visitor: Visitor, id: Path<i64>) -> Result<HttpResponse, WebError> {
    decide(context, visitor, *id, |conn, visitor, id| {
        Ok(match delivery::retry(conn, id, &visitor.account().name, Utc::now())? {
            true => Flash::done("It is tried again at once."),
            false => Flash::refused("There is nothing to try again: it has arrived, or is no longer there."),
        })
    })
    .await
}

/// Gives a delivery up.
pub async fn give_up(context: Data<WebContext>, visitor: Visitor, id: Path<i64>) -> Result<HttpResponse, WebError> {
    decide(context, visitor, *id, |conn, visitor, id| {
        Ok(match delivery::give_up(conn, id, &visitor.account().name, Utc::now())? {
            true => Flash::done("Given up: it is not tried any more."),
            false => Flash::refused("There is nothing to give up: it has arrived, or is no longer there."),
        })
    })
    .await
}

type Act = fn(&mut PgConnection, &Visitor, i64) -> Result<Flash, WebError>;

async fn decide(context: Data<WebContext>, visitor: Visitor, id: i64, act: Act) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| -> Result<Lead, WebError> {
            let flash = act(conn, &visitor, id)?;
            visitor.lead(conn, links::DELIVERIES, flash)
        })
        .await
}

fn notification_line(notification: &NotificationDefinition) -> NotificationLine {
    let mut on: Vec<&str> = notification.on.iter().map(|occasion| occasion.as_str()).collect();
    if notification.recovered && !on.contains(&Occasion::Recovered.as_str()) {
        on.push(Occasion::Recovered.as_str());
    }
    NotificationLine {
        name: notification.name().to_owned(),
        kind: notification.channel.kind(),
        recipients: notification.channel.recipients().join(", "),
        on: on.join(", "),
        connectors: match &notification.connectors[..] {
            [] => "all".to_owned(),
            some => some.join(", "),
        },
    }
}

fn delivery_line(delivery: Delivery, now: DateTime<Utc>) -> DeliveryLine {
    let state = delivery.state.parse().unwrap_or(DeliveryState::Failed);
    let connector = delivery.message.data.get("connector").and_then(|name| name.as_str());
    let is_pending = state == DeliveryState::Pending;
    DeliveryLine {
        id: delivery.id,
        href: delivery.run_id.map(links::run).or_else(|| connector.map(links::connector)),
        title: delivery.message.title.clone(),
        occasion: occasion_badge(&delivery.occasion),
        notification: delivery.notification,
        recipient: delivery.recipient,
        state: match state {
            DeliveryState::Pending => Badge::new("active", "i-clock", "Pending"),
            DeliveryState::Sent => Badge::new("good", "i-check", "Sent"),
            DeliveryState::Failed => Badge::new("bad", "i-cross", "Failed"),
            DeliveryState::GivenUp => Badge::new("quiet", "i-stop", "Given up"),
        },
        tries: delivery.attempts,
        error: delivery.error,
        when: When::new(delivery.ended_at.unwrap_or(delivery.created_at), now),
        next: is_pending.then(|| When::new(delivery.due_at, now)),
        may_be_retried: state != DeliveryState::Sent,
        may_be_given_up: matches!(state, DeliveryState::Pending | DeliveryState::Failed),
    }
}

fn occasion_badge(word: &str) -> Badge {
    match word.parse() {
        Ok(Occasion::Blocked) => Badge::new("warning", "i-hand", "Blocked"),
        Ok(Occasion::Failed) => Badge::new("bad", "i-cross", "Failed"),
        Ok(Occasion::Late) => Badge::new("warning", "i-clock", "Late"),
        Ok(Occasion::Recovered) => Badge::new("good", "i-check", "In order again"),
        Err(_) if word == TEST => Badge::new("quiet", "i-bell", "Test"),
        Err(_) => Badge::new("quiet", "i-bell", word),
    }
}
