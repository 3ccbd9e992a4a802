//! The versions of a connector's configuration: listed, looked at, and two of them compared.

use super::connector::find;
use crate::model::configuration::{self, Configuration};
use crate::values::lines;
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/configurations.html")]
struct ConfigurationsPage {
    layout: Layout,
    action: String,
    versions: Vec<VersionLine>,
    shown: Option<Shown>,
}

struct VersionLine {
    version: i32,
    href: String,
    difference: Option<String>,
    when: When,
    by: String,
    is_current: bool,
    is_one: bool,
    is_other: bool,
}

/// A version, or what differs between two.
struct Shown {
    title: String,
    text: String,
}

/// One version to look at, or two to compare.
#[derive(Deserialize)]
pub struct VersionsQuery {
    version: Option<i32>,
    one: Option<i32>,
    other: Option<i32>,
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    query: Query<VersionsQuery>,
) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let connector = find(conn, &name)?;
            let versions = configuration::versions(conn, connector.id)?;
            let action = links::of_connector(&connector.name, "configurations");
            let shown = shown(&versions, &query)?;
            let last = versions.first().map(|one| one.version);
            let (one, other) = (query.one.or_else(|| Some(last? - 1)), query.other.or(last));
            let lines = versions.iter().map(|stored| {
                let number = stored.version.to_string();
                let before = (stored.version - 1).to_string();
                VersionLine {
                    version: stored.version,
                    href: links::with_query(&action, &[("version", &number)]),
                    difference: (stored.version > 1)
                        .then(|| links::with_query(&action, &[("one", &before), ("other", &number)])),
                    when: When::new(stored.created_at, layout.now),
                    by: stored.created_by.clone().unwrap_or_default(),
                    is_current: stored.version == connector.configuration_version,
                    is_one: one == Some(stored.version),
                    is_other: other == Some(stored.version),
                }
            });
            Ok(ConfigurationsPage {
                versions: lines.collect(),
                shown,
                action,
                layout: layout
                    .titled(Section::Connectors, "Configuration")
                    .under(links::CONNECTORS, "Connectors")
                    .under(links::connector(&connector.name), connector.display_name),
            })
        })
        .await
}

fn shown(versions: &[Configuration], query: &VersionsQuery) -> Result<Option<Shown>, WebError> {
    let find = |number: i32| {
        let stored = versions.iter().find(|stored| stored.version == number);
        stored.ok_or_else(|| WebError::missing("version of this configuration", number))
    };
    Ok(match (query.version, query.one, query.other) {
        (Some(number), ..) => Some(Shown { title: format!("Version {number}"), text: find(number)?.document.clone() }),
        (None, Some(one), Some(other)) => Some(Shown {
            title: format!("From version {one} to {other}"),
            text: lines::difference(&find(one)?.document, &find(other)?.document),
        }),
        _ => None,
    })
}
