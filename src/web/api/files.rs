//! A file of a feed: sent at once (`PUT`), or in pieces over connections that break (`PATCH`, after the IETF's draft on
//! resumable uploads): each piece says where it begins (`Upload-Offset`) and whether it is the last (`Upload-Complete`),
//! and `HEAD` says how much is there. Digests are those of RFC 9530, of a piece and of the whole.

use super::feeds::definition;
use super::gate::Client;
use super::problem::Problem;
use crate::model::connection::SourceTable;
use crate::model::connector::Connector;
use crate::model::run::{RunId, StartError};
use crate::model::upload::{self, Upload};
use crate::pipeline::upload::{self as feed, Received, Sending, UploadError};
use crate::store::{LARGEST_FILE, Pieces, Sealed};
use crate::web::error::WebError;
use crate::web::{WebContext, download, incoming};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde::Deserialize;
use serde_json::json;

const OFFSET: &str = "upload-offset";
const COMPLETE: &str = "upload-complete";
const OF_THE_BODY: &str = "content-digest";
const OF_THE_FILE: &str = "repr-digest";

/// What the sender calls the file.
#[derive(Debug, Deserialize)]
pub struct FileQuery {
    name: Option<String>,
}

/// Where a file goes.
struct Place {
    client: Client,
    connector: Connector,
    table: SourceTable,
    /// What messages call the file.
    name: String,
}

/// Takes a whole file in.
pub async fn put(
    context: Data<WebContext>,
    client: Client,
    path: Path<(String, String)>,
    query: Query<FileQuery>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let _door = incoming::door().ok_or_else(busy)?;
    fits(&request, 0)?;
    let sha256 = match digest(&request, OF_THE_BODY)? {
        Some(digest) => Some(digest),
        None => digest(&request, OF_THE_FILE)?,
    };
    let place = place(&context, client, path.into_inner(), query.into_inner()).await?;
    let (data_dir, connector) = (context.work.data_dir.clone(), place.connector.id);
    let taken = incoming::pass(payload, move |source| feed::take_in(&data_dir, connector, source, sha256.as_deref()))
        .await
        .ok_or(WebError::Stopped)??;
    received(&context, place, taken).await
}

/// Takes a piece in; the last one makes the file whole.
pub async fn patch(
    context: Data<WebContext>,
    client: Client,
    path: Path<(String, String)>,
    query: Query<FileQuery>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let _door = incoming::door().ok_or_else(busy)?;
    let offset: u64 = said(&request, OFFSET)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::request("Upload-Offset says where the piece begins: a number, 0 for a new file"))?;
    let is_last = match said(&request, COMPLETE) {
        Some("?1") => true,
        Some("?0") | None => false,
        Some(_) => return Err(Problem::request("Upload-Complete is ?1 for the last piece, else ?0")),
    };
    fits(&request, offset)?;
    let (of_the_piece, of_the_file) = (digest(&request, OF_THE_BODY)?, digest(&request, OF_THE_FILE)?);
    let place = place(&context, client, path.into_inner(), query.into_inner()).await?;
    let (data_dir, table) = (context.work.data_dir.clone(), place.table.clone());
    let folder = feed::folder(place.connector.id);
    let (there, whole) = incoming::pass(payload, move |source| {
        let mut pieces = Pieces::open(&data_dir, &folder, &table.0)?;
        let there = pieces.append(offset, source, of_the_piece.as_deref())?;
        let whole = match is_last {
            true => Some(pieces.finish(&data_dir, &folder, of_the_file.as_deref())?),
            false => None,
        };
        Ok::<_, UploadError>((there, whole))
    })
    .await
    .ok_or(WebError::Stopped)??;
    match whole {
        Some(taken) => received(&context, place, taken).await,
        None => Ok(HttpResponse::NoContent().insert_header((OFFSET, there)).insert_header((COMPLETE, "?0")).finish()),
    }
}

/// How much of a file that comes in pieces is there; or, where a whole one waits, its length and digest.
pub async fn head(
    context: Data<WebContext>,
    client: Client,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let place = place(&context, client, path.into_inner(), FileQuery { name: None }).await?;
    let data_dir = context.work.data_dir.clone();
    let (there, waiting) = context
        .ask(move |conn| {
            let there = Pieces::length(&data_dir, &feed::folder(place.connector.id), &place.table.0);
            let there = there.map_err(|error| WebError::Internal(error.to_string()))?;
            let waiting = upload::waiting(conn, place.connector.id)?;
            Ok((there, waiting.into_iter().find(|file| file.source_table == place.table)))
        })
        .await?;
    let mut answer = HttpResponse::Ok();
    match waiting.filter(|_| there == 0) {
        None => answer.insert_header((OFFSET, there)).insert_header((COMPLETE, "?0")),
        Some(file) => answer
            .insert_header((OFFSET, file.bytes))
            .insert_header((COMPLETE, "?1"))
            .insert_header((OF_THE_FILE, structured(&file.sha256))),
    };
    Ok(answer.finish())
}

