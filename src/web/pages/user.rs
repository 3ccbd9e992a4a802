//! A user's profile: every value with where it is from, how the user stands, groups, resources in each connector,
//! history.

mod fields;
mod history;

use super::photo;
use super::resource::{VersionLine, run_href};
use crate::model::person::{self, Membership, Organization, Person};
use crate::model::{profile_field, resource};
use crate::pipeline::provenance::{Origins, place};
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, standing, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::{DateTime, Utc};
use fields::FieldLine;

/// Groups shown.
const GROUPS: usize = 100;
/// Past versions shown.
const VERSIONS: usize = 50;

#[derive(Template)]
#[template(path = "pages/user.html")]
struct UserPage {
    layout: Layout,
    initials: String,
    photo: Option<String>,
    badges: Vec<Badge>,
    sub: Vec<String>,
    blocks: Vec<BlockLine>,
    fields: Vec<FieldLine>,
    ways: Vec<Way>,
    groups: Vec<GroupLine>,
    more_groups: Option<String>,
    resources: Vec<ResourceLine>,
    history: Vec<VersionLine>,
    is_cut: bool,
}

/// One reason why the user can't sign in.
struct BlockLine {
    reason: String,
    since: When,
    is_to_come: bool,
    run: Option<(String, String)>,
}

/// An organization with those around it, from the outermost in.
struct Way {
    title: String,
    steps: Vec<(String, String)>,
}

struct GroupLine {
    href: String,
    name: String,
    managed_by: Option<String>,
    via: Option<(String, String)>,
}

struct ResourceLine {
    href: String,
    connector: String,
    entity_type: String,
    key: String,
    run: (String, String),
    place: String,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let missing = || WebError::missing("user", &id);
            let person = person::find(conn, id.parse().map_err(|_| missing())?)?.ok_or_else(missing)?;
            let resources = resource::of_person(conn, person.id)?;
            let past = person::history(conn, person.id, VERSIONS as i64 + 1)?;
            let declared = profile_field::list(conn)?;
            let memberships = person::memberships(conn, &[person.id])?;
            let organizations = person::organizations(conn, person.id)?;
            let photo = photo::is_shown(conn, &person)?.then(|| links::photo(person.id));

            let mut origins = Origins::load(conn)?;
            origins.learn_connectors(conn, fields::connectors(&person, &resources, &origins))?;
            let runs = person.field_names().filter_map(|name| person.source(name)).map(|source| source.run);
            origins.learn_runs(conn, runs.chain(resources.iter().map(|one| one.run_id)))?;
            let said = origins.said(conn, &resources)?;
            let name = person.name();
            Ok(UserPage {
                initials: standing::initials(&name),
                photo,
                badges: standing::badges_of(&person, layout.now),
                sub: ["title", "department", "mail"]
                    .iter()
                    .filter_map(|name| person.field(name))
                    .map(str::to_owned)
                    .collect(),
                blocks: blocks(&person, &origins, layout.now),
                fields: fields::lines(&person, &declared, said, &origins),
                ways: ways(organizations),
                more_groups: memberships
                    .len()
                    .checked_sub(GROUPS)
                    .filter(|more| *more > 0)
                    .map(|more| words::counted(more as u64, "more group", "more groups")),
                groups: memberships.into_iter().take(GROUPS).map(group).collect(),
                resources: resources.iter().filter_map(|one| resource_line(one, &origins)).collect(),
                is_cut: past.len() > VERSIONS,
                history: history::lines(&person, &past, &declared, &origins, layout.now),
                layout: layout.titled(Section::Users, name).under(links::USERS, "Users"),
            })
        })
        .await
}

fn blocks(person: &Person, origins: &Origins, now: DateTime<Utc>) -> Vec<BlockLine> {
    let blocks = person.blocks().into_iter().map(|block| BlockLine {
        reason: standing::reason(&block, origins),
        since: When::new(block.since, now),
        is_to_come: block.since > now,
        run: block.run.map(|run| (run_href(run), format!("run {run}"))),
    });
    blocks.collect()
}

fn ways(organizations: Vec<Organization>) -> Vec<Way> {
    let mut ways: Vec<(i64, Way)> = Vec::new();
    for one in organizations {
        let step = (links::resource(&one.connector, &one.entity_type, one.id), one.title().to_owned());
        match ways.last_mut() {
            Some((way, known)) if *way == one.way => {
                known.steps.push(step);
                known.title = one.association_title;
            }
            _ => ways.push((one.way, Way { title: one.association_title, steps: vec![step] })),
        }
    }
    ways.into_iter().map(|(_, way)| way).collect()
}

fn group(one: Membership) -> GroupLine {
    GroupLine {
        href: links::group(one.group_id),
        name: one.name,
        managed_by: one.connector_title,
        via: one.via_id.map(links::group).zip(one.via),
    }
}

fn resource_line(one: &resource::Resource, origins: &Origins) -> Option<ResourceLine> {
    let names = origins.entity_type(one.entity_type_id)?;
    Some(ResourceLine {
        href: links::resource(&names.connector, &names.name, one.id),
        connector: names.connector_title.clone(),
        entity_type: names.title.clone(),
        key: one.key.clone(),
        run: (run_href(one.run_id), format!("run {}", one.run_id)),
        place: place(origins.file(one.entity_type_id, one.run_id), one.line),
    })
}
