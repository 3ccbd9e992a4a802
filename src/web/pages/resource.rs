//! A resource: its properties, what it is linked to, the user it feeds, and its history.

use super::resources::{find, properties};
use crate::model::connector::Connector;
use crate::model::entity_type::EntityType;
use crate::model::key_move::{self, OtherKey};
use crate::model::person;
use crate::model::property::PropertyDefinition;
use crate::model::resource::{self, Neighbour, PastVersion, Resource};
use crate::pipeline::provenance::{Origins, place};
use crate::web::diff::{self, Difference};
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::moment::{self, Moment};
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde_json::Value;

/// Links shown for each association and direction.
const SHOWN: usize = 12;
/// Past versions shown.
const VERSIONS: i64 = 50;

#[derive(Template)]
#[template(path = "pages/resource.html")]
struct ResourcePage {
    layout: Layout,
    key: String,
    properties: Vec<PropertyLine>,
    link_groups: Vec<LinkGroup>,
    person: Option<(String, String)>,
    version: Version,
    history: Vec<VersionLine>,
    compare: String,
    is_cut: bool,
    other_keys: Vec<OtherKeyLine>,
}

/// Another key that the same user had, or has.
struct OtherKeyLine {
    words: &'static str,
    key: String,
    href: String,
    run: (String, String),
}

struct PropertyLine {
    title: String,
    values: Vec<String>,
    is_key: bool,
}

/// What one association leads to, in one direction.
struct LinkGroup {
    title: String,
    outgoing: bool,
    links: Vec<LinkLine>,
    all: Option<String>,
}

/// A resource at the other end of a link.
pub(super) struct LinkLine {
    /// Its page.
    pub href: String,
    /// What to call it.
    pub title: String,
    /// Its entity type and key.
    pub sub: String,
}

struct Version {
    run: String,
    run_href: String,
    place: String,
    since: Option<When>,
}

/// What became different at a moment.
pub(super) struct VersionLine {
    /// When.
    pub when: When,
    /// What happened, in a word.
    pub event: &'static str,
    /// The run that did it.
    pub run: Option<(String, String)>,
    /// What became different.
    pub differences: Vec<Difference>,
    /// When, for the comparison.
    pub moment: String,
    /// How it was before.
    pub before: Option<String>,
    /// How it was then.
    pub after: String,
}

impl VersionLine {
    /// A change at that moment of what stands at the address.
    pub(super) fn changed(address: &str, at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            when: When::new(at, now),
            event: "Changed",
            run: None,
            differences: Vec::new(),
            moment: moment::parameter(at),
            before: Some(moment::address_at(address, moment::just_before(at))),
            after: moment::address_at(address, at),
        }
    }
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    names: Path<(String, String, String)>,
) -> Result<HttpResponse, WebError> {
    let (connector, entity_type, id) = names.into_inner();
    context
        .page(visitor, move |conn, mut layout| {
            let moment = layout.look_back(conn)?;
            let at = &moment.at;
            let (connector, entity_type) = find(conn, &connector, &entity_type)?;
            let stored = stored(conn, &moment, &connector, &entity_type, &id)?;
            let neighbours = resource::neighbours(conn, at, entity_type.id.0, stored.id, SHOWN as i64 + 1)?;
            let past = resource::history(conn, at, entity_type.id.0, stored.id, VERSIONS + 1)?;
            let known = properties(conn, &connector, &entity_type)?;
            let mut origins = Origins::load(conn)?;
            origins.learn_connectors(conn, [connector.id.0])?;
            origins.learn_runs(conn, past.iter().map(|one| one.run_id).chain([stored.run_id]))?;
            let person = match stored.person_id {
                None => None,
                Some(id) => person::find(conn, at, id)?.map(|person| (moment.keep(links::user(id)), person.name())),
            };
            let applied_at = origins.applied_at(stored.run_id);
            let other_keys = key_move::other_keys(conn, entity_type.id.0, &stored.key)?;
            let address = links::resource(&connector.name, &entity_type.name, stored.id);
            Ok(ResourcePage {
                properties: property_lines(&known, &stored.attributes),
                link_groups: link_groups(&address, neighbours, &moment),
                person,
                version: Version {
                    run: format!("Run {}", stored.run_id),
                    run_href: run_href(stored.run_id),
                    place: place(origins.file(entity_type.id.0, stored.run_id), stored.line),
                    since: applied_at.map(|at| When::new(at, layout.now)),
                },
                other_keys: other_keys
                    .into_iter()
                    .map(|other| OtherKeyLine {
                        words: if other.is_before { "Was" } else { "Is now" },
                        href: other_key_href(&connector, &entity_type, &other, &moment),
                        key: other.key,
                        run: (run_href(other.run_id), format!("run {}", other.run_id)),
                    })
                    .collect(),
                is_cut: past.len() > VERSIONS as usize,
                history: versions(&address, &stored, applied_at, &past, layout.now),
                compare: format!("{address}/compare"),
                layout: layout
                    .titled(Section::Resources(entity_type.id.0), stored.title())
                    .under(links::connector(&connector.name), &connector.display_name)
                    .under(
                        moment.keep(links::resources(&connector.name, &entity_type.name)),
                        &entity_type.display_name,
                    ),
                key: stored.key,
            })
        })
        .await
}

