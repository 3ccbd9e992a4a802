//! Leaving changes out and holding them, in a browser.

use crate::support::browser::Look;
use crate::support::site::Site;
use crate::support::works::Works;

/// Sixty people of whom ten leave and three get another mail: blocked.
fn blocked() -> Works {
    let mut works = Works::applied(60);
    works.people.truncate(50);
    for id in ["1001", "1002", "1003"] {
        works.employee(id).mail = "wrong@example.org".into();
    }
    works.employee("1010").manager = String::new();
    works.run().exited(3);
    works
}

async fn tick(browser: &crate::support::browser::Browser, key: &str) {
    let script =
        "const row = [...document.querySelectorAll('tbody tr')].find(row => row.innerText.includes(arguments[0]));
                  row.querySelector('input[type=checkbox]').click()";
    browser.run(script, vec![key.into()]).await;
}

#[tokio::test]
async fn some_changes_are_held_and_the_others_applied_in_a_browser() {
    let site = Site::start(blocked().muster);
    let browser = site.browse().await;
    browser.open("/runs/2").await;
    for text in
        ["Threshold Exceeded", "nothing has been written", "What would change", "would have no manager any more"]
    {
        browser.shows(text).await;
    }
    browser.shows("the next complete run takes this one's place").await;

    // Single ones first: two of the three updates.
    browser.click("Leave some out").await;
    browser.open("/runs/2/changes?operation=update").await;
    browser.shows("Leave out all 3 matching this filter").await;
    tick(&browser, "1001").await;
    tick(&browser, "1002").await;
    browser.click("Leave out the ticked ones").await;
    browser.shows("Leave out 2 changes?").await;
    browser.shows("wrong@example.org").await;
    for (width, look) in [(1440, Look::Light), (1440, Look::Dark), (320, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("without", width, look).await;
    }
    browser.look(1440, Look::Light).await;
    browser.fill("comment", "IT mistyped these").await;
    browser.click("Hold 2, look at the rest again").await;
    browser.shows("2 changes held.").await;
    // Still more than the guards let through.
    browser.shows("Threshold Exceeded").await;
    browser.shows("by 2 holds").await;
    browser.shows("Held 2 of").await;
    browser.shows("IT mistyped these").await;

    // Then all that match a filter, for this time only; what is left is applied without asking again.
    browser.open("/runs/2/changes?scope=person&operation=delete").await;
    browser.click("Leave out all 10 matching this filter").await;
    browser.shows("Leave out 10 changes?").await;
    browser.shows("all changes of person, that delete").await;
    browser.click("Apply the other").await;
    browser.shows("10 changes left out. The run is being prepared anew without them, then applied.").await;
    browser.shows("Completed").await;
    browser.shows("10 for this run only, the others by 2 holds").await;
    for (width, look) in [(1440, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("run-without", width, look).await;
    }
    browser.look(1440, Look::Light).await;

    // The holds have a page of their own; Home and the connector lead there.
    browser.open("/").await;
    browser.click("2 changes of Works").await;
    browser.shows("Holds of Works").await;
    browser.shows("IT mistyped these").await;
    browser.shows("it differs, or is released").await;
    for (width, look) in [(1440, Look::Light), (1440, Look::Dark), (320, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("holds", width, look).await;
    }
    browser.look(1440, Look::Light).await;
    tick(&browser, "1001").await;
    browser.click("Release the ticked ones").await;
    browser.shows("1 hold released. The next run proposes what they held.").await;
    browser.click("Release all 1").await;
    browser.click("Release 1 hold").await;
    browser.shows("Nothing is held").await;
    browser.open("/connectors/works/holds?ended=yes").await;
    browser.shows("released by admin").await;
    browser.close().await;
}

#[tokio::test]
async fn who_may_not_decide_sees_the_decision_and_nothing_to_decide_with() {
    use muster::model::account::{self, Role};
    let site = Site::start(blocked().muster);
    let mut connection = site.program.database.connect();
    account::add(&mut connection, "vera", Role::Viewer, None, "test").unwrap();
    let token = account::invite(&mut connection, "vera", "test", chrono::Utc::now()).unwrap().unwrap();
    let browser = crate::support::browser::Browser::start(&site.address).await;
    browser.open(&format!("/welcome/{token}")).await;
    browser.fill("password", crate::support::site::PASSWORD).await;
    browser.fill("again", crate::support::site::PASSWORD).await;
    browser.click("Set password and sign in").await;
    browser.open("/runs/2").await;
    browser.shows("An administrator decides.").await;
    browser.open("/runs/2/changes").await;
    browser.shows("1001").await;
    let boxes = browser.run("return document.querySelectorAll('input[type=checkbox]').length", vec![]).await;
    assert_eq!(boxes, 0);
    let answer = browser.run("return fetch('/runs/2/without?all=yes').then(answer => answer.status)", vec![]).await;
    assert_eq!(answer, 403);
    browser.close().await;
}
