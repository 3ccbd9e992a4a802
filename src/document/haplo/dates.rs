//! Java's `SimpleDateFormat` → our patterns (those of `chrono`, see [`Pattern`]).

use crate::values::moment::Pattern;

/// How a date is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DateFormat {
    /// `%d/%m/%Y`
    pub(super) pattern: String,
    /// Whether it tells a time of the day.
    pub(super) has_time: bool,
    /// Whether years are written with two digits, which stand for 1970 to 2069 here, and there for the 80 years before
    /// now and the 20 after.
    pub(super) short_year: bool,
}

/// Translates a format. `Err`: in words, what of it has no counterpart.
pub(super) fn translate(format: &str) -> Result<DateFormat, String> {
    let mut translated = DateFormat { pattern: String::new(), has_time: false, short_year: false };
    let letters: Vec<char> = format.chars().collect();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        if letter == '\'' {
            at = quoted(&letters, at, &mut translated.pattern)?;
            continue;
        }
        let count = letters.get(at..).unwrap_or_default().iter().take_while(|other| **other == letter).count();
        at += count;
        if !letter.is_ascii_alphabetic() {
            (0..count).for_each(|_| literal(letter, &mut translated.pattern));
            continue;
        }
        translated.has_time |= matches!(letter, 'H' | 'h' | 'm' | 's' | 'S' | 'a');
        translated.short_year |= matches!((letter, count), ('y', 2));
        translated.pattern.push_str(of_letter(letter, count)?);
    }
    Pattern::for_reading(&translated.pattern)
        .map_err(|_| format!("the date format {format:?} does not tell a whole day: it needs year, month and day"))?;
    Ok(translated)
}

/// What a letter, so many times, stands for. Reading, numbers may have more or fewer digits in both.
fn of_letter(letter: char, count: usize) -> Result<&'static str, String> {
    Ok(match (letter, count) {
        ('y', 2) => "%y",
        ('y', _) => "%Y",
        ('M' | 'L', 1 | 2) => "%m",
        ('M' | 'L', 3) => "%b",
        ('M' | 'L', _) => "%B",
        ('d', _) => "%d",
        ('D', _) => "%j",
        ('E', 1..=3) => "%a",
        ('E', _) => "%A",
        ('u', 1) => "%u",
        ('H', _) => "%H",
        ('h', _) => "%I",
        ('m', _) => "%M",
        ('s', _) => "%S",
        ('S', 3) => "%3f",
        ('a', _) => "%p",
        ('Z' | 'X', _) => "%z",
        _ => {
            let letters = String::from(letter).repeat(count.min(9));
            return Err(format!("{letters:?} in a date format has no counterpart here"));
        }
    })
}

/// `'T'` is a T, and `''` an apostrophe, within quotes too.
fn quoted(letters: &[char], start: usize, pattern: &mut String) -> Result<usize, String> {
    let mut at = start + 1;
    if letters.get(at) == Some(&'\'') {
        literal('\'', pattern);
        return Ok(at + 1);
    }
    while let Some(&letter) = letters.get(at) {
        match letter {
            '\'' if letters.get(at + 1) == Some(&'\'') => {
                literal('\'', pattern);
                at += 2;
            }
            '\'' => return Ok(at + 1),
            letter => {
                literal(letter, pattern);
                at += 1;
            }
        }
    }
    Err("a quote in a date format is never closed".to_owned())
}

fn literal(letter: char, pattern: &mut String) {
    pattern.push(letter);
    if letter == '%' {
        pattern.push('%');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::moment::{Notation, Reading};

    fn read(format: &str, text: &str) -> Option<String> {
        let translated = translate(format).unwrap_or_else(|error| panic!("{format}: {error}"));
        match Notation::Pattern(Pattern::for_reading(&translated.pattern).unwrap()).read(text)? {
            Reading::Local(clock) => Some(clock.to_string()),
            Reading::At(moment) => Some(moment.to_rfc3339()),
            Reading::Never => None,
        }
    }

    #[test]
    fn formats_read_what_they_read_there() {
        for (format, text, expected) in [
            ("yyyy-MM-dd", "2018-02-10", "2018-02-10 00:00:00"),
            ("dd/MM/yyyy", "10/02/2018", "2018-02-10 00:00:00"),
            ("d/M/yyyy", "1/2/2018", "2018-02-01 00:00:00"),
            ("yyyyMMdd", "20180210", "2018-02-10 00:00:00"),
            ("dd MMM yyyy", "10 Feb 2018", "2018-02-10 00:00:00"),
            ("EEEE, d MMMM y", "Saturday, 10 February 2018", "2018-02-10 00:00:00"),
            ("dd.MM.yy", "10.02.18", "2018-02-10 00:00:00"),
            ("yyyy-MM-dd'T'HH:mm:ss", "2018-02-10T03:04:05", "2018-02-10 03:04:05"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2018-02-10T03:04:05.120+01:00", "2018-02-10T02:04:05.120+00:00"),
            ("yyyy-MM-dd'T'HH:mm:ssZ", "2018-02-10T03:04:05+0100", "2018-02-10T02:04:05+00:00"),
            ("dd/MM/yyyy hh:mm a", "10/02/2018 03:04 PM", "2018-02-10 15:04:00"),
            ("yyyy' o''clock 100%' MM dd", "2018 o'clock 100% 02 10", "2018-02-10 00:00:00"),
            ("''yy-MM-dd", "'18-02-10", "2018-02-10 00:00:00"),
            ("yyyy-DDD", "2018-041", "2018-02-10 00:00:00"),
        ] {
            assert_eq!(read(format, text).as_deref(), Some(expected), "{format}");
        }
        assert_eq!(read("dd/MM/yyyy", "2018-02-10"), None);
    }

    #[test]
    fn what_has_no_counterpart_is_named() {
        for (format, expected) in [
            ("dd/MM", "whole day"),
            ("HH:mm", "whole day"),
            ("dd/MM/yyyy G", "\"G\""),
            ("ww yyyy", "\"ww\""),
            ("dd/MM/yyyy kk", "\"kk\""),
            ("dd/MM/yyyy z", "\"z\""),
            ("yyyy-MM-dd SS", "\"SS\""),
            ("yyyy'T", "never closed"),
            ("", "whole day"),
        ] {
            let error = translate(format).unwrap_err();
            assert!(error.contains(expected), "{format}: {error}");
        }
    }
}
