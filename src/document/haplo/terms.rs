//! What a destination comes to, as a term over the columns of a record: the instructions of a control file, which change
//! values step by step, worked out once for every record there can be.
//!
//! A term is kept as simple as it can be while it is put together; [`printing`](super::printing) writes it as an expression.

use std::collections::BTreeSet;

/// A text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Text {
    Literal(String),
    /// A column of the record.
    Column(String),
    /// The value that a list is looked at by.
    Value,
    Lower(Box<Text>),
    Upper(Box<Text>),
    /// With `https://` before it, if it looks like an address without scheme.
    Url(Box<Text>),
    /// A day read by a pattern.
    Day(Box<Text>, String),
    /// By a map; what it does not have passes, or becomes `otherwise`.
    Mapped {
        of: Box<Text>,
        map: Vec<(String, String)>,
        otherwise: Option<String>,
    },
    When(Box<Condition>, Box<Text>, Box<Text>),
    /// Those that are not empty, with something between them.
    Joined(Vec<Text>, &'static str),
}

/// A list of texts; empty ones do not count.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum List {
    Items(Vec<Text>),
    /// For each value in a column that `keep` lets through, what `body` makes of it.
    Each {
        column: String,
        keep: Condition,
        body: Text,
    },
    When(Box<Condition>, Box<List>, Box<List>),
    Both(Box<List>, Box<List>),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Always,
    Never,
    /// The text is not empty.
    Filled(Text),
    /// The text is one of these.
    OneOf(Text, Vec<String>),
    /// The list has a text that is not empty.
    Holds(Box<List>),
    /// For a value in a column it holds.
    Exists {
        column: String,
        keep: Box<Condition>,
    },
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Text {
    /// No text.
    pub(super) const EMPTY: Self = Self::Literal(String::new());

    /// Whether it is always empty.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }

    /// `condition ? then : otherwise`
    pub(super) fn when(condition: Condition, then: Self, otherwise: Self) -> Self {
        let condition = match condition {
            Condition::Always => return then,
            Condition::Never => return otherwise,
            Condition::Not(condition) => return Self::when(*condition, otherwise, then),
            condition => condition,
        };
        if then == otherwise {
            return then;
        }
        if otherwise.is_empty() && (condition == Condition::Filled(then.clone()) || then.goes_with(&condition)) {
            return then;
        }
        if let Self::When(inner, text, rest) = &then
            && **rest == otherwise
        {
            // one within the other: both must hold, and where one follows from the other, that one
            let both = if inner.implies(&condition) { (**inner).clone() } else { condition.and((**inner).clone()) };
            return Self::When(Box::new(both), text.clone(), rest.clone());
        }
        Self::When(Box::new(condition), Box::new(then), Box::new(otherwise))
    }

    /// Whether it is empty wherever the condition, which is about columns being filled, does not hold.
    fn goes_with(&self, condition: &Condition) -> bool {
        condition.filled_columns().is_some_and(|columns| self.is_empty_without(&columns))
    }

    fn is_empty_without(&self, columns: &BTreeSet<&str>) -> bool {
        match self {
            Self::Literal(text) => text.is_empty(),
            Self::Column(column) => columns.contains(column.as_str()),
            Self::Value => false,
            Self::Lower(of) | Self::Upper(of) | Self::Url(of) | Self::Day(of, _) => of.is_empty_without(columns),
            Self::Mapped { of, map, otherwise } => {
                let empties = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
                of.is_empty_without(columns) && empties(otherwise) && !map.iter().any(|(from, _)| from.is_empty())
            }
            Self::When(condition, then, otherwise) => {
                let never = condition.filled_columns().is_some_and(|filled| filled.is_subset(columns));
                (never || then.is_empty_without(columns)) && otherwise.is_empty_without(columns)
            }
            Self::Joined(parts, _) => parts.iter().all(|part| part.is_empty_without(columns)),
        }
    }

    /// How much there is of it.
    pub(super) fn size(&self) -> usize {
        1 + match self {
            Self::Literal(_) | Self::Column(_) | Self::Value => 0,
            Self::Lower(of) | Self::Upper(of) | Self::Url(of) | Self::Day(of, _) => of.size(),
            Self::Mapped { of, map, .. } => of.size() + map.len(),
            Self::When(condition, then, otherwise) => condition.size() + then.size() + otherwise.size(),
            Self::Joined(parts, _) => parts.iter().map(Self::size).sum(),
        }
    }

    /// The texts that it may come to, where they are known; whether there are others.
    pub(super) fn known_values(&self, known: &mut BTreeSet<String>) -> bool {
        match self {
            Self::Literal(text) => {
                known.insert(text.clone());
                false
            }
            Self::When(_, then, otherwise) => then.known_values(known) | otherwise.known_values(known),
            Self::Mapped { map, otherwise, .. } => {
                known.extend(map.iter().map(|(_, to)| to.clone()).chain(otherwise.clone()));
                otherwise.is_none()
            }
            // The case of what is known is known as well.
            Self::Lower(of) => of.known_as(known, str::to_lowercase),
            Self::Upper(of) => of.known_as(known, str::to_uppercase),
            _ => true,
        }
    }

    fn known_as(&self, known: &mut BTreeSet<String>, change: fn(&str) -> String) -> bool {
        let mut inner = BTreeSet::new();
        let others = self.known_values(&mut inner);
        known.extend(inner.iter().map(|text| change(text)));
        others
    }
}

impl List {
    /// No texts.
    pub(super) const EMPTY: Self = Self::Items(Vec::new());

