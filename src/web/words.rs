//! Figures, durations and codes in words.

use crate::model::amount::Amount;
use crate::model::problem::ProblemCode;
use crate::model::run::{Mode, RunState, Stage, TaskChoice, Trigger};
use chrono::{DateTime, TimeDelta, Utc};

/// A whole number, or a reference to one, as templates have them.
pub trait Whole {
    /// Its value.
    fn whole(&self) -> i128;
}

macro_rules! whole {
    ($($integer:ty),+) => { $(impl Whole for $integer {
        fn whole(&self) -> i128 {
            *self as i128
        }
    })+ };
}

whole!(i32, u32, i64, u64, usize, i128);

impl<T: Whole> Whole for &T {
    fn whole(&self) -> i128 {
        (*self).whole()
    }
}

/// 1234567 → `1 234 567`, with narrow spaces that do not break.
pub fn count(number: impl Whole) -> String {
    let number = number.whole();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if number < 0 { format!("−{text}") } else { text }
}

/// A figure with at most one decimal: `5`, `14.3`.
pub fn figure(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 { count(rounded as i128) } else { format!("{rounded:.1}") }
}

/// A limit, or what is held against one, with all the decimals it has: `5`, `0.25`.
pub fn exactly(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { count(number as i128) } else { number.to_string() }
}

/// `1 change`, `12 changes`.
pub fn counted(number: impl Whole, one: &str, many: &str) -> String {
    format!("{} {}", count(&number), if number.whole() == 1 { one } else { many })
}

/// `1 user`, `about 1 230 000 users`, `more than 2 000 users`.
pub fn amount(amount: Amount, one: &str, many: &str) -> String {
    match amount {
        Amount::Exactly(1) => format!("1 {one}"),
        Amount::Exactly(number) => format!("{} {many}", count(number)),
        Amount::About(number) => format!("about {} {many}", count(number)),
        Amount::MoreThan(number) => format!("more than {} {many}", count(number)),
    }
}

/// `12`, `about 1 230 000`, `1 000+`: for columns of figures.
pub fn amount_alone(amount: Amount) -> String {
    match amount {
        Amount::Exactly(number) => count(number),
        Amount::About(number) => format!("about {}", count(number)),
        Amount::MoreThan(number) => format!("{}+", count(number)),
    }
}

/// `340 ms`, `12 s`, `1 m 12 s`, `2 h 5 m`, `3 d 4 h`.
pub fn duration(span: TimeDelta) -> String {
    let milliseconds = span.num_milliseconds().max(0);
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// `just now`, `3 min ago`, `in 12 min`, `yesterday`, `20 Nov 2026`.
pub fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds();
    let amount = seconds.abs();
    let span = match amount {
        0..45 => return if seconds >= 0 { "just now".into() } else { "in a moment".into() },
        45..3570 => format!("{} min", (amount + 30) / 60),
        3570..84_600 => format!("{} h", (amount + 1800) / 3600),
        84_600..2_592_000 => format!("{} d", (amount + 43_200) / 86_400),
        _ => return at.format("%-d %b %Y").to_string(),
    };
    if seconds >= 0 { format!("{span} ago") } else { format!("in {span}") }
}

/// Bytes: `312 B`, `4.2 kB`, `17 MB`.
pub fn bytes(number: impl Whole) -> String {
    let mut size = number.whole().max(0) as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 1000.0 {
            return if unit == "B" || size >= 10.0 { format!("{size:.0} {unit}") } else { format!("{size:.1} {unit}") };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// The word pages show for a run's state.
pub fn state(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "Queued",
        RunState::Exporting => "Exporting",
        RunState::Preparing => "Preparing",
        RunState::Ready => "Ready",
        RunState::Blocked => "Blocked",
        RunState::Synchronizing => "Synchronizing",
        RunState::Completed => "Completed",
        RunState::CompletedWithProblems => "Completed with problems",
        RunState::Failed => "Failed",
        RunState::Cancelled => "Cancelled",
        RunState::Discarded => "Discarded",
        RunState::Superseded => "Superseded",
    }
}

/// The name of a stage as the steps of a page.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Export => "Export",
        Stage::Prepare => "Prepare synchronization",
        Stage::Synchronize => "Synchronize",
    }
}

