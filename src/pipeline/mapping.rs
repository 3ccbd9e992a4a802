//! A raw row → a typed record, as the entity type's properties say. Pure.
//!
//! A [`Mapper`] is compiled once per entity type and extraction. For every row it tells the scope, the key and a digest
//! (no allocation where the key is a plain column); for rows that are new or changed it makes the typed [`Record`].

mod error;
mod property;
mod record;

pub use crate::values::binary::Blob;
pub use error::{MappingError, MappingFault, RowProblem};
pub use property::CompiledProperty;
pub use record::Record;

use crate::model::association::AssociationDefinition;
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::property::PropertyDefinition;
use crate::values::digest::Digest;
use crate::values::expression::{Columns, Evaluated, EvaluationError, Expression, Header, Row};
use crate::values::format::split_values;
use csv::StringRecord;
use error::Faults;
use property::Source;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Raised whenever the same mapping of the same row gives another record than before: all rows are mapped anew then.
pub const MAPPER_VERSION: u64 = 1;

/// What finds the other ends of an association.
#[derive(Debug)]
enum Reference {
    /// A column's position.
    Column(usize),
    Expression(Expression),
}

/// The compiled mapping of one entity type for one header.
#[derive(Debug)]
pub struct Mapper {
    header: Header,
    properties: Vec<CompiledProperty>,
    key: usize,
    scope: Option<Expression>,
    /// By column name, so that the order of the source's columns does not matter to a digest.
    mapped: Vec<usize>,
    associations: Vec<(String, Reference)>,
    version: u64,
}

impl Mapper {
    /// Compiles the mapping of `definition` for a table with these `columns`. Of `associations` those count that start
    /// at this entity type and have a column or an expression.
    ///
    /// `Err` lists all that is wrong: mapped columns that are missing, with the closest existing names, formats and
    /// expressions that can't be used.
    pub fn new(
        definition: &EntityTypeDefinition,
        associations: &[&AssociationDefinition],
        columns: &[String],
    ) -> Result<Self, MappingError> {
        let header = Header::new(columns);
        let mut faults = Faults::new(&header);
        let mut read = ReadColumns::default();

        let mut properties = Vec::with_capacity(definition.properties.len());
        for property in &definition.properties {
            match CompiledProperty::new(property) {
                Ok(compiled) => {
                    read.note(compiled.source(), &property.name);
                    properties.push(compiled);
                }
                Err(fault) => faults.add(fault),
            }
        }
        let scope = definition.scope.as_deref().and_then(|source| match Expression::compile(source) {
            Ok(expression) => {
                read.note_columns(expression.columns(), "where");
                Some(expression)
            }
            Err(error) => {
                faults.add(MappingFault::Expression { place: "where".to_owned(), error });
                None
            }
        });
        let own = associations.iter().filter(|association| association.from == definition.name);
        let mut references: Vec<(&AssociationDefinition, Option<Expression>)> = Vec::new();
        for association in own {
            match (&association.column, &association.expression) {
                (Some(column), _) => {
                    read.note_column(column, &association.name);
                    references.push((association, None));
                }
                (None, Some(source)) => match Expression::compile(source) {
                    Ok(expression) => {
                        read.note_columns(expression.columns(), &association.name);
                        references.push((association, Some(expression)));
                    }
                    Err(error) => faults.add(MappingFault::Expression { place: association.name.clone(), error }),
                },
                (None, None) => {}
            }
        }

        for (column, used_by) in &read.named {
            faults.check_column(column, used_by);
        }
        for property in &mut properties {
            property.resolve(&header);
        }
        let key = definition.properties.iter().position(|property| property.key);
        let Some(key) = key.filter(|_| faults.is_empty()) else {
            if key.is_none() {
                faults.add(MappingFault::NoKey);
            }
            return Err(faults.into_error());
        };

        let mapped = read.positions(&header);
        let version = version(definition, references.iter().map(|(association, _)| *association), &header, &mapped);
        let associations = references
            .into_iter()
            .filter_map(|(association, expression)| {
                let reference = match expression {
                    Some(expression) => Reference::Expression(expression),
                    None => Reference::Column(header.position(association.column.as_deref()?)?),
                };
                Some((association.name.clone(), reference))
            })
            .collect();
        Ok(Self { header, properties, key, scope, mapped, associations, version })
    }

