//! A connector's document, edited in a browser: errors beside their lines, a draft, Reload.

use crate::support::browser::{Browser, Look};
use crate::support::site::Site;

async fn write(browser: &Browser, from: &str, to: &str) {
    let script = "const area = document.querySelector('main [name=document]');
                  if (!area.value.includes(arguments[0])) throw new Error('not there: ' + arguments[0]);
                  area.value = area.value.replace(arguments[0], arguments[1])";
    browser.run(script, vec![from.into(), to.into()]).await;
}

#[tokio::test]
async fn an_edit_is_checked_saved_as_a_draft_looked_at_and_reloaded() {
    let site = Site::of_example("hr.toml");
    let before = site.program.run(&["export", "hr"]).succeeded().stdout;
    let browser = site.browse().await;
    browser.look(1440, Look::Light).await;
    browser.open("/connectors/hr").await;
    browser.click("Edit").await;
    browser.shows("runs use version 1").await;

    // What is wrong is told all at once, beside its line, and nothing is lost or saved.
    write(&browser, "represents = \"users\"", "represents = \"user\"").await;
    write(&browser, "volume_percentage = 10", "volume_percentag = 10").await;
    browser.click("Save as draft").await;
    browser.shows("3 things are wrong").await;
    browser.shows("volume_percentag = 10").await;
    browser.shows("did you mean \"volume_percentage\"?").await;
    browser.is_in_order_everywhere("edit-wrong").await;
    write(&browser, "represents = \"user\"", "represents = \"users\"").await;
    write(&browser, "volume_percentag = 10", "volume_percentage = 10").await;
    write(&browser, "name = \"hr\"", "name = \"other\"").await;
    browser.click("Check only").await;
    browser.shows("a connector keeps its name").await;
    write(&browser, "name = \"other\"", "name = \"hr\"").await;
    write(&browser, "display_name = \"HR system\"", "display_name = \"Human resources\"").await;
    browser.click("Check only").await;
    browser.shows("Nothing is wrong with it. It is not saved yet.").await;

    // A draft changes nothing that runs use.
    browser.click("Save as draft").await;
    browser.shows("Runs use version 1 until Reload").await;
    browser.shows("+display_name = \"Human resources\"").await;
    browser.is_in_order_everywhere("edit-draft").await;
    assert_eq!(site.program.run(&["export", "hr"]).succeeded().stdout, before);
    browser.open("/connectors").await;
    browser.shows("draft waits").await;
    browser.open("/connectors/hr").await;
    browser.shows("stale: a draft waits").await;
    browser.is_in_order_everywhere("connector-stale").await;

    // Reload makes it the next version.
    browser.click("Look at the draft").await;
    browser.click("Reload: make it version 2").await;
    browser.shows("runs use version 2 from now on").await;
    browser.shows("Human resources").await;
    let after = site.program.run(&["export", "hr"]).succeeded().stdout;
    assert_eq!(after, before.replace("HR system", "Human resources"), "not another byte differs");

    // Thrown away, it is as if it had never been.
    browser.open("/connectors/hr/edit").await;
    write(&browser, "Human resources", "People").await;
    browser.click("Save as draft").await;
    browser.shows("Saved as a draft.").await;
    browser.click("Throw the draft away").await;
    browser.shows("The draft is thrown away. Runs use version 2.").await;
    browser.close().await;

    let mut connection = site.program.database.connect();
    let done = muster::model::audit::newest(&mut connection, None, 20).unwrap();
    let done: Vec<&str> = done
        .iter()
        .filter(|one| one.account == "admin" && one.subject == "connector hr")
        .map(|one| one.action.as_str())
        .collect();
    assert_eq!(done, ["discard-draft", "save-draft", "reload", "save-draft"]);
}

#[tokio::test]
async fn who_edits_at_the_same_time_loses_nothing() {
    let site = Site::of_example("hr.toml");
    let browser = site.browse().await;
    browser.open("/connectors/hr/edit").await;
    write(&browser, "HR system", "Mine").await;
    // Meanwhile somebody applies another version from the command line.
    let text = site.program.run(&["export", "hr"]).succeeded().stdout.replace("HR system", "Theirs");
    site.program.run_with_stdin(&["apply", "-"], &text).succeeded();
    browser.click("Save as draft").await;
    browser.shows("Version 2 was made meanwhile, so yours was not saved").await;
    let kept = browser.run("return document.querySelector('[name=document]').value.includes('Mine')", vec![]).await;
    assert_eq!(kept, true);
    browser.click("Save as draft").await;
    browser.shows("Saved as a draft. Runs use version 2 until Reload.").await;
    browser.shows("-display_name = \"Theirs\"").await;
    browser.close().await;
}
