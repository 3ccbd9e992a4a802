//! A real JSON directory: people behind an API key, in every way of paging that is about.

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What one signs in with, in the header `X-Directory-Key`.
pub const API_KEY: &str = "canary-directory-key";

/// A directory; it stops with the value.
pub struct JsonDirectory {
    address: String,
    people: Arc<Mutex<Vec<Value>>>,
    handle: ServerHandle,
}

/// Somebody, changed in the given second of the day.
pub fn person(number: usize, second: usize) -> Value {
    json!({
        "guid": format!("{{{number:08x}-guid/é}}"), "number": 1000 + number,
        "name": { "first": format!("G{number}"), "last": format!("Family{number}") },
        "mails": [{ "kind": "work", "address": format!("p{number}@work.example") }, { "kind": "home", "address": "x@y" }],
        "teams": ["red", "blue"], "status": "active",
        "changed": format!("2026-11-29T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60),
    })
}

impl JsonDirectory {
    /// One with these people.
    pub fn start(people: Vec<Value>) -> Self {
        let people = Arc::new(Mutex::new(people));
        let (tell, told) = std::sync::mpsc::channel();
        let kept = people.clone();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(web::Data::from(kept.clone()))
                        .route("/api/all", web::get().to(all))
                        .route("/api/paged", web::get().to(paged))
                        .route("/api/offset", web::get().to(offset))
                        .route("/api/linked", web::get().to(linked))
                        .route("/api/header", web::get().to(header))
                        .route("/api/cursor", web::get().to(cursor))
                        .route("/api/people/{guid}", web::get().to(one))
                });
                let server = server.workers(2).disable_signals().shutdown_timeout(0).bind("127.0.0.1:0").unwrap();
                let address = format!("http://{}/api", server.addrs()[0]);
                let server = server.run();
                tell.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = told.recv().unwrap();
        Self { address, people, handle }
    }

    /// `http://127.0.0.1:12345/api`
    pub fn url(&self) -> String {
        self.address.clone()
    }

    /// Changes who is there.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.people.lock().unwrap());
    }
}

impl Drop for JsonDirectory {
    fn drop(&mut self) {
        // Sent at once; nobody has to wait for it.
        drop(self.handle.stop(false));
    }
}

type People = web::Data<Mutex<Vec<Value>>>;
type Query = web::Query<HashMap<String, String>>;

/// Who may be seen, and what changed since; the error is the answer.
fn seen(people: &People, request: &HttpRequest, query: &Query) -> Result<Vec<Value>, Box<HttpResponse>> {
    let key = request.headers().get("x-directory-key").and_then(|key| key.to_str().ok());
    if key != Some(API_KEY) {
        return Err(Box::new(HttpResponse::Unauthorized().json(json!({ "message": "who are you?" }))));
    }
    let people = people.lock().unwrap();
    let since = query.get("since").map(String::as_str).unwrap_or_default();
    Ok(people.iter().filter(|one| one["changed"].as_str().unwrap() >= since).cloned().collect())
}

fn number(query: &Query, name: &str, otherwise: usize) -> usize {
    query.get(name).map_or(otherwise, |number| number.parse().unwrap())
}

fn slice(people: &[Value], from: usize, count: usize) -> Vec<Value> {
    people.iter().skip(from).take(count).cloned().collect()
}

macro_rules! seen {
    ($people:expr, $request:expr, $query:expr) => {
        match seen(&$people, &$request, &$query) {
            Ok(people) => people,
            Err(answer) => return *answer,
        }
    };
}

async fn all(people: People, request: HttpRequest, query: Query) -> HttpResponse {
    HttpResponse::Ok().json(seen!(people, request, query))
}

/// Numbered from 1, at most 25 a page; only short of what makes detail requests worth while, or bare of all but the key.
async fn paged(people: People, request: HttpRequest, query: Query) -> HttpResponse {
    let people = seen!(people, request, query);
    let size = number(&query, "per_page", 25).min(25);
    let users = slice(&people, (number(&query, "page", 1) - 1) * size, size);
    let short: Vec<Value> = users.iter().map(|one| json!({ "guid": one["guid"], "changed": one["changed"] })).collect();
    let bare = users.iter().map(|one| json!({ "guid": one["guid"] })).collect();
    let users = match (query.contains_key("short"), query.contains_key("bare")) {
        (true, _) => short,
        (_, true) => bare,
        _ => users,
    };
    HttpResponse::Ok().json(json!({ "data": { "users": users }, "meta": { "total": people.len() } }))
}

async fn offset(people: People, request: HttpRequest, query: Query) -> HttpResponse {
    let people = seen!(people, request, query);
    let size = number(&query, "limit", 10).min(30);
    HttpResponse::Ok().json(slice(&people, number(&query, "offset", 0), size))
}

/// The next page as an address within the answer; on the last one it is null.
async fn linked(people: People, request: HttpRequest, query: Query) -> HttpResponse {
    let people = seen!(people, request, query);
    let from = number(&query, "from", 0);
    let next = (from + 20 < people.len()).then(|| format!("/api/linked?from={}", from + 20));
    HttpResponse::Ok().json(json!({ "items": slice(&people, from, 20), "links": { "next": next } }))
}

/// The next page as a Link header.
async fn header(people: People, request: HttpRequest, query: Query) -> HttpResponse {
    let people = seen!(people, request, query);
    let from = number(&query, "from", 0);
    let mut answer = HttpResponse::Ok();
    answer.append_header(("Link", "</api/header?from=0>; rel=\"first\""));
    if from + 20 < people.len() {
        answer.append_header(("Link", format!("<?from={}>; rel=\"next\"", from + 20)));
    }
    answer.json(slice(&people, from, 20))
}

/// The next page by a cursor; on the last one there is none.
async fn cursor(people: People, request: HttpRequest, query: Query) -> HttpResponse {
    let people = seen!(people, request, query);
    let from = query.get("after").map_or(0, |cursor| cursor.strip_prefix("c+").unwrap().parse().unwrap());
    let size = number(&query, "limit", 20).min(20);
    let mut answer = json!({ "items": slice(&people, from, size) });
    if from + size < people.len() {
        answer["next"] = format!("c+{}", from + size).into();
    }
    HttpResponse::Ok().json(answer)
}

async fn one(people: People, request: HttpRequest, query: Query, guid: web::Path<String>) -> HttpResponse {
    let people = seen!(people, request, query);
    match people.iter().find(|one| one["guid"] == guid.as_str()) {
        Some(one) => HttpResponse::Ok().json(json!({ "person": one })),
        None => HttpResponse::NotFound().json(json!({ "message": "nobody" })),
    }
}
