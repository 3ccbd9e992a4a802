//! Files: sent at once, in pieces, over connections that break.

use crate::support::api::{Answer, Api, CLUBS, PEOPLE, campus};
use crate::support::program::Program;
use crate::support::site::Site;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::model::token::Scope;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PEOPLE_FILE: &str = "/api/v1/connectors/campus/tables/people/file";

fn served(auto_apply: bool) -> (Site, Api) {
    let program = Program::new();
    program.run_with_stdin(&["apply", "-"], &campus(auto_apply)).succeeded();
    let site = Site::start(program);
    let api = Api::with(&site, &[Scope::Upload, Scope::Read], Some("campus"));
    (site, api)
}

fn digest(content: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(content)))
}

/// What lies in the data directory for the connector, folders aside.
fn lying(site: &Site) -> usize {
    let entries = std::fs::read_dir(site.program.folder.path().join("uploads/1")).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file()).count()
}

/// Sends so many bytes of a request that announces more, and hangs up.
fn broken_off(site: &Site, api: &Api, head: &str, length: usize, sent: &[u8]) {
    let mut stream = TcpStream::connect(site.address.trim_start_matches("http://")).unwrap();
    let head =
        format!("{head} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n", api.secret);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"Upload-Offset: 0\r\n\r\n").unwrap();
    stream.write_all(sent).unwrap();
    stream.shutdown(std::net::Shutdown::Both).unwrap();
}

async fn head(api: &Api) -> Answer {
    Answer::to(api.request(Method::HEAD, PEOPLE_FILE)).await.is(200)
}

#[tokio::test]
async fn a_feed_is_sent_file_by_file_and_applied() {
    let (site, api) = served(false);
    let feed = api.get("/api/v1/connectors/campus/feed").await.is(200).json();
    assert_eq!(feed["missing"], json!(["feed.people", "feed.clubs"]));
    let refused = Answer::to(api.request(Method::POST, "/api/v1/connectors/campus/feed")).await;
    assert_eq!(refused.problem(409, "incomplete").json()["missing"], json!(["feed.people", "feed.clubs"]));

    let received = api.put(&format!("{PEOPLE_FILE}?name=people+of+today.csv"), "Id,Mail\n").await.is(200).json();
    assert_eq!((received["table"].as_str(), received["missing"].clone()), (Some("feed.people"), json!(["feed.clubs"])));
    let put = api.request(Method::PUT, &format!("{PEOPLE_FILE}?name=..%2Fpeople.csv"));
    let received =
        Answer::to(put.header("content-digest", digest(PEOPLE.as_bytes())).body(PEOPLE)).await.is(200).json();
    assert_eq!(
        (received["file"].as_str(), received["bytes"].as_u64()),
        (Some("people.csv"), Some(PEOPLE.len() as u64))
    );
    assert_eq!(lying(&site), 1, "the later one replaced the one before");
    let waiting = api.get(PEOPLE_FILE).await.is(200);
    assert_eq!(waiting.text, PEOPLE);
    assert_eq!(waiting.header("repr-digest"), digest(PEOPLE.as_bytes()));
    assert!(waiting.header("content-disposition").starts_with("attachment; filename=\"people.csv\""));

    let received = api.put("/api/v1/connectors/campus/tables/feed.clubs/file", CLUBS).await.is(200).json();
    assert_eq!((received["missing"].clone(), received["run"].clone()), (json!([]), Value::Null));
    let run = Answer::to(api.request(Method::POST, "/api/v1/connectors/campus/feed")).await.is(202).json();
    assert_eq!(run["trigger"], "api");
    let report = api.rests(&run["id"]).await;
    assert_eq!(report["state"], "completed_with_problems", "{report:#}");
    assert_eq!(report["result"]["created"], 3);
    let problems = api.get(&format!("/api/v1/runs/{}/problems", run["id"])).await.json();
    assert_eq!((problems["items"][0]["line"].as_u64(), problems["items"][0]["key"].as_str()), (Some(4), Some("3")));
    assert_eq!(lying(&site), 0, "the feed is used up");
}

#[tokio::test]
async fn a_feed_that_applies_itself_begins_with_its_last_file() {
    let (_site, api) = served(true);
    api.put("/api/v1/connectors/campus/tables/clubs/file", CLUBS).await.is(200);
    let received = api.put(PEOPLE_FILE, PEOPLE).await.is(200).json();
    let report = api.rests(&received["run"]).await;
    assert_eq!((report["trigger"].as_str(), report["result"]["created"].as_u64()), (Some("upload"), Some(3)));
}