    /// Compiles the mapping for a table of changes, which may lack columns: a merge of some columns only. Returns the
    /// mapped columns that it lacks; they are read as empty. The key's can't be lacking.
    pub fn of_changes(
        definition: &EntityTypeDefinition,
        associations: &[&AssociationDefinition],
        columns: &[String],
    ) -> Result<(Self, Vec<String>), MappingError> {
        let mut read = ReadColumns::default();
        let compiled: Vec<(Result<CompiledProperty, _>, &PropertyDefinition)> =
            definition.properties.iter().map(|property| (CompiledProperty::new(property), property)).collect();
        for (compiled, property) in &compiled {
            if let Ok(compiled) = compiled {
                read.note(compiled.source(), &property.name);
            }
        }
        let scope = definition.scope.as_deref().and_then(|source| Expression::compile(source).ok());
        if let Some(scope) = &scope {
            read.note_columns(scope.columns(), "where");
        }
        for association in associations.iter().filter(|association| association.from == definition.name) {
            association.column.iter().for_each(|column| read.note_column(column, "an association"));
            if let Some(Ok(expression)) = association.expression.as_deref().map(Expression::compile) {
                read.note_columns(expression.columns(), "an association");
            }
        }
        let lacks = |column: &str| !columns.iter().any(|known| known == column);
        let lacking: BTreeSet<String> = read
            .named
            .iter()
            .map(|(column, _)| column.as_ref())
            .filter(|column| lacks(column))
            .map(str::to_owned)
            .collect();
        let mut key = ReadColumns::default();
        for (compiled, property) in compiled.iter().filter(|(_, property)| property.key) {
            if let Ok(compiled) = compiled {
                key.note(compiled.source(), &property.name);
            }
        }
        if key.named.iter().any(|(column, _)| lacking.contains(column.as_ref())) {
            return Err(Self::new(definition, associations, columns)
                .err()
                .unwrap_or(MappingError { faults: Vec::new() }));
        }
        let all: Vec<String> = columns.iter().cloned().chain(lacking.iter().cloned()).collect();
        Ok((Self::new(definition, associations, &all)?, lacking.into_iter().collect()))
    }

    /// A digest of what is mapped and how: another mapping, or another mapper, has another version. It seeds the digests
    /// of rows.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Positions of the columns that anything reads, in the order in which they are digested.
    pub fn mapped_columns(&self) -> &[usize] {
        &self.mapped
    }

    /// Whether the entity type's `where` lets the row in.
    pub fn in_scope(&self, row: &StringRecord) -> Result<bool, RowProblem> {
        let Some(scope) = &self.scope else { return Ok(true) };
        let row = Row::new(&self.header, row);
        match scope.evaluate(&row) {
            Ok(Evaluated::Bool(in_scope)) => Ok(in_scope),
            Ok(_) => Err(RowProblem::scope_is_no_bool()),
            Err(error) => Err(RowProblem::failed("where", scope, &row, &error)),
        }
    }

    /// The same for a row that gives some columns only of a record that is in scope: what `where` does not find there
    /// stays as it was.
    pub fn stays_in_scope(&self, row: &StringRecord, gives: &dyn Fn(usize) -> bool) -> Result<bool, RowProblem> {
        let Some(scope) = &self.scope else { return Ok(true) };
        match self.share(scope.columns(), gives) {
            Share::None => Ok(true),
            Share::All => self.in_scope(row),
            Share::Some(missing) => Err(RowProblem::needs("where", &missing)),
        }
    }

