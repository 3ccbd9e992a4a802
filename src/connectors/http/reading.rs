//! The proof that a list was read to its end, page by page: no record twice, none left out, as many as the service says
//! there are.

use crate::connectors::{ConnectionError, SourceEnd};
use crate::values::digest::Digest;
use std::collections::HashSet;

/// What pages have given so far.
#[derive(Default)]
pub struct Reading {
    seen: HashSet<u128>,
    /// The sum of the digests of what records are known by.
    set: Digest,
    total: Option<u64>,
    records: u64,
    pages: u64,
    /// The record that the next page must begin with.
    overlap: Option<u128>,
    last: Option<u128>,
    of_page: u64,
}

/// Why pages can't be taken for the whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Doubt {
    /// What does not fit.
    pub message: String,
    /// Whether it may fit next time.
    pub transient: bool,
}

impl Doubt {
    /// What changed while it was read.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), transient: true }
    }

    /// What stays until somebody changes something.
    pub fn lasting(message: impl Into<String>) -> Self {
        Self { message: message.into(), transient: false }
    }

    /// As an error of that place.
    pub fn at(self, place: &str) -> ConnectionError {
        ConnectionError { place: place.to_owned(), message: self.message, transient: self.transient }
    }
}

impl Reading {
    /// A page begins. `total`: how many records there are in all, as it says.
    pub fn page(&mut self, total: Option<u64>) -> Result<(), Doubt> {
        match (self.total, total) {
            (Some(before), Some(now)) if before != now => {
                return Err(Doubt::passing(format!(
                    "the service said there are {before} records, and now {now}: they changed while they were read. \
                     Try again when less is going on"
                )));
            }
            (Some(before), None) if self.pages > 0 => {
                return Err(Doubt::lasting(format!(
                    "the first page said there are {before} records, and this one does not say"
                )));
            }
            _ => self.total = total,
        }
        self.pages += 1;
        self.of_page = 0;
        Ok(())
    }

    /// A record, known by what is in all pages its own; `None`: by nothing. Returns whether it is a new one, and not the
    /// one that pages overlap by.
    pub fn record(&mut self, identity: Option<Digest>) -> Result<bool, Doubt> {
        self.of_page += 1;
        if let Some(expected) = self.overlap.take() {
            return match identity {
                Some(Digest(found)) if found == expected => Ok(false),
                _ => Err(Doubt::passing(
                    "this page does not go on where the one before it ended: records came or went while they were read, \
                     or the service gives them in another order each time. Try again when less is going on",
                )),
            };
        }
        if let Some(digest) = identity {
            if !self.seen.insert(digest.0) {
                return Err(Doubt::passing(
                    "a record came twice: the service does not page as it should, or records moved from page to page \
                     while they were read",
                ));
            }
            self.set += digest;
        }
        self.last = identity.map(|digest| digest.0);
        self.records += 1;
        match self.total {
            Some(total) if self.records > total => {
                Err(Doubt::lasting(format!("the service says there are {total} records, but gives more")))
            }
            _ => Ok(true),
        }
    }

    /// The next page is asked to begin with the last record again. Returns whether that makes sense: a page of one record
    /// would never get on.
    pub fn expect_overlap(&mut self) -> bool {
        self.overlap = self.last.filter(|_| self.of_page > 1);
        self.overlap.is_some()
    }

    /// Nothing more is to come: what came must be all there is.
    pub fn finish(&mut self) -> Result<(), Doubt> {
        match self.total {
            None if self.overlap.is_some() => Err(Doubt::passing(
                "the record that this page was to begin with is gone: records went while they were read. Try again when \
                 less is going on",
            )),
            Some(total) if total != self.records => Err(Doubt::passing(format!(
                "the service says there are {total} records, but gave only {}",
                self.records
            ))),
            _ => Ok(()),
        }
    }

    /// Whether as many came as there are.
    pub fn is_complete(&self) -> bool {
        self.total == Some(self.records)
    }

    /// How many records there are in all, as the pages say.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Records read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Pages read.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Records on the page that is being read, an overlap included.
    pub fn of_page(&self) -> u64 {
        self.of_page
    }

    /// The sum of the digests of what records are known by.
    pub fn set(&self) -> Digest {
        self.set
    }

    /// How the end was reached: `last` is what the last page said.
    pub fn end(&self, last: &str) -> SourceEnd {
        let (pages, records) = (self.pages, self.records);
        let total = self.total.map(|total| format!(", as many as there are ({total})")).unwrap_or_default();
        let words =
            format!("{last} after {pages} {} with {records} records{total}", if pages == 1 { "page" } else { "pages" });
        let figures = [("pages", Some(pages)), ("records", Some(records)), ("total", self.total)];
        let figures = figures.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?.into())));
        SourceEnd { words, figures: figures.collect() }
    }
}

/// The digest of what a record is known by.
pub fn identity<'a>(fields: impl Iterator<Item = &'a str>) -> Digest {
    Digest::of_fields(0, fields.map(str::as_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(number: usize) -> Option<Digest> {
        Some(identity([number.to_string().as_str()].into_iter()))
    }

    #[test]
    fn a_total_must_stay_and_be_reached() {
        let mut reading = Reading::default();
        reading.page(Some(2)).unwrap();
        assert!(reading.record(of(1)).unwrap());
        assert!(!reading.is_complete());
        assert!(reading.finish().unwrap_err().message.contains("gave only 1"));
        assert!(reading.page(Some(3)).unwrap_err().transient);
        assert!(reading.page(None).unwrap_err().message.contains("does not say"));
        reading.page(Some(2)).unwrap();
        reading.record(of(2)).unwrap();
        assert!(reading.is_complete() && reading.finish().is_ok());
        assert!(reading.record(of(3)).unwrap_err().message.contains("gives more"));
    }

    #[test]
    fn a_page_that_should_overlap_and_is_empty_is_no_end() {
        let mut reading = Reading::default();
        reading.page(None).unwrap();
        reading.record(of(1)).unwrap();
        reading.record(of(2)).unwrap();
        assert!(reading.finish().is_ok());
        assert!(reading.expect_overlap());
        reading.page(None).unwrap();
        assert!(reading.finish().unwrap_err().transient);
    }

    proptest! {
        /// Whoever pages by position and overlap notices every deletion before the place where he is.
        #[test]
        fn a_shift_is_noticed(count in 4_usize..60, size in 2_usize..9, deleted in 0_usize..60, after in 1_usize..30) {
            let mut records: Vec<usize> = (0..count).collect();
            let (mut reading, mut at, mut pages) = (Reading::default(), 0, 0);
            let mut read = Vec::new();
            let outcome = loop {
                let page: Vec<usize> = records.iter().copied().skip(at).take(size).collect();
                reading.page(None).unwrap();
                let result: Result<Vec<bool>, Doubt> = page.iter().map(|record| reading.record(of(*record))).collect();
                match result {
                    Ok(new) => read.extend(page.iter().zip(new).filter(|(_, new)| *new).map(|(record, _)| *record)),
                    Err(doubt) => break Err(doubt),
                }
                if page.len() < size {
                    break Ok(());
                }
                at += page.len();
                if reading.expect_overlap() {
                    at -= 1;
                }
                pages += 1;
                if pages == after && deleted < records.len() {
                    records.remove(deleted);
                }
            };
            if outcome.is_ok() {
                for record in records {
                    prop_assert!(read.contains(&record), "{record} was missed");
                }
            }
        }
    }
}
