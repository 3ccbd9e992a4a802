//! Values as they are: several, with separators, bytes, names with escapes, ranges, referrals.

use super::Document;
use crate::support::directory::Directory;
use crate::support::responder::{Answer, Attribute, Responder, end_of_page, end_without_control, entry};
use muster::connectors::PairColumn;

const SEPARATOR: &str = "\u{1f}";

fn person(lines: &str) -> String {
    format!("dn: uid=ada,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: ada\nsn: L\ncn: Ada\n{lines}\n")
}

#[test]
fn several_values_are_joined_and_separators_inside_them_do_not_split() {
    let directory = Directory::builder()
        // "a", U+001F, "b" in base64: a value that holds the separator itself.
        .entries(&person("mail: b@example.org\nmail: a@example.org\ndescription: x; y | z, w\ndescription:: YR9i\n"))
        .start();
    let export = Document::new(&[directory.url()]).people(&["mail", "description"]).export().unwrap();
    assert_eq!(export.column("people", "mail"), [format!("a@example.org{SEPARATOR}b@example.org")]);
    assert_eq!(export.column("people", "description"), [format!("a\u{241f}b{SEPARATOR}x; y | z, w")]);
}

#[test]
fn columns_carry_the_names_of_the_document_whatever_the_server_writes() {
    let directory = Directory::builder().entries(&person("mail: ada@example.org\n")).start();
    let export = Document::new(&[directory.url()]).people(&["MAIL", "EntryUuid", "CN"]).export().unwrap();
    assert_eq!(export.tables["people"].header, ["dn", "MAIL", "EntryUuid", "CN"]);
    assert_eq!(export.column("people", "MAIL"), ["ada@example.org"]);
    assert_eq!(export.column("people", "EntryUuid")[0].len(), 36);
}

#[test]
fn an_attribute_under_another_name_is_not_read_as_empty() {
    let directory = Directory::builder().entries(&person("")).start();
    for other_name in ["commonName", "2.5.4.3", "name"] {
        let error = Document::new(&[directory.url()]).people(&["uid", other_name]).failure();
        assert!(error.message.contains(&format!("calls `{other_name}` by the name `")), "{error}");
    }
}

#[test]
fn distinguished_names_keep_escapes_and_unicode() {
    let names = ["cn=Lovelace\\, Ada \\2B \\22x\\22", "cn=Jürgen Groß 日本", "cn=a*b(c)'d\\\\e"];
    let mut entries = String::new();
    for (number, name) in names.iter().enumerate() {
        let dn = format!("{name},ou=people,dc=example,dc=org");
        let encoded = base64(dn.as_bytes());
        entries.push_str(&format!("dn:: {encoded}\nobjectClass: inetOrgPerson\nsn: S\nuid: {number}\n\n"));
    }
    let members: String = names
        .iter()
        .map(|name| format!("member:: {}\n", base64(format!("{name},ou=people,dc=example,dc=org").as_bytes())))
        .collect();
    entries.push_str(&format!("dn: cn=g,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: g\n{members}\n"));
    let directory = Directory::builder().entries(&entries).start();
    let export = Document::new(&[directory.url()]).people(&["uid"]).groups().export().unwrap();
    let mut people = export.column("people", "dn");
    let mut members = export.column("groups.member", "member");
    people.sort_unstable();
    members.sort_unstable();
    assert_eq!(people.len(), 3);
    assert_eq!(people, members, "members are named as the entries are");
    assert!(people.iter().any(|dn| dn.contains("Jürgen Groß 日本")), "{people:?}");
    assert!(people.iter().any(|dn| dn.starts_with("cn=Lovelace\\")), "{people:?}");
}

#[test]
fn names_that_are_matched_are_the_same_text_however_they_are_typed() {
    let entries = "dn: UID=Ada,OU=People,DC=Example,DC=Org\nobjectClass: inetOrgPerson\nsn: S\ncn: A\nuid: Ada\n\n\
                   dn: cn=g,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: g\n\
                   member: userid=ADA , ou=PEOPLE,dc=example,dc=org\n\n";
    let directory = Directory::builder().entries(entries).start();
    let document = || Document::new(&[directory.url()]).people(&["uid"]).groups();
    let export = document().matched("people", "dn").matched("groups", "member").export().unwrap();
    assert_eq!(export.column("people", "dn"), ["uid=ada,ou=people,dc=example,dc=org"]);
    assert_eq!(export.column("groups.member", "member"), export.column("people", "dn"));
    assert_eq!(document().export().unwrap().column("people", "uid"), ["Ada"]);
    let as_typed = document().export().unwrap();
    assert!(as_typed.column("people", "dn")[0].starts_with("uid=Ada,"), "capitals stay where nothing is matched");
    let key = document().key("people", "dn").export().unwrap();
    assert_eq!(
        key.column("people", "dn"),
        export.column("people", "dn"),
        "a key is the same before anything matches it"
    );
}

