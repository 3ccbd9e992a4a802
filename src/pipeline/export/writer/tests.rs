use super::*;
use crate::connectors::PairColumn;
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
    let mut tell = |_: &str, _: u64| {};
    let mut writer = ExtractionWriter::new(store.clone(), "test/00", &request, &mut tell);
    writer.begin("people", "people.csv", &names(width))?;
    let mut line = 1;
    for (lines, row) in rows {
        line += lines;
        writer.row(Some(line), &mut row.iter().map(String::as_bytes))?;
    }
    Ok(writer.finish()?.remove(0))
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
    let mut tell = |_: &str, _: u64| {};
    let mut writer = ExtractionWriter::new(store.clone(), "test/00", &request, &mut tell);
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
    let mut tell = |_: &str, _: u64| {};
    let writer = ExtractionWriter::new(store.clone(), "test/00", &request, &mut tell);
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
