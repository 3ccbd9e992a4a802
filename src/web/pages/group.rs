//! A group: who is in it directly, who through groups within it, and the groups around it.

use crate::model::group::{self, Group, Member, Place, Related};
use crate::model::person;
use crate::pipeline::local_groups::{self, rules};
use crate::web::elements::Badge;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE, Page};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, standing, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde::Deserialize;

/// Groups within and around that are shown, each.
const RELATED: usize = 100;

#[derive(Template)]
#[template(path = "pages/group.html")]
struct GroupPage {
    layout: Layout,
    group: Group,
    resource: Option<String>,
    amount: String,
    tabs: [(String, &'static str, bool); 2],
    is_via: bool,
    members: Vec<MemberLine>,
    is_first: bool,
    first: String,
    next: Option<String>,
    within: Vec<RelatedLine>,
    around: Vec<RelatedLine>,
    is_cut: bool,
    edit: Option<String>,
    remove: Option<String>,
    is_being_worked_out: bool,
    failures: usize,
}

struct MemberLine {
    person: i64,
    href: String,
    name: String,
    user_name: String,
    mail: String,
    badges: Vec<Badge>,
    via: Option<(String, String)>,
}

struct RelatedLine {
    href: String,
    name: String,
    depth: i32,
}

/// Which members.
#[derive(Deserialize)]
pub struct MembersQuery {
    #[serde(default)]
    members: String,
    #[serde(default)]
    after: String,
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    query: Query<MembersQuery>,
) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, mut layout| {
            let moment = layout.look_back(conn)?;
            let at = &moment.at;
            let group = find(conn, &moment, &id)?;
            let is_via = query.members == "via";
            let after = decode(&query.after);
            let found = group::members(conn, at, group.id, !is_via, after, PAGE as i64 + 1)?;
            let page = Page::new(found, |member: &Member| encode(member.place()));
            let related = group::related(conn, at, group.id, RELATED as i64 + 1)?;
            let (within, around): (Vec<Related>, Vec<Related>) = related.into_iter().partition(|one| one.within);
            let path = links::group(group.id);
            let (direct, via) = (moment.keep(&path), moment.keep(links::with_query(&path, &[("members", "via")])));
            let first = if is_via { via.clone() } else { direct.clone() };
            let at = |after: &str| {
                moment.keep(links::with_query(&path, &[("members", if is_via { "via" } else { "" }), ("after", after)]))
            };
            let resource = match (&group.connector, &group.entity_type, group.resource_id) {
                (Some(connector), Some(entity_type), Some(id)) => {
                    Some(moment.keep(links::resource(connector, entity_type, id)))
                }
                _ => None,
            };
            let is_ours = group.resource_id.is_none() && moment.at.is_now() && layout.may_administer();
            let local = local_groups::find(conn, group.id)?.filter(|_| moment.at.is_now());
            Ok(GroupPage {
                edit: is_ours.then(|| links::of_group(group.id, "edit")),
                remove: (is_ours && group.rule.is_none() && !is_via)
                    .then(|| links::of_group(group.id, "members/remove")),
                is_being_worked_out: local.is_some_and(|local| local.rule_after.is_some()),
                failures: match &group.rule {
                    Some(_) => rules::failures_of_group(conn, group.id, 100)?.len(),
                    None => 0,
                },
                resource,
                amount: words::amount(group.members(), "direct member", "direct members"),
                tabs: [(direct, "Direct members", !is_via), (via, "Through groups within", is_via)],
                is_via,
                next: page.next.as_ref().map(|cursor| at(&cursor.encode())),
                members: page.rows.into_iter().map(|member| line(member, is_via, &moment, layout.now)).collect(),
                is_first: after.is_none(),
                first,
                is_cut: within.len() > RELATED || around.len() > RELATED,
                within: lines(within, &moment),
                around: lines(around, &moment),
                layout: layout.titled(Section::Groups, &group.name).under(moment.keep(links::GROUPS), "Groups"),
                group,
            })
        })
        .await
}

/// The group of that moment, or what became of it.
fn find(conn: &mut PgConnection, moment: &Moment, id: &str) -> Result<Group, WebError> {
    let number = id.parse().map_err(|_| WebError::missing("group", id))?;
    if let Some(group) = group::find(conn, &moment.at, number)? {
        return Ok(group);
    }
    let life = group::life(conn, number)?.map(|life| (life.began, life.ended));
    Err(moment.missing("group", id, &links::group(number), life))
}

fn line(member: Member, is_via: bool, moment: &Moment, now: DateTime<Utc>) -> MemberLine {
    let field = |name: &str| member.fields.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    MemberLine {
        person: member.person_id,
        href: moment.keep(links::user(member.person_id)),
        name: person::name_of(&member.fields).unwrap_or_else(|| format!("User {}", member.person_id)),
        user_name: field("user_name"),
        mail: field("mail"),
        badges: standing::badges(&member.state, &member.blocks, moment.or(now)),
        via: is_via.then(|| (moment.keep(links::group(member.via_id)), member.via.clone())),
    }
}

fn lines(related: Vec<Related>, moment: &Moment) -> Vec<RelatedLine> {
    let lines = related.into_iter().take(RELATED);
    lines.map(|one| RelatedLine { href: moment.keep(links::group(one.id)), name: one.name, depth: one.depth }).collect()
}

fn encode(place: Place) -> Cursor {
    Cursor { key: format!("{}.{}.{}", place.depth, place.via, place.by), id: place.other }
}

/// The place that [`encode`] wrote; nonsense begins at the first page.
fn decode(text: &str) -> Option<Place> {
    let Cursor { key, id } = Cursor::decode(text)?;
    let mut parts = key.split('.');
    let (depth, via, by) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Place { depth: depth.parse().ok()?, via: via.parse().ok()?, by: by.parse().ok()?, other: id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_address() {
        let place = Place { depth: 2, via: -7, by: 1, other: 99 };
        assert_eq!(decode(&encode(place).encode()), Some(place));
        assert_eq!(decode("nonsense"), None);
        assert_eq!(decode(&Cursor { key: "1.2".into(), id: 3 }.encode()), None);
    }
}
