//! `muster check`: whether each server and file of a connector can be reached and read.

use super::{Context, Exit, Refusal};
use crate::connectors::UploadedFile;
use crate::document;
use crate::model::configuration;
use crate::model::upload::{self, Upload};
use crate::pipeline::export;
use serde_json::json;

/// Which connector.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name.
    connector: String,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let connector = session.connector(&args.connector)?;
    let mut connection = session.connection()?;
    let definition = document::connector(&configuration::current(&mut connection, &connector)?.document)?;
    let received = upload::waiting(&mut connection, connector.id)?;
    drop(connection);
    let at = |upload: Upload| {
        let file = UploadedFile { path: context.config.data_dir.join(&upload.path), name: upload.file_name };
        (upload.source_table, file)
    };
    let files = received.into_iter().map(at).collect();
    let requests = export::requests(&definition, &files).map_err(|error| Refusal::failed(error.to_string()))?;
    let mut exit = Exit::Done;
    for request in &requests {
        let name = &request.definition.name;
        match export::check(&context.config.program, request) {
            Ok(findings) => {
                for finding in findings {
                    let word = if finding.ok { "works" } else { "fails" };
                    context.output.data(
                        &json!({ "connection": name, "subject": finding.subject, "ok": finding.ok,
                                 "message": finding.message }),
                        format_args!("{name}: {} {word}: {}", finding.subject, finding.message),
                    )?;
                    if !finding.ok {
                        exit = Exit::Failed;
                    }
                }
            }
            Err(error) => {
                context.output.data(
                    &json!({ "connection": name, "subject": error.place, "ok": false, "message": error.message }),
                    format_args!("{name}: {} fails: {}", error.place, error.message),
                )?;
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}
