//! A user's profile: every value with where it is from, how the user stands, groups, resources in each connector,
//! history.

mod by_account;
pub(super) mod fields;
mod history;
mod synchronizing;

pub use synchronizing::synchronize;

pub(super) use by_account::{ByAccount, conceal};
pub(super) use fields::connectors;

use super::photo;
use super::resource::{VersionLine, run_href};
use crate::model::merge;
use crate::model::person::{self, Membership, Organization, Person};
use crate::model::profile_field::{self, ProfileField};
use crate::model::resource;
use crate::pipeline::local_groups::rules;
use crate::pipeline::provenance::{Origins, place};
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::moment::{self, Moment};
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, standing, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use fields::FieldLine;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Groups shown.
const GROUPS: usize = 100;
/// Past versions shown.
const VERSIONS: usize = 50;

#[derive(Template)]
#[template(path = "pages/user.html")]
struct UserPage {
    layout: Layout,
    id: i64,
    edit: Option<String>,
    types: BTreeSet<String>,
    rule_failures: Vec<(String, String, String)>,
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
    compare: String,
    is_cut: bool,
    merged: Vec<MergedLine>,
    block: String,
    merge: String,
    received: String,
    synchronize: String,
}

/// A user that turned out to be this one.
struct MergedLine {
    id: i64,
    before: String,
    by: String,
    when: When,
    comment: Option<String>,
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
        .page(visitor, move |conn, mut layout| {
            let moment = layout.look_back(conn)?;
            let at = &moment.at;
            let mut person = find(conn, &moment, &id)?;
            let resources = resource::of_person(conn, at, person.id)?;
            let mut past = person::history(conn, at, person.id, VERSIONS as i64 + 1)?;
            let declared = profile_field::list(conn)?;
            let may_administer = layout.may_administer();
            conceal(&declared, may_administer, [&mut person.fields, &mut person.local]);
            conceal(&declared, may_administer, past.iter_mut().flat_map(|one| [&mut one.fields, &mut one.local]));
            let by_account = ByAccount::load(conn, at, person.id, may_administer, layout.now)?;
            let memberships = person::memberships(conn, at, &[person.id])?;
            let organizations = person::organizations(conn, at, person.id)?;
            let photo = photo::is_shown(conn, &person)?.then(|| moment.keep(links::photo(person.id)));

            let mut origins = Origins::load(conn)?;
            origins.learn_connectors(conn, fields::connectors(&person, &resources, &origins))?;
            let runs = person.field_names().filter_map(|name| person.source(name)).map(|source| source.run);
            origins.learn_runs(conn, runs.chain(resources.iter().map(|one| one.run_id)))?;
            let said = origins.said(conn, &resources)?;
            let rule_failures = match at.is_now() {
                true => rules::failures_of_person(conn, person.id)?,
                false => Vec::new(),
            };
            let name = person.name();
            Ok(UserPage {
                id: person.id,
                initials: standing::initials(&name),
                photo,
                badges: standing::badges_of(&person, moment.or(layout.now)),
                sub: ["title", "department", "mail"]
                    .iter()
                    .filter_map(|name| person.field(name))
                    .map(str::to_owned)
                    .collect(),
                blocks: blocks(&person, &origins, moment.or(layout.now), layout.now),
                fields: fields::lines(&person, &declared, said, &origins, &by_account),
                types: person::profile_types(conn, at, &person, &memberships)?,
                rule_failures: rule_failures
                    .into_iter()
                    .map(|one| (links::group(one.group_id), one.group, one.message))
                    .collect(),
                edit: (may_administer && at.is_now()).then(|| links::of_user(person.id, "edit")),
                ways: ways(organizations, &moment),
                more_groups: memberships
                    .len()
                    .checked_sub(GROUPS)
                    .filter(|more| *more > 0)
                    .map(|more| words::counted(more as u64, "more group", "more groups")),
                groups: memberships.into_iter().take(GROUPS).map(|one| group(one, &moment)).collect(),
                resources: resources.iter().filter_map(|one| resource_line(one, &origins, &moment)).collect(),
                is_cut: past.len() > VERSIONS,
                history: history::lines(&person, &past, &declared, &origins, layout.now),
                compare: links::of_user(person.id, "compare"),
                merged: merge::into(conn, person.id)?.into_iter().map(|one| merged(one, layout.now)).collect(),
                block: links::of_user(person.id, "block"),
                merge: links::of_user(person.id, "merge"),
                received: links::of_user(person.id, "received"),
                synchronize: links::of_user(person.id, "synchronize"),
                layout: layout.titled(Section::Users, name).under(moment.keep(links::USERS), "Users"),
            })
        })
        .await
}

/// All that can change about a user, by what pages call it.
pub(super) fn values(person: &Person, declared: &[ProfileField], origins: &Origins) -> Map<String, Value> {
    history::picture(&person.state, [&person.local, &person.fields], &person.blocks, declared, origins)
}

/// The user of that moment, or what became of it.
pub(super) fn find(conn: &mut PgConnection, moment: &Moment, id: &str) -> Result<Person, WebError> {
    let number = id.parse().map_err(|_| WebError::missing("user", id))?;
    if let Some(person) = person::find(conn, &moment.at, number)? {
        return Ok(person);
    }
    if let Some(into) = merge::became(conn, number)?.filter(|_| moment.at.moment().is_none()) {
        return Err(WebError::Elsewhere {
            message: format!("User {number} turned out to be another one, and was merged."),
            href: links::user(into),
            words: format!("User {into}"),
        });
    }
    let life = person::life(conn, number)?.map(|life| (life.began, life.ended));
    Err(moment.missing("user", id, &links::user(number), life))
}

/// `then`: what is looked at, `now`: what is said from.
fn blocks(person: &Person, origins: &Origins, then: DateTime<Utc>, now: DateTime<Utc>) -> Vec<BlockLine> {
    let blocks = person.blocks().into_iter().map(|block| BlockLine {
        reason: standing::reason(&block, origins),
        since: When::new(block.since, now),
        is_to_come: block.since > then,
        run: block.run.map(|run| (run_href(run), format!("run {run}"))),
    });
    blocks.collect()
}

/// As it was before is how it is seen.
fn merged(one: merge::Merge, now: DateTime<Utc>) -> MergedLine {
    MergedLine {
        id: one.person_id,
        before: moment::address_at(&links::user(one.person_id), moment::just_before(one.merged_at)),
        by: one.merged_by,
        when: When::new(one.merged_at, now),
        comment: one.comment,
    }
}

fn ways(organizations: Vec<Organization>, moment: &Moment) -> Vec<Way> {
    let mut ways: Vec<(i64, Way)> = Vec::new();
    for one in organizations {
        let href = moment.keep(links::resource(&one.connector, &one.entity_type, one.id));
        let step = (href, one.title().to_owned());
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

fn group(one: Membership, moment: &Moment) -> GroupLine {
    GroupLine {
        href: moment.keep(links::group(one.group_id)),
        name: one.name,
        managed_by: one.connector_title,
        via: one.via_id.map(|id| moment.keep(links::group(id))).zip(one.via),
    }
}

fn resource_line(one: &resource::Resource, origins: &Origins, moment: &Moment) -> Option<ResourceLine> {
    let names = origins.entity_type(one.entity_type_id)?;
    Some(ResourceLine {
        href: moment.keep(links::resource(&names.connector, &names.name, one.id)),
        connector: names.connector_title.clone(),
        entity_type: names.title.clone(),
        key: one.key.clone(),
        run: (run_href(one.run_id), format!("run {}", one.run_id)),
        place: place(origins.file(one.entity_type_id, one.run_id), one.line),
    })
}
