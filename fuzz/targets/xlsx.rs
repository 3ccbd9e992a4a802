//! XLSX: the fuzzer writes the parts of a workbook (sheet, texts and styles, with a line `---` between two); what it
//! writes otherwise would fail on the archive's checksums and get no further.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, own_panics_only, read};
use serde_json::json;
use std::io::{Cursor, Write};
use zip::CompressionMethod::Stored;
use zip::write::SimpleFileOptions;

const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>";
const ROOT: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
    Target=\"xl/workbook.xml\"/></Relationships>";
const WORKBOOK: &str = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
    <sheets><sheet name=\"People\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
const PARTS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
    Target=\"worksheets/sheet1.xml\"/>\
    <Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings\" \
    Target=\"sharedStrings.xml\"/>\
    <Relationship Id=\"rId3\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" \
    Target=\"styles.xml\"/></Relationships>";

fuzz_target!(|content: &[u8]| {
    own_panics_only(|| {
        let _ = read(&Feed::new("raw.xlsx", json!({})), content);
        let workbook = workbook(content);
        let _ = read(&Feed::new("people.xlsx", json!({})), &workbook);
        let headless = json!({"sheet": "People", "columns": ["id", "name"], "skip_lines": 1});
        if let Ok(kept) = read(&Feed::new("people.xlsx", headless), &workbook) {
            assert_eq!(kept.columns, ["id", "name"]);
        }
    });
});

fn workbook(content: &[u8]) -> Vec<u8> {
    const BETWEEN: &[u8] = b"\n---\n";
    let mut rest = content;
    let mut part = || {
        let end = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        let (part, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + BETWEEN.len()..]));
        rest = after;
        part
    };
    let (sheet, texts, styles) = (part(), part(), part());
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", ROOT.as_bytes()),
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", PARTS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet),
        ("xl/sharedStrings.xml", texts),
        ("xl/styles.xml", styles),
    ] {
        if content.is_empty() {
            continue;
        }
        writer.start_file(name, SimpleFileOptions::default().compression_method(Stored)).expect("in memory");
        writer.write_all(content).expect("in memory");
    }
    writer.finish().expect("in memory").into_inner()
}
