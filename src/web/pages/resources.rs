//! The resources of an entity type: searched, with the columns one chooses, in pages.

use super::users::plain;
use crate::document;
use crate::model::connector::{self, Connector};
use crate::model::entity_type::{self, EntityType};
use crate::model::property::PropertyDefinition;
use crate::model::resource::{self, Resource};
use crate::model::{amount::Amount, configuration};
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE, Page};
use crate::web::visitor::{Visitor, see_other};
use crate::web::{WebContext, links, words};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;

/// Columns beside the key, unless somebody chooses others.
const COLUMNS: usize = 6;

#[derive(Template)]
#[template(path = "pages/resources.html")]
struct ResourcesPage {
    layout: Layout,
    action: String,
    search: String,
    amount: String,
    searches_values: bool,
    is_capped: bool,
    choices: Vec<Choice>,
    columns: Vec<String>,
    resources: Vec<ResourceLine>,
    is_first: bool,
    all: String,
    first: String,
    next: Option<String>,
}

/// A property that can be a column.
struct Choice {
    name: String,
    title: String,
    chosen: bool,
}

struct ResourceLine {
    href: String,
    key: String,
    cells: Vec<String>,
}

/// What the address asks for. Columns may stand in it several times.
#[derive(Default)]
struct Asked {
    search: String,
    after: Option<Cursor>,
    columns: Vec<String>,
    key: Option<String>,
}

impl Asked {
    fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "q" => asked.search = plain(&value),
                "after" => asked.after = Cursor::decode(&value),
                "column" if asked.columns.len() < 30 => asked.columns.push(value.into_owned()),
                "key" => asked.key = Some(plain(&value)),
                _ => {}
            }
        }
        asked
    }
}

/// The list; or, with `?key=`, the way to the resource with that key.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    names: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, WebError> {
    let (connector, entity_type) = names.into_inner();
    let asked = Asked::read(request.query_string());
    if let Some(key) = asked.key {
        let query = request.query_string().to_owned();
        let to = context
            .db(move |conn| {
                let moment = Moment::read(conn, &query, Utc::now())?;
                let (connector, entity_type) = find(conn, &connector, &entity_type)?;
                let resource = resource::by_key(conn, &moment.at, entity_type.id.0, &key)?;
                let resource = resource.ok_or_else(|| WebError::missing(&entity_type.display_name, &key))?;
                Ok(moment.keep(links::resource(&connector.name, &entity_type.name, resource.id)))
            })
            .await?;
        return Ok(see_other(&to));
    }
    context
        .page(visitor, move |conn, layout| {
            let (connector, entity_type) = find(conn, &connector, &entity_type)?;
            page(conn, layout, &connector, &entity_type, asked)
        })
        .await
}

/// Connector and entity type of these names, retired ones too.
pub(super) fn find(
    conn: &mut PgConnection,
    connector: &str,
    entity_type: &str,
) -> Result<(Connector, EntityType), WebError> {
    let found = connector::by_name(conn, connector)?.ok_or_else(|| WebError::missing("connector", connector))?;
    let of_connector = entity_type::of_connector(conn, found.id)?;
    let entity_type = of_connector
        .into_iter()
        .find(|one| one.name == entity_type)
        .ok_or_else(|| WebError::missing("entity type", entity_type))?;
    Ok((found, entity_type))
}

/// The properties of an entity type in the order of the document; none, if it is retired.
pub(super) fn properties(
    conn: &mut PgConnection,
    connector: &Connector,
    entity_type: &EntityType,
) -> Result<Vec<PropertyDefinition>, WebError> {
    let text = configuration::current(conn, connector)?.document;
    // A document of another version of Muster may be unreadable; the stored values are there all the same.
    let definition = document::connector(&text).ok();
    let found = definition.and_then(|definition| {
        definition.entity_types.into_iter().find(|one| one.name == entity_type.name).map(|one| one.properties)
    });
    Ok(found.unwrap_or_default())
}

fn page(
    conn: &mut PgConnection,
    mut layout: Layout,
    connector: &Connector,
    entity_type: &EntityType,
    asked: Asked,
) -> Result<ResourcesPage, WebError> {
    let moment = layout.look_back(conn)?;
    let after = asked.after.as_ref().map(|cursor| cursor.key.as_str());
    let found = resource::page(conn, &moment.at, entity_type.id.0, &asked.search, after, PAGE as i64 + 1)?;
    let page = Page::new(found.resources, |one: &Resource| Cursor { key: one.key.clone(), id: one.id });
    let known = properties(conn, connector, entity_type)?;
    let choices = choices(&known, &page.rows, &asked.columns);
    let columns: Vec<&Choice> = choices.iter().filter(|choice| choice.chosen).collect();
    let lines = page.rows.iter().map(|one| ResourceLine {
        href: moment.keep(links::resource(&connector.name, &entity_type.name, one.id)),
        key: one.key.clone(),
        cells: columns
            .iter()
            .map(|column| one.attributes.get(&column.name).map(diff::text).unwrap_or_default())
            .collect(),
    });
    let resources = lines.collect();
    let columns = columns.iter().map(|column| column.title.clone()).collect();
    let action = links::resources(&connector.name, &entity_type.name);
    let at = |after: &str| {
        let mut query = vec![("q", asked.search.as_str()), ("after", after)];
        query.extend(asked.columns.iter().map(|column| ("column", column.as_str())));
        moment.keep(links::with_query(&action, &query))
    };
    Ok(ResourcesPage {
        amount: words::amount(found.amount, "resource", "resources"),
        searches_values: found.searches_values,
        is_capped: !asked.search.is_empty() && matches!(found.amount, Amount::MoreThan(_)),
        choices,
        columns,
        resources,
        is_first: asked.after.is_none(),
        all: moment.keep(&action),
        first: at(""),
        next: page.next.as_ref().map(|cursor| at(&cursor.encode())),
        layout: layout
            .titled(Section::Resources(entity_type.id.0), &entity_type.display_name)
            .under(links::connector(&connector.name), &connector.display_name),
        search: asked.search,
        action,
    })
}

/// The properties that can be columns; those of the document, else those that the shown resources have. The key is there
/// anyway.
fn choices(known: &[PropertyDefinition], shown: &[Resource], chosen: &[String]) -> Vec<Choice> {
    let mut names: Vec<(String, String)> = known
        .iter()
        .filter(|property| !property.key)
        .map(|property| (property.name.clone(), property.display_name.clone().unwrap_or_else(|| property.name.clone())))
        .collect();
    if known.is_empty() {
        let stored = shown.iter().filter_map(|one| one.attributes.as_object()).flat_map(|one| one.keys().cloned());
        names = stored.map(|name| (name.clone(), name)).collect();
        names.sort();
        names.dedup();
    }
    names
        .into_iter()
        .enumerate()
        .map(|(position, (name, title))| Choice {
            chosen: if chosen.is_empty() { position < COLUMNS } else { chosen.contains(&name) },
            name,
            title,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_may_stand_in_an_address_several_times() {
        let asked = Asked::read("q=+ada%00&column=mail&column=a%26b&after=nonsense%25");
        assert_eq!((asked.search.as_str(), asked.columns.len(), asked.after), ("ada", 2, None));
        assert_eq!(asked.columns[1], "a&b");
    }
}
