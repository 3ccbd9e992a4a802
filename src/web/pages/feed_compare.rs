//! Two feeds of a connector side by side: what is new, gone and other, table by table, as the files have it.

use super::feeds::defined;
use crate::model::extraction::ExtractionId;
use crate::model::feed::{self, Feed, FeedFile};
use crate::pipeline::feed_comparison::{self, Compared, Divergence, What};
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use tokio::sync::Semaphore;

#[derive(Template)]
#[template(path = "pages/feed_compare.html")]
struct FeedComparePage {
    layout: Layout,
    /// Run's page, words, moment; the earlier feed first.
    sides: Vec<(String, String, When)>,
    tables: Vec<TableLine>,
}

/// One table of both feeds.
struct TableLine {
    name: String,
    rows: Vec<String>,
    /// Added, removed, changed, same.
    figures: Option<[u64; 4]>,
    /// What else there is to say.
    words: Vec<String>,
    sample: Vec<DivergenceLine>,
}

struct DivergenceLine {
    badge: Badge,
    divergence: Divergence,
}

/// Which two.
#[derive(Deserialize)]
pub struct FeedCompareQuery {
    one: i64,
    other: i64,
}

/// One comparison at a time: it holds the keys of both feeds in memory.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    query: Query<FeedCompareQuery>,
) -> Result<HttpResponse, WebError> {
    let ids = [query.one.min(query.other), query.one.max(query.other)];
    let (connector, definition, feeds) = context
        .db(move |conn| {
            let (connector, definition) = defined(conn, &name)?;
            let mut feeds = Vec::new();
            for id in ids {
                let found = feed::find(conn, connector.id, ExtractionId(id))?;
                feeds.push(found.ok_or_else(|| WebError::missing("feed", id))?);
            }
            Ok((connector, definition, feeds))
        })
        .await?;
    // The connection to the database is given back while the files are read.
    let _turn = ONE_AT_A_TIME.acquire().await.map_err(|_| WebError::Stopped)?;
    let store = context.work.store.clone();
    let compared = actix_web::web::block(move || {
        let mut names: Vec<&String> = feeds.iter().flat_map(|feed| &feed.files).map(|file| &file.table).collect();
        names.sort();
        names.dedup();
        let mut tables = Vec::new();
        for name in names {
            let find = |feed: &'_ Feed| feed.files.iter().find(|file| file.table == *name).cloned();
            let files: Vec<Option<FeedFile>> = feeds.iter().map(find).collect();
            let key = definition.as_ref().and_then(|definition| feed_comparison::key_column(definition, name));
            let compared = match &files[..] {
                [Some(earlier), Some(later)] => Some(
                    feed_comparison::compare(&store, earlier, later, key)
                        .map_err(|error| WebError::Internal(error.to_string()))?,
                ),
                _ => None,
            };
            tables.push(line(name, &files, compared));
        }
        Ok::<_, WebError>((tables, feeds))
    });
    let (tables, feeds) = compared.await.map_err(|_| WebError::Stopped)??;
    context
        .page(visitor, move |_, layout| {
            let side = |feed: &Feed| {
                (links::run(feed.run), format!("Feed of run {}", feed.run), When::new(feed.received_at, layout.now))
            };
            Ok(FeedComparePage {
                sides: feeds.iter().map(side).collect(),
                tables,
                layout: layout
                    .titled(Section::Feeds, "Two feeds")
                    .under(links::FEEDS, "Batch files")
                    .under(links::of_connector(&connector.name, "feeds"), connector.display_name.clone()),
            })
        })
        .await
}

fn line(name: &str, files: &[Option<FeedFile>], compared: Option<Compared>) -> TableLine {
    let rows = files.iter().map(|file| match file {
        Some(file) => words::count(file.rows.unsigned_abs()),
        None => "not there".to_owned(),
    });
    let mut line =
        TableLine { name: name.to_owned(), rows: rows.collect(), figures: None, words: Vec::new(), sample: Vec::new() };
    match compared {
        None => line.words.push("Only one of the feeds has it.".to_owned()),
        Some(Compared::Same) => line.words.push("The same content.".to_owned()),
        Some(Compared::TooLarge) => line.words.push(format!(
            "Other content. Records are compared one by one up to {} of them, and {}; save both files to compare more.",
            words::count(feed_comparison::MOST_ROWS.unsigned_abs()),
            words::bytes(feed_comparison::MOST_BYTES.unsigned_abs())
        )),
        Some(Compared::Differs(found)) => {
            line.figures = Some([found.added, found.removed, found.changed, found.same]);
            if !found.gone_columns.is_empty() {
                line.words.push(format!("Columns that are gone: {}.", found.gone_columns.join(", ")));
            }
            if !found.new_columns.is_empty() {
                line.words.push(format!("New columns: {}.", found.new_columns.join(", ")));
            }
            line.sample = found.sample.into_iter().map(DivergenceLine::of).collect();
        }
    }
    line
}

impl DivergenceLine {
    fn of(divergence: Divergence) -> Self {
        let badge = match divergence.what {
            What::Added => Badge::new("good", "i-plus", "New"),
            What::Removed => Badge::new("bad", "i-minus", "Gone"),
            What::Changed => Badge::new("active", "i-change", "Other"),
        };
        Self { badge, divergence }
    }
}
