//! What is done to feeds, and what may come of it.

use super::feeds::{self, Feed};
use serde_json::{Value, json};

/// A damaged feed.
pub struct Case {
    pub what: String,
    pub content: Vec<u8>,
    pub settings: Option<Value>,
    /// Records that are untouched: if the file is read, they are.
    pub intact: Vec<usize>,
    pub must_fail: bool,
    pub must_pass: bool,
    /// Where a refusal has to point, if that can be known.
    pub place: Option<Place>,
}

/// A place, or the lines among which it is.
#[derive(Debug, Clone)]
pub struct Place {
    lines: std::ops::RangeInclusive<u64>,
    /// Any of these; none: any at all.
    columns: Vec<u64>,
}

impl Place {
    pub fn is(&self, place: &str) -> bool {
        let mut parts = place.rsplit(", ");
        let column = parts.next().and_then(|part| part.strip_prefix("column ")?.parse().ok());
        let line = parts.next().and_then(|part| part.strip_prefix("line ")?.parse().ok());
        let (Some(line), Some(column)) = (line, column) else { return false };
        self.lines.contains(&line) && (self.columns.is_empty() || self.columns.contains(&column))
    }
}

/// Numbers as if by chance, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }
}

/// Everything that is done to a feed.
pub fn all(feed: &Feed) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut dice = Dice(feed.file.bytes().map(u64::from).sum());
    truncations(feed, &mut cases);
    if feed.is_plain {
        inserted_bytes(feed, &mut dice, &mut cases);
        flips(feed, &mut dice, &mut cases);
        line_ends(feed, &mut dice, &mut cases);
        other_encodings(feed, &mut cases);
        exchanged_lines(feed, &mut dice, &mut cases);
    } else {
        packed_flips(feed, &mut dice, &mut cases);
    }
    match feed.format {
        "csv" => headers(&mut cases),
        "json" | "ndjson" => deep_json(feed, &mut cases),
        "xml" => hostile_xml(feed, &mut cases),
        "xlsx" => damaged_sheets(feed, &mut dice, &mut cases),
        _ => {}
    }
    cases
}

fn case(what: impl Into<String>, content: impl Into<Vec<u8>>) -> Case {
    Case {
        what: what.into(),
        content: content.into(),
        settings: None,
        intact: Vec::new(),
        must_fail: false,
        must_pass: false,
        place: None,
    }
}

fn line_of(content: &[u8], at: usize) -> u64 {
    1 + content[..at.min(content.len())].iter().filter(|byte| **byte == b'\n').count() as u64
}

