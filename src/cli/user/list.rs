//! `muster user list`.

use crate::cli::{Context, Exit, Session};
use crate::model::person::{self, Filter, StateFilter, name_of};
use crate::pipeline::user_record::{Record, origins, records};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// Persons read together.
const AT_ONCE: i64 = 500;

/// Which users.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only users in whose names, mail or keys every word of this stands; accents and case do not matter.
    #[arg(long, default_value = "")]
    search: String,
    /// Only users that stand so.
    #[arg(long, default_value = "all", value_parser = state)]
    state: StateFilter,
    /// As they were at that moment: 2026-11-20T10:00:00Z.
    #[arg(long, value_name = "MOMENT", value_parser = super::moment)]
    as_of: Option<DateTime<Utc>>,
}

fn state(word: &str) -> Result<StateFilter, &'static str> {
    StateFilter::from_word(word).ok_or("write all, current, past or blocked")
}

pub(super) fn run(context: &Context, session: &Session, args: Args) -> anyhow::Result<Exit> {
    let filter = Filter { search: args.search, state: args.state };
    let mut conn = session.connection()?;
    let at = super::look_back(&mut conn, args.as_of)?;
    let mut origins = origins(&mut conn)?;
    let mut after = i64::MIN;
    let mut is_empty = true;
    loop {
        let persons = person::after_id(&mut conn, &at, &filter, after, AT_ONCE)?;
        let Some(last) = persons.last() else { break };
        (after, is_empty) = (last.id, false);
        for record in records(&mut conn, &at, persons, &mut origins, Utc::now())? {
            let text = line(&record);
            context.output.data(&record, text)?;
        }
    }
    if is_empty {
        context.output.message("no user matches");
    }
    Ok(Exit::Done)
}

fn line(record: &Record) -> String {
    let fields = Value::Object(record.fields.clone());
    let field = |name: &str| record.fields.get(name).and_then(Value::as_str).unwrap_or("-");
    let standing = if record.blocked { format!("{}, blocked", record.state) } else { record.state.clone() };
    let name = name_of(&fields).unwrap_or_else(|| "-".to_owned());
    format!("{:>8}  {standing:<16}  {name}  {}  {}", record.id, field("user_name"), field("mail"))
}