    /// Whether it is always empty.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Items(items) if items.iter().all(Text::is_empty))
    }

    /// `condition ? then : otherwise`
    pub(super) fn when(condition: Condition, then: Self, otherwise: Self) -> Self {
        let condition = match condition {
            Condition::Always => return then,
            Condition::Never => return otherwise,
            Condition::Not(condition) => return Self::when(*condition, otherwise, then),
            condition => condition,
        };
        match (then, otherwise) {
            (then, otherwise) if then == otherwise => then,
            // what both have stands before
            (Self::Both(first, added), otherwise) if *first == otherwise => {
                otherwise.and(Self::when(condition, *added, Self::EMPTY))
            }
            (then, Self::Both(first, added)) if *first == then => then.and(Self::when(condition, Self::EMPTY, *added)),
            (Self::Items(then), otherwise) if otherwise.is_empty() && then.len() == 1 => {
                let one = then.into_iter().next().unwrap_or(Text::EMPTY);
                Self::Items(vec![Text::when(condition, one, Text::EMPTY)])
            }
            (then, Self::Items(otherwise)) if then.is_empty() && otherwise.len() == 1 => {
                let one = otherwise.into_iter().next().unwrap_or(Text::EMPTY);
                Self::Items(vec![Text::when(condition, Text::EMPTY, one)])
            }
            (Self::Items(mut then), Self::Items(mut otherwise)) if then.len() == 1 && otherwise.len() == 1 => {
                let both = (then.pop().unwrap_or(Text::EMPTY), otherwise.pop().unwrap_or(Text::EMPTY));
                Self::Items(vec![Text::when(condition, both.0, both.1)])
            }
            (then, otherwise) => Self::When(Box::new(condition), Box::new(then), Box::new(otherwise)),
        }
    }

    /// One after the other.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if other.is_empty() => one,
            (one, other) if one.is_empty() => other,
            (one, other) => Self::Both(Box::new(one), Box::new(other)),
        }
    }

    /// How much there is of it.
    pub(super) fn size(&self) -> usize {
        1 + match self {
            Self::Items(items) => items.iter().map(Text::size).sum(),
            Self::Each { keep, body, .. } => keep.size() + body.size(),
            Self::When(condition, then, otherwise) => condition.size() + then.size() + otherwise.size(),
            Self::Both(one, other) => one.size() + other.size(),
        }
    }

    /// As [`Text::known_values`], of all its texts.
    pub(super) fn known_values(&self, known: &mut BTreeSet<String>) -> bool {
        match self {
            Self::Items(items) => items.iter().fold(false, |others, item| item.known_values(known) | others),
            Self::Each { body, .. } => body.known_values(known),
            Self::When(_, one, other) | Self::Both(one, other) => one.known_values(known) | other.known_values(known),
        }
    }
}

impl Condition {
    /// The opposite.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Not(condition) => *condition,
            condition => Self::Not(Box::new(condition)),
        }
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, one) | (one, Self::Always) => one,
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (one, other) => {
                let mut all = Vec::new();
                for condition in one.parts().into_iter().chain(other.parts()) {
                    if !all.contains(&condition) {
                        all.push(condition);
                    }
                }
                if all.len() == 1 { all.pop().unwrap_or(Self::Always) } else { Self::All(all) }
            }
        }
    }

    fn parts(self) -> Vec<Self> {
        match self {
            Self::All(parts) => parts,
            one => vec![one],
        }
    }

    /// At least one of them; never, if there is none.
    pub(super) fn any_of(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut any: Vec<Self> = conditions.into_iter().filter(|condition| *condition != Self::Never).collect();
        match any.len() {
            _ if any.contains(&Self::Always) => Self::Always,
            0 | 1 => any.pop().unwrap_or(Self::Never),
            _ => Self::Any(any),
        }
    }

    /// The text is not empty.
    pub(super) fn filled(text: Text) -> Self {
        match text {
            Text::Literal(text) if text.is_empty() => Self::Never,
            Text::Literal(_) => Self::Always,
            // a change of case leaves nothing where nothing was, and only there
            Text::Lower(of) | Text::Upper(of) => Self::filled(*of),
            Text::When(condition, then, otherwise) if otherwise.is_empty() => condition.and(Self::filled(*then)),
            text => Self::Filled(text),
        }
    }

    /// The columns of which at least one is filled, where the condition says nothing else.
    fn filled_columns(&self) -> Option<BTreeSet<&str>> {
        match self {
            Self::Filled(Text::Column(column)) => Some(BTreeSet::from([column.as_str()])),
            Self::Any(conditions) => {
                conditions.iter().try_fold(BTreeSet::new(), |all, one| Some(&all | &one.filled_columns()?))
            }
            _ => None,
        }
    }

    /// Whether the other one holds wherever this one does, as far as can be seen.
    fn implies(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        match (self.filled_columns(), other.filled_columns()) {
            (Some(mine), Some(others)) => mine.is_subset(&others),
            _ => match self {
                Self::All(parts) => parts.iter().any(|part| part.implies(other)),
                _ => false,
            },
        }
    }

    /// How much there is of it.
    pub(super) fn size(&self) -> usize {
        1 + match self {
            Self::Always | Self::Never => 0,
            Self::Filled(text) => text.size(),
            Self::OneOf(text, values) => text.size() + values.len(),
            Self::Holds(list) => list.size(),
            Self::Exists { keep, .. } => keep.size(),
            Self::Not(condition) => condition.size(),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().map(Self::size).sum(),
        }
    }
}
