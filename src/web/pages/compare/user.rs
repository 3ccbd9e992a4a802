//! Two moments of a user.

use super::{Cell, ComparePage, Row, Side, Source, gathering, moments, parted};
use crate::model::person::{self, Membership, Person};
use crate::model::profile_field::{self, ProfileField};
use crate::pipeline::provenance::Origins;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::Section;
use crate::web::pages::user::{conceal, values};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, diff, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<i64>) -> Result<HttpResponse, WebError> {
    let id = *id;
    context
        .page(visitor, move |conn, layout| {
            let moments = moments(conn, &layout.address, layout.now)?;
            let mut origins = Origins::load(conn)?;
            let declared = profile_field::list(conn)?;
            let [mut before, mut after] = [seen(conn, &moments[0], id)?, seen(conn, &moments[1], id)?];
            for person in [&mut before.person, &mut after.person].into_iter().flatten() {
                conceal(&declared, layout.may_administer(), [&mut person.fields, &mut person.local]);
            }
            let known = || before.person.iter().chain(&after.person);
            let Some(name) = known().next_back().map(Person::name) else {
                return Err(WebError::missing("user", id));
            };
            let sources: Vec<person::Source> =
                known().flat_map(|one| one.field_names().filter_map(|name| one.source(name))).collect();
            origins.learn_connectors(conn, sources.iter().map(|one| one.connector).collect::<BTreeSet<_>>())?;
            origins.learn_runs(conn, sources.iter().map(|one| one.run))?;
            let cells = [cells(&before, &declared, &origins), cells(&after, &declared, &origins)];
            let (differing, same) = parted(rows(&declared, cells));
            let address = links::user(id);
            Ok(ComparePage {
                sides: [
                    Side::new(&moments[0], &address, before.person.is_some()),
                    Side::new(&moments[1], &address, after.person.is_some()),
                ],
                differing,
                same,
                gatherings: vec![gathering("Groups", [groups(&before, &moments[0]), groups(&after, &moments[1])])],
                is_cut: false,
                layout: layout
                    .titled(Section::Users, format!("{name}: two moments"))
                    .under(links::USERS, "Users")
                    .under(address, name),
            })
        })
        .await
}

/// A user at a moment.
struct Seen {
    person: Option<Person>,
    memberships: Vec<Membership>,
}

fn seen(conn: &mut PgConnection, moment: &Moment, id: i64) -> QueryResult<Seen> {
    Ok(Seen { person: person::find(conn, &moment.at, id)?, memberships: person::memberships(conn, &moment.at, &[id])? })
}

/// Title → value and where it is from.
fn cells(seen: &Seen, declared: &[ProfileField], origins: &Origins) -> BTreeMap<String, Cell> {
    let Some(person) = &seen.person else { return BTreeMap::new() };
    let mut cells: BTreeMap<String, Cell> = values(person, declared, origins)
        .into_iter()
        .map(|(title, value)| (title, Cell { value: diff::text(&value), origin: None }))
        .collect();
    for name in person.field_names() {
        let source = person.source(name).filter(|_| person.fields.get(name).is_some());
        if let (Some(cell), Some(source)) = (cells.get_mut(&title(name, declared)), source) {
            cell.origin = origins.of(source).as_ref().map(Source::new);
        }
    }
    cells
}

fn title(name: &str, declared: &[ProfileField]) -> String {
    declared.iter().find(|field| field.name == name).map_or_else(|| name.to_owned(), |field| field.title.clone())
}

/// In the order of the profile; how the user stands comes last.
fn rows(declared: &[ProfileField], [mut before, mut after]: [BTreeMap<String, Cell>; 2]) -> Vec<Row> {
    let mut titles: Vec<String> = declared.iter().map(|field| field.title.clone()).collect();
    titles.extend(before.keys().chain(after.keys()).cloned());
    let mut known = BTreeSet::new();
    titles.retain(|title| known.insert(title.clone()));
    let rows = titles.into_iter().map(|title| {
        let cells = [before.remove(&title).unwrap_or_default(), after.remove(&title).unwrap_or_default()];
        Row { title, cells }
    });
    rows.collect()
}

fn groups(seen: &Seen, moment: &Moment) -> BTreeMap<i64, (String, String)> {
    let groups = seen.memberships.iter().map(|one| {
        let via = one.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
        (one.group_id, (moment.keep(links::group(one.group_id)), format!("{}{via}", one.name)))
    });
    groups.collect()
}
