//! XML: records are elements of one name; their values are child elements or attributes. Read element by element in
//! constant memory, without document types: a DOCTYPE, and any entity but the five of XML itself, is a fault.
//!
//! A child element is the column of its name, `outer.inner` for a child's child, `@name` for an attribute of the record
//! where values are elements. Prefixes of namespaces are passed over.

use super::fault::{Fault, characters};
use super::named::NamedRecords;
use super::settings::XmlValues;
use super::window::LARGEST_RECORD;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

/// How deep elements may stand in each other.
const DEEPEST: usize = 64;

/// Which elements are records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// Those of this name, wherever they stand.
    Named(String),
    /// All that stand directly in the root element, whatever they are called.
    Children,
    /// The root element itself: the document is one record.
    Root,
}

/// The record elements of a document.
pub(super) struct XmlRecords<R> {
    reader: Reader<Lines<R>>,
    buffer: Vec<u8>,
    walk: Walk,
}

impl<R: Read> XmlRecords<R> {
    /// `encoding`: what the source was decoded from, if the document's own word on it is to be compared with it.
    pub(super) fn new(source: R, encoding: Option<&'static Encoding>, record: Record, values: XmlValues) -> Self {
        let lines = Lines { inner: BufReader::with_capacity(64 << 10, source), line: 1, column: 1, taken: 0 };
        let walk = Walk {
            record,
            values,
            encoding,
            line: 1,
            column: 1,
            open: Vec::new(),
            rooted: false,
            current: None,
            records: 0,
            other: None,
        };
        Self { reader: Reader::from_reader(lines), buffer: Vec::new(), walk }
    }
}

impl<R: Read> NamedRecords for XmlRecords<R> {
    fn next(&mut self, values: &mut Vec<(String, String)>) -> Result<Option<u64>, Fault> {
        values.clear();
        loop {
            if self.walk.current.is_none() {
                self.reader.get_mut().taken = 0;
            }
            (self.walk.line, self.walk.column) = (self.reader.get_ref().line, self.reader.get_ref().column);
            self.buffer.clear();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(quick_xml::Error::Io(error)) => {
                    let error = Arc::try_unwrap(error).unwrap_or_else(|shared| io::Error::other(shared.to_string()));
                    return Err(error.into());
                }
                Err(error) => return Err(self.walk.fault(format!("is no XML: {error}"))),
            };
            match self.walk.step(event, values)? {
                Step::On => {}
                Step::Record(line) => return Ok(Some(line)),
                Step::End => return Ok(None),
            }
        }
    }
}

/// Where we are in the document.
struct Walk {
    record: Record,
    values: XmlValues,
    encoding: Option<&'static Encoding>,
    /// Where the current event starts.
    line: u64,
    column: u64,
    /// Names of the elements we are in.
    open: Vec<String>,
    /// Whether the root element was seen.
    rooted: bool,
    current: Option<Current>,
    records: u64,
    /// An element within the root that is no record, for the message.
    other: Option<String>,
}

/// The record we are in.
struct Current {
    /// How many elements are open, with its own.
    depth: usize,
    line: u64,
    /// Text of the innermost open element.
    text: String,
    /// Whether the innermost open element has elements of its own; the record itself always counts so.
    parent: bool,
}

enum Step {
    On,
    Record(u64),
    End,
}

