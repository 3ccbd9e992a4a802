//! A directory server that lies: it speaks just enough LDAP to sign in, and answers searches with whatever bytes a test
//! gives it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A listening responder. Its threads end with the test process.
pub struct Responder {
    port: u16,
    connections: Arc<AtomicUsize>,
}

/// What a search is answered with.
pub enum Answer {
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, then the connection is closed.
    Close(Vec<u8>),
}

const BIND_REQUEST: u8 = 0x60;
const SEARCH_REQUEST: u8 = 0x63;

impl Responder {
    /// Signs everybody in and answers searches with `search(message id, request)`.
    pub fn start(search: impl Fn(u32, &[u8]) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        let search = Arc::new(search);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let search = search.clone();
                std::thread::spawn(move || converse(stream, &*search));
            }
        });
        Self { port, connections }
    }

    /// Accepts connections and never says a word.
    pub fn silent() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                held.push(stream);
            }
        });
        Self { port, connections }
    }

    /// `ldap://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn converse(mut stream: TcpStream, search: &(dyn Fn(u32, &[u8]) -> Answer + Send + Sync)) {
    while let Some(request) = read_message(&mut stream) {
        let header = if request[1] < 0x80 { 2 } else { 2 + usize::from(request[1] & 0x7f) };
        let end_of_id = header + 2 + usize::from(request[header + 1]);
        let id = request[header + 2..end_of_id].iter().fold(0, |id, digit| id << 8 | u32::from(*digit));
        let operation = request[end_of_id];
        let answer = match operation {
            BIND_REQUEST => Answer::Bytes(message(id, &result(0x61, 0, ""))),
            SEARCH_REQUEST => search(id, &request),
            _ => return,
        };
        let (bytes, close) = match answer {
            Answer::Bytes(bytes) => (bytes, false),
            Answer::Close(bytes) => (bytes, true),
        };
        if stream.write_all(&bytes).is_err() || close {
            return;
        }
    }
}

fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 2];
    stream.read_exact(&mut bytes).ok()?;
    let mut length = usize::from(bytes[1]);
    if length >= 0x80 {
        let mut digits = vec![0; length & 0x7f];
        stream.read_exact(&mut digits).ok()?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        bytes.extend(digits);
    }
    let header = bytes.len();
    bytes.resize(header + length, 0);
    stream.read_exact(&mut bytes[header..]).ok()?;
    Some(bytes)
}

/// One BER element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag, 0x84];
    bytes.extend((content.len() as u32).to_be_bytes());
    bytes.extend(content);
    bytes
}

/// The content of an INTEGER.
pub fn integer(value: u32) -> Vec<u8> {
    let digits = u64::from(value).to_be_bytes();
    let first = digits.windows(2).position(|pair| pair[0] != 0 || pair[1] >= 0x80).unwrap_or(7);
    digits[first..].to_vec()
}

/// An LDAP message around an operation.
pub fn message(id: u32, operation: &[u8]) -> Vec<u8> {
    element(0x30, &[element(2, &integer(id)), operation.to_vec()].concat())
}

/// A result of the given operation: code, no matched DN, text.
pub fn result(tag: u8, code: u8, text: &str) -> Vec<u8> {
    element(tag, &[element(10, &[code]), element(4, b""), element(4, text.as_bytes())].concat())
}

/// An attribute and its values.
pub type Attribute<'a> = (&'a str, &'a [&'a [u8]]);

/// A search result entry.
pub fn entry(id: u32, dn: &[u8], attributes: &[Attribute]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes
        .iter()
        .flat_map(|(name, values)| {
            let values: Vec<u8> = values.iter().flat_map(|value| element(4, value)).collect();
            element(0x30, &[element(4, name.as_bytes()), element(0x31, &values)].concat())
        })
        .collect();
    message(id, &element(0x64, &[element(4, dn), element(0x30, &attributes)].concat()))
}

/// The end of a page, with this cookie in the paging control.
pub fn end_of_page(id: u32, code: u8, cookie: &[u8]) -> Vec<u8> {
    end_with_control(id, code, &element(0x30, &[element(2, &[0]), element(4, cookie)].concat()))
}

/// The end of a page, with this value of the paging control.
pub fn end_with_control(id: u32, code: u8, value: &[u8]) -> Vec<u8> {
    let control = element(0x30, &[element(4, b"1.2.840.113556.1.4.319"), element(4, value)].concat());
    element(0x30, &[element(2, &integer(id)), result(0x65, code, ""), element(0xa0, &control)].concat())
}

/// The end of a search without any control.
pub fn end_without_control(id: u32, code: u8) -> Vec<u8> {
    message(id, &result(0x65, code, ""))
}
