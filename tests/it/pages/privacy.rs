//! A user's privacy, in a real browser.

use crate::support::api::Api;
use crate::support::browser::Look;
use crate::support::site::Site;
use crate::support::town::Town;
use muster::model::token::Scope;

#[tokio::test]
async fn a_user_is_exported_and_anonymized_once_the_name_was_typed() {
    let town = Town::synchronized();
    let ada = town.user("alovelace");
    let site = Site::start(town.muster);
    let browser = site.browse().await;
    browser.open(&format!("/users/{ada}")).await;
    browser.shows("Export as JSON").await;
    browser.open(&format!("/users/{ada}/anonymize")).await;
    browser.shows("can't be taken back").await;
    for (width, look) in [(1440, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("anonymize", width, look).await;
    }
    browser.fill("name", "Grace Hopper").await;
    browser.run("document.querySelector('main form button.danger').click()", vec![]).await;
    browser.shows("not the user's name").await;
    let api = Api::with(&site, &[Scope::Users], None);
    let all = api.get(&format!("/api/v1/users/{ada}/export")).await.is(200).json();
    assert_eq!(all["resources"].as_array().unwrap().len(), 2);

    let name = browser.run("return document.querySelector('main label strong').textContent", vec![]).await;
    browser.fill("name", name.as_str().unwrap()).await;
    browser.run("document.querySelector('main form button.danger').click()", vec![]).await;
    browser.shows("is anonymized").await;
    browser.open(&format!("/users/{ada}")).await;
    browser.shows("no user").await;
    api.get(&format!("/api/v1/users/{ada}")).await.problem(404, "not_found");
    browser.open(&format!("/audit?subject=user+{ada}")).await;
    browser.shows("anonymize").await;
    browser.close().await;
}
