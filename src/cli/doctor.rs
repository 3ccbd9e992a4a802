//! `muster doctor`: whether everything that Muster needs is there, and what to do where it is not.

use super::{Context, Exit, Session};
use crate::connectors::Finding;
use crate::db;
use crate::model::delivery;
use crate::store::{self, Store};
use chrono::Utc;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The oldest PostgreSQL that works: 14.
const OLDEST_SERVER: i32 = 140_000;
/// Below this, the next extraction may not fit.
const LEAST_FREE_BYTES: u64 = 1 << 30;
/// Leases go by the database's clock, pages and log by the machine's: more apart than this is confusing.
const MOST_CLOCK_MS: i64 = 5_000;

/// Nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(context: &Context, _: Args) -> anyhow::Result<Exit> {
    let config = &context.config;
    let mut findings =
        vec![folder(&config.data_dir), space(&config.data_dir), key(&config.secret_key_file), program(&config.program)];
    let subject = if config.database_url.is_some() { "database" } else { "private PostgreSQL" };
    match context.session() {
        Ok(session) => {
            findings.push(finding(subject, server(&session)));
            findings.push(finding("extraction store", extraction_store(context, &session)));
            findings.push(finding("notifications", deliveries(context, &session)));
        }
        Err(error) => {
            findings.push(finding(subject, Err(error)));
            let message = "not looked at: it is bound to the database".to_owned();
            findings.push(Finding { subject: "extraction store".to_owned(), ok: false, message });
        }
    }
    for found in &findings {
        let sign = if found.ok { "ok  " } else { "BAD " };
        context.output.data(found, format_args!("{sign} {}: {}", found.subject, found.message))?;
    }
    Ok(if findings.iter().all(|found| found.ok) { Exit::Done } else { Exit::Failed })
}

fn finding(subject: &str, result: anyhow::Result<String>) -> Finding {
    let ok = result.is_ok();
    let message = result.unwrap_or_else(|error| format!("{error:#}"));
    Finding { subject: subject.to_owned(), ok, message }
}

fn folder(path: &Path) -> Finding {
    let write = || {
        std::fs::create_dir_all(path)?;
        tempfile_in(path)
    };
    let result = write().map_err(|error| {
        anyhow::anyhow!("{} can't be written: {error}; name another in MUSTER_DATA_DIR", path.display())
    });
    finding("data directory", result.map(|()| format!("{} can be written", path.display())))
}

/// Writes and deletes a file.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(b"doctor"));
    std::fs::remove_file(&path).and(written)
}

fn space(path: &Path) -> Finding {
    let result = statvfs(path).map_err(|error| anyhow::anyhow!("can't be told: {error}")).and_then(|volume| {
        let free = volume.blocks_available().saturating_mul(volume.fragment_size());
        let words = format!("{} free on the data directory's volume", size(free));
        if free < LEAST_FREE_BYTES { anyhow::bail!("{words}; make room") } else { Ok(words) }
    });
    finding("space", result)
}

fn key(path: &Path) -> Finding {
    let result = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(format!("{} is not there yet; it is made when it is needed", path.display()))
        }
        Err(error) => Err(anyhow::anyhow!("{} can't be looked at: {error}", path.display())),
        Ok(file) if file.permissions().mode() & 0o077 != 0 => {
            Err(anyhow::anyhow!("{} can be read by others; run chmod 600 {}", path.display(), path.display()))
        }
        Ok(_) => Ok(format!("{} is readable by its owner only", path.display())),
    };
    finding("secret key", result)
}

fn program(path: &Path) -> Finding {
    let result = access(path, AccessFlags::X_OK)
        .map(|()| format!("{} can be started", path.display()))
        .map_err(|error| anyhow::anyhow!("{} can't be started: {error}; exports run in it", path.display()));
    finding("program", result)
}

fn server(session: &Session) -> anyhow::Result<String> {
    let facts = db::facts(&mut *session.connection()?, Utc::now().timestamp_millis())?;
    let (major, minor) = (facts.version / 10_000, facts.version % 10_000);
    if facts.version < OLDEST_SERVER {
        anyhow::bail!("PostgreSQL {major}.{minor} is too old; {} or newer works", OLDEST_SERVER / 10_000);
    }
    if facts.encoding != "UTF8" {
        anyhow::bail!("the encoding is {}; make a database with encoding UTF8: names are Unicode", facts.encoding);
    }
    if facts.clock_ahead_ms.abs() > MOST_CLOCK_MS {
        anyhow::bail!("this machine's clock is {} ms ahead of the server's; set them right", facts.clock_ahead_ms);
    }
    let durability = if facts.fsync == "on" { "" } else { ", fsync is off: a power cut may lose everything" };
    // Trigrams are made of what the database takes for letters.
    let letters = match facts.ctype.as_str() {
        "C" | "POSIX" => {
            ", it knows no letters but those of ASCII: searching for names in other scripts reads all users, until the \
             database is made anew with LC_CTYPE 'C.UTF-8'"
        }
        _ => "",
    };
    let bytes = size(facts.bytes.unsigned_abs());
    Ok(format!("PostgreSQL {major}.{minor}, tables up to date, {bytes}{durability}{letters}"))
}

fn extraction_store(context: &Context, session: &Session) -> anyhow::Result<String> {
    const PROBE: &str = "doctor/probe";
    let store = Store::open(&context.config)?;
    store::ensure_bound(&store, &mut session.connection()?)?;
    let mut writer = store.writer(PROBE)?;
    writer.write_all(b"doctor")?;
    writer.finish()?;
    store.delete_prefix("doctor")?;
    Ok(format!("{} can be written and belongs to this database", store.location().0))
}

/// Deliveries that have failed wait for somebody who retries them or gives them up.
fn deliveries(context: &Context, session: &Session) -> anyhow::Result<String> {
    let failed = delivery::failed(&mut *session.connection()?)?;
    if failed.is_empty() {
        return Ok("no delivery has failed".to_owned());
    }
    let failed: Vec<String> = failed.iter().map(|(name, count)| format!("{count} to {name:?}")).collect();
    let page = context.config.public_url.trim_end_matches('/');
    anyhow::bail!("deliveries have failed: {}; retry them or give them up at {page}/deliveries", failed.join(", "))
}

/// `3.2 GB`.
fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{amount:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(8_123_456), "8.1 MB");
        assert_eq!(size(u64::MAX), "18446744.1 TB");
    }
}
