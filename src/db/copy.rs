//! COPY … FROM STDIN in PostgreSQL's binary format, on a connection and a thread of its own.
//!
//! The format: <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>. A row is the number of its
//! fields (16 bits), then each field's length (32 bits, -1 for null) and bytes, all big-endian.

use diesel::pg::{CopyFormat, CopyTarget, PgConnection};
use diesel::prelude::ExecuteCopyFromDsl;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const BUFFER: usize = 256 * 1024;

enum Message {
    Rows(Vec<u8>),
    End,
}

type Copied = Result<PgConnection, diesel::result::Error>;

/// A COPY under way. Dropped without [`CopyIn::finish`], it is taken back whole.
pub struct CopyIn {
    buffer: Vec<u8>,
    rows: u64,
    sender: SyncSender<Message>,
    /// None once it has ended before its time.
    thread: Option<JoinHandle<Copied>>,
}

impl CopyIn {
    /// Begins a COPY into `table` (all of its columns in order), as the connection's search path resolves its name.
    pub fn start<T>(mut connection: PgConnection, table: T) -> Self
    where
        T: CopyTarget<Table = T> + diesel::Table + Copy + Send + 'static,
    {
        // Two buffers under way: one waiting, one being sent, while the caller fills a third.
        let (sender, receiver) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            copy(&mut connection, table, &receiver)?;
            Ok(connection)
        });
        let mut buffer = Vec::with_capacity(BUFFER + BUFFER / 4);
        buffer.extend_from_slice(SIGNATURE);
        Self { buffer, rows: 0, sender, thread: Some(thread) }
    }

    /// Begins a row of `fields` fields; the caller writes exactly that many. Fails if the COPY has failed meanwhile, with
    /// the reason that the database gave.
    pub fn row(&mut self, fields: i16) -> diesel::QueryResult<Row<'_>> {
        if self.buffer.len() >= BUFFER {
            let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(BUFFER + BUFFER / 4));
            // The thread is gone only if the COPY has failed.
            if self.sender.send(Message::Rows(full)).is_err() {
                return Err(ended(self.thread.take()).err().unwrap_or_else(unexpected));
            }
        }
        self.rows += 1;
        self.buffer.extend_from_slice(&fields.to_be_bytes());
        Ok(Row(&mut self.buffer))
    }

    /// Rows begun so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the COPY and gives the connection back.
    pub fn finish(mut self) -> Copied {
        self.buffer.extend_from_slice(&TRAILER);
        // A failed send means the COPY has failed: the thread's result says why.
        let _ = self.sender.send(Message::Rows(std::mem::take(&mut self.buffer)));
        let _ = self.sender.send(Message::End);
        drop(self.sender);
        ended(self.thread)
    }
}

fn ended(thread: Option<JoinHandle<Copied>>) -> Copied {
    thread.and_then(|thread| thread.join().ok()).unwrap_or_else(|| Err(unexpected()))
}

fn unexpected() -> diesel::result::Error {
    diesel::result::Error::SerializationError("the thread of a COPY ended unexpectedly".into())
}

/// Runs a COPY of rows that fit in memory on the caller's own connection, inside its transaction.
pub fn copy_rows<T>(connection: &mut PgConnection, table: T, rows: RowBuffer) -> diesel::QueryResult<()>
where
    T: CopyTarget<Table = T> + diesel::Table + Copy,
{
    let (sender, receiver) = sync_channel(2);
    let mut bytes = rows.0;
    bytes.extend_from_slice(&TRAILER);
    // The channel holds both messages, so neither send waits.
    let _ = sender.send(Message::Rows(bytes));
    let _ = sender.send(Message::End);
    copy(connection, table, &receiver)
}

fn copy<T>(connection: &mut PgConnection, table: T, receiver: &Receiver<Message>) -> diesel::QueryResult<()>
where
    T: CopyTarget<Table = T> + diesel::Table + Copy,
{
    diesel::copy_from(table)
        .from_raw_data(table, |stream| forward(receiver, stream))
        .with_format(CopyFormat::Binary)
        .execute(connection)?;
    Ok(())
}