/// What a run looks at.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Complete => "Complete",
        Mode::Incremental => "Incremental",
        Mode::Replay => "Replay",
        Mode::UpdateExpressions => "Update expressions",
        Mode::Revert => "Revert",
        Mode::Correlate => "Correlation by hand",
    }
}

/// What started a run.
pub fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Schedule => "Schedule",
        Trigger::Person => "By hand",
        Trigger::Upload => "Upload",
        Trigger::Arrival => "Arrival of files",
        Trigger::Api => "API",
        Trigger::Start => "Start of Muster",
    }
}

/// Which tasks a run goes through; nothing for all of them.
pub fn task(task: TaskChoice) -> &'static str {
    match task {
        TaskChoice::All => "",
        TaskChoice::Export => "Export only",
        TaskChoice::Prepare => "Prepare only",
        TaskChoice::Synchronize => "Synchronize only",
        TaskChoice::UpdateExpressions => "Update expressions",
    }
}

/// What a reason code means, and the next step.
pub fn problem(code: &str) -> (&'static str, &'static str) {
    let known = ProblemCode::ALL.into_iter().find(|known| known.as_str() == code);
    match known {
        Some(ProblemCode::MissingKey) => {
            ("Record without a key", "Fill the key column in the source, or take the line out.")
        }
        Some(ProblemCode::InvalidValue) => {
            ("Value that does not fit", "Correct the value in the source, or the format in the mapping.")
        }
        Some(ProblemCode::RequiredMissing) => ("Required value is empty", "Fill it in the source."),
        Some(ProblemCode::DuplicateKey) => {
            ("Several records with the same key", "Leave one of them in the source; none of them is taken.")
        }
        Some(ProblemCode::DuplicateValue) => {
            ("Value that another record holds", "Correct one of the two in the source.")
        }
        Some(ProblemCode::DanglingReference) => {
            ("Reference to something that does not exist", "Add what is missing, or correct the reference.")
        }
        Some(ProblemCode::AmbiguousMatch) => {
            ("Several users match", "Decide who it is under Users → Matches, or make the correlation unambiguous.")
        }
        Some(ProblemCode::LocalPerson) => {
            ("Matches a user that somebody made by hand", "Decide under Users → Matches whether it is the same.")
        }
        Some(ProblemCode::NoMatch) => (
            "No user matches",
            "Load the connector that creates users first; or decide under Users → Matches who it is, once it is stored.",
        ),
        Some(ProblemCode::PossibleMove) => {
            ("New key of a user whose old one is gone", "Decide on the run's moves whether it is the same user.")
        }
        Some(ProblemCode::Conflict) => {
            ("Changed since", "It is left as it is; change it at its source if it has to go back as well.")
        }
        None => ("Other", "See the message."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(count(0_u64), "0");
        assert_eq!(count(999_u64), "999");
        assert_eq!(count(1_234_567_u64), "1\u{202f}234\u{202f}567");
        assert_eq!(count(-1000_i64), "−1\u{202f}000");
        assert_eq!(figure(14.286), "14.3");
        assert_eq!(figure(5.0), "5");
        assert_eq!(exactly(0.25), "0.25");
        assert_eq!(counted(1_u64, "change", "changes"), "1 change");
        assert_eq!(duration(TimeDelta::milliseconds(72_400)), "1 m 12 s");
        assert_eq!(bytes(4200_u64), "4.2 kB");
    }

    #[test]
    fn moments_read_well() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(relative(now, now), "just now");
        assert_eq!(relative(now - TimeDelta::minutes(3), now), "3 min ago");
        assert_eq!(relative(now + TimeDelta::hours(5), now), "in 5 h");
        assert_eq!(relative(now - TimeDelta::days(2), now), "2 d ago");
        assert_eq!(relative(now - TimeDelta::days(90), now), "17 Oct 2026");
    }
}
