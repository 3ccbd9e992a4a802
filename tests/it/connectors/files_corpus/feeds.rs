//! The feeds that are damaged: the same people in every format.

use serde_json::{Value, json};
use std::io::Write;
use std::ops::Range;

/// What every feed says of a person.
pub const COLUMNS: [&str; 4] = ["id", "name", "mail", "note"];

/// A feed that is whole.
pub struct Feed {
    pub format: &'static str,
    pub file: &'static str,
    pub settings: Value,
    pub content: Vec<u8>,
    /// Where each record stands in the content, its separator after it not counted; none in packed ones.
    pub records: Vec<Range<usize>>,
    /// What is read of each record.
    pub rows: Vec<Vec<String>>,
    /// Whether a byte of the content is one of the text.
    pub is_plain: bool,
}

fn people() -> Vec<Vec<String>> {
    let names = ["Ada Lovelace", "Müller", "Łukasz", "Zoë", "O'Neil", "李 小龙", "Bob"];
    let people = (1000..1024).zip(names.iter().cycle()).map(|(id, name)| {
        let note = match id % 4 {
            0 => "plain".to_owned(),
            1 => format!("works in room {id}"),
            2 => String::new(),
            _ => "knows & likes 1 < 2".to_owned(),
        };
        vec![id.to_string(), (*name).to_owned(), format!("p{id}@example.org"), note]
    });
    people.collect()
}

/// All of them.
pub fn all() -> Vec<Feed> {
    let csv = text("csv", "people.csv", json!({}), "id,name,mail,note\n", "", |person| {
        let note =
            if person[3].is_empty() { String::new() } else { format!("\"{}, \"\"as\nthey say\"\"\"", person[3]) };
        (
            format!("{},{},{},{note}\n", person[0], person[1], person[2]),
            with_note(person, |note| format!("{note}, \"as\nthey say\"")),
        )
    });
    let tsv = text("tsv", "people.tsv", json!({}), "id\tname\tmail\tnote\n", "", |person| {
        (format!("{}\n", person.join("\t")), person.to_vec())
    });
    let json_text = |person: &[String]| {
        json!({"id": person[0], "name": person[1], "mail": person[2], "note": person[3]}).to_string()
    };
    let array = text("json", "people.json", json!({}), "[\n", "{\"id\": \"end\"}\n]\n", |person| {
        (format!("{},\n", json_text(person)), person.to_vec())
    });
    let nested = text(
        "json",
        "nested.json",
        json!({"record": "data.people"}),
        "{\"data\": {\"people\": [\n",
        "{\"id\": \"end\"}]},\n\"n\": 1}",
        |person| (format!("{},\n", json_text(person)), person.to_vec()),
    );
    let lines = text("ndjson", "people.ndjson", json!({}), "", "", |person| {
        (format!("{}\n", json_text(person)), person.to_vec())
    });
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let elements = text("xml", "people.xml", json!({"record": "p"}), "<all>\n", "</all>\n", |person| {
        let values: String =
            COLUMNS.iter().zip(person).map(|(name, value)| format!("<{name}>{}</{name}>", escaped(value))).collect();
        (format!("<p>{values}</p>\n"), person.to_vec())
    });
    let attributes = text(
        "xml attributes",
        "attributes.xml",
        json!({"record": "p", "values": "attributes"}),
        "<all>\n",
        "</all>\n",
        |person| {
            let values: String =
                COLUMNS.iter().zip(person).map(|(name, value)| format!(" {name}=\"{}\"", escaped(value))).collect();
            (format!("<p{values}/>\n"), person.to_vec())
        },
    );
    let ldif = text("ldif", "people.ldif", json!({}), "version: 1\n\n", "", |person| {
        let (start, rest) = person[2].split_at(5);
        let note = if person[3].is_empty() { String::new() } else { format!("note: {}\n", person[3]) };
        (
            format!("dn: id={}\nid: {}\nname: {}\nmail: {start}\n {rest}\n{note}\n", person[0], person[0], person[1]),
            person.to_vec(),
        )
    });
    let encoded = |file: &'static str, label: &'static str| {
        let mut feed =
            text("csv in other encodings", file, json!({"encoding": label}), "id,name,mail,note\n", "", |person| {
                let name = if label == "utf-16le" {
                    person[1].clone()
                } else {
                    person[1].replace('Ł', "L").replace("李 小龙", "Lee")
                };
                let row = vec![person[0].clone(), name, person[2].clone(), person[3].clone()];
                (format!("{}\n", row.join(",")), row)
            });
        let content = std::mem::take(&mut feed.content);
        feed.content = encode(std::str::from_utf8(&content).unwrap(), label);
        feed.is_plain = false;
        feed.records.clear();
        feed
    };
    let packed = |format, file, content: Vec<u8>| Feed {
        format,
        file,
        settings: if format == "xlsx" { json!({}) } else { json!({"format": "tsv"}) },
        content,
        records: Vec::new(),
        rows: tsv_rows(),
        is_plain: false,
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tsv.content).unwrap();
    let gz = packed("gzip", "people.tsv.gz", gzip.finish().unwrap());
    let zipped = packed("zip", "people.zip", zip(&[("people.tsv", &tsv.content)]));
    let book = packed("xlsx", "people.xlsx", workbook(&sheet()));
    let (utf16, latin) = (encoded("utf16.csv", "utf-16le"), encoded("latin.csv", "windows-1252"));
    let mut marked = text("csv", "marked.csv", json!({}), "\u{feff}id,name,mail,note\n", "", |person| {
        (format!("{}\r\n", person.join(",")), person.to_vec())
    });
    marked.format = "csv with mark and CR LF";
    vec![csv, marked, tsv, array, nested, lines, elements, attributes, ldif, utf16, latin, gz, zipped, book]
}

