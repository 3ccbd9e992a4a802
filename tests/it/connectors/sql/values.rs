//! Every value becomes text without loss.

use super::Source;
use crate::support::postgres::Postgres;

/// What a row of a table comes to, column by column.
#[track_caller]
fn assert_values(source: &Source, table: &str, wanted: &[(&str, &str)]) {
    let document = source.document(&format!("[[table]]\nname = \"t\"\ntable = {table:?}\n"));
    let read = document.export().unwrap_or_else(|error| panic!("{}: {error}", source.name()));
    let found: Vec<(&str, String)> = read.tables["t"]
        .header
        .iter()
        .map(String::as_str)
        .zip(read.tables["t"].rows[0].iter().map(|value| value.replace('\u{1f}', "+")))
        .collect();
    let wanted: Vec<(&str, String)> = wanted.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    assert_eq!(found, wanted, "{}", source.name());
}

#[test]
fn of_postgresql() {
    let source = Source::Postgres(Postgres::new());
    source.execute(
        "create type mood as enum ('calm', 'wild');
         create domain age as integer check (value > 0);
         create domain ages as age[];
         create table \"Odd.Names\" (
           small smallint, big bigint, exact numeric(40, 20), plain numeric, real real, double double precision,
           truth boolean, lie boolean, nothing text, empty text, words varchar(50), odd text, picture bytea,
           day date, clock time, moment timestamp, instant timestamptz, forever timestamptz, long_ago date,
           span interval, id uuid, doc jsonb, kept json, many text[], numbers integer[], truths boolean[],
           instants timestamptz[], pictures bytea[], mood mood, age age, ages ages, address inet, range int4range,
           money money, bits bit(3));
         insert into \"Odd.Names\" values (
           -32768, 9223372036854775807, 12345678901234567890.12345678901234567890, '1e-30', 0.1, 1e300,
           true, false, null, '', 'Zoë', E'tab\\t line\\n back\\\\slash \\\\N \\x1f', '\\x00ff10',
           '2026-11-20', '02:03:04.5', '2026-11-20 02:03:04.123456', '2026-11-20 02:03:04+02', 'infinity',
           '0044-03-15 BC', '1 year 2 months 3 days 04:05:06.7', '6F9619FF-8B86-D011-B42D-00C04FC964FF',
           '{\"a\": [1, 2]}', '{\"a\":  1}', array['a', 'b, \"c\"', null, E'x\\x1fy', ''], '{{1,2},{3,4}}', '{t,f}',
           array['2026-11-20 02:03:04+02'::timestamptz], array['\\x00'::bytea], 'wild', 7, '{8,9}', '10.0.0.1/8',
           '[1,5)', 1234.5, b'101')",
    );
    assert_values(
        &source,
        "\"Odd.Names\"",
        &[
            ("small", "-32768"),
            ("big", "9223372036854775807"),
            ("exact", "12345678901234567890.12345678901234567890"),
            ("plain", "0.000000000000000000000000000001"),
            ("real", "0.1"),
            ("double", "1e+300"),
            ("truth", "true"),
            ("lie", "false"),
            ("nothing", ""),
            ("empty", ""),
            ("words", "Zoë"),
            ("odd", "tab\t line\n back\\slash \\N \u{241f}"),
            ("picture", "AP8Q"),
            ("day", "2026-11-20"),
            ("clock", "02:03:04.5"),
            ("moment", "2026-11-20T02:03:04.123456"),
            ("instant", "2026-11-20T00:03:04Z"),
            ("forever", "infinity"),
            ("long_ago", "0044-03-15 BC"),
            ("span", "P1Y2M3DT4H5M6.7S"),
            ("id", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
            ("doc", "{\"a\": [1, 2]}"),
            ("kept", "{\"a\":  1}"),
            ("many", "a+b, \"c\"+x\u{241f}y+"),
            ("numbers", "1+2+3+4"),
            ("truths", "true+false"),
            ("instants", "2026-11-20T00:03:04Z"),
            ("pictures", "AA=="),
            ("mood", "wild"),
            ("age", "7"),
            ("ages", "8+9"),
            ("address", "10.0.0.1/8"),
            ("range", "[1,5)"),
            ("money", "$1,234.50"),
            ("bits", "101"),
        ],
    );
}