#[test]
fn bytes_leave_as_base64_even_if_they_happen_to_be_text() {
    let directory = Directory::builder()
        .entries(&person("jpegPhoto:: /9j/4AAQ\njpegPhoto: plain text\nuserPassword: in here\n"))
        .start();
    let export = Document::new(&[directory.url()]).people(&["uid", "jpegPhoto"]).export().unwrap();
    assert_eq!(export.column("people", "jpegPhoto"), [format!("/9j/4AAQ{SEPARATOR}cGxhaW4gdGV4dA==")]);
}

#[test]
fn bytes_in_an_attribute_taken_for_text_are_an_error_that_says_what_to_do() {
    let directory = Directory::builder().entries(&person("x500UniqueIdentifier: '1010'B\naudio:: /w==\n")).start();
    let table = |extra: &str| {
        Document::new(&[directory.url()])
            .table(&format!("name = \"people\"\nbase = \"ou=people,dc=example,dc=org\"\nfilter = \"(uid=*)\"\n{extra}"))
    };
    let export = table("attributes = [\"uid\", \"sn\"]\nbinary_attributes = [\"SN\"]").export().unwrap();
    assert_eq!(export.column("people", "sn"), ["TA=="]);

    let bytes = Responder::start(|id, _| {
        let dn = b"uid=ada,dc=example";
        Answer::Bytes([entry(id, dn, &[("secretKey", &[b"\xff\xfe"])]), end_of_page(id, 0, b"")].concat())
    });
    let document = |extra: &str| {
        let table = format!("name = \"t\"\nbase = \"dc=example\"\nattributes = [\"secretKey\"]\n{extra}");
        Document::new(&[bytes.url()]).table(&table)
    };
    let error = document("").failure();
    assert!(error.message.contains("`secretKey` of `uid=ada,dc=example`"), "{error}");
    assert!(error.message.contains("binary_attributes"), "{error}");
    let export = document("binary_attributes = [\"secretkey\"]").export().unwrap();
    assert_eq!(export.column("t", "secretKey"), ["//4="]);
}

#[test]
fn the_option_binary_is_understood() {
    let server = Responder::start(|id, _| {
        let values: &[Attribute] =
            &[("userCertificate;binary", &[b"\x30\x00"]), ("cn;lang-de", &[b"deutsch"]), ("cn", &[b"plain"])];
        Answer::Bytes([entry(id, b"uid=ada", values), end_of_page(id, 0, b"")].concat())
    });
    let table = "name = \"t\"\nbase = \"\"\nattributes = [\"userCertificate\", \"cn\"]";
    let export = Document::new(&[server.url()]).table(table).export().unwrap();
    assert_eq!(export.rows("t"), [["uid=ada", "MAA=", "plain"]]);
}

#[test]
fn referrals_are_passed_over() {
    let directory = Directory::builder()
        .entries(&person(""))
        .entries(
            "dn: ou=elsewhere,ou=people,dc=example,dc=org\nobjectClass: referral\nobjectClass: extensibleObject\n\
             ou: elsewhere\nref: ldap://192.0.2.1/ou=elsewhere\n",
        )
        .start();
    let export = Document::new(&[directory.url()]).people(&["uid"]).set("page_size", 1).export().unwrap();
    assert_eq!(export.column("people", "uid"), ["ada"]);

    let inside = "name = \"t\"\nbase = \"ou=elsewhere,ou=people,dc=example,dc=org\"\nattributes = [\"uid\"]";
    let error = Document::new(&[directory.url()]).table(inside).failure();
    assert!(error.message.contains("referral (10)") && error.message.contains("held by another server"), "{error}");
}

