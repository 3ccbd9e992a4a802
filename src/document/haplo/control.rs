//! What a control file says. Reading it checks all of it: everything that is wrong is told at once, each with its path.
//!
//! A control file has a version (0), a model, the files of a feed by name with the way to read each, and instructions. A
//! feed is a file under each of these names. Every record of every file goes through the instructions in order, and makes
//! one user: they take values of the record (`source`) to names within destinations: the user itself, its profile, its
//! tags, or a structured value that is being put together.

use super::members::{ControlError, Findings, Members};
use super::readers::{File, read_file};
use crate::values::text::closest;
use serde_json::Value;
use std::collections::BTreeMap;

/// A checked control file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Control {
    /// The files of a feed, by name.
    pub(super) files: Vec<File>,
    /// Code that works on records before the instructions do.
    pub(super) record_processor: bool,
    pub(super) instructions: Vec<Instruction>,
    /// Named mappings of values to references.
    pub(super) mappings: BTreeMap<String, Mapping>,
}

/// From values to what they refer to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mapping {
    /// `behaviour` or `title`: how the reference is found there.
    pub(super) using: String,
    /// Value → name of what it refers to.
    pub(super) values: Vec<(String, String)>,
}

/// One step, with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instruction {
    /// `$.instructions[0]`
    pub(super) path: String,
    pub(super) action: Action,
}

/// What an instruction does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Sets a value of the record, if there is one: an empty one changes nothing.
    Field { source: String, target: Target, options: Options },
    /// Sets the structured value that was put together, and begins a new one.
    Structured { structured: String, target: Target, options: Options },
    /// Sets a constant.
    SetValue { value: Option<String>, target: Target, options: Options },
    /// Takes all values of a name away.
    RemoveValues(Target),
    /// Whether the record has a value.
    IfExists { source: String, then: Vec<Instruction>, otherwise: Vec<Instruction> },
    /// Whether the record's value is one of these.
    IfValueOneOf { source: String, values: Vec<String>, then: Vec<Instruction>, otherwise: Vec<Instruction> },
    /// Whether a value was set before.
    IfHasValue { target: Target, then: Vec<Instruction>, otherwise: Vec<Instruction> },
    /// Instructions over an object within the record.
    Within { source: String, instructions: Vec<Instruction> },
    /// Instructions over each element of a list within the record; a plain one wrapped as `value`.
    ForEach { source: String, wrap_values: bool, instructions: Vec<Instruction> },
    /// Whether something is there.
    AssertDestination { exists: bool },
    /// The record is not used.
    AbortRecord { message: String },
    /// A line in the log.
    LogError { message: String },
    /// Attributes in groups.
    SetAttributeGroup,
}

/// Where a value goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) destination: Destination,
    pub(super) name: String,
    /// Tells values of one attribute apart: the phone at work, the one at home.
    pub(super) qualifier: Option<String>,
}

/// The places that values go to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Destination {
    /// `user`
    User,
    /// `profile`: attributes of the person.
    Profile,
    /// `user:tags`: free names.
    Tags,
    /// `value:…`: a value that is put together from several.
    Structured(String),
}

/// How a value is changed on its way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Options {
    /// Is added to what is there, instead of taking its place.
    pub(super) multivalue: bool,
    pub(super) filters: Vec<String>,
    pub(super) map: Vec<(String, String)>,
    /// What becomes of values that the map does not have; otherwise they pass.
    pub(super) map_default: Option<String>,
    /// In the notation of Java's `SimpleDateFormat`.
    pub(super) date_format: Option<String>,
    pub(super) ref_mapping: Option<String>,
    pub(super) country: bool,
    pub(super) true_value: Option<String>,
    pub(super) false_value: Option<String>,
}

/// The names that a user has.
pub(super) const USER_NAMES: [&str; 6] = ["username", "title", "nameFirst", "nameLast", "email", "groups"];

const ACTIONS: [&str; 13] = [
    "field",
    "field-structured",
    "set-attribute-group",
    "set-value",
    "remove-values",
    "if-exists",
    "if-value-one-of",
    "if-has-value",
    "within",
    "for-each",
    "assert-destination",
    "abort-record",
    "log-error",
];

