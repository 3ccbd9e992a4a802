//! What is accepted and what is refused, case by case: content of the file → rows with their lines, or the place of the
//! first doubt.

mod fuzzed;
mod ldif;
mod named;
mod packed;
mod patterns;
mod sheet;

use super::*;
use crate::connectors::{SourceEnd, UploadedFile};
use crate::model::connection::ConnectionDefinition;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Keeps everything in memory.
#[derive(Default)]
struct Memory {
    tables: Vec<(String, String, Vec<String>)>,
    rows: Vec<(u64, Vec<String>)>,
    pairs: Vec<(String, u64, [String; 2])>,
    ends: Vec<String>,
}

impl Extraction for Memory {
    fn begin(&mut self, table: &str, source_file: &str, columns: &[String]) -> Result<(), ConnectionError> {
        self.tables.push((table.into(), source_file.into(), columns.to_vec()));
        Ok(())
    }

    fn row(&mut self, line: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        let values = values.map(|value| String::from_utf8(value.to_vec()).unwrap()).collect();
        self.rows.push((line.unwrap(), values));
        Ok(())
    }

    fn begin_changes(&mut self, table: &str, source_file: &str, changes: &Changes<'_>) -> Result<(), ConnectionError> {
        self.begin(table, source_file, changes.columns)
    }

    fn change(
        &mut self,
        command: &str,
        given: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        let word = given.map_or_else(|| command.to_owned(), |given| format!("{command} {}", given.join(" ")));
        let row: Vec<Vec<u8>> = std::iter::once(word.into_bytes()).chain(values.map(<[u8]>::to_vec)).collect();
        self.row(line, &mut row.iter().map(Vec::as_slice))
    }

    fn cursor(&mut self, _: serde_json::Value) {}

    fn pair(
        &mut self,
        table: &str,
        _: [&str; 2],
        line: Option<u64>,
        values: [&[u8]; 2],
    ) -> Result<(), ConnectionError> {
        let values = values.map(|value| String::from_utf8(value.to_vec()).unwrap());
        self.pairs.push((table.into(), line.unwrap(), values));
        Ok(())
    }

    fn end(&mut self, end: SourceEnd) -> Result<(), ConnectionError> {
        self.ends.push(end.words);
        Ok(())
    }
}

fn request(folder: &Path, file: &str, mut settings: Value) -> ConnectionRequest {
    settings["name"] = json!("people");
    settings["file"] = json!(file);
    let definition: ConnectionDefinition =
        serde_json::from_value(json!({"name": "feed", "kind": "files", "folder": folder, "table": [settings]}))
            .unwrap();
    ConnectionRequest {
        definition,
        secrets: BTreeMap::new(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::new(),
        pair_columns: BTreeMap::new(),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
    }
}

fn export(file: &str, content: &[u8], settings: Value, columns: &[&str]) -> Result<Memory, ConnectionError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), content).unwrap();
    let mut request = request(folder.path(), file, settings);
    request.mapped_columns.insert("people".into(), columns.iter().map(|name| name.to_string()).collect());
    let mut memory = Memory::default();
    Files.export(&request, &mut memory)?;
    Ok(memory)
}

fn csv(content: impl AsRef<[u8]>, settings: Value) -> Result<Memory, ConnectionError> {
    export("people.csv", content.as_ref(), settings, &[])
}

#[track_caller]
fn accepts(content: impl AsRef<[u8]>, settings: Value, expected: &[(u64, &[&str])]) {
    let content = content.as_ref();
    let memory = csv(content, settings).unwrap_or_else(|error| panic!("{error}: {}", content.escape_ascii()));
    let rows: Vec<(u64, Vec<&str>)> =
        memory.rows.iter().map(|(line, row)| (*line, row.iter().map(String::as_str).collect())).collect();
    let expected: Vec<(u64, Vec<&str>)> = expected.iter().map(|(line, row)| (*line, row.to_vec())).collect();
    assert_eq!(rows, expected, "{}", content.escape_ascii());
}

#[track_caller]
fn refuses(content: impl AsRef<[u8]>, settings: Value, place: &str, message: &str) {
    let content = content.as_ref();
    match csv(content, settings) {
        Ok(memory) => panic!("{} gave {:?}", content.escape_ascii(), memory.rows),
        Err(error) => {
            assert_eq!(error.place, place, "{}: {}", content.escape_ascii(), error.message);
            assert!(error.message.contains(message), "{}", error.message);
        }
    }
}

