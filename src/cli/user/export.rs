//! `muster user export`: everything that is held on a user.

use crate::cli::{Context, Exit, Session, who};
use crate::model::as_of::AsOf;
use crate::model::audit;
use crate::pipeline::user_export;
use crate::store::Store;
use chrono::Utc;
use serde_json::json;

/// Always JSON: that is what it is asked for.
pub(super) fn run(context: &Context, session: &Session, id: &str) -> anyhow::Result<Exit> {
    let person = super::find(session, &AsOf::Now, id)?;
    let subject = format!("user {}", person.id);
    let store = Store::open(&context.config)?;
    let mut conn = session.connection()?;
    let everything = user_export::export(&mut conn, &store, person, Utc::now())?;
    audit::record(&mut conn, &who(), "export", &subject, json!({}))?;
    context.output.raw(&format!("{everything:#}\n"))?;
    Ok(Exit::Done)
}
