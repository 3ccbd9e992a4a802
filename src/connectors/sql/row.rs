//! A row on its way to the extraction: all its values as text in one buffer, used again for the next row.

use std::ops::Range;

/// The values of one row. It never prints itself: they are of persons.
#[derive(Default)]
pub struct Row {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    /// Forgets the values.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Adds a value: what this writes.
    pub fn push_with<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        write(&mut self.text)?;
        self.ends.push(self.text.len());
        Ok(())
    }

    /// Adds a value.
    pub fn push(&mut self, value: &[u8]) {
        self.text.extend_from_slice(value);
        self.ends.push(self.text.len());
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A value; empty if there is none.
    pub fn value(&self, column: usize) -> &[u8] {
        self.place(column).and_then(|place| self.text.get(place)).unwrap_or_default()
    }

    /// The first values.
    pub fn first(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        (0..count).map(|column| self.value(column))
    }

    /// The values as texts.
    pub fn texts(&self) -> Vec<String> {
        self.first(self.len()).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    fn place(&self, column: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(column)?;
        let start = column.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        Some(start..end)
    }
}
