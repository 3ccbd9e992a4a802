//! A directory in JSON, in every way of paging.

use super::{COLUMNS, Document};
use crate::support::json_directory::{JsonDirectory, person};
use chrono::{SecondsFormat, Utc};
use muster::connectors::{ChangesError, kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn people(count: usize) -> Vec<Value> {
    (0..count).map(|number| person(number, number)).collect()
}

const PAGED: &str = "path = \"/paged\"\nrecords = \"data.users\"\npaging = \"page\"\nsize_parameter = \"per_page\"\n";

#[test]
fn every_record_is_read_in_every_way_of_paging() {
    let directory = JsonDirectory::start(people(83));
    let url = directory.url();
    let ways = [
        ("path = \"/all\"\n", "one answer after 1 page with 83 records"),
        (PAGED, "an empty page after 5 pages with 83 records"),
        (
            &format!("{PAGED}total = \"meta.total\"\n"),
            "all records after 4 pages with 83 records, as many as there are (83)",
        ),
        ("path = \"/offset\"\npaging = \"offset\"\nsize_parameter = \"limit\"\n", " pages with 83 records"),
        (
            "path = \"/linked\"\nrecords = \"items\"\npaging = \"link\"\nnext = \"links.next\"\n",
            "no next page after 5 pages",
        ),
        ("path = \"/header\"\npaging = \"link\"\n", "no next page after 5 pages"),
        (
            "path = \"/cursor\"\nrecords = \"items\"\npaging = \"cursor\"\ncursor_parameter = \"after\"\nnext = \"next\"\n",
            "no next page after 5 pages",
        ),
        (
            "path = \"/paged?short=1\"\nrecords = \"data.users\"\npaging = \"page\"\ndetail = \"/people/{key}\"\n\
             detail_record = \"person\"\ndetail_parallel = 8\n",
            "an empty page after 5 pages with 83 records",
        ),
    ];
    let expected: Vec<String> = people(83).iter().map(|one| one["guid"].as_str().unwrap().to_owned()).collect();
    for (table, end) in ways {
        let export =
            Document::new(&url, table).teams_as_pairs().export().unwrap_or_else(|error| panic!("{table}{error}"));
        assert_eq!(export.column("people", "guid"), expected, "{table}");
        assert_eq!(export.tables["people"].header, COLUMNS[..4]);
        assert_eq!(export.rows("people")[5], [expected[5].as_str(), "1005", "Family5", "p5@work.example"]);
        assert_eq!(export.rows("people.teams").len(), 166);
        assert_eq!(export.rows("people.teams")[0], [expected[0].as_str(), "red"]);
        assert!(export.ends["people"].words.contains(end), "{table}{:?}", export.ends["people"]);
    }
}

#[test]
fn an_empty_directory_is_a_table_without_rows() {
    let directory = JsonDirectory::start(Vec::new());
    for table in ["path = \"/all\"\n", PAGED, "path = \"/header\"\npaging = \"link\"\n"] {
        let export = Document::new(&directory.url(), table).export().unwrap();
        assert!(export.rows("people").is_empty() && export.tables["people"].header == COLUMNS);
    }
}

#[test]
fn check_and_tables_look_at_a_few_records() {
    let directory = JsonDirectory::start(people(9));
    let table = format!("{PAGED}total = \"meta.total\"\ncolumns = [\"status\"]\n");
    let document = Document::new(&directory.url(), &table);
    let rest = kind("rest").unwrap();
    let findings = rest.check(&document.request()).unwrap();
    assert!(findings[0].ok && findings[0].message.contains("3 records of 9 read to try"), "{findings:?}");
    let tables = rest.tables(&document.request()).unwrap();
    assert_eq!(tables[0].samples[2][1], "1002");
    let several: Vec<&str> =
        tables[0].columns.iter().filter(|column| column.multivalued).map(|column| column.name.as_str()).collect();
    assert_eq!(several, ["teams"]);
    assert_eq!(tables[0].columns.last().unwrap().name, "status");

    let findings = rest.check(&document.key("canary-wrong").request()).unwrap();
    assert!(!findings[0].ok && findings[0].message.contains("401 Unauthorized: who are you?"), "{findings:?}");
    assert!(!findings[0].message.contains("canary"), "{findings:?}");
}

#[test]
fn what_changed_since_the_watermark_is_told_and_deleted_records_are_deletions() {
    let directory = JsonDirectory::start(people(60));
    let table = format!(
        "{PAGED}watermark_parameter = \"since\"\nwatermark_column = \"changed\"\nwatermark_overlap = 0\n\
         deleted = \"status eq \\\"gone\\\"\"\n"
    );
    let document = Document::new(&directory.url(), &table).columns(&["guid", "name.last"]);
    let request = document.request();
    assert!(kind("rest").unwrap().tells_changes(&request.definition, &request.definition.tables[0]));
    let first = document.export().unwrap();
    assert_eq!(first.rows("people").len(), 60);

    directory.change(|people| {
        people[3]["name"]["last"] = "Married".into();
        people[3]["changed"] = "2026-11-29T12:00:00Z".into();
        people[4]["status"] = "gone".into();
        people[4]["changed"] = "2026-11-29T12:00:01Z".into();
        people.push(person(60, 43_300));
    });
    let changes = document.changes(&first.cursors).unwrap();
    let rows: Vec<(&str, &str)> = changes.rows("people").iter().map(|row| (row[0].as_str(), row[2].as_str())).collect();
    // As long as the reading took is read again: the newest of the first time.
    let rows: Vec<_> = rows.into_iter().filter(|(_, last)| !["Family58", "Family59"].contains(last)).collect();
    assert_eq!(rows, [("delete", "Family4"), ("update", "Married"), ("update", "Family60")]);

    let later = document.changes(&changes.cursors).unwrap();
    assert!(later.rows("people").len() <= 2, "{:?}", later.rows("people"));
    // A complete run does not see who is deleted.
    assert_eq!(document.export().unwrap().rows("people").len(), 60);

    let none = BTreeMap::new();
    assert!(matches!(document.changes(&none), Err(ChangesError::Expired(why)) if why.contains("no applied run")));
    let other = Document::new(&directory.url(), &table.replace("/paged", "/paged?status=active"));
    assert!(matches!(other.changes(&first.cursors), Err(ChangesError::Expired(why)) if why.contains("address")));
}

#[test]
fn a_date_in_the_future_hides_no_change() {
    let directory = JsonDirectory::start(people(30));
    directory.change(|people| people[7]["changed"] = "2099-01-01T00:00:00Z".into());
    let table =
        format!("{PAGED}watermark_parameter = \"since\"\nwatermark_column = \"changed\"\nwatermark_overlap = 0\n");
    let document = Document::new(&directory.url(), &table).columns(&["guid", "name.last"]);
    let first = document.export().unwrap();
    directory.change(|people| {
        people[3]["name"]["last"] = "Married".into();
        people[3]["changed"] = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true).into();
    });
    let changes = document.changes(&first.cursors).unwrap();
    assert_eq!(changes.column("people", "name.last"), ["Married", "Family7"]);

    // A service whose clock was set back dates changes before where we stood.
    let mut ahead = first.cursors.clone();
    ahead.get_mut("people").unwrap()["from"] = "2098-01-01T00:00:00Z".into();
    let Err(ChangesError::Expired(why)) = document.changes(&ahead) else { panic!("the changes were told") };
    assert!(why.contains("clock is behind"), "{why}");
}

