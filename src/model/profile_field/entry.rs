//! What somebody types into a field, as its value: checked by the field's type, with a sentence where it can't be.

use super::{FieldType, ProfileField};
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use serde_json::{Number, Value};
use url::Url;

/// The most characters of a line.
pub const LONGEST_LINE: usize = 250;
/// The most characters of a text.
pub const LONGEST_TEXT: usize = 10_000;
/// The most values of a field that may have several.
pub const MOST_VALUES: usize = 100;

/// Why what was typed is no value of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{title}: {message}")]
pub struct EntryError {
    /// What pages call the field.
    pub title: String,
    /// What is wrong with it, and what to write.
    pub message: String,
}

/// The value of what was typed; `None`: nothing was. Of a field with several values each line is one.
pub fn read(field: &ProfileField, typed: &str) -> Result<Option<Value>, EntryError> {
    let wrong = |message| EntryError { title: field.title.clone(), message };
    let value = if field.multivalued {
        let lines = typed.lines().map(str::trim).filter(|line| !line.is_empty());
        let values = lines.map(|line| one(field, line)).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        if values.len() > MOST_VALUES {
            return Err(wrong(format!("has {} values; the most is {MOST_VALUES}", values.len())));
        }
        let mut distinct: Vec<Value> = Vec::with_capacity(values.len());
        for value in values {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        (!distinct.is_empty()).then_some(Value::Array(distinct))
    } else {
        let typed = typed.trim();
        if typed.is_empty() { None } else { Some(one(field, typed).map_err(wrong)?) }
    };
    if value.is_none() && field.required {
        return Err(wrong("is needed; fill it in".into()));
    }
    Ok(value)
}

/// A value as it is typed: what [`read`] takes back.
pub fn write(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(write).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

fn one(field: &ProfileField, typed: &str) -> Result<Value, String> {
    let of_type = field.field_type();
    let most = if of_type == FieldType::Text { LONGEST_TEXT } else { LONGEST_LINE };
    let length = typed.chars().count();
    if length > most {
        return Err(format!("has {length} characters; the most is {most}"));
    }
    let is_text = of_type == FieldType::Text;
    if typed.chars().any(|c| c.is_control() && !(is_text && matches!(c, '\n' | '\r' | '\t'))) {
        return Err("holds a control character, such as a tab; take it out".into());
    }
    match of_type {
        FieldType::String | FieldType::Guid | FieldType::Sid | FieldType::Rdn => Ok(typed.into()),
        FieldType::Text => Ok(typed.replace("\r\n", "\n").into()),
        FieldType::Integer => typed
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("{typed:?} is no whole number; write digits alone, such as 42 or -7")),
        FieldType::Number => number(typed),
        FieldType::Bool => match typed.to_lowercase().as_str() {
            "true" | "yes" => Ok(true.into()),
            "false" | "no" => Ok(false.into()),
            _ => Err(format!("{typed:?} is neither yes nor no")),
        },
        FieldType::Date => NaiveDate::parse_from_str(typed, "%Y-%m-%d")
            .map(|day| day.format("%Y-%m-%d").to_string().into())
            .map_err(|_| format!("{typed:?} is no day; write it as 2027-01-31")),
        FieldType::Datetime => moment(typed),
        FieldType::Choice => match field.choices.iter().flatten().any(|choice| choice == typed) {
            true => Ok(typed.into()),
            false => {
                let choices: Vec<&str> = field.choices.iter().flatten().map(String::as_str).collect();
                Err(format!("{typed:?} is none of its choices; write one of {}", choices.join(", ")))
            }
        },
        FieldType::Url => match Url::parse(typed) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(typed.into()),
            _ => Err(format!("{typed:?} is no address of the web; write it with its scheme, https://example.org/page")),
        },
        FieldType::Phone => phone(typed),
        FieldType::Binary => Err("holds bytes, which can't be typed".into()),
    }
}

fn number(typed: &str) -> Result<Value, String> {
    let number = typed.parse::<f64>().ok().filter(|number| number.is_finite());
    let digits = typed.bytes().filter(u8::is_ascii_digit).count();
    let number = number.filter(|_| digits <= 15 && typed.bytes().all(|byte| b"0123456789+-.eE".contains(&byte)));
    number
        .and_then(Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| format!("{typed:?} is no number of at most 15 digits; write it as 1234.5"))
}

/// A moment; one without a zone, as browsers send it, is UTC.
fn moment(typed: &str) -> Result<Value, String> {
    let with_zone = DateTime::parse_from_rfc3339(typed).map(|moment| moment.to_utc());
    let plain = || {
        ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|pattern| NaiveDateTime::parse_from_str(typed, pattern).ok())
            .map(|moment| moment.and_utc())
    };
    let moment = with_zone.ok().or_else(plain);
    moment
        .map(|moment| moment.to_rfc3339_opts(SecondsFormat::AutoSi, true).into())
        .ok_or_else(|| format!("{typed:?} is no moment; write it as 2027-01-31T12:00:00Z"))
}

