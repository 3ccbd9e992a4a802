//! `?as_of=`: pages that can be seen as they were at a moment, and links that stay there.

use super::elements::When;
use super::error::WebError;
use super::links;
use super::page::Layout;
use crate::model::as_of::{self, AsOf};
use crate::model::run::{Run, RunId};
use crate::values::moment::{read_moment, write_moment};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diesel::pg::PgConnection;

/// The name of the parameter.
const PARAMETER: &str = "as_of";

/// When a page is looked at.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// Now, or then.
    pub at: AsOf,
    /// What the parameter says; empty: now.
    pub parameter: String,
}

/// The form by which one looks back, and what stands above a page of then.
pub struct LookBack {
    /// The page's address without a query.
    pub action: String,
    /// The rest of its query, without the place in a list.
    pub hidden: Vec<(String, String)>,
    /// What the form's field shows.
    pub value: String,
    /// The latest moment that makes sense.
    pub latest: String,
    /// Set if the page shows then.
    pub past: Option<Past>,
}

/// What stands above a page of then.
pub struct Past {
    /// `20 Nov 2026, 10:00:00 UTC`.
    pub exact: String,
    /// The same, relative.
    pub when: When,
    /// For forms of the page.
    pub parameter: String,
    /// The same page now.
    pub now: String,
    /// The last run applied by then: its page, what to call it, and its connector.
    pub run: Option<(String, String, String)>,
}

impl Moment {
    /// The moment that a query asks for.
    pub fn read(conn: &mut PgConnection, query: &str, now: DateTime<Utc>) -> Result<Self, WebError> {
        let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == PARAMETER);
        let Some(text) = asked.map(|(_, value)| value.trim().to_owned()).filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let moment = read_moment(&text).ok_or_else(|| {
            WebError::BadRequest(
                "as_of is not a moment. Write it as 2026-11-20T10:00:00Z; without a zone it is taken to be UTC.".into(),
            )
        })?;
        let at = as_of::look_back(conn, moment, now)?;
        Ok(Self { at, parameter: parameter(moment) })
    }

    /// An address with this moment.
    pub fn keep(&self, address: impl Into<String>) -> String {
        at(&address.into(), &self.parameter)
    }

    /// Whether it is now.
    pub fn is_now(&self) -> bool {
        self.at.is_now()
    }

    /// When: that moment, or `now`.
    pub fn or(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.at.moment().unwrap_or(now)
    }

    /// What says that something is not there: at all, or not then. `life`: from when to when it was there.
    pub fn missing(
        &self,
        what: &str,
        name: impl std::fmt::Display,
        address: &str,
        life: Option<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    ) -> WebError {
        let Some((began, ended)) = life else { return WebError::missing(what, name) };
        let (message, look) = match (self.at.moment(), ended) {
            (Some(moment), _) if moment < began => {
                (format!("There was no {what} {name} yet on {}. It came on {}.", exact(moment), exact(began)), began)
            }
            (_, Some(ended)) => {
                (format!("There is no {what} {name} any more. It went on {}.", exact(ended)), just_before(ended))
            }
            (_, None) => return WebError::missing(what, name),
        };
        WebError::Elsewhere {
            message,
            href: at(address, &parameter(look)),
            words: format!("As it was on {}", exact(look)),
        }
    }
}

/// An address as of a moment.
pub fn address_at(address: &str, moment: DateTime<Utc>) -> String {
    at(address, &parameter(moment))
}

/// All users before and after an applied run.
pub fn around(run: &Run) -> Option<[String; 2]> {
    let applied = run.applied_at?;
    Some([just_before(applied), applied].map(|moment| address_at(links::USERS, moment)))
}

/// The last moment at which what ended then was there.
pub fn just_before(moment: DateTime<Utc>) -> DateTime<Utc> {
    moment - TimeDelta::microseconds(1)
}

/// `20 Nov 2026, 10:00:00 UTC`.
pub fn exact(moment: DateTime<Utc>) -> String {
    moment.format("%-d %b %Y, %H:%M:%S UTC").to_string()
}

/// As the parameter says it, to the microsecond, as it is stored.
pub fn parameter(moment: DateTime<Utc>) -> String {
    let micros = DateTime::from_timestamp_micros(moment.timestamp_micros()).unwrap_or(moment);
    write_moment(micros)
}

fn at(address: &str, parameter: &str) -> String {
    let joint = if address.contains('?') { '&' } else { '?' };
    match links::with_query("", &[(PARAMETER, parameter)]).strip_prefix('?') {
        None => address.to_owned(),
        Some(query) => format!("{address}{joint}{query}"),
    }
}

impl Layout {
    /// Makes this a page that one can look back with; the moment is what its address asks for.
    pub fn look_back(&mut self, conn: &mut PgConnection) -> Result<Moment, WebError> {
        let (path, query) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let moment = Moment::read(conn, query, self.now)?;
        let others = url::form_urlencoded::parse(query.as_bytes())
            .filter(|(name, value)| !["after", "before", PARAMETER].contains(&&**name) && !value.is_empty());
        let hidden: Vec<(String, String)> =
            others.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let past = match moment.at.moment() {
            None => None,
            Some(then) => {
                let pairs: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
                let run = as_of::last_applied(conn, then)?;
                Some(Past {
                    exact: exact(then),
                    when: When::new(then, self.now),
                    parameter: moment.parameter.clone(),
                    now: links::with_query(path, &pairs),
                    run: run.map(|one| (links::run(RunId(one.run)), format!("run {}", one.run), one.connector_title)),
                })
            }
        };
        let field =
            |moment: DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::Secs, true).trim_end_matches('Z').to_owned();
        self.look_back = Some(LookBack {
            action: path.to_owned(),
            hidden,
            value: field(moment.or(self.now)),
            latest: field(self.now),
            past,
        });
        Ok(moment)
    }

    /// What the page's own forms carry along, if it shows then.
    pub fn as_of(&self) -> Option<&str> {
        Some(&self.look_back.as_ref()?.past.as_ref()?.parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_moment_to_the_microsecond() {
        let moment = DateTime::from_timestamp_micros(1_795_140_184_123_456).unwrap();
        let kept = Moment { at: AsOf::Now, parameter: parameter(moment) };
        assert_eq!(kept.keep("/users/1"), "/users/1?as_of=2026-11-20T02%3A03%3A04.123456Z");
        assert_eq!(kept.keep("/users?q=a"), "/users?q=a&as_of=2026-11-20T02%3A03%3A04.123456Z");
        assert_eq!(Moment::default().keep("/users/1"), "/users/1");
        assert_eq!(read_moment(&kept.parameter), Some(moment));
    }
}
