//! Control files and the documents they make: what stands in the document, and what its mapping makes of records.

mod likeness;
mod refused;

use super::*;
use crate::document::{Document, parse};
use crate::model::connector::ConnectorDefinition;
use crate::values::expression::{Evaluated, Expression, Header, Row};
use csv::StringRecord;
use serde_json::{Map, Value, json};

/// The fields that a user must have.
pub(super) fn required() -> Vec<Value> {
    vec![
        json!({"source": "login", "destination": "user", "name": "username"}),
        json!({"source": "first", "destination": "user", "name": "nameFirst"}),
        json!({"source": "last", "destination": "user", "name": "nameLast"}),
        json!({"source": "mail", "destination": "user", "name": "email"}),
    ]
}

/// A control file over one file, with the required fields and these instructions.
pub(super) fn control(read: &str, instructions: Vec<Value>) -> Value {
    let all: Vec<Value> = required().into_iter().chain(instructions).collect();
    json!({"dataImportControlFileVersion": 0, "model": "haplo:user-sync", "files": {"people": {"read": read}},
           "instructions": all})
}

#[track_caller]
pub(super) fn imported(control: &Value) -> (Imported, ConnectorDefinition) {
    let imported = import(&control.to_string(), "people", &[]).unwrap_or_else(|error| panic!("{error:?}\n{control:#}"));
    let Document::Connector { definition, .. } = parse(&imported.document, None).unwrap() else {
        panic!("a connector")
    };
    (imported, definition)
}

/// What the document makes of a record: its properties that have a value, and with `»` before it what its associations
/// refer to; or the problem of the record.
pub(super) fn user(definition: &ConnectorDefinition, record: &[(&str, &str)]) -> Result<Map<String, Value>, String> {
    let columns: Vec<String> = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    let header = Header::new(&columns);
    let value = |name: &str| record.iter().find(|(column, _)| *column == name).map_or("", |(_, value)| *value);
    let values: StringRecord = COLUMNS.iter().map(|name| value(name)).collect();
    let row = Row::new(&header, &values);
    let mut user = Map::new();
    for property in &definition.entity_types[0].properties {
        let format = property.format().unwrap();
        let evaluated = match (&property.column, &property.expression, &property.constant) {
            (Some(column), ..) => Evaluated::Text(row.text(column).unwrap().into()),
            (_, Some(expression), _) => {
                let expression = Expression::compile(expression).unwrap();
                own(expression.evaluate(&row).map_err(|error| error.to_string())?)
            }
            (.., constant) => Evaluated::Text(constant.clone().unwrap().into()),
        };
        let value = format.convert_evaluated(evaluated, &mut Vec::new()).map_err(|error| error.to_string())?;
        if property.required && value.is_null() {
            return Err(format!("{} is missing", property.name));
        }
        if !value.is_null() {
            user.insert(property.name.clone(), value);
        }
    }
    for association in definition.associations.iter().filter(|one| one.from == definition.entity_types[0].name) {
        let expression = Expression::compile(association.expression.as_deref().unwrap()).unwrap();
        let values = match expression.evaluate(&row).map_err(|error| error.to_string())? {
            Evaluated::List(values) => values.into_iter().map(|value| value.into_text().into_owned()).collect(),
            value => vec![value.into_text().into_owned()],
        };
        let mut values: Vec<String> = values
            .iter()
            .flat_map(|value| value.split('\u{1f}'))
            .map(str::to_owned)
            .filter(|one| !one.is_empty())
            .collect();
        values.sort();
        values.dedup();
        if !values.is_empty() {
            user.insert(format!("»{}", association.name), json!(values));
        }
    }
    Ok(user)
}

