//! A delivery: one message to one notification, tried until it arrives or is given up.
//!
//! The row is the truth: when the next try is due, who is at it, why the last one came to nothing. A server that dies
//! while it sends loses its lease, and another one tries; the message's id stays, so that a receiver can tell.

use super::announcement::Announcement;
use super::audit;
use super::connector::ConnectorId;
use super::json::Json;
use super::notification::NotificationDefinition;
use super::run::{RunId, UnknownWord};
use crate::schema::deliveries;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::Eq;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Timestamptz};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The waits between tries; after the last one, a delivery has failed.
const WAITS: [TimeDelta; 5] =
    [TimeDelta::minutes(1), TimeDelta::minutes(5), TimeDelta::minutes(30), TimeDelta::hours(2), TimeDelta::hours(12)];
/// The longest text of an error that is kept, in characters.
const LONGEST_ERROR: usize = 500;
/// What a test message is told on.
pub const TEST: &str = "test";

/// A delivery as it stands in the database.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, QueryableByName)]
#[diesel(table_name = deliveries, check_for_backend(diesel::pg::Pg))]
pub struct Delivery {
    /// Grows with time.
    pub id: i64,
    /// What receivers know the message by: the same at each try.
    pub message_id: Uuid,
    /// The connector it is about; none for a test.
    pub connector_id: Option<ConnectorId>,
    /// The run it is about.
    pub run_id: Option<RunId>,
    /// The notification's name in the settings.
    pub notification: String,
    /// `mail` or `webhook`.
    pub kind: String,
    /// A mail address, or the webhook's host.
    pub recipient: String,
    /// `blocked`, `failed`, `late`, `recovered` or `test`.
    pub occasion: String,
    /// What is said.
    pub message: Json<Message>,
    /// The word of [`DeliveryState`].
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next.
    pub due_at: DateTime<Utc>,
    /// Why the last try came to nothing.
    pub error: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it arrived, failed or was given up.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What is said, by mail and by webhook. Never personal data: it leaves the house.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What happened, in one line.
    pub title: String,
    /// The rest, a sentence or a guard each.
    pub lines: Vec<String>,
    /// The page to look at.
    pub link: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The same for programs.
    pub data: serde_json::Value,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried, or will be.
    Pending,
    /// It arrived.
    Sent,
    /// It was tried often enough.
    Failed,
    /// Somebody gave it up.
    GivenUp,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Sent, Self::Failed, Self::GivenUp];

    /// The word in SQL and addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let all = Self::ALL.map(Self::as_str);
        Self::ALL.into_iter().find(|known| known.as_str() == word).ok_or_else(|| UnknownWord::new(word, &all))
    }
}

/// Writes the deliveries of an announcement to a notification, one for each recipient; what is there already stays.
pub fn add(
    conn: &mut PgConnection,
    announcement: &Announcement,
    notification: &NotificationDefinition,
    message: &Message,
    at: DateTime<Utc>,
) -> QueryResult<usize> {
    let about = (
        deliveries::announcement_id.eq(announcement.id),
        deliveries::connector_id.eq(announcement.connector_id),
        deliveries::run_id.eq(announcement.run_id),
        deliveries::occasion.eq(&announcement.occasion),
    );
    let rows: Vec<_> =
        notification.channel.recipients().into_iter().map(|to| (about, what(notification, to, message, at))).collect();
    diesel::insert_into(deliveries::table).values(rows).on_conflict_do_nothing().execute(conn)
}

/// Writes the deliveries of a test message that `by` asked for, due at once.
pub fn add_test(
    conn: &mut PgConnection,
    notification: &NotificationDefinition,
    message: &Message,
    by: &str,
    at: DateTime<Utc>,
) -> QueryResult<usize> {
    let rows: Vec<_> = notification
        .channel
        .recipients()
        .into_iter()
        .map(|to| (deliveries::occasion.eq(TEST), what(notification, to, message, at)))
        .collect();
    conn.transaction(|conn| {
        audit::record(conn, by, "test", &format!("notification {}", notification.name()), serde_json::json!({}))?;
        diesel::insert_into(deliveries::table).values(rows).execute(conn)
    })
}

type What = (
    Eq<deliveries::notification, String>,
    Eq<deliveries::kind, &'static str>,
    Eq<deliveries::recipient, String>,
    Eq<deliveries::message, Json<Message>>,
    Eq<deliveries::due_at, DateTime<Utc>>,
    Eq<deliveries::created_at, DateTime<Utc>>,
);

fn what(notification: &NotificationDefinition, to: String, message: &Message, at: DateTime<Utc>) -> What {
    (
        deliveries::notification.eq(notification.name().to_owned()),
        deliveries::kind.eq(notification.channel.kind()),
        deliveries::recipient.eq(to),
        deliveries::message.eq(Json(message.clone())),
        deliveries::due_at.eq(at),
        deliveries::created_at.eq(at),
    )
}

/// Takes up to `limit` deliveries that are due at `now`, each for `lease_seconds` from then on; those that another
/// server is at are left out. What one recipient is told goes one after the other, in the order in which it happened.
/// Counts the try.
pub fn claim(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
    lease_seconds: f64,
) -> QueryResult<Vec<Delivery>> {
    diesel::sql_query(
        "update deliveries
            set attempts = attempts + 1, leased_until = $1 + make_interval(secs => $3)
          where id in (select id
                         from deliveries due
                        where state = 'pending' and due_at <= $1 and (leased_until is null or leased_until <= $1)
                          and not exists (select from deliveries older
                                           where older.state = 'pending' and older.due_at <= $1 and older.id < due.id
                                             and older.notification = due.notification
                                             and older.recipient = due.recipient)
                        order by due_at, id
                        limit $2
                          for update skip locked)
         returning *",
    )
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .bind::<Double, _>(lease_seconds)
    .load(conn)
}

