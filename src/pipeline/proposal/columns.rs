//! What the values of a column are.

use super::facts::ColumnFacts;
use super::notation::{NOTATIONS, Notation};
use super::{figure, names, share};
use crate::model::property::ValueType;

/// Words for yes, each with its word for no; the usual ones first.
const WORDS: &[(&str, &str)] = &[
    ("true", "false"),
    ("yes", "no"),
    ("y", "n"),
    ("1", "0"),
    ("t", "f"),
    ("ja", "nein"),
    ("j", "n"),
    ("oui", "non"),
    ("si", "no"),
    ("on", "off"),
    ("active", "inactive"),
    ("enabled", "disabled"),
    ("aktiv", "inaktiv"),
    ("x", "-"),
];
/// Those that need not be said in a document.
const USUAL: usize = 4;

/// What a property of the column would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) value_type: ValueType,
    pub(super) format: Option<&'static str>,
    /// Words for yes and no, where they are not the usual ones.
    pub(super) words: Option<(&'static str, &'static str)>,
    /// Several values; by which separator, where the source does not say so itself.
    pub(super) several: Option<Option<String>>,
    /// Why, in figures; empty for plain text.
    pub(super) evidence: String,
}

impl Kind {
    /// In a few words.
    pub(super) fn says(&self) -> String {
        let several = match &self.several {
            None => String::new(),
            Some(None) => ", several values".to_owned(),
            Some(Some(separator)) => format!(", several values separated by {separator:?}"),
        };
        let format = self.format.map(|format| format!(" {format}")).unwrap_or_default();
        format!("{}{format}{several}", self.value_type.as_str())
    }
}

/// As text, whatever it looks like: keys, what refers to something, and what becomes part of a profile.
pub(super) fn as_text(column: &ColumnFacts) -> Kind {
    let several = (column.several > 0).then_some(None);
    let evidence = match several {
        Some(_) => format!("{} of {} rows have several values", figure(column.several), figure(column.filled)),
        None => String::new(),
    };
    Kind { several, evidence, ..Kind::default() }
}

/// What all its values are.
pub(super) fn kind(column: &ColumnFacts) -> Kind {
    if column.several > 0 {
        return as_text(column);
    }
    if let Some(kind) = yes_or_no(column) {
        return kind;
    }
    let all = column.notations.iter().filter(|(_, fits, _)| *fits == column.filled && column.filled > 0);
    let mut all = all.filter_map(|(at, ..)| NOTATIONS.get(*at)).filter(|one| is_meant(one, column));
    if let Some(notation) = all.next() {
        let swapped = all.find(|other| is_swap_of(notation, other));
        let doubt = match swapped {
            Some(other) => format!("; no day is above 12, so it may be {} as well", other.words),
            None => String::new(),
        };
        let what = match notation.value_type {
            ValueType::Date => format!("dates as {}", notation.words),
            ValueType::Datetime => format!("moments as {}", notation.words),
            _ => notation.words.to_owned(),
        };
        let evidence = format!("{} are {what}{doubt}", share(column.filled, column.filled, "values"));
        return Kind { value_type: notation.value_type, format: notation.format, evidence, ..Kind::default() };
    }
    if let Some(kind) = several(column) {
        return kind;
    }
    Kind { evidence: nearly(column).unwrap_or_default(), ..Kind::default() }
}

fn yes_or_no(column: &ColumnFacts) -> Option<Kind> {
    let has = |word: &str| column.words.iter().any(|(known, _)| known == word);
    let said = column.words.len();
    let (at, (yes, no)) = WORDS.iter().enumerate().find(|(_, (yes, no))| {
        said > 0 && column.words.iter().all(|(word, _)| word == yes || word == no) && (has(yes) || has(no))
    })?;
    // One word alone, or numbers, may mean anything.
    let is_clear = (said == 2 && (at != 3 || column.filled > 2)) || at < 2 || names::asks(&column.name);
    if !is_clear {
        return None;
    }
    let counted: Vec<String> =
        column.words.iter().map(|(word, count)| format!("{} {word:?}", figure(*count))).collect();
    let words = (at >= USUAL).then_some((*yes, *no));
    let evidence = format!("{} are yes or no: {}", share(column.filled, column.filled, "values"), counted.join(", "));
    Some(Kind { value_type: ValueType::Bool, words, evidence, ..Kind::default() })
}

/// Numbers that identify something are text: a zero in front must stay.
fn is_meant(notation: &Notation, column: &ColumnFacts) -> bool {
    match (notation.value_type, notation.format) {
        (ValueType::Integer | ValueType::Number, _) => {
            let is_float = notation.value_type == ValueType::Number;
            let whole = column.notations.iter().any(|(at, fits, _)| {
                *fits == column.filled && NOTATIONS.get(*at).is_some_and(|one| one.value_type == ValueType::Integer)
            });
            column.zeros == 0 && !names::is_identifier(&column.name) && !(is_float && whole) && column.longest <= 15
        }
        // Eight digits may be anything; as many different ones that all are days are not.
        (ValueType::Date, Some("%Y%m%d")) => column.distinct >= 20 || names::bare(&column.name).contains("date"),
        (ValueType::Datetime, Some("1601")) => column.longest >= 17,
        _ => true,
    }
}

/// Day and month the other way round.
fn is_swap_of(one: &Notation, other: &Notation) -> bool {
    let turned = |format: &str| format.replace("%d", "%#").replace("%m", "%d").replace("%#", "%m");
    one.format.map(turned).as_deref() == other.format && one.format != other.format
}

/// Values that repeat within texts: a vocabulary of parts, none of them long.
fn several(column: &ColumnFacts) -> Option<Kind> {
    let fits = column.separators.iter().find(|one| {
        let vocabulary = if one.separator == "," { 4 } else { 2 };
        one.rows * 50 >= column.filled
            && one.rows >= 2
            && one.distinct * vocabulary <= one.parts
            && one.longest <= 40
            && one.distinct < column.distinct.max(3) * 2
    })?;
    let evidence = format!(
        "{} hold {:?}; taken apart there are {} different values, of {}",
        share(fits.rows, column.filled, "values"),
        fits.separator,
        figure(fits.distinct),
        figure(fits.parts)
    );
    Some(Kind { several: Some(Some(fits.separator.clone())), evidence, ..Kind::default() })
}

/// What nearly all values are; the others would be problems.
fn nearly(column: &ColumnFacts) -> Option<String> {
    let notations = column.notations.iter().filter_map(|found| Some((NOTATIONS.get(found.0)?, found.1, found.2)));
    let (notation, fits, first) =
        notations.filter(|(one, ..)| is_meant(one, column)).max_by_key(|(_, fits, _)| *fits)?;
    let line = first.map(|line| format!(", first in line {line}")).unwrap_or_default();
    let others = column.filled.checked_sub(fits).filter(|others| *others > 0)?;
    let others = if others == 1 { "one is not".to_owned() } else { format!("{} are not", figure(others)) };
    Some(format!(
        "{} are written as {}; {others}{line}, so it stays text",
        share(fits, column.filled, "values"),
        notation.words
    ))
}
