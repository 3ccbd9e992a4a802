use super::*;
use proptest::prelude::*;

fn notation(name: &str) -> Notation {
    match name {
        "1601" => Notation::Filetime,
        "generalized" => Notation::Generalized,
        "rfc3339" => Notation::Rfc3339,
        pattern => Notation::Pattern(Pattern::for_reading(pattern).unwrap()),
    }
}

/// As a table shows it: a moment, a clock, `never`, or `-` for what can't be read.
fn read(name: &str, text: &str) -> String {
    match notation(name).read(text) {
        None => "-".to_owned(),
        Some(Reading::Never) => "never".to_owned(),
        Some(Reading::At(moment)) => write_moment(moment),
        Some(Reading::Local(clock)) => clock.to_string(),
    }
}

#[test]
fn what_sources_write_is_read() {
    for (name, text, expected) in [
        ("%d/%m/%Y", "10/12/2019", "2019-12-10 00:00:00"),
        ("%d/%m/%Y", "31/02/2020", "-"),
        ("%d/%m/%Y", "29/02/2020", "2020-02-29 00:00:00"),
        ("%d/%m/%Y", "29/02/2021", "-"),
        ("%d/%m/%Y", "10/12/19", "-"),
        ("%d/%m/%Y", "10/12/2019 ", "-"),
        ("%d/%m/%Y", "10/12/20190", "-"),
        ("%d.%m.%y", "1.2.03", "2003-02-01 00:00:00"),
        ("%Y-%m-%d", "2026-11-20", "2026-11-20 00:00:00"),
        ("%Y-%m-%d", "0000-00-00", "-"),
        ("%d %B %Y", "20 November 2026", "2026-11-20 00:00:00"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T02:00:00+0100", "2026-11-20T01:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T02:00:00+01:00", "2026-11-20T01:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T02:00:00Z", "2026-11-20T02:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T02:00:00", "-"),
        ("%Y-%m-%dT%H:%M:%S%#z", "2026-11-20T02:00:00Z", "2026-11-20T02:00:00Z"),
        ("%Y-%m-%d %H:%M", "2026-11-20 14:30", "2026-11-20 14:30:00"),
        ("%Y-%m-%d %I:%M %p", "2026-11-20 02:30 PM", "2026-11-20 14:30:00"),
        ("%s", "1795140184", "2026-11-20T02:03:04Z"),
        ("1601", "0", "never"),
        ("1601", "9223372036854775807", "never"),
        ("1601", "116444736000000000", "1970-01-01T00:00:00Z"),
        ("1601", "133444736001234567", "2023-11-14T22:13:20.123456700Z"),
        ("1601", "-1", "-"),
        ("1601", "9223372036854775806", "-"),
        ("1601", "2026-11-20", "-"),
        ("generalized", "20261120020304Z", "2026-11-20T02:03:04Z"),
        ("generalized", "20261120020304.0Z", "2026-11-20T02:03:04Z"),
        ("generalized", "20261120020304,25Z", "2026-11-20T02:03:04.250Z"),
        ("generalized", "202611200203.5Z", "2026-11-20T02:03:30Z"),
        ("generalized", "2026112002+0130", "2026-11-20T00:30:00Z"),
        ("generalized", "2026112002-05", "2026-11-20T07:00:00Z"),
        ("generalized", "20261120020304", "2026-11-20 02:03:04"),
        ("generalized", "20161231235960Z", "2017-01-01T00:00:00Z"),
        ("generalized", "20261120020361Z", "-"),
        ("generalized", "20260231020304Z", "-"),
        ("generalized", "20261120020304.Z", "-"),
        ("generalized", "20261120020304+2", "-"),
        ("generalized", "2026112002030Z", "-"),
        ("generalized", "20261120020304Zulu", "-"),
        ("rfc3339", "2026-11-20T02:03:04+01:00", "2026-11-20T01:03:04Z"),
        ("rfc3339", "2026-11-20T02:03:04.5Z", "2026-11-20T02:03:04.500Z"),
        ("rfc3339", "2026-11-20T02:03:04", "2026-11-20 02:03:04"),
        ("rfc3339", "2026-11-20", "-"),
        ("rfc3339", "20/11/2026", "-"),
    ] {
        assert_eq!(read(name, text), expected, "{name}: {text}");
    }
}

#[test]
fn a_pattern_that_does_not_tell_a_day_is_refused() {
    for pattern in ["%d/%m", "%Y", "%H:%M", "hired", "", "%q", "%Y-%m-%d %Z", "%"] {
        let refused = Pattern::for_reading(pattern).unwrap_err();
        assert!(refused.contains(pattern), "{refused}");
    }
}

#[test]
fn clocks_are_read_in_their_zone() {
    let zone: Tz = "Europe/Berlin".parse().unwrap();
    for (clock, expected) in [
        ("2026-07-01 12:00:00", Some("2026-07-01T10:00:00Z")),
        ("2026-12-01 12:00:00", Some("2026-12-01T11:00:00Z")),
        // set back at 03:00: shown twice, the first counts
        ("2026-10-25 02:30:00", Some("2026-10-25T00:30:00Z")),
        // set forward at 02:00: never shown
        ("2026-03-29 02:30:00", None),
    ] {
        let clock = NaiveDateTime::parse_from_str(clock, "%Y-%m-%d %H:%M:%S").unwrap();
        assert_eq!(in_zone(clock, zone).map(write_moment).as_deref(), expected);
    }
}

fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    // 1601 to 9999
    (-11_644_473_599_i64..253_402_300_799, 0..10_000_000_u32)
        .prop_map(|(seconds, ticks)| DateTime::from_timestamp(seconds, ticks * 100).unwrap())
}