#[test]
fn what_a_list_leaves_out_is_told_by_the_records() {
    let directory = JsonDirectory::start(people(30));
    let table = "path = \"/paged?bare=1\"\nrecords = \"data.users\"\npaging = \"page\"\ndetail = \"/people/{key}\"\n\
                 detail_record = \"person\"\ndeleted = \"status eq \\\"gone\\\"\"\nwatermark_parameter = \"since\"\n\
                 watermark_column = \"changed\"\nwatermark_overlap = 0\n";
    directory.change(|people| people[4]["status"] = "gone".into());
    let document = Document::new(&directory.url(), table).columns(&["guid", "name.last"]);
    let first = document.export().unwrap();
    let names = first.column("people", "name.last");
    assert!(names.len() == 29 && !names.contains(&"Family4"), "{names:?}");

    directory.change(|people| {
        people[5]["status"] = "gone".into();
        people[5]["changed"] = "2026-11-29T12:00:01Z".into();
        people[6]["name"]["last"] = "Married".into();
        people[6]["changed"] = "2026-11-29T12:00:02Z".into();
    });
    let changes = document.changes(&first.cursors).unwrap();
    let told: Vec<(&str, &str)> = changes.rows("people").iter().map(|row| (row[0].as_str(), row[2].as_str())).collect();
    let told: Vec<_> = told.into_iter().filter(|(_, last)| !["Family28", "Family29"].contains(last)).collect();
    assert_eq!(told, [("delete", "Family5"), ("update", "Married")]);
}

#[test]
fn numbers_are_watermarks_too_and_what_is_neither_is_told() {
    let directory = JsonDirectory::start(people(5));
    let table =
        "path = \"/all\"\nwatermark_parameter = \"from\"\nwatermark_column = \"number\"\nwatermark_overlap = 1\n";
    let export = Document::new(&directory.url(), table).export().unwrap();
    assert_eq!(export.cursors["people"]["from"], "1003");
    let text = table.replace("\"number\"", "\"status\"");
    Document::new(&directory.url(), &text).fails_with(&["`status`", "\"active\" is neither a moment"]);
    // Where records do not say when they changed, nobody can tell what did.
    let absent = table.replace("\"number\"", "\"missing\"");
    assert!(Document::new(&directory.url(), &absent).export().unwrap().cursors.is_empty());
}

#[test]
fn settings_that_can_not_work_are_refused_before_anything_is_asked() {
    let refused = |table: &str| Document::new("https://directory.example.org", table).refused();
    for (table, words) in [
        ("path = \"https://elsewhere.example.org/users\"", "`path`"),
        ("path = \"//elsewhere.example.org/users\"", "`path`"),
        ("path = \"/../admin\"", "`path`"),
        ("path = \"/users\"\nnext = \"next\"", "means nothing with paging = \"none\""),
        ("path = \"/users\"\npaging = \"cursor\"", "needs `next`"),
        ("path = \"/users\"\npage_size = 5", "needs `size_parameter`"),
        ("path = \"/users\"\nrecords = \"data..users\"", "`records`"),
        ("path = \"/users\"\ndetail = \"/users/\"", "{key}"),
        ("path = \"/users\"\ndetail_parallel = 3", "need `detail`"),
        ("path = \"/users\"\ndeleted = \"gone\"", "`deleted`"),
        ("path = \"/users\"\nwatermark_column = \"changed\"", "both"),
        ("path = \"/users\"\ncolumns = [\"a b\"]", "`columns`"),
    ] {
        let error = refused(table);
        assert!(error.contains(words) && error.contains("table `people`"), "{table}: {error}");
    }
    let mut request = Document::new("https://directory.example.org", "path = \"/users\"").request();
    request.definition.settings.insert("api_key_header".to_owned(), json!("X Key:"));
    assert!(kind("rest").unwrap().check_settings(&request).unwrap_err().to_string().contains("api_key_header"));
}
