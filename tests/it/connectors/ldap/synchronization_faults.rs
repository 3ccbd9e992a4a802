//! Servers that synchronize wrongly: whatever they say, nothing is taken for gone that was not named or listed, and no
//! answer ends the process.

use super::Document;
use super::replica::Replica;
use crate::support::directory::{Directory, Organization, SUFFIX};
use crate::support::responder::{
    Answer, Responder, element, end_of_page, end_without_control, entry, integer, message, result,
};
use muster::connectors::ChangesError;
use std::sync::atomic::{AtomicUsize, Ordering};

const SYNC_REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";
const UUIDS: [&str; 2] = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"];
const COOKIE: &[u8] = b"rid=000,csn=20260101000000.000000Z#000000#000#000000";

/// An answer to the synchronization with this message id.
type Says = fn(u32) -> Vec<u8>;

fn control(oid: &str, value: &[u8]) -> Vec<u8> {
    element(0xa0, &element(0x30, &[element(4, oid.as_bytes()), element(4, value)].concat()))
}

/// The end of a synchronization: result code, and the value of the control.
fn done(id: u32, code: u8, value: &[u8]) -> Vec<u8> {
    element(0x30, &[element(2, &integer(id)), result(0x65, code, ""), control(SYNC_DONE, value)].concat())
}

/// Cookie, and whether what is gone was named.
fn done_value(deletes: bool) -> Vec<u8> {
    element(0x30, &[element(4, COOKIE), element(1, &[if deletes { 0xff } else { 0 }])].concat())
}

/// An entry with a sync state.
fn state(id: u32, value: &[u8]) -> Vec<u8> {
    let operation = element(0x64, &[element(4, b"uid=x,dc=example,dc=org"), element(0x30, b"")].concat());
    element(0x30, &[element(2, &integer(id)), operation, control(SYNC_STATE, value)].concat())
}

fn information(id: u32, value: &[u8]) -> Vec<u8> {
    message(id, &element(0x79, &[element(0x80, SYNC_INFO.as_bytes()), element(0x81, value)].concat()))
}

/// A set of entries: gone, or there.
fn set(gone: bool, uuids: &[&[u8]]) -> Vec<u8> {
    let uuids: Vec<u8> = uuids.iter().flat_map(|uuid| element(4, uuid)).collect();
    element(0xa3, &[element(1, &[if gone { 0xff } else { 0 }]), element(0x31, &uuids)].concat())
}

/// Two people, read whole, then what the server says to the synchronization.
fn follow(says: Says) -> Result<(Replica, Vec<String>), ChangesError> {
    let synchronizations = AtomicUsize::new(0);
    let server = Responder::start(move |id, request| {
        let asks = |text: &str| request.windows(text.len()).any(|window| window == text.as_bytes());
        if asks("supportedControl") {
            let attributes: [(&str, &[&[u8]]); 2] =
                [("objectClass", &[b"OpenLDAProotDSE"]), ("supportedControl", &[SYNC_REQUEST.as_bytes()])];
            return Answer::Bytes([entry(id, b"", &attributes), end_without_control(id, 0)].concat());
        }
        if asks(SYNC_REQUEST) {
            let is_first = synchronizations.fetch_add(1, Ordering::SeqCst) == 0;
            return Answer::Bytes(if is_first { done(id, 0, &done_value(true)) } else { says(id) });
        }
        if asks("hasSubordinates") {
            return Answer::Bytes(end_without_control(id, 0));
        }
        let person = |number: usize| {
            let dn = format!("uid=u{number},{SUFFIX}");
            let uid = format!("u{number}");
            entry(id, dn.as_bytes(), &[("uid", &[uid.as_bytes()]), ("entryUUID", &[UUIDS[number].as_bytes()])])
        };
        Answer::Bytes([person(0), person(1), end_of_page(id, 0, b"")].concat())
    });
    let document = Document::new(&[server.url()])
        .set("timeout_seconds", 5)
        .table(&format!("name = \"people\"\nbase = \"{SUFFIX}\"\nattributes = [\"uid\"]"))
        .key("people", "uid");
    let mut replica = Replica::whole(&document);
    let step = replica.follow(&document)?;
    let gone = step.commands["people"].iter().filter(|(word, _)| word == "delete").map(|(_, row)| row[1].clone());
    let gone = gone.collect();
    Ok((replica, gone))
}

