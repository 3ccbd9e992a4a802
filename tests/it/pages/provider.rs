//! Signing in at a real OpenID provider.

use crate::support::browser::{Browser, Look};
use crate::support::guest::{Guest, account};
use crate::support::openid_provider::{OpenIdProvider, SECRET};
use crate::support::program::Program;
use crate::support::reader::Reader;
use crate::support::site::{PASSWORD, Site};
use crate::support::town::Town;
use muster::model::account::{self as accounts, Role};
use muster::model::audit;
use serde_json::{Value, json};
use url::Url;

pub(super) fn people() -> Value {
    json!({
        "ada-1815": { "preferred_username": "ada", "groups": ["staff", "muster-admins"], "employee": "1001" },
        "bob": { "preferred_username": "bob", "groups": ["nothing"] },
        "grace-1906": { "preferred_username": "grace", "employee": 1002 },
        "mallory": { "preferred_username": "admin", "groups": ["staff"] },
    })
}

fn trust(site: &Site, provider: &OpenIdProvider, more: &str) {
    let settings = format!(
        "[sign_in]\n[sign_in.provider]\nname = \"Example University\"\nissuer = \"{}\"\nclient_id = \"muster\"\n\
         client_secret = {{ env = \"PROVIDER_SECRET\" }}\nscopes = [\"all\"]\nperson_claim = \"employee\"\n\
         person_field = \"employee_id\"\n{more}\n[sign_in.provider.roles]\nadministrator = [\"muster-admins\"]\n\
         viewer = [\"staff\"]\n",
        provider.issuer()
    );
    site.program.run_with_stdin(&["apply", "-"], &settings).succeeded();
}

fn site() -> Site {
    Site::start(Program::new().with_environment("PROVIDER_SECRET", SECRET))
}

/// The whole way: to the provider, there, and back.
fn arrive(site: &Site, provider: &OpenIdProvider, login: &str) -> (Guest, crate::support::guest::Page) {
    let guest = Guest::at(&site.address);
    let there = guest.get("/sign-in/provider?to=%2Fconnectors%3Fx%3D1").is(303).to;
    let back = provider.sign_in(&guest, &there, login);
    let page = guest.get(&back);
    (guest, page)
}

#[test]
fn a_provider_says_who_somebody_is_and_groups_say_what_they_may_do() {
    let site = site();
    for userinfo in [false, true] {
        let provider = OpenIdProvider::start(&site.address, &people(), userinfo);
        trust(&site, &provider, "");
        Guest::at(&site.address).get("/sign-in").is(200).says("Sign in with Example University");
        let (ada, page) = arrive(&site, &provider, "ada-1815");
        page.is(200).leads_to("/connectors?x=1");
        ada.get("/accounts").is(200).says("provider").says("ada");
        let own = ada.get("/my-account").is(200).says("your OpenID provider").says("by OpenID provider");
        assert!(!own.body.contains("by password"));

        // The role follows the groups, each time.
        let mut changed = people();
        changed["ada-1815"]["groups"] = json!(["staff"]);
        provider.people(&changed);
        let (ada, page) = arrive(&site, &provider, "ada-1815");
        page.is(200);
        ada.get("/accounts").is(403);
        ada.get("/users").is(200);
        changed["ada-1815"]["groups"] = json!("muster-adminsx");
        provider.people(&changed);
        let (ada, page) = arrive(&site, &provider, "ada-1815");
        page.is(403).says("you may not sign in here");
        ada.get("/users").is(303);
        provider.people(&people());

        let (bob, page) = arrive(&site, &provider, "bob");
        page.is(403).says("Example University knows you");
        bob.get("/").is(303);
    }
    let log = audit::newest(&mut site.program.database.connect(), None, 50).unwrap();
    let sign_in = log.iter().find(|line| line.action == "sign-in").unwrap();
    assert_eq!((&sign_in.detail["by"], sign_in.account.as_str()), (&json!("provider"), "ada (provider)"), "{log:?}");
    assert!(!format!("{log:?}").contains("bob"));
}