    /// The key, converted; `None` if the row has none.
    pub fn key<'r>(&self, row: &'r StringRecord) -> Result<Option<Cow<'r, str>>, RowProblem> {
        self.properties[self.key].key(&self.header, row)
    }

    /// The digest of the raw text of all mapped columns.
    pub fn digest(&self, row: &StringRecord) -> Digest {
        let fields = self.mapped.iter().map(|&column| row.get(column).unwrap_or_default().as_bytes());
        Digest::of_fields(self.version, fields)
    }

    /// All properties of the row, or all that is wrong with them.
    pub fn record(&self, row: &StringRecord) -> Result<Record, Vec<RowProblem>> {
        let mut record = Record { values: Vec::with_capacity(self.properties.len()), blobs: Vec::new() };
        let mut problems = Vec::new();
        let with_header = Row::new(&self.header, row);
        for property in &self.properties {
            match property.value(&with_header, row, &mut record.blobs) {
                Ok(value) => record.values.push(value),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(record) } else { Err(problems) }
    }

    /// Each property of the row, or what is wrong with it: for who looks at a mapping.
    pub fn each(&self, row: &StringRecord) -> Vec<Result<serde_json::Value, RowProblem>> {
        let with_header = Row::new(&self.header, row);
        self.properties.iter().map(|property| property.value(&with_header, row, &mut Vec::new())).collect()
    }

    /// The properties of which the row gives all columns, and which those are; or all that is wrong. The others are null
    /// in the record.
    pub fn part(
        &self,
        row: &StringRecord,
        gives: &dyn Fn(usize) -> bool,
    ) -> Result<(Record, Vec<bool>), Vec<RowProblem>> {
        let mut record = Record { values: Vec::with_capacity(self.properties.len()), blobs: Vec::new() };
        let (mut given, mut problems) = (Vec::with_capacity(self.properties.len()), Vec::new());
        let with_header = Row::new(&self.header, row);
        for property in &self.properties {
            let share = match property.source() {
                Source::Column { position, .. } if gives(*position) => Share::All,
                Source::Column { .. } => Share::None,
                Source::Constant(_) => Share::All,
                Source::Expression(expression) => self.share(expression.columns(), gives),
            };
            given.push(matches!(share, Share::All));
            match share {
                Share::None => record.values.push(serde_json::Value::Null),
                Share::Some(missing) => problems.push(RowProblem::needs(property.name(), &missing)),
                Share::All => match property.value(&with_header, row, &mut record.blobs) {
                    Ok(value) => record.values.push(value),
                    Err(problem) => problems.push(problem),
                },
            }
        }
        if problems.is_empty() { Ok((record, given)) } else { Err(problems) }
    }

    /// How much a row gives of what an expression reads.
    fn share(&self, columns: &Columns, gives: &dyn Fn(usize) -> bool) -> Share {
        let is_given = |name: &str| self.header.position(name).is_some_and(gives);
        let (named, all): (Vec<&str>, bool) = match columns {
            Columns::Named(names) => (names.iter().map(String::as_str).collect(), false),
            Columns::All => (self.header.names().iter().map(String::as_str).collect(), true),
        };
        let missing: Vec<String> = named.iter().filter(|name| !is_given(name)).map(|name| (*name).to_owned()).collect();
        if missing.is_empty() {
            Share::All
        } else if missing.len() == named.len() && !all {
            Share::None
        } else {
            Share::Some(missing)
        }
    }

    /// The properties, in the order of a record's values.
    pub fn properties(&self) -> &[CompiledProperty] {
        &self.properties
    }

    /// The property that is the key.
    pub fn key_property(&self) -> &CompiledProperty {
        &self.properties[self.key]
    }

    /// The position of the column that an association's pairs come from, if it has one here.
    pub fn association_column(&self, association: &str) -> Option<usize> {
        match self.reference(association)? {
            Reference::Column(column) => Some(*column),
            Reference::Expression(_) => None,
        }
    }

    /// The values that an association's expression gives for a row, empty ones left out; none if it has no expression.
    pub fn references(&self, association: &str, row: &StringRecord) -> Result<Vec<String>, EvaluationError> {
        let Some(Reference::Expression(expression)) = self.reference(association) else { return Ok(Vec::new()) };
        let row = Row::new(&self.header, row);
        let values = match expression.evaluate(&row)? {
            Evaluated::List(values) => values.into_iter().map(Evaluated::into_text).collect(),
            value => vec![value.into_text()],
        };
        let values = values.iter().flat_map(|value| split_values(value, None));
        Ok(values.map(str::to_owned).collect())
    }

    /// Whether a row gives all columns that an association's expression reads.
    pub fn gives_references(&self, association: &str, gives: &dyn Fn(usize) -> bool) -> bool {
        match self.reference(association) {
            Some(Reference::Expression(expression)) => matches!(self.share(expression.columns(), gives), Share::All),
            Some(Reference::Column(column)) => gives(*column),
            None => false,
        }
    }

    fn reference(&self, association: &str) -> Option<&Reference> {
        self.associations.iter().find(|(name, _)| name == association).map(|(_, reference)| reference)
    }
}

