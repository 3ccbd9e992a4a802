//! gzip and zip: what they hold is read as if it were plain; what is cut, damaged or a bomb is refused.

use super::*;
use flate2::write::GzEncoder;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let method = if content.len() < 20 { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn rows(file: &str, content: &[u8], settings: Value) -> Result<(String, Vec<Vec<String>>), ConnectionError> {
    let memory = export(file, content, settings, &["a"])?;
    Ok((memory.tables[0].1.clone(), memory.rows.into_iter().map(|(_, row)| row).collect()))
}

#[track_caller]
fn refused(file: &str, content: &[u8], settings: Value, place: &str, message: &str) {
    let error = rows(file, content, settings).map(|(_, rows)| rows.len()).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.message.contains(message), "{error}");
}

#[test]
fn what_is_packed_is_read_as_if_it_were_plain() {
    let one = vec![vec!["1".to_owned()]];
    let packed = gzip(b"a\n1\n");
    assert_eq!(rows("people.csv.gz", &packed, json!({})).unwrap(), ("people.csv.gz".into(), one.clone()));
    assert_eq!(rows("people.csv", &packed, json!({})).unwrap().1, one, "by its first bytes");
    assert_eq!(rows("people.json.gz", &gzip(b"[{\"a\": 1}]"), json!({})).unwrap().1, one);
    let two = [gzip(b"a\n1"), gzip(b"\n2\n")].concat();
    assert_eq!(rows("people.csv.gz", &two, json!({})).unwrap().1.len(), 2, "several members are one file");

    let packed = zip(&[("in/people.csv", b"a\n1\n"), ("__MACOSX/in/._people.csv", b"x")]);
    assert_eq!(rows("people.zip", &packed, json!({})).unwrap(), ("people.zip/in/people.csv".into(), one.clone()));
    let packed = zip(&[("people.json", b"[{\"a\": 1}]"), ("cards.csv", b"a\n2\n3\n"), ("people-2.json", b"[]")]);
    assert_eq!(rows("feed.zip", &packed, json!({"member": "people.json"})).unwrap().1, one);
    assert_eq!(rows("feed.zip", &packed, json!({"member": "people-*.json"})).unwrap().1.len(), 0);
    let large = format!("a\n{}", "some text\n".repeat(20_000));
    assert_eq!(rows("p.zip", &zip(&[("p.csv", large.as_bytes())]), json!({})).unwrap().1.len(), 20_000);
    let packed = gzip("\u{feff}a\nMüller\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice());
    assert_eq!(rows("p.csv.gz", &packed, json!({})).unwrap().1, [["Müller"]]);
}

#[test]
fn a_seal_is_that_of_the_packed_bytes() {
    for (name, content) in [("p.csv.gz", gzip(b"a\n1\n")), ("p.zip", zip(&[("p.csv", b"a\n1\n")]))] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), &content).unwrap();
        let request = request(folder.path(), name, json!({}));
        let table = &request.definition.tables[0];
        let Opened { source, mut rows } = rows::open(&request, table, None).unwrap();
        while rows.next().unwrap() {}
        let sealed = source.seal().unwrap_or_else(|| panic!("{name} was read to its end"));
        assert_eq!(sealed.bytes, content.len() as u64);
        assert!(Files.is_same_source(&request, table, &source.name, &sealed, None).unwrap());
    }
}

#[test]
fn archives_that_leave_a_doubt_are_refused() {
    let several = zip(&[("a.csv", b"a\n1\n"), ("b.csv", b"a\n2\n")]);
    refused("p.zip", &several, json!({}), "p.zip", "several files in the archive: a.csv, b.csv; say which");
    refused("p.zip", &several, json!({"member": "c.csv"}), "p.zip", "there is no file \"c.csv\" in the archive");
    refused("p.zip", &zip(&[]), json!({}), "p.zip", "there is no file in the archive");
    refused("p.zip", b"a\n1\n", json!({}), "p.zip", "does not begin like a zip file");
    refused("p.csv.gz", b"", json!({}), "p.csv.gz", "does not begin like a gzip file");
    refused("p.csv", b"a\n1\n", json!({"member": "p.csv"}), "p.csv", "is no zip archive");
    let outside = zip(&[("../../etc/passwd\n", b"a\n1,2\n")]);
    refused("p.zip", &outside, json!({}), "p.zip/../../etc/passwd\u{fffd}, line 2, column 3", "2 fields");
}

#[test]
fn what_is_cut_off_or_damaged_is_refused_with_the_place_that_was_reached() {
    let text: String =
        std::iter::once("a\n".to_owned()).chain((0..5000).map(|id| format!("{}\n", id * 7919))).collect();
    let whole = gzip(text.as_bytes());
    for end in [3, 10, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        let error = rows("p.csv.gz", &whole[..end], json!({})).map(|(_, rows)| rows.len()).unwrap_err();
        assert!(error.place.starts_with("p.csv.gz, line "), "{end}: {error}");
        assert!(error.message.contains("too early") && error.message.contains("cut off"), "{end}: {error}");
    }
    let mut changed = whole.clone();
    let last = changed.len() - 6;
    changed[last] ^= 1;
    refused("p.csv.gz", &changed, json!({}), "p.csv.gz, line 5002, column 1", "damaged here");
    let mut followed = whole.clone();
    followed.extend(b"garbage after the end");
    refused("p.csv.gz", &followed, json!({}), "p.csv.gz, line 5002, column 1", "damaged here");

    let whole = zip(&[("p.csv", text.as_bytes())]);
    for end in [4, 40, whole.len() / 2, whole.len() - 1] {
        let error = rows("p.zip", &whole[..end], json!({})).map(|(_, rows)| rows.len()).unwrap_err();
        assert!(error.message.contains("no whole zip archive"), "{end}: {error}");
    }
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 0x55;
    let error = rows("p.zip", &changed, json!({})).map(|(_, rows)| rows.len()).unwrap_err();
    assert!(error.message.contains("damaged here") || error.message.contains("UTF-8"), "{error}");
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let mut encoder = GzEncoder::new(b"".to_vec(), flate2::Compression::best());
    encoder.write_all(b"a\n").unwrap();
    let line = [vec![b'1'; 4 << 20], vec![b'\n']].concat();
    for _ in 0..20 {
        encoder.write_all(&line).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let error = rows("p.csv.gz", &bomb, json!({})).map(|(_, rows)| rows.len()).unwrap_err();
    assert!(error.message.contains("unpacks to more than 200 times its size"), "{error}");
    let member = zip(&[("p.csv", &line.repeat(20))]);
    let error = rows("p.zip", &member, json!({})).map(|(_, rows)| rows.len()).unwrap_err();
    assert!(error.message.contains("unpacks to more than 200 times its size"), "{error}");
}
