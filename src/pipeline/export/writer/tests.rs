use super::*;
use crate::connectors::PairColumn;
use crate::pipeline::index::{
    IndexReader, Span, key_digest, owner_digest, pair_digest, pair_seed, pairs_version, rows_version,
};
use crate::pipeline::mapping::Mapper;
use crate::pipeline::progress::Progress;
use crate::store::{Sealed, StoreLocation};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Read;

fn request(pairs: &[PairColumn]) -> ConnectionRequest {
    let definition = json!({"name": "feed", "kind": "files", "folder": "/srv", "table": [{"name": "people"}]});
    ConnectionRequest {
        definition: serde_json::from_value(definition).unwrap(),
        secrets: BTreeMap::new(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::new(),
        pair_columns: BTreeMap::from([("people".to_owned(), pairs.to_vec())]),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(&StoreLocation::folder(folder.path())).unwrap();
    (folder, store)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|column| format!("column {column}")).collect()
}

/// Writes rows, each so many source lines after the one before.
fn write(store: &Store, rows: &[(u64, Vec<String>)], width: usize) -> Result<ExtractionFile, ConnectionError> {
    let request = request(&[]);
    let (readers, tell) = (Readers::default(), |_: &str, _: u64| Ok(()));
    let mut writer = ExtractionWriter::new(store.clone(), "test/00", &request, &readers, &tell);
    writer.begin("people", "people.csv", &names(width))?;
    let mut line = 1;
    for (lines, row) in rows {
        line += lines;
        writer.row(Some(line), &mut row.iter().map(String::as_bytes))?;
    }
    Ok(writer.finish()?.remove(0))
}

fn readers() -> Readers {
    serde_json::from_value(json!({
        "entity_types": [{
            "name": "person", "source": "feed.people", "where": "row.b != 'gone'",
            "property": [{"name": "key", "column": "a", "key": true}, {"name": "other", "column": "b"}]
        }],
        "associations": [{
            "name": "friend", "from": "person", "to": "person", "source": "feed.people", "from_column": "a",
            "to_column": "c", "cardinality": "many_to_many"
        }]
    }))
    .unwrap()
}

proptest! {
    #[test]
    fn an_index_says_what_reading_the_file_would_tell(
        rows in prop::collection::vec(("[ab\n, ]{0,2}", prop_oneof![Just("gone".to_owned()), "[\"x\n]{0,2}"], "[a-c]?"), 0..30)
    ) {
        let (_folder, store) = store();
        let (request, readers, tell) = (request(&[]), readers(), |_: &str, _: u64| Ok(()));
        let mut writer = ExtractionWriter::new(store.clone(), "test/00", &request, &readers, &tell);
        let header = ["a", "b", "c"].map(str::to_owned);
        writer.begin("people", "people.csv", &header).unwrap();
        for (a, b, c) in &rows {
            writer.row(None, &mut [a, b, c].into_iter().map(|value| value.as_bytes())).unwrap();
        }
        let file = writer.finish().unwrap().remove(0);
        let (person, friend) = (&readers.entity_types[0], &readers.associations[0]);
        let mapper = Mapper::new(person, &[], &header).unwrap();
        let progress = Progress::default();
        let open = |scope: &str, version: &str| IndexReader::open(&store, &file, scope, version, &progress).unwrap();
        let mut people = open("person", &rows_version(mapper.version())).unwrap();
        let mut friends = open("friend", &pairs_version(friend, person, [0, 2])).unwrap();
        prop_assert!(open("person", &rows_version(mapper.version() + 1)).is_none(), "another mapping");
        prop_assert!(open("friend", &pairs_version(friend, person, [0, 1])).is_none(), "another column");

        let content = std::io::read_to_string(store.reader(&file.path).unwrap()).unwrap();
        let mut reader = csv::Reader::from_reader(content.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let key = crate::pipeline::mapping::reader_of(person, None).unwrap();
        let piece = |span: Span| &content[span.offset as usize..(span.offset + span.bytes) as usize];
        for record in &records {
            let entry = people.read().unwrap().unwrap();
            prop_assert_eq!(entry.key, mapper.key(record).unwrap().map(|key| key_digest(&key)));
            prop_assert_eq!(entry.digest, mapper.digest(record).0.max(1));
            prop_assert_eq!(entry.in_scope, mapper.in_scope(record).unwrap());
            prop_assert_eq!(entry.span.line, record.position().unwrap().line());
            prop_assert_eq!(entry.span.offset, record.position().unwrap().byte());
            let mut alone = csv::ReaderBuilder::new().has_headers(false).from_reader(piece(entry.span).as_bytes());
            prop_assert_eq!(&alone.records().next().unwrap().unwrap(), record);
        }
        prop_assert!(people.read().unwrap().is_none());
        let mut left = records.as_slice();
        while let Some(pairs) = friends.read().unwrap() {
            let (these, rest) = left.split_at(pairs.span.rows as usize);
            let sum = these.iter().map(|row| pair_digest(pair_seed(friend), &row[2])).fold(0, u128::wrapping_add);
            prop_assert_eq!(pairs.digest, sum);
            prop_assert_eq!(pairs.key, owner_digest(&key, &these[0][0]));
            prop_assert!(these.iter().all(|row| row[0] == these[0][0]));
            prop_assert_eq!(pairs.span.offset, these[0].position().unwrap().byte());
            prop_assert!(rest.first().is_none_or(|next| next[0] != these[0][0]));
            left = rest;
        }
        prop_assert!(left.is_empty());
    }
}

fn sealed(file: &ExtractionFile) -> Sealed {
    Sealed { sha256: file.sha256.clone(), bytes: file.bytes }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(
        (width, rows) in (1usize..5).prop_flat_map(|width| {
            let value = prop_oneof![
                "[a-z,\"\n\r ;é健]{0,8}", Just(String::new()), Just("\"".to_owned()), Just("\r\n".to_owned())
            ];
            let row = (1u64..4, prop::collection::vec(value, width));
            (Just(width), prop::collection::vec(row, 0..20))
        })
    ) {
        let (_folder, store) = store();
        let file = write(&store, &rows, width).unwrap();
        prop_assert_eq!(file.rows, rows.len() as u64);
        let content = store.verified(&file.path, &sealed(&file)).unwrap();
        let mut reader = csv::Reader::from_reader(content);
        prop_assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), names(width));
        let mut line = 1;
        let mut read = 0;
        for (record, (lines, row)) in reader.records().zip(&rows) {
            let record = record.unwrap();
            line += lines;
            read += 1;
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), row.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(file.lines.source_line(record.position().unwrap().line()), line);
        }
        prop_assert_eq!(read, rows.len());
    }
}

