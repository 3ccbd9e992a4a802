//! Changes, as they are named on the command line: `hr_person,delete`, `key=1001`, `scope=manager,update`,
//! `hr_person,update,property=mail,key=10*`.

use super::Refusal;
use crate::model::change::ChangeFilter;
use crate::model::guard::Operation;

/// How the commands that take filters explain them.
pub(super) const HELP: &str = "FILTER is a list of terms with commas between, all of which have to match: the name of an \
    entity type or association, `insert`, `update` or `delete`, `property=NAME`, `key=KEY` (`key=10*` for all that begin \
    with 10). Several filters: what any of them matches.";

/// The filters of the command line.
pub(super) fn parse(filters: &[String]) -> anyhow::Result<Vec<ChangeFilter>> {
    filters.iter().map(|text| one(text)).collect()
}

fn one(text: &str) -> anyhow::Result<ChangeFilter> {
    let mut filter = ChangeFilter::default();
    for term in text.split(',').map(str::trim).filter(|term| !term.is_empty()) {
        let operation = Operation::ALL.into_iter().find(|operation| operation.as_str() == term);
        match (term.split_once('='), operation) {
            (Some(("scope", name)), _) => filter.scope = Some(name.to_owned()),
            (Some(("property", name)), _) => filter.property = Some(name.to_owned()),
            (Some(("key", key)), _) => {
                let beginning = key.strip_suffix('*');
                filter.key = Some(beginning.unwrap_or(key).to_owned());
                filter.exact = beginning.is_none();
            }
            (None, Some(operation)) => filter.operation = Some(operation),
            (None, None) => filter.scope = Some(term.to_owned()),
            (Some((other, _)), _) => {
                let message = format!("{text:?}: {other:?} is unknown here; known are scope, property and key");
                return Err(Refusal::usage(message).into());
            }
        }
    }
    if text.split(',').all(|term| term.trim().is_empty()) {
        return Err(
            Refusal::usage("an empty filter would match everything; `muster discard` refuses a whole run").into()
        );
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_told_apart() {
        let filter = one("hr_person, update,property=mail,key=10*").unwrap();
        assert_eq!((filter.scope.as_deref(), filter.operation), (Some("hr_person"), Some(Operation::Update)));
        assert_eq!(
            (filter.property.as_deref(), filter.key.as_deref(), filter.exact),
            (Some("mail"), Some("10"), false)
        );
        let filter = one("scope=delete,key=a=b").unwrap();
        assert_eq!((filter.scope.as_deref(), filter.key.as_deref(), filter.exact), (Some("delete"), Some("a=b"), true));
        assert!(one(" , ").is_err() && one("colour=red").is_err());
    }
}
