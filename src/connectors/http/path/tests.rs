//! The path language: examples of the standard, and laws.

use super::*;
use proptest::prelude::*;

const ADA: &str = r#"{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
  "id": "1", "userName": "ada", "active": true, "nickName": null,
  "name": {"familyName": "Lovelace", "givenName": "Ada"},
  "emails": [
    {"value": "ada@work.example", "type": "Work", "primary": true},
    {"value": "ada@home.example", "type": "home", "primary": false},
    {"type": "other"}
  ],
  "groups": [], "level": 7, "a.b": {"c d": "dotted"}, "tags": ["x", "y"], "deep": [[1, 2], [3]],
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "701984", "manager": {"value": "26"}}
}"#;

fn values(path: &str, names: Names) -> Vec<String> {
    let path = Path::parse(path, names).unwrap_or_else(|error| panic!("{path}: {error}"));
    let ada = Json::parse(ADA.as_bytes()).unwrap();
    path.values(ada).unwrap().into_iter().map(Cow::into_owned).collect()
}

#[test]
fn paths_of_the_standard_lead_to_their_values() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    for (path, expected) in [
        ("userName", &["ada"][..]),
        ("USERNAME", &["ada"]),
        ("active", &["true"]),
        ("level", &["7"]),
        ("nickName", &[]),
        ("missing", &[]),
        ("missing.value", &[]),
        ("userName.value", &[]),
        ("groups", &[]),
        ("groups.value", &[]),
        ("name.familyName", &["Lovelace"]),
        ("emails.value", &["ada@work.example", "ada@home.example"]),
        ("emails[type eq \"work\"].value", &["ada@work.example"]),
        ("Emails[TYPE eq \"WORK\" and primary eq true].Value", &["ada@work.example"]),
        ("emails[primary eq \"true\"].value", &[]),
        ("emails[type ne \"work\"].value", &["ada@home.example"]),
        ("emails[value co \"home\"].value", &["ada@home.example"]),
        ("emails[value sw \"ada@w\"].type", &["Work"]),
        ("emails[value ew \".example\"].type", &["Work", "home"]),
        ("emails[value pr].type", &["Work", "home"]),
        ("emails[value eq null].type", &["other"]),
        ("tags", &["x", "y"]),
        ("name", &[r#"{"familyName": "Lovelace", "givenName": "Ada"}"#]),
        (&format!("{enterprise}:employeeNumber"), &["701984"]),
        (&format!("{}:manager.value", enterprise.to_uppercase()), &["26"]),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", &["Ada"]),
        ("urn:example:other:User:userName", &[]),
    ] {
        assert_eq!(values(path, Names::Scim), expected, "{path}");
    }
}

#[test]
fn other_names_are_taken_as_they_stand() {
    assert_eq!(values("userName", Names::Exact), ["ada"]);
    assert!(values("username", Names::Exact).is_empty());
    assert!(values("emails[type eq \"work\"].value", Names::Exact).is_empty());
    assert_eq!(values("\"a.b\".\"c d\"", Names::Exact), ["dotted"]);
    assert_eq!(values("deep", Names::Exact), ["[1, 2]", "[3]"]);
}

#[test]
fn a_number_is_compared_and_printed_as_it_is_written() {
    let record = Json::parse(br#"{"n": [{"x": 6E69}, {"x": 1.50}, {"x": 1.5}]}"#).unwrap();
    for (path, count) in [("n[x eq 6E69]", 1), ("n[x eq 1.50]", 1), ("n[x ne 1.50]", 2), ("n[x eq 6e69]", 0)] {
        let parsed = Path::parse(path, Names::Exact).unwrap();
        assert_eq!(parsed.find(record).len(), count, "{path}");
        assert_eq!(parsed.to_string(), path);
    }
}

#[test]
fn what_is_no_path_is_told() {
    for (path, words) in [
        ("", "a name is missing"),
        ("a.", "a name is missing"),
        (".a", "a name is missing"),
        ("a b", "is not understood"),
        ("a[", "a name is missing"),
        ("a[b]", "needs a comparison"),
        ("a[b like \"c\"]", "is no comparison"),
        ("a[b eq c]", "JSON value"),
        ("a[b eq \"c\"", "not closed"),
        ("a[b eq [1]]", "JSON value"),
        ("a[b eq \"c\" or d pr]", "not closed"),
        ("\"a", "JSON value"),
    ] {
        let error = Path::parse(path, Names::Scim).unwrap_err();
        assert!(error.contains(words), "{path}: {error}");
    }
    assert!(Path::parse(&"a.".repeat(600), Names::Exact).is_err());
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z$_-][a-zA-Z0-9$_-]{0,8}", "[ -~äß\t]{0,8}"]
}

fn condition() -> impl Strategy<Value = Condition> {
    let literal = prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(|bare| Literal::Bare(bare.to_string())),
        any::<i32>().prop_map(|bare| Literal::Bare(bare.to_string())),
        "[ -~äß\t]{0,8}".prop_map(Literal::Text),
    ];
    let operator = prop::sample::select(OPERATORS).prop_map(|(_, operator)| operator);
    let test = prop_oneof![Just(Test::Present), (operator, literal).prop_map(|(o, l)| Test::Compare(o, l))];
    (name(), test).prop_map(|(name, test)| Condition { name, test })
}

