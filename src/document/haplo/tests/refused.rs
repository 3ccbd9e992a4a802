//! What has no counterpart, what is too much, and what is no control file.

use super::*;

#[test]
fn what_has_no_counterpart_is_named_with_its_path() {
    let mut file = control(
        "json",
        vec![
            json!({"action": "log-error", "message": "odd"}),
            json!({"action": "set-attribute-group", "source": "a", "destination": "profile", "name": "x", "group": "y"}),
            with(field("a", "t"), json!({"filters": ["acme:own"]})),
            with(field("a", "u"), json!({"filters": ["haplo:code-to-ref"]})),
            with(field("a", "v"), json!({"refMapping": "departments"})),
            with(field("a", "w"), json!({"dateFormat": "kk"})),
            with(field("a", "x"), json!({"country": "DE"})),
            json!({"action": "for-each", "source": "list", "instructions": [field("x", "y")]}),
            json!({"action": "assert-destination", "destination": "profile", "exists": false}),
            with(field("a", "z"), json!({"refMapping": "none"})),
            json!({"action": "set-value", "destination": "user:tags", "name": "obj", "value": {"a": 1}}),
        ],
    );
    file["recordProcessor"] = json!("acme");
    file["mapping"] = json!({"departments": {"using": "behaviour", "values": {"1": "dept:one"}, "types": ["t"]}});
    let (imported, definition) = imported(&file);
    let paths: Vec<&str> = imported.notes.iter().map(|note| note.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "$.recordProcessor",
            "$.instructions[4]",
            "$.instructions[5]",
            "$.instructions[6].filters[0]",
            "$.instructions[7].filters[0]",
            "$.instructions[8].refMapping",
            "$.instructions[9].dateFormat",
            "$.instructions[10].country",
            "$.instructions[11]",
            "$.instructions[12]",
            "$.instructions[13].refMapping",
            "$.instructions[14]",
        ]
    );
    assert!(imported.document.contains("#   $.instructions[11]: goes over objects"), "{}", imported.document);
    assert_eq!(made(&definition, &[("a", "1")]), json!({"u": "1", "v": "dept:one", "x": "1"}));
    assert_eq!(made(&definition, &[("a", "2")]), json!({"u": "2", "x": "2"}), "a reference that is not found is none");
}

#[test]
fn readers_become_tables() {
    let mut file = control("json", Vec::new());
    file["files"] = json!({
        "a": {"read": "json", "singleRecord": true},
        "b": {"read": "xml-text-of-children"},
        "c": {"read": "xml-attributes", "singleRecord": true},
        "d": {"read": "tsv-with-name-row", "charset": "Latin1", "separator": "|"},
        "e-e": {"read": "tsv-with-name-row", "charset": "utf8"},
    });
    let (imported, definition) = imported(&file);
    let tables = &definition.connections[0].tables;
    let settings: Vec<Value> = tables.iter().map(|table| Value::Object(table.settings.clone())).collect();
    assert_eq!(
        settings,
        [
            json!({"format": "json", "single_record": true}),
            json!({"format": "xml", "record": "*"}),
            json!({"format": "xml", "single_record": true, "values": "attributes"}),
            json!({"format": "tsv", "separator": "|", "quotes": false, "encoding": "windows-1252"}),
            json!({"format": "tsv", "quotes": false}),
        ]
    );
    let names: Vec<&str> = definition.entity_types.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e-e"]);
    assert_eq!(imported.notes[0].path, "$.files");
}

