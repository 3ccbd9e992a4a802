//! One request per record, where the list does not give all: a few at a time, in the order of the list.

use super::settings::{Detail, ListTable};
use crate::connectors::ConnectionError;
use crate::connectors::http::json::Json;
use crate::connectors::http::{Client, part_of_path, place};
use futures::{StreamExt, TryStreamExt};
use url::Url;

/// The whole record of each key. A record that is in the list and not to be had is a doubt about all.
pub async fn fetch(
    client: &Client,
    table: &ListTable,
    detail: &Detail,
    keys: Vec<String>,
) -> Result<Vec<Vec<u8>>, ConnectionError> {
    let requests = keys.into_iter().map(|key| async move {
        let url = address(client, detail, &key);
        let body = client.get(&url).await.map_err(|error| without_key(error, client, detail))?.body;
        let refuse = |message: String, transient| {
            let place = place(&client.service().below(&detail.path));
            Err(ConnectionError { place, message: format!("one record of the list: {message}"), transient })
        };
        let json = match Json::parse(&body) {
            Ok(json) => json,
            Err(fault) => return refuse(format!("the answer is no JSON: {fault}"), fault.is_cut_off),
        };
        let found = match &detail.record {
            Some(path) => path.find(json),
            None => vec![json],
        };
        let [record] = found[..] else { return refuse("there is no record at `detail_record`".to_owned(), false) };
        match table.key.values(record) {
            Ok(own) if record.is_object() && own.first().is_some_and(|own| *own == key) => {}
            _ => return refuse("the answer is not about the record that was asked for".to_owned(), false),
        }
        Ok(record.raw().as_bytes().to_vec())
    });
    futures::stream::iter(requests).buffered(detail.parallel).try_collect().await
}

fn address(client: &Client, detail: &Detail, key: &str) -> Url {
    client.service().below(&detail.path.replace("{key}", &part_of_path(key)))
}

/// The address with the key stays out of messages.
fn without_key(error: ConnectionError, client: &Client, detail: &Detail) -> ConnectionError {
    let place = place(&client.service().below(&detail.path)).replace("%7Bkey%7D", "{key}");
    let message = format!("one record of the list: {}", error.message);
    // Gone between list and request: the list has changed.
    let transient = error.transient || error.message.contains("answered 404") || error.message.contains("answered 410");
    ConnectionError { place, message, transient }
}