fn forward(receiver: &Receiver<Message>, stream: &mut dyn Write) -> Result<(), diesel::result::Error> {
    loop {
        match receiver.recv() {
            Ok(Message::Rows(bytes)) => {
                stream.write_all(&bytes).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
            }
            Ok(Message::End) => return Ok(()),
            // The caller gave up: an error makes PostgreSQL throw the whole COPY away.
            Err(_) => return Err(diesel::result::Error::RollbackTransaction),
        }
    }
}

/// Rows gathered for [`copy_rows`].
pub struct RowBuffer(Vec<u8>);

impl Default for RowBuffer {
    fn default() -> Self {
        Self(SIGNATURE.to_vec())
    }
}

impl RowBuffer {
    /// Begins a row of `fields` fields; the caller writes exactly that many.
    pub fn row(&mut self, fields: i16) -> Row<'_> {
        self.0.extend_from_slice(&fields.to_be_bytes());
        Row(&mut self.0)
    }

    /// Whether no row was begun.
    pub fn is_empty(&self) -> bool {
        self.0.len() == SIGNATURE.len()
    }
}

/// The fields of one row, in the order of the target's columns.
pub struct Row<'a>(&'a mut Vec<u8>);

impl Row<'_> {
    /// `integer`.
    pub fn int4(&mut self, value: i32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    /// `integer` or null.
    pub fn int4_or_null(&mut self, value: Option<i32>) -> &mut Self {
        match value {
            Some(value) => self.int4(value),
            None => self.null(),
        }
    }

    /// `bigint`.
    pub fn int8(&mut self, value: i64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    /// `bigint` or null.
    pub fn int8_or_null(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.int8(value),
            None => self.null(),
        }
    }

    /// `boolean`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.field(&[u8::from(value)])
    }

    /// `text`.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.field(value.as_bytes())
    }

    /// `text` or null.
    pub fn text_or_null(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// `uuid`, as 128 bits, or null.
    pub fn uuid_or_null(&mut self, value: Option<u128>) -> &mut Self {
        match value {
            Some(value) => self.field(&value.to_be_bytes()),
            None => self.null(),
        }
    }

    /// `date`: days since 2000-01-01.
    pub fn date(&mut self, value: chrono::NaiveDate) -> &mut Self {
        const EPOCH_2000: chrono::NaiveDate = match chrono::NaiveDate::from_ymd_opt(2000, 1, 1) {
            Some(day) => day,
            None => chrono::NaiveDate::MIN,
        };
        let days = value.signed_duration_since(EPOCH_2000).num_days();
        self.int4(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// `timestamptz`: microseconds since 2000-01-01.
    pub fn timestamptz(&mut self, value: chrono::DateTime<chrono::Utc>) -> &mut Self {
        const EPOCH_2000: i64 = 946_684_800_000_000;
        self.int8(value.timestamp_micros() - EPOCH_2000)
    }

    /// `jsonb` from JSON text.
    pub fn jsonb(&mut self, json: &[u8]) -> &mut Self {
        self.length(json.len() + 1);
        self.0.push(1);
        self.0.extend_from_slice(json);
        self
    }

    /// `jsonb` or null.
    pub fn jsonb_or_null(&mut self, json: Option<&[u8]>) -> &mut Self {
        match json {
            Some(json) => self.jsonb(json),
            None => self.null(),
        }
    }

    /// Null of any type.
    pub fn null(&mut self) -> &mut Self {
        self.0.extend_from_slice(&(-1_i32).to_be_bytes());
        self
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    fn length(&mut self, bytes: usize) {
        // Values are bounded by the mapping, far below 2 GiB; PostgreSQL refuses a field that claims to be longer.
        let length = i32::try_from(bytes).unwrap_or(i32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
    }
}
