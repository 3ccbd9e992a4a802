//! Groups, managed and local, and who is in them.

use super::gate::Client;
use super::problem::Problem;
use super::{Listed, Paging};
use crate::model::as_of::AsOf;
use crate::model::group::{self, Group, Kind, Member, Place};
use crate::model::person::name_of;
use crate::web::WebContext;
use crate::web::paging::Cursor;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use diesel::pg::PgConnection;
use serde::{Deserialize, Serialize};

/// Groups around and within a group that are named.
const RELATED: i64 = 1000;

/// Which groups.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct GroupsQuery {
    search: String,
    kind: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Which members.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MembersQuery {
    kind: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct GroupRecord {
    id: i64,
    name: String,
    managed: bool,
    connector: Option<String>,
    entity_type: Option<String>,
    profile_type: Option<String>,
}

#[derive(Debug, Serialize)]
struct Whole {
    #[serde(flatten)]
    group: GroupRecord,
    /// Groups within it.
    within: Vec<Related>,
    /// Groups that it is in.
    around: Vec<Related>,
}

#[derive(Debug, Serialize)]
struct Related {
    id: i64,
    name: String,
    /// How many steps away.
    depth: i32,
}

#[derive(Debug, Serialize)]
struct MemberRecord {
    user: i64,
    name: Option<String>,
    user_name: Option<String>,
    state: String,
    /// The group within this one that holds the user; none: this one itself.
    via: Option<Related>,
}

impl From<Group> for GroupRecord {
    fn from(group: Group) -> Self {
        Self {
            id: group.id,
            managed: group.resource_id.is_some(),
            name: group.name,
            connector: group.connector,
            entity_type: group.entity_type,
            profile_type: group.profile_type,
        }
    }
}

impl From<Member> for MemberRecord {
    fn from(member: Member) -> Self {
        let via = (member.depth > 0).then_some(Related { id: member.via_id, name: member.via, depth: member.depth });
        Self {
            user: member.person_id,
            name: name_of(&member.fields),
            user_name: member.fields.get("user_name").and_then(|name| name.as_str()).map(str::to_owned),
            state: member.state,
            via,
        }
    }
}

/// By name, page by page.
pub async fn list(
    context: Data<WebContext>,
    client: Client,
    query: Query<GroupsQuery>,
) -> Result<HttpResponse, Problem> {
    client.sees_users()?;
    let GroupsQuery { search, kind, after, limit } = query.into_inner();
    let kind = match kind.as_deref() {
        None | Some("all") => Kind::All,
        Some("managed") => Kind::Managed,
        Some("local") => Kind::Local,
        Some(_) => return Err(Problem::request("kind is all, managed or local")),
    };
    let paging = Paging { after, limit };
    let after = match paging.after.as_deref().map(Cursor::decode) {
        Some(None) => return Err(Problem::request("after is not a cursor of this list")),
        other => other.flatten(),
    };
    let listed = context
        .ask(move |conn| {
            let after = after.as_ref().map(|cursor| (cursor.key.as_str(), cursor.id));
            let groups = group::page(conn, &AsOf::Now, &search, kind, after, paging.rows())?;
            let cursor = |one: &Group| Cursor { key: one.name.clone(), id: one.id }.encode();
            Ok(Listed::new(groups, &paging, cursor, GroupRecord::from))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// One group, with those within and around it.
pub async fn show(context: Data<WebContext>, client: Client, id: Path<String>) -> Result<HttpResponse, Problem> {
    client.sees_users()?;
    let whole = context
        .ask(move |conn| {
            let group = find(conn, &id)?;
            let related = group::related(conn, &AsOf::Now, group.id, RELATED)?;
            let (within, around): (Vec<_>, Vec<_>) = related.into_iter().partition(|one| one.within);
            let named = |related: Vec<group::Related>| {
                related.into_iter().map(|one| Related { id: one.id, name: one.name, depth: one.depth }).collect()
            };
            Ok(Whole { group: group.into(), within: named(within), around: named(around) })
        })
        .await?;
    Ok(HttpResponse::Ok().json(whole))
}

/// Who is in it directly, or (`kind=via`) in a group within it.
pub async fn members(
    context: Data<WebContext>,
    client: Client,
    id: Path<String>,
    query: Query<MembersQuery>,
) -> Result<HttpResponse, Problem> {
    client.sees_users()?;
    let MembersQuery { kind, after, limit } = query.into_inner();
    let direct = match kind.as_deref() {
        None | Some("direct") => true,
        Some("via") => false,
        Some(_) => return Err(Problem::request("kind is direct or via")),
    };
    let paging = Paging { after, limit };
    let after = match paging.after.as_deref() {
        None => None,
        Some(text) => Some(read_place(text).ok_or_else(|| Problem::request("after is not a cursor of this list"))?),
    };
    let listed = context
        .ask(move |conn| {
            let group = find(conn, &id)?;
            let members = group::members(conn, &AsOf::Now, group.id, direct, after, paging.rows())?;
            Ok(Listed::new(members, &paging, |one: &Member| write_place(one.place()), MemberRecord::from))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}

fn find(conn: &mut PgConnection, id: &str) -> Result<Group, Problem> {
    let missing = || Problem::missing("group", id);
    let number = id.parse().map_err(|_| missing())?;
    group::find(conn, &AsOf::Now, number)?.ok_or_else(missing)
}

fn write_place(place: Place) -> String {
    format!("{}.{}.{}.{}", place.depth, place.via, place.by, place.other)
}

fn read_place(text: &str) -> Option<Place> {
    let mut numbers = text.split('.');
    let place = Place {
        depth: numbers.next()?.parse().ok()?,
        via: numbers.next()?.parse().ok()?,
        by: numbers.next()?.parse().ok()?,
        other: numbers.next()?.parse().ok()?,
    };
    numbers.next().is_none().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_among_members_survives_its_text() {
        let place = Place { depth: 2, via: 41, by: 1, other: -9 };
        assert_eq!(read_place(&write_place(place)), Some(place));
        assert!(read_place("1.2.3").is_none() && read_place("1.2.3.4.5").is_none() && read_place("x").is_none());
    }
}
