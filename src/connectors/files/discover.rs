//! The files of a folder that look like tables, with the settings they need: separator, encoding, where records are.

use super::settings::ConnectionSettings;
use super::{ConnectionError, ConnectionRequest};
use crate::model::connection::TableDefinition;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Files past this many are not looked at.
const MOST: usize = 50;
/// How much of a file is looked at.
const LOOK: u64 = 64 << 10;
/// What a line of CSV may be separated by, the likeliest first where two fit alike.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// One table for each file, in the order of their names. What came by upload is looked at as it lies.
pub(super) fn tables(connection: &ConnectionRequest) -> Result<Vec<TableDefinition>, ConnectionError> {
    let Some(folder) = ConnectionSettings::of(connection)?.folder else {
        let mut tables = Vec::new();
        for upload in connection.uploads.values() {
            let Some(mut settings) = look(&upload.path, &upload.name)? else { continue };
            settings.insert("file".into(), json!(upload.name));
            tables.push(TableDefinition { name: table_name(&upload.name), settings });
        }
        return Ok(tables);
    };
    let place = folder.display().to_string();
    let failed =
        |error: std::io::Error| ConnectionError::transient(&place, format!("this folder can't be read: {error}"));
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .map_err(failed)?
        .filter_map(|entry| entry.ok().filter(|entry| entry.path().is_file())?.file_name().into_string().ok())
        .filter(|name| ending(name).is_some())
        .collect();
    names.sort();
    names.truncate(MOST);
    let mut tables: Vec<TableDefinition> = Vec::new();
    for file in names {
        let Some(mut settings) = look(&folder.join(&file), &file)? else { continue };
        settings.insert("file".into(), json!(file));
        let stem = table_name(&file);
        let name = match tables.iter().any(|known| known.name == stem) {
            true => file.replace('.', "_"),
            false => stem,
        };
        tables.push(TableDefinition { name, settings });
    }
    Ok(tables)
}

/// A file's name without its ending, and without what can't be part of a table's name.
fn table_name(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let name: String = stem.chars().map(|c| if matches!(c, '.' | '/') || c.is_control() { '_' } else { c }).collect();
    let name: String = name.trim().chars().take(60).collect();
    if name.is_empty() { "table".to_owned() } else { name }
}

fn ending(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    const ENDINGS: [&str; 10] = ["csv", "txt", "tsv", "tab", "json", "jsonl", "ndjson", "ldif", "xml", "xlsx"];
    ENDINGS.into_iter().find(|known| ending.eq_ignore_ascii_case(known))
}

/// The settings that a file needs beside its name; `None`: it is no table.
fn look(path: &Path, name: &str) -> Result<Option<Map<String, Value>>, ConnectionError> {
    let failed = |error: std::io::Error| ConnectionError::transient(name, format!("can't be read: {error}"));
    if ending(name) == Some("xlsx") {
        return Ok(Some(Map::new()));
    }
    let mut start = Vec::new();
    File::open(path).map_err(failed)?.take(LOOK).read_to_end(&mut start).map_err(failed)?;
    let is_whole = (start.len() as u64) < LOOK;
    let mut settings = Map::new();
    let text = match utf8(&start, is_whole) {
        Some(text) => text,
        None if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) => return Ok(Some(settings)),
        None => {
            settings.insert("encoding".into(), json!("windows-1252"));
            encoding_rs::WINDOWS_1252.decode(&start).0.into_owned()
        }
    };
    match ending(name) {
        Some("json") => {
            if let Some(key) = array_within(&text) {
                settings.insert("record".into(), json!(key));
            }
        }
        Some("xml") => {
            let Some(record) = repeated_element(&text) else { return Ok(None) };
            settings.insert("record".into(), json!(record));
            // The declaration tells the encoding, or it is UTF-8.
            settings.remove("encoding");
        }
        Some("tsv" | "tab") => {}
        _ => match separator(&text, is_whole) {
            None => return Ok(None),
            Some(',') => {}
            Some('\t') => _ = settings.insert("separator".into(), json!("tab")),
            Some(other) => _ = settings.insert("separator".into(), json!(other.to_string())),
        },
    }
    Ok(Some(settings))
}

/// Text, if it is UTF-8 up to where it was cut.
fn utf8(start: &[u8], is_whole: bool) -> Option<String> {
    match std::str::from_utf8(start) {
        Ok(text) => Some(text.to_owned()),
        Err(error) if !is_whole && error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok().map(str::to_owned)
        }
        Err(_) => None,
    }
}

