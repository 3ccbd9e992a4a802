use super::*;
use crate::model::problem::ProblemCode;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The people of the HR feed, as their document maps them.
const PEOPLE: &str = r#"
name = "hr_person"
source = "feed.people"
represents = "users"

[[property]]
name = "employee_id"
column = "EmployeeId"
key = true

[[property]]
name = "login"
expression = "lower(row.Login)"
unique = true
required = true

[[property]]
name = "given_name"
column = "GivenName"

[[property]]
name = "surname"
column = "Surname"
required = true

[[property]]
name = "display_name"
expression = "trim(row.GivenName + ' ' + row.Surname)"

[[property]]
name = "mail"
column = "Email"
pattern = "[^@\\s]+@[^@\\s]+"

[[property]]
name = "hire_date"
column = "HireDate"
type = "date"
format = "%d/%m/%Y"

[[property]]
name = "active"
column = "Active"
type = "bool"
true_values = ["Y", "yes", "1"]
false_values = ["N", "no", "0"]

[[property]]
name = "languages"
column = "Languages"
multivalued = true
separator = ";"
"#;

const FEED: &str = "\
EmployeeId,Login,GivenName,Surname,Email,Department,ManagerId,HireDate,Active,Languages
1001,ALovelace,Ada,Lovelace,ada@example.org,D10,,10/12/2019,Y,en;fr
1002,ghopper,Grace,Hopper,grace@example.org,D10,1001,09/12/2020,Y,en
1003,zwu,\"Wu, Dr.\",健雄,wu@example.org,D20,1001,31/05/2021,Y,zh;en
1004,jgarcia,José,García-Núñez,jose@example.org,D99,1002,01/02/2022,Y,es
1005,noemail,Noether,Emmy,not-an-address,D20,1001,23/03/2018,Y,de
1006,dup,First,Double,first@example.org,D20,1001,01/01/2020,N,
1006,dup2,Second,Double,second@example.org,D20,1001,01/01/2020,N,
,nokey,No,Key,nokey@example.org,D20,1001,01/01/2020,Y,
1007,baddate,Bad,Date,baddate@example.org,D20,1001,31/02/2020,Y,en
1008,same,Same,Row,same@example.org,D20,1001,01/01/2020,Y,en
1008,same,Same,Row,same@example.org,D20,1001,01/01/2020,Y,en
";

fn definition(document: &str) -> EntityTypeDefinition {
    toml::from_str(document).unwrap()
}

fn association(document: &str) -> AssociationDefinition {
    toml::from_str(document).unwrap()
}

fn department() -> AssociationDefinition {
    association("name = 'department'\nfrom = 'hr_person'\nto = 'hr_department'\ncolumn = 'Department'")
}

fn manager() -> AssociationDefinition {
    association("name = 'manager'\nfrom = 'hr_person'\nto = 'hr_person'\ncolumn = 'ManagerId'")
}

fn feed() -> (Vec<String>, Vec<StringRecord>) {
    let mut reader = csv::Reader::from_reader(FEED.as_bytes());
    let columns = reader.headers().unwrap().iter().map(str::to_owned).collect();
    (columns, reader.records().map(Result::unwrap).collect())
}

fn people(columns: &[String]) -> Mapper {
    Mapper::new(&definition(PEOPLE), &[&department(), &manager()], columns).unwrap()
}

fn small(properties: &str, columns: &[&str]) -> Result<Mapper, MappingError> {
    let document = format!("name = 'thing'\nsource = 'a.b'\n{properties}");
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    Mapper::new(&definition(&document), &[], &columns)
}

fn written(mapper: &Mapper, row: &StringRecord) -> String {
    let record = mapper.record(row).unwrap();
    let mut out = Vec::new();
    record.write_json(mapper, &mut out);
    let written = String::from_utf8(out).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), Value::Object(record.to_map(mapper)));
    written
}

