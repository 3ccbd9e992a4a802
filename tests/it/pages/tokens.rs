//! Tokens, in a real browser.

use crate::support::api::Api;
use crate::support::browser::Look;
use crate::support::program::Program;
use crate::support::site::Site;
use muster::model::audit;

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked() {
    let site = Site::start(Program::new());
    let browser = site.browse().await;
    browser.open("/tokens").await;
    browser.shows("No tokens yet").await;
    browser.look(320, Look::Dark).await;
    browser.is_in_order("tokens-none", 320, Look::Dark).await;
    browser.look(1440, Look::Light).await;
    browser.fill("name", "reports").await;
    browser.run("document.querySelector('main [name=scope][value=read]').click()", vec![]).await;
    browser.click("Make").await;
    browser.shows("The token reports is made").await;
    browser.is_in_order("token-made", 1440, Look::Light).await;
    let secret = browser.run("return document.querySelector('#secret').textContent", vec![]).await;
    let api = Api::coming_with(&site, secret.as_str().unwrap());
    api.get("/api/v1/runs").await.is(200);

    browser.open("/tokens").await;
    browser.shows("reports").await;
    let shown = browser.run("return document.documentElement.outerHTML", vec![]).await;
    assert!(!shown.as_str().unwrap().contains(secret.as_str().unwrap()), "it is shown once");
    browser.fill("name", "Reports").await;
    browser.run("document.querySelector('main [name=scope][value=run]').click()", vec![]).await;
    browser.click("Make").await;
    browser.shows("There is a token").await;
    browser.fill("name", "nothing").await;
    browser.click("Make").await;
    browser.shows("A token needs a scope").await;

    browser.click("Revoke").await;
    browser.shows("is revoked").await;
    api.get("/api/v1/runs").await.problem(401, "token");
    let log = audit::newest(&mut site.program.database.connect(), None, 2).unwrap();
    let told: Vec<_> = log.iter().map(|line| (line.action.as_str(), line.subject.as_str())).collect();
    assert_eq!(told, [("revoke", "token reports"), ("create", "token reports")]);
    browser.close().await;
}
