//! Active Directory's DirSync: with the cookie of last time, a domain controller names all objects of a naming context
//! of which something has changed, deleted ones among them.
//!
//! It knows neither our base nor our filter, leaves out what did not change, and gives an object's name, but not that it
//! has left a branch. So it is asked only *which* objects were touched; each is then read by the table's own search, as
//! it is now. Those that the search does not find are gone, if they were there before. Only attributes that are read
//! matter (and those of the filter), so the noise of sign-ins never comes here.
//!
//! Two things are not told: entries below a branch that was renamed or moved have other names (then all are listed by
//! name), and attributes that change without their entry being written (then it is not used, see [`super::attributes`]).

use super::super::dirsync::{DIRSYNC, DirSyncFault, Touched, follow};
use super::super::root::RootDse;
use super::super::row::RowShape;
use super::found::Found;
use super::identity::Identity;
use super::settle::{MOST_UNREAD, expired, read_by_identity};
use super::{Watched, attributes, timestamp, usn};
use crate::connectors::{ChangesError, ConnectionError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap3::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Finds nothing.
const NOTHING: &str = "(!(objectClass=*))";

/// Finds everything, whatever became of it.
const EVERYTHING: &str = "(objectClass=*)";

/// Of more objects with another name it is not looked up one by one whether others are below them.
const MOST_LOOKED_UP: usize = 200;

/// Where a naming context stood.
#[derive(Serialize, Deserialize)]
struct Position {
    context: String,
    /// Of the domain controller's database.
    invocation: String,
    /// Base64.
    cookie: String,
}

/// Why the server can do it, or not.
pub fn offer(root: &RootDse) -> Result<&'static str, &'static str> {
    match root.is_active_directory() && root.offers(DIRSYNC) {
        true => Ok("this account may follow changes by DirSync"),
        false => Err("the server does not offer DirSync (Active Directory)"),
    }
}

/// Where the naming context stands; or why this account, or this table, can't follow it.
pub async fn position(watched: &Watched<'_>) -> Result<Result<Value, String>, ConnectionError> {
    let table = &watched.table;
    let Some(context) = watched.root.context_of(&table.base) else {
        return Ok(Err("its base is in no naming context of this server".to_owned()));
    };
    if let Some(leaning) = attributes::leaning(watched.session, watched.root, table).await? {
        let why = format!("its filter asks for `{leaning}`, which changes without the entry being written");
        return Ok(Err(why));
    }
    let asked = follow(watched.session, &context, NOTHING, &["name".to_owned()], Vec::new(), &mut |_| Ok(())).await;
    match asked {
        Ok(cookie) => {
            let invocation = usn::invocation(watched).await?;
            if invocation.is_empty() {
                return Ok(Err(usn::UNSEEN.to_owned()));
            }
            Ok(Ok(json!(Position { context, invocation, cookie: STANDARD.encode(cookie) })))
        }
        Err(DirSyncFault::Refused(words)) => Ok(Err(format!(
            "not permitted, the server says {words}; let its administrator grant this account \"Replicating Directory \
             Changes\" on {context}"
        ))),
        Err(DirSyncFault::Failed(error)) => Err(error),
    }
}

/// What changed since.
pub async fn changes(watched: &Watched<'_>, position: &Value) -> Result<Found, ChangesError> {
    let position = Position::deserialize(position).ok();
    let before = position.and_then(|position| Some((STANDARD.decode(&position.cookie).ok()?, position)));
    let Some((cookie, position)) = before else {
        return Err(expired(watched, "was left with a cookie that can't be read"));
    };
    usn::confirm(watched, &position.invocation).await?;
    let mut touched = BTreeSet::new();
    let mut renamed = Vec::new();
    let mut is_too_much = false;
    let mut hear = |object: Touched| {
        touched.insert(object.identity);
        is_too_much = touched.len() > MOST_UNREAD;
        if is_too_much {
            return Err(DirSyncFault::Refused(String::new()));
        }
        // A new object comes with its class. What is below it was made or moved there, and comes by itself.
        let is_new = object.has("objectclass");
        if (object.has("name") || object.has("parentguid")) && !is_new && !object.is_deleted() {
            renamed.push(object.dn);
        }
        Ok(())
    };
    let asked = asked(&watched.table.attributes, &watched.table.filter);
    let followed = follow(watched.session, &position.context, EVERYTHING, &asked, cookie, &mut hear).await;
    let cookie = match followed {
        Ok(cookie) => cookie,
        Err(_) if is_too_much => {
            return Err(expired(watched, "has changed so much that reading all of it is less work"));
        }
        Err(DirSyncFault::Refused(words)) => {
            let why = format!("can't be told changes of by DirSync any more: the server says {words}");
            return Err(expired(watched, &why));
        }
        Err(DirSyncFault::Failed(error)) => return Err(error.into()),
    };

    let mut found = Found { end: format!("DirSync, {} objects touched", touched.len()), ..Found::default() };
    let shape = RowShape::new(&watched.table);
    let touched: Vec<Identity> = touched.into_iter().collect();
    read_by_identity(watched, &shape, touched.clone(), &mut found.changed).await?;
    found.gone = touched.into_iter().filter(|identity| found.changed.get(identity).is_none()).collect();
    if holds_others(watched, &renamed).await? {
        found.present = Some(timestamp::list(watched, None).await?);
        found.end.push_str("; branches were renamed, so that all entries were listed by name");
    }
    found.position = Some(json!(Position { cookie: STANDARD.encode(cookie), ..position }));
    Ok(found)
}

/// The attributes whose changes matter; none: all.
fn asked(of_table: &[String], filter: &str) -> Vec<String> {
    let of_filter = attributes::of_filter(filter);
    let named = of_table.iter().chain(&of_filter).map(String::as_str);
    let mut asked: BTreeSet<String> =
        ["name", "parentGUID", "objectClass", "isDeleted"].into_iter().map(str::to_owned).collect();
    for name in named {
        if attributes::is_written_with_any(name) {
            return Vec::new();
        }
        asked.insert(name.split(';').next().unwrap_or(name).to_owned());
    }
    asked.into_iter().collect()
}

/// Whether others are below any of the objects with these names.
async fn holds_others(watched: &Watched<'_>, names: &[String]) -> Result<bool, ConnectionError> {
    if names.len() > MOST_LOOKED_UP {
        return Ok(true);
    }
    for name in names {
        match watched.session.finds(name, Scope::OneLevel, EVERYTHING).await {
            Ok(false) => {}
            Err(error) if error.transient => return Err(error),
            // Moved on meanwhile, or not for this account to see: then others may be.
            Ok(true) | Err(_) => return Ok(true),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_what_is_read_or_filtered_by_matter_and_no_others() {
        let of_table = ["mail", "userCertificate;binary", "WhenChanged"].map(str::to_owned);
        let asked_for = asked(&of_table[..2], "(&(objectCategory=person)(!(company=x)))");
        let own = ["isDeleted", "name", "objectClass", "parentGUID"];
        let expected: BTreeSet<&str> =
            ["company", "mail", "objectCategory", "userCertificate"].into_iter().chain(own).collect();
        assert_eq!(asked_for.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        assert!(asked(&of_table, EVERYTHING).is_empty(), "every write changes it");
    }
}