/// It arrived. `false`: another server has taken it over, or somebody gave it up.
pub fn sent(conn: &mut PgConnection, claimed: &Delivery, now: DateTime<Utc>) -> QueryResult<bool> {
    end_try(conn, claimed, DeliveryState::Sent, now, None)
}

/// The try came to nothing: when the next one is, or `None` if that was the last one, or `hopeless`.
pub fn missed(
    conn: &mut PgConnection,
    claimed: &Delivery,
    error: &str,
    hopeless: bool,
    now: DateTime<Utc>,
) -> QueryResult<Option<DateTime<Utc>>> {
    let error: String = error.chars().take(LONGEST_ERROR).collect();
    let wait = usize::try_from(claimed.attempts - 1).ok().and_then(|tried| WAITS.get(tried)).filter(|_| !hopeless);
    match wait {
        Some(wait) => end_try(conn, claimed, DeliveryState::Pending, now + *wait, Some(error))?,
        None => end_try(conn, claimed, DeliveryState::Failed, now, Some(error))?,
    };
    Ok(wait.map(|wait| now + *wait))
}

/// Writes how a claimed try ended, if the claim still holds: the number of tries is its fence. `at`: the next try of one
/// that is still pending, the end of others.
fn end_try(
    conn: &mut PgConnection,
    claimed: &Delivery,
    state: DeliveryState,
    at: DateTime<Utc>,
    error: Option<String>,
) -> QueryResult<bool> {
    let is_over = state != DeliveryState::Pending;
    diesel::update(deliveries::table.find(claimed.id))
        .filter(deliveries::attempts.eq(claimed.attempts))
        .filter(deliveries::state.eq(DeliveryState::Pending.as_str()))
        .set((
            deliveries::state.eq(state.as_str()),
            (!is_over).then(|| deliveries::due_at.eq(at)),
            is_over.then(|| deliveries::ended_at.eq(at)),
            deliveries::error.eq(error),
            deliveries::leased_until.eq(None::<DateTime<Utc>>),
        ))
        .execute(conn)
        .map(|rows| rows == 1)
}

/// Tries a delivery again at once, with all tries before it, whether it failed, was given up or waits for its next try.
/// `false`: it arrived, or there is none.
pub fn retry(conn: &mut PgConnection, id: i64, by: &str, now: DateTime<Utc>) -> QueryResult<bool> {
    decide(conn, id, "retry", by, &[DeliveryState::Pending, DeliveryState::Failed, DeliveryState::GivenUp], |conn| {
        diesel::update(deliveries::table.find(id))
            .set((
                deliveries::state.eq(DeliveryState::Pending.as_str()),
                deliveries::due_at.eq(now),
                deliveries::attempts.eq(0),
                deliveries::ended_at.eq(None::<DateTime<Utc>>),
            ))
            .execute(conn)
    })
}

/// Gives a delivery up that is pending or has failed. `false`: it arrived, or there is none.
pub fn give_up(conn: &mut PgConnection, id: i64, by: &str, now: DateTime<Utc>) -> QueryResult<bool> {
    decide(conn, id, "give-up", by, &[DeliveryState::Pending, DeliveryState::Failed], |conn| {
        diesel::update(deliveries::table.find(id))
            .set((deliveries::state.eq(DeliveryState::GivenUp.as_str()), deliveries::ended_at.eq(now)))
            .execute(conn)
    })
}

fn decide(
    conn: &mut PgConnection,
    id: i64,
    action: &str,
    by: &str,
    possible: &[DeliveryState],
    write: impl FnOnce(&mut PgConnection) -> QueryResult<usize>,
) -> QueryResult<bool> {
    let possible: Vec<&str> = possible.iter().map(|state| state.as_str()).collect();
    conn.transaction(|conn| {
        let found: Option<String> = deliveries::table
            .find(id)
            .filter(deliveries::state.eq_any(possible))
            .select(deliveries::notification)
            .for_update()
            .first(conn)
            .optional()?;
        let Some(notification) = found else { return Ok(false) };
        write(conn)?;
        let detail = serde_json::json!({ "notification": notification });
        audit::record(conn, by, action, &format!("delivery {id}"), detail)?;
        Ok(true)
    })
}

/// Up to `limit` deliveries, the newest first: of one state or of all, older than `before` (an id) where given.
pub fn newest(
    conn: &mut PgConnection,
    state: Option<DeliveryState>,
    before: Option<i64>,
    limit: i64,
) -> QueryResult<Vec<Delivery>> {
    let mut query =
        deliveries::table.select(Delivery::as_select()).order(deliveries::id.desc()).limit(limit).into_boxed();
    if let Some(state) = state {
        query = query.filter(deliveries::state.eq(state.as_str()));
    }
    if let Some(before) = before {
        query = query.filter(deliveries::id.lt(before));
    }
    query.load(conn)
}

/// How many have failed and wait for somebody's decision, by notification.
pub fn failed(conn: &mut PgConnection) -> QueryResult<Vec<(String, i64)>> {
    deliveries::table
        .filter(deliveries::state.eq(DeliveryState::Failed.as_str()))
        .group_by(deliveries::notification)
        .select((deliveries::notification, diesel::dsl::count_star()))
        .order(deliveries::notification)
        .load(conn)
}

/// Forgets test messages of before `moment`; the others go with their announcements.
pub fn purge_tests(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<usize> {
    let old = deliveries::announcement_id.is_null().and(deliveries::created_at.lt(moment));
    diesel::delete(deliveries::table.filter(old)).execute(conn)
}
