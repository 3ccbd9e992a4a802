use super::*;

fn profile(values: impl IntoIterator<Item = impl AsRef<str>>) -> ColumnProfile {
    let mut profiler = Profiler::new(&["column".to_owned()]);
    for value in values {
        profiler.begin_row();
        profiler.value(0, value.as_ref().as_bytes());
    }
    let rows = profiler.rows;
    profiler.finish(rows).columns.remove(0)
}

#[test]
fn shapes_tell_dates_names_and_addresses() {
    for (value, expected) in [
        ("31/12/2020", "dd/dd/dddd"),
        ("2020-12-31T08:00:00Z", "dddd-dd-ddAdd:dd:ddA"),
        ("Lovelace", "Aa"),
        ("García-Núñez", "Aa-Aa"),
        ("ada@example.org", "a@a.a"),
        ("健雄 Wu", "x Aa"),
        ("D10", "Add"),
        ("  ", " "),
    ] {
        let mut shape = String::new();
        shape_of(value.as_bytes(), &mut shape);
        assert_eq!(shape, expected, "{value}");
    }
}

#[test]
fn empty_values_are_counted_exactly_and_lengths_in_characters() {
    let profile = profile(["", "é", "ab", "", "1234567890123456789012345678901234567890"]);
    assert_eq!((profile.empty, profile.distinct), (2, 3));
    assert_eq!((profile.min_length, profile.max_length), (1, 40));
    assert_eq!(profile.lengths, [(1, 1), (2, 1), (33, 1)]);
}

#[test]
fn length_classes_cover_everything_in_order() {
    let mut before = 0;
    for length in 1..100_000 {
        let class = class_of(length);
        assert!(class == before || class == before + 1, "{length}");
        assert!(least_of(class) <= length && (class + 1 == CLASSES || length < least_of(class + 1)), "{length}");
        before = class;
    }
    assert_eq!(class_of(u64::MAX), CLASSES - 1);
}

#[test]
fn distinct_values_are_told_within_a_few_percent() {
    for count in [1_u64, 10, 1000, 2_475, 20_000, 300_000] {
        let estimate = profile((0..count).map(|value| format!("value {value}"))).distinct;
        let error = (estimate as f64 - count as f64).abs() / count as f64;
        assert!(error < 0.07, "{count} values, told {estimate}");
        assert!(estimate <= count, "{count} values in as many rows, told {estimate}");
    }
}

#[test]
fn a_dominating_value_is_found_and_rare_ones_are_not_kept() {
    let values = (0..10_000).map(|row| if row % 3 == 0 { "4711".to_owned() } else { format!("person {row}") });
    let profile = profile(values);
    let [(value, count)] = &profile.top[..] else { panic!("{:?}", profile.top) };
    assert_eq!(value, "4711");
    assert!((3200..=3334).contains(count), "{count}");
}

#[test]
fn every_sixteenth_row_is_looked_at_after_the_first() {
    let mut profiler = Profiler::new(&["column".to_owned()]);
    for row in 0..82_000_u64 {
        profiler.begin_row();
        profiler.value(0, if row % 2 == 0 { b"" } else { b"x" });
    }
    let profile = profiler.finish(82_000);
    assert_eq!(profile.sampled, 52_000);
    assert_eq!(profile.columns[0].empty, 41_000);
}

#[test]
fn sketches_tell_how_much_two_columns_share() {
    let numbers = |range: std::ops::Range<u32>| profile(range.map(|value| format!("value {value}"))).sketch;
    let (all, half, other) = (numbers(0..10_000), numbers(5000..15_000), numbers(20_000..30_000));
    let shared = |a: &[u64], b: &[u64]| a.iter().filter(|hash| b.contains(hash)).count();
    assert_eq!((all.len(), shared(&all, &numbers(0..10_000)), shared(&all, &other)), (SKETCH, SKETCH, 0));
    assert!((12..=40).contains(&shared(&all, &half)), "{}", shared(&all, &half));
    assert!(all.is_sorted() && numbers(0..5).len() == 5);
}

#[test]
fn what_was_read_in_a_wrong_encoding_is_seen() {
    for garbled in ["JosÃ©", "MÃ¼ller", "GarcÃ\u{ad}a", "Ã…sa", "å¼µ", "Jos\u{fffd}"] {
        assert!(is_garbled(garbled.as_bytes()), "{garbled}");
    }
    for sound in [
        "José",
        "Ångström",
        "São Paulo",
        "健雄",
        "Łukasz Żak",
        "Đorđe",
        "Ñuñoa",
        "O’Neill",
        "Ünlü",
        "ÇA",
        "Tomáš",
        "José’s",
    ] {
        assert!(!is_garbled(sound.as_bytes()), "{sound}");
    }
}

#[test]
fn the_parts_of_dates_tell_day_from_month() {
    let profile = profile(["31/12/2020", "04/11/1999", "17/01/2001"]);
    assert_eq!(profile.date_parts, [31, 12, 2020]);
    for no_date in ["Add", "ddd.dd", "d", "dd"] {
        assert!(!is_like_a_date(no_date.as_bytes()), "{no_date}");
    }
}
