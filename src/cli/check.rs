//! `muster check`: whether each server and file of a connector can be reached and read, or those that people sign in by.

mod sign_in;

use super::{Context, Exit, Refusal};
use crate::connectors::{ConnectionError, Finding, UploadedFile};
use crate::document;
use crate::model::configuration;
use crate::model::upload::{self, Upload};
use crate::pipeline::export;
use serde_json::json;

/// Which connector.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name. Without one: the directory and the OpenID provider that people sign in by.
    connector: Option<String>,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let Some(connector) = &args.connector else { return sign_in::run(context, &session) };
    let connector = session.connector(connector)?;
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
        if !tell(context, name, export::check(&context.config.program, request))? {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// Tells what was found; whether all of it works.
fn tell(context: &Context, name: &str, found: Result<Vec<Finding>, ConnectionError>) -> anyhow::Result<bool> {
    let findings =
        found.unwrap_or_else(|error| vec![Finding { subject: error.place.clone(), ok: false, message: error.message }]);
    for finding in &findings {
        let word = if finding.ok { "works" } else { "fails" };
        context.output.data(
            &json!({ "connection": name, "subject": finding.subject, "ok": finding.ok, "message": finding.message }),
            format_args!("{name}: {} {word}: {}", finding.subject, finding.message),
        )?;
    }
    Ok(findings.iter().all(|finding| finding.ok))
}
