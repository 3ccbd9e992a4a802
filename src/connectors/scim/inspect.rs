//! Looking at a service without taking anything from it: what it is, and what its tables hold.

use super::list::List;
use super::service::{Abilities, Schemas};
use super::settings::{ResourceTable, ScimSettings};
use super::versions::version;
use super::{ACCEPT, ask};
use crate::connectors::http::Client;
use crate::connectors::{ColumnSchema, ConnectionError, Finding, TableSchema};

/// How many resources of a table are looked at.
const SAMPLES: u64 = 3;

/// One finding for the service, and one for each table.
pub async fn check(settings: ScimSettings) -> Result<Vec<Finding>, ConnectionError> {
    let client = Client::new(settings.service, ACCEPT)?.impatient();
    let origin = client.service().origin();
    let abilities = match Abilities::read(&client).await {
        Ok(abilities) => abilities,
        Err(error) => return Ok(vec![finding(error.place.clone(), Err(error))]),
    };
    let mut findings = vec![finding(origin, Ok(describe(&client, &abilities)))];
    for table in &settings.tables {
        let samples = samples(&client, &abilities, table).await.map(|samples| samples.words() + samples.changes(table));
        findings.push(finding(format!("table {}", table.name), samples));
    }
    Ok(findings)
}

/// The columns and a few rows of every table.
pub async fn tables(settings: ScimSettings) -> Result<Vec<TableSchema>, ConnectionError> {
    let client = Client::new(settings.service, ACCEPT)?.impatient();
    let abilities = Abilities::read(&client).await?;
    let schemas = Schemas::read(&client).await?.unwrap_or_default();
    let mut tables = Vec::new();
    for table in &settings.tables {
        let samples = samples(&client, &abilities, table).await?;
        let shape = table.shape()?;
        let columns = shape.columns().zip(samples.several).map(|((name, path), several)| {
            let described = schemas.describe(path);
            ColumnSchema {
                name: name.to_owned(),
                native_type: described.as_ref().map(|described| described.native_type.clone()),
                multivalued: several || described.is_some_and(|described| described.multivalued),
            }
        });
        tables.push(TableSchema { table: table.name.clone(), columns: columns.collect(), samples: samples.rows });
    }
    Ok(tables)
}

fn finding(subject: String, result: Result<String, ConnectionError>) -> Finding {
    match result {
        Ok(message) => Finding { subject, ok: true, message },
        Err(error) => Finding { subject, ok: false, message: error.message },
    }
}

fn describe(client: &Client, abilities: &Abilities) -> String {
    format!("{}{}", abilities.words(), client.service().caution())
}

struct Samples {
    rows: Vec<Vec<String>>,
    /// By column: whether a row has several values.
    several: Vec<bool>,
    total: Option<u64>,
    /// Whether each resource has its version.
    versioned: bool,
}

impl Samples {
    fn words(&self) -> String {
        let total = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        match self.rows.len() {
            0 => "no resource found: if there should be some, check filter and this account's rights".to_owned(),
            1 => format!("one resource{total} read to try"),
            count => format!("{count} resources{total} read to try"),
        }
    }

    /// How what changed will be told, where that is not as usual.
    fn changes(&self, table: &ResourceTable) -> &'static str {
        match (&table.versions, self.rows.is_empty(), self.versioned) {
            (None, ..) | (_, true, _) => "",
            (Some(_), _, true) => "; changes are told by meta.version",
            (Some(_), _, false) => {
                "; without meta.version, so incremental runs become complete ones: leave out changes = \"version\""
            }
        }
    }
}

async fn samples(client: &Client, abilities: &Abilities, table: &ResourceTable) -> Result<Samples, ConnectionError> {
    let mut shape = table.shape()?;
    let mut list = List::new(client, table, ask(abilities, table, SAMPLES));
    let (mut rows, mut several, mut versioned) = (Vec::new(), vec![false; shape.columns().count()], true);
    list.page(&mut |resource| {
        if rows.len() < SAMPLES as usize {
            versioned &= version(resource).is_some();
            let row = shape.row(resource).map_err(|why| ConnectionError::permanent(&table.name, why))?;
            several.iter_mut().enumerate().for_each(|(column, several)| *several |= row.has_several(column));
            rows.push(shape.cells(row));
        }
        Ok(())
    })
    .await?;
    Ok(Samples { rows, several, total: list.reading().total(), versioned })
}