#[test]
fn bad_control_files_are_refused_with_path_and_advice() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut file = control("json", Vec::new());
        change(&mut file);
        match import(&file.to_string(), "people", &[]) {
            Err(ImportError::Control(errors)) => {
                errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect::<Vec<_>>().join("\n")
            }
            other => panic!("{other:?}"),
        }
    };
    let instruction = |instruction: Value| {
        refused(&|file: &mut Value| file["instructions"].as_array_mut().unwrap().push(instruction.clone()))
    };
    for (found, expected) in [
        (
            refused(&|file| file["dataImportControlFileVersion"] = json!(1)),
            "$.dataImportControlFileVersion: must be 0, not 1",
        ),
        (refused(&|file| file["model"] = json!("haplo:person")), "$.model: \"haplo:person\" does not describe users"),
        (
            refused(&|file| file["instrctions"] = json!([])),
            "$.instrctions: \"instrctions\" is not known here; did you mean instructions?",
        ),
        (refused(&|file| *file = json!([])), "$: here must be an object, not a list"),
        (refused(&|file| file["files"] = json!({})), "$.files: names no file"),
        (
            refused(&|file| file["files"] = json!({"a/b": {"read": "json"}})),
            "$.files[\"a/b\"]: \"a/b\" can't be the name of a file",
        ),
        (
            refused(&|file| file["files"]["people"]["read"] = json!("csv")),
            "$.files.people.read: there is no reader \"csv\"",
        ),
        (refused(&|file| file["files"]["people"] = json!({})), "$.files.people: read is missing; add it"),
        (
            refused(&|file| {
                file["files"]["people"] = json!({"read": "tsv-with-name-row", "charset": "klingon", "separator": "||"})
            }),
            "$.files.people.charset: \"klingon\" can't be read; there are utf-8",
        ),
        (
            refused(&|file| file["files"]["people"] = json!({"read": "tsv-with-name-row", "separator": "||"})),
            "$.files.people.separator: \"||\" is no separator of one ASCII character",
        ),
        (refused(&|file| file["instructions"] = json!([])), "$.instructions: no field at the top sets username"),
        (
            instruction(json!({"action": "new", "destination": "profile"})),
            "$.instructions[4].action: new is not allowed",
        ),
        (
            instruction(json!({"action": "feild"})),
            "$.instructions[4].action: there is no action \"feild\"; did you mean field?",
        ),
        (
            instruction(json!({"source": "a", "destination": "user", "name": "phone"})),
            "$.instructions[4].name: a user has no \"phone\"",
        ),
        (
            instruction(json!({"source": "a", "destination": "object", "name": "x"})),
            "there is no destination \"object\"",
        ),
        (instruction(json!({"destination": "user", "name": "title"})), "$.instructions[4]: source is missing; add it"),
        (
            instruction(json!({"source": 1, "destination": "user", "name": "title"})),
            "$.instructions[4].source: source takes a text",
        ),
        (
            instruction(
                json!({"action": "if-exists", "source": "a", "then": [{"source": "b", "destination": "user", "name": "username"}]}),
            ),
            "$.instructions[4].then[0]: username must come from a field at the top",
        ),
        (
            instruction(json!({"source": "a", "destination": "user", "name": "title", "filter": []})),
            "$.instructions[4].filter: \"filter\" is not known here; did you mean filters?",
        ),
    ] {
        assert!(found.contains(expected), "{expected}\n{found}");
    }
    let syntax = import("{\n  \"model\": oops", "people", &[]);
    assert!(matches!(syntax, Err(ImportError::Syntax { line: 2, column: 12, .. })), "{syntax:?}");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(matches!(import(&deep, "people", &[]), Err(ImportError::Syntax { .. })));
    let mut nested = json!({"source": "a", "destination": "user", "name": "title"});
    (0..40).for_each(|_| nested = json!({"action": "if-exists", "source": "a", "then": [nested]}));
    assert!(instruction(nested).contains("more than 24 deep"));
}

#[test]
fn what_is_too_much_for_an_expression_is_named() {
    // each one doubles what the one before came to
    let structured = (0..40).flat_map(|_| {
        let part = |source: &str, name: &str| json!({"source": source, "destination": "value:person-name", "name": name});
        let has = json!({"action": "if-has-value", "destination": "profile", "name": "n", "then": [part("a", "last")], "else": [part("b", "last")]});
        let into = json!({"action": "field-structured", "structured": "value:person-name", "destination": "profile", "name": "n"});
        [has, into]
    });
    let (imported, _) = imported(&control("json", structured.collect()));
    assert!(imported.notes.iter().any(|note| note.message.contains("left out")), "{:?}", imported.notes);
    let map: Map<String, Value> = (0..2000).map(|number| (format!("k{number}"), json!("v"))).collect();
    let large = vec![with(field("a", "t"), json!({"mapInputValue": map, "filters": ["haplo:to-lower-case"]}))];
    let (noted, definition) = super::imported(&control("json", large));
    assert!(noted.notes[0].message.contains("is no expression"), "{:?}", noted.notes);
    assert_eq!(made(&definition, &[("a", "k1")]), json!({}));
}
