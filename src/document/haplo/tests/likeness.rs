//! Laws: a document does with any record what the control file it was made of does, step by step; and whatever control
//! file is accepted makes a document that is accepted.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Held = BTreeMap<String, BTreeSet<String>>;

/// Follows the instructions over one record as they are meant, changing what is held step by step.
#[derive(Default)]
struct Steps {
    held: Held,
    aborted: Option<String>,
}

impl Steps {
    fn follow(&mut self, instructions: &Value, record: &Value) {
        for one in instructions.as_array().into_iter().flatten() {
            let text = |key: &str| one[key].as_str().unwrap_or_default();
            let value = record.get(text("source"));
            let target = format!("{}/{}", text("destination"), text("name"));
            match one["action"].as_str().unwrap_or("field") {
                "field" => {
                    if let Some(value) = value.and_then(Value::as_str).filter(|value| !value.is_empty()) {
                        self.put(one, target, value);
                    }
                }
                "set-value" => self.put(one, target, text("value")),
                "remove-values" => drop(self.held.remove(&target)),
                "if-exists" => self.follow(&one[if value.is_some() { "then" } else { "else" }], record),
                "if-value-one-of" => {
                    let values = one["values"].as_array().unwrap();
                    let holds = value.is_some_and(|value| values.contains(value));
                    self.follow(&one[if holds { "then" } else { "else" }], record);
                }
                "if-has-value" => {
                    let holds = self.held.contains_key(&target);
                    self.follow(&one[if holds { "then" } else { "else" }], record);
                }
                "within" => {
                    if let Some(inner) = value {
                        self.follow(&one["instructions"], inner);
                    }
                }
                "for-each" => {
                    for value in value.and_then(Value::as_array).into_iter().flatten() {
                        self.follow(&one["instructions"], &json!({ "value": value }));
                    }
                }
                "abort-record" => drop(self.aborted.get_or_insert_with(|| text("message").to_owned())),
                other => panic!("{other}"),
            }
        }
    }

    fn put(&mut self, one: &Value, target: String, value: &str) {
        let mapped = one["mapInputValue"]
            .get(value)
            .or(one.get("mapInputValueDefault").filter(|_| one.get("mapInputValue").is_some()));
        let mut value = mapped.and_then(Value::as_str).unwrap_or(value).to_owned();
        for filter in one["filters"].as_array().into_iter().flatten() {
            value = match filter.as_str().unwrap() {
                "haplo:to-lower-case" => value.to_lowercase(),
                "haplo:to-upper-case" => value.to_uppercase(),
                _ => value,
            };
        }
        let values = self.held.entry(target).or_default();
        if one["multivalue"] != json!(true) {
            values.clear();
        }
        values.insert(value);
    }
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["x", "Y", "z'1", "é\\"]).prop_map(str::to_owned)
}

fn source() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn options() -> impl Strategy<Value = Value> {
    let map = prop::option::of((prop::collection::btree_map(value(), value(), 1..3), prop::option::of(value())));
    let filters = prop::collection::vec(
        prop::sample::select(vec!["haplo:to-lower-case", "haplo:to-upper-case", "haplo:to-string"]),
        0..2,
    );
    (map, filters).prop_map(|(map, filters)| {
        let mut options = json!({});
        if let Some((map, default)) = map {
            options["mapInputValue"] = json!(map);
            if let Some(default) = default {
                options["mapInputValueDefault"] = json!(default);
            }
        }
        if !filters.is_empty() {
            options["filters"] = json!(filters);
        }
        options
    })
}

/// A tag, or an attribute that may have several values.
fn target() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec!["t", "u"]).prop_map(|name| json!({"destination": "user:tags", "name": name})),
        any::<bool>().prop_map(|more| json!({"destination": "profile", "name": "x:skill", "multivalue": more})),
    ]
}

fn setting() -> impl Strategy<Value = Value> {
    let origin = prop_oneof![
        3 => source().prop_map(|source| json!({ "source": source })),
        1 => value().prop_map(|value| json!({"action": "set-value", "value": value})),
    ];
    (origin, target(), options()).prop_map(|(origin, target, options)| with(with(origin, target), options))
}

fn in_a_list() -> impl Strategy<Value = Value> {
    let origin = prop_oneof![
        3 => Just(json!({"source": "value"})),
        1 => value().prop_map(|value| json!({"action": "set-value", "value": value})),
    ];
    let skill = json!({"destination": "profile", "name": "x:skill", "multivalue": true});
    let set = (origin, options()).prop_map(move |(origin, options)| with(with(origin, skill.clone()), options)).boxed();
    let chosen = (prop::collection::vec(value(), 0..3), set.clone(), set.clone()).prop_map(|(values, then, other)| {
        json!({"action": "if-value-one-of", "source": "value", "values": values, "then": [then], "else": [other]})
    });
    let body = prop::collection::vec(prop_oneof![set, chosen], 1..3);
    body.prop_map(|body| json!({"action": "for-each", "source": "list", "wrapValues": true, "instructions": body}))
}

