use super::facts::{TableObserver, observed};
use super::*;
use crate::document;
use crate::model::connection::TableDefinition;
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::Represents;
use crate::model::property::ValueType;
use crate::pipeline::mapping::Mapper;
use csv::StringRecord;
use proptest::prelude::*;
use serde_json::json;

/// A table as text.
#[derive(Debug, Clone)]
struct Feed {
    name: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn feed(name: &'static str, header: &str, rows: impl IntoIterator<Item = String>) -> Feed {
    let split = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    Feed { name, columns: split(header), rows: rows.into_iter().map(|row| split(&row)).collect() }
}

fn proposed(feeds: &[Feed]) -> Proposal {
    let mut tables = Vec::new();
    let mut observers = Vec::new();
    for feed in feeds {
        let mut observer = TableObserver::new(feed.name, &feed.columns, &[]);
        for (line, row) in (2..).zip(&feed.rows) {
            observer.row(Some(line), row.iter().map(String::as_bytes));
        }
        observer.complete = true;
        observers.push(observer);
        let settings = json!({ "file": format!("{}.csv", feed.name) }).as_object().unwrap().clone();
        tables.push(TableDefinition { name: feed.name.into(), settings });
    }
    let settings = json!({ "folder": "/srv/feed" }).as_object().unwrap().clone();
    let connection = ConnectionDefinition { name: "feed".into(), kind: "files".into(), tables, settings };
    propose(&Sketch { name: "hr", display_name: Some("HR \"system\""), connection: &connection }, &observed(&observers))
}

/// The document is accepted, and every row of the feeds it was made from maps without a problem.
fn checked(proposal: &Proposal, feeds: &[Feed]) -> ConnectorDefinition {
    let definition =
        document::connector(&proposal.document).unwrap_or_else(|errors| panic!("{errors}\nin\n{}", proposal.document));
    for entity_type in &definition.entity_types {
        let (_, table) = entity_type.source.parts().unwrap();
        let feed = feeds.iter().find(|feed| feed.name == table).unwrap();
        let associations: Vec<_> = definition.associations.iter().collect();
        let mapper = Mapper::new(entity_type, &associations, &feed.columns).unwrap();
        for row in &feed.rows {
            let row = StringRecord::from(row.clone());
            if let Err(problems) = mapper.record(&row) {
                panic!("{row:?}: {problems:?}\nby\n{}", proposal.document);
            }
        }
    }
    definition
}

fn people() -> Vec<Feed> {
    let person = |i: usize| {
        let manager = if i == 0 { String::new() } else { format!("{:05}", 10_000 + i / 8) };
        let day = format!("{:02}.{:02}.20{:02}", i % 28 + 1, i % 12 + 1, i % 20);
        let active = if i.is_multiple_of(9) { "N" } else { "Y" };
        let languages = ["en;de", "de", "fr;en", ""][i % 4];
        format!(
            "{:05}\tu{i}\tGiven{i}\tFamily{}\tu{i}@example.org\tD{}\t{manager}\t{day}\t{active}\t{languages}\t{}.5",
            10_000 + i,
            i % 50,
            i % 5,
            i % 40
        )
    };
    let header =
        "EmployeeId\tLogin\tFirst Name\tSurname\tContact\tDepartment\tManagerId\tHired\tActive\tLanguages\tHours";
    vec![
        feed("people", header, (0..200).map(person)),
        feed("departments", "Code\tTitle", (0..5).map(|i| format!("D{i}\tDepartment {i}"))),
        feed("clubs", "code\tname", (0..6).map(|i| format!("C{i}\tClub {i}"))),
        feed("memberships", "person\tclub", (0..90).map(|i| format!("{:05}\tC{}", 10_000 + i / 2, (i * 5) % 6))),
    ]
}

#[test]
fn keys_types_fields_and_associations_are_found_in_an_ordinary_feed() {
    let feeds = people();
    let proposal = proposed(&feeds);
    let definition = checked(&proposal, &feeds);
    let people = definition.entity_type("people").unwrap();
    assert_eq!(people.represents, Represents::Users, "{}", proposal.document);
    assert_eq!(people.key().unwrap().column.as_deref(), Some("EmployeeId"));
    let kind = |name: &str| {
        let property = people.property(name).unwrap_or_else(|| panic!("{name}\n{}", proposal.document));
        (property.value_type, property.format.clone().unwrap_or_default())
    };
    assert_eq!(kind("hired"), (ValueType::Date, "%d.%m.%Y".into()));
    assert_eq!(kind("active").0, ValueType::Bool);
    assert_eq!(kind("hours").0, ValueType::Number);
    assert_eq!(people.property("languages").unwrap().separator.as_deref(), Some(";"));
    let login = people.property("login").unwrap();
    assert!(login.unique && login.required);
    let users = people.users.as_ref().unwrap();
    let field = |name: &str| users.fields.get(name).map(String::as_str);
    assert_eq!(field("user_name"), Some("login"));
    assert_eq!(field("given_name"), Some("first_name"));
    assert_eq!(field("mail"), Some("contact"), "by what it looks like");
    assert_eq!(field("display_name"), Some("display_name"));
    assert_eq!(field("employee_id"), Some("employee_id"));
    assert_eq!(users.correlate.len(), 3);

    assert_eq!(definition.entity_type("departments").unwrap().represents, Represents::Organizations);
    assert_eq!(definition.entity_type("clubs").unwrap().represents, Represents::Groups);
    assert!(definition.entity_type("memberships").is_none(), "a table of pairs is none");
    let association = |name: &str| definition.associations.iter().find(|one| one.name == name).unwrap();
    assert_eq!(association("department").column.as_deref(), Some("Department"));
    assert_eq!(association("manager").column.as_deref(), Some("ManagerId"));
    let memberships = association("memberships");
    assert!(memberships.membership && memberships.from == "people", "{}", proposal.document);

    let guess = |subject: &str| proposal.guesses.iter().find(|one| one.subject == subject).unwrap();
    assert_eq!(guess("people.Hired").evidence, "all 200 values are dates as dd.MM.yyyy");
    assert!(guess("people.EmployeeId").evidence.starts_with("unique and never empty in 200 rows; so would be Login"));
    assert!(guess("association manager").evidence.contains("different values are in people.EmployeeId"));
    assert_eq!(guess("people.Login").examples, ["u0", "u1", "u2"]);
    assert!(!proposal.document.contains("u1@example.org"), "no value of anybody stands in the document");
}

#[test]
fn what_only_nearly_holds_is_told_and_not_proposed() {
    let row = |i: usize| {
        let since = if i == 150 { "unknown".to_owned() } else { format!("2026-{:02}-{:02}", i % 12 + 1, i % 28 + 1) };
        let boss = if i == 7 { "U9999".to_owned() } else { format!("U{}", 1000 + i / 10) };
        format!("U{}\t{since}\t{boss}\t{:06}", 1000 + i, i)
    };
    let feeds = [feed("staff", "id\tsince\tboss\tzip", (0..200).map(row))];
    let proposal = proposed(&feeds);
    let definition = checked(&proposal, &feeds);
    let guess = |subject: &str| proposal.guesses.iter().find(|one| one.subject == subject).unwrap();
    assert_eq!(
        guess("staff.since").evidence,
        "199 of 200 values are written as yyyy-MM-dd; one is not, first in line 152, so it stays text"
    );
    assert_eq!(definition.entity_types[0].property("zip").unwrap().value_type, ValueType::Text, "zeros stay");
    assert_eq!(definition.associations, []);
    assert!(proposal.document.contains("# [[association]]"), "{}", proposal.document);
    // With the # taken away it is accepted.
    let (before, after) = proposal.document.split_once("# Take the # away to have it:\n").unwrap();
    let all = format!("{before}{}", after.lines().map(|line| format!("{}\n", &line[2..])).collect::<String>());
    assert_eq!(document::connector(&all).unwrap().associations[0].name, "boss");
}

#[test]
fn a_day_that_may_be_a_month_is_said_so_and_one_that_can_not_decides() {
    let both = feed("a", "id\tborn", (0..30).map(|i| format!("x{i}\t{:02}/{:02}/1990", i % 12 + 1, (i + 3) % 12 + 1)));
    let american = feed("b", "id\tborn", (0..30).map(|i| format!("y{i}\t{:02}/{:02}/1990", i % 12 + 1, i % 28 + 1)));
    let feeds = [both, american];
    let proposal = proposed(&feeds);
    let definition = checked(&proposal, &feeds);
    let format = |name: &str| definition.entity_type(name).unwrap().property("born").unwrap().format.clone().unwrap();
    assert_eq!((format("a").as_str(), format("b").as_str()), ("%d/%m/%Y", "%m/%d/%Y"));
    let doubt = proposal.guesses.iter().find(|one| one.subject == "a.born").unwrap();
    assert!(doubt.evidence.ends_with("no day is above 12, so it may be MM/dd/yyyy as well"), "{}", doubt.evidence);
}

#[test]
fn a_table_without_a_key_has_all_its_columns_for_one() {
    let feeds = [feed("log", "a\tb b", (0..20).map(|i| format!("{}\t\"q{}\"", i / 5, i % 5)))];
    let proposal = proposed(&feeds);
    let definition = checked(&proposal, &feeds);
    assert_eq!(
        definition.entity_types[0].key().unwrap().expression.as_deref(),
        Some("row[\"a\"] + '|' + row[\"b b\"]")
    );
}

#[test]
fn members_of_users_and_groups_are_one_association() {
    let separator = crate::model::property::VALUE_SEPARATOR;
    let users = feed(
        "people",
        "entryUUID\tdn\tuid\tcn\tmail",
        (0..20).map(|i| format!("u-{i}\tuid=u{i},dc=org\tu{i}\tUser {i}\tu{i}@example.org")),
    );
    let groups = feed(
        "groups",
        "entryUUID\tdn\tcn\tmember",
        (0..5).map(|i| {
            let nested = if i == 0 { format!("{separator}cn=g4,dc=org") } else { String::new() };
            format!("g-{i}\tcn=g{i},dc=org\tGroup {i}\tuid=u{i},dc=org{separator}uid=u{},dc=org{nested}", i + 9)
        }),
    );
    let feeds = [users, groups];
    let proposal = proposed(&feeds);
    let definition = checked(&proposal, &feeds);
    let member = &definition.associations[0];
    assert_eq!(member.to.names().collect::<Vec<_>>(), ["people", "groups"], "{}", proposal.document);
    assert_eq!((member.match_property.as_deref(), member.membership), (Some("dn"), true));
    assert_eq!(definition.entity_type("groups").unwrap().groups.as_ref().unwrap().name, "cn");
}

#[test]
fn a_header_alone_is_enough_for_a_document() {
    for header in ["id\tname", "x"] {
        let feeds = [feed("people", header, [])];
        checked(&proposed(&feeds), &feeds);
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[0-9]{1,6}",
        "[0-9]{1,3}[.,][0-9]{1,2}",
        "(Y|N|yes|no|true|false|1|0)",
        "[a-z]{1,5}@[a-z]{2}\\.org",
        "[0-3][0-9]\\.[01][0-9]\\.20[0-9]{2}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]",
        "[a-c](;[a-c]){0,3}",
        "[^\t\n\r\u{0}-\u{1e}]{0,12}",
    ]
}

fn table(name: &'static str) -> impl Strategy<Value = Feed> {
    let column = prop_oneof![
        Just("Id"),
        Just("Login"),
        Just("E-Mail"),
        Just("Name"),
        Just("Manager"),
        Just("Date"),
        Just("Ünï"),
        Just("dept")
    ];
    (proptest::collection::vec(column, 1..6), 0_usize..25).prop_flat_map(move |(names, rows)| {
        let mut columns: Vec<String> = names.into_iter().map(str::to_owned).collect();
        columns.sort();
        columns.dedup();
        let width = columns.len();
        let rows = proptest::collection::vec(proptest::collection::vec(value(), width), rows);
        rows.prop_map(move |rows| Feed { name, columns: columns.clone(), rows })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_a_source_holds_the_document_is_accepted(a in table("people"), b in table("groups")) {
        let feeds = [a, b];
        let proposal = proposed(&feeds);
        prop_assert!(document::connector(&proposal.document).is_ok(), "{:?}\n{}", document::connector(&proposal.document).err(), proposal.document);
    }
}
