//! Somebody with a browser of their own, without its screen: cookies are kept, forms carry their token, redirects are told
//! and not followed.

use muster::model::account::{self, AccountId, Role};
use muster::web::password;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use tokio::runtime::{Builder, Runtime};

use super::program::Program;
use super::site::PASSWORD;

/// One visitor.
pub struct Guest {
    address: String,
    client: Client,
    runtime: Runtime,
}

/// What was answered.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Where it leads, if it does: by a redirect, or by a page that leads on by itself.
    pub to: String,
    /// The body.
    pub body: String,
    /// What kind of content it is.
    pub kind: String,
}

impl Page {
    /// The same, if this is the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The same, if it leads there.
    #[track_caller]
    pub fn leads_to(self, to: &str) -> Self {
        assert_eq!(self.to, to, "{self:#?}");
        self
    }

    /// The same, if it says so.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.body.replace("&#39;", "'").contains(words), "{words:?} does not stand in {self:#?}");
        self
    }

    /// What stands between two marks, the first time.
    #[track_caller]
    pub fn between(&self, before: &str, after: &str) -> String {
        let rest = self.body.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {self:#?}")).1;
        rest.split_once(after).unwrap().0.replace("&#38;", "&")
    }
}

impl Guest {
    /// Somebody new at that server.
    pub fn at(address: &str) -> Self {
        super::provide_tls();
        let client = Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .user_agent("Firefox/1.0 (Linux)");
        Self {
            address: address.to_owned(),
            client: client.build().unwrap(),
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    /// Asks for a page, of this server or by a whole address.
    pub fn get(&self, path: &str) -> Page {
        let address = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.address) };
        self.send(self.client.get(address))
    }

    /// Sends a form of ours, with the session's token.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Page {
        let token = match self.get("/my-account") {
            page if page.status == 200 => page.between("name=\"csrf\" value=\"", "\""),
            _ => match self.get("/my-account/second-factor") {
                page if page.status == 200 => page.between("name=\"csrf\" value=\"", "\""),
                _ => String::new(),
            },
        };
        let form: Vec<(&str, &str)> = form.iter().copied().chain([("csrf", token.as_str())]).collect();
        let request = self.client.post(format!("{}{path}", self.address)).header("sec-fetch-site", "same-origin");
        self.send(request.form(&form))
    }

    /// Sends a form to another server.
    pub fn post_elsewhere(&self, address: &str, form: &[(&str, &str)]) -> Page {
        self.send(self.client.post(address).form(form))
    }

    /// Types name and password.
    pub fn sign_in(&self, name: &str, password: &str) -> Page {
        let request = self.client.post(format!("{}/sign-in", self.address)).header("sec-fetch-site", "same-origin");
        self.send(request.form(&[("name", name), ("password", password)]))
    }

    fn send(&self, request: RequestBuilder) -> Page {
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let header = |name: &str| {
                response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
            };
            let led = header("refresh").split_once("url=").map(|(_, to)| to.to_owned());
            let to = led.unwrap_or_else(|| header("location"));
            let (status, kind) = (response.status().as_u16(), header("content-type"));
            Page { status, to, kind, body: response.text().await.unwrap() }
        })
    }
}

/// Makes an account that signs in with [`PASSWORD`].
pub fn account(muster: &Program, name: &str, role: Role) -> AccountId {
    let hash = password::hash(PASSWORD).unwrap();
    account::add(&mut muster.database.connect(), name, role, Some(&hash), "a test").unwrap().unwrap()
}
