//! The schema of a source in a browser: asked for, kept without values, and what vanished is told where it matters.

use crate::support::program::Program;
use crate::support::site::Site;
use muster::model::{connector, source_schema};
use std::fs;

const WORKS: &str = r#"
name = "works"
display_name = "Works"
[[connection]]
name = "feed"
kind = "files"
folder = "FOLDER"
[[connection.table]]
name = "people"
file = "people.csv"
[[entity_type]]
name = "person"
source = "feed.people"
[[entity_type.property]]
name = "id"
column = "Id"
key = true
[[entity_type.property]]
name = "mail"
expression = "lower(row.Email)"
"#;

#[tokio::test]
async fn the_schema_is_kept_without_values_and_a_mapped_column_that_vanishes_is_a_warning() {
    let program = Program::new();
    let feed = program.folder.path().join("people.csv");
    fs::write(&feed, "Id,Email,Badge\n1,Ada@example.org,B-17\n").unwrap();
    let document = WORKS.replace("FOLDER", program.folder.path().to_str().unwrap());
    program.run_with_stdin(&["apply", "-"], &document).succeeded();
    let site = Site::start(program);
    let browser = site.browse().await;
    browser.open("/connectors/works/schema").await;
    browser.shows("Nobody has asked for it yet.").await;
    browser.is_in_order_everywhere("schema-none").await;

    browser.click("Refresh schema").await;
    browser.shows("shown this once").await;
    for text in ["Ada@example.org", "B-17", "person.mail"] {
        browser.shows(text).await;
    }
    browser.is_in_order_everywhere("schema-refreshed").await;
    // Looked at again there are no values: they are kept nowhere.
    browser.open("/connectors/works/schema").await;
    browser.shows("3 columns, refreshed just now by admin").await;
    let shown = browser.run("return document.body.innerText", vec![]).await;
    assert!(!shown.as_str().unwrap().contains("Ada@example.org"), "{shown}");
    let mut connection = site.program.database.connect();
    let works = connector::by_name(&mut connection, "works").unwrap().unwrap();
    let kept = format!("{:?}", source_schema::of_connector(&mut connection, works.id).unwrap());
    assert!(kept.contains("Badge") && !kept.contains("B-17"), "{kept}");

    fs::write(&feed, "Id,E-Mail,Team\n1,ada@example.org,T1\n").unwrap();
    browser.click("Refresh schema").await;
    browser.shows("mapped, and gone").await;
    browser.shows("new").await;
    browser.is_in_order_everywhere("schema-vanished").await;
    browser.open("/connectors/works").await;
    browser.shows("What the mapping reads is not there any more").await;
    browser.shows("Column Email of feed.people is gone (person.mail reads it); is it E-Mail now?").await;
    browser.is_in_order_everywhere("connector-vanished").await;
    browser.open("/").await;
    browser.shows("Column Email of feed.people is gone").await;
    browser.is_in_order_everywhere("home-vanished").await;

    // What can't be read is told; what was known stays.
    fs::remove_file(&feed).unwrap();
    browser.open("/connectors/works/schema").await;
    browser.click("Refresh schema").await;
    browser.shows("there is no such file in the folder").await;
    browser.shows("mapped, and gone").await;
    fs::write(&feed, "Id,Email\n").unwrap();
    browser.click("Refresh schema").await;
    browser.shows("gone").await;
    browser.open("/connectors/works").await;
    browser.shows("Schema of the source").await;
    let shown = browser.run("return document.body.innerText", vec![]).await;
    assert!(!shown.as_str().unwrap().contains("is not there any more"), "{shown}");
    browser.close().await;
}
