//! A real browser: headless Chromium, driven by a chromedriver of its own.

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a page may take to show what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One browser with one window.
pub struct Browser {
    /// To click and type.
    pub client: Client,
    base: String,
    driver: Child,
    _profile: TempDir,
}

/// Light or dark.
#[derive(Debug, Clone, Copy)]
pub enum Look {
    /// As by day.
    Light,
    /// As by night.
    Dark,
}

impl Browser {
    /// Starts one that opens pages below `base`.
    pub async fn start(base: &str) -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed (apt-get install chromium chromium-driver)");
        let profile = tempfile::tempdir().unwrap();
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
                "--hide-scrollbars", "--force-device-scale-factor=1",
                format!("--user-data-dir={}", profile.path().display()),
            ] }
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().unwrap().clone());
        let began = Instant::now();
        let client = loop {
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => break client,
                Err(error) if began.elapsed() > PATIENCE => panic!("no browser: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        Self { client, base: base.to_owned(), driver, _profile: profile }
    }

    /// Opens a page.
    pub async fn open(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    /// Types into the field of that name.
    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.client.find(Locator::Css(&format!("main [name={name}]"))).await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks the first button or link that reads so, as soon as there is one: the page may still be on its way.
    pub async fn click(&self, words: &str) {
        let path = format!("//*[self::a or self::button or self::summary][contains(normalize-space(.), '{words}')]");
        let began = Instant::now();
        loop {
            if let Ok(found) = self.client.find(Locator::XPath(&path)).await
                && found.click().await.is_ok()
            {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "nothing reads {words:?}, or it can't be clicked");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the page shows this text.
    pub async fn shows(&self, text: &str) {
        let began = Instant::now();
        loop {
            let shown = self.run("return document.body ? document.body.innerText : ''", vec![]).await;
            let shown = shown.as_str().unwrap_or_default();
            if shown.contains(text) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the page never showed {text:?}; it shows:\n{shown}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The path and query of the page.
    pub async fn address(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url[url::Position::BeforePath..].to_owned()
    }

    /// Runs a script.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// Sets width and look; the height follows the page.
    pub async fn look(&self, width: u32, look: Look) {
        let scheme = match look {
            Look::Light => "light",
            Look::Dark => "dark",
        };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
        self.size(width, 800).await;
    }

    async fn size(&self, width: u32, height: u64) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn devtools(&self, command: &'static str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await.unwrap();
    }

    /// Nothing scrolls sideways, no message on the console, no violation found by axe; a picture is written to
    /// `target/screenshots`.
    pub async fn is_in_order(&self, name: &str, width: u32, look: Look) {
        let wide = self.run("return document.documentElement.scrollWidth", vec![]).await.as_u64().unwrap();
        assert!(wide <= u64::from(width), "{name}: the page is {wide} px wide in a window of {width} px");
        self.picture(name, width, look).await;
        let found = self.violations().await;
        assert!(found.is_empty(), "{name} at {width} px, {look:?}:\n{}", found.join("\n"));
        let messages = self.console().await;
        assert!(messages.is_empty(), "{name}: the console says\n{}", messages.join("\n"));
    }

    /// The same for the page that is open, wide and narrow, light and dark; in the end it is wide and light.
    pub async fn is_in_order_everywhere(&self, name: &str) {
        for (width, look) in [(1440, Look::Light), (1440, Look::Dark), (320, Look::Light), (320, Look::Dark)] {
            self.look(width, look).await;
            self.is_in_order(name, width, look).await;
        }
        self.look(1440, Look::Light).await;
    }

    async fn picture(&self, name: &str, width: u32, look: Look) {
        let height = self.run("return document.documentElement.scrollHeight", vec![]).await.as_u64().unwrap();
        self.size(width, height.clamp(700, 6000)).await;
        let folder = target().join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let look = format!("{look:?}").to_lowercase();
        std::fs::write(folder.join(format!("{name}-{width}-{look}.png")), self.client.screenshot().await.unwrap())
            .unwrap();
        self.size(width, 800).await;
    }

    /// What axe-core has to say about the page.
    async fn violations(&self) -> Vec<String> {
        self.run(&axe(), vec![]).await;
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, { rules: { 'target-size': { enabled: true } } }).then(found => done(found.violations.map(one =>
              one.id + ': ' + one.nodes.map(node => node.target.join(' ') + ' ' + node.failureSummary).join('\\n  '))),
              error => done(['axe failed: ' + error]))";
        let found = self.client.execute_async(script, vec![]).await.unwrap();
        serde_json::from_value(found).unwrap()
    }

    /// What stands on the console since it was last read.
    async fn console(&self) -> Vec<String> {
        let entries =
            self.client.issue_cmd(Extension { path: "se/log", body: json!({ "type": "browser" }) }).await.unwrap();
        entries.as_array().unwrap().iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// Ends the browser.
    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A port that nobody uses at this moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// axe-core, as `make test` installs it.
fn axe() -> String {
    let place = std::env::var_os("AXE_CORE")
        .map_or_else(|| target().join("axe/node_modules/axe-core/axe.min.js"), PathBuf::from);
    std::fs::read_to_string(&place)
        .unwrap_or_else(|error| panic!("axe-core is not at {} ({error}); run `make test`", place.display()))
}

fn target() -> PathBuf {
    // target/debug/muster
    PathBuf::from(env!("CARGO_BIN_EXE_muster")).ancestors().nth(2).unwrap().to_owned()
}

/// A command that only Chromium's driver knows.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}
