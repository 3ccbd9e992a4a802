//! The API (SPEC 9.3): JSON for programs that come with a token. One resource is one file.
//!
//! [`gate`] stands before each address: token, scope, limits. There are no cookies and no sessions here, so that no
//! browser can be led to do anything. Whatever goes wrong is a [`problem::Problem`] (RFC 9457). Lists are read page by
//! page, each with the cursor of the next. `openapi.json` describes all of it; a test holds it against
//! [`super::routes`].

pub mod changes;
pub mod connectors;
pub mod decisions;
pub mod feeds;
pub mod files;
pub mod gate;
pub mod groups;
pub mod limits;
pub mod openapi;
pub mod problem;
pub mod problems;
pub mod runs;
pub mod users;

use super::{WebContext, origin};
use actix_web::web as actix;
use diesel::pg::PgConnection;
use problem::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Where the API begins.
pub const PREFIX: &str = "/api/";

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Listed<T> {
    items: Vec<T>,
    /// What `after` is on the next page; none: this is the last.
    next: Option<String>,
}

impl<T> Listed<T> {
    /// From one row more than the page holds: the surplus says that there is a next page.
    fn new<R>(mut rows: Vec<R>, paging: &Paging, cursor: impl Fn(&R) -> String, item: impl FnMut(R) -> T) -> Self {
        let more = rows.len() > paging.limit();
        rows.truncate(paging.limit());
        let next = if more { rows.last().map(cursor) } else { None };
        Self { items: rows.into_iter().map(item).collect(), next }
    }
}

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Paging {
    /// The `next` of the page before.
    after: Option<String>,
    limit: Option<usize>,
}

impl Paging {
    const USUAL: usize = 100;
    const MOST: usize = 1000;

    fn limit(&self) -> usize {
        self.limit.unwrap_or(Self::USUAL).clamp(1, Self::MOST)
    }

    /// Rows to ask for: one more than are shown.
    fn rows(&self) -> i64 {
        self.limit() as i64 + 1
    }

    /// A cursor that is a number.
    fn after_number(&self) -> Result<Option<i64>, Problem> {
        let number = |text: &String| text.parse().map_err(|_| Problem::request("after is not a cursor of this list"));
        self.after.as_ref().map(number).transpose()
    }
}

/// A switch in a query: `?dry_run` and `?dry_run=true` are on.
fn is_on(switch: Option<&String>) -> bool {
    switch.is_some_and(|value| matches!(value.as_str(), "" | "true" | "yes" | "1"))
}

/// What a JSON body says; no body says nothing.
fn said<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    match body.trim_ascii_start().first() {
        None => return Ok(T::default()),
        Some(b'{') => {}
        Some(_) => return Err(Problem::request("the body is a JSON object, or nothing")),
    }
    if body.windows(6).any(|six| six == b"\\u0000") {
        return Err(Problem::request("the body holds a NUL, which no text here has"));
    }
    serde_json::from_slice(body).map_err(|error| {
        Problem::request(format!("the body is not the JSON that is expected here: {error}"))
            .with("line", error.line())
            .with("column", error.column())
    })
}

impl WebContext {
    /// Runs blocking database work for the API on a thread of its own.
    pub async fn ask<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut PgConnection) -> Result<T, Problem> + Send + 'static,
    {
        let (db, origin) = (self.work.db.clone(), origin::current());
        let work = move || {
            let mut conn = db.get().map_err(super::error::WebError::from)?;
            origin::told(&mut conn, origin.as_deref(), work)
        };
        let done = actix::block(work).await;
        done.map_err(|_| Problem::from(super::error::WebError::Stopped))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surplus_row_makes_a_next_page() {
        let paging = Paging { after: None, limit: Some(2) };
        let listed = Listed::new(vec![7, 8, 9], &paging, |row: &i32| row.to_string(), |row| row);
        assert_eq!((listed.items, listed.next), (vec![7, 8], Some("8".to_owned())));
        let listed = Listed::new(vec![7, 8], &paging, |row: &i32| row.to_string(), |row| row);
        assert_eq!(listed.next, None);
        assert_eq!(Paging { after: None, limit: Some(0) }.limit(), 1);
        assert!(Paging { after: Some("x".into()), limit: None }.after_number().is_err());
    }
}
