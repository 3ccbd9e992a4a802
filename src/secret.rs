//! Secrets that never print themselves; the installation's key, and what is sealed with it.

pub mod key;
pub mod sealing;

pub use key::Key;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use zeroize::Zeroizing;

/// The longest secret that is read from a file, in bytes.
const LONGEST: u64 = 64 << 10;

/// Beginnings of variables that are Muster's own: its settings, and the keys of its store.
const OWN: &[&str] = &["MUSTER_", "AWS_"];

/// Where files with secrets may lie.
static FOLDERS: RwLock<Vec<PathBuf>> = RwLock::new(Vec::new());

/// Lets documents name files with secrets in these folders: said by whoever starts the process, by its settings
/// ([`Config::secret_folders`](crate::config::Config::secret_folders)). Before that they may lie nowhere.
pub fn trust_folders(folders: &[PathBuf]) {
    let mut trusted = FOLDERS.write().unwrap_or_else(PoisonError::into_inner);
    trusted.extend(folders.iter().cloned());
}

/// The folders that are meant for secrets.
pub fn trusted_folders() -> Vec<PathBuf> {
    FOLDERS.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A password or token in memory: masked in `Debug`, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text into custody.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret in an environment variable. The error names the variable, never what is in it. What is Muster's own is
    /// refused: it would be sent to whatever a document names.
    pub fn from_environment(variable: &str) -> Result<Self, String> {
        if variable == "DATABASE_URL" || OWN.iter().any(|own| variable.starts_with(own)) {
            return Err(format!("{variable} is Muster's own; name another variable, with a secret of its own"));
        }
        match std::env::var(variable) {
            Ok(secret) => Ok(Self::new(secret)),
            Err(std::env::VarError::NotPresent) => {
                Err(format!("the environment variable {variable} is not set; set it for Muster and start again"))
            }
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("the environment variable {variable} is no UTF-8")),
        }
    }

    /// The secret in a file, which lies in one of the folders that are meant for secrets ([`trust_folders`]): whoever may
    /// write a document may not so read any file of this machine. The error names the file, never what is in it.
    pub fn from_file(path: &str) -> Result<Self, String> {
        Self::from_file_within(path, &trusted_folders())
    }

    fn from_file_within(path: &str, folders: &[PathBuf]) -> Result<Self, String> {
        let file = located(path, folders)?;
        let mut secret = String::new();
        let read = File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut secret));
        match read {
            Ok(length) if length as u64 > LONGEST => Err(format!("the file {path} is longer than a secret can be")),
            // A line end at the end is an editor's, not the secret's.
            Ok(_) => Ok(Self::new(secret.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => Err(format!("the file {path} can't be read: {error}")),
        }
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The file itself, behind all links. Whether there is one elsewhere is not told.
fn located(path: &str, folders: &[PathBuf]) -> Result<PathBuf, String> {
    let is_named_so = folders.iter().any(|folder| Path::new(path).starts_with(folder));
    let found = match Path::new(path).canonicalize() {
        Err(error) if is_named_so => return Err(format!("the file {path} can't be read: {error}")),
        found => found.ok(),
    };
    let is_within = |file: &PathBuf| {
        let real = |folder: &PathBuf| folder.canonicalize().ok();
        folders.iter().filter_map(real).any(|folder| file.starts_with(folder))
    };
    match found.filter(is_within) {
        Some(file) if file.is_file() => Ok(file),
        Some(_) => Err(format!("{path} is no file")),
        None => {
            let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
            Err(format!(
                "the file {path} is in none of the folders that secrets are read from ({}), or is a link that leads out \
                 of them; put it there, or name its folder in MUSTER_SECRETS_DIR",
                folders.join(", ")
            ))
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn read(path: &Path, folders: &[PathBuf]) -> Result<String, String> {
        Secret::from_file_within(path.to_str().unwrap(), folders).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn files_are_read_from_the_folders_of_secrets_and_from_nowhere_else() {
        let all = tempfile::tempdir().unwrap();
        let at = |name: &str| all.path().join(name);
        for folder in ["secrets", "other"] {
            std::fs::create_dir(at(folder)).unwrap();
            std::fs::write(at(folder).join("hook"), " pass word \r\n").unwrap();
        }
        // As mounted secrets are: links, within their folder.
        symlink("hook", at("secrets/current")).unwrap();
        symlink(at("other/hook"), at("secrets/leads_out")).unwrap();
        symlink(at("secrets"), at("also_secrets")).unwrap();
        let folders = [at("secrets"), at("missing")];
        for name in ["secrets/hook", "secrets/current", "also_secrets/hook", "other/../secrets/hook"] {
            assert_eq!(read(&at(name), &folders), Ok(" pass word ".to_owned()), "{name}");
        }
        for name in ["other/hook", "secrets/leads_out", "secrets/../other/hook", "nowhere"] {
            let error = read(&at(name), &folders).unwrap_err();
            assert!(error.contains(name) && error.contains("MUSTER_SECRETS_DIR"), "{error}");
        }
        assert!(read(&at("secrets/gone"), &folders).unwrap_err().contains("can't be read"));
        assert!(read(&at("secrets"), &folders).unwrap_err().contains("is no file"));
    }

    #[test]
    fn what_is_musters_own_is_no_secret_of_a_connection() {
        for variable in ["DATABASE_URL", "MUSTER_STORE_URL", "AWS_SECRET_ACCESS_KEY"] {
            assert!(Secret::from_environment(variable).unwrap_err().contains("Muster's own"), "{variable}");
        }
    }
}
