//! Patterns of file names: the last one wins, and is named.

use super::*;

fn names(folder: &Path, settings: Value) -> Result<(String, Vec<String>), ConnectionError> {
    let file = settings["file"].as_str().unwrap().to_owned();
    let mut memory = Memory::default();
    Files.export(&request(folder, &file, settings), &mut memory)?;
    Ok((memory.tables[0].1.clone(), memory.rows.into_iter().flat_map(|(_, row)| row).collect()))
}

#[test]
fn the_last_file_in_the_order_of_names_wins_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({"file": "people-*.csv"});
    let error = names(folder.path(), settings.clone()).unwrap_err();
    assert!(error.transient && error.to_string().contains("people-*.csv: there is no file of such a name"), "{error}");
    for (name, content) in [
        ("people-2026-11-20.csv", "a\nnew\n"),
        ("people-2026-11-03.csv", "a\nold\n"),
        ("people-2026-11-21.csv.part", "a\nhalf\n"),
        ("cards-2026-11-22.csv", "a\nother\n"),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    std::fs::create_dir(folder.path().join("people-9.csv")).unwrap();
    let (name, rows) = names(folder.path(), settings.clone()).unwrap();
    assert_eq!((name.as_str(), rows), ("people-2026-11-20.csv", vec!["new".to_owned()]));
    std::fs::write(folder.path().join("people-2026-11-20.csv"), "a\n1,2\n").unwrap();
    let error = names(folder.path(), settings).unwrap_err();
    assert_eq!(error.place, "people-2026-11-20.csv, line 2, column 3");
    for malformed in ["a*b*.csv", "a*/b.csv"] {
        let error = Files.check_settings(&request(folder.path(), malformed, json!({}))).unwrap_err();
        assert!(error.message.contains("one * only"), "{error}");
    }
}

#[test]
fn another_file_with_the_same_content_is_another_source() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people-1.csv"), "a\n1\n").unwrap();
    let request = request(folder.path(), "people-*.csv", json!({}));
    let table = &request.definition.tables[0];
    let mut sealing = crate::store::Sealing::default();
    sealing.add(b"a\n1\n");
    let is_same = |name: &str| Files.is_same_source(&request, table, name, &sealing.seal(), None).unwrap();
    assert!(is_same("people-1.csv"));
    std::fs::write(folder.path().join("people-2.csv"), "a\n1\n").unwrap();
    assert!(!is_same("people-1.csv"), "messages would name the wrong file");
    assert!(is_same("people-2.csv"));
}

#[test]
fn complete_files_and_changes_lie_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    write("people-full-1.csv", "a\n1\n");
    write("people-1.csv", "a,command\n2,insert\n");
    let settings = json!({"delta_file": "people-*.csv"});
    let request = request(folder.path(), "people-full-*.csv", settings);
    let mut memory = Memory::default();
    Files.export(&request, &mut memory).unwrap();
    assert_eq!(memory.tables[0].1, "people-full-1.csv");
    let cursor = delta::position(&request, &request.definition.tables[0]).unwrap().unwrap();
    assert_eq!(cursor["file"], "people-1.csv");
    write("people-2.csv", "a,command\n1,delete\n");
    write("people-full-2.csv", "a\n2\n");
    let mut memory = Memory::default();
    Files.changes(&request, &Cursors::from([("people".into(), cursor)]), &mut memory).unwrap();
    assert_eq!(memory.tables[0].1, "people-2.csv");
    assert_eq!(memory.rows, [(2, vec!["delete".to_owned(), "1".into()])]);
}

#[test]
fn a_file_that_is_sent_again_is_the_same_source_until_changes_come() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    write("people.csv", "a\n1\n");
    write("people-1.csv", "a,command\n2,insert\n");
    let request = request(folder.path(), "people.csv", json!({"delta_file": "people-*.csv"}));
    let table = &request.definition.tables[0];
    let cursor = delta::position(&request, table).unwrap();
    let mut sealing = crate::store::Sealing::default();
    sealing.add(b"a\n1\n");
    let is_same = || Files.is_same_source(&request, table, "people.csv", &sealing.seal(), cursor.as_ref()).unwrap();
    let again = std::fs::File::options().write(true).open(folder.path().join("people.csv")).unwrap();
    again.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(3600)).unwrap();
    assert_ne!(delta::position(&request, table).unwrap(), cursor, "it is newer");
    assert!(is_same());
    write("people-2.csv", "a,command\n1,delete\n");
    assert!(!is_same(), "the cursor would not know of these changes");
}
