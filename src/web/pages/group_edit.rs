//! A local group, edited: name and description, groups within it, members by hand from a pasted list, its end.

use super::decision::sentence;
use crate::model::person;
use crate::model::session::Flash;
use crate::pipeline::local_groups::members::{self, Named, Roll};
use crate::pipeline::local_groups::{self, GroupError, LocalGroup, Within};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;

/// Names of a list that are shown, of each kind.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "pages/group_edit.html")]
struct GroupEditPage {
    layout: Layout,
    group: LocalGroup,
    back: String,
    action: String,
    within: Vec<Within>,
    list: String,
    roll: Option<RollView>,
}

/// What a pasted list comes to.
struct RollView {
    new: Vec<(String, String)>,
    ids: String,
    members: usize,
    unknown: Vec<String>,
    ambiguous: Vec<String>,
    count: usize,
    more: usize,
}

/// Name and description.
#[derive(Deserialize)]
pub struct NameForm {
    name: String,
    #[serde(default)]
    description: String,
}

/// A group to be put in or taken out, by id or by name.
#[derive(Deserialize)]
pub struct NestForm {
    #[serde(default)]
    group: String,
}

/// A pasted list, or the persons it came to.
#[derive(Deserialize)]
pub struct ListForm {
    #[serde(default)]
    list: String,
    #[serde(default)]
    persons: String,
}

/// A member to be taken out.
#[derive(Deserialize)]
pub struct MemberForm {
    person: i64,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let group = find(conn, &id)?;
            page(conn, layout, group, String::new(), None)
        })
        .await
}

/// Makes a local group.
pub async fn create(
    context: Data<WebContext>,
    visitor: Visitor,
    form: Form<NameForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let made = local_groups::create(conn, &form.name, &form.description, &visitor.account().name, Utc::now());
            let (to, flash) = match made {
                Ok(id) => {
                    let words = format!("The group {} has been made. Add members below.", form.name.trim());
                    (links::of_group(id, "edit"), Flash::done(words))
                }
                Err(error) => (links::GROUPS.to_owned(), refused(error)?),
            };
            visitor.lead(conn, &to, flash)
        })
        .await
}

/// Gives it another name or description.
pub async fn save(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<NameForm>,
) -> Result<HttpResponse, WebError> {
    act(context, visitor, id, "edit", move |conn, group, by| {
        local_groups::rename(conn, group, &form.name, &form.description, by, Utc::now())?;
        Ok("The group has been saved.".into())
    })
    .await
}

/// Removes it.
pub async fn delete(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let group = find(conn, &id)?;
            let deleted = local_groups::delete(conn, group.id, &visitor.account().name, Utc::now());
            let (to, flash) = match deleted {
                Ok(()) => (links::GROUPS.to_owned(), Flash::done(format!("The group {} is gone.", group.name))),
                Err(error) => (links::of_group(group.id, "edit"), refused(error)?),
            };
            visitor.lead(conn, &to, flash)
        })
        .await
}

/// Puts a group into it.
pub async fn nest(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<NestForm>,
) -> Result<HttpResponse, WebError> {
    act(context, visitor, id, "edit", move |conn, group, by| {
        let child = named(conn, form.group.trim())?;
        local_groups::nest(conn, group, child.id, by, Utc::now())?;
        Ok(format!("{} is within it.", child.name))
    })
    .await
}

/// Takes a group out of it.
pub async fn take_out(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<NestForm>,
) -> Result<HttpResponse, WebError> {
    act(context, visitor, id, "edit", move |conn, group, by| {
        let child = form.group.parse().map_err(|_| GroupError::Refused("no group was named".into()))?;
        local_groups::take_out(conn, group, child, by, Utc::now())?;
        Ok("The group is no longer within it.".into())
    })
    .await
}

/// Looks a pasted list up, and shows what it comes to.
pub async fn call(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<ListForm>,
) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, mut layout| {
            let group = find(conn, &id)?;
            let roll = match members::call(conn, group.id, &members::names(&form.list)) {
                Ok(roll) => Some(view(roll)),
                Err(error) => {
                    layout.flash.push(refused(error)?);
                    None
                }
            };
            page(conn, layout, group, form.list.clone(), roll)
        })
        .await
}