/// The deepest that instructions may stand in each other.
const DEEPEST: usize = 24;

/// Reads a control file.
pub(super) fn read(value: &Value) -> Result<Control, Vec<ControlError>> {
    let findings = Findings::default();
    let root = Members::of(value, "$", &findings);
    if let Some(version) = root.required("dataImportControlFileVersion")
        && version.as_i64() != Some(0)
    {
        root.error_at(
            "dataImportControlFileVersion",
            format!("must be 0, not {version}; other versions are not known"),
        );
    }
    let model = root.required_text("model");
    if !model.is_empty() && model != "haplo:user-sync" {
        root.error_at("model", format!("{model:?} does not describe users; only haplo:user-sync can be imported"));
    }
    root.required("files");
    let files: Vec<File> =
        root.free("files").iter().map(|(name, path, value)| read_file(name, path, value, &findings)).collect();
    if files.is_empty() && root.value("files").is_some_and(Value::is_object) {
        root.error_at("files", "names no file; name at least one, with the way to read it");
    }
    root.required("instructions");
    let control = Control {
        files,
        record_processor: root.text("recordProcessor").is_some(),
        instructions: instructions(&root, "instructions", &findings, 0),
        mappings: root
            .free("mapping")
            .iter()
            .map(|(name, path, value)| mapping(name, path, value, &findings))
            .collect(),
    };
    root.close();
    check_user_name(&control.instructions, 0, &findings);
    let errors = findings.into_errors();
    if errors.is_empty() { Ok(control) } else { Err(errors) }
}

fn mapping(name: &str, path: &str, value: &Value, findings: &Findings) -> (String, Mapping) {
    let members = Members::of(value, path, findings);
    let mapping = Mapping { using: members.required_text("using"), values: members.scalars_by_name("values") };
    members.value("types");
    members.close();
    (name.to_owned(), mapping)
}

fn instructions(of: &Members<'_>, key: &'static str, findings: &Findings, depth: usize) -> Vec<Instruction> {
    let list = of.list(key);
    if depth > DEEPEST {
        of.error_at(key, format!("instructions stand more than {DEEPEST} deep in each other"));
        return Vec::new();
    }
    list.into_iter().filter_map(|(path, value)| instruction(path, value, findings, depth)).collect()
}

fn instruction(path: String, value: &Value, findings: &Findings, depth: usize) -> Option<Instruction> {
    let it = Members::of(value, &path, findings);
    let action = it.text("action").unwrap_or_else(|| "field".to_owned());
    let nested = |key: &'static str| instructions(&it, key, findings, depth + 1);
    let source = || it.required_text("source");
    let action = match action.as_str() {
        "field" => Action::Field { source: source(), target: target(&it)?, options: options(&it) },
        "field-structured" => {
            let structured = it.required_text("structured");
            Action::Structured { structured, target: target(&it)?, options: options(&it) }
        }
        "set-value" => {
            let value = it.required("value")?;
            let is_plain = !value.is_object() && !value.is_array();
            let value = if is_plain { it.scalar("value") } else { None };
            Action::SetValue { value, target: target(&it)?, options: options(&it) }
        }
        "remove-values" => Action::RemoveValues(target(&it)?),
        "if-exists" => Action::IfExists { source: source(), then: nested("then"), otherwise: nested("else") },
        "if-value-one-of" => Action::IfValueOneOf {
            source: source(),
            values: it.scalars("values"),
            then: nested("then"),
            otherwise: nested("else"),
        },
        "if-has-value" => {
            let target = target(&it)?;
            options(&it);
            Action::IfHasValue { target, then: nested("then"), otherwise: nested("else") }
        }
        "within" => Action::Within { source: source(), instructions: nested("instructions") },
        "for-each" => Action::ForEach {
            source: source(),
            wrap_values: it.flag("wrapValues"),
            instructions: nested("instructions"),
        },
        "assert-destination" => {
            destination(&it)?;
            it.required("exists");
            Action::AssertDestination { exists: it.flag("exists") }
        }
        "abort-record" => Action::AbortRecord { message: it.required_text("message") },
        "log-error" => Action::LogError { message: it.required_text("message") },
        "set-attribute-group" => {
            it.required("source");
            it.required("destination");
            it.required("name");
            it.allow_others();
            Action::SetAttributeGroup
        }
        "new" | "load" => {
            it.error_at("action", format!("{action} is not allowed for haplo:user-sync: users are there; take it out"));
            return None;
        }
        other => {
            let hint = match closest(other, ACTIONS).first() {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", ACTIONS.join(", ")),
            };
            it.error_at("action", format!("there is no action {other:?}; {hint}"));
            return None;
        }
    };
    it.close();
    Some(Instruction { path, action })
}