fn own(evaluated: Evaluated<'_>) -> Evaluated<'static> {
    match evaluated {
        Evaluated::List(values) => Evaluated::List(values.into_iter().map(own).collect()),
        other => Evaluated::Text(other.into_text().into_owned().into()),
    }
}

pub(super) const COLUMNS: [&str; 18] = [
    "login",
    "first",
    "last",
    "mail",
    "a",
    "b",
    "c",
    "list",
    "manager",
    "web",
    "o.x",
    "o.a",
    "o.b",
    "o.c",
    "o.p.z",
    "in",
    "two words",
    "kind",
];

/// What becomes of a record with the required values and these.
#[track_caller]
fn becomes(instructions: Vec<Value>, record: &[(&str, &str)]) -> Value {
    let (imported, definition) = imported(&control("json", instructions));
    assert_eq!(imported.notes, [], "{}", imported.document);
    made(&definition, record)
}

#[track_caller]
fn made(definition: &ConnectorDefinition, record: &[(&str, &str)]) -> Value {
    let basics = [("login", "ALovelace"), ("first", "Ada"), ("last", "Lovelace"), ("mail", "ada@example.org")];
    match user(definition, &[record, &basics].concat()) {
        Ok(mut user) => {
            ["username", "nameFirst", "nameLast", "email"].iter().for_each(|name| drop(user.remove(*name)));
            Value::Object(user)
        }
        Err(problem) => json!(problem),
    }
}

fn field(source: &str, name: &str) -> Value {
    json!({"source": source, "destination": "user:tags", "name": name})
}

fn with(mut instruction: Value, more: Value) -> Value {
    instruction.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    instruction
}

#[test]
fn the_required_fields_make_a_user() {
    let (imported, definition) = imported(&control("tsv-with-name-row", Vec::new()));
    assert_eq!(imported.notes, []);
    let record = [("login", "ALovelace"), ("first", "Ada"), ("last", "King"), ("mail", "ada@example.org")];
    let expected = json!({"username": "alovelace", "nameFirst": "Ada", "nameLast": "King", "email": "ada@example.org"});
    assert_eq!(user(&definition, &record).map(Value::Object), Ok(expected));
    for (without, problem) in [("first", "nameFirst"), ("last", "nameLast"), ("mail", "email")] {
        let record: Vec<_> = record.iter().filter(|(name, _)| *name != without).copied().collect();
        assert_eq!(user(&definition, &record), Err(format!("{problem} is missing")));
    }
    for (mail, accepted) in [("a@b", true), ("a@", true), ("@b", false), ("a", false), ("a@b@c", true)] {
        let record = [("login", "a"), ("first", "b"), ("last", "c"), ("mail", mail)];
        assert_eq!(user(&definition, &record).is_ok(), accepted, "{mail}");
    }
    let users = definition.entity_types[0].users.as_ref().unwrap();
    let fields: Vec<_> = users.fields.iter().map(|(field, property)| (field.as_str(), property.as_str())).collect();
    assert_eq!(
        fields,
        [("family_name", "nameLast"), ("given_name", "nameFirst"), ("mail", "email"), ("user_name", "username")]
    );
    assert!(users.correlate[0].ignore_case && users.correlate[0].field == "user_name");
    assert!(definition.entity_types[0].key().unwrap().name == "username");
}

#[test]
fn an_empty_input_leaves_what_was_set_before() {
    let twice = || vec![field("a", "t"), field("b", "t")];
    assert_eq!(becomes(twice(), &[("a", "1"), ("b", "2")]), json!({"t": "2"}));
    assert_eq!(becomes(twice(), &[("a", "1")]), json!({"t": "1"}));
    assert_eq!(becomes(twice(), &[("a", "0")]), json!({"t": "0"}), "0 is a value");
    assert_eq!(becomes(twice(), &[]), json!({}));
    let fallback =
        || vec![json!({"action": "set-value", "destination": "user:tags", "name": "t", "value": 7}), field("a", "t")];
    assert_eq!(becomes(fallback(), &[]), json!({"t": "7"}));
    assert_eq!(becomes(fallback(), &[("a", "8")]), json!({"t": "8"}));
    let removed =
        || [fallback(), vec![json!({"action": "remove-values", "destination": "user:tags", "name": "t"})]].concat();
    assert_eq!(becomes(removed(), &[("a", "8")]), json!({}));
}

#[test]
fn a_plain_field_is_a_plain_column() {
    let instructions = vec![
        field("a", "plain"),
        with(field("b", "mapped"), json!({"mapInputValue": {"M": "Male", "F": "Female"}})),
        with(field("c", "dated"), json!({"dateFormat": "dd/MM/yyyy"})),
        with(field("list", "flag"), json!({"trueValue": "Y", "falseValue": "N"})),
        json!({"action": "set-value", "destination": "user:tags", "name": "source", "value": "HR"}),
    ];
    let (imported, definition) = imported(&control("tsv-with-name-row", instructions));
    let find = |name: &str| definition.entity_types[0].property(name).unwrap().clone();
    assert!(
        definition.entity_types[0].properties.iter().all(|one| one.key || one.expression.is_none()),
        "{}",
        imported.document
    );
    assert_eq!(find("mapped").values.get("M").map(String::as_str), Some("Male"));
    assert_eq!((find("dated").format.as_deref(), find("dated").value_type.as_str()), (Some("%d/%m/%Y"), "date"));
    assert_eq!((find("flag").true_values, find("flag").false_values), (vec!["Y".to_owned()], vec!["N".to_owned()]));
    assert_eq!(find("source").constant.as_deref(), Some("HR"));
    let record = [("a", "x"), ("b", "F"), ("c", "31/12/2020"), ("list", "N")];
    let expected = json!({"plain": "x", "mapped": "Female", "dated": "2020-12-31", "flag": false, "source": "HR"});
    assert_eq!(made(&definition, &record), expected);
    assert_eq!(made(&definition, &[("b", "X")]), json!({"mapped": "X", "source": "HR"}), "others pass");
}

#[test]
fn values_are_mapped_then_filtered_then_converted() {
    let map = json!({"mapInputValue": {"m": "Male"}, "filters": ["haplo:to-upper-case"]});
    let one = || vec![with(field("a", "t"), map.clone())];
    assert_eq!(becomes(one(), &[("a", "m")]), json!({"t": "MALE"}));
    assert_eq!(becomes(one(), &[("a", "x")]), json!({"t": "X"}));
    assert_eq!(becomes(one(), &[("a", "M")]), json!({"t": "M"}));
    let default = json!({"mapInputValue": {"m": "Male", "f": "Female"}, "mapInputValueDefault": "Other"});
    let two = || vec![with(field("a", "t"), default.clone())];
    assert_eq!(becomes(two(), &[("a", "f")]), json!({"t": "Female"}));
    assert_eq!(becomes(two(), &[("a", "x")]), json!({"t": "Other"}));
    assert_eq!(becomes(two(), &[]), json!({}), "without a value nothing is set, no default either");
    let constant = with(
        json!({"action": "set-value", "destination": "user:tags", "name": "t", "value": "m"}),
        json!({"mapInputValue": {"m": "Male"}, "filters": ["haplo:to-lower-case", "haplo:to-string"]}),
    );
    assert_eq!(becomes(vec![constant], &[]), json!({"t": "male"}));
    let url = || vec![with(field("web", "t"), json!({"filters": ["haplo:fix-up-url"]}))];
    for (web, expected) in [
        ("www.example.org/x", "https://www.example.org/x"),
        ("http://example.org", "http://example.org"),
        ("example 1", "example 1"),
    ] {
        assert_eq!(becomes(url(), &[("web", web)]), json!({"t": expected}));
    }
}

#[test]
fn dates_in_several_formats_are_read_each_by_its_own() {
    let instructions = || {
        let first = with(field("a", "t"), json!({"dateFormat": "dd/MM/yyyy"}));
        vec![first, with(field("b", "t"), json!({"dateFormat": "yyyyMMdd"}))]
    };
    assert_eq!(becomes(instructions(), &[("a", "31/12/2020")]), json!({"t": "2020-12-31"}));
    assert_eq!(becomes(instructions(), &[("a", "31/12/2020"), ("b", "20210101")]), json!({"t": "2021-01-01"}));
    assert!(becomes(instructions(), &[("b", "soon")]).as_str().unwrap().contains("is not a date"));
    let moment = || vec![with(field("a", "t"), json!({"dateFormat": "yyyy-MM-dd'T'HH:mm:ss"}))];
    assert_eq!(becomes(moment(), &[("a", "2020-12-31T01:02:03")]), json!({"t": "2020-12-31T01:02:03Z"}));
}

#[test]
fn words_for_true_and_false_differ_from_instruction_to_instruction() {
    let instructions = || {
        let first = with(field("a", "t"), json!({"trueValue": "Y", "falseValue": "N"}));
        vec![first, with(field("b", "t"), json!({"trueValue": "ja", "falseValue": "nein"}))]
    };
    assert_eq!(becomes(instructions(), &[("a", "N")]), json!({"t": false}));
    assert_eq!(becomes(instructions(), &[("a", "N"), ("b", "ja")]), json!({"t": true}));
}

#[test]
fn conditions_choose_between_instructions() {
    let set = |value: &str| json!({"action": "set-value", "destination": "user:tags", "name": "t", "value": value});
    let kind = || {
        vec![
            json!({"action": "if-value-one-of", "source": "a", "values": ["S", 1], "then": [set("staff")], "else": [set("other")]}),
        ]
    };
    assert_eq!(becomes(kind(), &[("a", "S")]), json!({"t": "staff"}));
    assert_eq!(becomes(kind(), &[("a", "1")]), json!({"t": "staff"}));
    assert_eq!(becomes(kind(), &[("a", "s")]), json!({"t": "other"}));
    let exists = || vec![json!({"action": "if-exists", "source": "a", "then": [field("b", "t")]})];
    assert_eq!(becomes(exists(), &[("b", "x")]), json!({}));
    assert_eq!(becomes(exists(), &[("a", "1"), ("b", "x")]), json!({"t": "x"}));
    let has = || {
        vec![
            field("a", "t"),
            json!({"action": "if-has-value", "destination": "user:tags", "name": "t", "then": [field("b", "u")], "else": [set("none")]}),
        ]
    };
    assert_eq!(becomes(has(), &[("a", "1"), ("b", "x")]), json!({"t": "1", "u": "x"}));
    assert_eq!(becomes(has(), &[("b", "x")]), json!({"t": "none"}));
    let nested = || {
        let inner = json!({"action": "if-exists", "source": "b", "then": [set("both")], "else": [set("a alone")]});
        vec![json!({"action": "if-exists", "source": "a", "then": [inner]})]
    };
    assert_eq!(becomes(nested(), &[("a", "1"), ("b", "1")]), json!({"t": "both"}));
    assert_eq!(becomes(nested(), &[("a", "1")]), json!({"t": "a alone"}));
    assert_eq!(becomes(nested(), &[("b", "1")]), json!({}));
}

#[test]
fn objects_and_lists_within_a_record_are_gone_into() {
    let set = |value: &str| json!({"action": "set-value", "destination": "user:tags", "name": "seen", "value": value});
    let within = || {
        let deeper = json!({"action": "within", "source": "p", "instructions": [field("z", "z")]});
        vec![
            json!({"action": "within", "source": "o", "instructions": [field("x", "x"), deeper, set("yes")]}),
            json!({"action": "if-exists", "source": "o", "then": [field("a", "a")]}),
        ]
    };
    assert_eq!(becomes(within(), &[("o.x", "1"), ("a", "2")]), json!({"x": "1", "seen": "yes", "a": "2"}));
    assert_eq!(becomes(within(), &[("o.p.z", "3")]), json!({"z": "3", "seen": "yes"}));
    assert_eq!(becomes(within(), &[("a", "2")]), json!({}));

    let profile =
        |more: Value| with(json!({"destination": "profile", "name": "std:attribute:skill", "multivalue": true}), more);
    let each = |instructions: Value| {
        vec![json!({"action": "for-each", "source": "list", "wrapValues": true, "instructions": instructions})]
    };
    let plain = || each(json!([profile(json!({"source": "value", "filters": ["haplo:to-lower-case"]}))]));
    assert_eq!(becomes(plain(), &[("list", "B\u{1f}A\u{1f}b")]), json!({"skill": ["a", "b"]}));
    assert_eq!(becomes(plain(), &[]), json!({}));
    let chosen = || {
        each(json!([{"action": "if-value-one-of", "source": "value", "values": ["x", "y"],
                     "then": [profile(json!({"source": "value"}))],
                     "else": [profile(json!({"action": "set-value", "value": "other"}))]}]))
    };
    assert_eq!(becomes(chosen(), &[("list", "x\u{1f}q")]), json!({"skill": ["other", "x"]}));
}

#[test]
fn several_values_are_added_or_replaced() {
    let add = |source: &str, multivalue: bool| json!({"source": source, "destination": "profile", "name": "std:attribute:email", "multivalue": multivalue});
    let added = || vec![add("a", true), add("b", true)];
    assert_eq!(
        becomes(added(), &[("a", "1"), ("b", "2")]),
        json!({"profile_email": ["1", "2"]}),
        "email is the name of the user's own"
    );
    assert_eq!(becomes(added(), &[("b", "2")]), json!({"profile_email": ["2"]}));
    let replaced = || vec![add("a", true), add("b", false)];
    assert_eq!(becomes(replaced(), &[("a", "1"), ("b", "2")]), json!({"profile_email": ["2"]}));
    assert_eq!(becomes(replaced(), &[("a", "1")]), json!({"profile_email": ["1"]}));
    let qualified = |qualifier: &str, source: &str| json!({"source": source, "destination": "profile", "name": "std:attribute:telephone", "qualifier": qualifier});
    let phones = || vec![qualified("std:qualifier:mobile", "a"), qualified("std:qualifier:home", "b")];
    assert_eq!(becomes(phones(), &[("a", "1"), ("b", "2")]), json!({"mobile": "1", "phone_home": "2"}));
}

#[test]
fn structured_values_are_put_together() {
    let part = |source: &str, name: &str| json!({"source": source, "destination": "value:person-name", "name": name});
    let name = || {
        let into = json!({"action": "field-structured", "structured": "value:person-name", "destination": "profile", "name": "dc:attribute:title"});
        vec![part("a", "title"), part("first", "first"), part("b", "last"), into]
    };
    assert_eq!(becomes(name(), &[("a", "Dr"), ("b", "King")]), json!({"display_name": "Dr Ada King"}));
    assert_eq!(becomes(name(), &[("b", "King")]), json!({"display_name": "Ada King"}));
    assert_eq!(becomes(name(), &[("a", "Dr")]), json!({}), "without a family name it is none");
}

#[test]
fn groups_are_memberships_of_managed_groups() {
    let group = |value: &str| json!({"action": "set-value", "destination": "user", "name": "groups", "multivalue": true, "value": value});
    let instructions = || {
        vec![
            group("Group:Everybody"),
            json!({"action": "if-value-one-of", "source": "a", "values": ["S"], "then": [group("Group:Staff")]}),
            json!({"source": "b", "destination": "user", "name": "groups", "multivalue": true,
                   "mapInputValue": {"lib": "Group:Library"}, "mapInputValueDefault": ""}),
        ]
    };
    let groups = |record: &[(&str, &str)]| becomes(instructions(), record)["»groups"].clone();
    assert_eq!(groups(&[]), json!(["Group:Everybody"]));
    assert_eq!(groups(&[("a", "S"), ("b", "lib")]), json!(["Group:Everybody", "Group:Library", "Group:Staff"]));
    assert_eq!(groups(&[("b", "bar")]), json!(["Group:Everybody"]));
    let (_, definition) = imported(&control("json", instructions()));
    let names: Vec<&str> = definition.entity_types.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["user", "Group:Everybody", "Group:Library", "Group:Staff"]);
    assert!(definition.associations[0].membership);
}

