//! A secret that never prints itself; the installation's key, and what is sealed with it.

pub mod key;
pub mod sealing;

use std::fs::File;
use std::io::Read;
use zeroize::Zeroizing;

/// The longest secret that is read from a file, in bytes.
const LONGEST: u64 = 64 << 10;

/// A password or token in memory: masked in `Debug`, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text into custody.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret in an environment variable. The error names the variable, never what is in it.
    pub fn from_environment(variable: &str) -> Result<Self, String> {
        match std::env::var(variable) {
            Ok(secret) => Ok(Self::new(secret)),
            Err(std::env::VarError::NotPresent) => {
                Err(format!("the environment variable {variable} is not set; set it for Muster and start again"))
            }
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("the environment variable {variable} is no UTF-8")),
        }
    }

    /// The secret in a file. The error names the file, never what is in it.
    pub fn from_file(path: &str) -> Result<Self, String> {
        let mut secret = String::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut secret));
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

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}