#[test]
fn what_does_not_belong_to_a_sign_in_that_began_here_is_refused() {
    let site = site();
    let provider = OpenIdProvider::start(&site.address, &people(), false);
    trust(&site, &provider, "");
    let guest = Guest::at(&site.address);
    let there = guest.get("/sign-in/provider").is(303).to;
    let query: std::collections::BTreeMap<String, String> =
        Url::parse(&there).unwrap().query_pairs().into_owned().collect();
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!((query["response_type"].as_str(), query["client_id"].as_str()), ("code", "muster"));
    assert!(query["nonce"].len() >= 22 && query["state"].len() >= 22, "{query:?}");
    assert!(!there.contains(SECRET));
    let back = provider.sign_in(&guest, &there, "ada-1815");

    // In another browser; with another state; from another provider; with the provider's refusal.
    let began_elsewhere = "began in another browser";
    Guest::at(&site.address).get(&back).is(400).says(began_elsewhere);
    for (part, other) in [("state", "guessed"), ("iss", "https://evil.example")] {
        let guest = Guest::at(&site.address);
        let there = guest.get("/sign-in/provider").is(303).to;
        let back = provider.sign_in(&guest, &there, "ada-1815");
        guest.get(&with(&back, part, other)).is(400).says(began_elsewhere);
        guest.get(&back).is(400).says(began_elsewhere);
    }
    let denied = Guest::at(&site.address);
    let there = denied.get("/sign-in/provider").is(303).to;
    let state = Url::parse(&there).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let refusal = format!("/sign-in/provider/back?error=access_denied%3Cb%3E&state={state}");
    denied.get(&refusal).is(403).says("did not sign you in: access_deniedb.");

    // A code is used once, even if the attempt were kept.
    guest.get(&back).is(200).leads_to("/");
    guest.get("/connectors").is(200);
    guest.get(&back).is(400);

    // Another nonce, another challenge: what the provider was asked is not what was kept here.
    for (part, status, words) in [("nonce", 502, "can't be asked"), ("code_challenge", 403, "did not sign you in")] {
        let guest = Guest::at(&site.address);
        let there = guest.get("/sign-in/provider").is(303).to;
        let changed = with(&there, part, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let back = provider.sign_in(&guest, &changed, "ada-1815");
        guest.get(&back).is(status).says(words);
        guest.get("/connectors").is(303);
    }
}

fn with(address: &str, name: &str, value: &str) -> String {
    let mut url = Url::parse(address).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    url.query_pairs_mut().clear();
    for (known, old) in pairs {
        let value = if known == name { value } else { &old };
        url.query_pairs_mut().append_pair(&known, value);
    }
    url.into()
}

#[test]
fn nobody_becomes_somebody_here_by_being_called_like_them() {
    let site = site();
    account(&site.program, "ada", Role::Operator);
    let provider = OpenIdProvider::start(&site.address, &people(), false);
    trust(&site, &provider, "");
    let (mallory, page) = arrive(&site, &provider, "mallory");
    page.is(200);
    mallory.get("/accounts").is(403);
    mallory.get("/my-account").says("viewer");
    let local = Guest::at(&site.address);
    local.sign_in("ada", PASSWORD).is(303);
    // There is no password for who comes from elsewhere, and none can be given.
    local.sign_in("admin (provider)", "").is(401);
    let mut connection = site.program.database.connect();
    let now = chrono::Utc::now();
    assert_eq!(accounts::invite(&mut connection, "admin (provider)", "a test", now).unwrap(), None);
    let stored = accounts::all(&mut connection).unwrap();
    let mallory = stored.iter().find(|account| account.name == "admin (provider)").expect("its own account");
    let changed = accounts::change(&mut connection, mallory.id, Role::Administrator, true, "a test");
    assert!(changed.unwrap_err().to_string().contains("follows its groups"));
}

/// The provider says whose number somebody has; then they come, and see their own profile.
pub(super) fn arrive_in(town: &Town, server: &Reader, provider: &OpenIdProvider, login: &str) -> Guest {
    let settings = format!(
        "[sign_in.provider]\nissuer = \"{}\"\nclient_id = \"muster\"\nclient_secret = {{ env = \"PROVIDER_SECRET\" }}\n\
         scopes = [\"all\"]\nperson_claim = \"employee\"\nperson_field = \"employee_id\"\n",
        provider.issuer()
    );
    town.muster.run_with_stdin(&["apply", "-"], &settings).succeeded();
    let guest = Guest::at(server.address());
    let there = guest.get("/sign-in/provider").is(303).to;
    let back = provider.sign_in(&guest, &there, login);
    guest.get(&back).is(200).leads_to("/me");
    guest
}

#[test]
fn a_person_is_known_by_a_claim_and_a_blocked_one_stays_out() {
    let town = Town::synchronized();
    let town = Town { muster: town.muster.with_environment("PROVIDER_SECRET", SECRET) };
    let server = Reader::serve(&town.muster);
    let provider = OpenIdProvider::start(server.address(), &people(), true);
    let guest = arrive_in(&town, &server, &provider, "grace-1906");
    guest.get("/me").is(200).says("Grace Hopper");
    guest.get("/users").is(403);
    town.a_day_later();
    guest.get("/me").is(303);
    let again = Guest::at(server.address());
    let there = again.get("/sign-in/provider").is(303).to;
    let back = provider.sign_in(&again, &there, "grace-1906");
    again.get(&back).is(403).says("you may not sign in here");
    again.get("/me").is(303);
}

#[test]
fn a_second_factor_is_the_providers_or_ours() {
    let site = site();
    let provider = OpenIdProvider::start(&site.address, &people(), false);
    trust(&site, &provider, "");
    let need = |has: bool| {
        let settings = format!(
            "[sign_in]\nsecond_factor = [\"administrator\"]\n[sign_in.provider]\nissuer = \"{}\"\nclient_id = \"muster\"\n\
             client_secret = {{ env = \"PROVIDER_SECRET\" }}\nscopes = [\"all\"]\nhas_second_factor = {has}\n\
             [sign_in.provider.roles]\nadministrator = [\"muster-admins\"]\n",
            provider.issuer()
        );
        site.program.run_with_stdin(&["apply", "-"], &settings).succeeded();
    };
    need(false);
    let (_, page) = arrive(&site, &provider, "ada-1815");
    page.is(200).leads_to("/my-account/second-factor");
    need(true);
    let (ada, page) = arrive(&site, &provider, "ada-1815");
    page.is(200).leads_to("/connectors?x=1");
    ada.get("/accounts").is(200);
}

#[test]
fn a_provider_that_is_gone_or_knows_another_secret_lets_nobody_in_and_check_says_so() {
    let site = Site::start(Program::new().with_environment("PROVIDER_SECRET", "another"));
    let provider = OpenIdProvider::start(&site.address, &people(), false);
    trust(&site, &provider, "");
    let (_, page) = arrive(&site, &provider, "ada-1815");
    page.is(403).says("did not sign you in: invalid_client");
    site.program.run(&["check"]).succeeded().shows("describes itself and has");
    let issuer = provider.issuer();
    drop(provider);
    site.program.run(&["check"]).exited(1).shows(&issuer);
    // What was found stays good for five minutes; what must be asked anew fails.
    site.program
        .run_with_stdin(&["apply", "-"], &format!("[sign_in.provider]\nissuer = \"{issuer}\"\nclient_id = \"other\"\n"))
        .succeeded();
    Guest::at(&site.address).get("/sign-in/provider").is(502).says("can't be asked now");
    for (issuer, words) in [("http://idp.example.org", "https://"), ("https://u:p@idp.example.org", "a password")] {
        let settings = format!("[sign_in.provider]\nissuer = \"{issuer}\"\nclient_id = \"muster\"\n");
        site.program.run_with_stdin(&["apply", "-"], &settings).exited(1).says(words);
    }
}

#[tokio::test]
async fn a_browser_comes_back_from_another_site_and_is_signed_in() {
    let site = tokio::task::spawn_blocking(site).await.unwrap();
    let provider = OpenIdProvider::start_as("localhost", &site.address, &people(), false);
    trust(&site, &provider, "");
    let browser = Browser::start(&site.address).await;
    for (width, look) in [(1440, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.open("/sign-in?to=%2Fusers").await;
        browser.is_in_order("sign-in-provider", width, look).await;
    }
    browser.click("Sign in with Example University").await;
    browser.shows("Sign-in").await;
    let fill = "document.querySelector('[name=login]').value = 'ada-1815';
                document.querySelector('[name=password]').value = 'any'; document.querySelector('form').submit()";
    browser.run(fill, vec![]).await;
    browser.shows("Authorize").await;
    browser.run("document.querySelector('form').submit()", vec![]).await;
    browser.shows("No users").await;
    assert_eq!(browser.address().await, "/users");
    browser.close().await;
}
