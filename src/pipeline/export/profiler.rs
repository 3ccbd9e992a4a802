//! Looks at the values of columns as they pass, in bounded memory and little time.

use crate::model::profile::{ColumnProfile, SKETCH, TableProfile};
use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// All rows up to here are looked at closely …
const CLOSELY: u64 = 50_000;
/// … and every so many after.
const EVERY: u64 = 16;

/// Longer values are neither kept nor have a shape of their own beyond this.
const LONGEST: usize = 64;
const SHAPES: usize = 64;
const COUNTERS: usize = 128;
const TOP: usize = 10;

/// Lengths 1 to 32, then powers of two.
const CLASSES: usize = 32 + 28;

/// 2^11 registers tell the number of distinct values within 2.3 %.
const REGISTER_BITS: u32 = 11;

/// The profile of a table, being made.
pub(super) struct Profiler {
    columns: Vec<Column>,
    rows: u64,
    sampled: u64,
    closely: bool,
    shape: String,
}

struct Column {
    name: String,
    empty: u64,
    registers: Box<[u8]>,
    min_length: u64,
    max_length: u64,
    lengths: [u64; CLASSES],
    shapes: HashMap<String, u64>,
    other_shapes: u64,
    values: HashMap<Vec<u8>, u64>,
    sketch: Vec<u64>,
    foreign: u64,
    garbled: u64,
    questioned: u64,
    date_parts: [u64; 3],
}

impl Profiler {
    pub(super) fn new(columns: &[String]) -> Self {
        let column = |name: &String| Column {
            name: name.clone(),
            empty: 0,
            registers: vec![0; 1 << REGISTER_BITS].into(),
            min_length: u64::MAX,
            max_length: 0,
            lengths: [0; CLASSES],
            shapes: HashMap::new(),
            other_shapes: 0,
            values: HashMap::new(),
            sketch: Vec::with_capacity(SKETCH),
            foreign: 0,
            garbled: 0,
            questioned: 0,
            date_parts: [0; 3],
        };
        let columns = columns.iter().map(column).collect();
        Self { columns, rows: 0, sampled: 0, closely: true, shape: String::new() }
    }

    pub(super) fn begin_row(&mut self) {
        self.closely = self.rows < CLOSELY || self.rows.is_multiple_of(EVERY);
        self.rows += 1;
        self.sampled += u64::from(self.closely);
    }

    /// A value of the row that was begun.
    pub(super) fn value(&mut self, position: usize, value: &[u8]) {
        let column = &mut self.columns[position];
        if value.is_empty() {
            column.empty += 1;
            return;
        }
        let hash = xxh3_64(value);
        let register = &mut column.registers[(hash >> (64 - REGISTER_BITS)) as usize];
        *register = (*register).max(((hash << REGISTER_BITS) | 1).leading_zeros() as u8 + 1);
        column.keep(hash >> 16);
        if self.closely {
            column.look(value, &mut self.shape);
        }
    }

    pub(super) fn finish(self, rows: u64) -> TableProfile {
        let sampled = self.sampled;
        let columns = self.columns.into_iter().map(|column| column.finish(rows, sampled)).collect();
        TableProfile { rows, sampled, columns }
    }
}

impl Column {
    /// Keeps the least hashes. Once there are enough, next to no value passes the first comparison.
    fn keep(&mut self, hash: u64) {
        let is_full = self.sketch.len() == SKETCH;
        if is_full && self.sketch.last().is_some_and(|largest| hash >= *largest) {
            return;
        }
        if let Err(position) = self.sketch.binary_search(&hash) {
            if is_full {
                self.sketch.pop();
            }
            self.sketch.insert(position, hash);
        }
    }

    fn look(&mut self, value: &[u8], shape: &mut String) {
        let length = value.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        self.min_length = self.min_length.min(length);
        self.max_length = self.max_length.max(length);
        self.lengths[class_of(length)] += 1;

        if !value.is_ascii() {
            self.foreign += 1;
            self.garbled += u64::from(is_garbled(value));
        }
        self.questioned += u64::from(value.contains(&b'?'));

        shape_of(value, shape);
        if is_like_a_date(shape.as_bytes()) {
            let groups = value.split(|byte| !byte.is_ascii_digit()).filter(|group| !group.is_empty());
            for (largest, group) in self.date_parts.iter_mut().zip(groups) {
                let number = group.iter().take(9).fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
                *largest = (*largest).max(number);
            }
        }
        let has_room = self.shapes.len() < SHAPES;
        match self.shapes.get_mut(shape.as_str()) {
            Some(count) => *count += 1,
            None if has_room => {
                self.shapes.insert(shape.clone(), 1);
            }
            None => self.other_shapes += 1,
        }

        // Misra and Gries: whatever stands in more than one of 128 rows is found, its count never too high.
        let has_room = self.values.len() < COUNTERS;
        match self.values.get_mut(value) {
            Some(count) => *count += 1,
            None if value.len() > LONGEST || value.contains(&0) => {}
            None if has_room => {
                self.values.insert(value.to_vec(), 1);
            }
            None => self.values.retain(|_, count| {
                *count -= 1;
                *count > 0
            }),
        }
    }

