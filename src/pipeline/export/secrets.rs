//! Secrets of a connection: resolved for the child that needs them, and for nobody else.

use crate::connectors::{self, ConnectionError, SettingValue};
use crate::model::connection::ConnectionDefinition;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// The longest secret that is read from a file.
const LONGEST: u64 = 64 << 10;

/// The secrets of a connection by setting. Errors name the variable or the file, never what is in it.
pub(super) fn resolve(connection: &ConnectionDefinition) -> Result<BTreeMap<String, String>, ConnectionError> {
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

fn read(reference: &Value) -> Result<String, String> {
    if let Some(variable) = reference.get("env").and_then(Value::as_str) {
        return match std::env::var(variable) {
            Ok(secret) => Ok(secret),
            Err(std::env::VarError::NotPresent) => {
                Err(format!("the environment variable {variable} is not set; set it for Muster and start again"))
            }
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("the environment variable {variable} is no UTF-8")),
        };
    }
    if let Some(path) = reference.get("file").and_then(Value::as_str) {
        let mut secret = String::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut secret));
        return match read {
            Ok(length) if length as u64 > LONGEST => Err(format!("the file {path} is longer than a secret can be")),
            // A line end at the end is an editor's, not the secret's.
            Ok(_) => Ok(secret.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(format!("the file {path} can't be read: {error}")),
        };
    }
    Err("write { env = \"NAME\" } or { file = \"PATH\" }".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_from_a_file_has_no_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " pass word \r\n").unwrap();
        assert_eq!(read(&json!({"file": file.path()})).unwrap(), " pass word ");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read(&json!({"env": "MUSTER_TEST_NOT_SET"})).unwrap_err();
        assert!(error.contains("MUSTER_TEST_NOT_SET is not set"), "{error}");
        assert!(read(&json!({"file": "/nowhere/secret"})).unwrap_err().contains("/nowhere/secret"));
        assert!(read(&json!("inline")).is_err());
    }
}
