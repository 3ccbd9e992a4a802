//! Users: lists, one with all that is known of it, and what changed since.

use super::gate::Client;
use super::problem::Problem;
use super::{Listed, Paging};
use crate::model::as_of::AsOf;
use crate::model::outbox::{self, Place, UserChange};
use crate::model::person::{self, Selection, StateFilter};
use crate::model::{audit, entity_type, profile_field, resource};
use crate::pipeline::provenance::place;
use crate::pipeline::user_export;
use crate::pipeline::user_record::{Record, origins, records};
use crate::web::error::WebError;
use crate::web::{WebContext, origin};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which users.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UsersQuery {
    search: String,
    state: Option<String>,
    connector: Option<String>,
    field: Option<String>,
    value: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// From where on.
#[derive(Debug, Deserialize)]
pub struct ChangesQuery {
    since: Option<DateTime<Utc>>,
    after: Option<String>,
    limit: Option<usize>,
}

/// A user with its accounts.
#[derive(Debug, Serialize)]
pub struct Whole {
    #[serde(flatten)]
    record: Record,
    accounts: Vec<Account>,
}

/// What one connector holds of a user.
#[derive(Debug, Serialize)]
struct Account {
    connector: String,
    entity_type: String,
    key: String,
    run: i32,
    /// File and line.
    place: String,
    attributes: Value,
}

/// What changed, and where to go on, now or later.
#[derive(Debug, Serialize)]
pub struct Changes {
    items: Vec<UserChange>,
    next: String,
    /// Whether there is more at once.
    more: bool,
}

impl UsersQuery {
    fn selection(self, conn: &mut PgConnection) -> Result<Selection, Problem> {
        let state = match self.state.as_deref() {
            None => StateFilter::All,
            Some(word) => StateFilter::from_word(word)
                .ok_or_else(|| Problem::request("state is all, current, past or blocked"))?,
        };
        let field = match (self.field, self.value) {
            (None, None) => None,
            (Some(name), Some(value)) => {
                if !profile_field::list(conn)?.iter().any(|field| field.name == name) {
                    return Err(Problem::request(format_args!("there is no profile field {name:?}")));
                }
                Some((name, value))
            }
            _ => return Err(Problem::request("field and value go together")),
        };
        let fed_by = match self.connector {
            None => None,
            Some(name) => Some(entity_type::of_users(conn, &name)?),
        };
        Ok(Selection { search: self.search, state, fed_by, field })
    }
}

/// Page by page, in the order of their ids, as `muster user list --json` writes them.
pub async fn list(
    context: Data<WebContext>,
    client: Client,
    query: Query<UsersQuery>,
) -> Result<HttpResponse, Problem> {
    client.sees_users()?;
    let mut query = query.into_inner();
    let paging = Paging { after: query.after.take(), limit: query.limit };
    let after = paging.after_number()?.unwrap_or(i64::MIN);
    let listed = context
        .ask(move |conn| {
            let selection = query.selection(conn)?;
            let mut persons = person::select(conn, &selection, after, paging.rows())?;
            let declared = profile_field::list(conn)?;
            let values = persons.iter_mut().flat_map(|person| [&mut person.fields, &mut person.local]);
            profile_field::conceal(&declared, values);
            let mut origins = origins(conn)?;
            let records = records(conn, &AsOf::Now, persons, &mut origins, Utc::now())?;
            Ok(Listed::new(records, &paging, |one| one.id.to_string(), |one| one))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// One user.
pub async fn show(context: Data<WebContext>, client: Client, id: Path<String>) -> Result<HttpResponse, Problem> {
    client.sees_users()?;
    let whole = context
        .ask(move |conn| {
            let missing = || Problem::missing("user", &id);
            let number = id.parse().map_err(|_| missing())?;
            let mut person = person::find(conn, &AsOf::Now, number)?.ok_or_else(missing)?;
            profile_field::conceal(&profile_field::list(conn)?, [&mut person.fields, &mut person.local]);
            let mut origins = origins(conn)?;
            let stored = resource::of_person(conn, &AsOf::Now, number)?;
            origins.learn_runs(conn, stored.iter().map(|one| one.run_id))?;
            let accounts = stored.into_iter().filter_map(|one| {
                let names = origins.entity_type(one.entity_type_id)?;
                Some(Account {
                    connector: names.connector.clone(),
                    entity_type: names.name.clone(),
                    place: place(origins.file(one.entity_type_id, one.run_id), one.line),
                    key: one.key,
                    run: one.run_id,
                    attributes: one.attributes,
                })
            });
            let accounts = accounts.collect();
            let record = records(conn, &AsOf::Now, vec![person], &mut origins, Utc::now())?.pop();
            Ok(Whole { record: record.ok_or_else(missing)?, accounts })
        })
        .await?;
    Ok(HttpResponse::Ok().json(whole))
}

/// Everything that is held on one user, as `muster user export` writes it. The audit log says who asked.
pub async fn export(
    context: Data<WebContext>,
    client: Client,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    client.sees_users()?;
    let store = context.work.store.clone();
    let (who, from) = (client.who(), origin::of(&request));
    let export = async move {
        context
            .ask(move |conn| {
                let missing = || Problem::missing("user", &id);
                let number = id.parse().map_err(|_| missing())?;
                let person = person::find(conn, &AsOf::Now, number)?.ok_or_else(missing)?;
                let everything = user_export::export(conn, &store, person, Utc::now())
                    .map_err(|error| Problem::from(WebError::Internal(error.to_string())))?;
                audit::record(conn, &who, "export", &format!("user {number}"), serde_json::json!({}))?;
                Ok(everything)
            })
            .await
    };
    Ok(HttpResponse::Ok().json(origin::within(from, export).await?))
}

/// Users that came, changed or went, and groups that they joined or left, in the order in which it became visible.
pub async fn changes(
    context: Data<WebContext>,
    client: Client,
    query: Query<ChangesQuery>,
) -> Result<HttpResponse, Problem> {
    client.sees_users()?;
    let ChangesQuery { since, after, limit } = query.into_inner();
    let paging = Paging { after, limit };
    let changes = context
        .ask(move |conn| {
            let from: Place = match paging.after.as_deref() {
                None => Place::default(),
                Some("now") => outbox::end(conn)?,
                Some(text) => text.parse().map_err(Problem::request)?,
            };
            let mut items = outbox::user_changes(conn, from, since, paging.rows())?;
            let more = items.len() > paging.limit();
            items.truncate(paging.limit());
            let next = items.last().map_or(from, UserChange::place).to_string();
            Ok(Changes { items, next, more })
        })
        .await?;
    Ok(HttpResponse::Ok().json(changes))
}
