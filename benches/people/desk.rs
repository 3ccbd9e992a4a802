//! `muster serve`, and an administrator who is signed in there, as a browser does it: one connection that is kept, pages
//! compressed. Beside it a program with tokens of the API.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::answer::Answer;
use crate::support::muster::Muster;

const NAME: &str = "alma";
/// Tokens of the program: one alone may not ask for so much in a minute.
const TOKENS: usize = 8;

/// The server, who is signed in, and what comes with tokens.
pub struct Desk {
    server: Child,
    address: String,
    cookie: String,
    tokens: Vec<String>,
    turn: Cell<usize>,
    csrf: RefCell<String>,
    client: Client,
    runtime: Runtime,
}

impl Desk {
    /// Starts the server, makes an administrator with a password, and signs in by the page for that.
    pub fn open(muster: &Muster) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (file, password) = (folder.path().join("password"), uuid::Uuid::new_v4().to_string());
        fs::write(&file, &password)?;
        let file = file.to_str().context("a temporary folder with a name of letters")?;
        muster.expect_success(&["account", "add", NAME, "--role", "administrator", "--password-file", file])?;
        let mut tokens = Vec::new();
        for number in 1..=TOKENS {
            let name = format!("program {number}");
            let said = muster.expect_success(&["token", "create", &name, "--scope", "users", "--json"])?;
            let said: Value = serde_json::from_str(&said)?;
            tokens.push(format!("Bearer {}", said["token"].as_str().context("the token")?));
        }
        let mut server = muster
            .command(&["serve"])
            .env("MUSTER_LISTEN", "127.0.0.1:0")
            .env("MUSTER_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(server.stderr.take().context("what the server says")?).lines();
        let address = said.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("Muster answers at ").map(|address| address.trim_end_matches('/').to_owned())
        });
        std::thread::spawn(move || said.map_while(Result::ok).for_each(|line| eprintln!("muster serve: {line}")));
        // There may be one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The server gives up a connection on which nothing was asked for five seconds.
        let idle = Duration::from_secs(2);
        let client = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(1).pool_idle_timeout(idle);
        let mut desk = Self {
            server,
            address: address.context("`muster serve` ended before it said where it answers")?,
            cookie: String::new(),
            tokens,
            turn: Cell::default(),
            csrf: RefCell::default(),
            client: client.build()?,
            runtime: Builder::new_current_thread().enable_all().build()?,
        };
        desk.sign_in(&password)?;
        Ok(desk)
    }

    fn sign_in(&mut self, password: &str) -> Result<()> {
        let request = self.client.post(format!("{}/sign-in", self.address)).header("sec-fetch-site", "same-origin");
        let response = self.runtime.block_on(request.form(&[("name", NAME), ("password", password)]).send())?;
        let cookie = response.headers().get(SET_COOKIE).context("a session after the sign-in")?;
        self.cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
        let page = self.page("/my-account")?.1;
        let token = page.text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        *self.csrf.borrow_mut() = token.context("a form of the session")?.to_owned();
        Ok(())
    }

    /// A page, and what it took from the request to its last byte.
    pub fn page(&self, path: &str) -> Result<(Duration, Answer)> {
        let request = self.client.get(format!("{}{path}", self.address)).header(COOKIE, &self.cookie);
        let (took, answer, _) = self.ask(request)?;
        Ok((took, answer))
    }

    /// What a program gets from the API.
    pub fn api(&self, path: &str) -> Result<(Duration, Answer)> {
        let turn = self.turn.replace(self.turn.get() + 1);
        let token = &self.tokens[turn % self.tokens.len()];
        let request = self.client.get(format!("{}/api/v1{path}", self.address)).header(AUTHORIZATION, token);
        let (took, answer, _) = self.ask(request)?;
        Ok((took, answer))
    }

    /// Sends a form; also where it leads.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<(Duration, Answer, String)> {
        let csrf = self.csrf.borrow().clone();
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        let request = self.client.post(format!("{}{path}", self.address)).header(COOKIE, &self.cookie);
        self.ask(request.header("sec-fetch-site", "same-origin").form(&fields))
    }

    fn ask(&self, request: RequestBuilder) -> Result<(Duration, Answer, String)> {
        let began = Instant::now();
        let (response, body) = self.runtime.block_on(async {
            let mut response = request.header(ACCEPT_ENCODING, "gzip").send().await?;
            let mut body = Vec::new();
            while let Some(piece) = response.chunk().await? {
                body.extend_from_slice(&piece);
            }
            Ok::<_, reqwest::Error>((response, body))
        })?;
        let took = began.elapsed();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut text = String::new();
        match header(CONTENT_ENCODING) {
            "gzip" => _ = GzDecoder::new(body.as_slice()).read_to_string(&mut text)?,
            "" | "identity" => text = String::from_utf8(body)?,
            other => bail!("an answer in {other}, which nobody asked for"),
        }
        let to = header(LOCATION).to_owned();
        Ok((took, Answer { status: response.status().as_u16(), text }, to))
    }

    /// What an answer says, which must be one.
    pub fn json(&self, path: &str) -> Result<Value> {
        let (_, answer) = self.api(path)?;
        ensure!(answer.status == 200, "{path} answers {}: {:.300}", answer.status, answer.text);
        Ok(serde_json::from_str(&answer.text)?)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Err(error) = crate::end(&mut self.server) {
            eprintln!("people: {error:#}");
        }
    }
}
