//! Two moments of a resource.

use super::{Cell, ComparePage, Row, Side, Source, gathering, moments, parted};
use crate::model::person;
use crate::model::property::PropertyDefinition;
use crate::model::resource::{self, Neighbour, Resource};
use crate::pipeline::provenance::Origins;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::Section;
use crate::web::pages::resources::{find, properties};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, diff, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Links compared for each association and direction.
const LINKS: usize = 1000;

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    names: Path<(String, String, i64)>,
) -> Result<HttpResponse, WebError> {
    let (connector, entity_type, id) = names.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let moments = moments(conn, &layout.address, layout.now)?;
            let (connector, entity_type) = find(conn, &connector, &entity_type)?;
            let known = properties(conn, &connector, &entity_type)?;
            let mut both = Vec::new();
            for moment in &moments {
                both.push(seen(conn, moment, entity_type.id.0, id)?);
            }
            let stored = || both.iter().filter_map(|one| one.resource.as_ref());
            let Some(title) = stored().next_back().map(|one| one.title().to_owned()) else {
                return Err(WebError::missing(&entity_type.display_name, id));
            };
            let mut origins = Origins::load(conn)?;
            origins.learn_connectors(conn, [connector.id.0])?;
            origins.learn_runs(conn, stored().map(|one| one.run_id).collect::<Vec<_>>())?;
            let (differing, same) = parted(rows(&known, &both, &origins));
            let address = links::resource(&connector.name, &entity_type.name, id);
            Ok(ComparePage {
                sides: [0, 1].map(|side| Side::new(&moments[side], &address, both[side].resource.is_some())),
                differing,
                same,
                gatherings: gatherings(&both, &moments),
                is_cut: both.iter().any(|one| one.is_cut),
                layout: layout
                    .titled(Section::Resources(entity_type.id.0), format!("{title}: two moments"))
                    .under(links::connector(&connector.name), &connector.display_name)
                    .under(links::resources(&connector.name, &entity_type.name), &entity_type.display_name)
                    .under(address, title),
            })
        })
        .await
}

/// A resource at a moment.
struct Seen {
    resource: Option<Resource>,
    person: Option<String>,
    neighbours: Vec<Neighbour>,
    is_cut: bool,
}

fn seen(conn: &mut PgConnection, moment: &Moment, entity_type: i32, id: i64) -> QueryResult<Seen> {
    let resource = resource::find(conn, &moment.at, entity_type, id)?;
    let person = match resource.as_ref().and_then(|one| one.person_id) {
        Some(id) => person::find(conn, &moment.at, id)?.map(|person| person.name()),
        None => None,
    };
    let neighbours = match resource {
        Some(_) => resource::neighbours(conn, &moment.at, entity_type, id, LINKS as i64)?,
        None => Vec::new(),
    };
    let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for one in &neighbours {
        *counts.entry((&one.association, one.outgoing)).or_default() += 1;
    }
    let is_cut = counts.values().any(|count| *count >= LINKS);
    Ok(Seen { resource, person, neighbours, is_cut })
}

/// In the order of the document; what is no longer declared after it; at last the user that is fed, and the version.
fn rows(known: &[PropertyDefinition], both: &[Seen], origins: &Origins) -> Vec<Row> {
    let mut names: Vec<(String, String)> = known
        .iter()
        .map(|one| (one.name.clone(), one.display_name.clone().unwrap_or_else(|| one.name.clone())))
        .collect();
    let stored = both.iter().filter_map(|one| one.resource.as_ref()?.attributes.as_object());
    let undeclared: BTreeSet<&String> = stored.flat_map(|all| all.keys()).collect();
    let undeclared: Vec<String> =
        undeclared.into_iter().filter(|name| names.iter().all(|one| one.0 != **name)).cloned().collect();
    names.extend(undeclared.into_iter().map(|name| (name.clone(), name)));
    let row = |title: String, cell: &dyn Fn(&Seen) -> Option<Cell>| Row {
        title,
        cells: [0, 1].map(|side| both.get(side).and_then(cell).unwrap_or_default()),
    };
    let plain = |value: String| Cell { value, origin: None };
    let mut rows: Vec<Row> = names
        .into_iter()
        .map(|(name, title)| {
            row(title, &|seen| Some(plain(diff::text(seen.resource.as_ref()?.attributes.get(&name)?))))
        })
        .collect();
    rows.push(row("Feeds".into(), &|seen| seen.person.clone().map(plain)));
    rows.push(row("Version".into(), &|seen| {
        let stored = seen.resource.as_ref()?;
        let source = person::Source {
            connector: origins.entity_type(stored.entity_type_id)?.connector_id,
            entity_type: stored.entity_type_id,
            run: stored.run_id,
            line: stored.line,
        };
        Some(Cell { value: format!("of run {}", stored.run_id), origin: origins.of(source).as_ref().map(Source::new) })
    }));
    rows
}

fn gatherings(both: &[Seen], moments: &[Moment; 2]) -> Vec<super::Gathering> {
    let all = both.iter().flat_map(|one| &one.neighbours);
    let ways: BTreeSet<(String, bool, String)> =
        all.map(|one| (one.association.clone(), !one.outgoing, one.association_title.clone())).collect();
    let of = |side: usize, association: &str, incoming: bool| -> BTreeMap<i64, (String, String)> {
        let Some(seen) = both.get(side) else { return BTreeMap::new() };
        let these = seen.neighbours.iter().filter(|one| one.association == association && one.outgoing != incoming);
        these
            .map(|one| {
                let address = links::resource(&one.connector, &one.entity_type, one.id);
                (one.id, (moments[side].keep(address), one.title().to_owned()))
            })
            .collect()
    };
    ways.into_iter()
        .map(|(association, incoming, title)| {
            let title = if incoming { format!("{title} (points here)") } else { title };
            gathering(&title, [of(0, &association, incoming), of(1, &association, incoming)])
        })
        .collect()
}
