//! XLSX: made by hand, part by part, so that every oddity can be written.

use super::packed::zip;
use super::*;

const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
    <numFmts><numFmt numFmtId=\"164\" formatCode=\"00000\"/><numFmt numFmtId=\"165\" formatCode=\"[h]:mm:ss\"/></numFmts>\
    <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf numFmtId=\"164\"/><xf numFmtId=\"165\"/>\
    <xf numFmtId=\"20\"/></cellXfs></styleSheet>";

/// A workbook with these sheets: name and rows as XML.
pub fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let listed: String = (1..)
        .zip(sheets)
        .map(|(id, (name, _))| format!("<sheet name=\"{name}\" sheetId=\"{id}\" r:id=\"rId{id}\"/>"))
        .collect();
    let related: String = (1..=sheets.len())
        .map(|id| {
            format!("<Relationship Id=\"rId{id}\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet{id}.xml\"/>")
        })
        .collect();
    let mut parts = vec![
        (
            "[Content_Types].xml".to_owned(),
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
        ),
        (
            "_rels/.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml".to_owned(),
            format!("<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>{listed}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{package}\">{related}<Relationship Id=\"rId99\" Type=\"{office}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        ("xl/styles.xml".to_owned(), STYLES.to_owned()),
    ];
    for (id, (_, rows)) in (1..).zip(sheets) {
        let sheet = format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{id}.xml"), sheet));
    }
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    zip(&parts)
}

/// A row of texts from column A on; empty ones have no cell.
pub fn row(number: usize, values: &[&str]) -> String {
    let cells: String = values
        .iter()
        .zip('A'..)
        .filter(|(value, _)| !value.is_empty())
        .map(|(value, column)| format!("<c r=\"{column}{number}\" t=\"inlineStr\"><is><t>{value}</t></is></c>"))
        .collect();
    format!("<row r=\"{number}\">{cells}</row>")
}

fn read(content: &[u8], settings: Value) -> Result<Memory, ConnectionError> {
    export("people.xlsx", content, settings, &[])
}

#[track_caller]
fn refused(rows: &str, settings: Value, place: &str, message: &str) {
    let error = read(&workbook(&[("People", rows)]), settings).map(|memory| memory.rows).unwrap_err();
    assert_eq!(error.place, place, "{error}");
    assert!(error.message.contains(message), "{error}");
}

#[test]
fn values_are_as_people_see_them() {
    let rows = row(1, &["Id", "Name", "Born", "Seen", "Zip", "Time", "Share", "Ok", "At"])
        + "<row r=\"2\"><c r=\"A2\"><v>1001</v></c><c r=\"B2\" t=\"inlineStr\"><is><t>Åsa &amp; Co</t></is></c>\
           <c r=\"C2\" s=\"1\"><v>45943</v></c><c r=\"D2\" s=\"2\"><v>45943.5</v></c><c r=\"E2\" s=\"3\"><v>1234</v></c>\
           <c r=\"F2\" s=\"4\"><v>1.5</v></c><c r=\"G2\"><v>0.30000000000000004</v></c><c r=\"H2\" t=\"b\"><v>1</v></c>\
           <c r=\"I2\" s=\"5\"><v>0.25</v></c></row>\
           <row r=\"3\"/><row r=\"7\"><c r=\"B7\" t=\"str\"><f>A1</f><v>computed</v></c><c r=\"C7\" s=\"1\"/></row>";
    let memory = read(&workbook(&[("People", &rows)]), json!({})).unwrap();
    assert_eq!(memory.tables[0].2, ["Id", "Name", "Born", "Seen", "Zip", "Time", "Share", "Ok", "At"]);
    let first =
        ["1001", "Åsa & Co", "2025-10-13", "2025-10-13T12:00:00", "01234", "36:00:00", "0.3", "true", "06:00:00"];
    let second = ["", "computed", "", "", "", "", "", "", ""];
    let expected = [(2, first), (7, second)].map(|(line, row)| (line, row.map(str::to_owned).to_vec()));
    assert_eq!(memory.rows, expected);
}

#[test]
fn sheet_header_and_rows_are_settings() {
    let (one, two) =
        (row(1, &["a"]) + &row(2, &["1"]), row(1, &["made 2026"]) + &row(3, &["", "b"]) + &row(4, &["", "2"]));
    let content = workbook(&[("One", &one), ("Two", &two)]);
    assert_eq!(read(&content, json!({})).unwrap().rows, [(2, vec!["1".to_owned()])]);
    let memory = read(&content, json!({"sheet": "Two", "skip_lines": 1})).unwrap();
    assert_eq!((memory.tables[0].2.clone(), memory.rows), (vec!["b".to_owned()], vec![(4, vec!["2".to_owned()])]));
    let memory = read(&content, json!({"columns": ["x", "y"]})).unwrap();
    assert_eq!(memory.rows[0], (1, vec!["a".to_owned(), String::new()]));
    let error = read(&content, json!({"sheet": "Three"})).map(|memory| memory.rows).unwrap_err();
    assert_eq!(error.to_string(), "people.xlsx: there is no sheet \"Three\"; there are One, Two");
    let packed = zip(&[("people.xlsx", &content)]);
    assert_eq!(export("feed.zip", &packed, json!({}), &[]).unwrap().rows.len(), 1);
}

#[test]
fn sheets_in_doubt_are_refused_with_sheet_and_cell() {
    let header = row(1, &["a", "b"]);
    let seven = "<row r=\"7\"><c r=\"B7\" t=\"e\"><v>#N/A</v></c></row>";
    refused(&(header.clone() + seven), json!({}), "people.xlsx, sheet People, cell B7", "holds the error #N/A");
    refused(
        &(header.clone() + &row(7, &["1", "2", "3"])),
        json!({}),
        "people.xlsx, sheet People, cell C7",
        "no column",
    );
    refused(
        &row(1, &["a", "", "b"]),
        json!({}),
        "people.xlsx, sheet People, cell C1",
        "column B of the header has no name",
    );
    refused(&row(1, &["a", "b", "a"]), json!({}), "people.xlsx, sheet People, cell C1", "columns A and C");
    refused(
        &(header.clone() + &row(3, &["x"]) + &row(2, &["y"])),
        json!({}),
        "people.xlsx, sheet People, cell A2",
        "stands twice",
    );
    refused("", json!({}), "people.xlsx", "is empty, without even a header row");
    let nodate = "<row r=\"2\"><c r=\"A2\" s=\"1\"><v>-5</v></c></row>";
    refused(&(header + nodate), json!({}), "people.xlsx, sheet People, cell A2", "no date");
    for (content, message) in [
        (&b"a,b\n1,2\n"[..], "is no XLSX file"),
        (b"PK\x03\x04", "no whole zip archive"),
        (&zip(&[("a.csv", b"a\n1\n")]), "can't be read as XLSX"),
    ] {
        let error = read(content, json!({})).map(|memory| memory.rows).unwrap_err();
        assert!(error.place == "people.xlsx" && error.message.contains(message), "{error}");
    }
    let bomb = zip(&[("xl/sharedStrings.xml", &vec![b' '; 80 << 20])]);
    let error = read(&bomb, json!({})).map(|memory| memory.rows).unwrap_err();
    assert!(error.message.contains("unpacks to more than"), "{error}");
}