/// The page of the record under its other key; of the one before it says when it was there.
fn other_key_href(connector: &Connector, entity_type: &EntityType, other: &OtherKey, moment: &Moment) -> String {
    match other.resource_id {
        Some(id) => moment.keep(links::resource(&connector.name, &entity_type.name, id)),
        None => links::resources(&connector.name, &entity_type.name),
    }
}

/// The resource of that moment, or what became of it.
pub(super) fn stored(
    conn: &mut PgConnection,
    moment: &Moment,
    connector: &Connector,
    entity_type: &EntityType,
    id: &str,
) -> Result<Resource, WebError> {
    let number = id.parse().map_err(|_| WebError::missing(&entity_type.display_name, id))?;
    if let Some(stored) = resource::find(conn, &moment.at, entity_type.id.0, number)? {
        return Ok(stored);
    }
    let life = resource::life(conn, entity_type.id.0, number)?.map(|life| (life.began, life.ended));
    let address = links::resource(&connector.name, &entity_type.name, number);
    Err(moment.missing(&entity_type.display_name, id, &address, life))
}

pub(super) fn run_href(run: i32) -> String {
    links::run(crate::model::run::RunId(run))
}

/// Values in the order of the document; what is stored but no longer declared comes last.
fn property_lines(known: &[PropertyDefinition], attributes: &Value) -> Vec<PropertyLine> {
    let line = |name: &str, title: &str, is_key: bool| PropertyLine {
        title: title.to_owned(),
        values: match attributes.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values.iter().map(diff::text).collect(),
            Some(value) => vec![diff::text(value)],
        },
        is_key,
    };
    let declared = known.iter().map(|one| line(&one.name, one.display_name.as_deref().unwrap_or(&one.name), one.key));
    let stored = attributes.as_object().into_iter().flat_map(|all| all.keys());
    let undeclared = stored.filter(|name| known.iter().all(|one| one.name != **name));
    declared.chain(undeclared.map(|name| line(name, name, false))).collect()
}

fn link_groups(address: &str, neighbours: Vec<Neighbour>, moment: &Moment) -> Vec<LinkGroup> {
    let mut groups: Vec<(String, LinkGroup)> = Vec::new();
    for one in neighbours {
        let group = match groups.last_mut() {
            Some((name, group)) if *name == one.association && group.outgoing == one.outgoing => group,
            _ => {
                let title = one.association_title.clone();
                let group = LinkGroup { title, outgoing: one.outgoing, links: Vec::new(), all: None };
                groups.push((one.association.clone(), group));
                let Some((_, group)) = groups.last_mut() else { continue };
                group
            }
        };
        if group.links.len() == SHOWN {
            group.all = Some(moment.keep(links::of_resource(address, &one.association, one.outgoing)));
        } else {
            group.links.push(link_line(&one, moment));
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

pub(super) fn link_line(neighbour: &Neighbour, moment: &Moment) -> LinkLine {
    let title = neighbour.title();
    LinkLine {
        href: moment.keep(links::resource(&neighbour.connector, &neighbour.entity_type, neighbour.id)),
        title: title.to_owned(),
        sub: match title == neighbour.key {
            true => neighbour.entity_type_title.clone(),
            false => format!("{} · {}", neighbour.entity_type_title, neighbour.key),
        },
    }
}

/// From the newest to the first: each past version beside the one that took its place.
fn versions(
    address: &str,
    current: &Resource,
    applied_at: Option<DateTime<Utc>>,
    past: &[PastVersion],
    now: DateTime<Utc>,
) -> Vec<VersionLine> {
    let shown = &past[..past.len().min(VERSIONS as usize)];
    let mut after = &current.attributes;
    let mut lines = Vec::new();
    for version in shown {
        lines.push(VersionLine {
            run: Some((run_href(version.ended_by_run_id), format!("run {}", version.ended_by_run_id))),
            differences: diff::differences(Some(&version.attributes), Some(after)),
            ..VersionLine::changed(address, version.valid_to, now)
        });
        after = &version.attributes;
    }
    if shown.len() == past.len() {
        let (run, began) = match past.last() {
            Some(first) => (first.run_id, Some(first.valid_from)),
            None => (current.run_id, applied_at),
        };
        if let Some(began) = began {
            let run = Some((run_href(run), format!("run {run}")));
            let added = VersionLine::changed(address, began, now);
            lines.push(VersionLine { event: "Added", run, before: None, ..added });
        }
    }
    lines
}