#[test]
fn of_mariadb() {
    let [_, source, _] = Source::all();
    source.execute(
        "set time_zone = '+02:00';
         create table `odd.names` (
           tiny tinyint, truth boolean, filled int(6) zerofill, big bigint unsigned, exact decimal(40, 20), single float,
           twice double, nothing varchar(10), words varchar(50) character set latin1, odd text, picture blob,
           fixed binary(3), day date, never datetime, clock time(3), moment datetime(6), instant timestamp,
           bits bit(10), mood enum('calm', 'wild'), several set('a', 'b', 'c'), doc json, year year);
         set sql_mode = '';
         insert into `odd.names` values (
           -128, true, 42, 18446744073709551615, 12345678901234567890.12345678901234567890, 16777216, 0.1, null, 'Zoë',
           concat('tab\\t nul ', char(0), ' 𝔐 ', char(31)), x'00ff10', 'abc', '2026-11-20', '0000-00-00',
           '-838:59:59', '2026-11-20 02:03:04.123456', '2026-11-20 02:03:04', b'1000000001', 'wild', 'a,c',
           '{\"a\":  1}', 2026)",
    );
    assert_values(
        &source,
        "\"odd.names\"",
        &[
            ("tiny", "-128"),
            ("truth", "1"),
            ("filled", "000042"),
            ("big", "18446744073709551615"),
            ("exact", "12345678901234567890.12345678901234567890"),
            ("single", "16777216"),
            ("twice", "0.1"),
            ("nothing", ""),
            ("words", "Zoë"),
            ("odd", "tab\t nul \0 𝔐 \u{241f}"),
            ("picture", "AP8Q"),
            ("fixed", "YWJj"),
            ("day", "2026-11-20"),
            ("never", "0000-00-00T00:00:00"),
            ("clock", "-838:59:59.000"),
            ("moment", "2026-11-20T02:03:04.123456"),
            ("instant", "2026-11-20T00:03:04Z"),
            ("bits", "513"),
            ("mood", "wild"),
            ("several", "a,c"),
            ("doc", "{\"a\":  1}"),
            ("year", "2026"),
        ],
    );
}

#[test]
fn of_sqlite() {
    let source = Source::sqlite();
    source.execute(
        "create table odd (number integer, real real, tiny real, truth boolean, other boolean, words text, picture blob,
           absent text, anything);
         insert into odd values (9223372036854775807, 0.1, 5e-324, 1, 2, 'Zoë' || char(31) || char(0) || 'x', x'00ff10',
           null, '2026-11-20 02:03:04')",
    );
    assert_values(
        &source,
        "main.odd",
        &[
            ("number", "9223372036854775807"),
            ("real", "0.1"),
            ("tiny", "5e-324"),
            ("truth", "true"),
            ("other", "2"),
            ("words", "Zoë\u{241f}\0x"),
            ("picture", "AP8Q"),
            ("absent", ""),
            ("anything", "2026-11-20 02:03:04"),
        ],
    );
}

#[test]
fn a_value_that_is_no_text_is_named() {
    let source = Source::Postgres(Postgres::with("encoding 'SQL_ASCII' template template0"));
    source
        .execute("create table people (id integer, name text); insert into people values (1, 'Ada'), (2, E'Ren\\351')");
    let sqlite = Source::sqlite();
    sqlite.execute(
        "create table people (id integer, name text);
         insert into people values (1, 'Ada'), (2, cast(x'52656ee9' as text))",
    );
    for source in [source, sqlite] {
        let document = source.document("[[table]]\nname = \"people\"\nquery = \"select * from people order by id\"\n");
        let error = document.failure();
        assert!(!error.transient, "{error}");
        let wanted = "row 2, column \"name\": the value is no UTF-8 (byte 4 is 0xe9)";
        assert!(error.message.contains(wanted) && error.message.contains("table `people`, 1 row read"), "{error}");
    }
}
