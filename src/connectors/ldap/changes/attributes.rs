//! Attributes of Active Directory that change without their entry being written: back links such as `memberOf` (what is
//! written is the group), values that are computed when asked for, and values that each domain controller keeps to
//! itself. The schema says which they are.

use super::super::root::RootDse;
use super::super::search::PagedSearch;
use super::super::session::Session;
use super::super::settings::SearchTable;
use crate::connectors::ConnectionError;
use ldap3::Scope;
use std::collections::BTreeSet;

/// `systemFlags`: not replicated (1), computed (4).
const NOT_WRITTEN: i64 = 1 | 4;

/// Computed or kept, but from the entry itself alone, so that they change only when it is written or renamed.
const OF_THE_ENTRY: &[&str] = &[
    "canonicalname",
    "createtimestamp",
    "distinguishedname",
    "objectguid",
    "parentguid",
    "primarygrouptoken",
    "structuralobjectclass",
    "usncreated",
];

/// These change with every write.
const OF_EVERY_WRITE: &[&str] = &["modifytimestamp", "usnchanged", "whenchanged"];

/// Known without a schema that can be read.
const KNOWN: &[&str] = &[
    "badpasswordtime",
    "badpwdcount",
    "directreports",
    "lastlogoff",
    "lastlogon",
    "logoncount",
    "managedobjects",
    "memberof",
    "tokengroups",
];

/// Follows members of members (`LDAP_MATCHING_RULE_IN_CHAIN`).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// Those of the names that change without their entry being written.
pub async fn untold(
    session: &Session,
    root: &RootDse,
    table: &SearchTable,
    names: &[String],
) -> Result<Vec<String>, ConnectionError> {
    let names: Vec<&str> = names
        .iter()
        .map(|name| name.split(';').next().unwrap_or(name))
        .filter(|name| !is_written_with_any(name) && !is_among(name, OF_THE_ENTRY))
        .collect();
    let known = names.iter().filter(|name| is_among(name, KNOWN)).map(|&name| name.to_owned());
    let mut untold: BTreeSet<String> = known.collect();
    let said = match root.values("schemaNamingContext").next() {
        Some(schema) if !names.is_empty() => said_by_schema(session, schema, table, &names).await,
        _ => Ok(Vec::new()),
    };
    match said {
        Ok(said) => untold.extend(said),
        Err(error) if error.transient => return Err(error),
        // Not for this account to read: what is known has to do.
        Err(_) => {}
    }
    Ok(untold.into_iter().collect())
}

async fn said_by_schema(
    session: &Session,
    schema: &str,
    table: &SearchTable,
    names: &[&str],
) -> Result<Vec<String>, ConnectionError> {
    let conditions: String =
        names.iter().map(|name| format!("(lDAPDisplayName={})", ldap3::ldap_escape(*name))).collect();
    let table = SearchTable {
        base: schema.to_owned(),
        scope: Scope::OneLevel,
        filter: format!("(&(objectClass=attributeSchema)(|{conditions}))"),
        attributes: ["lDAPDisplayName", "systemFlags", "linkID"].map(str::to_owned).to_vec(),
        ..table.clone()
    };
    let mut search = PagedSearch::new(session.clone(), &table, 100);
    let mut untold = Vec::new();
    while let Some(entry) = search.next().await? {
        let value = |attribute: &str| {
            let found = entry.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
            found.and_then(|(_, values)| std::str::from_utf8(values.first()?).ok())
        };
        let number = |attribute: &str| value(attribute).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        // The links of the other side have odd numbers.
        if number("systemFlags") & NOT_WRITTEN != 0 || number("linkID") % 2 == 1 {
            untold.extend(value("lDAPDisplayName").map(str::to_owned));
        }
    }
    Ok(untold)
}

/// What of a filter can come to hold, or hold no longer, without the entry being written; `None`: nothing.
pub async fn leaning(
    session: &Session,
    root: &RootDse,
    table: &SearchTable,
) -> Result<Option<String>, ConnectionError> {
    if table.filter.contains(IN_CHAIN) {
        return Ok(Some(IN_CHAIN.to_owned()));
    }
    Ok(untold(session, root, table, &of_filter(&table.filter)).await?.into_iter().next())
}

/// The attributes that a filter names.
pub fn of_filter(filter: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    for part in filter.split('(').skip(1) {
        let end = part.find(['=', '<', '>', '~', ':']).unwrap_or(0);
        let name = part[..end].trim();
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.;".contains(&byte)) {
            names.insert(name.to_owned());
        }
    }
    names.into_iter().collect()
}

/// Whether every write of an entry changes the attribute.
pub fn is_written_with_any(name: &str) -> bool {
    is_among(name, OF_EVERY_WRITE)
}

fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_of_a_filter_are_found() {
        let filter = "(&(objectCategory=person)(|(mail=*@example.org)(!(company~=x\\28y\\29)))\
                      (userAccountControl:1.2.840.113556.1.4.803:=2)(uSNChanged>=5))";
        assert_eq!(of_filter(filter), ["company", "mail", "objectCategory", "uSNChanged", "userAccountControl"]);
        assert!(of_filter("(:dn:2.4.6.8.10:=Dino)").is_empty());
    }
}
