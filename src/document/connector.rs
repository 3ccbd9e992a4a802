//! A connector's document, whole.

use super::error::DocumentErrors;
use super::name::{self, NameOf};
use super::paths::Folder;
use super::section::{Section, Source};
use super::{association, connection, entity_type, limits};
use crate::connectors;
use crate::model::connector::{ConnectorDefinition, JobUse};
use crate::model::settings::SettingsDefinition;

const JOB_USE: [(&str, JobUse); 2] = [("used", JobUse::Used), ("not_used", JobUse::NotUsed)];

/// Reads and checks a connector's document; the guards that it leaves out are those of `settings`.
pub(super) fn read(
    source: &Source<'_>,
    folder: Folder<'_>,
    settings: &SettingsDefinition,
) -> Result<ConnectorDefinition, DocumentErrors> {
    let root = source.root("a connector's document");
    let mut definition = ConnectorDefinition {
        name: name::read(&root, NameOf::Anything),
        display_name: root.text("display_name"),
        complete_job: root.word("complete_job", &JOB_USE).unwrap_or_default(),
        incremental_job: root.word("incremental_job", &JOB_USE).unwrap_or_default(),
        run_at_start: root.flag("run_at_start", false),
        compare: root.flag("compare", false),
        thresholds: limits::thresholds(&root, &settings.thresholds),
        guards: limits::guards(&root, &settings.guards),
        connections: connection::read_all(&root, folder),
        entity_types: Vec::new(),
        associations: Vec::new(),
        whole_table: None,
    };
    check_starts(&root, &definition);
    entity_type::read_all(&root, &mut definition);
    association::read_all(&root, &mut definition);
    definition.whole_table = connectors::whole_table(&definition);
    root.close();
    source.finish(definition)
}

/// A run takes all connections: one that starts when files lie in a folder would not wait for those that are sent.
fn check_starts(root: &Section<'_, '_>, definition: &ConnectorDefinition) {
    let with = |key: &str| {
        let mut found = definition.connections.iter();
        found.find(|connection| connection.settings.get(key).is_some_and(|value| value == true))
    };
    if let (Some(sent), Some(arriving)) = (with("upload"), with("on_arrival")) {
        root.error_at(
            "connection",
            format!(
                "connection {:?} starts runs when its files arrive (on_arrival), and {:?} waits for files that are sent \
                 (upload): such a run would have to do without them. Make two connectors of them, or leave on_arrival out",
                arriving.name, sent.name
            ),
        );
    }
}