    fn finish(self, rows: u64, sampled: u64) -> ColumnProfile {
        let lengths = self.lengths.iter().enumerate().filter(|(_, count)| **count > 0);
        let lengths = lengths.map(|(class, count)| (least_of(class), *count)).collect();
        let mut shapes = most_frequent(self.shapes.into_iter().collect());
        if self.other_shapes > 0 {
            shapes.push(("…".to_owned(), self.other_shapes));
        }
        // A value that few records have says nothing of the column, and much of a person.
        let rare = (sampled / 100).max(1);
        let values = self.values.into_iter().filter(|(_, count)| *count > rare);
        let values = values.map(|(value, count)| (String::from_utf8_lossy(&value).into_owned(), count)).collect();
        ColumnProfile {
            name: self.name,
            empty: self.empty,
            // An estimate; that there are no more values than records is certain.
            distinct: distinct(&self.registers).min(rows.saturating_sub(self.empty)),
            min_length: if self.min_length == u64::MAX { 0 } else { self.min_length },
            max_length: self.max_length,
            lengths,
            shapes,
            top: most_frequent(values),
            sketch: self.sketch,
            foreign: self.foreign,
            garbled: self.garbled,
            questioned: self.questioned,
            date_parts: self.date_parts,
        }
    }
}

fn most_frequent(mut counts: Vec<(String, u64)>) -> Vec<(String, u64)> {
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(TOP);
    counts
}

fn class_of(length: u64) -> usize {
    match length {
        0..=32 => length.saturating_sub(1) as usize,
        _ => (32 + (length - 1).ilog2() as usize - 5).min(CLASSES - 1),
    }
}

fn least_of(class: usize) -> u64 {
    match class {
        0..32 => class as u64 + 1,
        _ => (1 << (class - 32 + 5)) + 1,
    }
}

/// The shape of a value (see `ColumnProfile::shapes`); of a long one, that of its beginning.
fn shape_of(value: &[u8], shape: &mut String) {
    shape.clear();
    let beginning = &value[..value.len().min(LONGEST)];
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default(),
    };
    let mut before = '\0';
    for c in text.chars() {
        let class = match c {
            '0'..='9' => 'd',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            c if c.is_ascii_punctuation() => c,
            c if c.is_lowercase() => 'a',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'x',
            c if c.is_whitespace() => ' ',
            c if c.is_numeric() => 'd',
            c => c,
        };
        if class != before || !matches!(class, 'a' | 'A' | 'x' | ' ') {
            shape.push(class);
        }
        before = class;
    }
    if value.len() > LONGEST {
        shape.push('…');
    }
}

/// Whether a shape begins with one or two, or with four digits and what stands between the parts of a date.
fn is_like_a_date(shape: &[u8]) -> bool {
    let digits = shape.iter().take_while(|class| **class == b'd').count();
    matches!(digits, 1 | 2 | 4)
        && shape.get(digits).is_some_and(|class| matches!(class, b'.' | b'/' | b'-'))
        && shape.get(digits + 1) == Some(&b'd')
}

/// UTF-8 that was read as Latin-1 or Windows-1252 and written as UTF-8 again: the first byte of two or three, as the
/// letter it is there, and what the other bytes are there; or what stands for bytes that could not be read.
fn is_garbled(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return true };
    let mut wanted = 0;
    for letter in text.chars() {
        // Letters that Windows-1252 has in this place are left out: they follow others in Czech names.
        let continues = matches!(letter, '\u{80}'..='\u{bf}' | '\u{2013}'..='\u{2122}' | '\u{2c6}' | '\u{2dc}');
        wanted = match (continues, wanted, letter) {
            (_, _, '\u{fffd}') | (true, 1, _) => return true,
            (true, 2, _) => 1,
            (false, _, '\u{c2}'..='\u{df}') => 1,
            (false, _, '\u{e0}'..='\u{ef}') => 2,
            _ => 0,
        };
    }
    false
}

/// HyperLogLog (Flajolet and others, 2007) with its correction for few values.
fn distinct(registers: &[u8]) -> u64 {
    let size = registers.len() as f64;
    let unseen = registers.iter().filter(|register| **register == 0).count() as f64;
    let sum: f64 = registers.iter().map(|register| 2f64.powi(-i32::from(*register))).sum();
    let estimate = 0.7213 / (1.0 + 1.079 / size) * size * size / sum;
    if estimate <= 2.5 * size && unseen > 0.0 {
        return (size * (size / unseen).ln()).round() as u64;
    }
    estimate.round() as u64
}

#[cfg(test)]
mod tests;