#[test]
fn the_people_of_the_hr_feed_are_mapped() {
    let (columns, rows) = feed();
    let mapper = people(&columns);
    let accepted: Vec<String> = [0, 2, 3].iter().map(|&row| written(&mapper, &rows[row])).collect();
    assert_eq!(
        accepted,
        [
            r#"{"employee_id":"1001","login":"alovelace","given_name":"Ada","surname":"Lovelace","display_name":"Ada Lovelace","mail":"ada@example.org","hire_date":"2019-12-10","active":true,"languages":["en","fr"]}"#,
            r#"{"employee_id":"1003","login":"zwu","given_name":"Wu, Dr.","surname":"健雄","display_name":"Wu, Dr. 健雄","mail":"wu@example.org","hire_date":"2021-05-31","active":true,"languages":["en","zh"]}"#,
            r#"{"employee_id":"1004","login":"jgarcia","given_name":"José","surname":"García-Núñez","display_name":"José García-Núñez","mail":"jose@example.org","hire_date":"2022-02-01","active":true,"languages":["es"]}"#,
        ]
    );
    // no languages: no value
    assert_eq!(mapper.record(&rows[5]).unwrap().values.last(), Some(&Value::Null));
}

#[test]
fn the_bad_rows_of_the_hr_feed_are_rejected_with_their_column() {
    let (columns, rows) = feed();
    let mapper = people(&columns);
    let problem = |row: usize| match mapper.record(&rows[row]).unwrap_err().as_slice() {
        [problem] => {
            (problem.code, problem.column.clone().unwrap(), problem.value.clone().unwrap(), problem.message.clone())
        }
        several => panic!("{several:?}"),
    };
    let (code, column, value, message) = problem(4);
    assert_eq!((code, column.as_str(), value.as_str()), (ProblemCode::InvalidValue, "Email", "not-an-address"));
    assert!(message.contains("does not match the pattern"), "{message}");
    let (code, column, value, message) = problem(8);
    assert_eq!((code, column.as_str(), value.as_str()), (ProblemCode::InvalidValue, "HireDate", "31/02/2020"));
    assert!(message.contains("not a date in the pattern %d/%m/%Y"), "{message}");

    let keys: Vec<_> = rows.iter().map(|row| mapper.key(row).unwrap()).collect();
    let plain: Vec<_> = keys.iter().map(|key| key.as_deref().unwrap_or("-")).collect();
    assert_eq!(plain, ["1001", "1002", "1003", "1004", "1005", "1006", "1006", "-", "1007", "1008", "1008"]);
    // a plain key is not copied
    assert!(matches!(keys[0], Some(Cow::Borrowed(_))));
}

#[test]
fn equal_rows_have_equal_digests_and_no_others() {
    let (columns, rows) = feed();
    let mapper = people(&columns);
    let digests: Vec<Digest> = rows.iter().map(|row| mapper.digest(row)).collect();
    for (i, a) in digests.iter().enumerate() {
        for (j, b) in digests.iter().enumerate() {
            assert_eq!(a == b, rows[i] == rows[j], "{i} {j}");
        }
    }
}

#[test]
fn the_order_of_columns_and_unmapped_ones_change_no_digest() {
    let (columns, rows) = feed();
    let mapper = people(&columns);
    let mut turned = columns.clone();
    turned.reverse();
    turned.insert(3, "New".to_owned());
    let turned_mapper = people(&turned);
    assert_eq!(turned_mapper.version(), mapper.version());
    for row in &rows {
        let mut fields: Vec<&str> = row.iter().collect();
        fields.reverse();
        fields.insert(3, "anything");
        let turned_row = StringRecord::from(fields);
        assert_eq!(turned_mapper.digest(&turned_row), mapper.digest(row));
        assert_eq!(turned_mapper.record(&turned_row), mapper.record(row));
    }
}

