//! From what a target comes to, to a property of the entity type.

use super::control::{Destination, Target};
use super::dates;
use super::instructions::{Abort, Held};
use super::note::Notes;
use super::printing;
use super::survey::{About, Survey};
use super::terms::{List, Text};
use crate::values::expression::Expression;

/// A property, as the document has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) comment: Option<String>,
    pub(super) origin: Origin,
    pub(super) key: bool,
    pub(super) required: bool,
    pub(super) multivalued: bool,
    pub(super) value_type: Option<&'static str>,
    pub(super) format: Option<String>,
    pub(super) true_value: Option<String>,
    pub(super) false_value: Option<String>,
    pub(super) pattern: Option<&'static str>,
    /// The map of values.
    pub(super) values: Vec<(String, String)>,
}

/// Where its value is from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    Column(String),
    Constant(String),
    Expression(String),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Constant(String::new())
    }
}

/// An `@` that is not the first character.
const MAIL: &str = "[^@]+@.*";

/// What no text matches.
const NOTHING: &str = "[^\\s\\S]";

/// The property of a target. `None`: it never has a value, or can't be said, which is noted.
pub(super) fn of_target(
    target: &Target,
    name: &str,
    held: &Held,
    survey: &Survey,
    notes: &mut Notes,
) -> Option<Property> {
    let about = survey.about(target)?;
    let is_user = target.destination == Destination::User;
    let is_key = is_user && target.name == "username";
    let (origin, values) = match held {
        Held::One(text) if is_key => (Origin::Expression(printing::text(&lowered(text))), Vec::new()),
        Held::One(text) => of_text(text)?,
        Held::Many(list) => of_list(list)?,
    };
    if let Origin::Expression(expression) = &origin
        && let Err(error) = Expression::compile(expression)
    {
        notes.add(&about.path, format!("what {} comes to is no expression ({error}); it is left out", target.shown()));
        return None;
    }
    let mut property = Property {
        name: name.to_owned(),
        comment: comment(target),
        origin,
        key: is_key,
        required: is_user && matches!(target.name.as_str(), "nameFirst" | "nameLast" | "email"),
        multivalued: matches!(held, Held::Many(_)),
        pattern: (is_user && target.name == "email").then_some(MAIL),
        values,
        ..Property::default()
    };
    if property.pattern.is_none() && !is_key {
        set_type(&mut property, about, notes);
    }
    Some(property)
}

fn lowered(text: &Text) -> Text {
    match text {
        Text::Lower(_) => text.clone(),
        Text::Upper(of) => Text::Lower(of.clone()),
        text => Text::Lower(Box::new(text.clone())),
    }
}

fn of_text(text: &Text) -> Option<(Origin, Vec<(String, String)>)> {
    Some(match text {
        text if text.is_empty() => return None,
        Text::Column(column) => (Origin::Column(column.clone()), Vec::new()),
        Text::Literal(text) => (Origin::Constant(text.clone()), Vec::new()),
        Text::Mapped { of, map, otherwise: None } => match &**of {
            Text::Column(column) => (Origin::Column(column.clone()), map.clone()),
            _ => (Origin::Expression(printing::text(text)), Vec::new()),
        },
        text => (Origin::Expression(printing::text(text)), Vec::new()),
    })
}

fn of_list(list: &List) -> Option<(Origin, Vec<(String, String)>)> {
    use super::terms::Condition;
    Some(match list {
        list if list.is_empty() => return None,
        List::Each { column, keep: Condition::Always, body: Text::Value } => {
            (Origin::Column(column.clone()), Vec::new())
        }
        List::Each { column, keep: Condition::Always, body: Text::Mapped { of, map, otherwise: None } }
            if **of == Text::Value =>
        {
            (Origin::Column(column.clone()), map.clone())
        }
        List::Items(items) if items.len() == 1 => of_text(items.first()?)?,
        list => (Origin::Expression(printing::list(list)), Vec::new()),
    })
}

fn comment(target: &Target) -> Option<String> {
    match (&target.destination, target.name.as_str()) {
        (Destination::User, "username") => Some("lower-cased there as well".to_owned()),
        (Destination::User | Destination::Structured(_), _) => None,
        (Destination::Profile | Destination::Tags, _) => Some(target.shown()),
    }
}

fn set_type(property: &mut Property, about: &About, notes: &mut Notes) {
    let formats: Vec<_> = about.date_formats.iter().filter_map(|format| dates::translate(format).ok()).collect();
    let words: Vec<_> = about.words.iter().collect();
    match (&formats[..], &words[..]) {
        ([], []) => {}
        ([date], []) if about.date_formats.len() == 1 => {
            property.value_type = Some(if date.has_time { "datetime" } else { "date" });
            property.format = Some(date.pattern.clone());
            if date.short_year {
                notes.add(&about.path, "years of two digits are 1970 to 2069 here, and up to 20 years from now there");
            }
        }
        ([_, ..], []) => property.value_type = Some("date"),
        ([], [(true_value, false_value)]) => {
            let same = |one: &Option<String>, other: &Option<String>| {
                one.as_ref().is_some_and(|one| other.as_ref().is_some_and(|other| one.eq_ignore_ascii_case(other)))
            };
            if same(true_value, false_value) {
                notes.add(&about.path, "has the same word for true and false; the value is kept, as text");
                return;
            }
            property.value_type = Some("bool");
            property.true_value = true_value.clone().filter(|word| !word.is_empty());
            property.false_value = false_value.clone().filter(|word| !word.is_empty());
        }
        ([], [_, ..]) => property.value_type = Some("bool"),
        ([_, ..], [_, ..]) => {
            notes.add(
                &about.path,
                "is a date in one instruction and true or false in another; the value is kept, as text",
            );
        }
    }
}

/// The property that a record must not have: it rejects the record, with the message, and what is stored of it stays.
pub(super) fn of_aborts(aborts: &[Abort], notes: &mut Notes) -> Option<Property> {
    let message = aborts.iter().rev().fold(Text::EMPTY, |rest, abort| {
        Text::when(abort.condition.clone(), Text::Literal(abort.message.clone()), rest)
    });
    let (origin, _) = of_text(&message)?;
    if let Origin::Expression(expression) = &origin
        && let Err(error) = Expression::compile(expression)
    {
        let path = aborts.first().map_or("$.instructions", |abort| abort.path.as_str());
        notes.add(path, format!("when records are not used is no expression ({error}); they are used"));
        return None;
    }
    Some(Property {
        name: "aborted".to_owned(),
        comment: Some(
            "abort-record: such a record is a problem, with this message, and what is stored of it stays".to_owned(),
        ),
        origin,
        pattern: Some(NOTHING),
        ..Property::default()
    })
}