#[test]
fn groups_that_stand_in_the_records_are_named_on_the_command_line() {
    let instructions = vec![json!({"source": "list", "destination": "user", "name": "groups", "multivalue": true})];
    let control = control("json", instructions);
    let (without, definition) = imported(&control);
    assert!(without.notes[0].message.contains("--group CODE"), "{:?}", without.notes);
    assert_eq!(made(&definition, &[("list", "b\u{1f}a")]), json!({"groups": ["a", "b"]}), "kept as a property");
    let named = import(&control.to_string(), "people", &["a".to_owned(), "user".to_owned()]).unwrap();
    assert_eq!(named.notes, []);
    let definition = crate::document::connector(&named.document).unwrap();
    assert_eq!(made(&definition, &[("list", "b\u{1f}a")]), json!({"»groups": ["a", "b"]}));
    let names: Vec<&str> = definition.entity_types.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["user", "a", "group user"]);
}

#[test]
fn a_user_name_refers_to_a_user() {
    let instructions = || {
        vec![json!({"source": "manager", "destination": "profile", "name": "std:attribute:manager",
                    "filters": ["haplo:username-to-ref"]})]
    };
    assert_eq!(becomes(instructions(), &[("manager", "GHopper")]), json!({"»manager": ["ghopper"]}));
    let (_, definition) = imported(&control("json", instructions()));
    assert!(definition.associations[0].cardinality.is_single_valued() && !definition.associations[0].membership);
}

#[test]
fn a_record_that_is_aborted_is_a_problem_with_its_message() {
    let abort = |message: &str| json!({"action": "abort-record", "message": message});
    let instructions = || {
        vec![
            json!({"action": "if-value-one-of", "source": "a", "values": ["no"], "then": [abort("It's no user")]}),
            json!({"action": "if-exists", "source": "b", "else": [abort("no contract")]}),
        ]
    };
    assert_eq!(becomes(instructions(), &[("a", "yes"), ("b", "1")]), json!({}));
    assert!(becomes(instructions(), &[("a", "no"), ("b", "1")]).as_str().unwrap().contains("It's no user"));
    assert!(becomes(instructions(), &[("a", "yes")]).as_str().unwrap().contains("no contract"));
}

#[test]
fn columns_have_any_name() {
    let odd = vec![field("in", "one"), with(field("two words", "two"), json!({"filters": ["haplo:to-upper-case"]}))];
    assert_eq!(becomes(odd, &[("in", "1"), ("two words", "x")]), json!({"one": "1", "two": "X"}));
}
