//! The settings document: jobs, profile fields, the guards that connectors have by default, retention, notifications.

use super::connection::secret;
use super::error::DocumentErrors;
use super::limits;
use super::name::{self, NameOf, Unique};
use super::paths::Folder;
use super::section::{Section, Source, one_of};
use crate::model::guard::{GuardSettings, Thresholds};
use crate::model::job::JobDefinition;
use crate::model::profile_field::{BUILT_IN, EditableBy, ProfileFieldDefinition};
use crate::model::property::ValueType;
use crate::model::run::Mode;
use crate::model::settings::{NotificationDefinition, Occasion, Retention, SettingsDefinition};
use croner::parser::{CronParser, Seconds, Year};
use toml_edit::TableLike;

const MODES: [(&str, Mode); 2] = [("complete", Mode::Complete), ("incremental", Mode::Incremental)];
const EDITABLE_BY: [(&str, EditableBy); 3] =
    [("nobody", EditableBy::Nobody), ("person", EditableBy::Person), ("administrator", EditableBy::Administrator)];
const OCCASIONS: [(&str, Occasion); 3] =
    [("blocked", Occasion::Blocked), ("failed", Occasion::Failed), ("late", Occasion::Late)];
const LONGEST_DAYS: i64 = 36_500;

/// Whether a document is the settings document: a connector's has a name, connections and entity types.
pub(super) fn is_settings(table: &dyn TableLike) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| table.contains_key(key));
    let has_guards_alone = has(&["thresholds", "guards"]) && !has(&["name"]);
    (has(&["job", "profile_field", "retention", "notification"]) || has_guards_alone)
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
        notifications: root
            .sections("notification", "[[notification]]")
            .iter()
            .filter_map(|section| notification(section, folder))
            .collect(),
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
    let types = ValueType::ALL.map(|value_type| (value_type.as_str(), value_type));
    let field = ProfileFieldDefinition {
        name: name::read(section, NameOf::Anything),
        title: section.text("title"),
        value_type: section.word("type", &types),
        required: section.flag("required", false),
        sources: section.texts("sources"),
        editable_by: section.word("editable_by", &EDITABLE_BY).unwrap_or_default(),
    };
    section.close();
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == field.name);
    if let (Some((name, kept)), Some(declared)) = (built_in, field.value_type)
        && *kept != declared
    {
        let kept = kept.as_str();
        section.error_at("type", format!("{name} exists from the start, as {kept}; take type out"));
    }
    if let Some(twice) = (1..field.sources.len()).find(|at| field.sources[..*at].contains(&field.sources[*at])) {
        section.error_at_element(
            "sources",
            twice,
            format!("{:?} stands there twice; take one out", field.sources[twice]),
        );
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
    };
    section.close();
    retention
}

fn notification(section: &Section<'_, '_>, folder: Folder<'_>) -> Option<NotificationDefinition> {
    if !section.has("kind") {
        section.error("[[notification]] needs kind = \"webhook\"");
    }
    section.word("kind", &[("webhook", ())]);
    let url = section.required_text("url");
    if !section.has("secret") {
        section.error("[[notification]] needs secret = { env = \"NAME\" } or { file = \"PATH\" }");
    }
    let secret = secret(section, "secret", folder);
    let on = occasions(section);
    section.close();
    let wrong = match url::Url::parse(&url) {
        Ok(address) => !matches!(address.scheme(), "http" | "https") || address.host().is_none(),
        Err(_) => !url.is_empty(),
    };
    if wrong {
        section.error_at("url", format!("{url:?} is not an address; write one that begins with https://"));
    }
    Some(NotificationDefinition::Webhook { url, secret: secret?, on })
}

fn occasions(section: &Section<'_, '_>) -> Vec<Occasion> {
    let words = section.texts("on");
    if words.is_empty()
        && section.free_item("on").is_none_or(|item| item.as_array().is_some_and(|list| list.is_empty()))
    {
        section.error_at("on", format!("[[notification]] needs on = [\"blocked\", …], of {}", known_occasions()));
    }
    let mut occasions = Vec::new();
    for (position, word) in words.iter().enumerate() {
        match OCCASIONS.iter().find(|(known, _)| known == word) {
            Some((_, occasion)) => occasions.push(*occasion),
            None => section.error_at_element(
                "on",
                position,
                format!("{word:?} is nothing to be told of; write {}", known_occasions()),
            ),
        }
    }
    occasions
}

fn known_occasions() -> String {
    one_of(OCCASIONS.iter().map(|(word, _)| *word))
}