/// The character that stands in every line equally often, outside of quotes; a comma where there is but one column.
fn separator(text: &str, is_whole: bool) -> Option<char> {
    let mut lines: Vec<&str> = text.lines().take(50).filter(|line| !line.trim().is_empty()).collect();
    if !is_whole && lines.len() < 50 {
        lines.pop();
    }
    let header = *lines.first()?;
    let count = |line: &str, separator: char| {
        let mut quoted = false;
        let outside = line.chars().filter(|&c| {
            quoted ^= c == '"';
            c == separator && !quoted
        });
        outside.count()
    };
    let fits = |separator: &char| {
        let wanted = count(header, *separator);
        let same = lines.iter().filter(|line| count(line, *separator) == wanted).count();
        (wanted > 0).then_some((same * 100 / lines.len(), wanted, *separator))
    };
    let mut best: Option<(usize, usize, char)> = None;
    for found in SEPARATORS.iter().filter_map(fits) {
        if best.is_none_or(|best| (found.0, found.1) > (best.0, best.1)) {
            best = Some(found);
        }
    }
    Some(best.map_or(',', |(.., separator)| separator))
}

/// Where a JSON document is an object: the key of the array in it.
fn array_within(text: &str) -> Option<String> {
    let rest = text.trim_start_matches('\u{feff}').trim_start().strip_prefix('{')?;
    let open = rest.find('[')?;
    let (before, _) = rest.split_at(open);
    let key = before.trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
    Some(key.rsplit('"').next()?.to_owned())
}

/// The element that comes twice beside itself: a record.
fn repeated_element(text: &str) -> Option<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    // Names of the children that were seen, by depth.
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut only_child = None;
    loop {
        let (name, is_empty) = match reader.read_event() {
            Ok(Event::Start(element)) => (element.name().as_ref().to_vec(), false),
            Ok(Event::Empty(element)) => (element.name().as_ref().to_vec(), true),
            Ok(Event::End(_)) => {
                open.pop();
                continue;
            }
            Ok(Event::Eof) | Err(_) => return only_child,
            Ok(_) => continue,
        };
        let name = String::from_utf8(name).ok()?;
        let depth = open.len();
        let siblings = open.last_mut()?;
        if siblings.contains(&name) {
            return Some(name);
        }
        if depth == 2 && only_child.is_none() {
            only_child = Some(name.clone());
        }
        siblings.push(name);
        if !is_empty {
            open.push(Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_the_one_that_all_lines_share() {
        assert_eq!(separator("a;b;c\n1;2,5;3\n", true), Some(';'));
        assert_eq!(separator("a,b\n\"x;y\",2\n", true), Some(','));
        assert_eq!(separator("a\tb\n1\t2\n", true), Some('\t'));
        assert_eq!(separator("only\n1\n", true), Some(','));
        assert_eq!(separator("", true), None);
    }

    #[test]
    fn records_are_found_where_they_repeat() {
        assert_eq!(repeated_element("<clubs><club><code>a</code></club><club/></clubs>").as_deref(), Some("club"));
        let deeper = "<export><head/><people><person><tel/><tel2/></person><person></person></people></export>";
        assert_eq!(repeated_element(deeper).as_deref(), Some("person"));
        assert_eq!(repeated_element("<clubs><club><code>a</code></club></clubs>").as_deref(), Some("club"));
        assert_eq!(repeated_element("no xml"), None);
        assert_eq!(array_within("{ \"people\": [ {").as_deref(), Some("people"));
        assert_eq!(array_within("{\"total\": 2, \"people\" : [").as_deref(), Some("people"));
        assert_eq!(array_within("[{\"a\": [1]}]"), None);
    }

    #[test]
    fn a_file_is_told_by_its_ending_its_separator_and_its_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("b.people.csv", b"Id;Name\n1;Andr\xe9\n");
        write("people.tsv", b"Id\tName\n");
        write("people.csv", b"Id,Name\n1,Ada\n");
        write("readme.md", b"no table");
        write("empty.csv", b"");
        let mut settings = Map::new();
        settings.insert("folder".into(), json!(folder.path()));
        let request = ConnectionRequest {
            definition: crate::model::connection::ConnectionDefinition {
                name: "feed".into(),
                kind: "files".into(),
                tables: Vec::new(),
                settings,
            },
            secrets: Default::default(),
            uploads: Default::default(),
            mapped_columns: Default::default(),
            key_columns: Default::default(),
            matched_columns: Default::default(),
            pair_columns: Default::default(),
        };
        let found = tables(&request).unwrap();
        let names: Vec<_> = found.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["b_people", "people", "people_tsv"]);
        assert_eq!(found[0].settings["separator"], ";");
        assert_eq!(found[0].settings["encoding"], "windows-1252");
        assert_eq!(found[1].settings.len(), 1);
    }
}
