//! Resources one by one, a few at a time, each unless it still has the version that is known (RFC 7644 3.14).

use super::list::List;
use super::settings::ResourceTable;
use super::{Work, ask};
use crate::connectors::ConnectionError;
use crate::connectors::http::json::Json;
use crate::connectors::http::tag::EntityTag;
use crate::connectors::http::{Client, part_of_path, place};
use futures::{Stream, StreamExt};
use url::Url;

/// How many are asked for side by side.
const AT_ONCE: usize = 4;

/// A resource to be read.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its id.
    pub id: String,
    /// The version that was read last.
    pub known: Option<String>,
}

/// What became of one.
pub enum Single {
    /// Its JSON.
    Read(Vec<u8>),
    /// It still has the version that is known.
    Same,
    /// It is not there any more.
    Gone,
}

/// Reads them, in order.
pub fn read<'a>(
    work: &'a Work<'a>,
    list: &'a List<'a>,
    wanted: &'a [Wanted],
) -> impl Stream<Item = Result<Single, ConnectionError>> + 'a {
    let read = move |wanted: &'a Wanted| async move { one(work, wanted).await.map_err(|error| list.in_context(error)) };
    futures::stream::iter(wanted).map(read).buffered(AT_ONCE)
}

async fn one(work: &Work<'_>, wanted: &Wanted) -> Result<Single, ConnectionError> {
    // Without a tag the resource is read.
    let tag = wanted.known.as_deref().and_then(EntityTag::of);
    let answer = match work.client.get_unless(&address(work, &wanted.id), tag.as_ref()).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return Ok(Single::Same),
        Err(error) if is_gone(&error) => return Ok(Single::Gone),
        Err(error) => return Err(without_id(error, work.client, work.table)),
    };
    let refuse = |message: String, transient| Err(at_resource(work.client, work.table, &message, transient));
    let json = match Json::parse(&answer.body) {
        Ok(json) => json,
        Err(fault) => return refuse(format!("the answer is no JSON: {fault}"), fault.is_cut_off),
    };
    match json.get("id", true).and_then(Json::as_text) {
        Some(id) if id == wanted.id => Ok(Single::Read(answer.body)),
        _ => refuse("the answer is not about the resource that was asked for".to_owned(), false),
    }
}

fn address(work: &Work<'_>, id: &str) -> Url {
    let mut url = work.client.service().below(&format!("{}/{}", work.table.resource, part_of_path(id)));
    let attributes = ask(work.abilities, work.table, work.page_size).attributes;
    if !attributes.is_empty() {
        url.query_pairs_mut().append_pair("attributes", &attributes.join(","));
    }
    url
}

fn is_gone(error: &ConnectionError) -> bool {
    ["answered 404", "answered 410"].iter().any(|words| error.message.contains(words))
}

/// An id is data: it stays out of messages.
fn without_id(error: ConnectionError, client: &Client, table: &ResourceTable) -> ConnectionError {
    at_resource(client, table, &error.message, error.transient)
}

fn at_resource(client: &Client, table: &ResourceTable, message: &str, transient: bool) -> ConnectionError {
    let place = format!("{}/{{id}}", place(&client.service().below(&table.resource)));
    ConnectionError { place, message: format!("one resource of the list: {message}"), transient }
}
