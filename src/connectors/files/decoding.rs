//! From the file's encoding to UTF-8, strictly.

use super::fault::{Fault, characters};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{self, Read};

const CHUNK: usize = 64 << 10;

/// A declaration of XML has a version, an encoding and a word more.
const LONGEST_DECLARATION: usize = 256;

/// Text in UTF-8.
pub(super) struct Decoded {
    /// The text.
    pub(super) text: Box<dyn Read>,
    /// What it was decoded from.
    pub(super) encoding: &'static Encoding,
}

/// Text in UTF-8 from a source in `encoding`. A byte order mark wins over it and is taken off. UTF-8 passes unchecked:
/// the readers of records check it and know the place better.
pub(super) fn utf8(source: impl Read + 'static, encoding: Option<&str>) -> io::Result<Decoded> {
    decoded(source, encoding.and_then(|label| Encoding::for_label(label.as_bytes())))
}

/// The same for XML, which says itself how it is written (XML 1.0, 4.3.3): by a byte order mark, or else by its
/// declaration, which stands in ASCII at its very start.
pub(super) fn xml(mut source: impl Read + 'static) -> io::Result<Decoded> {
    let mut start = Vec::with_capacity(LONGEST_DECLARATION);
    source.by_ref().take(LONGEST_DECLARATION as u64).read_to_end(&mut start)?;
    let declared = declared_encoding(&start);
    decoded(io::Cursor::new(start).chain(source), declared)
}

/// The encoding of `<?xml version="1.0" encoding="…"?>`. One that is not known is left to the reader of the document,
/// which names it. A document whose declaration can be read byte by byte is not written in UTF-16, whatever it says.
fn declared_encoding(start: &[u8]) -> Option<&'static Encoding> {
    let declaration = start.strip_prefix(b"<?xml")?;
    let end = memchr::memmem::find(declaration, b"?>")?;
    let declaration = std::str::from_utf8(declaration.get(..end)?).ok()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let label = value.get(1..)?.split(quote).next()?;
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

fn decoded(mut source: impl Read + 'static, encoding: Option<&'static Encoding>) -> io::Result<Decoded> {
    let mut start = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut start)?;
    if start.starts_with(&[0xFF, 0xFE, 0, 0]) || start.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Err(Fault::Whole("is written in UTF-32; write it in UTF-8".into()).into());
    }
    let (encoding, mark) = match Encoding::for_bom(&start) {
        Some(found) => found,
        None => (encoding.unwrap_or(UTF_8), 0),
    };
    start.drain(..mark);
    let source = io::Cursor::new(start).chain(source);
    if encoding == UTF_8 {
        return Ok(Decoded { text: Box::new(source), encoding });
    }
    let text = Box::new(Decoding {
        source,
        decoder: encoding.new_decoder_without_bom_handling(),
        is_utf16: encoding == UTF_16LE || encoding == UTF_16BE,
        raw: Vec::new(),
        raw_from: 0,
        raw_at_end: false,
        text: vec![0; CHUNK * 3],
        ready: 0..0,
        ended: false,
        line: 1,
        column: 1,
    });
    Ok(Decoded { text, encoding })
}

struct Decoding<R> {
    source: R,
    decoder: Decoder,
    is_utf16: bool,
    raw: Vec<u8>,
    raw_from: usize,
    raw_at_end: bool,
    text: Vec<u8>,
    ready: std::ops::Range<usize>,
    ended: bool,
    /// Where the decoded text ends, for messages.
    line: u64,
    column: u64,
}

impl<R: Read> Decoding<R> {
    fn refill(&mut self) -> io::Result<()> {
        if self.raw_from == self.raw.len() && !self.raw_at_end {
            self.raw.clear();
            self.raw_from = 0;
            self.source.by_ref().take(CHUNK as u64).read_to_end(&mut self.raw)?;
            self.raw_at_end = self.raw.is_empty();
        }
        let raw = &self.raw[self.raw_from..];
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, self.raw_at_end);
        self.raw_from += read;
        self.ready = 0..written;
        self.note_place(written);
        match result {
            DecoderResult::InputEmpty => self.ended = self.raw_at_end,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                let message = match self.is_utf16 {
                    true => "is no UTF-16 here: half a character, or an odd number of bytes".to_owned(),
                    false => format!("is no {} here", self.decoder.encoding().name()),
                };
                return Err(Fault::At { line: self.line, column: self.column, message }.into());
            }
        }
        Ok(())
    }

    fn note_place(&mut self, written: usize) {
        let text = &self.text[..written];
        match memchr::memrchr(b'\n', text) {
            Some(end) => {
                self.line += memchr::memchr_iter(b'\n', text).count() as u64;
                self.column = 1 + characters(&text[end + 1..]);
            }
            None => self.column += characters(text),
        }
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            self.refill()?;
        }
        let taken = self.ready.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.text[self.ready.start..self.ready.start + taken]);
        self.ready.start += taken;
        Ok(taken)
    }
}
