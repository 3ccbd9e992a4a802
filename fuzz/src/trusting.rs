//! Libraries that panic, where the reader expects them to.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, Once, PoisonError};

static LAST: Mutex<String> = Mutex::new(String::new());
static ONCE: Once = Once::new();

/// Runs a target whose reader catches panics of a library: the fuzzer would take them for its own. One that reaches this
/// place is a finding.
pub fn own_panics_only(target: impl FnOnce()) {
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
        }));
    });
    if panic::catch_unwind(AssertUnwindSafe(target)).is_err() {
        eprintln!("{}", LAST.lock().unwrap_or_else(PoisonError::into_inner));
        std::process::abort();
    }
}
