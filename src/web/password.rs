//! Passwords: hashed with argon2id, never more than two at once, so that signing in can't eat the memory.

use super::error::WebError;
use actix_web::web;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const AT_ONCE: usize = 2;

const SHORTEST: usize = 12;
const LONGEST: usize = 256;

/// A hash of a password that nobody has: unknown names cost the same work as known ones.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bXVzdGVyLW5vYm9keS1zYWx0$DWZz1tO5rcgZFVSTzLMC0OaoAFdmyDt6XJdFYZg0bKk";

/// Hashes passwords, two at a time.
pub struct Hashing {
    turns: Semaphore,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

impl Hashing {
    /// The hash of a new password, with its own salt and its parameters.
    pub async fn hash(&self, password: String) -> Result<String, WebError> {
        let _turn = self.turns.acquire().await.map_err(|_| WebError::Stopped)?;
        web::block(move || hash(&password)).await.map_err(|_| WebError::Stopped)?
    }

    /// Whether the password is the one of this hash. Without a hash (no such account) the answer is no, after the same
    /// work.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, WebError> {
        let _turn = self.turns.acquire().await.map_err(|_| WebError::Stopped)?;
        web::block(move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODYS_HASH.to_owned());
            let parsed = PasswordHash::new(&hash).map_err(|error| WebError::Internal(error.to_string()))?;
            Ok(argon2()?.verify_password(password.as_bytes(), &parsed).is_ok() && is_known)
        })
        .await
        .map_err(|_| WebError::Stopped)?
    }
}

/// The hash of a new password, at once: for the command line, which hashes one.
pub fn hash(password: &str) -> Result<String, WebError> {
    let hash = argon2()?.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| WebError::Internal(error.to_string()))
}

fn argon2() -> Result<Argon2<'static>, WebError> {
    let parameters = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

/// What is wrong with a password somebody chooses; `None`: it is fine. Length counts, kinds of characters don't.
pub fn objection(password: &str, account: &str) -> Option<String> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Some(format!(
            "The password has {length} characters; it needs {SHORTEST} or more. A few words will do."
        ));
    }
    if length > LONGEST {
        return Some(format!("The password has {length} characters; {LONGEST} are the most."));
    }
    let folded = password.to_lowercase();
    if account.chars().count() > 3 && folded.contains(&account.to_lowercase()) {
        return Some("The password contains the account's name. Choose one that does not.".into());
    }
    let different: std::collections::HashSet<char> = folded.chars().collect();
    // What is left when everything that is tried first is taken out.
    let common = ["password", "qwertz", "qwerty", "123456", "abcdef", "letmein", "administrator", "muster"];
    let own = common.iter().fold(folded, |left, common| left.replace(common, ""));
    if different.len() < 5 || own.chars().count() < 6 {
        return Some("The password is one of those that are tried first. Choose a few words of your own.".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_named_as_such() {
        assert!(objection("short", "ada").is_some());
        assert!(objection("aaaaaaaaaaaaaaaa", "ada").is_some());
        assert!(objection("password123456", "ada").is_some());
        assert!(objection("lovelace is my name", "Lovelace").is_some());
        assert!(objection(&"x7".repeat(200), "ada").is_some());
        assert_eq!(objection("four quiet green lamps", "ada"), None);
    }

    #[tokio::test]
    async fn only_the_right_password_verifies_and_an_unknown_name_never_does() {
        let hashing = Hashing::default();
        let hash = hashing.hash("four quiet green lamps".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hashing.verify("four quiet green lamps".into(), Some(hash.clone())).await.unwrap());
        assert!(!hashing.verify("four quiet green lamp".into(), Some(hash)).await.unwrap());
        assert!(!hashing.verify("anything".into(), None).await.unwrap());
    }
}
