//! JSON and XML: records whose values carry names.

use super::*;

#[test]
fn json_records_become_rows() {
    let content = r#"[
  {"id": 1.10, "name": "Ada \"A\"", "address": {"city": "London"}, "tags": ["a", "b"], "other": 1},
  {"id": 12345678901234567890123, "name": null, "tags": [],
   "deep": [{"x": 1}]},
  {}
]
"#;
    let columns = ["id", "name", "address.city", "tags", "deep", "nowhere"];
    let memory = export("people.json", content.as_bytes(), json!({}), &columns).unwrap();
    assert_eq!(memory.tables[0].2, columns);
    let rows = [
        (2, ["1.10", "Ada \"A\"", "London", "a\u{1f}b", "", ""]),
        (3, ["12345678901234567890123", "", "", "", "[{\"x\": 1}]", ""]),
        (5, ["", "", "", "", "", ""]),
    ];
    assert_eq!(memory.rows, rows.map(|(line, row)| (line, row.map(str::to_owned).to_vec())));
    let wrapped = br#"{"count": 1, "users": [{"id": "a"}], "next": null}"#;
    assert_eq!(export("people.json", wrapped, json!({"record": "users"}), &["id"]).unwrap().rows.len(), 1);
    let within = br#"{"a": [{"id": "x"}], "data": {"n": 1, "people": [{"name": {"first": "Ada"}}], "m": {}}, "z": 0}"#;
    let memory = export("people.json", within, json!({"record": "data.people"}), &["name.first"]).unwrap();
    assert_eq!(memory.rows, [(1, vec!["Ada".to_owned()])]);
    let dotted = br#"{"data.people": [{"id": "a"}]}"#;
    assert_eq!(export("people.json", dotted, json!({"record": "data.people"}), &["id"]).unwrap().rows.len(), 1);
    for (content, record, column) in [
        ("{\"users\": [{\"id\": \"a\"}],\n \"users\": [{\"id\": \"b\"}]}", "users", 2),
        ("{\"users\": [{\"id\": \"a\"}],\n \"us\\u0065rs\": 1}", "users", 2),
        ("{\"data\": {\"people\": []},\n\"data\": {\"people\": [{\"id\": \"b\"}]}}", "data.people", 1),
        ("{\"data\": {\"people\": [],\n\"people\": [{\"id\": \"b\"}]}}", "data.people", 1),
        ("{\"data\": {\"people\": []},\n\"data.people\": [{\"id\": \"b\"}]}", "data.people", 1),
    ] {
        let error =
            export("people.json", content.as_bytes(), json!({"record": record}), &["id"]).map(|memory| memory.rows);
        let error = error.expect_err(content);
        assert_eq!(error.place, format!("people.json, line 2, column {column}"), "{content}: {error}");
        assert!(error.message.contains("stands twice"), "{content}: {error}");
    }
    let other = br#"{"data": {"people": [{"id": "a"}], "n": [1]}, "people": [], "n": 1, "n": 2}"#;
    assert_eq!(export("people.json", other, json!({"record": "data.people"}), &["id"]).unwrap().rows.len(), 1);
    let cut = br#"{"data": {"people": [{"id": "a"}]}"#;
    let error = export("people.json", cut, json!({"record": "data.people"}), &["id"]).map(|memory| memory.rows);
    assert_eq!(error.unwrap_err().place, "people.json, line 1, column 35");
}

#[test]
fn lines_of_json_become_rows() {
    let content = "{\"id\": 1, \"name\": {\"first\": \"Ada\"}}\r\n\n  {\"id\": 2} \n{\"id\": 3}";
    let memory = export("people.ndjson", content.as_bytes(), json!({}), &["id", "name.first"]).unwrap();
    let row = |line, id: &str, name: &str| (line, vec![id.to_owned(), name.to_owned()]);
    assert_eq!(memory.rows, [row(1, "1", "Ada"), row(3, "2", ""), row(4, "3", "")]);
    assert!(export("people.jsonl", b"", json!({}), &["id"]).unwrap().rows.is_empty());
    for (content, place, message) in [
        ("{\"id\": 1}\n{\"id\": 2", "people.jsonl, line 2, column 9", "cut off"),
        ("{\"id\": 1} {\"id\": 2}\n", "people.jsonl, line 1, column 11", "no JSON: trailing"),
        ("{\"id\":\n1}\n", "people.jsonl, line 1, column 7", "no JSON"),
        ("[{\"id\": 1}]\n", "people.jsonl, line 1, column 1", "an object on a line of its own"),
        ("{\"id\": 1}\n{\"id\": 1, \"id\": 2}\n", "people.jsonl, line 2, column 1", "twice"),
    ] {
        let error = export("people.jsonl", content.as_bytes(), json!({}), &["id"]).map(|memory| memory.rows);
        let error = error.expect_err(content);
        assert_eq!(error.place, place, "{content}: {error}");
        assert!(error.message.contains(message), "{content}: {error}");
    }
}

