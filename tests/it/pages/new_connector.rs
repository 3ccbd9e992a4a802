//! A new connector in a browser: from a file or a folder to a connector that runs.

use crate::support::browser::Look;
use crate::support::program::Program;
use crate::support::site::Site;

fn people() -> String {
    let person = |i: usize| {
        let boss = if i == 0 { String::new() } else { format!("{}", 1000 + i / 5) };
        format!("{},Given{i},Family{i},p{i}@example.org,{:02}.{:02}.2020,{boss}\n", 1000 + i, i % 28 + 1, i % 12 + 1)
    };
    format!("EmployeeId,GivenName,Surname,Email,Since,ManagerId\n{}", (0..60).map(person).collect::<String>())
}

#[tokio::test]
async fn a_folder_becomes_a_connector_that_runs() {
    let site = Site::start(Program::new());
    let folder = site.program.folder.path().join("feed");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("people.csv"), people()).unwrap();
    let browser = site.browse().await;
    browser.look(1440, Look::Light).await;
    browser.open("/connectors").await;
    browser.click("New connector").await;
    browser.shows("Choose a file, or drop it on this page").await;
    browser.is_in_order_everywhere("new-connector").await;
    browser.click("ldap …").await;
    browser.shows("servers").await;
    browser.is_in_order_everywhere("new-connector-ldap").await;
    browser.click("files …").await;
    browser.fill("name", "hr").await;
    browser.run("document.getElementById('c.folder').value = 'feed'", vec![]).await;
    browser.click("Look at it and propose").await;
    browser.shows("\"feed\" is no whole path").await;
    let path = folder.to_str().unwrap();
    browser.run("document.getElementById('c.folder').value = arguments[0]", vec![path.into()]).await;
    browser.click("Look at it and propose").await;
    browser.shows("all 60 values are dates as dd.MM.yyyy").await;
    browser.shows("unique and never empty in 60 rows").await;
    browser.shows("are in people.EmployeeId").await;
    browser.is_in_order_everywhere("new-connector-proposed").await;
    browser.click("Check only").await;
    browser.shows("Nothing is wrong with it. The connector is not made yet.").await;
    browser.click("Make the connector").await;
    browser.shows("hr is there. Jobs → All tasks starts its first run.").await;
    let run = site.program.run(&["run", "hr", "--wait", "--json"]).exited(3).json().remove(0);
    assert_eq!(run["result"]["rejected"], 0, "{run:#}");
    assert_eq!(run["persons"]["created"], 60);

    // Twice the same name is refused where it stands.
    browser.open("/new-connector?kind=files").await;
    browser.fill("name", "hr").await;
    browser.run("document.getElementById('c.folder').value = arguments[0]", vec![path.into()]).await;
    browser.click("Look at it and propose").await;
    browser.click("Make the connector").await;
    browser.shows("there is a connector \"hr\" already; choose another name").await;
    browser.close().await;
}

#[tokio::test]
async fn a_dropped_file_is_guessed_from_and_sent_later() {
    let site = Site::start(Program::new());
    let browser = site.browse().await;
    browser.look(1440, Look::Light).await;
    browser.open("/new-connector").await;
    // As dropped: the script reads the beginning of it into the form.
    let script = "const moved = new DataTransfer();
                  moved.items.add(new File([arguments[0]], 'staff of today.csv'));
                  const chosen = document.getElementById('chosen');
                  chosen.files = moved.files;
                  chosen.dispatchEvent(new Event('change'))";
    browser.run(script, vec![people().into()]).await;
    browser.shows("staff of today.csv was taken.").await;
    browser.click("Look at it and propose").await;
    browser.shows("all 60 values are dates as dd.MM.yyyy").await;
    browser.click("Make the connector").await;
    browser.shows("is there. Jobs").await;
    let file = site.program.folder.path().join("today.csv");
    std::fs::write(&file, people()).unwrap();
    let table = format!("staff of today={}", file.display());
    site.program.run(&["upload", "staff of today", &table]).succeeded();
    let run = site.program.run(&["run", "staff of today", "--wait", "--json"]).exited(3).json().remove(0);
    assert_eq!(run["persons"]["created"], 60, "{run:#}");
    let left = site.program.folder.path().join("uploads/proposals");
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0, "what was looked at is gone");
    browser.close().await;
}