#[test]
fn what_is_mapped_and_how_decides_the_version() {
    let (columns, _) = feed();
    let version = people(&columns).version();
    let of = |document: &str, associations: &[&AssociationDefinition]| {
        Mapper::new(&definition(document), associations, &columns).unwrap().version()
    };
    let both = [&department(), &manager()];
    assert_eq!(of(PEOPLE, &both), version);
    // what pages call it, and what the resources are for, change nothing
    assert_eq!(of(&PEOPLE.replacen("key = true", "key = true\ndisplay_name = 'Number'", 1), &both), version);
    assert_eq!(of(&PEOPLE.replace("represents = \"users\"", ""), &both), version);
    for (changed, by) in [
        ("%d/%m/%Y", "%m/%d/%Y"),
        ("lower(row.Login)", "upper(row.Login)"),
        ("name = \"mail\"", "name = \"email\""),
        ("column = \"GivenName\"", "column = \"Surname\""),
        ("represents = \"users\"", "where = \"row.Active == 'Y'\""),
    ] {
        assert!(PEOPLE.contains(changed));
        assert_ne!(of(&PEOPLE.replacen(changed, by, 1), &both), version, "{changed}");
    }
    assert_ne!(of(PEOPLE, &[&department()]), version);
    let by_title = AssociationDefinition { match_property: Some("title".to_owned()), ..department() };
    assert_ne!(of(PEOPLE, &[&by_title, &manager()]), version);
}

#[test]
fn an_association_may_be_computed() {
    let (columns, rows) = feed();
    let of = |expression: &str| {
        let computed = format!("name = 'team'\nfrom = 'hr_person'\nto = 'team'\nexpression = \"{expression}\"");
        Mapper::new(&definition(PEOPLE), &[&association(&computed)], &columns)
    };
    let mapper = of("[lower(row.Department), when(row.Active == 'Y', 'active')]").unwrap();
    assert_eq!(mapper.references("team", &rows[0]).unwrap(), ["d10", "active"]);
    assert_eq!(mapper.references("team", &rows[5]).unwrap(), ["d20"], "what is empty is none");
    assert_eq!(mapper.references("other", &rows[0]).unwrap(), Vec::<String>::new());
    assert_eq!(mapper.association_column("team"), None);
    let position = |name: &str| columns.iter().position(|column| column == name).unwrap();
    assert!(mapper.mapped_columns().contains(&position("Department")), "what it reads counts for the digest");
    assert!(!mapper.gives_references("team", &|column| column != position("Active")));
    assert!(mapper.gives_references("team", &|_| true));
    assert_ne!(of("row.Department").unwrap().version(), mapper.version());
    assert_eq!(of("row.Department + 'x'").unwrap().references("team", &rows[0]).unwrap(), ["D10x"]);
    assert!(of("1 / int(row.Department)").unwrap().references("team", &rows[0]).is_err());
    assert!(of("row.Departement").unwrap_err().to_string().contains("'Department'"));
}

#[test]
fn an_association_finds_its_column() {
    let (columns, rows) = feed();
    let mapper = people(&columns);
    let column = mapper.association_column("department").unwrap();
    assert_eq!(rows[0].get(column), Some("D10"));
    assert_eq!(mapper.association_column("member"), None);
    // it counts for the digest, as the unmapped ones do not
    let mut moved: Vec<&str> = rows[0].iter().collect();
    moved[column] = "D20";
    assert_ne!(mapper.digest(&StringRecord::from(moved)), mapper.digest(&rows[0]));
}

