//! Ways to write a value that are looked for in a column.

use crate::model::property::ValueType;
use crate::values::format::{Format, FormatDefinition};

/// A way to write dates, moments or numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notation {
    /// What the value is.
    pub value_type: ValueType,
    /// As documents say it.
    pub format: Option<&'static str>,
    /// As people say it.
    pub words: &'static str,
}

const fn date(format: &'static str, words: &'static str) -> Notation {
    Notation { value_type: ValueType::Date, format: Some(format), words }
}

const fn moment(format: &'static str, words: &'static str) -> Notation {
    Notation { value_type: ValueType::Datetime, format: Some(format), words }
}

/// All of them; of several that fit alike the first counts. Day before month, as most of the world writes it.
pub const NOTATIONS: &[Notation] = &[
    date("%Y-%m-%d", "yyyy-MM-dd"),
    date("%d.%m.%Y", "dd.MM.yyyy"),
    date("%d/%m/%Y", "dd/MM/yyyy"),
    date("%m/%d/%Y", "MM/dd/yyyy"),
    date("%d-%m-%Y", "dd-MM-yyyy"),
    date("%Y/%m/%d", "yyyy/MM/dd"),
    date("%Y.%m.%d", "yyyy.MM.dd"),
    date("%Y%m%d", "yyyyMMdd"),
    date("%d.%m.%y", "dd.MM.yy"),
    date("%d/%m/%y", "dd/MM/yy"),
    date("%m/%d/%y", "MM/dd/yy"),
    date("%d-%b-%Y", "dd-MMM-yyyy"),
    date("%d %b %Y", "dd MMM yyyy"),
    moment("%Y-%m-%dT%H:%M:%S%z", "yyyy-MM-ddTHH:mm:ss with an offset"),
    moment("%Y-%m-%dT%H:%M:%S%.f%z", "yyyy-MM-ddTHH:mm:ss.SSS with an offset"),
    moment("%Y-%m-%dT%H:%M:%S", "yyyy-MM-ddTHH:mm:ss"),
    moment("%Y-%m-%d %H:%M:%S", "yyyy-MM-dd HH:mm:ss"),
    moment("%Y-%m-%d %H:%M", "yyyy-MM-dd HH:mm"),
    moment("%d.%m.%Y %H:%M:%S", "dd.MM.yyyy HH:mm:ss"),
    moment("%d.%m.%Y %H:%M", "dd.MM.yyyy HH:mm"),
    moment("%d/%m/%Y %H:%M:%S", "dd/MM/yyyy HH:mm:ss"),
    moment("%d/%m/%Y %H:%M", "dd/MM/yyyy HH:mm"),
    moment("%m/%d/%Y %H:%M:%S", "MM/dd/yyyy HH:mm:ss"),
    moment("%m/%d/%Y %H:%M", "MM/dd/yyyy HH:mm"),
    moment("%m/%d/%Y %I:%M:%S %p", "MM/dd/yyyy hh:mm:ss AM"),
    moment("generalized", "GeneralizedTime"),
    moment("1601", "100 ns since 1601"),
    Notation { value_type: ValueType::Integer, format: None, words: "whole numbers" },
    Notation { value_type: ValueType::Number, format: None, words: "numbers with a decimal point" },
    Notation { value_type: ValueType::Number, format: Some(","), words: "numbers with a decimal comma" },
];

impl Notation {
    /// What reads it, the same that reads it in a run. `None` for a notation that can't be read, which there is not.
    pub fn reader(&self) -> Option<Format> {
        let definition =
            FormatDefinition { value_type: self.value_type, format: self.format, ..FormatDefinition::default() };
        Format::new(&definition).ok()
    }

    /// Whether it may be this at a glance; what reads it also takes some texts that nobody means so.
    pub fn may_be(&self, text: &str) -> bool {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        match (self.value_type, self.format) {
            (ValueType::Date, Some("%Y%m%d")) => {
                text.len() == 8 && digits == 8 && (text.starts_with("19") || text.starts_with("20"))
            }
            (ValueType::Datetime, Some("1601")) => digits == text.len() && (17..=19).contains(&digits) || text == "0",
            (ValueType::Datetime, Some("generalized")) => {
                digits >= 10 && text.bytes().take(10).all(|byte| byte.is_ascii_digit()) && text.ends_with('Z')
            }
            (ValueType::Date, _) => digits >= 3 && text.len() <= 11 && text.len() > digits,
            (ValueType::Datetime, _) => digits >= 8 && text.len() > digits + 2,
            _ => text.len() <= 20 && text.starts_with(|first: char| first.is_ascii_digit() || first == '-'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_can_be_read_and_reads_what_it_says() {
        assert!(NOTATIONS.iter().all(|notation| notation.reader().is_some()));
        let reads = |format: Option<&str>, text: &str| {
            let notation = NOTATIONS.iter().find(|one| one.format == format).unwrap();
            notation.may_be(text) && notation.reader().unwrap().convert_key(text).is_ok()
        };
        assert!(reads(Some("%d.%m.%Y"), "31.12.2026") && !reads(Some("%d.%m.%Y"), "31.12.26"));
        assert!(reads(Some("%d.%m.%y"), "31.12.26"));
        assert!(reads(Some("%Y%m%d"), "20261231") && !reads(Some("%Y%m%d"), "10001234"));
        assert!(reads(Some("%Y-%m-%dT%H:%M:%S%z"), "2026-12-31T00:00:00+0100"));
        assert!(reads(Some("generalized"), "20261120020000Z") && !reads(Some("generalized"), "20261120020000"));
        assert!(reads(Some(","), "1,5") && !reads(Some(","), "1.5x"));
    }
}