#[test]
fn csv_as_the_rfc_has_it_is_accepted() {
    let rows: &[(u64, &[&str])] = &[(2, &["1", "x"]), (3, &["2", ""])];
    accepts("a,b\n1,x\n2,\n", json!({}), rows);
    accepts("a,b\n1,x\n2,", json!({}), rows);
    accepts("a,b\r\n1,x\r\n2,\r\n", json!({}), rows);
    accepts("\u{feff}a,b\n1,x\n2,\n", json!({}), rows);
    accepts("a,b\n\"1\",\"x\"\n\"2\",\"\"", json!({}), rows);
    accepts("a,b\n", json!({}), &[]);
    accepts("a,b", json!({}), &[]);
    accepts("a\n\"x \"\"y\"\" z\"\n\"\"\"\"\n", json!({}), &[(2, &["x \"y\" z"]), (3, &["\""])]);
    accepts("a\n x \n", json!({}), &[(2, &[" x "])]);
}

#[test]
fn lines_are_those_in_which_records_start() {
    accepts("a,b\n\n1,x\n\r\n\n2,y\n", json!({}), &[(3, &["1", "x"]), (6, &["2", "y"])]);
    accepts("a,b\n1,\"x\ny\r\nz\"\n2,y\n", json!({}), &[(2, &["1", "x\ny\r\nz"]), (5, &["2", "y"])]);
    accepts("\"a\",\"b\nc\"\n1,x\n", json!({}), &[(3, &["1", "x"])]);
    accepts("\n\na\n1\n", json!({}), &[(4, &["1"])]);
    accepts("made 2026\nby hr\na\n1\n", json!({"skip_lines": 2}), &[(4, &["1"])]);
    accepts("1,x\n2,y\n", json!({"columns": ["a", "b"]}), &[(1, &["1", "x"]), (2, &["2", "y"])]);
    accepts("", json!({"columns": ["a", "b"]}), &[]);
}

#[test]
fn separators_and_quotes_are_settings() {
    accepts("a;b\n1;x,y\n", json!({"separator": ";"}), &[(2, &["1", "x,y"])]);
    accepts("a\tb\n1\tx\n", json!({"separator": "tab"}), &[(2, &["1", "x"])]);
    accepts("a\tb\n1\tO\"Neil\n", json!({"format": "tsv", "quotes": false}), &[(2, &["1", "O\"Neil"])]);
    refuses("a", json!({"separator": "::"}), "table \"people\", separator", "is no separator");
    refuses("a", json!({"colour": "red"}), "table \"people\"", "colour");
}

#[test]
fn encodings_are_read_by_setting_or_mark() {
    let rows: &[(u64, &[&str])] = &[(2, &["Müller"])];
    let utf16 = |bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
        format!("{mark}a\nMüller\n").encode_utf16().flat_map(bytes).collect()
    };
    accepts(b"a\nM\xFCller\n", json!({"encoding": "windows-1252"}), rows);
    accepts(b"a\nM\xFCller\n", json!({"encoding": "iso-8859-1"}), rows);
    accepts(utf16(u16::to_le_bytes, "\u{feff}"), json!({}), rows);
    accepts(utf16(u16::to_be_bytes, "\u{feff}"), json!({"encoding": "windows-1252"}), rows);
    accepts(utf16(u16::to_le_bytes, ""), json!({"encoding": "utf-16le"}), rows);
    accepts("\u{feff}a\nMüller\n", json!({"encoding": "windows-1252"}), rows);
    refuses(utf16(u16::to_le_bytes, ""), json!({}), "people.csv, line 1, column 2", "UTF-16");
    let mut cut = utf16(u16::to_le_bytes, "\u{feff}");
    cut.pop();
    refuses(cut, json!({}), "people.csv, line 2, column 7", "UTF-16");
}

#[test]
fn any_doubt_is_refused_at_its_place() {
    refuses("a,b\n1,x\n2\n", json!({}), "people.csv, line 3, column 2", "1 fields, but there are 2 columns");
    refuses("a,b\n1,x\n2,yé,z\n", json!({}), "people.csv, line 3, column 6", "3 fields");
    refuses("a,b\r\n\r\n1\r\n", json!({}), "people.csv, line 3, column 2", "1 fields");
    refuses("a,b\n1,\"x\ny\",z\n", json!({}), "people.csv, line 3, column 4", "3 fields");
    refuses("a,b\n1,x\n2,\"y\n3,z\n", json!({}), "people.csv, line 3, column 3", "never closed");
    refuses("a,b\n1,x\"y\n", json!({}), "people.csv, line 2, column 4", "quotes = false");
    refuses("a,b\n\"1\"2,x\n", json!({}), "people.csv, line 2, column 4", "after a closing quote");
    refuses(b"a,b\n1,\xC3\xA9\xE9x\n", json!({}), "people.csv, line 2, column 4", "0xE9 is no UTF-8");
    refuses("a,b\n1,\0\n", json!({}), "people.csv, line 2, column 3", "NUL");
    refuses("a,b,a\n1,2,3\n", json!({}), "people.csv, line 1, column 1", "columns 1 and 3");
    refuses("a,,b\n1,2,3\n", json!({}), "people.csv, line 1, column 1", "column 2 of the header has no name");
    refuses("a,b\r1,2\r", json!({}), "people.csv, line 1, column 1", "CR alone");
    refuses("", json!({}), "people.csv", "empty");
    refuses("\u{feff}\n\n", json!({}), "people.csv", "empty");
    refuses("a\n", json!({"skip_lines": 2}), "people.csv", "skip_lines");
}

