//! The language of paths: the first line is a path, the second conditions, the rest a record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster::connectors::http::json::Json;
use muster::connectors::http::path::{Condition, Names, Path, matches_all};
use muster::connectors::http::row::RowShape;

fuzz_target!(|content: &str| {
    let mut lines = content.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (path, conditions, record) = (line(), line(), line());
    let record = Json::parse(record.as_bytes()).ok();
    for names in [Names::Exact, Names::Scim] {
        if let Ok(parsed) = Path::parse(path, names) {
            let printed = parsed.to_string();
            // With quotes it may be longer than a path can be.
            if printed.len() <= path.len().max(900) {
                assert_eq!(Path::parse(&printed, names).as_ref(), Ok(&parsed), "{path:?} is printed as {printed:?}");
            }
            assert!(parsed.step_names().next().is_some(), "a path leads somewhere");
            if let Some(record) = record {
                let found = parsed.find(record);
                assert!(found.iter().all(|found| Json::parse(found.raw().as_bytes()).is_ok()));
                let mut shape = RowShape::new("people", &[path.to_owned()], names, &[]).expect("it is a path");
                let row = shape.row(record);
                assert_eq!(row.is_ok(), parsed.values(record).is_ok());
                assert!(row.is_err() || row.is_ok_and(|row| shape.cells(row).len() == 1));
            }
        }
        if let (Ok(conditions), Some(record)) = (Condition::parse_all(conditions), record) {
            let each = conditions.iter().all(|one| matches_all(std::slice::from_ref(one), record, names));
            assert_eq!(matches_all(&conditions, record, names), each);
        }
    }
    if let Ok(parsed) = Condition::parse_all(conditions) {
        let printed = parsed.iter().map(Condition::to_string).collect::<Vec<_>>().join(" and ");
        assert_eq!(Condition::parse_all(&printed), Ok(parsed), "{conditions:?} is printed as {printed:?}");
    }
});
