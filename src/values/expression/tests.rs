use super::*;
use csv::StringRecord;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn header() -> Header {
    Header::new(&["Login", "Given Name", "Surname", "Date", "Empty", "Count"].map(str::to_owned))
}

fn record() -> StringRecord {
    StringRecord::from(vec!["ALovelace", " José ", "GARCÍA-núñez", "31/12/2026", "  ", "12"])
}

fn evaluate(source: &str) -> Result<Evaluated<'static>, String> {
    let expression = Expression::compile(source).map_err(|error| error.to_string())?;
    let (header, record) = (header(), record());
    let row = Row::new(&header, &record);
    expression.evaluate(&row).map(own).map_err(|error| error.to_string())
}

fn own(evaluated: Evaluated) -> Evaluated<'static> {
    match evaluated {
        Evaluated::List(items) => Evaluated::List(items.into_iter().map(own).collect()),
        Evaluated::Text(text) => Evaluated::Text(Cow::Owned(text.into_owned())),
        Evaluated::Empty => Evaluated::Empty,
        Evaluated::Integer(value) => Evaluated::Integer(value),
        Evaluated::Unsigned(value) => Evaluated::Unsigned(value),
        Evaluated::Number(value) => Evaluated::Number(value),
        Evaluated::Bool(value) => Evaluated::Bool(value),
        Evaluated::Moment(value) => Evaluated::Moment(value),
    }
}