#[test]
fn a_quote_left_open_in_a_large_file_is_found_in_bounded_memory() {
    let mut content = b"a,b\n1,\"".to_vec();
    content.resize(40 << 20, b'x');
    refuses(content, json!({}), "people.csv, line 2, column 3", "not closed within 16 MiB");
}

#[test]
fn records_across_pieces_of_the_file_are_whole() {
    let mut content = "id,text\n".to_owned();
    let mut expected = Vec::new();
    let mut line = 2;
    for id in 0..60_000 {
        let text = "é\n\"".repeat(id % 7);
        content.push_str(&format!("{id},\"{}\"\n", text.replace('"', "\"\"")));
        line += 1;
        expected.push((line - 1, vec![id.to_string(), text.clone()]));
        line += text.matches('\n').count() as u64;
    }
    assert_eq!(csv(&content, json!({})).unwrap().rows, expected);
}

#[test]
fn paths_never_leave_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.csv"), "a\n1\n").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.csv"), folder.path().join("link.csv")).unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe.csv"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let absolute = outside.path().join("secret.csv");
    for (file, message) in [
        ("../secret.csv", "leaves the folder"),
        (absolute.to_str().unwrap(), "leaves the folder"),
        ("link.csv", "link that leaves the folder"),
        ("missing.csv", "no such file"),
        ("pipe.csv", "is no file"),
        (".", "is no file"),
    ] {
        let error = Files.export(&request(folder.path(), file, json!({})), &mut Memory::default()).unwrap_err();
        assert!(error.message.contains(message), "{file}: {error}");
    }
}

#[test]
fn several_values_leave_as_pairs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("groups.csv"), "code,members\ng1,a;b ;\n\ng2,\n\"g\"\"3\",c\n").unwrap();
    let mut request = request(folder.path(), "groups.csv", json!({}));
    let pair = PairColumn { key_column: "code".into(), column: "members".into(), separator: Some(";".into()) };
    request.pair_columns.insert("people".into(), vec![pair.clone()]);
    let mut memory = Memory::default();
    Files.export(&request, &mut memory).unwrap();
    let pairs: Vec<_> = memory.pairs.iter().map(|(_, line, [from, to])| (*line, from.as_str(), to.as_str())).collect();
    assert_eq!(pairs, [(2, "g1", "a"), (2, "g1", "b"), (5, "g\"3", "c")]);
    assert_eq!(memory.pairs[0].0, "people.members");
    assert_eq!(memory.rows.len(), 3);

    request.pair_columns.insert("people".into(), vec![PairColumn { column: "member".into(), ..pair }]);
    let error = Files.export(&request, &mut Memory::default()).unwrap_err();
    assert_eq!(error.to_string(), "groups.csv, header: there is no column \"member\"; there are code, members");
}

#[test]
fn uploads_are_read_where_they_lie_and_called_what_their_sender_called_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("4711");
    std::fs::write(&path, "a,b\n1\n").unwrap();
    let mut request = request(folder.path(), "people.csv", json!({}));
    request.definition.settings = json!({"upload": true, "auto_apply": true}).as_object().unwrap().clone();
    let error = Files.export(&request, &mut Memory::default()).unwrap_err();
    assert!(error.place == "feed.people" && error.message.contains("no file has been received"), "{error}");
    assert!(Files.check(&request).unwrap()[0].ok);
    request.uploads.insert("people".into(), UploadedFile { path, name: "People of today.csv".into() });
    let error = Files.export(&request, &mut Memory::default()).unwrap_err();
    assert_eq!(error.place, "People of today.csv, line 2, column 2");
}

#[test]
fn check_and_tables_tell_columns_and_samples() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), "a,b\n1,x\n2,y\n3,z\n4,w\n").unwrap();
    let request = request(folder.path(), "people.csv", json!({}));
    let findings = Files.check(&request).unwrap();
    assert_eq!(findings[0].message, "2 columns: a, b");
    let schema = &Files.tables(&request).unwrap()[0];
    assert_eq!(schema.samples, [["1", "x"], ["2", "y"], ["3", "z"]]);
    std::fs::remove_file(folder.path().join("people.csv")).unwrap();
    assert!(!Files.check(&request).unwrap()[0].ok);
}