fn destination(it: &Members<'_>) -> Option<Destination> {
    let name = it.required_text("destination");
    Some(match name.as_str() {
        "" => return None,
        "user" => Destination::User,
        "profile" => Destination::Profile,
        "user:tags" => Destination::Tags,
        name if name.starts_with("value:") => Destination::Structured(name.to_owned()),
        other => {
            it.error_at(
                "destination",
                format!("there is no destination {other:?} for users; there are user, profile, user:tags and value:…"),
            );
            return None;
        }
    })
}

fn target(it: &Members<'_>) -> Option<Target> {
    let destination = destination(it);
    let name = it.required_text("name");
    let qualifier = it.text("qualifier");
    let destination = destination?;
    if destination == Destination::User && !name.is_empty() && !USER_NAMES.contains(&name.as_str()) {
        it.error_at("name", format!("a user has no {name:?}; it has {}", USER_NAMES.join(", ")));
        return None;
    }
    // Only attributes of an object are told apart by qualifiers.
    let qualifier = qualifier.filter(|_| destination == Destination::Profile);
    (!name.is_empty()).then_some(Target { destination, name, qualifier })
}

fn options(it: &Members<'_>) -> Options {
    Options {
        multivalue: it.flag("multivalue"),
        filters: it.scalars("filters"),
        map: it.scalars_by_name("mapInputValue"),
        map_default: it.scalar("mapInputValueDefault"),
        date_format: it.text("dateFormat"),
        ref_mapping: it.text("refMapping"),
        country: it.value("country").is_some(),
        true_value: it.scalar("trueValue"),
        false_value: it.scalar("falseValue"),
    }
}

/// The user name tells users apart, so it must be in every record, whatever else the record says.
fn check_user_name(list: &[Instruction], depth: usize, findings: &Findings) {
    let is_user_name = |target: &Target| target.destination == Destination::User && target.name == "username";
    let is_set = |one: &Instruction| matches!(&one.action, Action::Field { target, .. } if is_user_name(target));
    if depth == 0 && !list.iter().any(is_set) {
        findings.add("$.instructions", "no field at the top sets username of user, which tells users apart; add one");
    }
    for one in list {
        match &one.action {
            Action::Field { target, .. } if depth == 0 || !is_user_name(target) => {}
            Action::Field { target, .. }
            | Action::Structured { target, .. }
            | Action::SetValue { target, .. }
            | Action::RemoveValues(target)
                if is_user_name(target) =>
            {
                findings.add(&one.path, "username must come from a field at the top; move it there");
            }
            _ => {}
        }
        one.action.nested().for_each(|list| check_user_name(list, depth + 1, findings));
    }
}

impl Action {
    /// The lists of instructions that stand in it.
    pub(super) fn nested(&self) -> impl Iterator<Item = &[Instruction]> {
        let (first, second): (&[Instruction], &[Instruction]) = match self {
            Self::IfExists { then, otherwise, .. }
            | Self::IfValueOneOf { then, otherwise, .. }
            | Self::IfHasValue { then, otherwise, .. } => (then, otherwise),
            Self::Within { instructions, .. } | Self::ForEach { instructions, .. } => (instructions, &[]),
            _ => (&[], &[]),
        };
        [first, second].into_iter()
    }

    /// What it sets, and how, if it sets anything.
    pub(super) fn sets(&self) -> Option<(&Target, &Options)> {
        match self {
            Self::Field { target, options, .. }
            | Self::Structured { target, options, .. }
            | Self::SetValue { target, options, .. } => Some((target, options)),
            _ => None,
        }
    }
}
