//! Expressions: the first lines are one, the last is a record. What compiles gives the same each time, and fails in words.
#![no_main]

use csv::StringRecord;
use libfuzzer_sys::fuzz_target;
use muster::values::expression::{Expression, Header, LONGEST_VALUE, Row};
use muster_fuzz::own_panics_only;

const COLUMNS: [&str; 3] = ["Name", "Login", "Given Name"];

fuzz_target!(|content: &str| own_panics_only(|| {
    let (source, record) = content.rsplit_once('\n').unwrap_or((content, ""));
    let compiled = match Expression::compile(source) {
        Ok(compiled) => compiled,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty(), "{error:?}");
            return;
        }
    };
    assert_eq!(compiled.source(), source);
    let header = Header::new(&COLUMNS.map(str::to_owned));
    let values: StringRecord = record.split('|').take(COLUMNS.len()).collect();
    let row = Row::new(&header, &values);
    // By their words, since a number that is none is not like itself.
    let first = format!("{:?}", compiled.evaluate(&row));
    assert_eq!(first, format!("{:?}", compiled.evaluate(&row)), "the same record gives the same");
    if let (Some(column), Ok(value)) = (compiled.plain_column(), compiled.evaluate(&row)) {
        assert_eq!(Some(&*value.into_text()), row.text(column), "it is nothing but the column");
    } else if let Ok(value) = compiled.evaluate(&row) {
        assert!(value.into_text().len() <= LONGEST_VALUE);
    }
}));
