//! Secrets of a connection: resolved for the child that needs them, and for nobody else.

use crate::connectors::{self, ConnectionError, SettingValue};
use crate::model::connection::ConnectionDefinition;
use crate::secret::Secret;
use serde_json::Value;
use std::collections::BTreeMap;

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
    fn what_is_missing_is_named() {
        let error = read(&json!({"env": "TEST_OF_MUSTER_NOT_SET"})).unwrap_err();
        assert!(error.contains("TEST_OF_MUSTER_NOT_SET is not set"), "{error}");
        assert!(read(&json!({"file": "/nowhere/secret"})).unwrap_err().contains("/nowhere/secret"));
        assert!(read(&json!("inline")).is_err());
        assert!(read(&json!({"env": "DATABASE_URL"})).unwrap_err().contains("Muster's own"));
    }
}
