//! Services that lie, break off, hang, or lead elsewhere: never an empty list, always an error that says what and where.

use super::Document;
use crate::support::scim::TOKEN;
use crate::support::web_responder::{Reply, Request, WebResponder, answer, json};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A service whose users are answered by `users(number of the request for users, request)`.
fn service(users: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> WebResponder {
    let count = std::sync::atomic::AtomicUsize::new(0);
    WebResponder::start(move |_, request| match request.target.starts_with("/Users") {
        true => users(count.fetch_add(1, std::sync::atomic::Ordering::SeqCst), request),
        false => json(json!({ "filter": { "supported": true }, "pagination": { "cursor": false } })),
    })
}

fn list(total: u64, ids: &[u32]) -> Value {
    let resources: Vec<Value> = ids.iter().map(|id| json!({ "id": id.to_string(), "userName": "x" })).collect();
    json!({ "schemas": [LIST], "totalResults": total, "Resources": resources })
}

fn document(service: &WebResponder) -> Document {
    Document::new(&service.url()).set("timeout_seconds", 1).users(&["id", "userName"])
}

/// The answer to the first page is this; the export fails with these words.
#[track_caller]
fn refused(reply: impl Fn() -> Reply + Send + Sync + 'static, words: &[&str]) -> bool {
    let service = service(move |_, _| reply());
    let mut all = vec!["table `users` (Users), page 1", "nothing of it is used", "/Users"];
    all.extend(words);
    document(&service).fails_with(&all).transient
}

#[test]
fn what_is_no_list_is_never_an_empty_one() {
    let html = || answer("200 OK", &[("Content-Type", "text/html; charset=utf-8")], "<html>Sign in</html>");
    assert!(!refused(html, &["no JSON (text/html", "sign-in page"]));
    refused(|| answer("200 OK", &[], &list(0, &[]).to_string()), &["nothing said about its type"]);
    let gzip = || answer("200 OK", &[("Content-Type", "application/json"), ("Content-Encoding", "gzip")], "\u{1f}");
    refused(gzip, &["compressed (gzip)"]);
    refused(|| answer("204 No Content", &[], ""), &["204", "no complete answer"]);
    refused(|| json(json!([])), &["no SCIM list"]);
    refused(|| json(json!({})), &["no SCIM list"]);
    refused(|| json(json!({ "error": "who are you?" })), &["no SCIM list"]);
    refused(|| json(json!({ "schemas": [LIST] })), &["no totalResults"]);
    refused(
        || json(json!({ "schemas": [LIST], "totalResults": "3", "Resources": [] })),
        &["totalResults is no number"],
    );
    refused(|| json(json!({ "schemas": [LIST], "totalResults": 3, "Resources": {} })), &["Resources is no list"]);
    let twice = format!(r#"{{ "schemas": ["{LIST}"], "totalResults": 0, "Resources": [], "resources": [{{}}] }}"#);
    refused(move || json(&twice), &["Resources twice"]);
    refused(|| json(json!({ "schemas": [LIST], "totalResults": 1, "Resources": [7] })), &["should be a resource"]);
    refused(|| json(json!({ "schemas": [LIST], "totalResults": 1, "Resources": [{}] })), &["has no id"]);
}

#[test]
fn what_breaks_off_is_never_taken_for_the_end() {
    let whole = list(2, &[1, 2]).to_string();
    let (cut, length) = (whole[..whole.len() - 4].to_owned(), whole.len());
    let short = move || {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        Reply::Bytes((head + &cut).into_bytes())
    };
    assert!(refused(short, &["broke before the answer was complete"]));
    // Without a length, only the JSON tells.
    let cut = whole[..whole.len() - 4].to_owned();
    let unmeasured =
        move || Reply::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{cut}").into_bytes());
    assert!(refused(unmeasured, &["is no JSON: EOF"]));
    let chunk = || {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        Reply::Bytes(format!("{head}5\r\n{{\"sch\r\n").into_bytes())
    };
    assert!(refused(chunk, &["broke before the answer was complete"]));
    assert!(refused(|| Reply::Bytes(Vec::new()), &["connection"]));
    assert!(refused(|| Reply::Bytes(b"SSH-2.0-OpenSSH_9\r\n".to_vec()), &["connection"]));
    assert!(!refused(|| json("{\"schemas\": nope}"), &["is no JSON"]));
    assert!(!refused(|| json("{\"schemas\": [\"\\ud83d\"]}"), &["no SCIM list"]));
}

#[test]
fn who_hangs_is_waited_for_only_so_long() {
    let began = Instant::now();
    assert!(refused(|| Reply::Hang, &["within 1 s"]));
    let half = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"schemas\":";
    let stuck = service(move |_, _| Reply::Bytes(half.into()));
    document(&stuck).fails_with(&["broke before"]);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_answer_without_end_is_cut_at_a_limit() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[";
    let endless = move || Reply::Endless(head.into(), vec![b' '; 1 << 16]);
    assert!(!refused(endless, &["larger than 32 MiB", "page_size"]));
    let announced = || {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n";
        Reply::Bytes(head.into())
    };
    assert!(!refused(announced, &["larger than 32 MiB"]));
}

#[test]
fn nesting_however_deep_is_harmless() {
    let depth = 1 << 20;
    let deep = format!(
        "{{\"schemas\": [\"{LIST}\"], \"totalResults\": 1, \"Resources\": [{{\"id\": \"1\", \"x\": {}{}}}]}}",
        "[".repeat(depth),
        "]".repeat(depth)
    );
    let service = service(move |_, _| json(&deep));
    assert_eq!(document(&service).export().unwrap().rows("users"), [["1", ""]]);
    refused(move || json("[".repeat(depth)), &["is no JSON"]);
}

#[test]
fn a_redirect_is_an_error_that_names_where_it_leads() {
    let login = || answer("302 Found", &[("Location", "https://login.example.org/in?state=canary")], "");
    assert!(!refused(login, &["302 Found", "https://login.example.org/in", "not followed"]));
    let elsewhere = WebResponder::start(|_, _| json(list(0, &[])));
    let (from, to) = (elsewhere.url(), elsewhere.url());
    refused(move || answer("307 Temporary Redirect", &[("Location", &from)], ""), &[&to]);
    assert!(elsewhere.requests().is_empty(), "the token was sent elsewhere");
    refused(|| answer("301 Moved Permanently", &[("Location", "/v3/Users")], ""), &["/v3/Users"]);
}

#[test]
fn errors_are_told_in_the_services_words_without_the_secret() {
    let scim = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "403",
                       "detail": "not for you.\u{7}" });
    assert!(!refused(
        move || answer("403 Forbidden", &[], &scim.to_string()),
        &["403 Forbidden: not for you. This account"]
    ));
    let leak = json!({ "detail": format!("token {TOKEN} has expired") });
    refused(move || answer("401 Unauthorized", &[], &leak.to_string()), &["401", "Check the token"]);
    assert!(refused(|| answer("500 Internal Server Error", &[], "<html>"), &["500", "has a fault"]));
    assert!(!refused(|| answer("404 Not Found", &[], ""), &["404"]));
}

#[test]
fn a_busy_service_is_asked_again_when_it_says_so_and_within_bounds() {
    let busy = service(|number, _| match number {
        0 => answer("429 Too Many Requests", &[("Retry-After", "1")], ""),
        1 => answer("503 Service Unavailable", &[("Retry-After", "0")], ""),
        _ => json(list(2, &[1, 2])),
    });
    let began = Instant::now();
    assert_eq!(document(&busy).export().unwrap().rows("users").len(), 2);
    assert!(began.elapsed() >= Duration::from_secs(1), "it was asked again too early");
    assert_eq!(busy.requests().len(), 4);

    let late = || answer("503 Service Unavailable", &[("Retry-After", "3600")], "");
    assert!(refused(late, &["too busy", "503", "3600 s"]));
    let never = service(|_, _| answer("429 Too Many Requests", &[("Retry-After", "0")], ""));
    assert!(document(&never).fails_with(&["too busy"]).transient);
    assert!(never.requests().len() < 10, "{}", never.requests().len());
}

#[test]
fn pages_that_do_not_add_up_are_refused() {
    // totalResults is too large, too small, or changes.
    let pages = |pages: Vec<Value>| service(move |number, _| json(pages.get(number).cloned().unwrap_or(list(0, &[]))));
    let short = pages(vec![list(5, &[1, 2]), list(5, &[2]), list(5, &[])]);
    assert!(document(&short).fails_with(&["says there are 5 records, but gave only 2", "page 3"]).transient);
    assert!(!refused(|| json(list(1, &[1, 2])), &["says there are 1 records, but gives more"]));
    assert!(!refused(|| json(list(0, &[1])), &["says there are 0 records, but gives more"]));
    assert!(refused(|| json(list(3, &[])), &["says there are 3 records, but gave only 0"]));
    let grows = pages(vec![list(4, &[1, 2]), list(5, &[2, 3])]);
    assert!(document(&grows).fails_with(&["there are 4 records, and now 5", "page 1, 2 resources read"]).transient);
    // The same page whatever is asked for.
    let same = pages(vec![list(4, &[1, 2]), list(4, &[1, 2]), list(4, &[1, 2])]);
    document(&same).fails_with(&["does not go on where the one before it ended"]);
    // One was deleted and another made: the total is the same, and a page would leave one out.
    let shifted = pages(vec![list(5, &[1, 2, 3]), list(5, &[4, 5, 6])]);
    assert!(document(&shifted).fails_with(&["records came or went"]).transient);
    let twice = pages(vec![list(4, &[1, 2]), list(4, &[2, 1, 4])]);
    document(&twice).fails_with(&["a record came twice"]);
    let elsewhere = service(|number, _| {
        let mut page = list(4, &[1, 2]);
        page["startIndex"] = (if number == 0 { 1 } else { 7 }).into();
        json(page)
    });
    document(&elsewhere).fails_with(&["the page from 2 was asked for, and the one from 7 came"]);
}

#[test]
fn a_service_that_gives_one_at_a_time_is_read_all_the_same() {
    let one = service(|_, request| {
        let from: u32 = request.parameter("startIndex").unwrap().parse().unwrap();
        json(list(3, &[from]))
    });
    assert_eq!(document(&one).export().unwrap().column("users", "id"), ["1", "2", "3"]);
}

/// A page by cursor.
fn page(ids: &[u32], total: Option<u64>, next: Option<&str>) -> Value {
    let mut page = list(0, ids);
    page["totalResults"] = total.into();
    page["nextCursor"] = next.into();
    page
}

#[test]
fn cursors_that_lead_nowhere_are_refused() {
    let by_cursor = |pages: fn(usize) -> Value| {
        let service = service(move |number, _| json(pages(number)));
        let table = "name = \"users\"\nresource = \"Users\"\npaging = \"cursor\"\n";
        (Document::new(&service.url()).table(table, &["id"]), service)
    };
    let (document, _service) = by_cursor(|number| match number {
        0 => page(&[1, 2], None, Some("a")),
        1 => page(&[], None, Some("b")),
        _ => page(&[3], None, None),
    });
    let export = document.export().unwrap();
    assert_eq!(export.column("users", "id"), ["1", "2", "3"]);
    assert_eq!(export.ends["users"].words, "no next cursor after 3 pages with 3 records");

    let (document, _service) = by_cursor(|number| page(&[number as u32], None, Some("a")));
    document.fails_with(&["cursors lead nowhere"]);
    let (document, _service) = by_cursor(|number| page(&[], None, Some(&number.to_string())));
    document.fails_with(&["cursors lead nowhere"]);
    let (document, _service) = by_cursor(|number| match number {
        0 => page(&[1, 2], Some(4), Some("a")),
        _ => page(&[3], Some(4), None),
    });
    document.fails_with(&["says there are 4 records, but gave only 3"]);
}
