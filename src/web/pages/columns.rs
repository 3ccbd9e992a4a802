//! What the columns of a run's extraction look like, beside those of the last applied run before it.

use super::run::find;
use crate::model::extraction::{self, ExtractionFile, ExtractionId};
use crate::model::profile::{ColumnProfile, TableProfile};
use crate::model::run::RunId;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

/// Shapes and values that are shown of a column.
const SHOWN: usize = 3;
/// From which difference of shares on a figure is marked.
const REMARKABLE: f64 = 0.05;

#[derive(Template)]
#[template(path = "pages/columns.html")]
struct ColumnsPage {
    layout: Layout,
    tables: Vec<TableView>,
    compared: Option<(RunId, String)>,
}

/// One table.
struct TableView {
    name: String,
    file: String,
    rows: Figure,
    columns: Vec<ColumnView>,
}

/// One column.
struct ColumnView {
    name: String,
    /// `new` or `gone`, if it is.
    news: &'static str,
    figures: Vec<(&'static str, Figure)>,
}

/// A figure now and, where it differs, before.
struct Figure {
    now: String,
    before: Option<String>,
    is_remarkable: bool,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<i32>) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    context
        .page(visitor, move |conn, layout| {
            let run = find(conn, id)?;
            let now = match run.extraction_id {
                Some(extraction) => extraction::files(conn, ExtractionId(extraction))?,
                None => Vec::new(),
            };
            let last = extraction::applied_before(conn, run.connector_id, id)?;
            let before = match &last {
                Some((_, extraction)) => extraction::files(conn, extraction.id)?,
                None => Vec::new(),
            };
            let layout =
                layout.titled(Section::Runs, format!("Columns of run {id}")).under(links::run(id), format!("Run {id}"));
            let tables =
                now.iter().map(|file| table(file, before.iter().find(|one| one.source_table == file.source_table)));
            let compared = last.map(|(run, _)| (run, links::run(run)));
            Ok(ColumnsPage { tables: tables.collect(), compared, layout })
        })
        .await
}

fn table(now: &ExtractionFile, before: Option<&ExtractionFile>) -> TableView {
    let known = |name: &String| before.is_none_or(|before| before.header.contains(name));
    let mut columns: Vec<ColumnView> = now
        .profile
        .columns
        .iter()
        .map(|column| ColumnView {
            name: column.name.clone(),
            news: if known(&column.name) { "" } else { "new" },
            figures: figures(
                (column, &now.profile),
                before.and_then(|before| Some((before.profile.column(&column.name)?, &before.profile))),
            ),
        })
        .collect();
    let gone = before.into_iter().flat_map(|before| &before.header).filter(|name| !now.header.contains(name));
    columns.extend(gone.map(|name| ColumnView { name: name.clone(), news: "gone", figures: Vec::new() }));
    let rows = Figure {
        now: words::count(now.rows),
        before: before.filter(|before| before.rows != now.rows).map(|before| words::count(before.rows)),
        is_remarkable: before
            .is_some_and(|before| before.rows.abs_diff(now.rows) as f64 > REMARKABLE * before.rows as f64),
    };
    TableView { name: now.source_table.clone(), file: now.source_file.clone(), rows, columns }
}

fn figures(
    now: (&ColumnProfile, &TableProfile),
    before: Option<(&ColumnProfile, &TableProfile)>,
) -> Vec<(&'static str, Figure)> {
    let empty = |(column, table): (&ColumnProfile, &TableProfile)| column.empty_share(table.rows);
    let share = |share: f64| format!("{} %", words::figure(share * 100.0));
    let distinct = |(column, _): (&ColumnProfile, &TableProfile)| words::count(column.distinct);
    let lengths = |(column, _): (&ColumnProfile, &TableProfile)| match (column.min_length, column.max_length) {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least}–{most}"),
    };
    let most = |list: &[(String, u64)]| {
        list.iter().take(SHOWN).map(|one| one.0.replace(' ', "␣")).collect::<Vec<_>>().join(", ")
    };
    let shapes = |(column, _): (&ColumnProfile, &TableProfile)| most(&column.shapes);
    let top = |(column, _): (&ColumnProfile, &TableProfile)| {
        column.top.iter().take(SHOWN).map(|one| one.0.as_str()).collect::<Vec<_>>().join(", ")
    };
    let figure = |text: String, was: Option<String>, is_remarkable: bool| {
        let before = was.filter(|was| *was != text);
        Figure { is_remarkable: is_remarkable && before.is_some(), now: text, before }
    };
    let first = |(column, _): (&ColumnProfile, &TableProfile)| column.shapes.first().map(|one| one.0.clone());
    let other_shape = before.is_some_and(|before| first(before) != first(now));
    let more_empty = before.is_some_and(|before| (empty(before) - empty(now)).abs() > REMARKABLE);
    let other_count = before.is_some_and(|(before, _)| {
        before.distinct.abs_diff(now.0.distinct) as f64 > (4.0 * REMARKABLE * before.distinct as f64).max(2.0)
    });
    vec![
        ("Empty", figure(share(empty(now)), before.map(|before| share(empty(before))), more_empty)),
        ("Different", figure(distinct(now), before.map(distinct), other_count)),
        ("Length", figure(lengths(now), before.map(lengths), false)),
        ("Shapes", figure(shapes(now), before.map(shapes), other_shape)),
        ("Frequent values", figure(top(now), before.map(top), false)),
    ]
}
