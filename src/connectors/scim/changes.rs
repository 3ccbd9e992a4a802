//! What changed since the last applied run, by dates: resources with a newer `meta.lastModified`, and the proof that none is gone.
//!
//! SCIM can't tell which resources were deleted. So the ids of all resources are read as well, and the sum of their
//! digests is held against the one that was there before: if it is that plus the resources that were created since, none
//! is gone, and none has come in otherwise. If not, everything has to be read to know which.

use super::list::{List, Question, known_by};
use super::settings::ResourceTable;
use super::{Work, ask, note_modified};
use crate::connectors::http::Client;
use crate::connectors::http::json::Json;
use crate::connectors::http::path::{Names, Path};
use crate::connectors::http::watermark::Watermark;
use crate::connectors::{Changes, ChangesError, ConnectionError, Extraction};
use crate::values::digest::Digest;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Instant;

/// How much earlier is read again, in seconds: services may show changes a little later than they date them.
const OVERLAP: u32 = 300;

/// The cursor of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What was read: another address, resource or filter is another source.
    source: String,
    /// The newest `meta.lastModified` that was seen.
    modified: String,
    /// Where to read on from: earlier by as long as the reading took, since what was read first may have changed
    /// meanwhile, and by what services show late.
    from: String,
    /// How many resources there were.
    count: u64,
    /// The sum of the digests of what they are known by, in hexadecimal.
    known: String,
    /// What they are known by, beside their ids.
    by: Vec<String>,
}

impl Position {
    /// Where a list stands that was read to its end; `None`: it can't tell when its resources changed, or the service
    /// does not tell what time it is, so that nobody knows which of them lie in the future.
    pub fn of(
        client: &Client,
        table: &ResourceTable,
        list: &List<'_>,
        modified: Option<Watermark>,
        began: Instant,
    ) -> Option<Value> {
        let (reading, modified) = (list.reading(), modified?.by_clock(client.clock())?);
        let took = u32::try_from(began.elapsed().as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let position = Self {
            source: source(client, table),
            modified: modified.to_string(),
            from: modified.minus(took.saturating_add(OVERLAP)).to_string(),
            count: reading.records(),
            known: format!("{:032x}", reading.set().0),
            by: keys(table),
        };
        serde_json::to_value(position).ok()
    }

    fn known(&self) -> Option<Digest> {
        u128::from_str_radix(&self.known, 16).ok().map(Digest)
    }
}

/// What is read: another address, resource or filter is another source.
pub fn source(client: &Client, table: &ResourceTable) -> String {
    format!("{} {}", client.service().below(&table.resource), table.filter.as_deref().unwrap_or_default())
}

/// Columns that keys are made of, and those that are mostly taken for keys. A resource whose key changes is another
/// record: the old one is gone. Its id never changes.
pub fn keys(table: &ResourceTable) -> Vec<String> {
    // The display name of a group is what it is called; that of a user changes with the person.
    let is_users = table.resource.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("users"));
    let usual =
        ["userName", "externalId", "displayName"].into_iter().filter(|key| !(is_users && *key == "displayName"));
    let mapped = |key: &&str| table.columns.iter().any(|column| column.eq_ignore_ascii_case(key));
    let mut keys: Vec<String> = usual.filter(mapped).map(str::to_owned).collect();
    for key in table.keys.iter().filter(|key| !key.eq_ignore_ascii_case("id")) {
        if !keys.iter().any(|known| known.eq_ignore_ascii_case(key)) {
            keys.push(key.clone());
        }
    }
    keys
}

/// The same as paths. A column that is no path is refused when the shape of rows is made.
pub fn key_paths(keys: &[String]) -> Vec<Path> {
    keys.iter().filter_map(|key| Path::parse(key, Names::Scim).ok()).collect()
}