fn instructions() -> impl Strategy<Value = Vec<Value>> {
    let removing = target().prop_map(|target| {
        let target = json!({"destination": target["destination"], "name": target["name"]});
        with(json!({"action": "remove-values"}), target)
    });
    let aborting = value().prop_map(|message| json!({"action": "abort-record", "message": message})).boxed();
    let within = prop::collection::vec(setting(), 1..3).prop_map(|mut inner| {
        // so that whether the object is there can be seen
        inner.push(json!({"source": "a", "destination": "user:tags", "name": "t"}));
        json!({"action": "within", "source": "o", "instructions": inner})
    });
    let leaf = prop_oneof![6 => setting(), 2 => removing, 1 => in_a_list(), 1 => within];
    let tree = leaf.prop_recursive(3, 24, 3, move |inner| {
        let list = prop::collection::vec(inner, 0..3);
        let condition = prop_oneof![
            source().prop_map(|source| json!({"action": "if-exists", "source": source})),
            (source(), prop::collection::vec(value(), 0..3))
                .prop_map(|(source, values)| json!({"action": "if-value-one-of", "source": source, "values": values})),
            target().prop_map(|target| {
                json!({"action": "if-has-value", "destination": target["destination"], "name": target["name"]})
            }),
        ];
        (condition, list.clone(), list, prop::option::weighted(0.1, aborting.clone())).prop_map(
            |(condition, mut then, otherwise, abort)| {
                then.extend(abort);
                with(condition, json!({"then": then, "else": otherwise}))
            },
        )
    });
    prop::collection::vec(tree, 0..7)
}

fn record() -> impl Strategy<Value = Value> {
    let maybe = || prop::option::of(value());
    let object = prop::option::of((value(), maybe(), maybe()));
    (maybe(), maybe(), maybe(), prop::collection::vec(value(), 0..4), object).prop_map(|(a, b, c, list, object)| {
        let mut record = json!({"login": "Ada", "first": "Ada", "last": "King", "mail": "ada@example.org"});
        let put = |record: &mut Value, name: &str, value: Option<String>| {
            if let Some(value) = value {
                record[name] = json!(value);
            }
        };
        put(&mut record, "a", a);
        put(&mut record, "b", b);
        put(&mut record, "c", c);
        if !list.is_empty() {
            record["list"] = json!(list);
        }
        if let Some((a, b, c)) = object {
            record["o"] = json!({ "a": a });
            put(&mut record["o"], "b", b);
            put(&mut record["o"], "c", c);
        }
        record
    })
}

/// The record as the export writes it: objects taken apart, several values with the separator between them.
fn flat(record: &Value, prefix: &str, columns: &mut Vec<(String, String)>) {
    for (name, value) in record.as_object().unwrap() {
        let column = format!("{prefix}{name}");
        match value {
            Value::Object(_) => flat(value, &format!("{column}."), columns),
            Value::Array(list) => {
                let values: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                columns.push((column, values.join("\u{1f}")));
            }
            value => columns.push((column, value.as_str().unwrap().to_owned())),
        }
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        value => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_document_does_what_the_control_file_does(instructions in instructions(), record in record()) {
        let file = control("json", instructions);
        let (imported, definition) = imported(&file);
        prop_assume!(imported.notes.is_empty());
        let mut steps = Steps::default();
        steps.follow(&file["instructions"], &record);
        let mut columns = Vec::new();
        flat(&record, "", &mut columns);
        let columns: Vec<(&str, &str)> = columns.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match user(&definition, &columns) {
            Err(problem) => {
                let expected = steps.aborted.clone().unwrap_or_default();
                prop_assert!(!expected.is_empty() && problem.contains(&expected), "{}\n{}", problem, imported.document);
            }
            Ok(user) => {
                prop_assert_eq!(&steps.aborted, &None, "{}", imported.document);
                for (target, property) in [("user:tags/t", "t"), ("user:tags/u", "u"), ("profile/x:skill", "skill")] {
                    let expected = steps.held.get(target).cloned().unwrap_or_default();
                    let found = user.get(property).map(texts).unwrap_or_default();
                    prop_assert_eq!(found, expected, "{} of {:?}\n{}", property, columns, imported.document);
                }
            }
        }
    }

    #[test]
    fn what_is_accepted_makes_a_document_that_is_accepted(
        instructions in instructions(),
        files in prop::collection::btree_map("[A-Za-z0-9_-]{1,12}", prop::sample::select(vec![
            json!({"read": "json"}), json!({"read": "json", "singleRecord": true}), json!({"read": "xml-text-of-children"}),
            json!({"read": "xml-attributes", "singleRecord": true}), json!({"read": "tsv-with-name-row"}),
            json!({"read": "tsv-with-name-row", "separator": ";", "charset": "iso-8859-15"}),
        ]), 1..4),
        name in "\\PC{1,20}",
        groups in prop::collection::vec("\\PC{0,20}", 0..4),
        extra in prop::collection::vec((any::<String>(), any::<String>()), 0..3),
    ) {
        let mut instructions = instructions;
        instructions.extend(extra.iter().filter(|(source, name)| !source.trim().is_empty() && !name.trim().is_empty()).map(
            |(source, name)| json!({"source": source, "destination": "user:tags", "name": name, "filters": ["haplo:to-lower-case"],
                                    "mapInputValue": {name.as_str(): source}}),
        ));
        instructions.extend(groups.iter().map(
            |code| json!({"action": "set-value", "destination": "user", "name": "groups", "multivalue": true, "value": code}),
        ));
        let mut file = control("json", instructions);
        file["files"] = json!(files);
        prop_assume!(crate::document::haplo::import(&control("json", Vec::new()).to_string(), &name, &[]).is_ok());
        let imported = crate::document::haplo::import(&file.to_string(), &name, &groups);
        prop_assert!(imported.is_ok(), "{:?}\n{:#}", imported, file);
    }

    #[test]
    fn nothing_makes_it_panic(text in prop_oneof!["\\PC{0,60}", "[\\[\\]{}\",:a-z0-9 ]{0,60}"]) {
        let _ = import(&text, "people", &[]);
    }
}