/// Adds the persons that were shown.
pub async fn add(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<ListForm>,
) -> Result<HttpResponse, WebError> {
    act(context, visitor, id, "", move |conn, group, by| {
        let persons: Vec<i64> = form.persons.split(',').filter_map(|id| id.parse().ok()).collect();
        let added = members::add(conn, group, &persons, by, Utc::now())?;
        Ok(format!("{} added.", words::counted(added as u64, "member", "members")))
    })
    .await
}

/// Takes a member out.
pub async fn remove(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<MemberForm>,
) -> Result<HttpResponse, WebError> {
    act(context, visitor, id, "", move |conn, group, by| {
        let removed = members::remove(conn, group, &[form.person], by, Utc::now())?;
        Ok(if removed > 0 { "The member has been taken out.".into() } else { "That was no member any more.".into() })
    })
    .await
}

/// Does something to a group and leads back to it, or to a part of it.
pub(super) async fn act(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    part: &'static str,
    work: impl FnOnce(&mut PgConnection, i64, &str) -> Result<String, GroupError> + Send + 'static,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let group = find(conn, &id)?;
            let flash = match work(conn, group.id, &visitor.account().name) {
                Ok(words) => Flash::done(words),
                Err(error) => refused(error)?,
            };
            let to = if part.is_empty() { links::group(group.id) } else { links::of_group(group.id, part) };
            visitor.lead(conn, &to, flash)
        })
        .await
}

/// The local group of an address.
pub(super) fn find(conn: &mut PgConnection, id: &str) -> Result<LocalGroup, WebError> {
    let missing = || WebError::missing("local group", id);
    local_groups::find(conn, id.parse().map_err(|_| missing())?)?.ok_or_else(missing)
}

/// Why nothing was done, to be shown.
pub(super) fn refused(error: GroupError) -> Result<Flash, WebError> {
    match error {
        GroupError::Database(error) => Err(error.into()),
        GroupError::Task(error) => Err(WebError::Internal(error.to_string())),
        GroupError::Gone => Err(WebError::NotFound("This group is no longer there.".into())),
        refusal => Ok(Flash::refused(sentence(&refusal))),
    }
}

fn named(conn: &mut PgConnection, name: &str) -> Result<Within, GroupError> {
    let mut found = local_groups::named(conn, name)?;
    match (found.len(), found.pop()) {
        (1, Some(group)) => Ok(group),
        (0, _) => Err(GroupError::Refused(format!("there is no group {name:?}; write its whole name"))),
        (several, _) => Err(GroupError::Refused(format!("{several} groups are called {name:?}; rename one first"))),
    }
}

fn view(roll: Roll) -> RollView {
    let shown = |one: &Named| {
        let name = person::name_of(&one.fields).unwrap_or_else(|| format!("User {}", one.person));
        (links::user(one.person), format!("{name} ({})", one.name))
    };
    let ids: Vec<String> = roll.new.iter().map(|one| one.person.to_string()).collect();
    RollView {
        new: roll.new.iter().take(SHOWN).map(shown).collect(),
        count: ids.len(),
        more: ids.len().saturating_sub(SHOWN),
        ids: ids.join(","),
        members: roll.members.len(),
        unknown: roll.unknown,
        ambiguous: roll.ambiguous,
    }
}

fn page(
    conn: &mut PgConnection,
    layout: Layout,
    group: LocalGroup,
    list: String,
    roll: Option<RollView>,
) -> Result<GroupEditPage, WebError> {
    Ok(GroupEditPage {
        within: local_groups::within(conn, group.id)?,
        back: links::group(group.id),
        action: links::of_group(group.id, "edit"),
        list,
        roll,
        layout: layout
            .titled(Section::Groups, format!("Edit {}", group.name))
            .under(links::GROUPS, "Groups")
            .under(links::group(group.id), group.name.clone()),
        group,
    })
}
