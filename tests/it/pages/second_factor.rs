//! The second factor: set up, asked for, used once, lost, required.

use super::directory_sign_in;
use crate::support::browser::Look;
use crate::support::directory::Directory;
use crate::support::guest::{Guest, Page, account};
use crate::support::program::Program;
use crate::support::reader::Reader;
use crate::support::site::{PASSWORD, Site};
use diesel::prelude::*;
use muster::model::account::Role;
use muster::model::audit;
use muster::schema::{accounts, second_factors};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use totp_rs::{Builder, Secret, Totp};

const PAGE: &str = "/my-account/second-factor";

/// An authenticator app.
struct App(Totp);

impl App {
    fn of(page: &Page) -> Self {
        let secret = page.between("secret=", "&");
        Self(Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap())
    }

    /// The code of so many steps later. Not in the last seconds of a step, where the next request would be in another.
    fn code(&self, steps: i64) -> String {
        let began = Instant::now();
        let now = loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            if now % 30 < 20 || began.elapsed() > Duration::from_secs(15) {
                break now;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        self.0.generate(now.saturating_add_signed(steps * 30)).to_string()
    }
}

/// Sets it up with the code of the step before, and returns the app and the recovery codes.
fn enrol(guest: &Guest) -> (App, Vec<String>) {
    guest.post(PAGE, &[("act", "begin")]).is(303).leads_to(PAGE);
    let app = App::of(&guest.get(PAGE).is(200));
    let done = guest
        .post(PAGE, &[("act", "confirm"), ("password", PASSWORD), ("code", &app.code(-1))])
        .is(200)
        .says("It is on");
    let codes: Vec<String> = done.between("id=\"codes\">", "</pre>").lines().map(str::to_owned).collect();
    assert_eq!(codes.len(), 10);
    (app, codes)
}

#[test]
fn a_code_is_asked_for_taken_once_and_never_replayed() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    account(&muster, "ada", Role::Viewer);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", PASSWORD).is(303);
    ada.post(PAGE, &[("act", "begin")]).is(303);
    let prepared = ada.get(PAGE).is(200).says("otpauth://totp/Muster:ada?");
    let picture = ada.get("/my-account/second-factor/code.svg").is(200).says("<path");
    assert_eq!(picture.kind, "image/svg+xml");
    ada.post(PAGE, &[("act", "confirm"), ("password", PASSWORD), ("code", "000000")]).is(303);
    ada.get(PAGE).says("not the one that the device shows");
    let (app, _) = enrol(&ada);
    ada.get("/my-account/second-factor/code.svg").is(404);
    ada.post(PAGE, &[("act", "begin")]).is(303);
    ada.get(PAGE).says("There is a second factor already");
    assert!(!ada.get(PAGE).body.contains("otpauth"), "what is set up is not shown again");

    // What is stored is of no use without the key.
    let sealed: Vec<Vec<u8>> =
        second_factors::table.select(second_factors::secret).load(&mut muster.database.connect()).unwrap();
    let secret = Secret::try_from_base32(prepared.between("secret=", "&")).unwrap();
    assert!(!sealed[0].windows(20).any(|part| part == secret.as_bytes()));
    assert!(!sealed[0].windows(20).any(|part| part == app.0.secret().as_bytes()));

    let other = Guest::at(server.address());
    other.sign_in("ada", PASSWORD).is(303).leads_to("/sign-in/code");
    other.get("/connectors").is(303).leads_to("/sign-in?to=%2Fconnectors");
    other.get("/sign-in/code").is(200).says("authenticator app");
    other.post("/sign-in/code", &[("code", "")]).is(401);
    other.post("/sign-in/code", &[("code", &app.code(-1))]).is(401).says("was used already");
    let code = app.code(0);
    other.post("/sign-in/code", &[("code", &code), ("to", "//evil.example")]).is(303).leads_to("/");
    other.get("/connectors").is(200);
    other.get("/sign-in/code").is(303);

    let third = Guest::at(server.address());
    third.get("/sign-in/code").is(303).leads_to("/sign-in");
    third.sign_in("ada", PASSWORD).is(303);
    third.post("/sign-in/code", &[("code", &code)]).is(401);
    third.post("/sign-in/code", &[("code", &app.code(1))]).is(303);
    let log = audit::newest(&mut muster.database.connect(), None, 1).unwrap();
    assert_eq!((log[0].action.as_str(), &log[0].detail["second"]), ("sign-in", &"code".into()), "{log:?}");
}

#[test]
fn wrong_codes_slow_down_like_wrong_passwords_and_the_right_password_does_not_help() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    account(&muster, "ada", Role::Viewer);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", PASSWORD).is(303);
    let (app, codes) = enrol(&ada);
    let guesser = Guest::at(server.address());
    for guess in 0..8 {
        guesser.sign_in("ada", PASSWORD).is(303).leads_to("/sign-in/code");
        guesser.post("/sign-in/code", &[("code", &format!("00000{guess}"))]).is(401);
    }
    guesser.post("/sign-in/code", &[("code", &app.code(0))]).is(429);
    guesser.post("/sign-in/code", &[("code", &codes[0])]).is(429);
    guesser.sign_in("ada", PASSWORD).is(429);
    // Nor by the form that takes it away.
    ada.post(PAGE, &[("act", "remove"), ("password", PASSWORD), ("code", &app.code(0))]).is(303);
    ada.get(PAGE).says("Too many attempts");
}

