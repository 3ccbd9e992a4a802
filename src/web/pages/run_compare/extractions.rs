//! What two runs read, table by table: rows, columns, and what their values look like.

use crate::model::extraction::{self, ExtractionFile, ExtractionId};
use crate::model::profile::ColumnProfile;
use crate::model::run::Run;
use crate::web::words;
use diesel::QueryResult;
use diesel::pg::PgConnection;

/// A share of empty values that differs by less is not told.
const EMPTY_SHARE: f64 = 0.01;
/// A number of different values that differs by less is not told: it is an estimate where there are many.
const DISTINCT_SHARE: f64 = 0.1;

/// One table of both runs.
pub(super) struct TableLine {
    /// `connection.table`
    pub name: String,
    /// Rows, or that the table was not read.
    pub rows: [String; 2],
    /// Whether both read the same bytes.
    pub is_same: bool,
    /// What differs in its columns, in sentences.
    pub differences: Vec<String>,
}

/// The tables of both runs' extractions.
pub(super) fn lines(conn: &mut PgConnection, one: &Run, other: &Run) -> QueryResult<Vec<TableLine>> {
    let mut files = |run: &Run| match run.extraction_id {
        Some(id) => extraction::files(conn, ExtractionId(id)),
        None => Ok(Vec::new()),
    };
    let (one, other) = (files(one)?, files(other)?);
    let mut names: Vec<&String> = one.iter().chain(&other).map(|file| &file.source_table).collect();
    names.sort();
    names.dedup();
    let find = |files: &'_ [ExtractionFile], name: &str| files.iter().position(|file| file.source_table == name);
    Ok(names
        .into_iter()
        .map(|name| line(name, find(&one, name).map(|at| &one[at]), find(&other, name).map(|at| &other[at])))
        .collect())
}

fn line(name: &str, one: Option<&ExtractionFile>, other: Option<&ExtractionFile>) -> TableLine {
    let rows = |file: Option<&ExtractionFile>| match file {
        Some(file) => words::count(file.rows),
        None => "not read".to_owned(),
    };
    let (is_same, differences) = match (one, other) {
        (Some(one), Some(other)) => (one.sha256 == other.sha256, columns(one, other)),
        _ => (false, Vec::new()),
    };
    TableLine { name: name.to_owned(), rows: [rows(one), rows(other)], is_same, differences }
}

fn columns(one: &ExtractionFile, other: &ExtractionFile) -> Vec<String> {
    let mut told = Vec::new();
    let missing = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|name| !those.contains(name)).cloned().collect()
    };
    let (gone, new) = (missing(&one.header, &other.header), missing(&other.header, &one.header));
    if !gone.is_empty() {
        told.push(format!("without {}", gone.join(", ")));
    }
    if !new.is_empty() {
        told.push(format!("with new {}", new.join(", ")));
    }
    let kept = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|name| those.contains(name)).cloned().collect()
    };
    if kept(&one.header, &other.header) != kept(&other.header, &one.header) {
        told.push("the columns stand in another order".to_owned());
    }
    for column in &one.profile.columns {
        if let Some(now) = other.profile.column(&column.name) {
            told.extend(column_differences(column, one.profile.rows, now, other.profile.rows));
        }
    }
    told
}

fn column_differences(was: &ColumnProfile, were: u64, is: &ColumnProfile, are: u64) -> Vec<String> {
    let name = &was.name;
    let mut told = Vec::new();
    let (empty_then, empty_now) = (was.empty_share(were), is.empty_share(are));
    if (empty_then - empty_now).abs() >= EMPTY_SHARE {
        let percent = |share: f64| words::figure(share * 100.0);
        told.push(format!("{name}: {} % empty, was {} %", percent(empty_now), percent(empty_then)));
    }
    let (distinct_then, distinct_now) = (was.distinct as f64, is.distinct as f64);
    if (distinct_then - distinct_now).abs() > DISTINCT_SHARE * distinct_then.max(distinct_now) {
        let (now, then) = (words::count(is.distinct), words::count(was.distinct));
        told.push(format!("{name}: {now} different values, were {then}"));
    }
    if (was.min_length, was.max_length) != (is.min_length, is.max_length) {
        told.push(format!(
            "{name}: {}–{} characters long, were {}–{}",
            is.min_length, is.max_length, was.min_length, was.max_length
        ));
    }
    if let (Some((then, _)), Some((now, _))) = (was.shapes.first(), is.shapes.first())
        && then != now
    {
        told.push(format!("{name}: most look like {now}, did like {then}"));
    }
    told
}
