//! How much one program may ask for: so many requests a minute for each token, and so many for addresses that come with
//! none that is good. Counted by this process alone: the limit keeps a loop that went wrong from harming others.

use crate::model::token::TokenId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests of one token in a minute.
pub const OF_A_TOKEN: u32 = 1200;
/// Requests without a good token from one address in a minute.
pub const OF_AN_ADDRESS: u32 = 60;
/// Addresses and tokens that are remembered; more begin anew.
const REMEMBERED: usize = 10_000;

const WINDOW: Duration = Duration::from_secs(60);
/// How long a good token is remembered after it was last asked for.
const GOOD_FOR: Duration = Duration::from_secs(3600);

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Whoever comes with this token.
    Token(TokenId),
    /// Whoever comes from this address without a good one.
    Stranger(Option<IpAddr>),
}

impl Who {
    fn most(self) -> u32 {
        match self {
            Self::Token(_) => OF_A_TOKEN,
            Self::Stranger(_) => OF_AN_ADDRESS,
        }
    }
}

/// The counts of this minute.
#[derive(Debug, Default)]
pub struct Limits {
    counts: Mutex<HashMap<Who, (Instant, u32)>>,
    /// Tokens that were good, and when: their digests alone.
    good: Mutex<HashMap<Print, Instant>>,
}

/// What a token is remembered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Print([u8; 32]);

impl Print {
    /// Of what a program came with.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl Limits {
    /// Whether a token was good within the last hour. Whether it still is, the database says.
    pub fn was_good(&self, print: Print, now: Instant) -> bool {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.get(&print).is_some_and(|at| now.duration_since(*at) < GOOD_FOR)
    }

    /// Notes that a token is good.
    pub fn remember(&self, print: Print, now: Instant) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= REMEMBERED {
            good.clear();
        }
        good.insert(print, now);
    }

    /// Notes that a token is good no longer.
    pub fn forget(&self, print: Print) {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).remove(&print);
    }

    /// Takes a count back: it was no stranger.
    pub fn take_back(&self, who: Who) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = counts.get_mut(&who) {
            *count = count.saturating_sub(1);
        }
    }

    /// Counts a request. An error is how many seconds to wait.
    pub fn count(&self, who: Who, now: Instant) -> Result<(), u64> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= REMEMBERED {
            counts.retain(|_, (began, _)| now.duration_since(*began) < WINDOW);
            if counts.len() >= REMEMBERED {
                counts.clear();
            }
        }
        let (began, count) = counts.entry(who).or_insert((now, 0));
        if now.duration_since(*began) >= WINDOW {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        match *count > who.most() {
            true => Err((WINDOW - now.duration_since(*began)).as_secs().max(1)),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_good_is_remembered_for_an_hour() {
        let (limits, now, print) = (Limits::default(), Instant::now(), Print::of("muster_x"));
        assert!(!limits.was_good(print, now));
        limits.remember(print, now);
        assert!(limits.was_good(print, now) && !limits.was_good(Print::of("muster_y"), now));
        assert!(!limits.was_good(print, now + GOOD_FOR));
        limits.forget(print);
        assert!(!limits.was_good(print, now));
    }

    #[test]
    fn a_loop_that_went_wrong_waits_for_the_next_minute() {
        let (limits, now) = (Limits::default(), Instant::now());
        let (one, other) = (Who::Token(TokenId(1)), Who::Token(TokenId(2)));
        for _ in 0..OF_A_TOKEN {
            assert_eq!(limits.count(one, now), Ok(()));
        }
        assert_eq!(limits.count(one, now), Err(60));
        assert_eq!(limits.count(other, now), Ok(()), "nobody else waits for it");
        assert_eq!(limits.count(one, now + WINDOW), Ok(()));
        let stranger = Who::Stranger(None);
        let passed = (0..OF_A_TOKEN).filter(|_| limits.count(stranger, now).is_ok()).count();
        assert_eq!(passed, OF_AN_ADDRESS as usize);
    }
}
