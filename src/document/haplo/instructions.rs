//! Follows the instructions over a record that is not known yet: what each target comes to, as a term over the record's
//! columns.
//!
//! There, a field acts only if its value is there, and leaves the destination as it was otherwise; each run continues from
//! what the run before had left. Here every record is worked out from nothing, so that a value that no record sets any
//! more is gone.

use super::control::{Action, Control, Destination, Instruction, Options, Target};
use super::note::Notes;
use super::readers::Read;
use super::survey::Survey;
use super::terms::{Condition, List, Text};
use super::values::Values;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a record of one file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) held: BTreeMap<Target, Held>,
    pub(super) aborts: Vec<Abort>,
}

/// What a target comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Held {
    One(Text),
    Many(List),
}

/// When a record is not used, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Abort {
    pub(super) condition: Condition,
    pub(super) message: String,
    pub(super) path: String,
}

/// The largest term: what comes to more is no expression that a person would read.
const LARGEST: usize = 4000;

/// Follows all instructions for records that are read like that.
pub(super) fn follow(control: &Control, survey: &Survey, read: &Read, notes: &mut Notes) -> Outcome {
    let mut walk = Walk { values: Values { control, survey }, read, notes, aborts: Vec::new() };
    let held = walk.list(&control.instructions, BTreeMap::new(), "", &Condition::Always);
    Outcome { held, aborts: walk.aborts }
}

type State = BTreeMap<Target, Held>;

struct Walk<'c> {
    values: Values<'c>,
    read: &'c Read,
    notes: &'c mut Notes,
    aborts: Vec<Abort>,
}

