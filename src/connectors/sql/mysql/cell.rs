//! How MySQL and MariaDB send the values of their types, and how they leave.

use crate::connectors::sql::session::{Column, Content};
use crate::connectors::sql::value::{self, NoText};
use mysql_async::Value;
use mysql_async::consts::{ColumnFlags, ColumnType};
use std::io::Write;

/// The number of the character set `binary`.
const BINARY: u16 = 63;

/// How a column's values leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Characters, decimals, JSON: as they are written.
    Text,
    /// Bytes as base64.
    Bytes,
    /// Bits as a whole number.
    Bits,
    /// A whole number with so many digits (ZEROFILL, YEAR).
    Filled(usize),
    /// A day.
    Day,
    /// A day and a time, with so many digits of a second, in UTC or in no zone.
    Moment {
        /// Digits after the second.
        digits: u8,
        /// Whether the type has a zone, which the session has set to UTC.
        is_utc: bool,
    },
    /// A time or a span, with so many digits of a second.
    Time(u8),
    /// Other numbers.
    Number,
}

impl Cell {
    /// How the values of a column leave.
    pub fn of(column: &mysql_async::Column) -> Self {
        use ColumnType as T;
        // 31: as many as a value has.
        let digits = column.decimals().min(6);
        match column.column_type() {
            T::MYSQL_TYPE_BIT => Self::Bits,
            T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => Self::Day,
            T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => Self::Moment { digits, is_utc: true },
            T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2 => Self::Moment { digits, is_utc: false },
            T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2 => Self::Time(digits),
            T::MYSQL_TYPE_YEAR => Self::Filled(4),
            T::MYSQL_TYPE_JSON | T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => Self::Text,
            T::MYSQL_TYPE_GEOMETRY => Self::Bytes,
            T::MYSQL_TYPE_TINY
            | T::MYSQL_TYPE_SHORT
            | T::MYSQL_TYPE_LONG
            | T::MYSQL_TYPE_LONGLONG
            | T::MYSQL_TYPE_INT24
                if column.flags().contains(ColumnFlags::ZEROFILL_FLAG) =>
            {
                Self::Filled(column.column_length().min(255) as usize)
            }
            of_type if is_number(of_type) => Self::Number,
            _ if column.character_set() == BINARY => Self::Bytes,
            _ => Self::Text,
        }
    }

    /// Adds a value; NULL is none.
    pub fn write(self, to: &mut Vec<u8>, sent: Option<&Value>) -> Result<(), NoText> {
        // Writing to memory can't fail.
        let mut plain = |text: std::fmt::Arguments<'_>| {
            let _ = to.write_fmt(text);
        };
        match (self, sent) {
            (_, None | Some(Value::NULL)) => {}
            (Self::Bits, Some(Value::Bytes(bits))) => {
                let number = bits.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
                plain(format_args!("{number}"));
            }
            (Self::Bytes, Some(Value::Bytes(bytes))) => value::bytes(to, bytes),
            (_, Some(Value::Bytes(text))) => value::text(to, text)?,
            (Self::Filled(digits), Some(Value::Int(number))) => plain(format_args!("{number:0digits$}")),
            (Self::Filled(digits), Some(Value::UInt(number))) => plain(format_args!("{number:0digits$}")),
            (_, Some(Value::Int(number))) => plain(format_args!("{number}")),
            (_, Some(Value::UInt(number))) => plain(format_args!("{number}")),
            (_, Some(Value::Float(number))) => value::single(to, *number),
            (_, Some(Value::Double(number))) => value::number(to, *number),
            (_, Some(&Value::Date(year, month, day, hour, minute, second, micros))) => {
                plain(format_args!("{year:04}-{month:02}-{day:02}"));
                if let Self::Moment { digits, is_utc } = self {
                    plain(format_args!("T{hour:02}:{minute:02}:{second:02}"));
                    fraction(to, micros, digits);
                    to.extend_from_slice(if is_utc { b"Z" } else { b"" });
                }
            }
            (_, Some(&Value::Time(is_negative, days, hours, minutes, seconds, micros))) => {
                let (sign, hours) = (if is_negative { "-" } else { "" }, u64::from(days) * 24 + u64::from(hours));
                plain(format_args!("{sign}{hours:02}:{minutes:02}:{seconds:02}"));
                if let Self::Time(digits) = self {
                    fraction(to, micros, digits);
                }
            }
        }
        Ok(())
    }
}

