//! Announcing: whoever must know hears that a connector is blocked, failed or late, and when that is over.
//!
//! A run's end writes an announcement in its own transaction, and [`look_for_late`] one for a run that did not come.
//! [`spread`] makes a delivery of it for each recipient, as the settings of then say; [`send_due`] sends those, again
//! and again until they arrive or have failed. All of it is safe from several servers at once.

mod mail;
mod message;
mod webhook;

pub use message::test_message;

use super::health::{self, Health};
use super::stop::Stop;
use crate::db::{Db, DbConnection, DbError};
use crate::document;
use crate::model::announcement::{self, Announcement, Facts};
use crate::model::delivery::{self, Delivery};
use crate::model::job_slot;
use crate::model::notification::{Channel, NotificationDefinition, Occasion};
use crate::model::{connector, settings};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use futures::future::join_all;
use std::time::Duration;

const TICK: Duration = Duration::from_secs(1);
const LOOK_FOR_LATE_EVERY: TimeDelta = TimeDelta::minutes(1);
/// So many are sent side by side.
const AT_ONCE: i64 = 8;
/// How long a try may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server may be at a try before another one takes it over. More than its patience, clocks aside.
const LEASE_SECONDS: f64 = 60.0;
/// Announcements that are spread in one transaction.
const AT_A_TIME: i64 = 100;
/// The key of the lock that keeps announcements in their order: "announce".
const SPREADING: i64 = 0x61_6e_6e_6f_75_6e_63_65;

/// Why nothing could be announced; the next tick tries again.
#[derive(Debug, thiserror::Error)]
pub enum AnnouncingError {
    /// The database is out of reach.
    #[error(transparent)]
    Connection(#[from] DbError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Why a try came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// In words, without secrets.
    message: String,
    /// Whether another try can't succeed either.
    hopeless: bool,
}

impl Fault {
    fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), hopeless: false }
    }

    fn hopeless(message: impl Into<String>) -> Self {
        Self { message: message.into(), hopeless: true }
    }
}