impl Walk<'_> {
    /// `prefix`: the object of the record that sources are in; `given`: under which condition these are followed.
    fn list(&mut self, list: &[Instruction], state: State, prefix: &str, given: &Condition) -> State {
        list.iter().fold(state, |state, one| self.one(one, state, prefix, given))
    }

    fn one(&mut self, one: &Instruction, mut state: State, prefix: &str, given: &Condition) -> State {
        let path = &one.path;
        let column = |source: &str| format!("{prefix}{source}");
        match &one.action {
            Action::Field { source, target, options } => {
                let column = column(source);
                // an attribute of a record may have several values here
                let several = self.is_multivalued(target) && !matches!(self.read, Read::Lines { .. });
                let value = if several { Text::Value } else { Text::Column(column.clone()) };
                let Some(value) = self.values.transform(value, options, target, path, self.notes) else { return state };
                if several {
                    let each = List::Each { column: column.clone(), keep: Condition::Always, body: value };
                    self.put_list(&mut state, Condition::Filled(Text::Column(column)), each, target, options);
                } else {
                    self.put(&mut state, Condition::Filled(Text::Column(column)), value, target, options);
                }
            }
            Action::Structured { structured, target, options } => {
                if let Some((value, filled)) = self.structured(&state, structured, path)
                    && let Some(value) = self.values.transform(value, options, target, path, self.notes)
                {
                    self.put(&mut state, filled, value, target, options);
                }
                state.retain(|target, _| target.destination != Destination::Structured(structured.clone()));
            }
            Action::SetValue { value: None, .. } => {
                self.notes
                    .add(path, "the value is a list or an object, which can't be set; the instruction is left out");
            }
            Action::SetValue { value: Some(value), target, options } => {
                let value = Text::Literal(value.clone());
                if let Some(value) = self.values.transform(value, options, target, path, self.notes) {
                    self.put(&mut state, Condition::Always, value, target, options);
                }
            }
            Action::RemoveValues(target) => {
                for named in self.values.survey.named(target) {
                    state.remove(named);
                }
            }
            Action::IfExists { source, then, otherwise } => {
                let condition = self.exists(&column(source));
                return self.branch(condition, then, otherwise, state, prefix, given);
            }
            Action::IfValueOneOf { source, values, then, otherwise } => {
                let condition = one_of(Text::Column(column(source)), values, self.read);
                return self.branch(condition, then, otherwise, state, prefix, given);
            }
            Action::IfHasValue { target, then, otherwise } => {
                let condition = has_value(&state, target);
                return self.branch(condition, then, otherwise, state, prefix, given);
            }
            Action::Within { source, instructions } => {
                return self.within(one, source, instructions, state, prefix, given);
            }
            Action::ForEach { source, wrap_values, instructions } => {
                if !wrap_values {
                    self.notes.add(
                        path,
                        "goes over objects in a list within the record, which have no columns here; the instruction is left out",
                    );
                    return state;
                }
                let mut over = Over { column: column(source), given: given.clone() };
                self.each(&mut over, instructions, &Condition::Always, &mut state);
            }
            Action::AssertDestination { exists } => {
                if !exists {
                    self.notes.add(path, "user, profile and tags are always there here; this is not looked at");
                }
            }
            Action::AbortRecord { message } => {
                self.aborts.push(Abort { condition: given.clone(), message: message.clone(), path: path.clone() });
            }
            Action::LogError { message } => self.log_error(path, message),
            Action::SetAttributeGroup => {
                self.notes.add(path, "groups of attributes are not known here; the instruction is left out");
            }
        }
        state
    }

    fn log_error(&mut self, path: &str, message: &str) {
        self.notes.add(path, format!("a record can't be reported and still be used; nothing is said here ({message})"));
    }

    fn is_multivalued(&self, target: &Target) -> bool {
        self.values.survey.is_multivalued(target)
    }

    fn branch(
        &mut self,
        condition: Condition,
        then: &[Instruction],
        otherwise: &[Instruction],
        state: State,
        prefix: &str,
        given: &Condition,
    ) -> State {
        let yes = self.list(then, state.clone(), prefix, &given.clone().and(condition.clone()));
        let no = self.list(otherwise, state, prefix, &given.clone().and(condition.clone().not()));
        self.merge(condition, yes, no)
    }

    /// What each target comes to by a condition.
    fn merge(&mut self, condition: Condition, mut yes: State, mut no: State) -> State {
        let targets: BTreeSet<Target> = yes.keys().chain(no.keys()).cloned().collect();
        let mut merged = State::new();
        for target in targets {
            let several = self.is_multivalued(&target);
            let held = |held: Option<Held>| match (held, several) {
                (Some(held), _) => held,
                (None, false) => Held::One(Text::EMPTY),
                (None, true) => Held::Many(List::EMPTY),
            };
            let held = match (held(yes.remove(&target)), held(no.remove(&target))) {
                (Held::One(yes), Held::One(no)) => Held::One(Text::when(condition.clone(), yes, no)),
                (Held::Many(yes), Held::Many(no)) => Held::Many(List::when(condition.clone(), yes, no)),
                (yes, _) => yes,
            };
            self.hold(&mut merged, target, held);
        }
        merged
    }

    fn within(
        &mut self,
        one: &Instruction,
        source: &str,
        instructions: &[Instruction],
        state: State,
        prefix: &str,
        given: &Condition,
    ) -> State {
        let object = format!("{prefix}{source}");
        if !matches!(self.read, Read::Json { .. }) {
            self.notes
                .add(&one.path, "only JSON has objects within a record; for other files the instruction is left out");
            return state;
        }
        let condition = self.exists_object(&object);
        if condition == Condition::Never {
            self.notes
                .add(&one.path, "no value is read within, so whether the object is there can't be seen; left out");
            return state;
        }
        let inner =
            self.list(instructions, state.clone(), &format!("{object}."), &given.clone().and(condition.clone()));
        self.merge(condition, inner, state)
    }

    /// Whether a member is there: one that is empty counts as not there, as columns are empty then. An object is there if a
    /// value that is read of it is.
    fn exists(&self, column: &str) -> Condition {
        match self.exists_object(column) {
            Condition::Never => Condition::Filled(Text::Column(column.to_owned())),
            condition => condition,
        }
    }

    fn exists_object(&self, object: &str) -> Condition {
        let columns = self.values.survey.columns_of(object);
        Condition::any_of(columns.map(|column| Condition::Filled(Text::Column(column.clone()))))
    }

    fn structured(&mut self, state: &State, structured: &str, path: &str) -> Option<(Text, Condition)> {
        let (names, needed, between): (&[&str], _, _) = match structured {
            "value:person-name" => (&["title", "first", "middle", "last", "suffix"], "last", " "),
            "value:postal-address" => {
                (&["street1", "street2", "city", "county", "postcode", "country"], "country", ", ")
            }
            other => {
                self.notes.add(
                    path,
                    format!("{other} is no structured value that is known here; the instruction is left out"),
                );
                return None;
            }
        };
        let part = |name: &str| {
            let destination = Destination::Structured(structured.to_owned());
            match state.get(&Target { destination, name: name.to_owned(), qualifier: None }) {
                Some(Held::One(text)) => text.clone(),
                _ => Text::EMPTY,
            }
        };
        let parts: Vec<Text> = names.iter().map(|name| part(name)).filter(|part| !part.is_empty()).collect();
        Some((Text::Joined(parts, between), Condition::filled(part(needed))))
    }

    /// Sets a value, where the condition holds and there is one.
    fn put(&mut self, state: &mut State, filled: Condition, value: Text, target: &Target, options: &Options) {
        if self.is_multivalued(target) {
            let item = List::Items(vec![value]);
            return self.put_list(state, filled, item, target, options);
        }
        let old = match state.remove(target) {
            Some(Held::One(old)) => old,
            _ => Text::EMPTY,
        };
        // A reference that is not found changes nothing.
        let filled = if options.ref_mapping.is_some() { Condition::filled(value.clone()) } else { filled };
        self.hold(state, target.clone(), Held::One(Text::when(filled, value, old)));
    }

    fn put_list(&mut self, state: &mut State, filled: Condition, items: List, target: &Target, options: &Options) {
        let old = match state.remove(target) {
            Some(Held::Many(old)) => old,
            _ => List::EMPTY,
        };
        let is_each = matches!(items, List::Each { .. });
        let new = match options.multivalue {
            // without a value it has none
            true if is_each => old.and(items),
            true => old.and(List::when(filled, items, List::EMPTY)),
            false if is_each && old.is_empty() => items,
            false => List::when(filled, items, old),
        };
        self.hold(state, target.clone(), Held::Many(new));
    }

    fn hold(&mut self, state: &mut State, target: Target, held: Held) {
        let size = match &held {
            Held::One(text) => text.size(),
            Held::Many(list) => list.size(),
        };
        if size > LARGEST {
            let path = self.values.survey.about(&target).map_or("$.instructions", |about| about.path.as_str());
            let message = format!("what {} comes to is too much for one expression; it is left out", target.shown());
            self.notes.add(path, message);
            state.remove(&target);
        } else {
            state.insert(target, held);
        }
    }

    /// Instructions over the plain values of a list.
    fn each(&mut self, over: &mut Over, list: &[Instruction], keep: &Condition, state: &mut State) {
        let keep_and = |condition: Condition| keep.clone().and(condition);
        for one in list {
            let path = &one.path;
            let is_value = |source: &str| source == "value";
            match &one.action {
                Action::Field { target, options, .. } | Action::SetValue { target, options, .. }
                    if !(options.multivalue && self.is_multivalued(target)) =>
                {
                    self.notes.add(
                        path,
                        format!(
                            "each value would take the place of the one before in {}; the instruction is left out",
                            target.shown()
                        ),
                    );
                }
                Action::Field { source, target, options } if is_value(source) => {
                    let value = self.values.transform(Text::Value, options, target, path, self.notes);
                    let each = value.map(|body| List::Each { column: over.column.clone(), keep: keep.clone(), body });
                    each.into_iter().for_each(|each| {
                        self.put_list(state, Condition::Always, each, target, options);
                    });
                }
                Action::SetValue { value: Some(value), target, options } => {
                    let value = Text::Literal(value.clone());
                    let value = self.values.transform(value, options, target, path, self.notes);
                    let each = value.map(|body| List::Each { column: over.column.clone(), keep: keep.clone(), body });
                    each.into_iter().for_each(|each| {
                        self.put_list(state, Condition::Always, each, target, options);
                    });
                }
                Action::IfExists { source, then, otherwise } => {
                    self.each(over, if is_value(source) { then } else { otherwise }, keep, state);
                }
                Action::IfValueOneOf { source, values, then, otherwise } if is_value(source) => {
                    let condition = one_of(Text::Value, values, self.read);
                    self.each(over, then, &keep_and(condition.clone()), state);
                    self.each(over, otherwise, &keep_and(condition.not()), state);
                }
                Action::IfValueOneOf { otherwise, .. } => self.each(over, otherwise, keep, state),
                Action::AbortRecord { message } => {
                    let some = match keep {
                        Condition::Always => Condition::Filled(Text::Column(over.column.clone())),
                        keep => Condition::Exists { column: over.column.clone(), keep: Box::new(keep.clone()) },
                    };
                    let condition = over.given.clone().and(some);
                    self.aborts.push(Abort { condition, message: message.clone(), path: path.clone() });
                }
                Action::LogError { message } => self.log_error(path, message),
                // there is no such member
                Action::Field { .. } => {}
                _ => self.notes.add(path, "can't be done value by value here; the instruction is left out"),
            }
        }
    }
}

