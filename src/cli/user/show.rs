//! `muster user show`.

use crate::cli::{Context, Exit, Session};
use crate::model::person::name_of;
use crate::pipeline::user_record::{From, Record, origins, records};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::fmt;

/// Which user, and when.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The user's id; or its user name, mail or employee id.
    id: String,
    /// As it was at that moment: 2026-11-20T10:00:00Z.
    #[arg(long, value_name = "MOMENT", value_parser = super::moment)]
    as_of: Option<DateTime<Utc>>,
}

pub(super) fn run(context: &Context, session: &Session, args: Args) -> anyhow::Result<Exit> {
    let mut conn = session.connection()?;
    let at = super::look_back(&mut conn, args.as_of)?;
    let person = super::find(session, &at, &args.id)?;
    let mut origins = origins(&mut conn)?;
    for record in records(&mut conn, &at, vec![person], &mut origins, Utc::now())? {
        context.output.data(&record, Text(&record))?;
    }
    Ok(Exit::Done)
}

/// A user in words.
struct Text<'a>(&'a Record);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let name = name_of(&Value::Object(record.fields.clone())).unwrap_or_default();
        write!(f, "user {} {name}: {}{}", record.id, record.state, if record.blocked { ", blocked" } else { "" })?;
        for (name, value) in &record.fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            write!(f, "\n  {name:<14}  {value}")?;
            match record.provenance.get(name) {
                Some(From::Source(origin)) => {
                    write!(f, "  ({}, run {}", origin.connector, origin.run)?;
                    let place = origin.place();
                    write!(f, "{}{place})", if place.is_empty() { "" } else { ", " })?;
                }
                Some(From::Override { overridden_by, reason, .. }) => {
                    write!(f, "  (overridden by {overridden_by}: {reason})")?
                }
                Some(From::Local { .. }) => write!(f, "  (local)")?,
                None => {}
            }
        }
        for group in &record.groups {
            let via = group.via.as_ref().map(|via| format!(" (via {via})")).unwrap_or_default();
            write!(f, "\n  in {}{via}", group.name)?;
        }
        Ok(())
    }
}