proptest! {
    #[test]
    fn a_moment_written_is_read_back(moment in moments()) {
        prop_assert_eq!(Notation::Rfc3339.read(&write_moment(moment)), Some(Reading::At(moment)));
    }

    #[test]
    fn a_moment_in_generalized_time_is_read_back(moment in moments()) {
        let text = moment.format("%Y%m%d%H%M%S%.9fZ").to_string();
        prop_assert_eq!(Notation::Generalized.read(&text), Some(Reading::At(moment)));
    }

    #[test]
    fn a_moment_in_filetime_is_read_back(moment in moments()) {
        let ticks = (moment.timestamp() + 11_644_473_600) * 10_000_000 + i64::from(moment.timestamp_subsec_nanos() / 100);
        prop_assert_eq!(Notation::Filetime.read(&ticks.to_string()), Some(Reading::At(moment)));
    }

    #[test]
    fn a_day_is_read_back_in_any_pattern(
        moment in moments(),
        pattern in prop::sample::select(vec!["%d/%m/%Y", "%Y-%m-%d", "%m.%d.%Y", "%Y%m%d", "%e %b %Y", "%G-W%V-%u"]),
    ) {
        let text = Pattern::for_reading(pattern).unwrap().write(moment).unwrap();
        let read = notation(pattern).read(&text);
        prop_assert_eq!(read, Some(Reading::Local(moment.date_naive().and_time(NaiveTime::MIN))), "{}", text);
    }

    #[test]
    fn nothing_makes_it_panic(text in "\\PC{0,30}", digits in "[0-9+.,Z-]{0,30}", pattern in "[%a-zA-Z0-9#:. /-]{0,12}") {
        for name in ["1601", "generalized", "rfc3339", "%d/%m/%Y", "%s", "%Y-%m-%d %H:%M:%S%.f%z"] {
            notation(name).read(&text);
            notation(name).read(&digits);
        }
        if let Ok(pattern) = Pattern::new(&pattern) {
            pattern.write(sample());
            pattern.example();
            Notation::Pattern(pattern).read(&digits);
        }
    }
}

#[test]
fn a_moment_is_read_as_people_write_it() {
    let written = |text: &str| read_moment(text).map(write_moment);
    assert_eq!(written("2026-11-20T10:00:00+01:00").as_deref(), Some("2026-11-20T09:00:00Z"));
    for same in ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00", "2026-11-20T10:00", "2026-11-20 10:00"] {
        assert_eq!(written(same).as_deref(), Some("2026-11-20T10:00:00Z"), "{same}");
    }
    assert_eq!(written("2026-11-20").as_deref(), Some("2026-11-20T00:00:00Z"));
    for nonsense in ["", "yesterday", "2026-13-20", "99999-01-01", "0001-01-01"] {
        assert_eq!(written(nonsense), None, "{nonsense}");
    }
}
