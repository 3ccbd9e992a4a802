//! Damaged feeds, thousands of them, over all formats. Whatever is done to a file, nothing panics, and nothing is lost in
//! silence: either every record that is intact is read, or the file is refused, with its name, and where it can be known
//! with line and column.
//!
//! The corpus is read in a process of its own, so that its peak of memory is that of the readers alone.

mod damage;
mod feeds;

use damage::Case;
use feeds::Feed;
use muster::connectors::{Changes, ConnectionError, ConnectionRequest, Extraction, SourceEnd, kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Says in which process we are.
const CHILD: &str = "MUSTER_TEST_CORPUS";
/// The most memory that the readers may take, the test's own feeds included.
const MOST_MEMORY: u64 = 200 << 20;

/// The rows of a table in memory.
#[derive(Default)]
struct Rows(Vec<Vec<String>>);

impl Extraction for Rows {
    fn begin(&mut self, _: &str, _: &str, _: &[String]) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn row(&mut self, _: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        self.0.push(values.map(|value| String::from_utf8(value.to_vec()).unwrap()).collect());
        Ok(())
    }

    fn begin_changes(&mut self, _: &str, _: &str, _: &Changes<'_>) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn change(
        &mut self,
        _: &str,
        _: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        self.row(line, values)
    }

    fn cursor(&mut self, _: Value) {}

    fn pair(&mut self, _: &str, _: [&str; 2], _: Option<u64>, _: [&[u8]; 2]) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn end(&mut self, _: SourceEnd) -> Result<(), ConnectionError> {
        Ok(())
    }
}

fn read(folder: &Path, file: &str, settings: &Value) -> Result<Vec<Vec<String>>, ConnectionError> {
    let mut table = settings.clone();
    table["name"] = json!("people");
    table["file"] = json!(file);
    let definition = json!({"name": "feed", "kind": "files", "folder": folder, "table": [table]});
    let request = ConnectionRequest {
        definition: serde_json::from_value(definition).unwrap(),
        secrets: BTreeMap::new(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::from([("people".into(), feeds::COLUMNS.map(str::to_owned).to_vec())]),
        key_columns: Default::default(),
        matched_columns: Default::default(),
        pair_columns: BTreeMap::new(),
    };
    let mut rows = Rows::default();
    kind("files").unwrap().export(&request, &mut rows).map(|()| rows.0)
}

/// What came of the corpus.
#[derive(Default)]
struct Figures {
    cases: usize,
    read: usize,
    refused: usize,
    /// Refusals whose place is known.
    known: usize,
    /// Those that name it.
    exact: usize,
    by_format: BTreeMap<&'static str, [usize; 5]>,
    failures: Vec<String>,
    inexact: Vec<String>,
}

impl Figures {
    fn hold(&mut self, feed: &Feed, case: &Case, result: Result<Vec<Vec<String>>, ConnectionError>) {
        self.cases += 1;
        let of = self.by_format.entry(feed.format).or_default();
        of[0] += 1;
        let name = format!("{} {}", feed.file, case.what);
        match result {
            Ok(rows) => {
                self.read += 1;
                of[1] += 1;
                let mut rest = rows.iter();
                let lost = case.intact.iter().find(|&&record| !rest.any(|row| *row == feed.rows[record]));
                if case.must_fail || lost.is_some() {
                    self.failures.push(format!("{name}: read, without record {lost:?}: {} rows", rows.len()));
                }
            }
            Err(error) => {
                self.refused += 1;
                of[2] += 1;
                if !error.place.starts_with(feed.file) && !error.place.starts_with("table ") {
                    self.failures.push(format!("{name}: the file is not named: {error}"));
                }
                if case.must_pass {
                    self.failures.push(format!("{name}: refused: {error}"));
                }
                let Some(expected) = &case.place else { return };
                self.known += 1;
                of[3] += 1;
                if expected.is(&error.place) {
                    self.exact += 1;
                    of[4] += 1;
                } else {
                    self.inexact.push(format!("{name}: {error} (expected {expected:?})"));
                }
            }
        }
    }
}

#[test]
fn a_damaged_feed_is_read_without_loss_or_refused_at_its_place() {
    if std::env::var_os(CHILD).is_none() {
        return in_a_process_of_its_own("a_damaged_feed_is_read_without_loss_or_refused_at_its_place");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut figures = Figures::default();
    for feed in feeds::all() {
        std::fs::write(folder.path().join(feed.file), &feed.content).unwrap();
        let whole = read(folder.path(), feed.file, &feed.settings).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(whole, feed.rows, "{}", feed.file);
        for case in damage::all(&feed) {
            std::fs::write(folder.path().join(feed.file), &case.content).unwrap();
            let result = read(folder.path(), feed.file, case.settings.as_ref().unwrap_or(&feed.settings));
            figures.hold(&feed, &case, result);
        }
    }
    let Figures { cases, read, refused, known, exact, .. } = figures;
    println!("{cases} damaged feeds: {read} read, {refused} refused, {exact} of {known} known places exact");
    for (format, [cases, read, refused, known, exact]) in &figures.by_format {
        println!("  {format}: {cases} feeds, {read} read, {refused} refused, {exact} of {known} places");
    }
    println!("peak of memory: {} MiB", peak_of_memory() >> 20);
    for one in figures.inexact.iter().take(60) {
        println!("inexact: {one}");
    }
    assert!(
        figures.failures.is_empty(),
        "{}\n{}",
        figures.failures.len(),
        figures.failures[..figures.failures.len().min(40)].join("\n")
    );
    assert!(cases >= 3_000, "{cases}");
    assert!(exact * 100 >= known * 98, "{exact} of {known}");
    assert!(peak_of_memory() < MOST_MEMORY, "{}", peak_of_memory());
}

#[test]
fn a_line_of_a_hundred_megabytes_is_refused_in_bounded_memory() {
    if std::env::var_os(CHILD).is_none() {
        return in_a_process_of_its_own("a_line_of_a_hundred_megabytes_is_refused_in_bounded_memory");
    }
    let folder = tempfile::tempdir().unwrap();
    for (file, settings, before) in [
        ("p.csv", json!({}), "id,name,mail,note\n1,"),
        ("p.csv", json!({}), "id,name,mail,note\n1,\""),
        ("p.tsv", json!({}), "id\tname\tmail\tnote\n1\t"),
        ("p.json", json!({}), "[{\"id\": \"1\"},\n{\"id\": \""),
        ("p.ndjson", json!({}), "{\"id\": \"1\"}\n{\"id\": \""),
        ("p.xml", json!({"record": "p"}), "<all><p/>\n<p><id>"),
        ("p.xml", json!({"record": "p", "values": "attributes"}), "<all><p/>\n<p id=\""),
        ("p.ldif", json!({}), "dn: cn=a\nid: "),
        ("p.ldif", json!({}), "dn: cn=a\n# "),
        ("p.csv", json!({"encoding": "windows-1252"}), "id,name,mail,note\n1,"),
    ] {
        let path = folder.path().join(file);
        std::fs::write(&path, before).unwrap();
        let mut open = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            std::io::Write::write_all(&mut open, &piece).unwrap();
        }
        drop(open);
        let error = read(folder.path(), file, &settings).expect_err(file);
        assert!(error.place.starts_with(&format!("{file}, line 2, column ")), "{error}");
        assert!(error.message.contains("16 MiB"), "{error}");
        println!("{error}");
    }
    println!("peak of memory: {} MiB", peak_of_memory() >> 20);
    assert!(peak_of_memory() < MOST_MEMORY, "{}", peak_of_memory());
}

/// Runs a test of this binary alone, and passes on what it says.
fn in_a_process_of_its_own(test: &str) {
    let name = format!("connectors::files_corpus::{test}");
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", &name, "--nocapture"]).env(CHILD, "1").output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The most memory that this process had at once.
fn peak_of_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
