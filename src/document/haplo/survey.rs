//! What all instructions together say about each target, and which columns are read within objects: known before the
//! instructions are followed one by one.

use super::control::{Action, Destination, Instruction, Target};
use std::collections::{BTreeMap, BTreeSet};

/// The filter that makes a reference of a user name.
pub(super) const USER_NAME_TO_REF: &str = "haplo:username-to-ref";

/// About all instructions.
#[derive(Debug, Default)]
pub(super) struct Survey {
    targets: BTreeMap<Target, About>,
    /// Object within the record → columns that are read of it.
    objects: BTreeMap<String, BTreeSet<String>>,
}

/// About one target.
#[derive(Debug, Default)]
pub(super) struct About {
    /// Where it is set first.
    pub(super) path: String,
    /// Whether values are added to it.
    multivalue: bool,
    /// The formats that its dates are written in.
    pub(super) date_formats: BTreeSet<String>,
    /// Its words for true and false.
    pub(super) words: BTreeSet<(Option<String>, Option<String>)>,
    set: usize,
    by_user_name: usize,
}

impl About {
    /// Whether it refers to users by their names, whatever sets it.
    pub(super) fn refers_to_users(&self) -> bool {
        self.set > 0 && self.set == self.by_user_name
    }
}

impl Survey {
    /// Looks at all instructions.
    pub(super) fn of(instructions: &[Instruction]) -> Self {
        let mut survey = Self::default();
        survey.look(instructions, "");
        survey
    }

    fn look(&mut self, instructions: &[Instruction], prefix: &str) {
        for one in instructions {
            if let Some((target, options)) = one.action.sets() {
                let about = self.targets.entry(target.clone()).or_default();
                if about.set == 0 {
                    about.path = one.path.clone();
                }
                about.set += 1;
                about.multivalue |= options.multivalue;
                about.by_user_name += usize::from(options.filters.iter().any(|filter| filter == USER_NAME_TO_REF));
                about.date_formats.extend(options.date_format.clone());
                if options.true_value.is_some() || options.false_value.is_some() {
                    about.words.insert((options.true_value.clone(), options.false_value.clone()));
                }
            }
            match &one.action {
                Action::Field { source, .. } | Action::ForEach { source, .. } => self.reads(prefix, source),
                Action::IfExists { source, .. } | Action::IfValueOneOf { source, .. } => self.reads(prefix, source),
                _ => {}
            }
            match &one.action {
                Action::Within { source, instructions } => self.look(instructions, &format!("{prefix}{source}.")),
                // what is read there stands in an element of a list
                Action::ForEach { instructions, .. } => self.look_at_targets(instructions),
                action => action.nested().for_each(|list| self.look(list, prefix)),
            }
        }
    }

    fn look_at_targets(&mut self, instructions: &[Instruction]) {
        let objects = std::mem::take(&mut self.objects);
        self.look(instructions, "");
        self.objects = objects;
    }

    fn reads(&mut self, prefix: &str, source: &str) {
        let column = format!("{prefix}{source}");
        for (at, _) in prefix.match_indices('.') {
            let object = prefix.get(..at).unwrap_or_default();
            self.objects.entry(object.to_owned()).or_default().insert(column.clone());
        }
    }

    /// What is known about a target.
    pub(super) fn about(&self, target: &Target) -> Option<&About> {
        self.targets.get(target)
    }

    /// The targets with this destination and name, whatever their qualifier.
    pub(super) fn named(&self, target: &Target) -> impl Iterator<Item = &Target> {
        self.targets.keys().filter(|one| one.destination == target.destination && one.name == target.name)
    }

    /// Whether a target has several values.
    pub(super) fn is_multivalued(&self, target: &Target) -> bool {
        match target.destination {
            Destination::User => target.name == "groups",
            Destination::Profile => self.about(target).is_some_and(|about| about.multivalue),
            // a dictionary takes the last one
            Destination::Tags | Destination::Structured(_) => false,
        }
    }

    /// The columns that are read of an object within the record.
    pub(super) fn columns_of(&self, object: &str) -> impl Iterator<Item = &String> {
        self.objects.get(object).into_iter().flatten()
    }
}
