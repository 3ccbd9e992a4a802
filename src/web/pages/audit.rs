//! The audit log: who did what to what, when, from where; filtered, page by page, and as a file.

mod file;

use crate::model::audit::{self, AuditEntry, Filter};
use crate::values::moment::read_moment;
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, download, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use file::{Form, LogFile};
use serde::Deserialize;
use serde_json::Value;

#[derive(Template)]
#[template(path = "pages/audit.html")]
struct AuditPage {
    layout: Layout,
    query: AuditQuery,
    actions: Vec<String>,
    lines: Vec<Line>,
    next: Option<String>,
    csv: String,
    json: String,
    is_filtered: bool,
}

struct Line {
    account: String,
    origin: String,
    action: String,
    subject: String,
    when: When,
    facts: Vec<(String, String)>,
    /// Name, before, after.
    changes: Vec<(String, String, String)>,
}

/// Which lines.
#[derive(Deserialize, Clone, Default)]
#[serde(default)]
pub struct AuditQuery {
    account: String,
    action: String,
    subject: String,
    from: String,
    until: String,
    before: Option<i64>,
}

impl AuditQuery {
    fn filter(&self) -> Result<Filter, WebError> {
        let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let moment = |text: &String| match text.trim() {
            "" => Ok(None),
            text => read_moment(text).map(Some).ok_or_else(|| {
                WebError::BadRequest(format!("{text:?} is no moment; write one such as 2026-11-20T10:00."))
            }),
        };
        Ok(Filter {
            account: text(&self.account),
            action: text(&self.action),
            subject: text(&self.subject),
            from: moment(&self.from)?,
            until: moment(&self.until)?,
        })
    }

    fn address(&self, path: &str, before: &str) -> String {
        let query = [
            ("account", self.account.as_str()),
            ("action", &self.action),
            ("subject", &self.subject),
            ("from", &self.from),
            ("until", &self.until),
            ("before", before),
        ];
        links::with_query(path, &query)
    }
}

/// The list, the newest first.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<AuditQuery>,
) -> Result<HttpResponse, WebError> {
    let query = query.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let filter = query.filter()?;
            let mut entries = audit::page(conn, &filter, query.before, PAGE as i64 + 1)?;
            let more = entries.len() > PAGE;
            entries.truncate(PAGE);
            let next = entries.last().filter(|_| more).map(|last| query.address(links::AUDIT, &last.id.to_string()));
            let now = layout.now;
            Ok(AuditPage {
                actions: audit::actions(conn)?,
                lines: entries.into_iter().map(|entry| line(entry, now)).collect(),
                next,
                csv: query.address("/audit.csv", ""),
                json: query.address("/audit.json", ""),
                is_filtered: filter != Filter::default(),
                query,
                layout: layout.titled(Section::Audit, "Audit log"),
            })
        })
        .await
}

/// All lines of the filter as CSV.
pub async fn csv(context: Data<WebContext>, _: Visitor, query: Query<AuditQuery>) -> Result<HttpResponse, WebError> {
    let file = LogFile::new(context.work.db.clone(), query.filter()?, Form::Csv);
    Ok(download::attachment("audit.csv", "text/csv; charset=utf-8").streaming(download::stream(file)))
}

/// All lines of the filter as JSON, one object a line.
pub async fn json(context: Data<WebContext>, _: Visitor, query: Query<AuditQuery>) -> Result<HttpResponse, WebError> {
    let file = LogFile::new(context.work.db.clone(), query.filter()?, Form::Json);
    Ok(download::attachment("audit.json", "application/x-ndjson").streaming(download::stream(file)))
}

fn line(entry: AuditEntry, now: DateTime<Utc>) -> Line {
    let mut facts = Vec::new();
    let mut changes = Vec::new();
    let none = serde_json::Map::new();
    let part = |name: &str| entry.detail.get(name).and_then(Value::as_object);
    let (before, after) = (part("before"), part("after"));
    if before.is_some() || after.is_some() {
        let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let value = |map: &serde_json::Map<String, Value>, name: &str| map.get(name).map(text).unwrap_or_default();
        changes.extend(names.into_iter().map(|name| (name.clone(), value(before, name), value(after, name))));
    }
    for (name, value) in entry.detail.as_object().into_iter().flatten() {
        let is_said_above = matches!(name.as_str(), "before" | "after") && value.is_object();
        if !is_said_above && !value.is_null() {
            facts.push((name.replace('_', " "), text(value)));
        }
    }
    Line {
        when: When::new(entry.at, now),
        origin: entry.origin.unwrap_or_default(),
        account: entry.account,
        action: entry.action,
        subject: entry.subject,
        facts,
        changes,
    }
}

/// A value as people read it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(|one| !one.is_object() && !one.is_array()) => {
            values.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