#[test]
fn a_changed_extraction_is_noticed() {
    let (folder, store) = store();
    let rows: Vec<_> = (0..1000).map(|row| (1, vec![row.to_string(), "x".repeat(50)])).collect();
    let file = write(&store, &rows, 2).unwrap();
    let path = folder.path().join(&file.path);
    let original = std::fs::read(&path).unwrap();
    let read = || {
        let mut reader = store.verified(&file.path, &sealed(&file)).unwrap();
        let mut content = Vec::new();
        reader.read_to_end(&mut content).map(|_| reader.is_verified())
    };
    assert!(read().unwrap());
    let flipped = original.iter().enumerate().map(|(at, byte)| if at == 30_000 { byte ^ 1 } else { *byte }).collect();
    let longer = [&original[..], b"1001,x\n"].concat();
    let shorter = original[..original.len() - 53].to_vec();
    for changed in [flipped, longer, shorter, Vec::new()] {
        std::fs::write(&path, changed).unwrap();
        let error = read().unwrap_err();
        assert!(error.to_string().contains("changed after it was sealed"), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(store.reader(&file.path).map(|_| ()).unwrap_err().to_string().contains("not in the extraction store"));
}

#[test]
fn pairs_leave_beside_their_table_even_if_there_are_none() {
    let (_folder, store) = store();
    let pair = |column: &str| PairColumn { key_column: "id".into(), column: column.into(), separator: None };
    let request = request(&[pair("member"), pair("owner")]);
    let (readers, tell) = (Readers::default(), |_: &str, _: u64| Ok(()));
    let mut writer = ExtractionWriter::new(store.clone(), "test/00", &request, &readers, &tell);
    writer.begin("people", "the directory", &names(2)).unwrap();
    writer.row(None, &mut [&b"1"[..], b"a"].into_iter()).unwrap();
    writer.pair("people.member", ["id", "member"], Some(7), [b"1", b"uid=a,dc=example"]).unwrap();
    let files = writer.finish().unwrap();
    let tables: Vec<_> = files.iter().map(|file| (file.source_table.as_str(), file.rows)).collect();
    assert_eq!(tables, [("feed.people", 1), ("feed.people.member", 1), ("feed.people.owner", 0)]);
    assert!(files.iter().map(ExtractionFile::is_pairs).eq([false, true, true]));
    let mut content = String::new();
    store.reader(&files[1].path).unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "id,member\n1,\"uid=a,dc=example\"\n");
    assert_eq!((files[1].lines.source_line(2), files[0].lines.source_line(2)), (7, 2));
}

#[test]
fn a_table_that_was_not_read_or_read_wrongly_fails_the_export() {
    let (_folder, store) = store();
    let request = request(&[]);
    let (readers, tell) = (Readers::default(), |_: &str, _: u64| Ok(()));
    let writer = ExtractionWriter::new(store.clone(), "test/00", &request, &readers, &tell);
    assert!(writer.finish().unwrap_err().message.contains("was not read"));
    let error = write(&store, &[(1, vec!["1".into()])], 2).unwrap_err();
    assert_eq!(error.place, "people.csv, line 2");
}

#[test]
fn an_unfinished_extraction_leaves_nothing() {
    let (folder, store) = store();
    let mut writer = store.writer("test/half").unwrap();
    for _ in 0..300 {
        writer.write_all(&[b'x'; 64 << 10]).unwrap();
    }
    assert_ne!(std::fs::read_dir(folder.path().join("test")).unwrap().count(), 0, "parts are on disk by now");
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path().join("test")).unwrap().count(), 0);
    write(&store, &[], 1).unwrap();
    store.delete_prefix("test").unwrap();
    assert!(!folder.path().join("test").exists());
    store.delete_prefix("test").unwrap();
}

#[test]
fn the_store_works_within_async_programs() {
    let (_folder, store) = store();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let writing = store.clone();
        let file = tokio::task::spawn_blocking(move || write(&writing, &[(1, vec!["1".into()])], 1)).await;
        assert_eq!(file.unwrap().unwrap().rows, 1);
        drop(store);
    });
}