/// As people write it, but nothing else: ITU-T E.123 knows digits, one plus, blanks, brackets and hyphens; extensions
/// stand at the end.
fn phone(typed: &str) -> Result<Value, String> {
    let (number, extension) = match typed.to_lowercase().find(['x', 'e', '#']) {
        Some(at) => typed.split_at_checked(at).unwrap_or((typed, "")),
        None => (typed, ""),
    };
    let rest = number.strip_prefix('+').unwrap_or(number);
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    let known = rest.chars().all(|c| c.is_ascii_digit() || " ()-./".contains(c));
    let extension = extension.trim_start_matches(|c: char| "extEXT.#: ".contains(c));
    let extended = extension.bytes().all(|byte| byte.is_ascii_digit()) && extension.len() <= 10;
    match known && extended && (2..=15).contains(&digits) {
        true => Ok(typed.into()),
        false => {
            Err(format!("{typed:?} is no telephone number; write it as +41 44 123 45 67 or +41 44 123 45 67 x 89"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn field(of_type: FieldType) -> ProfileField {
        ProfileField {
            name: "badge".into(),
            title: "Badge".into(),
            value_type: of_type.as_str().into(),
            required: false,
            is_unique: false,
            sources: Vec::new(),
            editable_by: "administrator".into(),
            position: 1,
            declared_by: "settings".into(),
            choices: vec![Some("red".into()), Some("dark green".into())],
            multivalued: false,
            hidden: false,
        }
    }

    #[test]
    fn each_type_takes_what_is_one_and_says_what_is_wrong_with_the_rest() {
        for (of_type, typed, value) in [
            (FieldType::String, "  Ada ", json!("Ada")),
            (FieldType::Text, "one\r\ntwo", json!("one\ntwo")),
            (FieldType::Integer, "-42", json!(-42)),
            (FieldType::Number, "1.50", json!(1.5)),
            (FieldType::Bool, "Yes", json!(true)),
            (FieldType::Date, "2027-01-31", json!("2027-01-31")),
            (FieldType::Datetime, "2027-01-31T12:00", json!("2027-01-31T12:00:00Z")),
            (FieldType::Datetime, "2027-01-31T12:00:00+01:00", json!("2027-01-31T11:00:00Z")),
            (FieldType::Choice, "dark green", json!("dark green")),
            (FieldType::Url, "https://example.org/~ada", json!("https://example.org/~ada")),
            (FieldType::Phone, "+41 (0)44 123-45.67 x 89", json!("+41 (0)44 123-45.67 x 89")),
        ] {
            assert_eq!(read(&field(of_type), typed), Ok(Some(value)), "{of_type} {typed}");
        }
        for (of_type, typed, words) in [
            (FieldType::String, "a\tb", "control character"),
            (FieldType::Integer, "4.2", "no whole number"),
            (FieldType::Number, "12,5", "write it as 1234.5"),
            (FieldType::Number, "1e999", "no number"),
            (FieldType::Number, "inf", "no number"),
            (FieldType::Bool, "perhaps", "neither yes nor no"),
            (FieldType::Date, "31.1.2027", "write it as 2027-01-31"),
            (FieldType::Date, "2027-02-30", "no day"),
            (FieldType::Datetime, "noon", "no moment"),
            (FieldType::Choice, "green", "one of red, dark green"),
            (FieldType::Url, "javascript:alert(1)", "no address of the web"),
            (FieldType::Url, "example.org", "with its scheme"),
            (FieldType::Phone, "call me", "no telephone number"),
            (FieldType::Phone, "+1 2345 6789 0123 4567", "no telephone number"),
            (FieldType::Binary, "x", "can't be typed"),
        ] {
            let error = read(&field(of_type), typed).unwrap_err().to_string();
            assert!(error.starts_with("Badge: ") && error.contains(words), "{of_type} {typed}: {error}");
        }
        let long = "x".repeat(LONGEST_LINE + 1);
        assert!(read(&field(FieldType::String), &long).unwrap_err().message.contains("251 characters"));
    }

    #[test]
    fn several_values_stand_on_lines_and_what_is_needed_must_be_there() {
        let mut badges = ProfileField { multivalued: true, ..field(FieldType::Choice) };
        assert_eq!(read(&badges, "red\n\ndark green\nred\n"), Ok(Some(json!(["red", "dark green"]))));
        assert!(read(&badges, "red\nblue").unwrap_err().message.contains("\"blue\""));
        assert_eq!(read(&badges, " \n"), Ok(None));
        badges.required = true;
        assert!(read(&badges, " ").unwrap_err().message.contains("is needed"));
    }

    proptest! {
        /// Whatever is typed is taken or refused; what was taken is taken again, as the same.
        #[test]
        fn what_is_written_reads_the_same(typed in "\\PC{0,30}|[-+0-9.e]{0,12}|[0-9]{4}-[0-9]{2}-[0-9]{2}", which in 0..14_usize, several in any::<bool>()) {
            let field = ProfileField { multivalued: several, ..field(FieldType::ALL[which]) };
            if let Ok(Some(value)) = read(&field, &typed) {
                prop_assert_eq!(read(&field, &write(&value)), Ok(Some(value)));
            }
        }
    }
}
