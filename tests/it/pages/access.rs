//! Who may do what: every address, every role, every scope.

use crate::support::api::{Answer, Api};
use crate::support::program::Program;
use crate::support::site::{PASSWORD, Site};
use actix_web::http::Method;
use muster::model::account::{self, Role};
use muster::model::token::Scope;
use muster::web::admission::Access;
use muster::web::routes::{self, Entry};
use reqwest::multipart::Form;
use reqwest::{Client, Response, StatusCode};

/// An address with something in place of its parameters. Nothing of it exists, so nothing can be done by accident.
fn concrete(pattern: &str) -> String {
    let parts: Vec<&str> = pattern.split('/').map(|part| if part.starts_with('{') { "7" } else { part }).collect();
    parts.join("/")
}

fn browser_like() -> Client {
    Client::builder().cookie_store(true).redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Signed in, with the token that its forms carry.
async fn signed_in(site: &Site, role: Role) -> (Client, String) {
    let mut connection = site.program.database.connect();
    account::add(&mut connection, role.as_str(), role, None, "test").unwrap();
    let token = account::invite(&mut connection, role.as_str(), "test", chrono::Utc::now()).unwrap().unwrap();
    let client = browser_like();
    let chosen = client
        .post(format!("{}/welcome/{token}", site.address))
        .header("sec-fetch-site", "same-origin")
        .form(&[("password", PASSWORD), ("again", PASSWORD)])
        .send()
        .await
        .unwrap();
    assert_eq!(chosen.status(), 303);
    let home = client.get(format!("{}/my-account", site.address)).send().await.unwrap().text().await.unwrap();
    let csrf = home.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (client, csrf)
}

async fn ask(site: &Site, client: &Client, route: &Entry, csrf: &str) -> Response {
    let address = format!("{}{}", site.address, concrete(route.path));
    let sent = |request: reqwest::RequestBuilder| request.header("sec-fetch-site", "same-origin");
    let request = match (route.method.as_str(), route.access) {
        ("GET", _) => client.get(address),
        (_, Access::Files(_)) => sent(client.post(address)).multipart(Form::new().text("csrf", csrf.to_owned())),
        _ => sent(client.post(address)).form(&[("csrf", csrf)]),
    };
    request.send().await.unwrap()
}

/// The pages, which need a role.
fn pages() -> Vec<(Entry, Role)> {
    let role = |access| match access {
        Access::Role(needed) | Access::Files(needed) => Some(needed),
        Access::Everyone | Access::Token(_) => None,
    };
    routes::table().into_iter().filter_map(|route| Some((role(route.access)?, route))).map(|(a, b)| (b, a)).collect()
}

/// The API, which needs a token with one of these scopes.
fn api() -> Vec<(Entry, &'static [Scope])> {
    let scopes = |access| match access {
        Access::Token(scopes) => Some(scopes),
        _ => None,
    };
    routes::table().into_iter().filter_map(|route| Some((scopes(route.access)?, route))).map(|(a, b)| (b, a)).collect()
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_no_more() {
    let site = Site::start(Program::new());
    for role in Role::ALL {
        let (client, csrf) = signed_in(&site, role).await;
        for (route, needed) in pages() {
            // Signing out would end the test.
            if route.path == "/sign-out" {
                continue;
            }
            let answer = ask(&site, &client, &route, &csrf).await;
            let place = format!("{role}: {} {}", route.method, route.path);
            if role == Role::Person && route.path == "/" {
                assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/me".parse().unwrap()));
            } else if role < needed {
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{place}");
                assert!(answer.text().await.unwrap().contains("Not allowed"), "{place}: a page says so");
            } else {
                assert_ne!(answer.status(), StatusCode::FORBIDDEN, "{place}");
                assert!(!answer.status().is_server_error(), "{place}: {}", answer.status());
            }
        }
    }
}

#[tokio::test]
async fn each_scope_may_do_what_the_table_says_and_no_more() {
    let site = Site::start(Program::new());
    assert!(api().len() > 20);
    for scope in Scope::ALL {
        let client = Api::with(&site, &[scope], None);
        for (route, scopes) in api() {
            let method = route.method.as_str().parse().unwrap();
            let request = client.request(method, &concrete(route.path)).header("upload-offset", 0);
            let answer = Answer::to(request).await;
            let place = format!("{scope}: {} {}: {answer:?}", route.method, route.path);
            if scopes.contains(&scope) {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{place}");
                assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{place}");
                assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{place}");
                assert!(!answer.status.is_server_error(), "{place}");
            } else {
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{place}");
                assert!(answer.header("www-authenticate").contains("insufficient_scope"), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_good_token_the_api_says_nothing_whoever_is_signed_in() {
    let site = Site::start(Program::new());
    let (client, csrf) = signed_in(&site, Role::Administrator).await;
    for (route, _) in api() {
        let address = format!("{}{}", site.address, concrete(route.path));
        let request = client.request(route.method.as_str().parse().unwrap(), address);
        let request = request.header("sec-fetch-site", "same-origin").header("upload-offset", 0);
        let answer = request.form(&[("csrf", csrf.as_str())]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{} {}", route.method, route.path);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_name_with_a_nul_is_one_that_is_not_there() {
    let site = Site::start(Program::new());
    let (client, _) = signed_in(&site, Role::Viewer).await;
    for path in ["/connectors/%00", "/connectors/a%00/feeds", "/connectors/a/received/%00", "/resources/%00/a"] {
        let answer = client.get(format!("{}{path}", site.address)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/users?search=%00", "/runs/1/changes?key=a%00", "/groups?search=%00"] {
        let answer = client.get(format!("{}{path}", site.address)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_form_with_a_nul_is_refused_and_nobody_signs_in_with_one() {
    let site = Site::start(Program::new());
    let (client, csrf) = signed_in(&site, Role::Administrator).await;
    let send = async |path: &str, form: &[(&str, &str)]| {
        let request = client.post(format!("{}{path}", site.address)).header("sec-fetch-site", "same-origin");
        request.form(form).send().await.unwrap()
    };
    for path in ["/accounts", "/tokens", "/connectors/hr/edit", "/runs/1/discard"] {
        for (name, value) in [("name", "a\0b"), ("comment", "\0"), ("a\0b", "value")] {
            let answer = send(path, &[("csrf", &csrf), (name, value)]).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path} {name:?}");
            let text = answer.text().await.unwrap();
            assert!(text.contains("holds a NUL"), "{path} {name:?}: {text}");
        }
    }
    // As it is, without escape.
    let raw = client.post(format!("{}/accounts", site.address)).header("sec-fetch-site", "same-origin");
    let raw = raw.header("content-type", "application/x-www-form-urlencoded").body(format!("csrf={csrf}&name=a\0b"));
    assert_eq!(raw.send().await.unwrap().status(), StatusCode::BAD_REQUEST);

    for (name, password, expected) in [
        ("administrator\0", PASSWORD, StatusCode::BAD_REQUEST),
        ("\0", "wrong", StatusCode::BAD_REQUEST),
        // A password is never stored as it is, so any will do; this one is wrong.
        ("administrator", "four quiet\0 green lamps", StatusCode::UNAUTHORIZED),
        ("administrator", PASSWORD, StatusCode::SEE_OTHER),
    ] {
        let answer = send("/sign-in", &[("name", name), ("password", password), ("to", "/")]).await;
        assert_eq!(answer.status(), expected, "{name:?}");
    }
}

#[tokio::test]
async fn strangers_are_led_to_the_sign_in() {
    let site = Site::start(Program::new());
    for (route, _) in pages() {
        let answer = ask(&site, &browser_like(), &route, "").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{} {}", route.method, route.path);
        assert!(answer.headers()["location"].to_str().unwrap().starts_with("/sign-in"), "{}", route.path);
    }
}

#[tokio::test]
async fn nothing_is_changed_by_a_request_from_elsewhere() {
    let site = Site::start(Program::new());
    let (client, csrf) = signed_in(&site, Role::Administrator).await;
    let changing = |path: &str| client.post(format!("{}{path}", site.address));
    let forms = routes::table().into_iter().filter(|route| !matches!(route.access, Access::Token(_)));
    for path in forms.filter(|route| route.method == Method::POST).map(|route| concrete(route.path)) {
        let form = [("csrf", csrf.as_str())];
        for elsewhere in ["cross-site", "same-site", "none"] {
            let answer = changing(&path).header("sec-fetch-site", elsewhere).form(&form).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} from {elsewhere}");
        }
        let answer = changing(&path).header("origin", "http://evil.example").form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} with another origin");
        let answer = changing(&path).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} without any origin");
    }
    for token in ["", "guessed"] {
        let form = [("csrf", token)];
        let answer = changing("/sign-out").header("sec-fetch-site", "same-origin").form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "token {token:?}");
        let files = changing("/connectors/7/feeds").header("sec-fetch-site", "same-origin");
        let form = Form::new().text("csrf", token).text("people", "Id");
        let answer = files.multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "files with token {token:?}");
    }
    // The token comes first: nothing of a form is read before it.
    let late = Form::new().text("people", "Id").text("csrf", csrf.clone());
    let files = changing("/connectors/7/feeds").header("sec-fetch-site", "same-origin");
    assert_eq!(files.multipart(late).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let files = changing("/connectors/7/feeds").header("sec-fetch-site", "same-origin").form(&[("csrf", &csrf)]);
    assert_eq!(files.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    // The session still stands: nothing of all that ended it.
    assert_eq!(client.get(format!("{}/help", site.address)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_errors_keep_their_secrets() {
    let site = Site::start(Program::new());
    for path in [
        "/",
        "/sign-in",
        "/nowhere",
        "/livez",
        "/static/nothing.css",
        "/runs/99999999999999",
        "/welcome/guessed",
        "/api/v1/runs",
    ] {
        let answer = reqwest::get(format!("{}{path}", site.address)).await.unwrap();
        let headers = answer.headers().clone();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        let body = answer.text().await.unwrap();
        for inline in ["<style", " style=", "onclick", "<script>"] {
            assert!(!body.contains(inline), "{path} has {inline}");
        }
    }
    let cookie_of = |response: &Response| response.headers()["set-cookie"].to_str().unwrap().to_owned();
    let signed_in = browser_like()
        .post(format!("{}{}", site.address, site.welcome))
        .header("sec-fetch-site", "same-origin")
        .form(&[("password", PASSWORD), ("again", PASSWORD)])
        .send()
        .await
        .unwrap();
    let cookie = cookie_of(&signed_in);
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
}