fn tsv_rows() -> Vec<Vec<String>> {
    people()
}

fn with_note(person: &[String], change: impl Fn(&str) -> String) -> Vec<String> {
    let mut row = person.to_vec();
    if !row[3].is_empty() {
        row[3] = change(&row[3]);
    }
    row
}

/// A feed of text: what stands before and after, and each record with what is read of it.
fn text(
    format: &'static str,
    file: &'static str,
    settings: Value,
    before: &str,
    after: &str,
    record: impl Fn(&[String]) -> (String, Vec<String>),
) -> Feed {
    let mut content = before.as_bytes().to_vec();
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    for person in people() {
        let (text, row) = record(&person);
        let start = content.len();
        content.extend_from_slice(text.as_bytes());
        records.push(start..content.len());
        rows.push(row);
    }
    content.extend_from_slice(after.as_bytes());
    if after.contains("end") {
        rows.push(vec!["end".to_owned(), String::new(), String::new(), String::new()]);
        let start = records.last().unwrap().end;
        records.push(start..start + "{\"id\": \"end\"}".len());
    }
    Feed { format, file, settings, content, records, rows, is_plain: true }
}

fn encode(text: &str, label: &str) -> Vec<u8> {
    match label {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        // Of windows-1252, what these names have of it.
        _ => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
    }
}

pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The rows of a sheet as XML.
pub fn sheet() -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    rows.extend(people());
    let mut text = String::new();
    for (number, row) in (1..).zip(&rows) {
        let cells: String = row
            .iter()
            .zip('A'..)
            .filter(|(value, _)| !value.is_empty())
            .map(|(value, column)| {
                let value = value.replace('&', "&amp;").replace('<', "&lt;");
                match value.parse::<u32>() {
                    Ok(number_value) => format!("<c r=\"{column}{number}\"><v>{number_value}</v></c>"),
                    Err(_) => format!("<c r=\"{column}{number}\" t=\"inlineStr\"><is><t>{value}</t></is></c>"),
                }
            })
            .collect();
        text.push_str(&format!("<row r=\"{number}\">{cells}</row>"));
    }
    text
}

/// A workbook whose one sheet has these rows.
pub fn workbook(rows: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"People\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>")),
    ];
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    zip(&parts)
}
