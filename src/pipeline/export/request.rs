//! From a connector's definition to what its connections are asked.

use super::secrets;
use crate::connectors::{ConnectionError, ConnectionRequest, PairColumn, UploadedFile};
use crate::model::association::AssociationDefinition;
use crate::model::connection::{ConnectionDefinition, SourceTable};
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::property::PropertyDefinition;
use crate::values::expression::{Columns, Expression};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One request for each connection, in the order of the document: secrets resolved, received files (by
/// `connection.table`) in their place.
pub fn requests(
    definition: &ConnectorDefinition,
    uploads: &HashMap<SourceTable, UploadedFile>,
) -> Result<Vec<ConnectionRequest>, ConnectionError> {
    let request = |connection: &ConnectionDefinition| {
        let mut request = ConnectionRequest {
            definition: connection.clone(),
            secrets: secrets::resolve(connection)?,
            uploads: BTreeMap::new(),
            mapped_columns: BTreeMap::new(),
            pair_columns: BTreeMap::new(),
            key_columns: BTreeMap::new(),
            matched_columns: matched_columns(definition, connection),
        };
        for table in &connection.tables {
            let source = SourceTable::new(&connection.name, &table.name);
            if let Some(upload) = uploads.get(&source) {
                request.uploads.insert(table.name.clone(), upload.clone());
            }
            request.mapped_columns.insert(table.name.clone(), mapped_columns(definition, &source));
            request.key_columns.insert(table.name.clone(), key_columns(definition, &source));
            let pairs = pair_columns(definition, &source)?;
            if !pairs.is_empty() {
                request.pair_columns.insert(table.name.clone(), pairs);
            }
        }
        Ok(request)
    };
    definition.connections.iter().map(request).collect()
}

/// The columns of a table that entity types and associations name, in the order of the document.
fn mapped_columns(definition: &ConnectorDefinition, source: &SourceTable) -> Vec<String> {
    readers(definition, source).into_iter().map(|(column, _)| column).collect()
}

/// The columns of a table that entity types and associations name, in the order of the document, each with what reads
/// it.
pub fn readers(definition: &ConnectorDefinition, source: &SourceTable) -> Vec<(String, Vec<String>)> {
    let mut columns: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |column: &str, reader: String| match columns.iter_mut().find(|(known, _)| known == column) {
        Some((_, readers)) if readers.contains(&reader) => {}
        Some((_, readers)) => readers.push(reader),
        None => columns.push((column.to_owned(), vec![reader])),
    };
    for entity_type in definition.entity_types.iter().filter(|entity_type| entity_type.source == *source) {
        let name = &entity_type.name;
        for property in &entity_type.properties {
            let reader = || format!("{name}.{}", property.name);
            property.column.iter().for_each(|column| add(column, reader()));
            let named = property.expression.iter().flat_map(|expression| named_in(expression));
            named.for_each(|column| add(&column, reader()));
        }
        let named = entity_type.scope.iter().flat_map(|expression| named_in(expression));
        named.for_each(|column| add(&column, format!("{name}, where")));
    }
    for association in &definition.associations {
        let reader = || format!("association {}", association.name);
        if association.source.as_ref() == Some(source) {
            let columns = [&association.from_column, &association.to_column];
            columns.into_iter().flatten().for_each(|column| add(column, reader()));
        } else if from_end(definition, association).is_some_and(|entity_type| entity_type.source == *source) {
            association.column.iter().for_each(|column| add(column, reader()));
            let named = association.expression.iter().flat_map(|expression| named_in(expression));
            named.for_each(|column| add(&column, reader()));
        }
    }
    columns
}

/// The columns of a table that the keys of its entity types are made of.
fn key_columns(definition: &ConnectorDefinition, source: &SourceTable) -> Vec<String> {
    let keys = definition.entity_types.iter().filter(|one| one.source == *source).filter_map(EntityTypeDefinition::key);
    let columns: BTreeSet<String> = keys
        .flat_map(|key| {
            let named = key.expression.iter().flat_map(|expression| named_in(expression));
            named.chain(key.column.clone()).collect::<Vec<_>>()
        })
        .collect();
    columns.into_iter().collect()
}

/// The columns that associations hold against each other, where both are columns of this connection.
fn matched_columns(
    definition: &ConnectorDefinition,
    connection: &ConnectionDefinition,
) -> BTreeMap<String, Vec<String>> {
    let mut matched: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let table = |source: &SourceTable| {
        source.parts().filter(|(of, _)| *of == connection.name).map(|(_, table)| table.to_owned())
    };
    let mut add =
        |reference: (&SourceTable, &str), target: &EntityTypeDefinition, property: Option<&PropertyDefinition>| {
            let Some(column) = property.and_then(column_of) else { return };
            let (Some(from), Some(to)) = (table(reference.0), table(&target.source)) else { return };
            for (table, column) in [(from, reference.1.to_owned()), (to, column)] {
                let columns = matched.entry(table).or_default();
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        };
    for association in &definition.associations {
        let Some(from) = from_end(definition, association) else { continue };
        let source = association.source.as_ref().unwrap_or(&from.source);
        if let Some(column) = &association.from_column {
            add((source, column), from, from.key());
        }
        let column = association.to_column.as_ref().or(association.column.as_ref());
        let computed = association.expression.iter().flat_map(|expression| named_in(expression));
        let columns: Vec<String> = column.cloned().into_iter().chain(computed).collect();
        for to in association.to.names().filter_map(|name| definition.entity_type(name)) {
            let property = match &association.match_property {
                Some(name) => to.properties.iter().find(|property| property.name == *name),
                None => to.key(),
            };
            columns.iter().for_each(|column| add((source, column), to, property));
        }
    }
    matched
}

/// Documents are checked: an expression that compiled then compiles now, and one that computes names of columns is for
/// sources with a header of their own.
fn named_in(expression: &str) -> Vec<String> {
    match Expression::compile(expression).as_ref().map(Expression::columns) {
        Ok(Columns::Named(columns)) => columns.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The columns of a table that leave as pairs: those of associations with several values in one column.
fn pair_columns(definition: &ConnectorDefinition, source: &SourceTable) -> Result<Vec<PairColumn>, ConnectionError> {
    let mut pairs: Vec<PairColumn> = Vec::new();
    for association in definition.associations.iter().filter(|association| !association.cardinality.is_single_valued())
    {
        let Some(column) = &association.column else { continue };
        let Some(from) = from_end(definition, association).filter(|from| from.source == *source) else { continue };
        let Some(key_column) = from.key().and_then(column_of) else {
            return Err(ConnectionError::permanent(
                format!("association {:?}", association.name),
                format!(
                    "several values in a column need a key that is a column; the key of {:?} is computed",
                    from.name
                ),
            ));
        };
        if !pairs.iter().any(|pair| pair.column == *column) {
            pairs.push(PairColumn { key_column, column: column.clone(), separator: association.separator.clone() });
        }
    }
    Ok(pairs)
}

fn from_end<'a>(
    definition: &'a ConnectorDefinition,
    association: &AssociationDefinition,
) -> Option<&'a EntityTypeDefinition> {
    definition.entity_type(&association.from)
}

fn column_of(property: &PropertyDefinition) -> Option<String> {
    match (&property.column, &property.expression) {
        (Some(column), _) => Some(column.clone()),
        (None, Some(expression)) => Expression::compile(expression).ok()?.plain_column().map(str::to_owned),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    #[test]
    fn columns_of_mappings_expressions_and_associations_are_asked_for() {
        let text = r#"
name = "campus"
[[connection]]
name = "feed"
kind = "files"
folder = "/srv/feed"
[[connection.table]]
name = "clubs"
file = "clubs.xml"
record = "club"
[[connection.table]]
name = "cards"
file = "cards.json"
[[entity_type]]
name = "club"
source = "feed.clubs"
where = "row.state == 'open'"
[[entity_type.property]]
name = "code"
expression = "row.code"
key = true
[[entity_type.property]]
name = "title"
expression = "upper(row.name)"
[[entity_type]]
name = "card"
source = "feed.cards"
[[entity_type.property]]
name = "number"
column = "number"
key = true
[[association]]
name = "member"
from = "club"
to = "card"
column = "members"
separator = ";"
cardinality = "many_to_many"
"#;
        let definition = document::connector(text).unwrap();
        let file = UploadedFile { path: "/tmp/1".into(), name: "cards of today.json".into() };
        let uploads = HashMap::from([(SourceTable::new("feed", "cards"), file)]);
        let requests = requests(&definition, &uploads).unwrap();
        let [request] = &requests[..] else { panic!("one connection, one request") };
        assert_eq!(request.mapped_columns["clubs"], ["code", "name", "state", "members"]);
        assert_eq!(request.mapped_columns["cards"], ["number"]);
        assert_eq!(request.uploads["cards"].name, "cards of today.json");
        let pair = PairColumn { key_column: "code".into(), column: "members".into(), separator: Some(";".to_owned()) };
        assert_eq!(request.pair_columns["clubs"], [pair]);
        assert!(!request.pair_columns.contains_key("cards"));
    }

    #[test]
    fn what_an_association_computes_its_reference_from_is_matched_as_well() {
        let text = r#"
name = "staff"
[[connection]]
name = "directory"
kind = "ldap"
servers = ["ldap://localhost"]
[[connection.table]]
name = "people"
base = "ou=people,dc=example,dc=org"
attributes = ["uid", "manager", "secretary", "ou"]
[[connection.table]]
name = "units"
base = "ou=units,dc=example,dc=org"
attributes = ["ou"]
[[entity_type]]
name = "person"
source = "directory.people"
[[entity_type.property]]
name = "id"
column = "uid"
key = true
[[entity_type.property]]
name = "name"
expression = "row.dn"
unique = true
[[entity_type]]
name = "unit"
source = "directory.units"
[[entity_type.property]]
name = "name"
column = "dn"
key = true
[[association]]
name = "manager"
from = "person"
to = "person"
expression = "row.manager != '' ? row.manager : row.secretary"
match = "name"
cardinality = "many_to_one"
[[association]]
name = "unit"
from = "person"
to = "unit"
expression = "'ou=' + row.ou + ',ou=units,dc=example,dc=org'"
cardinality = "many_to_one"
"#;
        let requests = requests(&document::connector(text).unwrap(), &HashMap::new()).unwrap();
        let matched = &requests[0].matched_columns;
        assert_eq!(matched["people"], ["manager", "dn", "secretary", "ou"]);
        assert_eq!(matched["units"], ["dn"]);
    }
}
