//! Makes the indexes of one file while its rows pass.

use super::{KEYED, OUT_OF_SCOPE, PairReader, Readers, SEVERAL, SIGNATURE, key_digest, owner_digest, pair_digest};
use super::{pair_seed, pairs_version, rows_version};
use crate::model::association::AssociationDefinition;
use crate::model::extraction::FileIndex;
use crate::pipeline::mapping::{CompiledProperty, Mapper, reader_of};
use crate::store::{Store, StoreError, StoreWriter};
use csv::StringRecord;
use std::io::{self, Write};

/// How many entries are looked at before an index of pairs that are not sorted by owner is given up …
const TRIED: u64 = 50_000;
/// … which is when an entry does not stand for this many pairs: reading it would take as long as reading the file.
const WORTH: u64 = 2;
/// Entries are written in pieces of this size.
const BUFFER: usize = 64 << 10;

/// One index, being made.
pub struct Indexer {
    scope: String,
    version: String,
    path: String,
    subject: Subject,
    output: StoreWriter,
    buffer: Vec<u8>,
}

enum Subject {
    Rows(Box<Mapper>),
    Pairs {
        key: Box<CompiledProperty>,
        seed: u64,
        columns: [usize; 2],
        /// The owner as it stands in the file, and what is known of its pairs so far.
        owner: String,
        sequence: Option<Sequence>,
        entries: u64,
        pairs: u64,
    },
}

struct Sequence {
    key: Option<u128>,
    sum: u128,
    rows: u64,
    bytes: u64,
    lines: u64,
}

impl Indexer {
    /// One for each reader of `source_table`, whose header row takes `header_bytes` and ends before `first_line`. A
    /// mapping that does not fit the header gets none: prepare says what is wrong with it.
    pub fn all(
        readers: &Readers,
        store: &Store,
        source_table: &str,
        path: &str,
        header: &[String],
        [header_bytes, first_line]: [u64; 2],
    ) -> Result<Vec<Self>, StoreError> {
        let mut subjects = Vec::new();
        for definition in readers.entity_types.iter().filter(|one| one.source.0 == source_table) {
            if let Ok(mapper) = Mapper::new(definition, &columns_of(&readers.associations), header) {
                let version = rows_version(mapper.version());
                subjects.push((definition.name.clone(), version, Subject::Rows(Box::new(mapper))));
            }
        }
        for association in &readers.associations {
            let Some(pairs) = readers.pairs(association, source_table) else { continue };
            if let Some((version, subject)) = subject_of_pairs(&pairs, header) {
                subjects.push((association.name.clone(), version, subject));
            }
        }
        let mut made = Vec::new();
        for (number, (scope, version, subject)) in subjects.into_iter().enumerate() {
            let path = format!("{path}.{number}.index");
            let output = store.writer(&path)?;
            let mut buffer = SIGNATURE.to_vec();
            buffer.extend(header_bytes.to_le_bytes());
            buffer.extend(first_line.to_le_bytes());
            made.push(Self { scope, version, path, subject, output, buffer });
        }
        Ok(made)
    }

    /// A row that takes so many bytes and lines of the file. `false`: it is not worth going on, and nothing stays.
    pub fn row(&mut self, row: &StringRecord, bytes: u64, lines: u64) -> io::Result<bool> {
        match &mut self.subject {
            Subject::Rows(mapper) => {
                let key = mapper.key(row).ok().flatten().map(|key| key_digest(&key));
                let digest = mapper.digest(row).0.max(1);
                // What `where` stumbles over is looked at, as are rows in scope.
                let out_of_scope = matches!(mapper.in_scope(row), Ok(false));
                let flags = if out_of_scope { OUT_OF_SCOPE } else { 0 };
                write_entry(&mut self.buffer, flags, key, digest, 1, bytes, lines);
            }
            Subject::Pairs { key, seed, columns: [from, to], owner, sequence, entries, pairs } => {
                let of = row.get(*from).unwrap_or_default();
                let digest = pair_digest(*seed, row.get(*to).unwrap_or_default());
                *pairs += 1;
                match sequence {
                    Some(sequence) if owner == of => {
                        sequence.sum = sequence.sum.wrapping_add(digest);
                        sequence.rows += 1;
                        sequence.bytes += bytes;
                        sequence.lines += lines;
                    }
                    _ => {
                        if let Some(done) = sequence.take() {
                            done.write(&mut self.buffer);
                            *entries += 1;
                        }
                        owner.clear();
                        owner.push_str(of);
                        let key = owner_digest(key, of);
                        *sequence = Some(Sequence { key, sum: digest, rows: 1, bytes, lines });
                        if *entries == TRIED && *pairs < TRIED * WORTH {
                            return Ok(false);
                        }
                    }
                }
            }
        }
        if self.buffer.len() >= BUFFER {
            self.output.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(true)
    }

    /// Seals it.
    pub fn seal(mut self) -> Result<FileIndex, StoreError> {
        if let Subject::Pairs { sequence: Some(last), .. } = &self.subject {
            last.write(&mut self.buffer);
        }
        let written = self.output.write_all(&self.buffer);
        written.map_err(|source| StoreError::Io { location: self.path.clone(), source })?;
        let sealed = self.output.finish()?;
        let Self { scope, version, path, .. } = self;
        Ok(FileIndex { scope, version, path, sha256: sealed.sha256, bytes: sealed.bytes })
    }
}

/// The associations whose column a mapper digests: one with several values has left the export as pairs.
pub(crate) fn columns_of(associations: &[AssociationDefinition]) -> Vec<&AssociationDefinition> {
    associations.iter().filter(|one| one.cardinality.is_single_valued() || one.expression.is_some()).collect()
}

fn subject_of_pairs(pairs: &PairReader<'_>, header: &[String]) -> Option<(String, Subject)> {
    let position = |column: &str| header.iter().position(|name| name == column);
    let columns = match pairs.from_column {
        "" => [0, 1],
        from => [position(from)?, position(pairs.to_column)?],
    };
    let subject = Subject::Pairs {
        key: Box::new(reader_of(pairs.from, None)?),
        seed: pair_seed(pairs.association),
        columns,
        owner: String::new(),
        sequence: None,
        entries: 0,
        pairs: 0,
    };
    Some((pairs_version(pairs.association, pairs.from, columns), subject))
}

impl Sequence {
    fn write(&self, buffer: &mut Vec<u8>) {
        write_entry(buffer, 0, self.key, self.sum, self.rows, self.bytes, self.lines);
    }
}

fn write_entry(buffer: &mut Vec<u8>, flags: u8, key: Option<u128>, digest: u128, rows: u64, bytes: u64, lines: u64) {
    let flags = flags | if key.is_some() { KEYED } else { 0 } | if rows > 1 { SEVERAL } else { 0 };
    buffer.push(flags);
    if let Some(key) = key {
        buffer.extend(key.to_le_bytes());
    }
    buffer.extend(digest.to_le_bytes());
    if rows > 1 {
        write_number(buffer, rows);
    }
    write_number(buffer, bytes);
    write_number(buffer, lines);
}

fn write_number(buffer: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}