#[test]
fn a_file_may_be_one_record() {
    let single = json!({"single_record": true});
    let memory = export("p.json", b" {\"id\": 1, \"a\": {\"b\": 2}}\n", single.clone(), &["id", "a.b"]).unwrap();
    assert_eq!(memory.rows, [(1, vec!["1".to_owned(), "2".into()])]);
    for (content, message) in
        [("[]", "an object"), ("{} {}", "nothing may follow"), ("{\"id\": 1", "cut off"), ("", "cut off")]
    {
        let error = export("p.json", content.as_bytes(), single.clone(), &["id"]).map(|memory| memory.rows);
        assert!(error.as_ref().is_err_and(|error| error.message.contains(message)), "{content}: {error:?}");
    }
    let memory = export("p.xml", b"<me x='3'>\n<id>1</id><id2/></me>", single.clone(), &["id", "@x"]).unwrap();
    assert_eq!(memory.rows, [(1, vec!["1".to_owned(), "3".into()])]);
    let settings = json!({"single_record": true, "values": "attributes"});
    let memory = export("p.xml", b"<me id='1'><other id='2'/></me>", settings, &["id"]).unwrap();
    assert_eq!(memory.rows, [(1, vec!["1".to_owned()])]);
    assert!(export("p.xml", b"<me><id>1</id>", single, &["id"]).is_err(), "cut off");
}

#[test]
fn every_element_in_the_root_may_be_a_record() {
    let content = b"<all>\n<a><id>1</id></a>\n<b><id>2</id><x><id>3</id></x></b>\n<c/></all>";
    let memory = export("p.xml", content, json!({"record": "*"}), &["id", "x.id"]).unwrap();
    let rows = [(2, ["1", ""]), (3, ["2", "3"]), (4, ["", ""])];
    assert_eq!(memory.rows, rows.map(|(line, row)| (line, row.map(str::to_owned).to_vec())));
    assert_eq!(export("p.xml", b"<all> </all>", json!({"record": "*"}), &["id"]).unwrap().rows, []);
}

#[test]
fn xml_says_itself_how_it_is_written() {
    let read = |content: &[u8]| {
        let memory = export("p.xml", content, json!({"record": "p"}), &["id"])?;
        Ok::<_, ConnectionError>(memory.rows.into_iter().next().unwrap().1.remove(0))
    };
    for start in
        ["<?xml version='1.0' encoding='ISO-8859-1'?>", "<?xml version=\"1.0\" encoding = \"windows-1252\" ?>\n"]
    {
        let content = [start.as_bytes(), b"<all><p><id>M\xFCller</id></p></all>"].concat();
        assert_eq!(read(&content).unwrap(), "Müller", "{start}");
    }
    assert_eq!(read("<all><p><id>Müller</id></p></all>".as_bytes()).unwrap(), "Müller");
    let marked = "\u{feff}<?xml version='1.0' encoding='UTF-8'?><all><p><id>Müller</id></p></all>";
    assert_eq!(read(marked.as_bytes()).unwrap(), "Müller");
    for label in ["x-klingon", "UTF-16"] {
        let content = format!("<?xml version='1.0' encoding='{label}'?><all><p><id>1</id></p></all>");
        let error = read(content.as_bytes()).unwrap_err();
        assert!(error.message.contains(&label.to_lowercase()), "{error}");
    }
}

