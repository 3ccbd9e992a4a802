//! `muster user matches`, `match` and `unmatch`: records of which it is not clear who they are, decided, and taken back.

use crate::cli::{Context, Exit, Refusal, Session, who};
use crate::model::as_of::AsOf;
use crate::model::correlation::{self, Decided, DecidedFilter, NewDecision};
use crate::model::doubt::{self, Doubt, DoubtFilter};
use crate::model::entity_type;
use crate::model::problem::ProblemCode;
use crate::pipeline::people::candidates::Candidate;
use crate::pipeline::people::matches::{self, Choice};
use clap::ArgGroup;
use diesel::PgConnection;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rows that are read at once.
const AT_ONCE: i64 = 500;

/// Which records, or decisions.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only of this connector.
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Only for this reason: ambiguous_match, local_person, no_match, possible_move.
    #[arg(long, value_parser = code)]
    code: Option<ProblemCode>,
    /// Only of keys that begin so.
    #[arg(long, value_name = "BEGINNING")]
    key: Option<String>,
    /// Instead, what was decided and stands.
    #[arg(long, conflicts_with = "code")]
    decided: bool,
}

/// Which records, and who they are.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("verdict").required(true))]
pub(super) struct Args {
    /// The connector of the records.
    connector: String,
    /// Their keys, as `muster user matches` has them.
    #[arg(required_unless_present = "all")]
    keys: Vec<String>,
    /// All records of this connector that are in doubt instead.
    #[arg(long, conflicts_with = "keys")]
    all: bool,
    /// Only for this reason: ambiguous_match, local_person, no_match, possible_move.
    #[arg(long, value_parser = code)]
    code: Option<ProblemCode>,
    /// Each is the one user that it may be; records that may be several or none are left.
    #[arg(long, group = "verdict")]
    exact: bool,
    /// Each is a new user.
    #[arg(long, group = "verdict")]
    new: bool,
    /// The record is this user: id, user name, mail or employee id.
    #[arg(long, group = "verdict", value_name = "USER", conflicts_with = "all")]
    existing: Option<String>,
    /// Each is nobody, and no problem, until that is taken back.
    #[arg(long, group = "verdict")]
    ignore: bool,
    /// Why: it stands with the decision and in the audit log.
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// Do it; without this only what would be decided is listed.
    #[arg(long)]
    yes: bool,
}

/// Which decisions.
#[derive(Debug, clap::Args)]
pub(super) struct UndoArgs {
    /// Their numbers, from `muster user matches --decided`.
    #[arg(required = true)]
    decisions: Vec<i64>,
}

fn code(word: &str) -> Result<ProblemCode, String> {
    let found = doubt::CODES.into_iter().find(|code| code.as_str() == word);
    found.ok_or_else(|| format!("write one of {}", doubt::CODES.map(ProblemCode::as_str).join(", ")))
}

pub(super) fn list(context: &Context, session: &Session, args: ListArgs) -> anyhow::Result<Exit> {
    let connector = args.connector.map(|name| session.connector(&name)).transpose()?.map(|connector| connector.id);
    let mut conn = session.connection()?;
    if args.decided {
        let mut filter = DecidedFilter { connector, key: args.key, before: None };
        loop {
            let decided = correlation::standing(&mut conn, &filter, AT_ONCE)?;
            let Some(last) = decided.last() else { return Ok(Exit::Done) };
            filter.before = Some(last.id);
            for one in &decided {
                context.output.data(&decided_as_json(one), decided_in_words(one))?;
            }
        }
    }
    let filter = DoubtFilter { connector, code: args.code, key: args.key };
    let mut after = None::<(i32, String)>;
    loop {
        let from = after.as_ref().map(|(entity_type, key)| (*entity_type, key.as_str()));
        let doubts = doubt::page(&mut conn, &filter, from, AT_ONCE)?;
        let Some(last) = doubts.last() else { break };
        after = Some((last.entity_type_id, last.key.clone()));
        let mut candidates = matches::candidates(&mut conn, &doubts)?;
        for (place, doubt) in doubts.iter().enumerate() {
            let candidates = candidates.remove(&place).unwrap_or_default();
            context.output.data(&as_json(doubt, &candidates), in_words(doubt, &candidates))?;
        }
    }
    if after.is_none() {
        context.output.message("no record is in doubt");
    }
    Ok(Exit::Done)
}