fn path(names: Names) -> impl Strategy<Value = Path> {
    let step = (name(), prop::collection::vec(condition(), 0..3)).prop_map(|(name, only)| Step { name, only });
    let schema = prop::option::of("urn:[a-z]{1,8}:[A-Za-z0-9.:]{0,12}[a-z]");
    (schema, prop::collection::vec(step, 1..4)).prop_map(move |(schema, mut steps)| {
        let schema = schema.filter(|_| names == Names::Scim);
        if names == Names::Scim {
            // Names of SCIM hold no colon (RFC 7643 2.1); a quoted one may, but not as the first.
            let first = &mut steps[0].name;
            first.retain(|c| c.is_ascii_alphanumeric());
            first.insert(0, 'n');
        }
        Path { names, schema, steps }
    })
}

proptest! {
    #[test]
    fn a_printed_path_reads_as_the_same(path in prop_oneof![path(Names::Scim), path(Names::Exact)]) {
        let printed = path.to_string();
        prop_assert_eq!(Path::parse(&printed, path.names), Ok(path), "{}", printed);
    }

    #[test]
    fn any_text_is_a_path_or_told(text in "\\PC{0,40}") {
        for names in [Names::Scim, Names::Exact] {
            if let Ok(path) = Path::parse(&text, names) {
                let _ = path.values(Json::parse(ADA.as_bytes()).unwrap());
            }
        }
    }

    #[test]
    fn a_path_of_names_leads_where_it_was_put(names in prop::collection::vec(name(), 1..6), value in "[ -~]{0,10}") {
        let mut record = serde_json::Value::from(value.clone());
        for name in names.iter().rev() {
            record = serde_json::json!({ name.as_str(): record });
        }
        let steps = names.into_iter().map(|name| Step { name, only: Vec::new() }).collect();
        let path = Path { names: Names::Exact, schema: None, steps };
        let text = record.to_string();
        let found = path.values(Json::parse(text.as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(found, vec![value]);
    }

    #[test]
    fn capitals_do_not_matter_to_scim(upper in any::<bool>(), path in "[a-z]{1,6}(\\.[a-z]{1,6}){0,3}") {
        let asked = if upper { path.to_uppercase() } else { path.clone() };
        let mut record = serde_json::Value::from("found");
        for name in path.rsplit('.') {
            record = serde_json::json!({ name: [record] });
        }
        let text = record.to_string();
        let found = Path::parse(&asked, Names::Scim).unwrap().values(Json::parse(text.as_bytes()).unwrap()).unwrap();
        prop_assert_eq!(found, ["found"]);
    }
}
