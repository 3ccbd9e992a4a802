//! How alike two columns are, told from their profiles alone.

use crate::model::profile::{ColumnProfile, SKETCH, TableProfile};

/// The share of values that two columns have in common, 0 to 1: of the smaller set, so that a table that grew or lost
/// half of its rows still has the values it had.
pub fn shared(a: &ColumnProfile, b: &ColumnProfile) -> f64 {
    let reach = |sketch: &[u64]| if sketch.len() < SKETCH { u64::MAX } else { *sketch.last().unwrap_or(&u64::MAX) };
    // Both sketches hold every value whose hash is below this.
    let reach = reach(&a.sketch).min(reach(&b.sketch));
    let within = |sketch: &[u64]| sketch.iter().filter(|hash| **hash <= reach).count();
    let common = a.sketch.iter().filter(|hash| **hash <= reach && b.sketch.binary_search(hash).is_ok()).count();
    match within(&a.sketch).min(within(&b.sketch)) {
        0 => 0.0,
        smaller => common as f64 / smaller as f64,
    }
}

/// How far two columns hold the same, 0 to 1: frequent values as often, and of the others the same ones. Empty values
/// count for nothing.
pub fn likeness(a: (&ColumnProfile, &TableProfile), b: (&ColumnProfile, &TableProfile)) -> f64 {
    let filled = |(column, table): (&ColumnProfile, &TableProfile)| {
        table.sampled as f64 * (1.0 - column.empty_share(table.rows))
    };
    let (of_a, of_b) = (filled(a), filled(b));
    if of_a < 1.0 || of_b < 1.0 {
        return 0.0;
    }
    let share = |top: &[(String, u64)], value: &str, of: f64| {
        top.iter().find(|one| one.0 == value).map_or(0.0, |one| one.1 as f64 / of)
    };
    let frequent: f64 =
        a.0.top.iter().map(|(value, count)| (*count as f64 / of_a).min(share(&b.0.top, value, of_b))).sum();
    let rest = |top: &[(String, u64)], of: f64| 1.0 - top.iter().map(|one| one.1 as f64 / of).sum::<f64>();
    let rest = rest(&a.0.top, of_a).min(rest(&b.0.top, of_b)).max(0.0);
    (frequent + rest * shared(a.0, b.0)).clamp(0.0, 1.0)
}

/// Shapes by a class of their own, and the share of values that have it.
fn by_class(column: &ColumnProfile, class: impl Fn(&str) -> Option<String>) -> Vec<(String, f64)> {
    let all: u64 = column.shapes.iter().map(|one| one.1).sum();
    let mut classes: Vec<(String, f64)> = Vec::new();
    for (shape, count) in &column.shapes {
        let Some(class) = class(shape) else { continue };
        let share = *count as f64 / all.max(1) as f64;
        match classes.iter_mut().find(|one| one.0 == class) {
            Some(one) => one.1 += share,
            None => classes.push((class, share)),
        }
    }
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes
}

/// The ways in which a column writes dates, the most frequent first: `D/D/Y`, `Y-D-DT` with a time.
pub fn date_styles(column: &ColumnProfile) -> Vec<(String, f64)> {
    by_class(column, date_style)
}

/// The ways in which a column writes numbers, the most frequent first: what separates thousands, then decimals; `e` for
/// an exponent, nothing for digits alone.
pub fn number_styles(column: &ColumnProfile) -> Vec<(String, f64)> {
    by_class(column, number_style)
}

/// How a shape writes a date, if it is one.
pub fn date_style(shape: &str) -> Option<String> {
    let (mut style, mut digits, mut parts) = (String::new(), 0, 0);
    let mut rest = shape.chars().chain(['\0']);
    let mut name = false;
    loop {
        let class = rest.next()?;
        if class == 'd' {
            digits += 1;
            continue;
        }
        match digits {
            0 => {}
            1 | 2 => style.push('D'),
            4 => style.push('Y'),
            _ => return None,
        }
        parts += u8::from(digits > 0);
        digits = 0;
        match class {
            'A' | 'a' if parts == 1 || style.ends_with('M') => {
                // A month by its name: `dd Aa dddd`, `dd-Aa-dddd`.
                if !name {
                    style.push('M');
                    name = true;
                    parts += 1;
                }
            }
            '.' | '/' | '-' | ' ' | ',' if parts < 3 => style.push(class),
            _ => {
                let separated = name || style.contains(['.', '/', '-']);
                let is_date = parts == 3 && style.contains('D') && separated;
                return is_date.then(|| if shape.contains(':') { style + "T" } else { style });
            }
        }
    }
}

/// How a shape writes a number, if it is one.
pub fn number_style(shape: &str) -> Option<String> {
    let digits = shape.trim_start_matches(['-', '+']);
    let (digits, exponent) = match digits.split_once('A') {
        Some((digits, exponent)) if exponent.trim_start_matches(['-', '+']).chars().all(|c| c == 'd') => (digits, "e"),
        Some(_) => return None,
        None => (digits, ""),
    };
    if !digits.starts_with('d') || date_style(shape).is_some() {
        return None;
    }
    let mut groups = vec![0];
    let mut separators: Vec<char> = Vec::new();
    for class in digits.chars() {
        match class {
            'd' => *groups.last_mut()? += 1,
            '.' | ',' | ' ' | '\'' | '’' => {
                separators.push(class);
                groups.push(0);
            }
            _ => return None,
        }
    }
    let (last, before) = match separators.split_last() {
        None => return Some(exponent.to_owned()),
        Some(split) => split,
    };
    let thousands = |groups: &[i32]| groups.iter().skip(1).all(|group| *group == 3) && groups[0] <= 3;
    let one_kind = before.windows(2).all(|pair| pair[0] == pair[1]);
    let decimals = matches!(last, '.' | ',') && before.first() != Some(last);
    match () {
        () if decimals && one_kind && thousands(&groups[..groups.len() - 1]) || (decimals && before.is_empty()) => {
            let mut style: String = before.first().into_iter().collect();
            style.push(*last);
            Some(style + exponent)
        }
        () if one_kind && before.first().is_none_or(|first| first == last) && thousands(&groups) => {
            Some(format!("{last}\u{2009}{exponent}"))
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_to_be_dates_or_numbers() {
        for (shape, date, number) in [
            ("dd/dd/dddd", Some("D/D/Y"), None),
            ("d/d/dddd", Some("D/D/Y"), None),
            ("dddd-dd-dd", Some("Y-D-D"), None),
            ("dddd-dd-ddAdd:dd:ddA", Some("Y-D-DT"), None),
            ("dddd-dd-dd dd:dd", Some("Y-D-DT"), None),
            ("dd.dd.dddd", Some("D.D.Y"), None),
            ("dd-Aa-dddd", Some("D-M-Y"), None),
            ("dddd", None, Some("")),
            ("ddd.dd", None, Some(".")),
            ("d.ddd,dd", None, Some(".,")),
            ("d ddd.d", None, Some(" .")),
            ("d'ddd'ddd", None, Some("'\u{2009}")),
            ("d.ddA+dd", None, Some(".e")),
            ("+dd dd ddd dd dd", None, None),
            ("ddd.ddd.d.d", None, None),
            ("Aa", None, None),
            ("dddd-dddd", None, None),
            ("a@a.a", None, None),
        ] {
            assert_eq!(date_style(shape).as_deref(), date, "{shape}");
            assert_eq!(number_style(shape).as_deref(), number, "{shape}");
        }
    }
}