#[test]
fn nothing_is_set_up_renewed_or_taken_away_without_the_password_once_more() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    account(&muster, "ada", Role::Viewer);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", PASSWORD).is(303);
    ada.post(PAGE, &[("act", "begin")]).is(303);
    let app = App::of(&ada.get(PAGE).is(200).says("Your password, once more"));
    let confirmed = || {
        let confirmed = second_factors::table.filter(second_factors::confirmed_at.is_not_null()).count();
        confirmed.get_result::<i64>(&mut muster.database.connect()).unwrap()
    };
    for wrong in [&[][..], &[("password", "")], &[("password", "four quiet green lamp")]] {
        let code = app.code(-1);
        let form = [&[("act", "confirm"), ("code", code.as_str())][..], wrong].concat();
        ada.post(PAGE, &form).is(303).leads_to(PAGE);
        ada.get(PAGE).says("That is not your password; nothing was changed");
    }
    assert_eq!(confirmed(), 0);
    ada.post(PAGE, &[("act", "confirm"), ("password", PASSWORD), ("code", &app.code(-1))]).is(200).says("It is on");
    assert_eq!(confirmed(), 1);
    for act in ["renew", "remove"] {
        ada.post(PAGE, &[("act", act), ("password", "guessed"), ("code", &app.code(0))]).is(303).leads_to(PAGE);
        ada.get(PAGE).says("That is not your password").says("Recovery codes left: 10");
    }
    assert_eq!(confirmed(), 1);
    let log = audit::newest(&mut muster.database.connect(), None, 50).unwrap();
    let refused = log.iter().filter(|line| line.action == "sign-in-refused" && line.subject == "account ada");
    assert_eq!(refused.count(), 5, "each failure is in the log, and slows down like one of a sign-in");
    for _ in 0..3 {
        ada.post(PAGE, &[("act", "remove"), ("password", "guessed"), ("code", &app.code(0))]).is(303);
    }
    ada.post(PAGE, &[("act", "remove"), ("password", PASSWORD), ("code", &app.code(0))]).is(303);
    ada.get(PAGE).says("Too many attempts");
    assert_eq!(confirmed(), 1);
}

#[test]
fn who_comes_from_elsewhere_proves_it_there() {
    let directory = Directory::builder().entries(&directory_sign_in::entries()).start();
    let muster = directory_sign_in::synchronized(&directory, "(uid={name})");
    let server = Reader::serve(&muster);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", directory_sign_in::ADA).is(303);
    ada.post(PAGE, &[("act", "begin")]).is(303);
    let app = App::of(&ada.get(PAGE).is(200).says("Your name in the directory"));
    // Another one's password proves who that is.
    for (name, password) in [("ada", "not it"), ("grace", "of grace alone"), ("", directory_sign_in::ADA)] {
        let form = [("act", "confirm"), ("name", name), ("password", password), ("code", &app.code(-1))];
        ada.post(PAGE, &form).is(303).leads_to(PAGE);
        ada.get(PAGE).says("That is not your password");
    }
    let right = [("act", "confirm"), ("name", "ada"), ("password", directory_sign_in::ADA), ("code", &app.code(-1))];
    ada.post(PAGE, &right).is(200).says("It is on");

    // Of a provider's accounts the sign-in there must be fresh.
    let origin = "update accounts set origin = 'provider' where name = 'ada'";
    diesel::sql_query(origin).execute(&mut muster.database.connect()).unwrap();
    ada.get(PAGE).says("in the last 10 minutes");
    let aged = "update sessions set created_at = created_at - interval '11 minutes'";
    diesel::sql_query(aged).execute(&mut muster.database.connect()).unwrap();
    ada.post(PAGE, &[("act", "remove"), ("code", &app.code(0))]).is(303).leads_to(PAGE);
    ada.get(PAGE).says("more than 10 minutes ago");
    let fresh = "update sessions set created_at = now()";
    diesel::sql_query(fresh).execute(&mut muster.database.connect()).unwrap();
    ada.post(PAGE, &[("act", "remove"), ("code", &app.code(0))]).is(303).leads_to("/my-account");
}

