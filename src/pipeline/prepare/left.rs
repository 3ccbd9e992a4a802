//! What a preparation leaves for the next: a snapshot of the state as it will be.

use super::plan::Plan;
use crate::model::connector::ConnectorId;
use crate::model::counters::Counters;
use crate::model::snapshot::{self, Snapshot};
use crate::pipeline::difference::snapshot::{Kept, save};
use crate::store::Store;
use diesel::pg::PgConnection;

/// What it is made from.
pub(super) struct Left<'a> {
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    /// Belongs to this claim alone.
    pub(super) folder: &'a str,
    /// The snapshot that this preparation began with.
    pub(super) known: Option<&'a Snapshot>,
}

impl Left<'_> {
    /// `digest`: the change set's; `marked`: digests are to be written on records whose values stay.
    ///
    /// Saves the state, or hands on the snapshot that already tells it. `None`: there is none, because it could not be
    /// written, because not all that is stored is known, or because something is withheld, so that not all that was found
    /// will be.
    pub(super) fn save(
        &self,
        scopes: &[Kept<'_>],
        counters: &Counters,
        digest: String,
        marked: bool,
    ) -> Option<Snapshot> {
        let changes = counters
            .entity_types
            .iter()
            .map(|counts| counts.inserted + counts.updated + counts.deleted + counts.deleted_by_command)
            .chain(counters.associations.iter().map(|counts| counts.inserted + counts.updated + counts.deleted));
        if counters.withheld() > 0 {
            return None;
        }
        let run = &self.plan.run;
        let is_unchanged = changes.sum::<u64>() == 0 && !marked;
        if let Some(known) = self.known.filter(|_| is_unchanged) {
            return Some(Snapshot { run_id: run.id, change_set_digest: digest, ..known.clone() });
        }
        if scopes.iter().any(|scope| scope.in_part) {
            return None;
        }
        let path = format!("{}/{}/state", snapshot::folder(run.connector_id), self.folder);
        let links = |name: &String| self.plan.associations.get(name).copied();
        let links: Vec<(i32, u64)> =
            counters.associations.iter().filter_map(|counts| Some((links(&counts.name)?, counts.left()))).collect();
        match save(self.store, &path, scopes, &links) {
            Ok(sealed) => Some(Snapshot {
                run_id: run.id,
                connector_id: run.connector_id,
                touched: self.plan.connector.touched,
                change_set_digest: digest,
                path,
                sha256: sealed.sha256,
                bytes: sealed.bytes,
            }),
            Err(error) => {
                tracing::warn!(object = path, %error, "a snapshot could not be written; the next run does without");
                None
            }
        }
    }
}

/// Removes the snapshots of a connector that nobody will ask for.
pub(super) fn sweep(connection: &mut PgConnection, store: &Store, connector: ConnectorId) {
    let found = store.folders(&snapshot::folder(connector)).unwrap_or_default();
    let Ok(recorded) = snapshot::paths(connection, connector) else { return };
    let is_recorded = |folder: &String| recorded.iter().any(|path| path.starts_with(&format!("{folder}/")));
    for left in found.iter().filter(|folder| !is_recorded(folder)) {
        if let Err(error) = store.delete_prefix(left) {
            tracing::warn!(object = left, %error, "a snapshot that is over could not be removed");
        }
    }
}
