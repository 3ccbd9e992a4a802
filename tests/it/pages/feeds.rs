//! Batch files: sent by a page, with and without a browser's help, saved, compared, replayed.

use crate::support::api::{Api, CLUBS, PEOPLE, campus};
use crate::support::browser::Browser;
use crate::support::program::Program;
use crate::support::site::Site;
use crate::support::works::Works;
use fantoccini::Locator;
use muster::model::token::Scope;
use reqwest::header;
use reqwest::multipart::{Form, Part};
use serde_json::json;

fn served(auto_apply: bool) -> Site {
    let program = Program::new();
    program.run_with_stdin(&["apply", "-"], &campus(auto_apply)).succeeded();
    Site::start(program)
}

/// Chooses a file in the field of a table.
async fn choose(browser: &Browser, table: &str, path: &std::path::Path) {
    let field = browser.client.find(Locator::Css(&format!("main input[name='{table}']"))).await.unwrap();
    field.send_keys(path.to_str().unwrap()).await.unwrap();
}

async fn cookie(browser: &Browser) -> String {
    format!("muster={}", browser.client.get_named_cookie("muster").await.unwrap().value())
}

#[tokio::test]
async fn files_are_sent_by_the_page_and_the_feed_is_started() {
    let site = served(false);
    let folder = site.program.folder.path();
    std::fs::write(folder.join("people.csv"), PEOPLE).unwrap();
    std::fs::write(folder.join("clubs.csv"), CLUBS).unwrap();
    let browser = site.browse().await;
    browser.open("/feeds").await;
    browser.shows("0 of 2 files").await;
    browser.click("Campus").await;
    browser.shows("2 files are missing").await;
    browser.click("Send files").await;
    browser.shows("No file was chosen").await;
    choose(&browser, "feed.people", &folder.join("people.csv")).await;
    browser.click("Send files").await;
    browser.shows("feed.people: received people.csv").await;
    browser.shows("1 file is missing").await;
    choose(&browser, "feed.clubs", &folder.join("clubs.csv")).await;
    browser.click("Send files").await;
    browser.shows("feed.clubs: received clubs.csv").await;
    browser.click("Start the feed").await;
    // The page of the run, which is soon over: what was said when it began stays.
    browser.shows("Completed").await;
    browser.shows("applies the feed").await;
    browser.open("/connectors/campus/feeds").await;
    browser.shows("feed.people.csv").await;
    browser.click("Replay").await;
    browser.shows("nothing has been written").await;
    browser.shows("Run 2 has been started").await;
    browser.close().await;
}

#[tokio::test]
async fn no_script_is_needed_to_send_files_and_a_name_does_no_harm() {
    let site = served(true);
    let browser = site.browse().await;
    browser.open("/connectors/campus/feeds").await;
    let csrf = browser.run("return document.querySelector('main [name=csrf]').value", vec![]).await;
    let cookie = cookie(&browser).await;
    browser.close().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let address = format!("{}/connectors/campus/feeds", site.address);
    let send = async |parts: &[(&'static str, &'static str, &'static str)]| {
        let mut form = Form::new().text("csrf", csrf.as_str().unwrap().to_owned());
        for (table, name, content) in parts {
            form = form.part(*table, Part::text(*content).file_name(*name));
        }
        let request = client.post(&address).header(header::COOKIE, &cookie).header("sec-fetch-site", "same-origin");
        assert_eq!(request.multipart(form).send().await.unwrap().status(), 303);
        let page = client.get(&address).header(header::COOKIE, &cookie).send().await.unwrap();
        page.text().await.unwrap()
    };
    let page = send(&[("feed.ghosts", "x.csv", "x"), ("feed.clubs", "../../<b>clubs\".csv", CLUBS)]).await;
    assert!(page.contains("There is no table") && page.contains("feed.clubs: received"), "{page}");
    assert!(!page.contains("<b>clubs"), "{page}");
    let received = client.get(format!("{}/connectors/campus/received/feed.clubs", site.address));
    let received = received.header(header::COOKIE, &cookie).send().await.unwrap();
    let disposition = received.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"") && !disposition.contains('<'), "{disposition}");
    assert_eq!(received.headers()[header::CONTENT_TYPE], "application/octet-stream");
    assert_eq!(received.headers()["x-content-type-options"], "nosniff");
    assert_eq!(received.text().await.unwrap(), CLUBS);

    let page = send(&[("feed.people", "people.csv", PEOPLE)]).await;
    assert!(page.contains("The feed is complete: run 1 applies it"), "{page}");
    let api = Api::with(&site, &[Scope::Read], None);
    assert_eq!(api.rests(&json!(1)).await["result"]["created"], 3);
}

#[tokio::test]
async fn two_feeds_are_compared_and_what_is_saved_is_data() {
    let mut works = Works::applied(40);
    works.people[1].mail = "=cmd()@example.org".into();
    works.people.remove(39);
    works.run();
    let site = Site::start(works.muster);
    let browser = site.browse().await;
    browser.open("/connectors/works/feeds").await;
    browser.click("Compare").await;
    browser.shows("=cmd()@example.org").await;
    let text = browser.run("return document.querySelector('main').innerText", vec![]).await;
    let text = text.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("feed.people 40 39 0 1 1 38"), "{text}");
    assert!(text.contains("feed.departments The same content. 2 2"), "{text}");
    for shown in ["1039 Gone", "1001 Other", "mail user0001@example.org→=cmd()@example.org"] {
        assert!(text.contains(shown), "{shown:?} does not stand in {text}");
    }
    let cookie = cookie(&browser).await;
    browser.close().await;
    let saved = reqwest::Client::new().get(format!("{}/connectors/works/feeds/2/tables/feed.people", site.address));
    let saved = saved.header(header::COOKIE, cookie).send().await.unwrap();
    assert_eq!(
        saved.headers()[header::CONTENT_DISPOSITION],
        "attachment; filename=\"feed.people.csv\"; filename*=UTF-8''feed.people.csv"
    );
    let saved = saved.text().await.unwrap();
    assert!(saved.contains(",'=cmd()@example.org,"), "no cell is a formula: {saved}");
}
