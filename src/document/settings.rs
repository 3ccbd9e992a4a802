//! The settings document: jobs, profile fields, the guards that connectors have by default, retention, notifications.

use super::error::DocumentErrors;
use super::limits;
use super::name::{self, NameOf, Unique};
use super::notification;
use super::paths::Folder;
use super::section::{Section, Source};
use super::sign_in;
use crate::model::guard::{GuardSettings, Thresholds};
use crate::model::job::JobDefinition;
use crate::model::profile_field::{BUILT_IN, EditableBy, FieldType, ProfileFieldDefinition};
use crate::model::run::Mode;
use crate::model::settings::{Retention, SettingsDefinition};
use croner::parser::{CronParser, Seconds, Year};
use toml_edit::TableLike;

const MODES: [(&str, Mode); 2] = [("complete", Mode::Complete), ("incremental", Mode::Incremental)];
const EDITABLE_BY: [(&str, EditableBy); 3] =
    [("nobody", EditableBy::Nobody), ("person", EditableBy::Person), ("administrator", EditableBy::Administrator)];
const LONGEST_DAYS: i64 = 36_500;

/// Whether a document is the settings document: a connector's has a name, connections and entity types.
pub(super) fn is_settings(table: &dyn TableLike) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| table.contains_key(key));
    let has_guards_alone = has(&["thresholds", "guards"]) && !has(&["name"]);
    (has(&["job", "profile_field", "retention", "notification", "sign_in"]) || has_guards_alone)
        && !has(&["connection", "entity_type", "association"])
}

/// Reads and checks the settings document.
pub(super) fn read(source: &Source<'_>, folder: Folder<'_>) -> Result<SettingsDefinition, DocumentErrors> {
    let root = source.root("the settings document");
    let definition = SettingsDefinition {
        jobs: named(root.sections("job", "[[job]]"), job, |job| &job.name),
        profile_fields: named(root.sections("profile_field", "[[profile_field]]"), profile_field, |field| &field.name),
        thresholds: limits::thresholds(&root, &Thresholds::default()),
        guards: limits::guards(&root, &GuardSettings::default()),
        retention: retention(&root),
        notifications: notification::read_all(&root, folder),
        sign_in: Box::new(sign_in::read(&root, folder)),
    };
    root.close();
    source.finish(definition)
}

fn named<T>(sections: Vec<Section<'_, '_>>, read: fn(&Section<'_, '_>) -> T, name: fn(&T) -> &String) -> Vec<T> {
    let mut unique = Unique::default();
    let mut all = Vec::new();
    for section in sections {
        let one = read(&section);
        unique.check(&section, name(&one));
        all.push(one);
    }
    all
}

fn job(section: &Section<'_, '_>) -> JobDefinition {
    let job = JobDefinition {
        name: name::read(section, NameOf::Anything),
        cron: section.required_text("cron"),
        time_zone: section.text("time_zone").unwrap_or_else(|| "UTC".to_owned()),
        mode: section.word("mode", &MODES).unwrap_or(Mode::Complete),
        enabled: section.flag("enabled", true),
    };
    section.close();
    if !section.has("mode") {
        section.error("[[job]] needs mode = \"complete\" or \"incremental\"");
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    if let (Err(error), false) = (parser.parse(&job.cron), job.cron.is_empty()) {
        section.error_at(
            "cron",
            format!("{:?} is not a schedule: {error}; write minute, hour, day, month and weekday: 0 4 * * *", job.cron),
        );
    }
    if job.time_zone.parse::<chrono_tz::Tz>().is_err() {
        section.error_at(
            "time_zone",
            format!("{:?} is not a time zone; write one such as Europe/Zurich or UTC", job.time_zone),
        );
    }
    job
}

fn profile_field(section: &Section<'_, '_>) -> ProfileFieldDefinition {
    let types = FieldType::ALL.map(|field_type| (field_type.as_str(), field_type));
    let field = ProfileFieldDefinition {
        name: name::read(section, NameOf::Anything),
        title: section.text("title"),
        value_type: section.word("type", &types),
        required: section.flag("required", false),
        sources: section.texts("sources"),
        editable_by: section.word("editable_by", &EDITABLE_BY).unwrap_or_default(),
        choices: section.texts("choices"),
        multivalued: section.flag("multivalued", false),
        hidden: section.flag("hidden", false),
    };
    section.close();
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == field.name);
    if let (Some((name, kept)), Some(declared)) = (built_in, field.value_type)
        && *kept != declared
    {
        let kept = kept.as_str();
        section.error_at("type", format!("{name} exists from the start, as {kept}; take type out"));
    }
    if let (Some((name, _)), true) = (built_in, field.hidden) {
        section.error_at("hidden", format!("{name} exists from the start, and lists show it; take hidden out"));
    }
    if let Some(twice) = (1..field.sources.len()).find(|at| field.sources[..*at].contains(&field.sources[*at])) {
        section.error_at_element(
            "sources",
            twice,
            format!("{:?} stands there twice; take one out", field.sources[twice]),
        );
    }
    let is_choice = field.value_type == Some(FieldType::Choice);
    if is_choice && field.choices.is_empty() {
        section.error("a choice needs choices = [\"…\", \"…\"]");
    }
    if !is_choice && !field.choices.is_empty() {
        section.error_at("choices", "only a field of type = \"choice\" has choices; take them out or change the type");
    }
    if let Some(at) = field.choices.iter().position(|choice| choice.trim().is_empty() || choice.contains('\n')) {
        section.error_at_element("choices", at, "a choice is one line, and not empty".to_owned());
    }
    if let (Some(several), true) = (field.value_type.filter(|one| !one.may_be_several()), field.multivalued) {
        section.error_at("multivalued", format!("a {several} has one value; take multivalued out"));
    }
    if !field.sources.is_empty() && field.editable_by != EditableBy::Nobody {
        section.error_at(
            "editable_by",
            "a field with sources can't be edited, the next run would undo it; take out sources or editable_by",
        );
    }
    field
}

fn retention(root: &Section<'_, '_>) -> Retention {
    let default = Retention::default();
    let Some(section) = root.section("retention", "[retention]") else { return default };
    let days = |key, default| section.integer(key, 0..=LONGEST_DAYS).map_or(default, |days| days as u32);
    let retention = Retention {
        extractions_days: days("extractions_days", default.extractions_days),
        history_days: days("history_days", default.history_days),
        audit_days: days("audit_days", default.audit_days),
        leavers_days: days("leavers_days", default.leavers_days),
    };
    section.close();
    retention
}