fn fraction(to: &mut Vec<u8>, micros: u32, digits: u8) {
    if digits > 0 {
        let text = format!(".{micros:06}");
        to.extend_from_slice(text.get(..=usize::from(digits)).unwrap_or(&text).as_bytes());
    }
}

fn is_number(of_type: ColumnType) -> bool {
    use ColumnType as T;
    matches!(
        of_type,
        T::MYSQL_TYPE_TINY
            | T::MYSQL_TYPE_SHORT
            | T::MYSQL_TYPE_LONG
            | T::MYSQL_TYPE_LONGLONG
            | T::MYSQL_TYPE_INT24
            | T::MYSQL_TYPE_FLOAT
            | T::MYSQL_TYPE_DOUBLE
            | T::MYSQL_TYPE_DECIMAL
            | T::MYSQL_TYPE_NEWDECIMAL
            | T::MYSQL_TYPE_YEAR
    )
}

/// A column of a result.
pub fn column(column: &mysql_async::Column) -> Column {
    let content = match Cell::of(column) {
        Cell::Bytes => Content::Bytes,
        _ if is_number(column.column_type()) => Content::Number,
        _ => Content::Text,
    };
    Column { name: column.name_str().into_owned(), native_type: Some(name(column)), content }
}

/// `MYSQL_TYPE_VAR_STRING` is `varchar` to those who made the table.
fn name(column: &mysql_async::Column) -> String {
    use ColumnType as T;
    let is_binary = column.character_set() == BINARY;
    let name = match column.column_type() {
        T::MYSQL_TYPE_TINY => "tinyint",
        T::MYSQL_TYPE_SHORT => "smallint",
        T::MYSQL_TYPE_INT24 => "mediumint",
        T::MYSQL_TYPE_LONG => "int",
        T::MYSQL_TYPE_LONGLONG => "bigint",
        T::MYSQL_TYPE_NEWDECIMAL | T::MYSQL_TYPE_DECIMAL => "decimal",
        T::MYSQL_TYPE_VAR_STRING | T::MYSQL_TYPE_VARCHAR if is_binary => "varbinary",
        T::MYSQL_TYPE_VAR_STRING | T::MYSQL_TYPE_VARCHAR => "varchar",
        T::MYSQL_TYPE_STRING if column.flags().contains(ColumnFlags::ENUM_FLAG) => "enum",
        T::MYSQL_TYPE_STRING if column.flags().contains(ColumnFlags::SET_FLAG) => "set",
        T::MYSQL_TYPE_STRING if is_binary => "binary",
        T::MYSQL_TYPE_STRING => "char",
        T::MYSQL_TYPE_TINY_BLOB | T::MYSQL_TYPE_BLOB | T::MYSQL_TYPE_MEDIUM_BLOB | T::MYSQL_TYPE_LONG_BLOB => {
            if is_binary {
                "blob"
            } else {
                "text"
            }
        }
        other => return format!("{other:?}").trim_start_matches("MYSQL_TYPE_").to_ascii_lowercase(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cell: Cell, sent: Value) -> String {
        let mut to = Vec::new();
        cell.write(&mut to, Some(&sent)).unwrap();
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn values_are_written_as_the_database_shows_them() {
        let moment = Cell::Moment { digits: 3, is_utc: true };
        assert_eq!(written(moment, Value::Date(2026, 11, 20, 2, 0, 0, 5000)), "2026-11-20T02:00:00.005Z");
        let moment = Cell::Moment { digits: 0, is_utc: false };
        assert_eq!(written(moment, Value::Date(0, 0, 0, 0, 0, 0, 0)), "0000-00-00T00:00:00");
        assert_eq!(written(Cell::Day, Value::Date(2026, 1, 2, 0, 0, 0, 0)), "2026-01-02");
        assert_eq!(written(Cell::Time(0), Value::Time(true, 34, 22, 59, 59, 0)), "-838:59:59");
        assert_eq!(written(Cell::Time(6), Value::Time(false, 0, 1, 2, 3, 4)), "01:02:03.000004");
        assert_eq!(written(Cell::Filled(6), Value::UInt(42)), "000042");
        assert_eq!(written(Cell::Bits, Value::Bytes(vec![1, 0])), "256");
        assert_eq!(written(Cell::Bytes, Value::Bytes(vec![0, 255])), "AP8=");
        assert_eq!(written(Cell::Number, Value::UInt(u64::MAX)), "18446744073709551615");
        assert_eq!(written(Cell::Number, Value::Float(0.1)), "0.1");
        assert_eq!(written(Cell::Text, Value::NULL), "");
    }
}
