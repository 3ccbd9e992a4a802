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
    for count in [1_u64, 10, 1000, 20_000, 300_000] {
        let estimate = profile((0..count).map(|value| format!("value {value}"))).distinct;
        let error = (estimate as f64 - count as f64).abs() / count as f64;
        assert!(error < 0.07, "{count} values, told {estimate}");
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