#[tokio::test]
async fn what_is_not_what_was_sent_is_not_taken() {
    let (site, api) = served(false);
    let other = digest(b"something else");
    for header in ["content-digest", "repr-digest"] {
        let put = api.request(Method::PUT, PEOPLE_FILE).header(header, &other).body(PEOPLE);
        Answer::to(put).await.problem(400, "digest");
    }
    let put = api.request(Method::PUT, PEOPLE_FILE).header("content-digest", "md5=:AA==:").body(PEOPLE);
    Answer::to(put).await.problem(400, "bad_request");
    assert_eq!(lying(&site), 0);
    api.put("/api/v1/connectors/campus/tables/ghosts/file", "x").await.problem(404, "not_found");
    api.put("/api/v1/connectors/campus/tables/..%2F..%2Fx/file", "x").await.problem(404, "not_found");
    api.get(PEOPLE_FILE).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_connection_that_breaks_is_not_the_end_of_a_file() {
    let (site, api) = served(false);
    broken_off(&site, &api, &format!("PUT {PEOPLE_FILE}"), PEOPLE.len(), &PEOPLE.as_bytes()[..20]);
    broken_off(&site, &api, &format!("PATCH {PEOPLE_FILE}"), PEOPLE.len(), &PEOPLE.as_bytes()[..20]);
    let began = Instant::now();
    let there = loop {
        let answer = head(&api).await;
        if answer.header("upload-offset") == "20" {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(there.header("upload-complete"), "?0");
    let feed = api.get("/api/v1/connectors/campus/feed").await.json();
    assert_eq!(feed["files"], json!([]), "half a file is none");
    let began = Instant::now();
    while lying(&site) > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "the broken PUT leaves nothing");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let piece = |offset: u64, content: &'static str| {
        api.request(Method::PATCH, PEOPLE_FILE).header("upload-offset", offset).body(content)
    };
    let elsewhere = Answer::to(piece(7, "x")).await.problem(409, "offset");
    assert_eq!((elsewhere.header("upload-offset"), elsewhere.json()["offset"].as_u64()), ("20", Some(20)));
    Answer::to(piece(20, "xxx").header("content-digest", digest(b"yyy"))).await.problem(400, "digest");
    let middle = Answer::to(piece(20, &PEOPLE[20..40]).header("content-digest", digest(&PEOPLE.as_bytes()[20..40])));
    assert_eq!(middle.await.is(204).header("upload-offset"), "40");
    let last =
        piece(40, &PEOPLE[40..]).header("upload-complete", "?1").header("repr-digest", digest(PEOPLE.as_bytes()));
    let received = Answer::to(last).await.is(200).json();
    assert_eq!(received["bytes"].as_u64(), Some(PEOPLE.len() as u64));
    assert_eq!(api.get(PEOPLE_FILE).await.text, PEOPLE);
    let there = head(&api).await;
    assert_eq!((there.header("upload-complete"), there.header("repr-digest")), ("?1", &*digest(PEOPLE.as_bytes())));

    // A whole that is not what was sent is sent again from its beginning.
    let wrong = piece(0, "Id\n").header("upload-complete", "?1").header("repr-digest", digest(b"else"));
    Answer::to(wrong).await.problem(400, "digest");
    assert_eq!(api.get(PEOPLE_FILE).await.text, PEOPLE, "the file that was there stays");
}

#[tokio::test]
async fn what_would_be_too_large_is_refused_before_it_is_read() {
    let (site, api) = served(false);
    for (method, offset, length) in [("PUT", 0_u64, (8_u64 << 30) + 1), ("PATCH", 8 << 30, 1), ("PATCH", u64::MAX, 1)] {
        let mut stream = TcpStream::connect(site.address.trim_start_matches("http://")).unwrap();
        let head = format!(
            "{method} {PEOPLE_FILE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Length: {length}\r\nUpload-Offset: {offset}\r\n\r\n",
            api.secret
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 413", "{method} at {offset}");
    }
}

#[tokio::test]
async fn memory_stays_small_whatever_the_size() {
    const PIECES: u64 = 2048;
    let (site, api) = served(false);
    let before = site.most_memory();
    let piece = bytes::Bytes::from(vec![b'x'; 128 << 10]);
    let pieces = futures::stream::iter((0..PIECES).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
    let received = api.put(PEOPLE_FILE, reqwest::Body::wrap_stream(pieces)).await.is(200).json();
    assert_eq!(received["bytes"].as_u64(), Some(PIECES * (128 << 10)));
    let grown = site.most_memory() - before;
    assert!(grown < 32 << 20, "256 MiB came in, and memory grew by {grown} bytes");
}