impl Walk {
    fn step(&mut self, event: Event<'_>, values: &mut Vec<(String, String)>) -> Result<Step, Fault> {
        match event {
            Event::Start(start) => self.enter(&start, values)?,
            Event::Empty(start) => {
                self.enter(&start, values)?;
                return self.leave(values);
            }
            Event::End(_) => return self.leave(values),
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|_| self.not_utf8())?;
                self.text(&text)?;
            }
            Event::CData(text) => {
                let text = text.xml10_content().map_err(|_| self.not_utf8())?;
                self.text(&text)?;
            }
            Event::GeneralRef(reference) => {
                let text = self.resolve(&reference)?;
                self.text(&text)?;
            }
            Event::DocType(_) => return Err(self.fault("a DOCTYPE is not accepted; write the file without one")),
            Event::Decl(declaration) => self.compare_encoding(&declaration)?,
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return self.end(),
        }
        Ok(Step::On)
    }

    fn enter(&mut self, start: &BytesStart<'_>, values: &mut Vec<(String, String)>) -> Result<(), Fault> {
        let name = std::str::from_utf8(start.local_name().into_inner()).map_err(|_| self.not_utf8())?.to_owned();
        self.no_controls(start, 1)?;
        if self.open.len() == DEEPEST {
            return Err(self.fault(format!("elements stand more than {DEEPEST} deep in each other")));
        }
        if self.open.is_empty() && std::mem::replace(&mut self.rooted, true) {
            return Err(self.fault("a second root element; nothing may follow the end of the document"));
        }
        let attributes = self.attributes(start)?;
        self.open.push(name);
        if let Some(current) = &mut self.current {
            let mixed = !current.text.trim().is_empty();
            current.text.clear();
            current.parent = false;
            return if mixed { Err(self.mixed()) } else { Ok(()) };
        }
        let is_record = match &self.record {
            Record::Named(record) => self.open.last() == Some(record),
            Record::Children => self.open.len() == 2,
            Record::Root => true,
        };
        if !is_record {
            if self.open.len() > 1 {
                self.other.get_or_insert_with(|| self.open.last().cloned().unwrap_or_default());
            }
            return Ok(());
        }
        self.records += 1;
        let sign = if self.values == XmlValues::Elements { "@" } else { "" };
        values.extend(attributes.into_iter().map(|(name, value)| (format!("{sign}{name}"), value)));
        let depth = self.open.len();
        self.current = Some(Current { depth, line: self.line, text: String::new(), parent: true });
        Ok(())
    }

    fn leave(&mut self, values: &mut Vec<(String, String)>) -> Result<Step, Fault> {
        let depth = self.open.len();
        if let Some(current) = &mut self.current {
            let text = std::mem::take(&mut current.text);
            let (parent, line) = (std::mem::replace(&mut current.parent, true), current.line);
            if self.values == XmlValues::Elements {
                if !parent {
                    let column = self.open.get(current.depth..).unwrap_or_default().join(".");
                    values.push((column, text.trim().to_owned()));
                } else if !text.trim().is_empty() {
                    return Err(self.mixed());
                }
            }
            if current.depth == depth {
                self.current = None;
                self.open.pop();
                return Ok(Step::Record(line));
            }
        }
        self.open.pop();
        Ok(Step::On)
    }

    fn attributes(&self, start: &BytesStart<'_>) -> Result<Vec<(String, String)>, Fault> {
        let mut values = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.fault(format!("is no XML: {error}")))?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value = value.map_err(|error| self.fault(format!("is no XML: {error}")))?;
            let key = attribute.key.as_ref();
            if key != b"xmlns" && !key.starts_with(b"xmlns:") {
                let name = std::str::from_utf8(attribute.key.local_name().into_inner()).map_err(|_| self.not_utf8())?;
                values.push((name.to_owned(), value.into_owned()));
            }
        }
        Ok(values)
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        self.no_controls(text.as_bytes(), 0)?;
        match &mut self.current {
            Some(current) => current.text.push_str(text),
            None if self.open.is_empty() && !text.trim_start_matches('\u{feff}').trim().is_empty() => {
                return Err(self.fault("text stands outside of the root element"));
            }
            None => {}
        }
        Ok(())
    }

    /// Refuses characters that XML does not have, `lead` characters after the start of the event.
    fn no_controls(&self, text: &[u8], lead: u64) -> Result<(), Fault> {
        let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
        let Some(at) = text.iter().position(is_control) else { return Ok(()) };
        let before = text.get(..at).unwrap_or_default();
        let (lines, column) = match memchr::memrchr(b'\n', before) {
            Some(end) => (memchr::memchr_iter(b'\n', before).count() as u64, 1 + characters(&before[end + 1..])),
            None => (0, self.column + lead + characters(before)),
        };
        let message = "a control character, which XML does not have".to_owned();
        Err(Fault::At { line: self.line + lines, column, message })
    }

    fn resolve(&self, reference: &BytesRef<'_>) -> Result<String, Fault> {
        let character = reference.resolve_char_ref().map_err(|error| self.fault(format!("is no XML: {error}")))?;
        let name = reference.decode().map_err(|_| self.not_utf8())?;
        match (character, resolve_xml_entity(&name)) {
            (Some(character), _) => Ok(character.to_string()),
            (None, Some(text)) => Ok(text.to_owned()),
            (None, None) => Err(self.fault(format!("the entity &{name}; is not one of XML itself"))),
        }
    }

    fn compare_encoding(&self, declaration: &BytesDecl<'_>) -> Result<(), Fault> {
        let (Some(actual), Some(Ok(label))) = (self.encoding, declaration.encoding()) else { return Ok(()) };
        let is_utf16 = actual == UTF_16LE || actual == UTF_16BE;
        if Encoding::for_label(&label) == Some(actual) || (is_utf16 && label.eq_ignore_ascii_case(b"utf-16")) {
            return Ok(());
        }
        let label = String::from_utf8_lossy(&label).to_lowercase();
        Err(self.fault(format!("the file says that it is written in {label}; set encoding = {label:?}")))
    }

    fn end(&self) -> Result<Step, Fault> {
        if let Some(open) = self.open.last() {
            return Err(self.fault(format!("the file ends here, before the element {open:?} does; it may be cut off")));
        }
        if !self.rooted {
            return Err(Fault::Whole("is empty, without even a root element".into()));
        }
        match &self.other {
            Some(other) if self.records == 0 => {
                let record = if let Record::Named(record) = &self.record { record } else { "" };
                let message = format!("there is no element {record:?} in the file, but there is {other:?}");
                Err(Fault::Whole(format!("{message}; is record = \"…\" right?")))
            }
            _ => Ok(Step::End),
        }
    }

    fn mixed(&self) -> Fault {
        self.fault("text and elements stand side by side in one element of a record")
    }

    fn not_utf8(&self) -> Fault {
        self.fault("a byte is no UTF-8 here; if the file is written in another encoding, set it")
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::At { line: self.line, column: self.column, message: message.into() }
    }
}

/// Counts lines and the bytes of a record as they are consumed.
struct Lines<R> {
    inner: BufReader<R>,
    line: u64,
    column: u64,
    taken: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let taken = ready.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&ready[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: Read> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken > LARGEST_RECORD {
            let message = "this element is longer than 16 MiB; is the file what it should be?".to_owned();
            return Err(Fault::At { line: self.line, column: self.column, message }.into());
        }
        let (line, column) = (self.line, self.column);
        self.inner.fill_buf().map_err(|error| Fault::from(error).at(line, column).into())
    }

    fn consume(&mut self, bytes: usize) {
        let consumed = self.inner.buffer().get(..bytes).unwrap_or_default();
        match memchr::memrchr(b'\n', consumed) {
            Some(end) => {
                self.line += memchr::memchr_iter(b'\n', consumed).count() as u64;
                self.column = 1 + characters(&consumed[end + 1..]);
            }
            None => self.column += characters(consumed),
        }
        self.taken += bytes;
        self.inner.consume(bytes);
    }
}