#[test]
fn pairs_carry_the_key_as_the_row_has_it() {
    let server = Responder::start(|id, _| {
        let values: &[Attribute] = &[("objectGUID", &[b"\x01\x02"]), ("member", &[b"uid=a", b"uid=b"])];
        let no_key: &[Attribute] = &[("member", &[b"uid=c"])];
        Answer::Bytes([entry(id, b"cn=g", values), entry(id, b"cn=h", no_key), end_of_page(id, 0, b"")].concat())
    });
    let mut document =
        Document::new(&[server.url()]).table("name = \"t\"\nbase = \"\"\nattributes = [\"objectGUID\", \"member\"]");
    let pair =
        PairColumn { key_column: "objectGUID".into(), column: "member".into(), separator: Some(SEPARATOR.into()) };
    document.pairs.insert("t".to_owned(), vec![pair]);
    let export = document.export().unwrap();
    assert_eq!(export.rows("t"), [["cn=g", "AQI="], ["cn=h", ""]]);
    assert_eq!(export.rows("t.member"), [["AQI=", "uid=a"], ["AQI=", "uid=b"]]);
}

/// As Active Directory does: an empty `member`, and the values by ranges of two.
fn ranges(broken: bool) -> Responder {
    Responder::start(move |id, request| {
        let asks_for = |words: &str| request.windows(words.len()).any(|window| window == words.as_bytes());
        let (attributes, end): (&[Attribute], _) = if asks_for("member;range=2-*") {
            (&[("member;range=2-3", &[b"uid=c", b"uid=d"])], end_without_control(id, 0))
        } else if asks_for("member;range=4-*") && broken {
            (&[("member", &[])], end_without_control(id, 0))
        } else if asks_for("member;range=4-*") {
            (&[("Member;Range=4-*", &[b"uid=e"])], end_without_control(id, 0))
        } else {
            (&[("cn", &[b"g"]), ("member", &[]), ("member;range=0-1", &[b"uid=a", b"uid=b"])], end_of_page(id, 0, b""))
        };
        Answer::Bytes([entry(id, b"cn=g", attributes), end].concat())
    })
}

#[test]
fn values_given_by_range_are_fetched_to_the_last() {
    let server = ranges(false);
    let export = Document::new(&[server.url()]).groups().export().unwrap();
    let members = export.column("groups.member", "member");
    assert_eq!(members, ["uid=a", "uid=b", "uid=c", "uid=d", "uid=e"]);
}

/// A group of so many members on a server that gives at most 1,500 values at a time, as Active Directory does.
fn group_of(members: usize) -> Responder {
    const MOST: usize = 1500;
    Responder::start(move |id, request| {
        let names: Vec<String> = (0..members).map(|number| format!("uid={number}")).collect();
        let asked_from = |first: usize| {
            let wanted = format!("member;range={first}-*");
            request.windows(wanted.len()).any(|window| window == wanted.as_bytes())
        };
        let first = (MOST..members).step_by(MOST).find(|first| asked_from(*first));
        let values: Vec<&[u8]> = names.iter().skip(first.unwrap_or(0)).take(MOST).map(String::as_bytes).collect();
        let end = if first.is_some() { end_without_control(id, 0) } else { end_of_page(id, 0, b"") };
        let next = first.unwrap_or(0) + values.len();
        let last = if next == members { "*".to_owned() } else { (next - 1).to_string() };
        let description = format!("member;range={}-{last}", first.unwrap_or(0));
        let attributes: &[Attribute] = match (members <= MOST, first) {
            (true, _) => &[("cn", &[b"g"]), ("member", &values)],
            (false, None) => &[("cn", &[b"g"]), ("member", &[]), (&description, &values)],
            (false, Some(_)) => &[(&description, &values)],
        };
        Answer::Bytes([entry(id, b"cn=g", attributes), end].concat())
    })
}

#[test]
fn a_group_that_grows_past_fifteen_hundred_members_loses_nobody() {
    for members in [1498, 1499, 1500, 1501, 1600, 3000, 3001] {
        let server = group_of(members);
        let export = Document::new(&[server.url()]).groups().export().unwrap();
        let found = export.column("groups.member", "member");
        let expected: Vec<String> = (0..members).map(|number| format!("uid={number}")).collect();
        assert_eq!(found, expected, "{members}");
    }
}

#[test]
fn a_range_without_its_rest_is_never_taken_for_all() {
    let server = ranges(true);
    let error = Document::new(&[server.url()]).groups().failure();
    assert!(error.message.contains("more than 4 values of `member`"), "{error}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
