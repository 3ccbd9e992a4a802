//! An administrator at a desk: signed in, who reads pages and sends forms by plain requests.

use super::program::Program;
use super::reader::Answer;
use chrono::Utc;
use muster::model::account::{self, Role};
use muster::model::session::{self, Beginning, Method};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A server with somebody who is signed in; stopped with the value.
pub struct Desk {
    server: Child,
    address: String,
    cookie: String,
    csrf: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    /// An administrator before what a program has stored.
    pub fn of(muster: &Program) -> Self {
        Self::with(muster, "alma", Role::Administrator)
    }

    /// Somebody of that name and role.
    pub fn with(muster: &Program, name: &str, role: Role) -> Self {
        let mut connection = muster.database.connect();
        let account = account::add(&mut connection, name, role, None, "a test").unwrap().unwrap();
        let beginning = Beginning { method: Method::Password, address: None, agent: None, awaits: None };
        let cookie = format!("muster={}", session::begin(&mut connection, account, &beginning, Utc::now()).unwrap());
        let mut server = muster
            .command(&["serve", "--role", "web"])
            .env("MUSTER_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = said.find_map(|line| {
            line.strip_prefix("Muster answers at ").map(|address| address.trim_end_matches('/').to_owned())
        });
        std::thread::spawn(move || said.for_each(drop));
        super::provide_tls();
        let mut desk = Self {
            server,
            address: address.expect("the server says where it answers"),
            cookie,
            csrf: String::new(),
            // Between two requests a test may do much: the server has given the connection up by then.
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        };
        let help = desk.get("/help").html();
        desk.csrf = help.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        desk
    }

    /// Asks for a page.
    pub fn get(&self, path: &str) -> Answer {
        self.ask(self.client.get(format!("{}{path}", self.address)))
    }

    /// The text of a page that is there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Sends a form, and reads the page that it leads to, or that says what is wrong.
    #[track_caller]
    pub fn send(&self, path: &str, form: &[(&str, &str)]) -> String {
        let form: Vec<_> = [("csrf", self.csrf.as_str())].into_iter().chain(form.iter().copied()).collect();
        let answer = self.post(path, |request| request.form(&form));
        self.follow(path, answer)
    }

    /// Sends a form with a file, likewise.
    #[track_caller]
    pub fn send_file(&self, path: &str, field: &str, content: &[u8]) -> String {
        let part = Part::bytes(content.to_vec()).file_name("file");
        let form = Form::new().text("csrf", self.csrf.clone()).part(field.to_owned(), part);
        let answer = self.post(path, |request| request.multipart(form));
        self.follow(path, answer)
    }

    fn post(&self, path: &str, form: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Answer {
        let request = self.client.post(format!("{}{path}", self.address)).header("sec-fetch-site", "same-origin");
        self.ask(form(request))
    }

    #[track_caller]
    fn follow(&self, path: &str, answer: Answer) -> String {
        match answer.status {
            303 => self.page(answer.header("location")),
            200 => answer.text(),
            status => panic!("{path}: {status}: {}", answer.text()),
        }
    }

    fn ask(&self, request: RequestBuilder) -> Answer {
        let request = request.header("cookie", &self.cookie);
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
        })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.server.id() as i32), Signal::SIGKILL);
        let _ = self.server.wait();
    }
}