/// The file that waits for its feed, as it was sent.
pub async fn get(
    context: Data<WebContext>,
    client: Client,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let place = place(&context, client, path.into_inner(), FileQuery { name: None }).await?;
    let data_dir = context.work.data_dir.clone();
    let (upload, file) = context
        .ask(move |conn| {
            let waiting = upload::waiting(conn, place.connector.id)?;
            let missing = || Problem::missing("file that waits for", &place.table);
            let upload = waiting.into_iter().find(|file| file.source_table == place.table).ok_or_else(missing)?;
            // A feed may have taken it away between the two looks.
            let file = std::fs::File::open(data_dir.join(&upload.path)).map_err(|_| missing())?;
            Ok((upload, file))
        })
        .await?;
    let mut answer = download::attachment(&upload.file_name, "application/octet-stream");
    answer.insert_header((OF_THE_FILE, structured(&upload.sha256)));
    Ok(answer.streaming(download::stream(file)))
}

async fn place(
    context: &WebContext,
    client: Client,
    (name, table): (String, String),
    query: FileQuery,
) -> Result<Place, Problem> {
    context
        .ask(move |conn| {
            let connector = client.connector(conn, &name)?;
            let table = feed::table_of(&definition(conn, &connector)?, &table)?;
            let name = query.name.unwrap_or_else(|| table.0.clone());
            Ok(Place { client, connector, table, name })
        })
        .await
}

/// Puts a file that is here on the list, and starts what it may start.
async fn received(context: &WebContext, place: Place, taken: (String, Sealed)) -> Result<HttpResponse, Problem> {
    let (data_dir, enqueue) = (context.work.data_dir.clone(), context.work.enqueue.clone());
    let answer = context
        .ask(move |conn| {
            let Place { client, connector, table, name } = place;
            let by = client.who();
            let definition = definition(conn, &connector)?;
            let sending = Sending { table: &table.0.clone(), file_name: &name, by: &by, at: Utc::now() };
            let received = feed::record(conn, &data_dir, connector.id, &definition, table, &sending, taken)?;
            Ok(match feed::apply_by_itself(conn, &received, &by, &enqueue) {
                None => words(&received, None, None),
                Some(Ok(run)) => words(&received, Some(run), None),
                Some(Err(StartError::Database(error))) => return Err(error.into()),
                Some(Err(reason)) => words(&received, None, Some(reason.to_string())),
            })
        })
        .await?;
    Ok(HttpResponse::Ok().insert_header((COMPLETE, "?1")).json(answer))
}

fn words(received: &Received, run: Option<RunId>, waits: Option<String>) -> serde_json::Value {
    let Upload { source_table, file_name, bytes, sha256, .. } = &received.upload;
    json!({
        "table": source_table, "file": file_name, "bytes": bytes, "sha256": sha256, "missing": received.missing,
        "auto_apply": received.auto_apply, "run": run, "waits_because": waits,
    })
}

fn said<'a>(request: &'a HttpRequest, header: &str) -> Option<&'a str> {
    request.headers().get(header)?.to_str().ok().map(str::trim)
}

/// Refuses what would be too large before it is read, where the sender says how much it is.
fn fits(request: &HttpRequest, offset: u64) -> Result<(), Problem> {
    let length: Option<u64> = said(request, header::CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok());
    match length.unwrap_or(0).checked_add(offset) {
        Some(whole) if whole <= LARGEST_FILE => Ok(()),
        _ => Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "a file may have 8 GiB; split its table")
            .with("most", LARGEST_FILE)),
    }
}

fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many files are being received; try again in a moment")
        .with_header("retry-after", 10)
}

/// The SHA-256 of a digest field (RFC 9530), as lower-case hex.
fn digest(request: &HttpRequest, header: &'static str) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(header) else { return Ok(None) };
    let refused = || Problem::request(format_args!("{header} is sha-256=:BASE64:; other digests are not checked here"));
    let text = value.to_str().map_err(|_| refused())?;
    let encoded = text.split(',').find_map(|one| one.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).filter(|bytes| bytes.len() == 32);
    let bytes = bytes.ok_or_else(refused)?;
    Ok(Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// A digest in hex as a digest field.
fn structured(hex: &str) -> String {
    let nibbles: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).filter_map(|it| u8::try_from(it).ok()).collect();
    let bytes: Vec<u8> =
        nibbles.chunks(2).map(|pair| pair.iter().fold(0, |byte, nibble| (byte << 4) | nibble)).collect();
    format!("sha-256=:{}:", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn digests_are_read_as_they_are_written() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let read = |value: &str| {
            digest(&TestRequest::get().insert_header((OF_THE_BODY, value)).to_http_request(), OF_THE_BODY)
        };
        assert_eq!(read(&structured(hex)).unwrap().as_deref(), Some(hex));
        assert_eq!(read(&format!("md5=:AA==:, {}", structured(hex))).unwrap().as_deref(), Some(hex));
        for wrong in ["sha-256=abc", "sha-256=:abc", "sha-256=:AAAA:", "md5=:AA==:", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(digest(&TestRequest::get().to_http_request(), OF_THE_BODY).unwrap(), None);
    }
}
