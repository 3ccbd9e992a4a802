//! Signing in, once and again, and out.

use crate::support::browser::Look;
use crate::support::program::Program;
use crate::support::site::{PASSWORD, Site};

#[tokio::test]
async fn an_administrator_is_invited_once_signs_out_and_in_again() {
    let site = Site::start(Program::new());
    let browser = site.browse().await;
    assert_eq!(browser.address().await, "/");

    browser.run("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()", vec![]).await;
    browser.shows("No password yet").await;

    // The invitation is used up.
    browser.open(&site.welcome).await;
    browser.shows("was used already").await;

    // Who is signed out is led to the sign-in, and back to where they wanted to go.
    browser.open("/connectors?x=1").await;
    browser.shows("No password yet").await;
    browser.look(320, Look::Light).await;
    browser.run("console.clear()", vec![]).await;
    browser.fill("name", "ADMIN").await;
    browser.fill("password", "four quiet green lamp").await;
    browser.click("Sign in").await;
    browser.shows("Name and password don't match").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.shows("No connectors yet").await;
    assert_eq!(browser.address().await, "/connectors?x=1");
    browser.close().await;
}

#[tokio::test]
async fn the_sign_in_pages_are_in_order() {
    let site = Site::start(Program::new());
    let browser = crate::support::browser::Browser::start(&site.address).await;
    for (name, path) in [("welcome", site.welcome.as_str()), ("sign-in", "/sign-in")] {
        for (width, look) in [(320, Look::Light), (1440, Look::Dark)] {
            browser.look(width, look).await;
            browser.open(path).await;
            browser.is_in_order(name, width, look).await;
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn whoever_fails_too_often_has_to_wait_even_with_the_right_password() {
    let site = Site::start(Program::new());
    site.browse().await.close().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let attempt = async |name: &str, password: &str| {
        client
            .post(format!("{}/sign-in", site.address))
            .header("sec-fetch-site", "same-origin")
            .form(&[("name", name), ("password", password), ("to", "//evil.example")])
            .send()
            .await
            .unwrap()
    };
    let right = attempt("admin", PASSWORD).await;
    assert_eq!(right.status(), 303);
    assert_eq!(right.headers()["location"], "/", "nobody is led elsewhere");
    for spelling in ["admin", "Admin", " admin ", "ADMIN", "admin", "admin", "admin", "admin"] {
        assert_eq!(attempt(spelling, "wrong").await.status(), 401);
    }
    assert_eq!(attempt("admin", PASSWORD).await.status(), 429);
    assert_eq!(attempt("somebody else", "wrong").await.status(), 401, "others are not slowed by that");
}