/// The key of an entity type, or the property of that name, compiled without its table: what references to it are read
/// with. `None` for a document that was never checked.
pub fn reader_of(definition: &EntityTypeDefinition, property: Option<&str>) -> Option<CompiledProperty> {
    let property = property.map_or_else(|| definition.key(), |name| definition.property(name))?;
    CompiledProperty::new(property).ok()
}

/// How much a row gives of what is asked for.
enum Share {
    All,
    None,
    /// Without these columns.
    Some(Vec<String>),
}

/// The columns that a mapping reads, each with one place that reads it.
#[derive(Default)]
struct ReadColumns<'a> {
    named: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    all: bool,
}

impl<'a> ReadColumns<'a> {
    fn note(&mut self, source: &Source, by: &'a str) {
        match source {
            Source::Column { name, .. } => self.named.push((Cow::Owned(name.clone()), Cow::Borrowed(by))),
            Source::Expression(expression) => self.note_columns(expression.columns(), by),
            Source::Constant(_) => {}
        }
    }

    fn note_columns(&mut self, columns: &Columns, by: &'a str) {
        match columns {
            Columns::All => self.all = true,
            Columns::Named(names) => {
                self.named.extend(names.iter().map(|name| (Cow::Owned(name.clone()), Cow::Borrowed(by))));
            }
        }
    }

    fn note_column(&mut self, column: &'a str, by: &'a str) {
        self.named.push((Cow::Borrowed(column), Cow::Borrowed(by)));
    }

    fn positions(&self, header: &Header) -> Vec<usize> {
        let names: BTreeSet<&str> = if self.all {
            header.names().iter().map(String::as_str).collect()
        } else {
            self.named.iter().map(|(name, _)| name.as_ref()).collect()
        };
        names.into_iter().filter_map(|name| header.position(name)).collect()
    }
}

/// All that decides what a row becomes and which links follow from it.
#[derive(Serialize)]
struct Mapped<'a> {
    mapper: u64,
    properties: Vec<PropertyDefinition>,
    scope: Option<&'a str>,
    associations: Vec<MappedAssociation<'a>>,
    columns: Vec<&'a str>,
}

#[derive(Serialize)]
struct MappedAssociation<'a> {
    name: &'a str,
    column: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<&'a str>,
    to: Vec<&'a str>,
    match_property: Option<&'a str>,
    separator: Option<&'a str>,
    single_valued: bool,
}

fn version<'a>(
    definition: &'a EntityTypeDefinition,
    associations: impl Iterator<Item = &'a AssociationDefinition>,
    header: &Header,
    mapped: &[usize],
) -> u64 {
    let mapped = Mapped {
        mapper: MAPPER_VERSION,
        // what pages call a property changes nothing
        properties: definition
            .properties
            .iter()
            .map(|property| PropertyDefinition { display_name: None, ..property.clone() })
            .collect(),
        scope: definition.scope.as_deref(),
        associations: associations
            .map(|association| MappedAssociation {
                name: &association.name,
                column: association.column.as_deref().unwrap_or_default(),
                expression: association.expression.as_deref(),
                to: association.to.names().collect(),
                match_property: association.match_property.as_deref(),
                separator: association.separator.as_deref(),
                single_valued: association.cardinality.is_single_valued(),
            })
            .collect(),
        columns: mapped.iter().filter_map(|&column| header.names().get(column)).map(String::as_str).collect(),
    };
    let written = serde_json::to_vec(&mapped).unwrap_or_default();
    Digest::of_fields(MAPPER_VERSION, std::iter::once(written.as_slice())).0 as u64
}

#[cfg(test)]
mod tests;
