//! Which line of the source a line of an extraction came from.

use serde::de::Error;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// From lines of an extraction to lines of its source, both counted from 1 with the header as line 1, a record named by
/// the line it starts in. Sparse: one entry where the distance changes (a blank line, a comment), or where records of a
/// steady number of lines (pretty-printed JSON) begin. As JSON: `[[extraction line, source line], …]`, with the number
/// of source lines per extraction line as a third element where it is not 1. Empty: the lines are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineMap(Vec<Segment>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    extraction: u64,
    source: u64,
    step: i64,
    /// Whether a second line has already fixed the step.
    steady: bool,
}

impl Segment {
    fn at(&self, line: u64) -> u64 {
        let distance = i64::try_from(line.saturating_sub(self.extraction)).unwrap_or(i64::MAX);
        self.source.saturating_add_signed(distance.saturating_mul(self.step))
    }
}

impl LineMap {
    /// The source line of a line of the extraction.
    pub fn source_line(&self, extraction_line: u64) -> u64 {
        let after = self.0.partition_point(|segment| segment.extraction <= extraction_line);
        match after.checked_sub(1).and_then(|index| self.0.get(index)) {
            Some(segment) => segment.at(extraction_line),
            None => extraction_line,
        }
    }

    /// Notes the next record; extraction lines come in rising order.
    pub fn note(&mut self, extraction_line: u64, source_line: u64) {
        let first = Segment { extraction: extraction_line, source: source_line, step: 1, steady: false };
        let Some(last) = self.0.last_mut() else {
            if extraction_line != source_line {
                self.0.push(first);
            }
            return;
        };
        if last.at(extraction_line) == source_line {
            last.steady = true;
            return;
        }
        if !last.steady {
            let lines = i128::from(extraction_line) - i128::from(last.extraction);
            let passed = i128::from(source_line) - i128::from(last.source);
            if lines > 0 && passed % lines == 0 {
                last.step = i64::try_from(passed / lines).unwrap_or(1);
                last.steady = true;
                if last.at(extraction_line) == source_line {
                    return;
                }
            }
        }
        self.0.push(first);
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the lines are the same.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for LineMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries = serializer.serialize_seq(Some(self.0.len()))?;
        for segment in &self.0 {
            match segment.step {
                1 => entries.serialize_element(&(segment.extraction, segment.source))?,
                step => entries.serialize_element(&(segment.extraction, segment.source, step))?,
            }
        }
        entries.end()
    }
}

impl<'de> Deserialize<'de> for LineMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<Vec<i64>>::deserialize(deserializer)?;
        let segment = |entry: &Vec<i64>| {
            let (extraction, source, step) = match entry[..] {
                [extraction, source] => (extraction, source, 1),
                [extraction, source, step] => (extraction, source, step),
                _ => return None,
            };
            let (extraction, source) = (u64::try_from(extraction).ok()?, u64::try_from(source).ok()?);
            Some(Segment { extraction, source, step, steady: true })
        };
        let segments: Option<Vec<_>> = entries.iter().map(segment).collect();
        segments.map(Self).ok_or_else(|| D::Error::custom("a line map has entries [line, line] or [line, line, step]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(lines: &[(u64, u64)]) -> LineMap {
        let mut map = LineMap::default();
        lines.iter().for_each(|&(extraction, source)| map.note(extraction, source));
        map
    }

    #[test]
    fn equal_lines_take_no_entry() {
        assert!(map(&[(2, 2), (3, 3), (5, 5)]).is_empty());
    }

    #[test]
    fn a_blank_line_takes_one_entry() {
        let map = map(&[(2, 2), (3, 3), (4, 5), (5, 6), (6, 7)]);
        assert_eq!(serde_json::to_string(&map).unwrap(), "[[4,5]]");
        assert_eq!([2, 3, 4, 6].map(|line| map.source_line(line)), [2, 3, 5, 7]);
    }

    #[test]
    fn records_of_twelve_lines_take_one_entry() {
        let lines: Vec<_> = (0..1000).map(|row| (row + 2, row * 12 + 2)).collect();
        let map = map(&lines);
        assert!(map.len() <= 2, "{map:?}");
        assert!(lines.iter().all(|&(extraction, source)| map.source_line(extraction) == source));
    }

    proptest! {
        #[test]
        fn every_noted_line_is_found_again(steps in prop::collection::vec((1u64..4, 0u64..6), 0..200)) {
            let (mut extraction, mut source) = (1, 1);
            let lines: Vec<_> = steps.iter().map(|(down, along)| {
                extraction += down;
                source += along;
                (extraction, source)
            }).collect();
            let map = map(&lines);
            let read: LineMap = serde_json::from_str(&serde_json::to_string(&map).unwrap()).unwrap();
            for (extraction, source) in lines {
                prop_assert_eq!(map.source_line(extraction), source);
                prop_assert_eq!(read.source_line(extraction), source);
            }
        }
    }
}
