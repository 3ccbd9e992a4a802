//! Somebody who is signed in and reads pages by plain requests, without a browser.

use super::browser::free_port;
use super::log::Log;
use super::program::Program;
use chrono::Utc;
use muster::model::account::{self, Role};
use muster::model::session::{self, Beginning, Method};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::RequestBuilder;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A server with somebody who is signed in; stopped with the value.
pub struct Reader {
    server: Child,
    log: Log,
    address: String,
    cookie: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Reader {
    /// Serves what a program has stored, to a viewer.
    pub fn serve(muster: &Program) -> Self {
        Self::with(muster, "vera", Role::Viewer)
    }

    /// The same, to somebody of that name and role.
    pub fn with(muster: &Program, name: &str, role: Role) -> Self {
        let mut connection = muster.database.connect();
        let account = account::add(&mut connection, name, role, None, "a test").unwrap().unwrap();
        let beginning = Beginning { method: Method::Password, address: None, agent: None, awaits: None };
        let cookie = format!("muster={}", session::begin(&mut connection, account, &beginning, Utc::now()).unwrap());
        let mut server = muster
            .command(&["serve", "--role", "web"])
            .env("MUSTER_LISTEN", format!("127.0.0.1:{}", free_port()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        let log = Log::default();
        let address = said.find_map(|line| {
            log.note(line.clone());
            line.strip_prefix("Muster answers at ").map(|address| address.trim_end_matches('/').to_owned())
        });
        log.follow(said);
        super::provide_tls();
        Self {
            server,
            log,
            address: address.expect("the server says where it answers"),
            cookie,
            // Between two requests a test may do much: the server has given the connection up by then.
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    /// `http://127.0.0.1:12345`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the server has written to its log.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Asks for a page.
    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// Asks for a page with more headers.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.client.get(format!("{}{path}", self.address));
        self.ask(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    }

    /// Sends what `form` makes of a request, as one of our own pages would.
    pub fn post(&self, path: &str, form: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Answer {
        let request = self.client.post(format!("{}{path}", self.address)).header("sec-fetch-site", "same-origin");
        self.ask(form(request))
    }

    fn ask(&self, request: RequestBuilder) -> Answer {
        let request = request.header("cookie", &self.cookie);
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
        })
    }

    /// The text of a page that is there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }
}

impl Answer {
    /// The body as text, without tags and with single blanks.
    pub fn text(&self) -> String {
        let html = String::from_utf8_lossy(&self.body);
        let content = html.split_once("<main").map_or(&*html, |(_, content)| content);
        let mut text = String::new();
        for (position, part) in content.split('<').enumerate() {
            let shown = if position == 0 { part } else { part.split_once('>').map_or("", |(_, shown)| shown) };
            text.push(' ');
            text.push_str(shown);
        }
        let text = text.replace("&#38;", "&").replace("&#39;", "'").replace("&#34;", "\"");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The body as it is.
    pub fn html(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.server.id() as i32), Signal::SIGKILL);
        let _ = self.server.wait();
    }
}