/// Writes what changed since `since`.
pub async fn export(
    work: &Work<'_>,
    since: Option<&Value>,
    extraction: &mut dyn Extraction,
) -> Result<(), ChangesError> {
    let &Work { client, abilities, table, page_size } = work;
    let expired = |why: String| ChangesError::Expired(format!("{}: {why}", table.resource));
    let since = since.and_then(|since| serde_json::from_value::<Position>(since.clone()).ok());
    let Some(since) = since else {
        return Err(expired(
            "no applied run has read it whole yet with meta.lastModified in each resource, and the service's own time \
             in its answers (Date)"
                .to_owned(),
        ));
    };
    let known = (Watermark::parse(&since.modified), Watermark::parse(&since.from), since.known());
    let (Some(modified), Some(from), Some(before)) = known else {
        return Err(expired("where it stood can't be read".to_owned()));
    };
    if since.source != source(client, table) || since.by != keys(table) {
        return Err(expired("its address, filter or keys are others than in the last applied run".to_owned()));
    }
    if !abilities.filter {
        return Err(expired("the service does not say that it can filter, so it can't tell what changed".to_owned()));
    }

    let began = Instant::now();
    let mut shape = table.shape()?.of_changes();
    let header = shape.header();
    let changes = Changes { columns: &header, command_column: "command" };
    extraction.begin_changes(&table.name, &table.source_file(), &changes)?;
    let mut question = ask(abilities, table, page_size);
    question.filter = Some(with(&table.filter, &format!("meta.lastModified ge \"{from}\"")));
    let mut list = List::new(client, table, question);
    let (mut newest, mut created, mut new) = (Some(modified), Digest::ZERO, 0);
    let keys = key_paths(&since.by);
    list.all(&mut |resource| {
        note_modified(&mut newest, resource);
        if is_created_since(resource, modified, client.clock()) {
            let known = known_by(resource, &keys);
            // Those that the overlap shows again were counted the last time; who is which shows in the sum.
            created += known.map_err(|why| ConnectionError::permanent(&table.name, why))?;
            new += 1;
        }
        let row = shape.row(resource).map_err(|why| ConnectionError::permanent(&table.name, why))?;
        shape.write(row, Some("update"), extraction)
    })
    .await?;
    if from.is_ahead_of(client.clock()) {
        return Err(expired(
            "the service's clock is behind where the last applied run stood, so changes may be dated before that"
                .to_owned(),
        ));
    }

    let mut question = Question { filter: table.filter.clone(), ..ask(abilities, table, page_size) };
    question.attributes = vec!["id".to_owned()];
    for attribute in keys.iter().map(Path::attribute) {
        if !question.attributes.contains(&attribute) {
            question.attributes.push(attribute);
        }
    }
    let mut all = List::new(client, table, question);
    loop {
        let more = all.page(&mut |_| Ok(())).await?;
        let expected = since.count + new;
        if let Some(total) = all.reading().total().filter(|total| *total != expected) {
            let message = format!(
                "there are {total} resources where {expected} are expected ({} before, {new} created): which are gone \
                 or came in can only be known by reading all",
                since.count
            );
            return Err(expired(message));
        }
        if !more {
            break;
        }
    }
    if all.reading().set() != before + created {
        return Err(expired(
            "resources are gone, came in, or have other keys: which can only be known by reading all".to_owned(),
        ));
    }
    let mut end = list.end();
    end.words = format!("{}; {} ids read, none is gone", end.words, all.reading().records());
    end.figures.insert("ids".to_owned(), all.reading().records().into());
    extraction.end(end)?;
    if let Some(position) = Position::of(client, table, &all, newest, began) {
        extraction.cursor(position);
    }
    Ok(())
}

fn with(filter: &Option<String>, condition: &str) -> String {
    match filter {
        Some(filter) => format!("({filter}) and {condition}"),
        None => condition.to_owned(),
    }
}

/// Whether it was not there when the newest change was made that had been seen. A day in the future tells nothing: if it
/// is new, the sum of all ids shows it.
fn is_created_since(resource: Json<'_>, modified: Watermark, clock: Option<DateTime<Utc>>) -> bool {
    let created = resource.get("meta", true).and_then(|meta| meta.get("created", true)?.as_text());
    let created = created.and_then(|created| Watermark::parse(&created));
    created.is_some_and(|created| created > modified && !created.is_ahead_of(clock))
}
