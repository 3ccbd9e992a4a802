//! CSV: what is accepted reads as any reader of CSV reads it, and reads the same once it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, Kept, read};
use serde_json::json;

fuzz_target!(|content: &[u8]| {
    if let Ok(kept) = read(&Feed::new("people.csv", json!({})), content) {
        assert_same_as_a_reader_of_csv(&kept, content);
        assert_same_when_written_again(&kept);
    }
    let other = json!({"separator": ";", "quotes": false, "encoding": "windows-1252", "skip_lines": 1});
    let _ = read(&Feed::new("people.csv", other), content);
    let headless = json!({"columns": ["id", "name"], "separator": "|"});
    if let Ok(kept) = read(&Feed::new("people.csv", headless), content) {
        assert_eq!(kept.columns, ["id", "name"]);
    }
});

/// Only of what both take for the same text and the same lines.
fn assert_same_as_a_reader_of_csv(kept: &Kept, content: &[u8]) {
    let lone = |at: usize| content[at] == b'\r' && content.get(at + 1) != Some(&b'\n');
    let is_plain = std::str::from_utf8(content).is_ok() && !content.starts_with(b"\xEF\xBB\xBF");
    if !is_plain || (0..content.len()).any(lone) {
        return;
    }
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    let headers: Vec<&str> = reader.headers().expect("a header").iter().map(str::trim).collect::<Vec<_>>();
    assert_eq!(headers, kept.columns);
    let records: Vec<csv::StringRecord> = reader.into_records().map(|record| record.expect("a record")).collect();
    assert_eq!(records.len(), kept.rows.len());
    for (record, values) in records.iter().zip(kept.values()) {
        assert!(record.iter().eq(values), "{record:?} is read as {values:?}");
    }
}

fn assert_same_when_written_again(kept: &Kept) {
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    writer.write_record(&kept.columns).expect("a header");
    kept.values().for_each(|values| writer.write_record(values).expect("a record"));
    let content = writer.into_inner().expect("all of it");
    let again = read(&Feed::new("again.csv", json!({})), &content).expect("what was written again is accepted");
    assert_eq!(again.columns, kept.columns);
    assert!(again.values().eq(kept.values()), "{:?} became {:?}", kept.rows, again.rows);
}
