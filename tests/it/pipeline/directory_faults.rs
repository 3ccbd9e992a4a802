//! A directory that hangs, breaks off, gives less than everything, or is empty: the run fails or blocks, nothing has
//! changed, the message says what and where, and the next good run works.

use super::directory_example::Company;
use super::stored::{apply, assert_figures, report, rows, run, state};
use crate::support::directory::{ADMIN, Directory, Organization, READER};
use crate::support::program::Ran;
use crate::support::responder::Responder;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SMALL: Organization = Organization { users: 300, groups: 20, staff: 200 };

/// A company that was read once; small pages and little patience make its faults quick.
struct Synchronized {
    company: Company,
    rows: Vec<String>,
    state: Vec<String>,
}

impl Synchronized {
    fn through(company: Company, url: &str) -> Self {
        company.apply_document(url, impatient);
        apply(&company.muster, "directory");
        let (rows, state) = (rows(&company.muster), state(&company.muster));
        assert!(state.len() > 1000, "{}", state.len());
        Self { company, rows, state }
    }

    fn run(&self) -> Ran {
        self.company.run()
    }

    /// The run has failed, its message has all these words, and nothing has changed.
    #[track_caller]
    fn failed(&self, ran: Ran, words: &[&str]) {
        let run = report(&ran.exited(1));
        assert_eq!(run["state"], "failed", "{run}");
        let error = run["result"]["errors"][0].as_str().unwrap();
        for word in words {
            assert!(error.contains(word), "{word:?} in {error:?}");
        }
        assert_eq!(
            (run["tasks"][0]["stage"].as_str(), run["tasks"][0]["state"].as_str()),
            (Some("export"), Some("failed"))
        );
        self.is_as_it_was();
    }

    #[track_caller]
    fn is_as_it_was(&self) {
        assert_eq!(rows(&self.company.muster), self.rows);
        assert_eq!(state(&self.company.muster), self.state);
    }

    /// The next good run finds everything as it was.
    #[track_caller]
    fn recovers(&self) {
        let run = report(&self.run().succeeded());
        assert_eq!(run["state"], "completed");
        assert_figures(&run, "entity_types", "ldap_user", &[("read", 300), ("unchanged", 300)]);
        assert_figures(&run, "entity_types", "ldap_group", &[("read", 20), ("unchanged", 20)]);
        self.is_as_it_was();
    }
}

fn impatient(document: String) -> String {
    let changed =
        document.replace("page_size = 500", "page_size = 50").replace("timeout_seconds = 30", "timeout_seconds = 2");
    assert_ne!(changed, document);
    changed
}

#[test]
fn a_directory_that_hangs() {
    let company = Company::new(&SMALL.ldif());
    let url = company.directory.url();
    let read = Synchronized::through(company, &url);

    read.company.directory.pause();
    let began = Instant::now();
    let ran = read.run();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    read.company.directory.resume();
    read.failed(ran, &[&url, "within 2 s"]);
    read.recovers();

    let silent = Responder::silent();
    read.company.apply_document(&silent.url(), impatient);
    read.failed(read.run(), &[&silent.url(), "within 2 s"]);
    read.company.apply_document(&url, impatient);
    read.recovers();
}

#[test]
fn a_directory_that_breaks_off() {
    let company = Company::new(&SMALL.ldif());
    let way = Way::to(&company.directory);
    let read = Synchronized::through(company, &way.url());

    // In the sign-in, in the first page, and some pages later.
    for (limit, words) in
        [(5, &["connection"][..]), (4_000, &["connection", "ou=people"]), (30_000, &["connection", "ou=people"])]
    {
        way.end_after(limit);
        let mut all = vec![way.url()];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        read.failed(read.run(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    }
    way.end_after(usize::MAX);
    read.recovers();
}

#[test]
fn a_directory_that_gives_less_than_everything() {
    let directory = Directory::builder()
        .entries(&SMALL.ldif())
        .configure(&format!("limits dn.exact=\"{READER}\" size.soft=50 size.hard=50 size.prtotal=150"))
        .start();
    let url = directory.url();
    let read = Synchronized::through(Company::of(directory), &url);

    read.company.apply_document(&url, |document| impatient(document).replace(ADMIN, READER));
    read.failed(read.run(), &[&url, "ou=people,dc=example,dc=org", "sizeLimitExceeded (4)"]);
    read.company.apply_document(&url, impatient);
    read.recovers();
}

#[test]
fn a_directory_that_is_empty() {
    let company = Company::new(&SMALL.ldif());
    let empty = Directory::start();
    let way = Way::to(&company.directory);
    let read = Synchronized::through(company, &way.url());

    way.lead_to(&empty);
    let ran = read.run();
    let blocked = report(&ran.exited(3));
    assert_eq!(blocked["state"], "blocked");
    let messages: Vec<&str> = blocked["breaches"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|breach| breach["guard"] == "empty_source")
        .map(|breach| breach["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        messages,
        [
            "ldap_user had 300 records, and its source has no rows now",
            "ldap_group had 20 records, and its source has no rows now"
        ]
    );
    read.is_as_it_was();

    read.company.muster.run(&["discard", &blocked["id"].to_string()]).succeeded();
    read.is_as_it_was();
    way.lead_to(&read.company.directory);
    read.recovers();

    // Blocked again and not decided: the next good run supersedes it.
    way.lead_to(&empty);
    let blocked = report(&run(&read.company.muster, "directory").exited(3));
    way.lead_to(&read.company.directory);
    read.recovers();
    let superseded = report(&read.company.muster.run(&["show", &blocked["id"].to_string(), "--json"]).succeeded());
    assert_eq!(superseded["state"], "superseded");
}

/// A way to a directory that can end, or lead elsewhere.
struct Way {
    port: u16,
    target: Arc<AtomicU16>,
    limit: Arc<AtomicUsize>,
}

impl Way {
    fn to(directory: &Directory) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (target, limit) = (Arc::new(AtomicU16::new(directory.port())), Arc::new(AtomicUsize::new(usize::MAX)));
        let way = Self { port, target: target.clone(), limit: limit.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", target.load(Ordering::SeqCst))).unwrap();
                let limit = limit.load(Ordering::SeqCst);
                let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from_client, &mut to_server);
                    let _ = to_server.shutdown(Shutdown::Both);
                });
                std::thread::spawn(move || answer(server, client, limit));
            }
        });
        way
    }

    fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    fn end_after(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::SeqCst);
    }

    fn lead_to(&self, directory: &Directory) {
        self.target.store(directory.port(), Ordering::SeqCst);
    }
}

/// Passes on so many bytes, then ends the connection.
fn answer(mut from_server: TcpStream, mut to_client: TcpStream, limit: usize) {
    let mut passed = 0;
    let mut buffer = [0; 1000];
    while passed < limit {
        let wanted = buffer.len().min(limit - passed);
        let Ok(read) = from_server.read(&mut buffer[..wanted]) else { break };
        if read == 0 || to_client.write_all(&buffer[..read]).is_err() {
            break;
        }
        passed += read;
    }
    let _ = to_client.shutdown(Shutdown::Both);
    let _ = from_server.shutdown(Shutdown::Both);
}
