//! Active Directory gives at most 1,500 values of an attribute at a time, under a name such as `member;range=0-1499`,
//! and an empty `member` beside it. The rest is asked for here, range by range, until the server says `*`.

use super::row::{Row, RowShape};
use super::session::Session;
use crate::connectors::ConnectionError;

/// The option of an attribute description that says which values these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Index of the first value.
    pub first: u64,
    /// Index of the last value; `None` (`*`): there are no more.
    pub last: Option<u64>,
}

/// The attribute's name without its range, and the range: `member;range=0-1499`. `None` if it has none; `Err` if it is
/// not understood.
pub fn parse(description: &str) -> Option<(&str, Result<Range, BrokenRange>)> {
    let (name, option) = description.rsplit_once(';')?;
    let range = option.get(..6).filter(|word| word.eq_ignore_ascii_case("range=")).map(|_| &option[6..])?;
    Some((name, bounds(range)))
}

fn bounds(range: &str) -> Result<Range, BrokenRange> {
    let (first, last) = range.split_once('-').ok_or(BrokenRange)?;
    let first = first.parse().map_err(|_| BrokenRange)?;
    let last = if last == "*" { None } else { Some(last.parse().map_err(|_| BrokenRange)?) };
    Ok(Range { first, last })
}

/// A range that does not fit what was asked for, or the values that came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a value range that can't be followed")]
pub struct BrokenRange;

impl Range {
    /// Where the next range begins once these values have been taken; `None` after the last.
    pub fn next(self, expected_first: u64, values: usize) -> Result<Option<u64>, BrokenRange> {
        let Some(last) = self.last else { return (self.first == expected_first).then_some(None).ok_or(BrokenRange) };
        let next = last.checked_add(1).ok_or(BrokenRange)?;
        if self.first == expected_first && values > 0 && next - expected_first.min(next) == values as u64 {
            Ok(Some(next))
        } else {
            Err(BrokenRange)
        }
    }
}

/// Fetches what is missing of the row's values.
pub async fn complete(session: &Session, shape: &RowShape, row: &mut Row) -> Result<(), ConnectionError> {
    for (column, mut next) in std::mem::take(&mut row.unfinished) {
        let name = shape.attribute(column);
        loop {
            let wanted = format!("{name};range={next}-*");
            let entry = session.read(&row.dn, &[&wanted]).await?;
            let part = entry.into_iter().flat_map(|entry| entry.attributes).find_map(|(description, values)| {
                let (found, range) = parse(&description)?;
                found.eq_ignore_ascii_case(name).then_some((range, values))
            });
            let step = part.and_then(|(range, values)| Some((range.ok()?.next(next, values.len()).ok()?, values)));
            let Some((after, values)) = step else {
                return Err(ConnectionError::transient(
                    &session.server,
                    format!(
                        "`{}` has more than {next} values of `{name}`, and the server did not give the rest; if the \
                         entry was changed meanwhile, the next run succeeds",
                        row.dn
                    ),
                ));
            };
            shape
                .add(row, column, values)
                .map_err(|fault| ConnectionError::permanent(&session.server, fault.to_string()))?;
            match after {
                Some(after) => next = after,
                None => break,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_from_the_attribute_description() {
        let range = |first, last| Ok(Range { first, last });
        assert_eq!(parse("member;range=0-1499"), Some(("member", range(0, Some(1499)))));
        assert_eq!(parse("member;Range=1500-*"), Some(("member", range(1500, None))));
        assert_eq!(parse("member"), None);
        assert_eq!(parse("userCertificate;binary"), None);
        assert_eq!(parse("member;range=x-1"), Some(("member", Err(BrokenRange))));
    }

    #[test]
    fn ranges_must_follow_each_other_and_hold_what_they_say() {
        let range = |first, last| Range { first, last };
        assert_eq!(range(0, Some(1499)).next(0, 1500), Ok(Some(1500)));
        assert_eq!(range(1500, None).next(1500, 1), Ok(None));
        assert_eq!(range(1500, None).next(1500, 0), Ok(None));
        for (broken, expected, values) in [
            (range(0, Some(1499)), 0, 1499),
            (range(0, Some(1499)), 1500, 1500),
            (range(0, None), 1500, 10),
            (range(1500, Some(1499)), 1500, 0),
            (range(0, Some(u64::MAX)), 0, 1),
            (range(5, Some(1)), 5, 3),
        ] {
            assert_eq!(broken.next(expected, values), Err(BrokenRange), "{broken:?}");
        }
    }
}
