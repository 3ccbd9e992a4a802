//! DirSync in rounds, from a domain controller that says that there is more; and from one that breaks the rules.

use crate::connectors::ldap::Document;
use crate::connectors::ldap::replica::Replica;
use crate::support::responder::{
    Answer, Attribute, Responder, element, end_of_page, end_without_control, entry, message, result,
};
use muster::connectors::ChangesError;

const DIRSYNC: &[u8] = b"1.2.840.113556.1.4.841";
const ADA: [u8; 16] = *b"ada ada ada ada ";
const BOB: [u8; 16] = *b"bob bob bob bob ";
const CY: [u8; 16] = *b"cy cy cy cy cy c";

fn holds(request: &[u8], words: &[u8]) -> bool {
    request.windows(words.len()).any(|window| window == words)
}

fn end_of_round(id: u32, more: bool, cookie: &[u8]) -> Vec<u8> {
    let value = element(0x30, &[element(2, &[u8::from(more)]), element(2, &[0]), element(4, cookie)].concat());
    let control = element(0x30, &[element(4, DIRSYNC), element(4, &value)].concat());
    message(id, &[result(0x65, 0, ""), element(0xa0, &control)].concat())
}

/// How the rounds go wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The last round lacks its control.
    NoControl,
    /// It says that there is more, and stays where it is.
    Stuck,
}

fn controller(fault: Fault) -> Responder {
    Responder::start(move |id, request| {
        let asks = |words: &str| holds(request, words.as_bytes());
        let person = |guid: &[u8; 16], name: &str| {
            entry(id, format!("CN={name},DC=x").as_bytes(), &[("objectGUID", &[guid]), ("mail", &[name.as_bytes()])])
        };
        let touched = |guid: &[u8; 16]| entry(id, b"CN=x,DC=x", &[("objectGUID", &[guid]), ("mail", &[])]);
        let parts = if asks("supportedCapabilities") {
            let root: &[Attribute] = &[
                ("supportedCapabilities", &[b"1.2.840.113556.1.4.800"]),
                ("supportedControl", &[DIRSYNC]),
                ("namingContexts", &[b"DC=x"]),
                ("dsServiceName", &[b"CN=NTDS Settings,CN=DC1"]),
                ("highestCommittedUSN", &[b"5"]),
            ];
            vec![entry(id, b"", root), end_without_control(id, 0)]
        } else if asks("invocationId") {
            let invocation: &[Attribute] = &[("invocationId", &[b"0123456789abcdef"])];
            vec![entry(id, b"CN=NTDS Settings,CN=DC1", invocation), end_without_control(id, 0)]
        } else if holds(request, DIRSYNC) {
            match (asks("round one"), asks("round two"), asks("round three")) {
                (true, ..) => vec![touched(&ADA), end_of_round(id, true, b"round two")],
                (_, true, _) if fault == Fault::Stuck => vec![end_of_round(id, true, b"round two")],
                (_, true, _) => vec![end_of_round(id, true, b"round three")],
                (.., true) if fault == Fault::NoControl => vec![touched(&BOB), end_without_control(id, 0)],
                (.., true) => vec![touched(&BOB), end_of_round(id, false, b"the end")],
                _ => vec![end_of_round(id, false, b"round one")],
            }
        } else if holds(request, &ADA) {
            // By their identities: Ada has another address, Bob is gone.
            assert!(holds(request, &BOB) && !holds(request, &CY));
            vec![person(&ADA, "new"), end_of_page(id, 0, b"")]
        } else {
            vec![person(&ADA, "ada"), person(&BOB, "bob"), person(&CY, "cy"), end_of_page(id, 0, b"")]
        };
        Answer::Bytes(parts.concat())
    })
}

fn document(server: &Responder) -> Document {
    Document::new(&[server.url()])
        .table("name = \"people\"\nbase = \"DC=x\"\nattributes = [\"objectGUID\", \"mail\"]")
        .key("people", "objectGUID")
}

#[test]
fn rounds_are_followed_until_there_is_no_more() {
    let server = controller(Fault::None);
    let document = document(&server);
    let mut replica = Replica::whole(&document);
    assert_eq!(replica.tables["people"].records.len(), 3);
    let step = replica.follow(&document).unwrap();
    let said: Vec<(&str, &str)> =
        step.commands["people"].iter().map(|(word, row)| (word.as_str(), row[2].as_str())).collect();
    assert_eq!(said, [("delete", "bob"), ("update", "new")]);
    let cookie = replica.cursors["people"]["position"]["cookie"].as_str().unwrap().to_owned();
    assert_eq!(cookie, "dGhlIGVuZA==", "the cookie of the last round");
}

#[test]
fn rounds_that_break_off_are_an_error_and_change_nothing() {
    for (fault, expected) in [(Fault::NoControl, "left out the control"), (Fault::Stuck, "does not go on")] {
        let server = controller(fault);
        let document = document(&server);
        let mut replica = Replica::whole(&document);
        let before = replica.clone();
        match replica.follow(&document) {
            Err(ChangesError::Failed(error)) => assert!(error.message.contains(expected), "{error}"),
            other => panic!("{other:?}"),
        }
        replica.assert_is(&before, "nothing was taken");
        assert_eq!(replica.cursors, before.cursors);
    }
}
