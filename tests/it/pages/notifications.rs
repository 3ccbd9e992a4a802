//! Notifications: the page lists who hears of trouble, tries it, and shows what became of each message.

use crate::support::browser::Look;
use crate::support::program::Program;
use crate::support::receiver::{Answer, Receiver};
use crate::support::site::Site;

#[tokio::test]
async fn an_administrator_tests_a_notification_and_tries_again_what_did_not_arrive() {
    let program = Program::new().with_environment("HOOK_SECRET", "whsec_c2VjcmV0");
    let site = Site::start(program);
    let browser = site.browse().await;
    browser.look(1440, Look::Light).await;
    browser.open("/deliveries").await;
    browser.shows("Nobody is notified yet").await;

    let receiver = Receiver::start([Answer::Status(500)]);
    let settings = format!(
        "[[notification]]\nname = \"chat\"\nkind = \"webhook\"\nurl = \"{}/T0K3N\"\n\
         secret = {{ env = \"HOOK_SECRET\" }}\non = [\"blocked\"]\n",
        receiver.address
    );
    std::fs::write(site.program.folder.path().join("settings.toml"), settings).unwrap();
    site.program.run(&["apply", "settings.toml"]).succeeded();
    browser.open("/deliveries").await;
    browser.shows("blocked, recovered").await;
    browser.click("Send a test").await;
    browser.shows("A test message is on its way").await;
    receiver.wait_for(1)[0].is_signed_with(b"secret");
    browser.open("/deliveries?state=pending").await;
    browser.shows("the answer was 500 Internal Server Error").await;
    browser.is_in_order("deliveries-pending", 1440, Look::Light).await;
    browser.click("Retry").await;
    browser.shows("It is tried again at once.").await;
    let received = receiver.wait_for(2);
    assert_eq!(received[0].id, received[1].id, "the same message");
    browser.open("/deliveries?state=sent").await;
    browser.shows("A test message").await;
    let shown = browser.client.source().await.unwrap();
    assert!(!shown.contains("T0K3N"), "what stands behind the host may be a secret");
    browser.close().await;
    let mut conn = site.program.database.connect();
    let audited = muster::model::audit::newest(&mut conn, None, 10).unwrap();
    let actions: Vec<_> = audited.iter().map(|entry| (entry.action.as_str(), entry.account.as_str())).collect();
    assert!(actions.contains(&("test", "admin")) && actions.contains(&("retry", "admin")), "{actions:?}");
}

#[tokio::test]
async fn the_page_of_a_failed_run_says_when_it_is_tried_again_and_lets_it_be_called_off() {
    let program = Program::new();
    let folder = program.folder.path().join("nowhere");
    let document = std::fs::read_to_string(crate::support::program::examples().join("hr.toml")).unwrap();
    let document = document.replace("folder = \"feeds/hr\"", &format!("folder = {:?}", folder.to_str().unwrap()));
    std::fs::write(program.folder.path().join("hr.toml"), document).unwrap();
    program.run(&["apply", "hr.toml"]).succeeded();
    program.run(&["run", "hr", "--wait"]).exited(1);
    let site = Site::start(program);
    let browser = site.browse().await;
    browser.open("/runs/1").await;
    browser.shows("by itself: try 1 of 3").await;
    browser.click("Do not try again").await;
    browser.shows("Cancelled by admin").await;
    let shown = browser.client.source().await.unwrap();
    assert!(!shown.contains("by itself: try"), "{shown}");
    browser.close().await;
}