/// The values that instructions go over.
struct Over {
    column: String,
    given: Condition,
}

fn one_of(text: Text, values: &[String], read: &Read) -> Condition {
    // lines never have an empty value: it is left out of the record
    let has_empty = !matches!(read, Read::Lines { .. });
    let values: Vec<String> = values.iter().filter(|value| has_empty || !value.is_empty()).cloned().collect();
    if values.is_empty() { Condition::Never } else { Condition::OneOf(text, values) }
}

fn has_value(state: &State, target: &Target) -> Condition {
    let named = state.iter().filter(|(one, _)| one.destination == target.destination && one.name == target.name);
    let conditions = named.map(|(_, held)| match held {
        Held::One(text) => Condition::filled(text.clone()),
        Held::Many(list) if list.is_empty() => Condition::Never,
        Held::Many(List::Items(items)) => Condition::any_of(items.iter().cloned().map(Condition::filled)),
        Held::Many(list) => Condition::Holds(Box::new(list.clone())),
    });
    Condition::any_of(conditions)
}

impl Target {
    /// `profile std:attribute:phone`
    pub(super) fn shown(&self) -> String {
        let destination = match &self.destination {
            Destination::User => "user",
            Destination::Profile => "profile",
            Destination::Tags => "user:tags",
            Destination::Structured(name) => name,
        };
        match &self.qualifier {
            None => format!("{destination} {}", self.name),
            Some(qualifier) => format!("{destination} {} ({qualifier})", self.name),
        }
    }
}
