//! Every page with something on it: in order at 320 and 1440 px, light and dark, with a picture of each.

use crate::support::api::{PEOPLE, campus};
use crate::support::browser::Look;
use crate::support::program::{Program, examples};
use crate::support::site::Site;
use std::path::Path;

/// HR with a first load, an ordinary run with a leaver, a failed run, a blocked one, and a directory that never ran.
fn organization() -> Program {
    let program = Program::new();
    copy(&examples(), program.folder.path());
    let document = |name: &str| program.folder.path().join(name).to_str().unwrap().to_owned();
    program.run(&["apply", &document("hr.toml"), &document("directory.toml"), &document("settings.toml")]).succeeded();
    program.run(&["run", "hr", "--wait"]).exited(3);
    program.run(&["resume", "1", "--wait"]).succeeded();

    let people = program.folder.path().join("feeds/hr/people.csv");
    let whole = std::fs::read_to_string(&people).unwrap();
    std::fs::write(&people, "EmployeeId,Login\n\"1001,never closed").unwrap();
    program.run(&["run", "hr", "--wait"]).exited(1);
    std::fs::write(&people, whole.lines().filter(|line| !line.starts_with("1002")).collect::<Vec<_>>().join("\n"))
        .unwrap();
    program.run(&["run", "hr", "--wait"]).exited(3);
    program.run(&["deactivate", "directory"]).succeeded();

    program.run_with_stdin(&["apply", "-"], &campus(false)).succeeded();
    std::fs::write(program.folder.path().join("cards.csv"), PEOPLE).unwrap();
    program.run(&["upload", "campus", "people=cards.csv"]).succeeded();
    program.run(&["token", "create", "hr feed", "--scope", "upload,configure", "--connector", "hr"]).succeeded();
    program.run(&["token", "create", "reports", "--scope", "read", "--expires", "2999-12-31"]).succeeded();
    program
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => std::fs::copy(entry.path(), target).map(drop).unwrap(),
        }
    }
}

#[tokio::test]
async fn every_page_is_in_order() {
    let site = Site::start(organization());
    let browser = site.browse().await;
    let pages = [
        ("home", "/"),
        ("connectors", "/connectors"),
        ("connector", "/connectors/hr"),
        ("connector-never-run", "/connectors/directory"),
        ("job-results", "/connectors/hr/results"),
        ("job-execution", "/runs"),
        ("run-completed", "/runs/1"),
        ("run-failed", "/runs/2"),
        ("run-threshold", "/runs/3"),
        ("changes", "/runs/1/changes"),
        ("changes-none", "/runs/1/changes?key=nobody"),
        ("problems", "/runs/1/problems"),
        ("columns", "/runs/3/columns"),
        ("resume", "/runs/3/resume"),
        ("changes-choose", "/runs/3/changes"),
        ("without-all", "/runs/3/without?all=yes"),
        ("holds-none", "/connectors/hr/holds"),
        ("revert", "/runs/1/revert"),
        ("revert-refused", "/runs/2/revert"),
        ("resources", "/resources/hr/hr_person"),
        ("batch-files", "/feeds"),
        ("feeds", "/connectors/hr/feeds"),
        ("feeds-upload", "/connectors/campus/feeds"),
        ("feed-compare", "/connectors/hr/feeds/compare?one=1&other=2"),
        ("tokens", "/tokens"),
        ("users", "/users"),
        ("users-found", "/users?q=GARCIA"),
        ("matches-none", "/matches"),
        ("matches-undecided", "/matches?decided=yes"),
        ("moves-none", "/runs/1/moves"),
        ("anonymized-none", "/anonymized"),
        ("groups", "/groups"),
        ("profile-fields", "/profile-fields"),
        ("profile-field", "/profile-fields/department"),
        ("deliveries", "/deliveries"),
        ("deliveries-none", "/deliveries?state=given_up"),
        ("accounts", "/accounts"),
        ("audit", "/audit"),
        ("sessions", "/sessions"),
        ("my-account", "/my-account"),
        ("second-factor-none", "/my-account/second-factor"),
        ("me-nobody", "/me"),
        ("help", "/help"),
    ];
    for (name, path) in pages {
        for (width, look) in [(1440, Look::Light), (1440, Look::Dark), (320, Look::Light), (320, Look::Dark)] {
            browser.look(width, look).await;
            browser.open(path).await;
            browser.is_in_order(name, width, look).await;
        }
    }
    browser.open("/runs/3").await;
    browser.shows("Threshold Exceeded").await;
    browser.open("/nowhere").await;
    browser.shows("There is no page at this address").await;
    browser.shows("Job execution").await;
    browser.close().await;
}

#[tokio::test]
async fn the_pages_are_complete_without_the_script() {
    let site = Site::start(organization());
    let browser = site.browse().await;
    let token = browser.client.get_named_cookie("muster").await.unwrap().value().to_owned();
    browser.close().await;
    let get = async |path: &str| {
        let request =
            reqwest::Client::new().get(format!("{}{path}", site.address)).header("cookie", format!("muster={token}"));
        request.send().await.unwrap().text().await.unwrap()
    };
    let run = get("/runs/1").await;
    for text in ["people.csv", "line 10", "HireDate", "Ada Lovelace", "duplicate_key", "balance"] {
        assert!(run.contains(text), "the run's page does not show {text}");
    }
    let changes = get("/runs/1/changes.csv").await;
    assert!(changes.starts_with("entity_type_or_association,operation,key,line,property,before,after\n"), "{changes}");
    assert!(changes.contains("hr_person,insert,1001,2,login,,alovelace"), "{changes}");
    assert!(changes.contains("department,insert,1001,,leads to,,D10"), "{changes}");
    let problems = get("/runs/1/problems.csv?code=duplicate_key").await;
    assert_eq!(problems.lines().count(), 3, "{problems}");
    assert!(get("/runs/1/log.txt").await.contains("started-run: "), "the log says how it began");
    assert!(get("/connectors/hr/configuration.toml").await.contains("display_name = \"HR system\""));
    let results = get("/connectors/hr/results").await;
    assert!(
        results.contains("guard-line") && results.contains("Run 3 (Blocked): 0 inserted, 0 updated, 1 deleted"),
        "{results}"
    );
}
