//! The heart: a run that a guard has stopped is read, understood, and applied, in a browser.

use crate::support::browser::Look;
use crate::support::program::{Program, examples};
use crate::support::site::Site;

#[tokio::test]
async fn a_blocked_run_is_read_and_resumed_and_the_page_follows_it_to_its_end() {
    let program = Program::new();
    program.run(&["apply", examples().join("hr.toml").to_str().unwrap()]).succeeded();
    let site = Site::start(program);
    let browser = site.browse().await;
    browser.look(1440, Look::Light).await;

    // Started by hand: the page follows the run by itself until the guard stops it.
    browser.open("/connectors/hr").await;
    browser.click("Jobs").await;
    browser.click("Start").await;
    browser.shows("Run 1 has been started.").await;
    browser.shows("Initial load").await;
    browser.shows("nothing has been written").await;
    browser.shows("This run would insert 7 of 0 stored resources").await;
    for line in ["first_run", "reject_percentage", "45.5", "nothing has been written"] {
        browser.shows(line).await;
    }
    browser.shows("Value that does not fit").await;
    browser.is_in_order("run-blocked", 1440, Look::Light).await;

    // The decision has a step of its own that names the figures.
    browser.click("Resume …").await;
    browser.shows("Apply 15 changes").await;
    browser.is_in_order("decision", 1440, Look::Light).await;
    browser.fill("comment", "Looked through all of them").await;
    browser.click("Apply 15 changes").await;
    browser.shows("Completed with problems").await;
    browser.shows("Resumed by admin").await;
    browser.shows("Looked through all of them").await;
    browser.is_in_order("run-applied", 1440, Look::Light).await;

    // What was applied can't be resumed again.
    browser.open("/runs/1/resume").await;
    browser.shows("does not wait for a decision").await;
    browser.close().await;
    site.program.run(&["run", "hr", "--wait"]).succeeded();
}

#[tokio::test]
async fn a_refused_run_writes_nothing_and_says_who_refused_it() {
    let program = Program::new();
    program.run(&["apply", examples().join("hr.toml").to_str().unwrap()]).succeeded();
    program.run(&["run", "hr", "--wait"]).exited(3);
    let site = Site::start(program);
    let browser = site.browse().await;
    browser.open("/").await;
    browser.click("Run 1 is blocked").await;
    browser.click("Discard").await;
    browser.shows("Discarded. Nothing has been written.").await;
    browser.shows("Discarded by admin").await;
    browser.close().await;

    // Without a browser's help the page is complete: figures, problems with their lines, changes, downloads.
    let shown = site.program.run(&["show", "1", "--json"]).succeeded().json();
    assert_eq!(shown[0]["state"], "discarded");
}

#[tokio::test]
async fn an_applied_run_is_reverted_after_a_preview() {
    let program = Program::new();
    program.run(&["apply", examples().join("hr.toml").to_str().unwrap()]).succeeded();
    program.run(&["run", "hr", "--wait"]).exited(3);
    program.run(&["resume", "1", "--wait"]).succeeded();
    let site = Site::start(program);
    let browser = site.browse().await;
    browser.open("/runs/1").await;
    browser.shows("Read to its end").await;
    browser.shows("in 256 buckets equal").await;
    browser.is_in_order("run-proven", 1440, Look::Light).await;
    browser.click("Revert …").await;
    browser.shows("take back 15 changes").await;
    browser.is_in_order("revert", 1440, Look::Light).await;
    browser.click("Preview").await;
    browser.shows("Run 2 takes back run 1.").await;
    browser.shows("Threshold Exceeded").await;
    browser.shows("delete 7 of 7 stored resources").await;
    browser.click("Resume …").await;
    browser.click("Apply 15 changes").await;
    browser.shows("Completed").await;
    browser.open("/runs/1").await;
    browser.shows("reverted by run 2").await;
    browser.open("/runs/1/revert").await;
    browser.shows("was reverted by run 2").await;
    browser.close().await;
    assert!(site.program.run(&["user", "list", "--json"]).succeeded().stdout.is_empty());
}
