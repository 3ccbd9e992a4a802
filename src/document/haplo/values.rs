//! How a value is changed on its way: the map of values, then the filters in their order, then the conversion that the
//! options ask for.

use super::control::{Control, Options, Target};
use super::dates;
use super::note::Notes;
use super::survey::{Survey, USER_NAME_TO_REF};
use super::terms::Text;

/// What is needed to change values.
pub(super) struct Values<'c> {
    pub(super) control: &'c Control,
    pub(super) survey: &'c Survey,
}

impl Values<'_> {
    /// The value as it arrives. `None`: that can't be said here, which is noted; the instruction is left out then.
    pub(super) fn transform(
        &self,
        value: Text,
        options: &Options,
        target: &Target,
        path: &str,
        notes: &mut Notes,
    ) -> Option<Text> {
        let mut value = match options.map.is_empty() {
            true => value,
            false => mapped(value, &options.map, options.map_default.clone()),
        };
        for (position, filter) in options.filters.iter().enumerate() {
            value = filtered(value, filter, &format!("{path}.filters[{position}]"), notes)?;
        }
        if options.country {
            notes
                .add(&format!("{path}.country"), "telephone numbers stay as they are written; the country is not used");
        }
        if let Some(name) = &options.ref_mapping {
            let path = format!("{path}.refMapping");
            let Some(mapping) = self.control.mappings.get(name) else {
                notes.add(&path, format!("there is no mapping {name:?}; the instruction is left out"));
                return None;
            };
            let what = if mapping.using == "title" { "title" } else { "code" };
            notes.add(&path, format!("references can't be stored; the {what} of what is referred to is kept, as text"));
            value = mapped(value, &mapping.values, Some(String::new()));
        }
        self.converted(value, options, target, path, notes)
    }

    /// Where all instructions for a target agree on a format, the property has it; otherwise the value is converted here.
    fn converted(
        &self,
        value: Text,
        options: &Options,
        target: &Target,
        path: &str,
        notes: &mut Notes,
    ) -> Option<Text> {
        let about = self.survey.about(target)?;
        if let Some(format) = &options.date_format {
            let date = match dates::translate(format) {
                Ok(date) => date,
                Err(reason) => {
                    notes.add(&format!("{path}.dateFormat"), format!("{reason}; the instruction is left out"));
                    return None;
                }
            };
            if about.date_formats.len() > 1 {
                if date.has_time {
                    notes.add(
                        &format!("{path}.dateFormat"),
                        "several formats for one date and time can't be said; of this one the day is kept",
                    );
                }
                return Some(Text::Day(Box::new(value), date.pattern));
            }
        }
        let words = [(&options.true_value, "true"), (&options.false_value, "false")];
        let words: Vec<_> = words.into_iter().filter_map(|(word, to)| Some((word.clone()?, to.to_owned()))).collect();
        if about.words.len() > 1 && !words.is_empty() {
            value_of_words(&words, path, notes);
            return Some(mapped(value, &words, None));
        }
        Some(value)
    }
}

fn value_of_words(words: &[(String, String)], path: &str, notes: &mut Notes) {
    if words.len() == 1 {
        notes.add(path, "has a word for one of true and false only; for the other the usual words count");
    }
}

/// By a map. What is known is looked up at once.
fn mapped(value: Text, map: &[(String, String)], otherwise: Option<String>) -> Text {
    match value {
        Text::Literal(literal) => {
            let found = map.iter().find(|(from, _)| *from == literal).map(|(_, to)| to.clone());
            Text::Literal(found.or(otherwise).unwrap_or(literal))
        }
        value => Text::Mapped { of: Box::new(value), map: map.to_vec(), otherwise },
    }
}

fn filtered(value: Text, filter: &str, path: &str, notes: &mut Notes) -> Option<Text> {
    Some(match (filter, value) {
        ("haplo:to-lower-case", Text::Literal(literal)) => Text::Literal(literal.to_lowercase()),
        ("haplo:to-upper-case", Text::Literal(literal)) => Text::Literal(literal.to_uppercase()),
        ("haplo:to-lower-case", Text::Lower(of) | Text::Upper(of)) => Text::Lower(of),
        ("haplo:to-upper-case", Text::Lower(of) | Text::Upper(of)) => Text::Upper(of),
        ("haplo:to-lower-case", value) => Text::Lower(Box::new(value)),
        ("haplo:to-upper-case", value) => Text::Upper(Box::new(value)),
        ("haplo:fix-up-url", value) => Text::Url(Box::new(value)),
        ("haplo:to-string", value) => value,
        (USER_NAME_TO_REF, value) => Text::Lower(Box::new(value)),
        (filter, value) if filter.starts_with("haplo:") && filter.ends_with("-to-ref") => {
            notes.add(
                path,
                format!("{filter} looks something up there, which can't be done here; the value is kept, as text"),
            );
            value
        }
        (filter, _) => {
            notes.add(path, format!("the filter {filter:?} is not known here; the instruction is left out"));
            return None;
        }
    })
}
