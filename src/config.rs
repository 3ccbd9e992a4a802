//! Settings of the server, from the environment (SPEC 9.2). All errors are listed at once; unknown settings are errors.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How this process runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// `DATABASE_URL`: the PostgreSQL to use. Unset: a private one in the data directory.
    pub database_url: Option<String>,
    /// `MUSTER_DATA_DIR` (default `./data`): extractions, uploads and the private PostgreSQL. Absolute.
    pub data_dir: PathBuf,
    /// `MUSTER_LISTEN` (default `127.0.0.1:8080`): where pages and API answer.
    pub listen: SocketAddr,
    /// `MUSTER_SECRET_KEY_FILE`: the key for what is keyed (throttling, suppression). Default: `secret.key` in the data
    /// directory, made on first use.
    pub secret_key_file: PathBuf,
    /// `MUSTER_SECRETS_DIR` (default: `/run/secrets`, and systemd's `CREDENTIALS_DIRECTORY`): the folders, with colons
    /// between, that documents may name files with secrets in; beside them always `secrets` in the data directory.
    pub secret_folders: Vec<PathBuf>,
    /// `MUSTER_STORE_URL`: the object store of extractions. Unset: the folder `store` in the data directory.
    pub store_url: Option<String>,
    /// `MUSTER_PUBLIC_URL`: how browsers reach the server; `https` makes cookies `Secure`. Default: `http://` + listen.
    pub public_url: String,
    /// `MUSTER_WORKERS` (default 2): tasks that this process works on side by side.
    pub workers: usize,
    /// `MUSTER_LOG` (default: `info` for a server, `warn` for other commands): what is logged, as `tracing` directives.
    pub log: Option<String>,
    /// `MUSTER_LOG_FORMAT` (`text` or `json`, default `text`).
    pub log_json: bool,
    /// The program that exports run in. This one; tests name theirs.
    pub program: PathBuf,
}

/// What is wrong with the environment: every finding, one a line.
#[derive(Debug, thiserror::Error)]
#[error("the environment has {} wrong setting(s):\n{}", .0.len(), .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

const KNOWN: &[&str] = &[
    "MUSTER_DATA_DIR",
    "MUSTER_LISTEN",
    "MUSTER_SECRET_KEY_FILE",
    "MUSTER_SECRETS_DIR",
    "MUSTER_STORE_URL",
    "MUSTER_PUBLIC_URL",
    "MUSTER_WORKERS",
    "MUSTER_LOG",
    "MUSTER_LOG_FORMAT",
    "MUSTER_POSTGRES_BIN",
];

impl Config {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(std::env::vars())
    }

    /// Reads these variables; those that are not Muster's are passed over.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let mut found = std::collections::BTreeMap::new();
        for (name, value) in variables {
            if name.starts_with("MUSTER_") && !KNOWN.contains(&name.as_str()) {
                wrong.push(format!("{name} is not a setting of Muster; known are {}", KNOWN.join(", ")));
            }
            found.insert(name, value);
        }
        let mut take = |name: &str| found.remove(name).filter(|value| !value.is_empty());

        let data_dir = PathBuf::from(take("MUSTER_DATA_DIR").unwrap_or_else(|| "./data".into()));
        let data_dir = std::path::absolute(&data_dir).unwrap_or(data_dir);
        let secret_folders =
            secret_folders(&data_dir, take("MUSTER_SECRETS_DIR").as_deref(), take("CREDENTIALS_DIRECTORY").as_deref());
        for folder in secret_folders.iter().filter(|folder| !folder.is_absolute()) {
            wrong.push(format!(
                "MUSTER_SECRETS_DIR names {}; write whole paths of folders, with colons between",
                folder.display()
            ));
        }
        let listen_text = take("MUSTER_LISTEN").unwrap_or_else(|| "127.0.0.1:8080".into());
        let listen = listen_text.parse().unwrap_or_else(|_| {
            wrong
                .push(format!("MUSTER_LISTEN is {listen_text:?}; write an address and a port, such as 127.0.0.1:8080"));
            SocketAddr::from(([127, 0, 0, 1], 8080))
        });
        let workers_text = take("MUSTER_WORKERS").unwrap_or_else(|| "2".into());
        let workers = match workers_text.parse() {
            Ok(workers @ 1..=64) => workers,
            _ => {
                wrong.push(format!("MUSTER_WORKERS is {workers_text:?}; write a number from 1 to 64"));
                2
            }
        };
        let format = take("MUSTER_LOG_FORMAT").unwrap_or_else(|| "text".into());
        if format != "text" && format != "json" {
            wrong.push(format!("MUSTER_LOG_FORMAT is {format:?}; write text or json"));
        }
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("muster"));
        let config = Self {
            database_url: take("DATABASE_URL"),
            secret_key_file: take("MUSTER_SECRET_KEY_FILE").map_or_else(|| data_dir.join("secret.key"), PathBuf::from),
            secret_folders,
            store_url: take("MUSTER_STORE_URL"),
            public_url: take("MUSTER_PUBLIC_URL").unwrap_or_else(|| format!("http://{listen}")),
            log: take("MUSTER_LOG"),
            log_json: format == "json",
            data_dir,
            listen,
            workers,
            program,
        };
        if wrong.is_empty() { Ok(config) } else { Err(ConfigError(wrong)) }
    }
}

fn secret_folders(data_dir: &Path, named: Option<&str>, credentials: Option<&str>) -> Vec<PathBuf> {
    let mut folders = vec![data_dir.join("secrets")];
    match named {
        Some(named) => folders.extend(named.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from)),
        None => folders.extend(std::iter::once("/run/secrets").chain(credentials).map(PathBuf::from)),
    }
    folders
}
