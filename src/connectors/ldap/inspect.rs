//! Looking at a directory without taking anything from it: whether it works, and what its tables hold.

use super::changes;
use super::range;
use super::root::{PAGED_RESULTS, RootDse};
use super::row::RowShape;
use super::schema::Schema;
use super::search::PagedSearch;
use super::session::Session;
use super::settings::{DirectorySettings, SearchTable, Server, Wish};
use super::unasked::Unasked;
use crate::connectors::{ColumnSchema, ConnectionError, Finding, TableSchema};

/// How many entries of a table are looked at.
const SAMPLES: i32 = 3;

/// Longer cells (photos) are cut for looking at.
const SAMPLE_LENGTH: usize = 200;

/// One finding per server, and one per table of each server that can be reached.
pub async fn check(settings: &DirectorySettings) -> Result<Vec<Finding>, ConnectionError> {
    let mut findings = Vec::new();
    for server in &settings.servers {
        let session = match Session::open_at(server, settings).await {
            Ok(session) => session,
            Err(error) => {
                findings.push(finding(server.name.clone(), Err(error)));
                continue;
            }
        };
        let root = RootDse::read(&session).await;
        let described = root.as_ref().map(|root| describe(server, settings, &session, root)).map_err(Clone::clone);
        findings.push(finding(server.name.clone(), described));
        let root = root.unwrap_or_default();
        for table in &settings.tables {
            let mut read =
                samples(&session, table).await.map(|samples| match (samples.rows.len(), samples.referrals) {
                    (0, 0) => "no entry found: if there should be some, check base, filter and this account's rights"
                        .to_owned(),
                    (0, _) => "nothing but references to other servers found; they are not followed".to_owned(),
                    (1, _) => "one entry read".to_owned(),
                    (count, _) => format!("{count} entries read to try"),
                });
            if let Ok(message) = &mut read
                && table.changes != Wish::None
            {
                match changes::stand(&session, &root, table).await {
                    Ok(stand) => message.push_str(&format!("; {}", stand.words)),
                    Err(error) => read = Err(error),
                }
            }
            let unreachable = read.as_ref().is_err_and(|error| error.transient);
            findings.push(finding(format!("{}, table {}", server.name, table.name), read));
            if unreachable {
                break;
            }
        }
        session.close().await;
    }
    Ok(findings)
}

/// The columns and a few rows of every table, from the first server that answers.
pub async fn tables(settings: &DirectorySettings) -> Result<Vec<TableSchema>, ConnectionError> {
    let session = Session::open(settings).await?;
    // Many directories keep their schema from ordinary accounts; the tables can be read all the same.
    let schema = Schema::read(&session).await.unwrap_or_default();
    let mut tables = Vec::new();
    for table in &settings.tables {
        let samples = samples(&session, table).await?;
        let columns = RowShape::new(table).column_names().map(|name| column(&schema, name)).collect();
        tables.push(TableSchema { table: table.name.clone(), columns, samples: samples.rows });
    }
    session.close().await;
    Ok(tables)
}

fn finding(subject: String, result: Result<String, ConnectionError>) -> Finding {
    match result {
        Ok(message) => Finding { subject, ok: true, message },
        Err(error) => Finding { subject, ok: false, message: error.message },
    }
}

fn column(schema: &Schema, name: &str) -> ColumnSchema {
    if name == "dn" {
        return ColumnSchema { name: name.to_owned(), native_type: Some("DN".to_owned()), multivalued: false };
    }
    ColumnSchema {
        name: name.to_owned(),
        native_type: schema.syntax(name),
        multivalued: schema.is_multivalued(name).unwrap_or(true),
    }
}

/// Product, encryption and who we are, in a sentence or two.
fn describe(server: &Server, settings: &DirectorySettings, session: &Session, root: &RootDse) -> String {
    let product = root.product();
    let encryption = session.encryption.as_deref().unwrap_or("not encrypted");
    let who = match &settings.credentials {
        Some(credentials) => format!("signed in as {}", credentials.dn),
        None if settings.external => "signed in as whom the connection says (SASL EXTERNAL)".to_owned(),
        None => "anonymous".to_owned(),
    };
    let mut message = format!("{product}, {encryption}, {who}");
    if session.encryption.is_none() && settings.credentials.is_some() && !is_this_machine(&server.host) {
        message.push_str("; the password travels in the clear: use ldaps:// or `start_tls = true`");
    }
    if root.lists_controls() && !root.offers(PAGED_RESULTS) {
        message.push_str("; it does not offer paged results (RFC 2696), without which no table is taken as read");
    }
    message
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

struct Samples {
    rows: Vec<Vec<String>>,
    referrals: u64,
}

async fn samples(session: &Session, table: &SearchTable) -> Result<Samples, ConnectionError> {
    let shape = RowShape::new(table);
    let mut search = PagedSearch::new(session.clone(), table, SAMPLES);
    let mut rows = Vec::new();
    while rows.len() < SAMPLES as usize {
        let Some(entry) = search.next().await? else { break };
        let mut row = shape.row(entry, &mut Unasked::default()).map_err(|fault| search.refuse(&fault.to_string()))?;
        range::complete(session, &shape, &mut row).await.map_err(|error| search.in_context(error))?;
        rows.push(shape.cells(row).into_iter().map(shortened).collect());
    }
    Ok(Samples { rows, referrals: search.referrals() })
}

fn shortened(cell: String) -> String {
    match cell.char_indices().nth(SAMPLE_LENGTH) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell,
    }
}
