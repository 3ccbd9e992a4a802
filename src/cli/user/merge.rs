//! `muster user merge` and `separate`: two users that are one, and one that is two.

use crate::cli::{Context, Exit, Refusal, Session, who};
use crate::model::as_of::AsOf;
use crate::model::decision::Decider;
use crate::model::person::Person;
use crate::model::resource::{self, Resource};
use crate::pipeline::people::by_hand::{self, ByHandError};
use crate::pipeline::provenance::Origins;
use serde_json::{Value, json};

/// Who becomes whom.
#[derive(Debug, clap::Args)]
pub(super) struct MergeArgs {
    /// The user who stays: id, user name, mail or employee id.
    keep: String,
    /// The user who becomes the other one.
    gone: String,
    /// Why: it stands in the history and in the audit log.
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Do it; without this only what would be merged is listed.
    #[arg(long)]
    yes: bool,
}

/// Which record goes, and to whom.
#[derive(Debug, clap::Args)]
pub(super) struct SeparateArgs {
    /// The user: id, user name, mail or employee id.
    user: String,
    /// The connector of the record that is not this user's.
    connector: String,
    /// Its key.
    key: String,
    /// Its entity type, where the key stands in several.
    #[arg(long, value_name = "NAME")]
    entity_type: Option<String>,
    /// The user that it feeds instead; otherwise it becomes a user of its own.
    #[arg(long, value_name = "USER")]
    to: Option<String>,
    /// Why: it stands in the history and in the audit log.
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Do it; without this only what would be separated is told.
    #[arg(long)]
    yes: bool,
}

pub(super) fn merge(context: &Context, session: &Session, args: &MergeArgs) -> anyhow::Result<Exit> {
    let (keep, gone) = (super::find(session, &AsOf::Now, &args.keep)?, super::find(session, &AsOf::Now, &args.gone)?);
    if keep.id == gone.id {
        return Err(refusal(ByHandError::Same));
    }
    let mut conn = session.connection()?;
    if !args.yes {
        let origins = Origins::load(&mut conn)?;
        for (person, becomes) in [(&keep, None), (&gone, Some(keep.id))] {
            let records = resource::of_person(&mut conn, &AsOf::Now, person.id)?;
            let (as_json, in_words) = side(person, becomes, &records, &origins);
            context.output.data(&as_json, in_words)?;
        }
        return Err(Refusal::usage(format!(
            "user {} would be no user any more, and its records would feed user {}; say --yes if it is meant",
            gone.id, keep.id
        ))
        .into());
    }
    let (by, reason) = (who(), reason(&args.reason)?);
    by_hand::merge(&mut conn, gone.id, keep.id, &Decider { name: &by, comment: Some(reason) }).map_err(refusal)?;
    context.output.data(
        &json!({ "user": keep.id, "merged": gone.id, "outcome": "merged" }),
        format_args!("user {} is user {} now", gone.id, keep.id),
    )?;
    Ok(Exit::Done)
}

pub(super) fn separate(context: &Context, session: &Session, args: &SeparateArgs) -> anyhow::Result<Exit> {
    let person = super::find(session, &AsOf::Now, &args.user)?;
    let to = args.to.as_ref().map(|to| super::find(session, &AsOf::Now, to)).transpose()?.map(|to| to.id);
    let mut conn = session.connection()?;
    let origins = Origins::load(&mut conn)?;
    let mut found = resource::of_person(&mut conn, &AsOf::Now, person.id)?;
    found.retain(|record| {
        let names = origins.entity_type(record.entity_type_id);
        record.key == args.key
            && names.is_some_and(|names| {
                names.connector == args.connector && args.entity_type.as_ref().is_none_or(|name| *name == names.name)
            })
    });
    let record = match found.as_slice() {
        [record] => record,
        [] => {
            return Err(Refusal::not_found(format!(
                "user {} has no record {:?} of the connector {}; `muster user export {}` holds those that feed it",
                person.id, args.key, args.connector, person.id
            ))
            .into());
        }
        _ => return Err(Refusal::usage("the key stands in several entity types; name one with --entity-type").into()),
    };
    if !args.yes {
        let whom = to.map_or_else(|| "become a user of its own".to_owned(), |to| format!("feed user {to}"));
        return Err(Refusal::usage(format!(
            "record {} of {} would no longer feed user {}, and {whom}; say --yes if it is meant",
            args.key, args.connector, person.id
        ))
        .into());
    }
    let (by, reason) = (who(), reason(&args.reason)?);
    let by = Decider { name: &by, comment: Some(reason) };
    let now = by_hand::separate(&mut conn, person.id, record.id, to, &by).map_err(refusal)?;
    context.output.data(
        &json!({ "user": person.id, "connector": args.connector, "key": args.key, "now_feeds": now,
                 "outcome": "separated" }),
        format_args!(
            "record {} of {} feeds user {now} now, and no longer user {}",
            args.key, args.connector, person.id
        ),
    )?;
    Ok(Exit::Done)
}

/// A user with what feeds it, before it is merged.
fn side(person: &Person, becomes: Option<i64>, records: &[Resource], origins: &Origins) -> (Value, String) {
    let mut words = match becomes {
        None => format!("user {}  {}  stays", person.id, person.name()),
        Some(other) => format!("user {}  {}  would become user {other}", person.id, person.name()),
    };
    let mut listed = Vec::new();
    for record in records {
        let Some(names) = origins.entity_type(record.entity_type_id) else { continue };
        words += &format!("\n  {} {} {}", names.connector, names.name, record.key);
        listed.push(json!({ "connector": names.connector, "entity_type": names.name, "key": record.key }));
    }
    (json!({ "user": person.id, "name": person.name(), "would_become": becomes, "records": listed }), words)
}

fn reason(words: &str) -> anyhow::Result<&str> {
    match words.trim() {
        "" => Err(Refusal::usage("say why, in a few words: --reason").into()),
        words => Ok(words),
    }
}

fn refusal(error: ByHandError) -> anyhow::Error {
    match error {
        ByHandError::Database(error) => error.into(),
        ByHandError::Task(error) => error.into(),
        ByHandError::NoPerson(_) | ByHandError::NotTheirs => Refusal::not_found(error.to_string()).into(),
        ByHandError::Same => Refusal::usage(error.to_string()).into(),
        ByHandError::Busy | ByHandError::OnlyOne | ByHandError::NoConnector => {
            Refusal::conflict(error.to_string()).into()
        }
    }
}