/// Announces at `now` the connectors that are late, each once a day, and those that no longer are.
pub fn look_for_late(conn: &mut DbConnection, now: DateTime<Utc>) -> QueryResult<()> {
    let late_only: Vec<_> = announcement::all_open(conn)?
        .into_iter()
        .filter(|(_, occasions)| occasions.iter().all(|occasion| *occasion == Occasion::Late))
        .map(|(connector, _)| connector)
        .collect();
    for condition in health::of_all(conn, now)? {
        let id = condition.connector.id;
        match condition.health {
            Health::Delayed(due) => {
                let facts = Facts { due_at: Some(due), ..Facts::default() };
                announcement::trouble(conn, id, Occasion::Late, None, facts, Some(now))?;
            }
            // Its schedule was changed; where a run has come, that run's end has said so.
            Health::OnTime if late_only.contains(&id) => {
                conn.transaction(|conn| announcement::recovered(conn, id, None, Some(now)))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes the deliveries of new announcements, with links that begin with `public_url`. One server at a time does so.
pub fn spread(conn: &mut DbConnection, public_url: &str, now: DateTime<Utc>) -> QueryResult<usize> {
    conn.transaction(|conn| {
        if !lock(conn)? {
            return Ok(0);
        }
        let new = announcement::to_spread(conn, AT_A_TIME)?;
        if new.is_empty() {
            return Ok(0);
        }
        let Some(notifications) = notifications(conn)? else { return Ok(0) };
        let mut written = 0;
        for announcement in &new {
            written += spread_one(conn, announcement, &notifications, public_url, now)?;
            announcement::mark_spread(conn, announcement.id, now)?;
        }
        Ok(written)
    })
}

fn spread_one(
    conn: &mut PgConnection,
    announcement: &Announcement,
    notifications: &[NotificationDefinition],
    public_url: &str,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    let connector = connector::by_id(conn, announcement.connector_id)?;
    let (Some(connector), Ok(occasion)) = (connector, announcement.occasion.parse::<Occasion>()) else { return Ok(0) };
    let told = match occasion {
        Occasion::Recovered => announcement::told_before(conn, announcement)?,
        _ => Vec::new(),
    };
    let message = message::of(announcement, occasion, &connector, public_url);
    let mut written = 0;
    for notification in notifications {
        let wanted = match occasion {
            Occasion::Recovered => notification.recovered && told.iter().any(|name| name == notification.name()),
            trouble => notification.tells_of(trouble, &connector.name),
        };
        if wanted {
            written += delivery::add(conn, announcement, notification, &message, now)?;
        }
    }
    Ok(written)
}

fn lock(conn: &mut PgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        locked: bool,
    }
    diesel::sql_query("select pg_try_advisory_xact_lock($1) as locked")
        .bind::<BigInt, _>(SPREADING)
        .get_result::<Row>(conn)
        .map(|row| row.locked)
}

/// The settings' notifications; `None` where the settings can't be read.
pub fn notifications(conn: &mut PgConnection) -> QueryResult<Option<Vec<NotificationDefinition>>> {
    let Some(stored) = settings::current(conn)? else { return Ok(Some(Vec::new())) };
    match document::settings(&stored.document) {
        Ok(definition) => Ok(Some(definition.notifications)),
        Err(error) => {
            tracing::warn!(error = %error, "the settings can't be read any more; nobody is notified");
            Ok(None)
        }
    }
}

/// Sends what is due at `now`. The result tells how many tries there were.
pub async fn send_due(db: &Db, now: DateTime<Utc>) -> Result<usize, AnnouncingError> {
    let (claimed, notifications) = {
        let db = db.clone();
        blocking(move || {
            let mut conn = db.get().map_err(DbError::from)?;
            let claimed = delivery::claim(&mut conn, now, AT_ONCE, LEASE_SECONDS)?;
            let notifications = if claimed.is_empty() { None } else { notifications(&mut conn)? };
            Ok((claimed, notifications.unwrap_or_default()))
        })
        .await?
    };
    let tries = claimed.len();
    let tried = join_all(claimed.into_iter().map(|delivery| {
        let notifications = &notifications;
        async move {
            let sent = send(&delivery, notifications, now).await;
            (delivery, sent)
        }
    }))
    .await;
    if tries > 0 {
        let db = db.clone();
        blocking(move || {
            let mut conn = db.get().map_err(DbError::from)?;
            for (delivery, sent) in &tried {
                write_end(&mut conn, delivery, sent, now)?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(tries)
}

async fn send(delivery: &Delivery, notifications: &[NotificationDefinition], now: DateTime<Utc>) -> Result<(), Fault> {
    let gone = || Fault::hopeless("the settings no longer have this notification or this recipient");
    let notification = notifications.iter().find(|one| one.name() == delivery.notification).ok_or_else(gone)?;
    if !notification.channel.recipients().contains(&delivery.recipient) {
        return Err(gone());
    }
    let sending = async {
        match &notification.channel {
            Channel::Webhook { url, secret, allow_link_local } => {
                webhook::send(url, secret, *allow_link_local, delivery, now).await
            }
            mail @ Channel::Mail { .. } => mail::send(mail, delivery).await,
        }
    };
    let timeout = || Fault::passing(format!("no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, sending).await.unwrap_or_else(|_| Err(timeout()))
}

fn write_end(
    conn: &mut DbConnection,
    delivery: &Delivery,
    sent: &Result<(), Fault>,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    match sent {
        Ok(()) => {
            delivery::sent(conn, delivery, now)?;
            tracing::info!(delivery.id = delivery.id, notification.name = delivery.notification, "told");
        }
        Err(fault) => {
            let next = delivery::missed(conn, delivery, &fault.message, fault.hopeless, now)?;
            let again = next.is_some();
            tracing::warn!(delivery.id = delivery.id, notification.name = delivery.notification, again, "not told");
        }
    }
    Ok(())
}

/// Announces until we stop. What is being sent then is sent to its end.
pub async fn announce_regularly(db: Db, public_url: String, stop: Stop) {
    let mut looked = None;
    loop {
        match announce(&db, &public_url, &mut looked).await {
            // There may be more of them.
            Ok(tries) if tries > 0 && !stop.is_asked() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(error = %error, "nobody could be notified; it is tried again"),
        }
        if !stop.sleep(TICK).await {
            return;
        }
    }
}

async fn announce(db: &Db, public_url: &str, looked: &mut Option<DateTime<Utc>>) -> Result<usize, AnnouncingError> {
    let now = {
        let (db, public_url, last) = (db.clone(), public_url.to_owned(), *looked);
        let (now, look) = blocking(move || {
            let mut conn = db.get().map_err(DbError::from)?;
            let now = job_slot::clock(&mut conn)?;
            let look = last.is_none_or(|last| now - last >= LOOK_FOR_LATE_EVERY);
            if look {
                look_for_late(&mut conn, now)?;
            }
            spread(&mut conn, &public_url, now)?;
            Ok((now, look))
        })
        .await?;
        if look {
            *looked = Some(now);
        }
        now
    };
    send_due(db, now).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AnnouncingError> + Send + 'static,
) -> Result<T, AnnouncingError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