fn column_of(content: &[u8], at: usize) -> u64 {
    let start = content[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mark = if start == 0 && content.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    1 + content[start + mark.min(at - start)..at].iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64
}

fn untouched(feed: &Feed, at: usize) -> Vec<usize> {
    (0..feed.records.len()).filter(|record| !feed.records[*record].contains(&at)).collect()
}

/// The record that a place is in, as lines; before and after the records: the line itself.
fn lines_around(feed: &Feed, at: usize) -> std::ops::RangeInclusive<u64> {
    let line = line_of(&feed.content, at);
    match feed.records.iter().find(|record| record.contains(&at)) {
        Some(record) => line_of(&feed.content, record.start)..=line_of(&feed.content, record.end - 1),
        None => line..=line,
    }
}

/// At every byte.
fn truncations(feed: &Feed, cases: &mut Vec<Case>) {
    for end in 0..feed.content.len() {
        let mut one = case(format!("cut at {end}"), &feed.content[..end]);
        if feed.is_plain {
            one.intact = (0..feed.records.len()).filter(|record| feed.records[*record].end <= end).collect();
            let rest = feed.content[end..].iter().all(u8::is_ascii_whitespace);
            one.must_fail = matches!(feed.format, "json" | "xml" | "xml attributes") && !rest;
            if end > 0 {
                let around = lines_around(feed, end - 1);
                let last = line_of(&feed.content, end);
                one.place = Some(Place { lines: *around.start()..=last, columns: Vec::new() });
            }
        } else {
            one.must_fail = matches!(feed.format, "gzip" | "zip" | "xlsx");
        }
        cases.push(one);
    }
}

/// Bytes that can't stand anywhere.
fn inserted_bytes(feed: &Feed, dice: &mut Dice, cases: &mut Vec<Case>) {
    for (what, byte) in [("NUL", 0_u8), ("0xFF", 0xFF), ("half a character", 0xC3)] {
        for _ in 0..60 {
            let record = &feed.records[dice.below(feed.records.len())];
            let mut at = record.start + dice.below(record.len());
            // Not within a character, whose own bytes would be wrong then.
            while feed.content[at] & 0xC0 == 0x80 {
                at -= 1;
            }
            let mut content = feed.content.clone();
            content.insert(at, byte);
            let (line, column) = (line_of(&content, at), column_of(&content, at));
            let mut one = case(format!("{what} inserted at {at}"), content);
            one.must_fail = true;
            let is_exact = !feed.format.starts_with("xml");
            // JSON's own reader names the place after a character that it does not accept, or the one before.
            let columns = match (is_exact, feed.format) {
                (false, _) => Vec::new(),
                (true, "json" | "ndjson") => vec![column.saturating_sub(1), column, column + 1],
                (true, _) => vec![column],
            };
            let lines = if is_exact { line..=line } else { lines_around(feed, at) };
            one.place = Some(Place { lines, columns });
            cases.push(one);
        }
    }
}

/// A byte that is another one.
fn flips(feed: &Feed, dice: &mut Dice, cases: &mut Vec<Case>) {
    const SIGNS: &[u8] = b"\"',;:\t\n\r<>&/{}[]\\ =x0\x00\x80\xFF";
    for _ in 0..300 {
        let at = feed.records[0].start + dice.below(feed.records.last().unwrap().end - feed.records[0].start);
        let byte = SIGNS[dice.below(SIGNS.len())];
        if feed.content[at] == byte {
            continue;
        }
        let mut content = feed.content.clone();
        content[at] = byte;
        let mut one = case(format!("{:?} instead of {:?} at {at}", byte as char, feed.content[at] as char), content);
        one.intact = untouched(feed, at);
        // Where two records are one now, the one after is damaged as well.
        let ends_record = feed.records.iter().position(|record| record.contains(&at) && at + 3 >= record.end);
        one.intact.retain(|record| ends_record.is_none_or(|before| *record != before + 1));
        let around = lines_around(feed, at);
        let last = if ends_record.is_some() { around.end() + 8 } else { *around.end() + u64::from(byte == b'\n') };
        // A quote too many or too few, or a tag, is noticed where the next one stands: nobody can know where it was.
        let shifts = feed.format.starts_with("xml") || [byte, feed.content[at]].contains(&b'"');
        one.place = (!shifts).then(|| Place { lines: *around.start()..=last, columns: Vec::new() });
        cases.push(one);
    }
}

fn line_ends(feed: &Feed, dice: &mut Dice, cases: &mut Vec<Case>) {
    for share in [1, 2, 3, 5] {
        let mut content = Vec::new();
        for (at, byte) in feed.content.iter().enumerate() {
            let ends_record = feed.records.iter().any(|record| record.end == at + 1);
            if *byte == b'\n' && feed.content[at.saturating_sub(1)] != b'\r' && ends_record && dice.below(share) == 0 {
                content.push(b'\r');
            }
            content.push(*byte);
        }
        let mut one = case(format!("one of {share} line ends with CR"), content);
        one.must_pass = true;
        one.intact = (0..feed.records.len()).collect();
        cases.push(one);
    }
    let mut blank = Vec::new();
    for (at, byte) in feed.content.iter().enumerate() {
        blank.push(*byte);
        if feed.records.iter().any(|record| record.end == at + 1) {
            blank.extend_from_slice(b"\n\r\n");
        }
    }
    let mut one = case("blank lines between records", blank);
    one.must_pass = true;
    one.intact = (0..feed.records.len()).collect();
    cases.push(one);
    let text = String::from_utf8_lossy(&feed.content).replace("\r\n", "\n").replace('\n', "\r");
    let mut one = case("CR alone", text.into_bytes());
    // To JSON and XML it is white space like any other.
    one.intact = (0..feed.records.len()).collect();
    one.must_fail = matches!(feed.format, "csv" | "tsv" | "ldif" | "csv with mark and CR LF");
    cases.push(one);
}

/// Written in one encoding, read in another.
fn other_encodings(feed: &Feed, cases: &mut Vec<Case>) {
    let text = String::from_utf8(feed.content.clone()).unwrap();
    let first = text.char_indices().find(|(_, c)| !c.is_ascii() && *c != '\u{feff}').map(|(at, _)| at).unwrap();
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
    let mut one = case("written in windows-1252", latin);
    one.must_fail = true;
    let line = line_of(&feed.content, first);
    if feed.format.starts_with("xml") {
        one.place = Some(Place { lines: line..=line, columns: Vec::new() });
    } else if !text.starts_with('\u{feff}') {
        one.place = Some(Place { lines: line..=line, columns: vec![column_of(&feed.content, first)] });
    }
    cases.push(one);
    let utf16 = |bytes: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let text = text.trim_start_matches('\u{feff}');
        let marked = if mark { format!("\u{feff}{text}") } else { text.to_owned() };
        marked.encode_utf16().flat_map(bytes).collect()
    };
    for (what, bytes) in [("UTF-16 LE", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("UTF-16 BE", u16::to_be_bytes)] {
        let mut one = case(format!("{what} with a mark"), utf16(bytes, true));
        one.must_pass = true;
        one.intact = (0..feed.records.len()).collect();
        cases.push(one);
        let mut one = case(format!("{what} without a mark"), utf16(bytes, false));
        one.must_fail = true;
        cases.push(one);
        let mut odd = utf16(bytes, true);
        odd.pop();
        let mut one = case(format!("{what} with half a character at its end"), odd);
        one.must_fail = true;
        cases.push(one);
    }
    let utf32: Vec<u8> = format!("\u{feff}{text}").chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let mut one = case("UTF-32", utf32);
    one.must_fail = true;
    cases.push(one);
}

/// Lines that are missing, doubled or somewhere else: other records are read as they were.
fn exchanged_lines(feed: &Feed, dice: &mut Dice, cases: &mut Vec<Case>) {
    for _ in 0..20 {
        let record = dice.below(feed.records.len() - 1);
        let range = feed.records[record].clone();
        let mut content = feed.content[..range.end].to_vec();
        content.extend_from_slice(&feed.content[range.clone()]);
        content.extend_from_slice(&feed.content[range.end..]);
        let mut one = case(format!("record {record} twice"), content);
        one.must_pass = true;
        one.intact = (0..feed.records.len()).collect();
        cases.push(one);
        let mut content = feed.content[..range.start].to_vec();
        content.extend_from_slice(&feed.content[range.end..]);
        let mut one = case(format!("without record {record}"), content);
        one.must_pass = true;
        one.intact = (0..feed.records.len()).filter(|other| *other != record).collect();
        cases.push(one);
        let lines: Vec<&[u8]> = feed.content.split_inclusive(|byte| *byte == b'\n').collect();
        let gone = dice.below(lines.len());
        let before: usize = lines[..gone].iter().map(|line| line.len()).sum();
        let content = [lines[..gone].concat(), lines[gone + 1..].concat()].concat();
        let mut one = case(format!("without line {}", gone + 1), content);
        one.intact = (0..feed.records.len())
            .filter(|other| {
                let range = &feed.records[*other];
                range.end <= before || range.start >= before + lines[gone].len()
            })
            .collect();
        // Without a header, the first record is taken for it, and the next has columns nobody asked for.
        if gone > 0 {
            cases.push(one);
        }
    }
}

fn headers(cases: &mut Vec<Case>) {
    let place = |line, column| Some(Place { lines: line..=line, columns: vec![column] });
    for (content, must_fail, place) in [
        ("", true, None),
        ("\n\n\r\n", true, None),
        ("\u{feff}", true, None),
        ("id,name,mail,note", false, None),
        ("id,name,mail,note\n", false, None),
        ("id,name,id,note\n1,2,3,4\n", true, place(1, 1)),
        ("id,name,,note\n1,2,3,4\n", true, place(1, 1)),
        ("id,name,mail,note\n1,2,3\n", true, place(2, 6)),
        ("id,name,mail,note\n1,2,3,4,5\n", true, place(2, 9)),
        ("id,name,mail,note\n1,2\"3,4,5\n", true, place(2, 4)),
        ("id,name,mail,note\n1,\"2\"3,4,5\n", true, place(2, 6)),
        ("id,name,mail,note\n1,\"2,3,4\n", true, place(2, 3)),
    ] {
        let mut one = case(format!("{content:?}"), content);
        one.must_fail = must_fail;
        one.must_pass = !must_fail;
        one.place = place;
        cases.push(one);
    }
}

fn deep_json(feed: &Feed, cases: &mut Vec<Case>) {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [100, 1_000, 100_000] {
            let deep = format!("{{\"id\": \"1\", \"x\": {}1{}}}", open.repeat(depth), close.repeat(depth));
            let at = feed.records[3].start;
            let separator = if feed.format == "json" { ",\n" } else { "\n" };
            let mut content = feed.content[..at].to_vec();
            content.extend_from_slice(format!("{deep}{separator}").as_bytes());
            content.extend_from_slice(&feed.content[at..]);
            let line = line_of(&content, at);
            let mut one = case(format!("{depth} deep"), content);
            // Arrays leave as the text that they are.
            one.must_fail = depth > 64 && open != "[";
            one.intact = (0..feed.records.len()).collect();
            one.place = Some(Place { lines: line..=line, columns: Vec::new() });
            cases.push(one);
        }
    }
}

