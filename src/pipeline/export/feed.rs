//! The files of a feed that came by upload, held still while the export reads them.

use crate::connectors::UploadedFile;
use crate::model::connection::SourceTable;
use crate::model::run::Run;
use crate::model::upload::{self, Upload};
use crate::pipeline::TaskError;
use diesel::pg::PgConnection;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// What was received for a connector when its export began. A file that is sent meanwhile replaces one on the list, but
/// not the one that is being read.
pub(super) struct Feed {
    /// By table: the file as the export sees it.
    pub(super) files: HashMap<SourceTable, UploadedFile>,
    /// The uploads it consists of, as the list of uploads has them.
    pub(super) paths: Vec<String>,
    data_dir: PathBuf,
    folder: PathBuf,
}

impl Feed {
    pub(super) fn open(
        connection: &mut PgConnection,
        data_dir: &Path,
        run: &Run,
        epoch: i32,
    ) -> Result<Self, TaskError> {
        let reading = data_dir.join("uploads").join(run.connector_id.to_string()).join("reading");
        // Of a connector at most one run is at work: what others hold there is of workers that died.
        let _ = std::fs::remove_dir_all(&reading);
        let folder = reading.join(format!("{}-{epoch}", run.id));
        let mut feed = Self { files: HashMap::new(), paths: Vec::new(), data_dir: data_dir.to_owned(), folder };
        // A file can be replaced between the look at the list and the look at the disk: then look again.
        for attempt in 0.. {
            let uploads = upload::waiting(connection, run.connector_id)?;
            match feed.hold(&uploads) {
                Ok(()) => return Ok(feed),
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < 3 => {}
                Err(error) => {
                    let message = format!(
                        "a received file can't be read: {error}. Uploads lie in the data directory of the server that \
                         received them"
                    );
                    return Err(TaskError::failed("uploads", message));
                }
            }
        }
        Ok(feed)
    }

    /// Links keep what is read until we are done with it, whoever deletes the original.
    fn hold(&mut self, uploads: &[Upload]) -> io::Result<()> {
        self.files.clear();
        self.paths.clear();
        for (number, upload) in uploads.iter().enumerate() {
            std::fs::create_dir_all(&self.folder)?;
            let held = self.folder.join(number.to_string());
            match std::fs::remove_file(&held) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => std::fs::hard_link(self.data_dir.join(&upload.path), &held)?,
            }
            let file = UploadedFile { path: held, name: upload.file_name.clone() };
            self.files.insert(upload.source_table.clone(), file);
            self.paths.push(upload.path.clone());
        }
        Ok(())
    }

    /// Whether the run takes the files off the list: one that only looks leaves them for the one that means it.
    pub(super) fn is_used_up_by(&self, run: &Run) -> bool {
        !self.paths.is_empty() && !run.dry_run && !run.standalone
    }

    /// Removes the received files, which are off the list; the extraction holds what was in them.
    pub(super) fn delete_received(&self) {
        for path in &self.paths {
            let _ = std::fs::remove_file(self.data_dir.join(path));
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
