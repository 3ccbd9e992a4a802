//! Likely causes as the run's page and the decision show them: in words, with figures, samples and the next step.

use super::words;
use crate::model::cause::Cause;
use serde_json::Value;

/// A likely cause.
pub struct CauseView {
    /// What it is called.
    pub title: &'static str,
    /// The sentence of this case.
    pub message: String,
    /// How sure it is, in words and percent.
    pub confidence: String,
    /// What to do.
    pub advice: &'static str,
    /// Figures and names that speak for it.
    pub figures: Vec<(String, String)>,
    /// New lines of a document.
    pub lines: Vec<String>,
    /// Values before and now.
    pub samples: Vec<SampleView>,
    /// Whether any sample tells whose value it is.
    pub has_keys: bool,
}

/// A value before and now.
pub struct SampleView {
    /// Whose.
    pub key: String,
    /// The column.
    pub column: String,
    /// As it was.
    pub before: String,
    /// As it is.
    pub now: String,
}

/// All causes of a run, the likeliest first.
pub fn views(causes: &[Cause]) -> Vec<CauseView> {
    causes.iter().map(view).collect()
}

fn view(cause: &Cause) -> CauseView {
    let (title, advice) = title_and_advice(&cause.name);
    let mut figures = Vec::new();
    let (mut lines, mut samples) = (Vec::new(), Vec::new());
    for (name, value) in &cause.evidence {
        match (name.as_str(), value) {
            ("samples", Value::Array(list)) => samples = list.iter().map(sample).collect(),
            ("new_lines", Value::Array(list)) => lines = list.iter().map(text).collect(),
            _ => figures.push((name.replace('_', " "), text(value))),
        }
    }
    let has_keys = samples.iter().any(|one: &SampleView| !one.key.is_empty());
    CauseView {
        title,
        message: cause.message.clone(),
        confidence: confidence(cause.confidence),
        advice,
        figures,
        lines,
        samples,
        has_keys,
    }
}

fn sample(value: &Value) -> SampleView {
    let part = |name: &str| value.get(name).map(text).unwrap_or_default();
    SampleView { key: part("key"), column: part("column"), before: part("before"), now: part("now") }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), words::count),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// How sure a cause is: a word for the eye, the figure beside it.
fn confidence(share: f64) -> String {
    let word = match share {
        share if share >= 0.995 => return "certain".to_owned(),
        share if share >= 0.9 => "almost certain",
        share if share >= 0.75 => "very likely",
        _ => "likely",
    };
    format!("{word}, {} %", (share * 100.0).round())
}

/// What a cause is called, and what to do about it.
fn title_and_advice(name: &str) -> (&'static str, &'static str) {
    match name {
        "columns_swapped" => {
            ("Columns swapped", "Discard, and have the source put its columns in order; or correct the mapping.")
        }
        "column_renamed" => (
            "Column renamed",
            "If the new name is meant, put it into the mapping and run again; else have the source restore the old one.",
        ),
        "column_missing" => (
            "Column missing",
            "Discard, and have the source restore it; or take it out of the mapping if it is gone for good.",
        ),
        "date_format_changed" => (
            "Dates written differently",
            "Discard, and correct the format in the mapping; or have the source write dates as before.",
        ),
        "number_format_changed" => (
            "Numbers written differently",
            "Discard, and have the source write numbers as before; or convert them in the mapping.",
        ),
        "blank_source" => ("Blank source", "Discard, and look why the source sent nothing."),
        "truncated_source" => ("Source cut off", "Discard, and fetch the whole file again."),
        "encoding_changed" => {
            ("Encoding changed", "Discard, and set the encoding of the connection to what the source writes now.")
        }
        "keys_changed" => (
            "Keys changed",
            "Discard unless new keys are meant: applied, every record is deleted and made anew, with another history.",
        ),
        "dominated_by_value" => (
            "One value explains it",
            "Ask who knows this value whether that was meant, such as a department that was closed; then resume or discard.",
        ),
        "older_source" => ("An older source", "Discard, and have the newest file delivered."),
        "configuration_changed" => {
            ("Our own configuration", "If the edit was meant, look at the samples and resume; else take the edit back.")
        }
        "first_run" => ("First run", "Look through the problems and a few records, then resume."),
        _ => ("Other", "Look at the samples."),
    }
}