fn hostile_xml(feed: &Feed, cases: &mut Vec<Case>) {
    let text = String::from_utf8(feed.content.clone()).unwrap();
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let doctypes = [
        format!("<!DOCTYPE all [<!ENTITY l0 \"ha\">{laughs}]>"),
        "<!DOCTYPE all SYSTEM \"file:///etc/passwd\">".to_owned(),
        "<!DOCTYPE all [<!ENTITY x SYSTEM \"http://127.0.0.1/\">]>".to_owned(),
    ];
    for doctype in doctypes {
        let mut one = case("a document type", format!("{doctype}{text}").into_bytes());
        one.must_fail = true;
        one.place = Some(Place { lines: 1..=1, columns: vec![1] });
        cases.push(one);
    }
    let at = feed.records[5].start;
    let line = line_of(&feed.content, at);
    for (what, hostile) in [
        ("an entity", "<p><id>&l9;</id></p>".to_owned()),
        ("deep nesting", format!("<p>{}{}</p>", "<a>".repeat(100_000), "</a>".repeat(100_000))),
        ("an attribute twice", "<p a=\"1\" a=\"2\"/>".to_owned()),
        ("a character that is none", "<p><id>&#0;</id></p>".to_owned()),
        ("text beside elements", "<p><id>1<x/></id></p>".to_owned()),
    ] {
        let mut content = feed.content[..at].to_vec();
        content.extend_from_slice(hostile.as_bytes());
        content.extend_from_slice(&feed.content[at..]);
        let mut one = case(what, content);
        one.must_fail = true;
        one.place = Some(Place { lines: line..=line, columns: Vec::new() });
        cases.push(one);
    }
}

