//! How much one program may ask for: so many requests a minute for each token, and so many for addresses that come with
//! none that is good. Counted by this process alone: the limit keeps a loop that went wrong from harming others.

use crate::model::token::TokenId;
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
pub struct Limits(Mutex<HashMap<Who, (Instant, u32)>>);

impl Limits {
    /// Counts a request. An error is how many seconds to wait.
    pub fn count(&self, who: Who, now: Instant) -> Result<(), u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
