//! Servers that attack: every one ends in an error, quickly, and the process lives on.

use super::Document;
use crate::support::responder::{
    Answer, Responder, element, end_of_page, end_with_control, end_without_control, entry, message, result,
};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// What it is, and the answer to the search with this message id.
type Attack = (&'static str, fn(u32) -> Vec<u8>);

fn failure(answer: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> String {
    let server = Responder::start(move |id, _| Answer::Bytes(answer(id)));
    let began = Instant::now();
    let error = Document::new(&[server.url()]).people(&["uid"]).set("timeout_seconds", 20).failure();
    assert!(began.elapsed() < Duration::from_secs(10), "{error}");
    assert_eq!(error.place, server.url());
    error.message
}

#[test]
fn what_is_no_ldap_is_refused() {
    let cases: [Attack; 5] = [
        ("text", |_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("an element longer than its parent", |_| vec![0x30, 3, 0x02, 5, 1]),
        ("an indefinite length", |_| vec![0x30, 0x80, 0, 0]),
        ("a length of a thousand bits", |_| vec![0x30, 0xff]),
        ("a long tag", |_| element(0x30, &[0x3f, 0x81, 0x01, 0x00])),
    ];
    for (name, answer) in cases {
        let message = failure(answer);
        assert!(message.contains("not LDAP"), "{name}: {message}");
    }
}

#[test]
fn messages_that_make_no_sense_are_refused() {
    let cases: [Attack; 9] = [
        ("an empty message", |_| element(0x30, b"")),
        ("an unknown operation", |id| message(id, &element(0x7e, b""))),
        ("a sign-in result for a search", |id| message(id, &result(0x61, 0, ""))),
        ("a result without a code", |id| message(id, &element(0x65, b""))),
        ("a primitive result", |id| message(id, &element(0x45, b"abc"))),
        ("an empty entry", |id| message(id, &element(0x64, b""))),
        ("a name that is not text", |id| entry(id, b"\xff\xfe", &[])),
        ("an attribute without values", |id| {
            let attribute = element(0x30, &element(4, b"uid"));
            message(id, &element(0x64, &[element(4, b"uid=a"), element(0x30, &attribute)].concat()))
        }),
        ("a paging control that is none", |id| end_with_control(id, 0, b"\x30\x7f")),
    ];
    for (name, answer) in cases {
        let message = failure(answer);
        assert!(message.contains("not read to its end"), "{name}: {message}");
    }
}

#[test]
fn an_entry_instead_of_a_sign_in_result_is_refused() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 1000];
            let _ = client.read(&mut request);
            let _ = client.write_all(&entry(1, b"uid=a", &[("uid", &[b"a"])]));
            let _ = client.read(&mut request);
        }
    });
    let error = Document::new(&[format!("ldap://127.0.0.1:{port}")]).people(&["uid"]).failure();
    assert!(error.message.contains("not LDAP"), "{error}");
}

#[test]
fn deep_nesting_is_refused() {
    let message = failure(|_| {
        let mut content = Vec::new();
        for _ in 0..200_000 {
            let length = content.len() as u32;
            content.extend(length.to_le_bytes());
            content.extend([0x84, 0x30]);
        }
        // Built from the inside out, so written backwards.
        content.reverse();
        content
    });
    assert!(message.contains("nested deeper"), "{message}");
}

#[test]
fn a_huge_length_is_refused_without_waiting_for_it() {
    let message = failure(|_| vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02]);
    assert!(message.contains("at most 33554432 are taken"), "{message}");
}

#[test]
fn too_many_elements_are_refused() {
    let words = failure(|id| message(id, &element(0x64, &[5, 0].repeat(600_000))));
    assert!(words.contains("more than 500000 elements"), "{words}");
}

#[test]
fn empty_pages_without_end_are_refused() {
    let server = Responder::start(|id, _| Answer::Bytes(end_of_page(id, 0, b"again")));
    let error = Document::new(&[server.url()]).people(&["uid"]).failure();
    assert!(error.message.contains("empty pages"), "{error}");
}

#[test]
fn unencrypted_data_after_start_tls_is_not_trusted() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 31];
            let _ = client.read_exact(&mut request);
            let slipped_in = [message(1, &result(0x78, 0, "")), end_without_control(1, 0)].concat();
            let _ = client.write_all(&slipped_in);
            let _ = client.read(&mut request);
        }
    });
    let error = Document::new(&[format!("ldap://127.0.0.1:{port}")]).people(&["uid"]).set("start_tls", true).failure();
    assert!(error.message.contains("unencrypted data followed"), "{error}");
}