#[test]
fn json_in_doubt_is_refused_at_its_place() {
    for (content, place, message) in [
        ("", "people.json, line 1, column 1", "cut off"),
        ("{}", "people.json, line 1, column 1", "an array"),
        ("[{\"id\": 1},\n {\"id\": 2}", "people.json, line 2, column 11", "cut off"),
        ("[{\"id\": 1},\n {\"id\": 2", "people.json, line 2, column 2", "cut off"),
        ("[{\"id\": 1}\n {\"id\": 2}]", "people.json, line 2, column 2", "next record"),
        ("[{\"id\": 1},\n {\"id\": 01}]", "people.json, line 2, column 10", "no JSON"),
        ("[{\"id\": 1},\n {\"id\" 1}]", "people.json, line 2, column 8", "no JSON"),
        ("[{\"id\": 1},]", "people.json, line 1, column 12", "no JSON: expected value"),
        ("[1]", "people.json, line 1, column 2", "an object"),
        ("[] []", "people.json, line 1, column 4", "nothing may follow"),
        ("[{\"id\": 1, \"id\": 2}]", "people.json, line 1, column 2", "twice"),
        ("[{\"id\": \"\\u0000\"}]", "people.json, line 1, column 1", "NUL"),
    ] {
        let error = export("people.json", content.as_bytes(), json!({}), &["id"]).map(|memory| memory.rows);
        let error = error.expect_err(content);
        assert_eq!(error.place, place, "{content}: {error}");
        assert!(error.message.contains(message), "{content}: {error}");
    }
}

#[test]
fn xml_records_become_rows() {
    let content = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<x:clubs xmlns:x=\"urn:x\">\n\
                   <x:club id='7'><code>C1</code><name>Chess &amp; <![CDATA[<Go>]]></name></x:club>\n\
                   <!-- none -->\n<x:club>\n <code>C2</code><tag>a</tag><tag>b</tag>\n \
                   <at><city>K&#xF6;ln</city></at><nick/></x:club></x:clubs>\n";
    let columns = ["code", "name", "tag", "at.city", "nick", "@id"];
    let memory = export("clubs.xml", content.as_bytes(), json!({"record": "club"}), &columns).unwrap();
    let rows = [(3, ["C1", "Chess & <Go>", "", "", "", "7"]), (5, ["C2", "", "a\u{1f}b", "Köln", "", ""])];
    assert_eq!(memory.rows, rows.map(|(line, row)| (line, row.map(str::to_owned).to_vec())));

    let content = "<clubs><club code='C1' name=\"a &lt; b\"/><club code='C2'>text</club></clubs>";
    let settings = json!({"record": "club", "values": "attributes"});
    let memory = export("clubs.xml", content.as_bytes(), settings, &["code", "name"]).unwrap();
    assert_eq!(memory.rows, [(1, vec!["C1".to_owned(), "a < b".into()]), (1, vec!["C2".into(), String::new()])]);
    assert!(export("clubs.xml", b"<clubs/>", json!({"record": "club"}), &["code"]).unwrap().rows.is_empty());
}

#[test]
fn xml_in_doubt_is_refused_at_its_place() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"&c;&c;\">]>\n<clubs/>";
    for (content, place, message) in [
        ("", "clubs.xml", "empty"),
        (bomb, "clubs.xml, line 1, column 1", "DOCTYPE"),
        ("<clubs>\n<club><code>&b;</code></club></clubs>", "clubs.xml, line 2, column 13", "entity &b;"),
        ("<clubs>\n<club><code>1</code></club>", "clubs.xml, line 2, column 28", "cut off"),
        ("<clubs>\n<club><code>1</club></clubs>", "clubs.xml, line 2, column 14", "no XML"),
        ("<clubs><club/></clubs>\n<clubs/>", "clubs.xml, line 2, column 1", "second root"),
        ("<clubs><club><code>a<b/></code></club></clubs>", "clubs.xml, line 1, column 21", "side by side"),
        ("<clubs><klub/></clubs>", "clubs.xml", "\"klub\""),
        ("<?xml version='1.0' encoding='x-klingon'?><clubs/>", "clubs.xml, line 1, column 1", "x-klingon"),
        ("<clubs><club a='1' a='2'/></clubs>", "clubs.xml, line 1, column 8", "no XML"),
    ] {
        let error = export("clubs.xml", content.as_bytes(), json!({"record": "club"}), &["code"]);
        let error = error.map(|memory| memory.rows).expect_err(content);
        assert_eq!(error.place, place, "{content}: {error}");
        assert!(error.message.contains(message), "{content}: {error}");
    }
    let deep = format!("<clubs>{}{}</clubs>", "<a>".repeat(5000), "</a>".repeat(5000));
    assert!(export("clubs.xml", deep.as_bytes(), json!({"record": "a"}), &[]).is_err());
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(content in prop::collection::vec(prop_oneof![
        Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b':'),
        Just(b'<'), Just(b'>'), Just(b'/'), Just(b'&'), Just(b'\\'), Just(b'a'), any::<u8>()
    ], 0..200)) {
        for (file, settings) in [("p.csv", json!({})), ("p.json", json!({})), ("p.xml", json!({"record": "a"}))] {
            let _ = export(file, &content, settings, &["a"]);
        }
    }
}
