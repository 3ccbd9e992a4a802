//! gzip and zip: a file that is packed reads as the same file that is not; what is no whole package is refused.
#![no_main]

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, read};
use serde_json::json;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

fuzz_target!(|content: &[u8]| {
    for file in ["people.csv.gz", "people.zip"] {
        let _ = read(&Feed::new(file, json!({})), content);
    }
    let _ = read(&Feed::new("people.zip", json!({"member": "people-*.csv"})), content);
    let plain = read(&Feed::new("people.csv", json!({})), content);
    if content.starts_with(&[0x1F, 0x8B]) || content.starts_with(b"PK") {
        return;
    }
    for (file, packed) in [("packed.csv.gz", gzip(content)), ("packed.zip", zip(content))] {
        match (&plain, read(&Feed::new(file, json!({})), &packed)) {
            (Ok(plain), Ok(packed)) => assert_eq!(*plain, packed),
            (Err(plain), Err(packed)) => assert_eq!(plain.message, packed.message),
            (plain, packed) => panic!("{plain:?}, but packed {packed:?}"),
        }
    }
});

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("in memory")
}

fn zip(content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("people.csv", SimpleFileOptions::default()).expect("in memory");
    writer.write_all(content).expect("in memory");
    writer.finish().expect("in memory").into_inner()
}