/// Bytes of packed or encoded files: what comes out is what was, or nothing.
fn packed_flips(feed: &Feed, dice: &mut Dice, cases: &mut Vec<Case>) {
    let is_packed = matches!(feed.format, "gzip" | "zip" | "xlsx");
    for _ in 0..if is_packed { 300 } else { 0 } {
        let at = dice.below(feed.content.len());
        let mut content = feed.content.clone();
        content[at] ^= 1 << dice.below(8);
        let mut one = case(format!("a bit of byte {at}"), content);
        one.intact = (0..feed.rows.len()).collect();
        cases.push(one);
    }
    if is_packed {
        let mut one = case("something after its end", [feed.content.as_slice(), b"more"].concat());
        one.intact = (0..feed.rows.len()).collect();
        one.must_fail = feed.format == "gzip";
        cases.push(one);
    }
    if feed.format == "zip" {
        for name in ["/etc/passwd", "../../people.tsv", "a\\..\\b.tsv", "people.tsv\0.exe", "\u{202e}vst.elpoep"] {
            let mut one = case(format!("a member {name:?}"), feeds::zip(&[(name, b"id\tname\tmail\tnote\n1\t2\n")]));
            one.settings = Some(json!({"format": "tsv"}));
            one.must_fail = true;
            one.place = Some(Place { lines: 2..=2, columns: vec![4] });
            cases.push(one);
        }
    }
}

/// Damage within the sheet, packed as it should be.
fn damaged_sheets(feed: &Feed, dice: &mut Dice, cases: &mut Vec<Case>) {
    let sheet = feeds::sheet();
    for _ in 0..300 {
        let end = dice.below(sheet.len());
        if sheet.is_char_boundary(end) && !sheet[..end].ends_with("</row>") && end > 0 {
            let mut one = case(format!("its sheet cut at {end}"), feeds::workbook(&sheet[..end]));
            one.must_fail = true;
            cases.push(one);
        }
    }
    const SIGNS: &[u8] = b"\"<>/&= A1crtv";
    let starts: Vec<usize> = sheet.match_indices("<row ").map(|(at, _)| at).collect();
    for _ in 0..300 {
        let at = starts[1] + dice.below(sheet.len() - starts[1]);
        let byte = SIGNS[dice.below(SIGNS.len())];
        if !sheet.as_bytes()[at].is_ascii() || sheet.as_bytes()[at] == byte {
            continue;
        }
        let mut damaged = sheet.clone().into_bytes();
        damaged[at] = byte;
        let damaged = String::from_utf8(damaged).unwrap();
        // Rows begin with that of the header.
        let row = starts.iter().rposition(|start| *start <= at).unwrap() - 1;
        let mut one = case(format!("its sheet with {:?} at {at}", byte as char), feeds::workbook(&damaged));
        one.intact = (0..feed.rows.len()).filter(|record| *record != row).collect();
        cases.push(one);
    }
}
