//! Secrets of a connection: resolved for the child that needs them, and for nobody else.

use crate::connectors::{self, ConnectionError, SettingValue};
use crate::model::connection::ConnectionDefinition;
use crate::secret::{Secret, trusted_folders};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the system tells of processes; their environment holds secrets.
const PROCESSES: &str = "/proc";

/// The secrets of a connection by setting. Errors name the variable or the file, never what is in it.
pub(super) fn resolve(connection: &ConnectionDefinition) -> Result<BTreeMap<String, String>, ConnectionError> {
    let mut folders = trusted_folders();
    folders.push(PROCESSES.into());
    stays_away_from(connection, &folders)?;
    let settings = connectors::kind(&connection.kind).map(|kind| kind.settings()).unwrap_or_default();
    let mut secrets = BTreeMap::new();
    for setting in settings.iter().filter(|setting| setting.value == SettingValue::Secret) {
        let Some(reference) = connection.settings.get(setting.name) else { continue };
        let place = format!("connection {:?}, {}", connection.name, setting.name);
        let secret = read(reference).map_err(|message| ConnectionError::permanent(place, message))?;
        secrets.insert(setting.name.to_owned(), secret);
    }
    Ok(secrets)
}

/// Refuses to read a secret as if it were a feed: samples of it would be shown.
fn stays_away_from(connection: &ConnectionDefinition, folders: &[PathBuf]) -> Result<(), ConnectionError> {
    let Some(folder) = connection.settings.get("folder").and_then(Value::as_str).map(Path::new) else { return Ok(()) };
    let named = connection.tables.iter().flat_map(|table| {
        ["file", "delta_file"].into_iter().filter_map(|key| table.settings.get(key).and_then(Value::as_str))
    });
    let places = named.filter_map(|file| folder.join(file).parent().map(Path::to_owned));
    for place in std::iter::once(folder.to_owned()).chain(places) {
        let Ok(real) = place.canonicalize() else { continue };
        let within = |folder: &&PathBuf| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
        if let Some(folder) = folders.iter().find(within) {
            let message =
                format!("{} lies in {}, where secrets are: no feed is read there", place.display(), folder.display());
            return Err(ConnectionError::permanent(format!("connection {:?}, folder", connection.name), message));
        }
    }
    Ok(())
}

fn read(reference: &Value) -> Result<String, String> {
    let named = |key| reference.get(key).and_then(Value::as_str);
    let secret = match (named("env"), named("file")) {
        (Some(variable), _) => Secret::from_environment(variable),
        (None, Some(path)) => Secret::from_file(path),
        (None, None) => Err("write { env = \"NAME\" } or { file = \"PATH\" }".to_owned()),
    };
    secret.map(|secret| secret.expose().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_no_feed() {
        let all = tempfile::tempdir().unwrap();
        let at = |name: &str| all.path().join(name);
        std::fs::create_dir_all(at("secrets/deep")).unwrap();
        std::fs::create_dir(at("feed")).unwrap();
        std::os::unix::fs::symlink(at("secrets"), at("feed/link")).unwrap();
        let reads = |folder: &str, file: &str| {
            let text = json!({ "name": "feed", "kind": "files", "folder": at(folder), "table": [{ "name": "a", "file": file }] });
            stays_away_from(&serde_json::from_value(text).unwrap(), &[at("secrets"), PathBuf::from(PROCESSES)])
        };
        for (folder, file) in [
            ("secrets", "hook"),
            ("", "secrets/hook"),
            ("", "secrets/deep/*"),
            ("feed", "link/hook"),
            ("/proc/self", "environ"),
        ] {
            let error = reads(folder, file).expect_err(file);
            assert!(error.message.contains("no feed is read there"), "{error}");
        }
        for (folder, file) in [("feed", "hook"), ("", "feed/hook"), ("missing", "hook")] {
            reads(folder, file).unwrap();
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read(&json!({"env": "TEST_OF_MUSTER_NOT_SET"})).unwrap_err();
        assert!(error.contains("TEST_OF_MUSTER_NOT_SET is not set"), "{error}");
        assert!(read(&json!({"file": "/nowhere/secret"})).unwrap_err().contains("/nowhere/secret"));
        assert!(read(&json!("inline")).is_err());
        assert!(read(&json!({"env": "DATABASE_URL"})).unwrap_err().contains("Muster's own"));
    }
}
