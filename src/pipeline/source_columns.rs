//! What a mapping reads, held against what the source had when its schema was last asked for. Pure.

use super::export::readers;
use crate::connectors;
use crate::model::connection::SourceTable;
use crate::model::connector::ConnectorDefinition;
use crate::model::source_schema::SourceSchema;
use crate::values::text::closest;

/// A column that the mapping reads and the source no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vanished {
    /// Its table.
    pub source: SourceTable,
    /// Its name.
    pub column: String,
    /// What reads it: `hr_person.mail`, `association manager`.
    pub read_by: Vec<String>,
    /// Columns there are with a name like it.
    pub like_it: Vec<String>,
}

/// The mapped columns that were not there any more when the schema was refreshed. Where a source has no header, a column
/// without values is not missing.
pub fn vanished(definition: &ConnectorDefinition, known: &[SourceSchema]) -> Vec<Vanished> {
    let mut vanished = Vec::new();
    for schema in known {
        let Some((connection, table)) = definition.table(&schema.source) else { continue };
        if connectors::kind(&connection.kind).is_none_or(|kind| kind.columns_are_mapped(table)) {
            continue;
        }
        let missing = readers(definition, &schema.source).into_iter();
        for (column, read_by) in missing.filter(|(column, _)| schema.column(column).is_none()) {
            let there = schema.columns.iter().map(|one| one.name.as_str());
            let like_it = closest(&column, there).into_iter().map(str::to_owned).collect();
            vanished.push(Vanished { source: schema.source.clone(), column, read_by, like_it });
        }
    }
    vanished
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::model::connector::ConnectorId;
    use crate::model::source_schema::ColumnSchema;

    fn schema(source: &str, columns: &[&str]) -> SourceSchema {
        let column = |name: &&str| ColumnSchema { name: (*name).to_owned(), native_type: None, multivalued: false };
        SourceSchema {
            connector_id: ConnectorId(1),
            source: SourceTable(source.into()),
            columns: columns.iter().map(column).collect(),
            refreshed_at: chrono::DateTime::UNIX_EPOCH,
            refreshed_by: "ada".into(),
            before: None,
        }
    }

    #[test]
    fn a_mapped_column_that_is_gone_is_told_with_what_reads_it_and_what_is_like_it() {
        let text = r#"
name = "hr"
[[connection]]
name = "feed"
kind = "files"
folder = "/srv/hr"
[[connection.table]]
name = "people"
file = "people.csv"
[[connection.table]]
name = "cards"
file = "cards.json"
[[entity_type]]
name = "person"
source = "feed.people"
[[entity_type.property]]
name = "id"
column = "Id"
key = true
[[entity_type.property]]
name = "mail"
expression = "lower(row.Email)"
[[entity_type]]
name = "card"
source = "feed.cards"
[[entity_type.property]]
name = "number"
column = "number"
key = true
[[association]]
name = "manager"
from = "person"
to = "person"
column = "Manager"
"#;
        let definition = document::connector(text).unwrap();
        let known = [schema("feed.people", &["Id", "E-mail", "Name"]), schema("feed.cards", &["holder"])];
        let found = vanished(&definition, &known);
        let told: Vec<_> = found.iter().map(|one| (one.column.as_str(), one.read_by.join(", "))).collect();
        assert_eq!(told, [("Email", "person.mail".to_owned()), ("Manager", "association manager".to_owned())]);
        assert_eq!(found[0].like_it, ["E-mail"]);
        let whole = [schema("feed.people", &["Manager", "Email", "Id"])];
        assert_eq!(vanished(&definition, &whole), []);
    }
}