#[test]
fn what_is_named_or_not_listed_is_gone() {
    let cases: [(&str, Says, &[&str]); 5] = [
        ("nothing", |id| done(id, 0, &done_value(true)), &[]),
        (
            "named in a set",
            |id| {
                let uuid = [&[0; 15], &[1][..]].concat();
                [information(id, &set(true, &[&uuid])), done(id, 0, &done_value(true))].concat()
            },
            &["u0"],
        ),
        (
            "named by itself",
            |id| {
                let value = element(0x30, &[element(10, &[3]), element(4, &[&[0; 15], &[2][..]].concat())].concat());
                [state(id, &value), done(id, 0, &done_value(true))].concat()
            },
            &["u1"],
        ),
        (
            "not listed in a set",
            |id| {
                let uuid = [&[0; 15], &[1][..]].concat();
                [information(id, &set(false, &[&uuid])), done(id, 0, &done_value(false))].concat()
            },
            &["u1"],
        ),
        (
            "not listed one by one",
            |id| {
                let value = element(0x30, &[element(10, &[0]), element(4, &[&[0; 15], &[2][..]].concat())].concat());
                [state(id, &value), done(id, 0, &done_value(false))].concat()
            },
            &["u0"],
        ),
    ];
    for (name, says, expected) in cases {
        let (_, gone) = follow(says).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(gone, expected, "{name}");
    }
}

#[test]
fn what_ends_otherwise_is_not_used() {
    let cases: [(&str, Says); 9] = [
        ("success without a word how", |id| end_without_control(id, 0)),
        ("an end that can't be read", |id| done(id, 0, b"\x30\x7f")),
        ("an end of something else", |id| done(id, 0, &element(2, &[1]))),
        ("an entry without a state", |id| [entry(id, b"uid=u0", &[]), done(id, 0, &done_value(true))].concat()),
        ("a state that can't be read", |id| [state(id, b"\x30\x05\x0a\x01"), done(id, 0, &done_value(true))].concat()),
        ("a state of nobody", |id| {
            let value = element(0x30, &[element(10, &[3]), element(4, b"short")].concat());
            [state(id, &value), done(id, 0, &done_value(true))].concat()
        }),
        ("a set of anything", |id| [information(id, &set(true, &[b"short"])), done(id, 0, &done_value(true))].concat()),
        ("information that is none", |id| [information(id, b"\xa3\x84\xff"), done(id, 0, &done_value(true))].concat()),
        ("busy", |id| done(id, 51, &done_value(true))),
    ];
    for (name, says) in cases {
        match follow(says) {
            Err(ChangesError::Failed(error)) => assert!(!error.message.is_empty(), "{name}"),
            Err(ChangesError::Expired(why)) => panic!("{name}: {why}"),
            Ok((_, gone)) => panic!("{name}: {gone:?}"),
        }
    }
}

#[test]
fn limits_and_cookies_that_are_no_use_mean_reading_everything() {
    for (code, says) in [
        (4, (|id| done(id, 4, &done_value(true))) as Says),
        (3, |id| done(id, 3, &done_value(true))),
        (11, |id| done(id, 11, &done_value(true))),
        (53, |id| done(id, 53, &done_value(true))),
    ] {
        match follow(says) {
            Err(ChangesError::Expired(why)) => assert!(why.contains(&format!("({code})")), "{why}"),
            other => panic!("{code}: {:?}", other.map(|(_, gone)| gone)),
        }
    }
    // e-syncRefreshRequired is 4096: two bytes.
    let refresh: Says = |id| {
        let result = element(0x65, &[element(10, &[0x10, 0x00]), element(4, b""), element(4, b"")].concat());
        message(id, &result)
    };
    match follow(refresh) {
        Err(ChangesError::Expired(why)) => assert!(why.contains("no longer knows the cookie"), "{why}"),
        other => panic!("{:?}", other.map(|(_, gone)| gone)),
    }
}

#[test]
fn the_server_that_was_read_is_asked_first_and_another_is_not_believed() {
    let organization = Organization { users: 5, groups: 0, staff: 0 }.ldif();
    let start = || Directory::builder().entries(&organization).synchronized(100).start();
    let (first, second) = (start(), start());
    let of = |servers: &[String]| {
        Document::new(servers)
            .table(&format!(
                "name = \"people\"\nbase = \"ou=people,{SUFFIX}\"\nfilter = \"(objectClass=inetOrgPerson)\"\nattributes \
                 = [\"uid\"]"
            ))
            .key("people", "uid")
    };
    let mut replica = Replica::whole(&of(&[second.url()]));
    let both = of(&[first.url(), second.url()]);
    assert!(replica.follow(&both).unwrap().commands["people"].is_empty(), "the second goes on knowing");
    drop(second);
    let error = replica.follow(&both).unwrap_err();
    assert!(matches!(&error, ChangesError::Expired(why) if why.contains("counts in its own way")), "{error}");
    assert_eq!(Replica::whole(&both).tables["people"].records.len(), 5, "the first is read whole");
}