#[test]
fn recovery_codes_help_once_each_and_an_administrator_takes_the_factor_away() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    let id = account(&muster, "ada", Role::Viewer);
    account(&muster, "chief", Role::Administrator);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", PASSWORD).is(303);
    let (app, codes) = enrol(&ada);
    let lost = Guest::at(server.address());
    lost.sign_in("ada", PASSWORD).is(303);
    lost.post("/sign-in/code", &[("code", &codes[3].to_uppercase().replace('-', " "))]).is(303).leads_to("/");
    lost.get("/my-account").says("9 recovery codes");
    let again = Guest::at(server.address());
    again.sign_in("ada", PASSWORD).is(303);
    again.post("/sign-in/code", &[("code", &codes[3])]).is(401);

    // New ones take the place of the old; that takes a code, as taking it away does.
    ada.post(PAGE, &[("act", "renew"), ("password", PASSWORD), ("code", "123456")]).is(303);
    let renewed = ada
        .post(PAGE, &[("act", "renew"), ("password", PASSWORD), ("code", &app.code(0))])
        .is(200)
        .between("id=\"codes\">", "\n");
    again.post("/sign-in/code", &[("code", &codes[4])]).is(401);
    again.post("/sign-in/code", &[("code", &renewed)]).is(303);
    ada.post(PAGE, &[("act", "remove"), ("password", PASSWORD), ("code", &codes[5])]).is(303).leads_to(PAGE);
    ada.post(PAGE, &[("act", "remove"), ("password", PASSWORD), ("code", &app.code(1))])
        .is(303)
        .leads_to("/my-account");
    let (_, _) = enrol(&ada);

    let admin = Guest::at(server.address());
    admin.sign_in("chief", PASSWORD).is(303);
    admin.get("/accounts").says("password, second factor");
    admin.post(&format!("/accounts/{id}"), &[("role", "viewer"), ("reset", "yes")]).is(303);
    admin.get("/accounts").says("signed out everywhere");
    ada.get("/my-account").is(303);
    ada.sign_in("ada", PASSWORD).is(303).leads_to("/");

    let (_, _) = enrol(&ada);
    muster.run(&["account", "reset-factor", "ADA"]).succeeded().shows("account ada: signs in without");
    muster.run(&["account", "reset-factor", "ada"]).exited(4).says("has no second factor");
    ada.sign_in("ada", PASSWORD).is(303).leads_to("/");
}

#[test]
fn a_role_that_needs_a_second_factor_does_nothing_before_it_is_set_up() {
    let muster = Program::new();
    muster.run_with_stdin(&["apply", "-"], "[sign_in]\nsecond_factor = [\"operator\"]\n").succeeded();
    let server = Reader::serve(&muster);
    account(&muster, "olga", Role::Operator);
    account(&muster, "vera2", Role::Viewer);
    let (olga, vera) = (Guest::at(server.address()), Guest::at(server.address()));
    vera.sign_in("vera2", PASSWORD).is(303).leads_to("/");
    olga.sign_in("olga", PASSWORD).is(303).leads_to(PAGE);
    for path in ["/", "/connectors", "/users", "/my-account"] {
        olga.get(path).is(303).leads_to(PAGE);
    }
    olga.post("/deliveries/1/retry", &[]).is(303).leads_to(PAGE);
    olga.get(PAGE).says("Your role needs a second factor");
    let (app, _) = enrol(&olga);
    olga.get("/connectors").is(200);
    olga.post(PAGE, &[("act", "remove"), ("password", PASSWORD), ("code", &app.code(0))]).is(303);
    olga.get(PAGE).says("Your role needs a second factor. An administrator");
    muster.run_with_stdin(&["apply", "-"], "[sign_in]\nsecond_factor = [\"king\"]\n").exited(1).says("is no role");
}

#[test]
fn without_the_key_nobody_gets_past_it_but_with_a_recovery_code() {
    let muster = Program::new();
    account(&muster, "ada", Role::Viewer);
    let server = Reader::serve(&muster);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", PASSWORD).is(303);
    let (app, codes) = enrol(&ada);
    drop(server);
    std::fs::write(muster.folder.path().join("secret.key"), [9; 32]).unwrap();
    diesel::update(accounts::table.filter(accounts::name.eq("vera")))
        .set(accounts::name.eq("the first vera"))
        .execute(&mut muster.database.connect())
        .unwrap();
    let server = Reader::serve(&muster);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", PASSWORD).is(303).leads_to("/sign-in/code");
    ada.post("/sign-in/code", &[("code", &app.code(0))]).is(500).says("bring that key back");
    ada.post("/sign-in/code", &[("code", &codes[0])]).is(303).leads_to("/");
}

#[tokio::test]
async fn its_pages_are_in_order() {
    let site = Site::start(Program::new());
    let browser = site.browse().await;
    browser.open(PAGE).await;
    browser.click("Begin").await;
    browser.shows("type the key into it").await;
    let uri = browser.run("return document.querySelector('main a[href^=otpauth]').href", vec![]).await;
    let page = Page { status: 200, to: String::new(), kind: String::new(), body: uri.as_str().unwrap().to_owned() };
    let app = App::of(&page);
    for (width, look) in [(1440, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("second-factor-begun", width, look).await;
    }
    browser.fill("password", PASSWORD).await;
    browser.fill("code", &app.code(-1)).await;
    browser.click("Turn it on").await;
    browser.shows("Your recovery codes").await;
    for (width, look) in [(1440, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("second-factor-on", width, look).await;
    }
    browser.run("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()", vec![]).await;
    browser.shows("No password yet").await;
    browser.fill("name", "admin").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.shows("authenticator app shows now").await;
    browser.is_in_order("code", 320, Look::Dark).await;
    browser.fill("code", &app.code(0)).await;
    browser.click("Sign in").await;
    browser.shows("Home").await;
    browser.close().await;
}