fn text(source: &str) -> String {
    match evaluate(source) {
        Ok(Evaluated::Text(text)) => text.into_owned(),
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn expressions_of_the_trade() {
    for (source, expected) in [
        ("row.Login", "ALovelace"),
        ("row[\"Given Name\"]", "José"),
        ("row['Given Name'] + ' ' + row.Surname", "José GARCÍA-núñez"),
        ("lower(row.Login)", "alovelace"),
        ("row.Login.lower()", "alovelace"),
        ("upper(row['Given Name'])", "JOSÉ"),
        ("title(row.Surname)", "García-Núñez"),
        ("trim('  a ')", "a"),
        ("simplify(row.Surname)", "garcia-nunez"),
        ("remove_diacritics(row.Surname)", "GARCIA-nunez"),
        ("soundex(row.Surname)", "G625"),
        ("first_name('Ada Augusta')", "Ada"),
        ("parse_date(row.Date, '%d/%m/%Y')", "2026-12-31"),
        ("parse_date('20261231233000Z', 'generalized')", "2026-12-31"),
        ("parse_date('0', '1601')", ""),
        ("format_date(parse_date(row.Date, '%d/%m/%Y'), '%Y%m%d')", "20261231"),
        ("format_date('2026-12-31T23:30:00+01:00', '%H:%M')", "22:30"),
        ("parse_date(row.Empty, '%d/%m/%Y')", ""),
        ("format_date(row.Empty, '%d')", ""),
        ("parse_guid('{8D3B4C1A-0F2E-4B6D-9A7C-112233445566}')", "8d3b4c1a-0f2e-4b6d-9a7c-112233445566"),
        ("rdn('cn=Ada,dc=org')", "Ada"),
        ("rdn(row.Empty)", ""),
        ("concat(row.Login, '-', int(row.Count) + 1, true)", "ALovelace-13true"),
        ("join(split(' a;;b; c', ';').map(x, upper(x)), '-')", "A-B-C"),
        ("join(split('a\\u001fb'), ' ')", "a b"),
        ("join([row.Empty, row.Login, '', row.Count], ', ')", "ALovelace, 12"),
        ("split(row.Empty).exists(x, x == 'a') ? 'yes' : 'no'", "no"),
        ("string(size(split(row.Login, 'e')))", "2"),
        ("row.Count in {'12': 'twelve'} ? {'12': 'twelve'}[row.Count] : row.Count", "twelve"),
        ("row.Count in ['11', '13'] ? 'near' : 'far'", "far"),
        ("when(row.Count == '12', 'dozen', 'other')", "dozen"),
        ("when(row.Count == '13', 'more')", ""),
        // only one side is evaluated
        ("when(row.Empty == '', 'none', string(int(row.Empty)))", "none"),
        ("row.Empty == '' ? 'none' : row.Empty", "none"),
        ("[row.Empty, row.Login, row.Surname].filter(x, x != '')[0]", "ALovelace"),
        ("has(row.Login) ? 'yes' : 'no'", "yes"),
        ("row.Login.startsWith('AL') && row.Login.matches('^[A-Za-z]+$') ? 'a' : 'b'", "a"),
        ("string(size(row['Given Name']))", "4"),
        ("{'12': 'twelve'}[row.Count]", "twelve"),
    ] {
        assert_eq!(text(source), expected, "{source}");
    }
}

#[test]
fn results_have_types() {
    for (source, expected) in [
        ("row.Count == '12'", Evaluated::Bool(true)),
        ("int(row.Count) * 2", Evaluated::Integer(24)),
        ("double(row.Count) / 5.0", Evaluated::Number(2.4)),
        ("null", Evaluated::Empty),
        ("[row.Count, '']", Evaluated::List(vec![Evaluated::Text("12".into()), Evaluated::Text("".into())])),
        ("['a','b'].exists(x, x == row.Count)", Evaluated::Bool(false)),
        (
            "timestamp('2026-11-20T02:03:04Z')",
            Evaluated::Moment(chrono::DateTime::from_timestamp(1_795_140_184, 0).unwrap()),
        ),
    ] {
        assert_eq!(evaluate(source), Ok(expected), "{source}");
    }
}

#[test]
fn a_text_of_the_record_is_not_copied() {
    let (header, record) = (header(), record());
    let row = Row::new(&header, &record);
    for source in ["row.Login", "trim(row['Given Name'])", "first_name(row.Login)"] {
        let expression = Expression::compile(source).unwrap();
        assert!(matches!(expression.evaluate(&row), Ok(Evaluated::Text(Cow::Borrowed(_)))), "{source}");
    }
}

#[test]
fn what_can_not_be_used_is_refused_with_its_place() {
    for (source, expected) in [
        ("", "line 1, column 1: is empty"),
        ("row.Login +", "line 1, column 12: "),
        ("lower(row.Login", "line 1, column 16: "),
        ("'éé' ) + 1", "line 1, column 6: "),
        ("row.Login\n + 'éé' )", "line 2, column 9: "),
        ("row.Login\n  + lowr(row.Surname)", "line 2, column 5: there is no function 'lowr'; did you mean lower?"),
        ("'é' + Login", "line 1, column 7: 'Login' is unknown; a column is written row.Login"),
        ("row.Login.map(x)", "map is not called like that"),
        ("frobnicate(row.Login)", "there is no function 'frobnicate'; there are upper, lower"),
        ("Person{name: 'a'}", "messages can't be used"),
        ("row.?Login", "line 1"),
    ] {
        let refused = Expression::compile(source).unwrap_err().to_string();
        assert!(refused.contains(expected), "{source}: {refused}");
    }
}

#[test]
fn an_evaluation_that_fails_says_why() {
    for (source, expected) in [
        ("row.Nowhere", "there is no column 'Nowhere'"),
        ("row['No' + 'where']", "there is no column 'Nowhere'"),
        ("row.Login + 1", "string(…) makes text of a number"),
        ("row.Count > 5", "int(…) or double(…) make numbers of them"),
        ("int(row.Login)", "the expression failed"),
        ("1 / (int(row.Count) - 12)", "division by zero"),
        ("[1][3]", "the list has no such element"),
        ("parse_date(row.Date, '%Y-%m-%d')", "'31/12/2026' is not a date in the pattern %Y-%m-%d (as in 2026-11-20)"),
        ("parse_guid(row.Login)", "'ALovelace' is not a GUID"),
        ("upper(row.Login, 'x')", "upper(text) takes one text"),
        ("upper([1])", "takes text, not list"),
        ("split()", "takes a text and, if it is another, its separator"),
        ("split([1])", "takes text, not list"),
        ("join('a', ',')", "takes a list, not string"),
        ("join([[1]], ',')", "takes text, not list"),
        ("row", "it gave a dyn"),
        ("[[1]]", "it gave a list"),
        ("b'abc'", "it gave bytes"),
        ("row + 'a'", "two values of the same type"),
        ("size(row) > 1", "the expression failed"),
        ("row[1]", "the expression failed"),
    ] {
        let failed = evaluate(source).unwrap_err();
        assert!(failed.contains(expected), "{source}: {failed}");
    }
}

#[test]
fn the_columns_that_are_read_are_known() {
    let named = |names: &[&str]| Columns::Named(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
    for (source, expected, plain) in [
        ("row.Login", named(&["Login"]), Some("Login")),
        ("row['Given Name']", named(&["Given Name"]), Some("Given Name")),
        ("trim(row.A + ' ' + row['B'] + row.A)", named(&["A", "B"]), None),
        ("has(row.A)", named(&["A"]), None),
        ("['a'].exists(x, x == row.A)", named(&["A"]), None),
        ("['Login'].map(row, row)[0]", named(&[]), None),
        ("row['A' + 'B']", Columns::All, None),
        ("[row].map(r, r.A)[0]", Columns::All, None),
        ("'constant'", named(&[]), None),
    ] {
        let expression = Expression::compile(source).unwrap();
        assert_eq!(expression.columns(), &expected, "{source}");
        assert_eq!(expression.plain_column(), plain, "{source}");
    }
}

#[test]
fn work_is_bounded_before_it_is_done() {
    let list = format!("[{}]", vec!["1"; 200].join(","));
    for source in [
        // 200 * 200 * 200 rounds
        format!("{list}.exists(x, {list}.exists(y, {list}.exists(z, x + y + z == 0)))"),
        // doubles ten times
        format!("[row.Login]{}[0]", ".map(x, x + x)".repeat(10)),
        format!("{list}.map(x, row.Login + row.Login)"),
        "split(row.A).map(x, row.Login + row.Login + row.Login)".to_owned(),
        "join(split(row.A), row.B + row.C + row.D)".to_owned(),
        "split(row.A).exists(x, split(row.B).exists(y, x == y))".to_owned(),
    ] {
        let refused = Expression::compile(&source).unwrap_err().to_string();
        assert!(refused.contains("too much work"), "{refused}");
    }
    // what people write passes
    assert!(Expression::compile(&format!("{list}.exists(x, x == int(row.Count))")).is_ok());
    assert!(Expression::compile("split(row.A).filter(x, x != 'b').map(x, 'c-' + lower(x))").is_ok());
    assert!(Expression::compile("join(split(row.A).map(x, lower(x)), ', ')").is_ok());
    assert!(Expression::compile("[row.A, row.B, row.C, row.D].filter(x, x != '').map(x, lower(x))").is_ok());
}

#[test]
fn nesting_is_bounded_before_the_stack_is() {
    for source in [
        format!("{}1{}", "(".repeat(2000), ")".repeat(2000)),
        format!("{}1{}", "[".repeat(2000), "]".repeat(2000)),
        format!("row{}", ".a".repeat(2000)),
        format!("row.a{}", "[0]".repeat(1300)),
        format!("1{}", "+1".repeat(2000)),
        format!("{}1", "true?1:".repeat(580)),
        format!("'a'{}", ".trim()".repeat(580)),
        "(".repeat(4000),
        "[{".repeat(2000),
        "trim(".repeat(800),
    ] {
        let refused = Expression::compile(&source).unwrap_err();
        assert!(!refused.message.is_empty());
    }
    // these the parser folds
    assert!(Expression::compile(&format!("{}row.A", "!".repeat(4000))).is_ok());
    assert!(evaluate(&format!("{}1", "-".repeat(4000))).is_ok());
    let long = format!("'{}'", "x".repeat(LONGEST_EXPRESSION));
    assert!(Expression::compile(&long).unwrap_err().message.contains("at most 4096"));
    // what people write passes, on the small stack of a test
    let nested = format!("{}row.Login{}", "trim(".repeat(20), ")".repeat(20));
    assert_eq!(text(&nested), "ALovelace");
    let chain = format!("row.Login{}", " + 'x'".repeat(50));
    assert_eq!(text(&chain), format!("ALovelace{}", "x".repeat(50)));
}

#[test]
fn a_text_is_split_into_so_many_values() {
    let header = Header::new(&["A".to_owned()]);
    let evaluate = |count: usize| {
        let record = StringRecord::from(vec![vec!["x"; count].join(";")]);
        let row = Row::new(&header, &record);
        Expression::compile("split(row.A, ';')").unwrap().evaluate(&row).map(own).map_err(|e| e.to_string())
    };
    assert!(matches!(evaluate(100), Ok(Evaluated::List(items)) if items.len() == 100));
    assert!(evaluate(101).unwrap_err().contains("more than 100 values"));
}

#[test]
fn long_values_are_refused() {
    let header = Header::new(&["A".to_owned()]);
    let record = StringRecord::from(vec!["x".repeat(LONGEST_VALUE)]);
    let row = Row::new(&header, &record);
    let evaluate =
        |source: &str| Expression::compile(source).unwrap().evaluate(&row).map(own).map_err(|e| e.to_string());
    assert!(evaluate("row.A").is_ok());
    assert!(evaluate("row.A + 'x'").unwrap_err().contains("its result has 65537 bytes"));
    let record = StringRecord::from(vec!["x".repeat(LONGEST_VALUE + 1)]);
    let row = Row::new(&header, &record);
    let failed = Expression::compile("row.A == ''").unwrap().evaluate(&row).unwrap_err().to_string();
    assert!(failed.contains("column 'A' has 65537 bytes"), "{failed}");
}

#[test]
fn every_function_is_there() {
    for name in functions::FUNCTIONS {
        let call = match name {
            functions::SPLIT => "join(split(''), '')".to_owned(),
            functions::JOIN => "join([], '')".to_owned(),
            name if name.ends_with("_date") => format!("{name}('', '')"),
            name => format!("{name}('')"),
        };
        assert_eq!(evaluate(&call), Ok(Evaluated::Text("".into())), "{call}");
    }
    for name in inspect::STANDARD {
        // as a function or as a method; called with what it can't take it says so, and is not unknown
        let is_known = |call: String| !evaluate(&call).is_err_and(|message| message.contains("is unknown"));
        assert!(is_known(format!("{name}([])")) || is_known(format!("[].{name}('')")), "{name}");
    }
}

#[test]
fn the_edges_of_the_standard_library_are_errors_and_no_panics() {
    for source in [
        "-9223372036854775807 - 2",
        "(-9223372036854775807 - 1) / -1",
        "(-9223372036854775807 - 1) % -1",
        "-(-9223372036854775807 - 1)",
        "9223372036854775807 * 2",
        "18446744073709551615u + 1u",
        "int(1e300)",
        "uint(-1)",
        "int(0.0 / 0.0)",
        "timestamp('9999-12-31T23:59:59Z') + duration('87600h')",
        "timestamp('0001-01-01T00:00:00Z') - duration('87600h')",
        "duration('9223372036s') + duration('9223372036s')",
        "duration('99999999999999999999h')",
        "timestamp('2026-13-01T00:00:00Z')",
        "timestamp(9223372036854775807)",
        "timestamp('2026-11-20T02:03:04Z').getHours('Nowhere')",
        "string(b'\\xff')",
        "'abc'.matches('(')",
        "'abc'.matches('(a{1000}){1000}')",
        "[1, 2][-1]",
        "[1, 2][9223372036854775807]",
        "{'a': 1, 'a': 2}",
        "{[1]: 1}",
        "double('x') < 1.0",
    ] {
        assert!(evaluate(source).is_err(), "{source}: {:?}", evaluate(source));
    }
}

/// Pieces of expressions, put together at random.
fn sources() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "row",
        ".Login",
        "['Given Name']",
        "row.Date",
        "row.Count",
        "'a'",
        "\"b\"",
        "1",
        "2.5",
        "true",
        "null",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        " + ",
        " - ",
        " / ",
        " % ",
        " && ",
        " || ",
        "!",
        "-",
        " ? ",
        " == ",
        " < ",
        " in ",
        "lower(",
        "trim(",
        "concat(",
        "when(",
        "parse_date(",
        "split(",
        "join(",
        "int(",
        "size(",
        ".map(x, x)",
        ".filter(x, x == '')",
        ".exists(x, x)",
        "x",
        "has(",
        "timestamp(",
        "duration('1s')",
        "type(",
        "b'x'",
        "r'\\d'",
        "'''",
        "//",
        "\n",
        "9223372036854775807",
        "é",
        "\\",
        "`",
        "?",
        ".matches('(')",
        ".getHours()",
        "%",
        "0x",
        "1e999",
        "uint(",
    ]);
    prop::collection::vec(piece, 1..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nothing_makes_it_panic(source in prop_oneof![4 => sources(), 1 => "\\PC{0,40}"]) {
        match Expression::compile(&source) {
            Err(error) => {
                prop_assert!(!error.message.contains("gave up"), "{}: {}", source, error);
                prop_assert!(error.line <= source.lines().count().max(1) + 1, "{}: {}", source, error);
            }
            Ok(expression) => {
                let (header, record) = (header(), record());
                let row = Row::new(&header, &record);
                let once = expression.evaluate(&row);
                prop_assert_eq!(format!("{once:?}"), format!("{:?}", expression.evaluate(&row)));
            }
        }
    }

    #[test]
    fn a_column_comes_out_trimmed_and_otherwise_as_it_was(value in "\\PC{0,30}", name in "[A-Za-z é\"]{1,10}") {
        let header = Header::new(std::slice::from_ref(&name));
        let record = StringRecord::from(vec![value.clone()]);
        let row = Row::new(&header, &record);
        let expression = Expression::compile(&format!("row['{name}']")).unwrap();
        prop_assert_eq!(expression.plain_column(), Some(name.as_str()));
        prop_assert_eq!(expression.evaluate(&row), Ok(Evaluated::Text(value.trim().into())));
    }
}