#[test]
fn a_broken_header_names_all_that_is_missing() {
    let columns = ["EmployeeId", "Log in", "GivenName", "Surname", "E-Mail", "HireDate", "Active", "Languages"];
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let error = Mapper::new(&definition(PEOPLE), &[&department()], &columns).unwrap_err();
    let missing: Vec<(&str, &str, Vec<&str>)> = error
        .faults
        .iter()
        .map(|fault| match fault {
            MappingFault::MissingColumn { column, used_by, closest } => {
                (column.as_str(), used_by.as_str(), closest.iter().map(String::as_str).collect())
            }
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        missing,
        [("Login", "login", vec!["Log in"]), ("Email", "mail", vec!["E-Mail"]), ("Department", "department", vec![]),]
    );
    let message = error.to_string();
    assert!(message.contains("column 'Email' is missing (the header has 'E-Mail'); mail needs it"), "{message}");
}

#[test]
fn a_mapping_that_can_not_be_used_says_where() {
    let key = "[[property]]\nname = 'id'\ncolumn = 'Id'\nkey = true\n";
    for (properties, expected) in [
        ("[[property]]\nname = 'a'\ncolumn = 'Id'".to_owned(), "mark one with key = true"),
        (format!("{key}[[property]]\nname = 'a'"), "a needs exactly one of column, expression and constant"),
        (format!("{key}[[property]]\nname = 'a'\nexpression = 'row.'"), "the expression of a, line 1, column 5"),
        (
            format!("{key}[[property]]\nname = 'a'\nexpression = 'lower(row.Idd)'"),
            "column 'Idd' is missing (the header has 'Id'",
        ),
        (
            format!("{key}[[property]]\nname = 'a'\ncolumn = 'Id'\ntype = 'date'\nformat = '%d'"),
            "property a: format '%d'",
        ),
        (format!("where = 'row.Id +'\n{key}"), "the expression of where, line 1"),
        (format!("{key}multivalued = true"), "id is the key: it can't be multivalued"),
        (format!("{key}[[property]]\nname = 'a'\ncolumn = 'Twice'"), "column 'Twice' stands in the header twice"),
    ] {
        let error = small(&properties, &["Id", "Twice", "Twice"]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn rows_out_of_scope_are_told_apart() {
    let mapper = small(
        "where = \"row.state != 'lost'\"\n[[property]]\nname = 'number'\ncolumn = 'number'\nkey = true",
        &["number", "state"],
    )
    .unwrap();
    let row = |state| StringRecord::from(vec!["1", state]);
    assert_eq!(mapper.in_scope(&row("valid")), Ok(true));
    assert_eq!(mapper.in_scope(&row("lost")), Ok(false));
    assert_eq!(mapper.mapped_columns(), [0, 1]);

    let failing = |scope: &str| {
        let properties = format!("where = \"{scope}\"\n[[property]]\nname = 'number'\ncolumn = 'number'\nkey = true");
        small(&properties, &["number", "state"]).unwrap().in_scope(&row("lost")).unwrap_err()
    };
    let problem = failing("int(row.state) > 0");
    assert_eq!((problem.code, problem.column.as_deref()), (ProblemCode::InvalidValue, Some("state")));
    assert_eq!(problem.value.as_deref(), Some("lost"));
    assert!(failing("row.state").message.contains("neither true nor false"));
}

#[test]
fn keys_are_converted() {
    let guid = small("[[property]]\nname = 'id'\ncolumn = 'Id'\nkey = true\ntype = 'guid'", &["Id"]).unwrap();
    let key = |mapper: &Mapper, id: &str| {
        let row = StringRecord::from(vec![id]);
        mapper.key(&row).map(|key| key.map(Cow::into_owned))
    };
    assert_eq!(key(&guid, "Gkw7jS4PbUuafBEiM0RVZg=="), Ok(Some("8d3b4c1a-0f2e-4b6d-9a7c-112233445566".to_owned())));
    assert_eq!(
        guid.key_property().reference("Gkw7jS4PbUuafBEiM0RVZg=="),
        Ok(Some("8d3b4c1a-0f2e-4b6d-9a7c-112233445566".into()))
    );
    assert_eq!(key(&guid, "  "), Ok(None));
    let problem = key(&guid, "x").unwrap_err();
    assert_eq!((problem.code, problem.column.as_deref()), (ProblemCode::InvalidValue, Some("Id")));

    let computed =
        small("[[property]]\nname = 'id'\nexpression = \"row.A + '-' + row.B\"\nkey = true", &["A", "B"]).unwrap();
    let row = StringRecord::from(vec!["1", "2"]);
    assert_eq!(computed.key(&row), Ok(Some("1-2".into())));
    assert_eq!(computed.record(&row).unwrap().values, [json!("1-2")]);
}

#[test]
fn every_problem_of_a_row_is_told() {
    let mapper = small(
        "[[property]]\nname = 'id'\ncolumn = 'Id'\nkey = true\n\
         [[property]]\nname = 'n'\ncolumn = 'N'\ntype = 'integer'\n\
         [[property]]\nname = 'name'\ncolumn = 'Name'\nrequired = true\n\
         [[property]]\nname = 'full'\nexpression = \"trim(row.Name + row.N.trim())\"\nmax_length = 2\n\
         [[property]]\nname = 'fixed'\nconstant = 'x'",
        &["Id", "N", "Name"],
    )
    .unwrap();
    let problems = mapper.record(&StringRecord::from(vec!["1", "many", " "])).unwrap_err();
    let told: Vec<_> =
        problems.iter().map(|problem| (problem.code, problem.column.as_deref(), problem.value.as_deref())).collect();
    assert_eq!(
        told,
        [
            (ProblemCode::InvalidValue, Some("N"), Some("many")),
            (ProblemCode::RequiredMissing, Some("Name"), None),
            (ProblemCode::InvalidValue, None, Some("many")),
        ]
    );
    assert_eq!(
        written(&mapper, &StringRecord::from(vec!["1", "5", "a"])),
        r#"{"id":"1","n":5,"name":"a","full":"a5","fixed":"x"}"#
    );
}

#[test]
fn the_bytes_of_binary_values_are_handed_out() {
    let mapper = small(
        "[[property]]\nname = 'id'\ncolumn = 'Id'\nkey = true\n\
         [[property]]\nname = 'photo'\ncolumn = 'Photo'\ntype = 'binary'",
        &["Id", "Photo"],
    )
    .unwrap();
    let record = mapper.record(&StringRecord::from(vec!["1", "YWJj"])).unwrap();
    assert_eq!(record.blobs, [Blob::new(b"abc".to_vec())]);
    assert_eq!(record.values[1], json!(record.blobs[0].reference()));
}

#[test]
fn an_expression_over_all_columns_digests_all_columns() {
    let mapper =
        small("[[property]]\nname = 'id'\nexpression = \"row['I' + 'd']\"\nkey = true", &["Id", "Other"]).unwrap();
    assert_eq!(mapper.mapped_columns(), [0, 1]);
    let wider =
        small("[[property]]\nname = 'id'\nexpression = \"row['I' + 'd']\"\nkey = true", &["Id", "Other", "New"]);
    assert_ne!(wider.unwrap().version(), mapper.version());
}

proptest! {
    #[test]
    fn a_row_of_anything_is_mapped_or_told_why(fields in prop::collection::vec("\\PC{0,12}|[0-9/Y;,]{0,12}", 0..12)) {
        let (columns, _) = feed();
        let mapper = people(&columns);
        let row = StringRecord::from(fields);
        prop_assert_eq!(mapper.digest(&row), mapper.digest(&row.clone()));
        match mapper.record(&row) {
            Ok(record) => {
                prop_assert_eq!(record.values.len(), mapper.properties().len());
                prop_assert_eq!(mapper.record(&row), Ok(record.clone()));
                let key = mapper.key(&row).unwrap();
                prop_assert_eq!(record.values[0].as_str(), key.as_deref());
                let mut out = Vec::new();
                record.write_json(&mapper, &mut out);
                prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), Value::Object(record.to_map(&mapper)));
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!(problem.code.rejects());
                    prop_assert!(!problem.message.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_change_of_a_mapped_column_changes_the_digest(row in 0..11usize, column in 0..10usize, value in "[a-z0-9 ]{0,8}") {
        let (columns, rows) = feed();
        let mapper = people(&columns);
        let mut changed: Vec<&str> = rows[row].iter().collect();
        changed[column] = &value;
        let changed = StringRecord::from(changed);
        prop_assert_eq!(mapper.digest(&changed) == mapper.digest(&rows[row]), changed == rows[row]);
    }
}