pub(super) fn decide(context: &Context, session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let connector = session.connector(&args.connector)?;
    let choice = match (&args.existing, args.exact, args.new) {
        (Some(user), ..) => Choice::Existing(super::find(session, &AsOf::Now, user)?.id),
        (None, true, _) => Choice::Exact,
        (None, _, true) => Choice::New,
        (None, false, false) => Choice::Ignore,
    };
    let mut conn = session.connection()?;
    let names: BTreeMap<i32, String> =
        entity_type::ids(&mut conn, connector.id)?.into_iter().map(|(name, id)| (id.0, name)).collect();
    let (by, reason) = (who(), args.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()));
    let mut decided = 0;
    let mut work = |conn: &mut PgConnection, decisions: &[NewDecision]| -> anyhow::Result<()> {
        if args.yes {
            correlation::decide(conn, decisions, &by, reason)?;
        }
        decided += decisions.len();
        for one in decisions {
            let entity_type = names.get(&one.entity_type).map_or("", String::as_str);
            let (is, user) = (one.verdict.as_str(), one.verdict.person());
            let outcome = if args.yes { "decided" } else { "would be decided" };
            let whom = user.map_or_else(|| is.to_owned(), |user| format!("user {user}"));
            context.output.data(
                &json!({ "connector": connector.name, "entity_type": entity_type, "key": one.key, "is": is,
                         "user": user, "outcome": outcome }),
                format_args!("{} {entity_type} {}: {outcome}: {whom}", connector.name, one.key),
            )?;
        }
        Ok(())
    };
    let filter = |key: Option<String>| DoubtFilter { connector: Some(connector.id), code: args.code, key };
    if args.all {
        matches::each(&mut conn, &filter(None), choice, &mut work)?;
    } else {
        let mut doubts = Vec::new();
        for key in &args.keys {
            let found = doubt::page(&mut conn, &filter(Some(key.clone())), None, AT_ONCE)?;
            let before = doubts.len();
            doubts.extend(found.into_iter().filter(|doubt| doubt.key == *key));
            if doubts.len() == before {
                return Err(Refusal::not_found(format!(
                    "no record of {} with the key {key:?} is in doubt; `muster user matches --connector {}` lists those \
                     that are",
                    connector.name, connector.name
                ))
                .into());
            }
        }
        let decisions = matches::decisions(&mut conn, doubts, choice)?;
        work(&mut conn, &decisions)?;
    }
    match (decided, args.yes) {
        (0, _) => Err(Refusal::conflict("no record was found of which this can be said").into()),
        (_, true) => {
            context.output.message(format_args!("the next complete run of {} goes by it", connector.name));
            Ok(Exit::Done)
        }
        (several, false) => {
            Err(Refusal::usage(format!("{several} would be decided so; say --yes if it is meant")).into())
        }
    }
}

pub(super) fn undo(context: &Context, session: &Session, args: &UndoArgs) -> anyhow::Result<Exit> {
    let undone = correlation::undo(&mut *session.connection()?, &args.decisions, &who())?;
    if undone == 0 {
        return Err(Refusal::not_found(
            "none of these decisions stands; `muster user matches --decided` lists those that do",
        )
        .into());
    }
    context.output.data(
        &json!({ "undone": undone }),
        format_args!("{undone} taken back; who was found stays who it is: `muster user separate` changes that"),
    )?;
    Ok(Exit::Done)
}

fn as_json(doubt: &Doubt, candidates: &[Candidate]) -> Value {
    let candidates: Vec<Value> = candidates
        .iter()
        .map(|one| {
            json!({ "user": one.person, "name": one.name, "state": one.state, "made_by_hand": one.is_local,
                    "property": one.property, "field": one.field, "value": one.value, "has": one.taken_by })
        })
        .collect();
    json!({ "connector": doubt.connector, "entity_type": doubt.entity_type, "key": doubt.key, "code": doubt.code,
            "run": doubt.run_id, "file": doubt.file, "line": doubt.line, "message": doubt.message,
            "properties": doubt.attributes, "candidates": candidates })
}

fn in_words(doubt: &Doubt, candidates: &[Candidate]) -> String {
    let mut words =
        format!("{} {} {}  {}: {}", doubt.connector, doubt.entity_type, doubt.key, doubt.code, doubt.message);
    for one in candidates {
        let taken = one.taken_by.as_ref().map(|key| format!(", has {key} already")).unwrap_or_default();
        words += &format!("\n  user {}  {}  ({} is {}{taken})", one.person, one.name, one.field, one.value);
    }
    words
}

fn decided_as_json(one: &Decided) -> Value {
    json!({ "decision": one.id, "connector": one.connector, "entity_type": one.entity_type, "key": one.key,
            "is": one.decision, "user": one.person_id, "feeds": one.feeds, "decided_by": one.decided_by,
            "decided_at": one.decided_at, "reason": one.comment })
}

fn decided_in_words(one: &Decided) -> String {
    let whom = one.person_id.map(|user| format!(" user {user}")).unwrap_or_default();
    let reason = one.comment.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "{:>6}  {} {} {}  is {}{whom}  by {}, {}{reason}",
        one.id,
        one.connector,
        one.entity_type,
        one.key,
        one.decision,
        one.decided_by,
        one.decided_at.format("%Y-%m-%d")
    )
}
