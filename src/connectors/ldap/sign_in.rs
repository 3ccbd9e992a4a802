//! Whether a directory takes a name with a password: the entry is searched with the connection's own account, and must be
//! exactly one; then its own name is bound with the password (RFC 4513). An empty password is never sent: a server takes
//! it for nobody, and says yes. Nobody learns here whether there is such a name: one that is not found costs a bind too.

use super::row::{Row, RowShape};
use super::search::PagedSearch;
use super::session::Session;
use super::settings::{DirectorySettings, Protection, SearchTable};
use super::unasked::Unasked;
use super::{dn, range};
use crate::connectors::ConnectionError;
use crate::connectors::sign_in::{GroupsOf, SignInRequest, SignedIn};
use ldap3::Scope;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What tells entries apart, whatever they are called: in most directories, and in Active Directory.
const IDS: [&str; 2] = ["entryUUID", "objectGUID"];

/// More groups of one entry are not looked at.
const MOST_GROUPS: usize = 10_000;

/// The entry, if the password is its own.
pub async fn check(settings: &DirectorySettings, request: &SignInRequest) -> Result<Option<SignedIn>, ConnectionError> {
    let place = format!("table `{}`", request.table);
    let table = settings.tables.iter().find(|table| table.name == request.table);
    let table = table.ok_or_else(|| ConnectionError::permanent(&place, "there is no such table"))?;
    if request.name.trim().is_empty() || request.password.trim().is_empty() {
        return Ok(None);
    }
    is_private(settings)?;
    let session = Session::open(settings).await?;
    let result = check_with(settings, &session, table, request).await;
    session.close().await;
    // What was typed stays out of what is said.
    result.map_err(|error| ConnectionError {
        message: error.message.replace(&*ldap3::ldap_escape(request.name.as_str()), "…"),
        ..error
    })
}

async fn check_with(
    settings: &DirectorySettings,
    session: &Session,
    table: &SearchTable,
    request: &SignInRequest,
) -> Result<Option<SignedIn>, ConnectionError> {
    let Some((shape, row)) = only_entry(settings, session, table, request).await? else {
        let nobody = format!("cn=muster-knows-nobody-of-that-name,{}", table.base);
        session.takes(nobody.trim_end_matches(','), &request.password).await?;
        return Ok(None);
    };
    let groups = groups(settings, session, &shape, &row, request).await?;
    // The last operation: from here on the session is somebody else's.
    if !session.takes(&row.dn, &request.password).await? {
        return Ok(None);
    }
    let id = IDS.iter().find_map(|id| shape.cell(&row, id)).map(|id| String::from_utf8_lossy(id).into_owned());
    Ok(Some(SignedIn {
        id: id.or_else(|| dn::matched_form(&row.dn)).unwrap_or_else(|| row.dn.clone()),
        columns: shape.header(),
        row: shape.table_cells(&row).into_iter().map(|cell| String::from_utf8_lossy(&cell).into_owned()).collect(),
        groups,
    }))
}

/// The one entry of that name, as a row of the table; `None` if there is none, or several.
async fn only_entry(
    settings: &DirectorySettings,
    session: &Session,
    table: &SearchTable,
    request: &SignInRequest,
) -> Result<Option<(RowShape, Row)>, ConnectionError> {
    let named = request.filter.replace("{name}", &ldap3::ldap_escape(request.name.as_str()));
    let asked: Vec<&str> = match &request.groups {
        GroupsOf::Attribute(attribute) => IDS.into_iter().chain([attribute.as_str()]).collect(),
        GroupsOf::Search { .. } => IDS.to_vec(),
    };
    let table = SearchTable { filter: both(&table.filter, &named), ..table.with(&asked) };
    let mut search = PagedSearch::new(session.clone(), &table, settings.page_size.min(2));
    let Some(entry) = search.next().await? else { return Ok(None) };
    // A name is never empty, or the bind would be nobody's.
    if search.next().await?.is_some() || entry.dn.trim().is_empty() {
        return Ok(None);
    }
    let shape = RowShape::new(&table);
    let mut row = shape.row(entry, &mut Unasked::default()).map_err(|fault| search.refuse(&fault.to_string()))?;
    range::complete(session, &shape, &mut row).await?;
    Ok(Some((shape, row)))
}

/// Those of the wanted groups that an entry is in.
async fn groups(
    settings: &DirectorySettings,
    session: &Session,
    shape: &RowShape,
    row: &Row,
    request: &SignInRequest,
) -> Result<Vec<String>, ConnectionError> {
    if request.wanted.is_empty() {
        return Ok(Vec::new());
    }
    let same = |name: &str| dn::matched_form(name).unwrap_or_else(|| name.to_lowercase());
    let mut found: BTreeSet<String> = BTreeSet::new();
    match &request.groups {
        GroupsOf::Attribute(attribute) => {
            let names = shape.values(row, attribute).iter().take(MOST_GROUPS);
            found.extend(names.map(|name| same(&String::from_utf8_lossy(name))));
        }
        GroupsOf::Search { base, filter } => {
            let filter = filter.replace("{dn}", &ldap3::ldap_escape(row.dn.as_str()));
            let table = group_table(base, filter);
            let mut search = PagedSearch::new(session.clone(), &table, settings.page_size);
            while let Some(group) = search.next().await? {
                found.insert(same(&group.dn));
                if found.len() > MOST_GROUPS {
                    return Err(search.refuse("an entry is in more groups than can be looked at"));
                }
            }
        }
    }
    Ok(request.wanted.iter().filter(|wanted| found.contains(&same(wanted))).cloned().collect())
}

/// The groups' names alone.
fn group_table(base: &str, filter: String) -> SearchTable {
    SearchTable {
        name: "groups".to_owned(),
        base: base.to_owned(),
        scope: Scope::Subtree,
        filter,
        attributes: Vec::new(),
        binary_attributes: Vec::new(),
        pairs: Vec::new(),
        keys: Vec::new(),
        matched: Vec::new(),
        changes: super::settings::Wish::None,
    }
}

fn both(filter: &str, named: &str) -> String {
    let closed = |filter: &str| if filter.starts_with('(') { filter.to_owned() } else { format!("({filter})") };
    format!("(&{}{})", closed(filter), closed(named))
}

/// The passwords of people go over encrypted connections only, or stay on this machine.
fn is_private(settings: &DirectorySettings) -> Result<(), ConnectionError> {
    let is_here = |host: &str| host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    let open = settings
        .servers
        .iter()
        .find(|server| server.socket.is_none() && server.protection == Protection::None && !is_here(&server.host));
    match open {
        None => Ok(()),
        Some(server) => Err(ConnectionError::permanent(
            &server.name,
            "passwords of people are not sent in the clear: use ldaps:// or `start_tls = true`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::both;
    use proptest::prelude::*;

    #[test]
    fn two_filters_become_one() {
        assert_eq!(both("(objectClass=person)", "uid=ada"), "(&(objectClass=person)(uid=ada))");
        assert!(ldap3::parse_filter(both("objectClass=*", "(|(uid=a)(mail=a))")).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_one_value_of_the_filter(name in "[\\x00-\\x7f]{0,40}|\\PC{0,40}") {
            let filter = format!("(uid={})", ldap3::ldap_escape(name.as_str()));
            prop_assert!(ldap3::parse_filter(&filter).is_ok(), "{filter:?}");
            let inside = &filter["(uid=".len()..filter.len() - 1];
            prop_assert!(!inside.contains(['(', ')', '*', '\0']), "{filter:?}");
        }
    }
}
