//! Directories that hang, break off or do not give everything: always an error, never a shorter table.

use super::Document;
use crate::support::directory::{Directory, Organization, PASSWORD, READER};
use crate::support::recorder::Recorder;
use crate::support::relay::Relay;
use crate::support::responder::{Answer, Responder, end_of_page, end_without_control, entry, message, result};
use muster::connectors::kind;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::time::{Duration, Instant};

#[test]
fn a_server_that_never_answers_ends_by_time_out() {
    let server = Responder::silent();
    for secure in [false, true] {
        let began = Instant::now();
        let url = if secure { server.url().replace("ldap:", "ldaps:") } else { server.url() };
        let error = Document::new(std::slice::from_ref(&url)).people(&["uid"]).set("timeout_seconds", 1).failure();
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(3), "{took:?}");
        assert!(error.transient && error.place == url && error.message.contains("within 1 s"), "{error}");
    }
}

#[test]
fn a_server_that_stops_in_the_middle_ends_by_time_out() {
    let directory =
        Rc::new(Directory::builder().entries(&Organization { users: 3000, groups: 0, staff: 0 }.ldif()).start());
    let stopping = directory.clone();
    let (sender, stopped_at) = std::sync::mpsc::channel();
    let on_row = move |rows| {
        if rows == 150 {
            stopping.pause();
            sender.send(Instant::now()).unwrap();
        }
    };
    let mut recorder = Recorder::default();
    recorder.on_row = Some(Box::new(on_row));
    let document = Document::new(&[directory.url()]).people(&["uid"]).set("timeout_seconds", 1).set("page_size", 100);
    let error = kind("ldap").unwrap().export(&document.request(), &mut recorder).unwrap_err();
    directory.resume();
    let took = stopped_at.recv().unwrap().elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?}");
    assert!(error.transient && error.message.contains("no answer within 1 s"), "{error}");
    for word in ["ou=people,dc=example,dc=org", "(objectClass=inetOrgPerson)", "entries read", "nothing of it is used"]
    {
        assert!(error.message.contains(word), "{word}: {error}");
    }
}

#[test]
fn a_connection_cut_anywhere_is_an_error() {
    let directory = Directory::builder().entries(&Organization { users: 300, groups: 0, staff: 0 }.ldif()).start();
    let document = |limit| {
        let relay = Relay::breaking_after(limit, directory.port());
        let url = format!("ldap://127.0.0.1:{}", relay.port);
        Document::new(&[url]).people(&["uid", "cn"]).set("page_size", 100)
    };
    assert_eq!(document(u64::MAX).export().unwrap().rows("people").len(), 300);
    for limit in [5, 14, 100, 5_000, 9_999, 15_000, 20_000] {
        let error = document(limit).failure();
        assert!(error.transient && error.message.contains("connection"), "after {limit} bytes: {error}");
    }
}

#[test]
fn a_size_limit_is_never_taken_for_the_end() {
    for (limit, expected) in [
        ("size.soft=50 size.hard=50 size.prtotal=150", "sizeLimitExceeded (4)"),
        ("size.soft=50 size.hard=50 size.prtotal=disabled", "adminLimitExceeded (11)"),
        ("size.unchecked=10", "adminLimitExceeded (11)"),
    ] {
        let directory = Directory::builder()
            .entries(&Organization { users: 300, groups: 0, staff: 0 }.ldif())
            .configure(&format!("limits dn.exact=\"{READER}\" {limit}"))
            .start();
        let error =
            Document::new(&[directory.url()]).people(&["uid"]).set("bind_dn", READER).set("page_size", 40).failure();
        assert!(error.message.contains(expected) && !error.transient, "{limit}: {error}");
        assert!(error.message.contains("ou=people,dc=example,dc=org"), "{error}");
        assert_eq!(error.place, directory.url());
    }
}

#[test]
fn an_account_under_a_soft_limit_reads_everything_in_pages() {
    let directory = Directory::builder()
        .entries(&Organization { users: 300, groups: 0, staff: 0 }.ldif())
        .configure(&format!("limits dn.exact=\"{READER}\" size.soft=50 size.hard=100 size.prtotal=unlimited"))
        .start();
    let document = Document::new(&[directory.url()]).people(&["uid"]).set("bind_dn", READER).set("page_size", 40);
    assert_eq!(document.export().unwrap().rows("people").len(), 300);
}

#[test]
fn a_base_that_does_not_exist_is_an_error() {
    let directory = Directory::start();
    let table = "name = \"t\"\nbase = \"ou=nowhere,dc=example,dc=org\"\nattributes = [\"uid\"]";
    let error = Document::new(&[directory.url()]).table(table).failure();
    assert!(error.message.contains("noSuchObject (32)") && error.message.contains("ou=nowhere"), "{error}");
}

#[test]
fn a_page_without_its_control_is_an_error() {
    let server = Responder::start(|id, _| {
        Answer::Bytes([entry(id, b"uid=a", &[("uid", &[b"a"])]), end_without_control(id, 0)].concat())
    });
    let error = Document::new(&[server.url()]).people(&["uid"]).failure();
    assert!(
        error.message.contains("left out the paging control") && error.message.contains("1 entries read"),
        "{error}"
    );
    assert!(!error.transient);
}

#[test]
fn a_later_page_without_its_control_is_an_error() {
    let server = Responder::start(|id, request| {
        let second = request.windows(6).any(|window| window == b"cookie");
        let end = if second { end_without_control(id, 0) } else { end_of_page(id, 0, b"cookie") };
        Answer::Bytes([entry(id, b"uid=a", &[("uid", &[b"a"])]), end].concat())
    });
    let error = Document::new(&[server.url()]).people(&["uid"]).failure();
    assert!(
        error.message.contains("left out the paging control") && error.message.contains("2 entries read"),
        "{error}"
    );
}

#[test]
fn results_other_than_success_are_errors_even_with_a_control() {
    for (code, name, transient) in [
        (3, "timeLimitExceeded", true),
        (4, "sizeLimitExceeded", false),
        (11, "adminLimitExceeded", false),
        (12, "unavailableCriticalExtension", false),
        (51, "busy", true),
        (52, "unavailable", true),
        (53, "unwillingToPerform", false),
        (80, "other", false),
    ] {
        let server = Responder::start(move |id, _| {
            Answer::Bytes([entry(id, b"uid=a", &[("uid", &[b"a"])]), end_of_page(id, code, b"")].concat())
        });
        let error = Document::new(&[server.url()]).people(&["uid"]).failure();
        assert!(error.message.contains(&format!("{name} ({code})")), "{error}");
        assert_eq!(error.transient, transient, "{error}");
    }
}

#[test]
fn the_reason_a_server_gives_for_hanging_up_is_told() {
    let server = Responder::start(|_, _| Answer::Close(message(0, &result(0x78, 52, "going down for repair"))));
    let error = Document::new(&[server.url()]).people(&["uid"]).failure();
    assert!(error.transient && error.message.contains("unavailable (52): going down for repair"), "{error}");
}

#[test]
fn a_password_that_a_server_repeats_does_not_get_into_the_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 1000];
            let _ = client.read(&mut request);
            let _ = client.write_all(&message(1, &result(0x61, 49, &format!("{PASSWORD} is wrong"))));
        }
    });
    let error = Document::new(&[format!("ldap://127.0.0.1:{port}")]).people(&["uid"]).failure();
    assert!(error.message.contains("invalidCredentials (49)"), "{error}");
}
