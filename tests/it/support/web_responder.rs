//! A web server that breaks every rule: it answers each request with whatever bytes a test gives it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A listening responder. Its threads end with the test process.
pub struct WebResponder {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path and query.
    pub target: String,
    /// The whole head.
    pub head: String,
}

impl Request {
    /// A parameter of the query, as it stands there.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What a request is answered with; then the connection is closed.
pub enum Reply {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing: the connection stays open.
    Hang,
    /// These bytes, then the same bytes again and again.
    Endless(Vec<u8>, Vec<u8>),
}

impl WebResponder {
    /// Answers each request, the first being number 0.
    pub fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let kept = requests.clone();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (kept.clone(), answer.clone());
                std::thread::spawn(move || converse(stream, &kept, &*answer));
            }
        });
        Self { port, requests }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn converse(
    mut stream: TcpStream,
    kept: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(usize, &Request) -> Reply + Send + Sync),
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let request = Request { target: head.split(' ').nth(1)?.to_owned(), head };
    let number = {
        let mut kept = kept.lock().unwrap();
        kept.push(request.clone());
        kept.len() - 1
    };
    match answer(number, &request) {
        Reply::Bytes(bytes) => stream.write_all(&bytes).ok(),
        Reply::Hang => stream.read_exact(&mut [0]).ok(),
        Reply::Endless(first, again) => {
            stream.write_all(&first).ok()?;
            while stream.write_all(&again).is_ok() {}
            None
        }
    }
}

/// A whole answer.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    Reply::Bytes((head + body).into_bytes())
}

/// JSON with status 200.
pub fn json(body: impl ToString) -> Reply {
    answer("200 OK", &[("Content-Type", "application/json")], &body.to_string())
}
