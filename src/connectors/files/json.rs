//! JSON: an array of objects, read object by object in constant memory.
//!
//! A member of an object within the record is the column `outer.inner`; an array of plain values is several values;
//! anything deeper is handed on as JSON text. Numbers keep the digits they were written with.

use super::fault::Fault;
use super::named::NamedRecords;
use super::window::{LARGEST_RECORD, Window};
use serde::de::IgnoredAny;
use std::io::Read;

/// How deep objects may stand in each other.
const DEEPEST: usize = 64;

/// The objects of an array.
pub(super) struct JsonRecords<R> {
    window: Window<R>,
    state: State,
    /// The objects that stand around the array, from without: what a member would be called in each that leads to
    /// records as well.
    around: Vec<[String; 2]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the object that is the whole document.
    One,
    /// After the opening bracket.
    First,
    /// After an object.
    Later,
    /// After everything.
    Ended,
}

impl<R: Read> JsonRecords<R> {
    /// Goes to the array: the whole document, or what stands at `path`: the key of a member of the object that is the
    /// document, or several with dots between them, one within the other.
    pub(super) fn begin(source: R, path: Option<&str>) -> Result<Self, Fault> {
        let mut records = Self { window: Window::new(source), state: State::First, around: Vec::new() };
        let mut rest = path;
        while let Some(path) = rest {
            records.take(b'{', "an object that holds the array of records")?;
            let first = path.split_once('.').map_or(path, |(first, _)| first);
            records.around.push([path.to_owned(), first.to_owned()]);
            rest = records.find_member(path)?;
        }
        records.take(b'[', "an array of objects")?;
        Ok(records)
    }

    /// The whole document is one record.
    pub(super) fn of_one(source: R) -> Self {
        Self { window: Window::new(source), state: State::One, around: Vec::new() }
    }

    /// The next byte that is no white space, in sight at the start of the window; `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let data = self.window.data();
            let blank = data.iter().take_while(|byte| is_space(**byte)).count();
            let found = data.get(blank).copied();
            self.window.pass(blank);
            if found.is_some() || self.window.is_at_end() {
                return Ok(found);
            }
            self.window.more()?;
        }
    }

    fn take(&mut self, byte: u8, what: &str) -> Result<(), Fault> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.window.pass(1);
                Ok(())
            }
            Some(_) => Err(self.window.fault(0, format!("here should begin {what}: {:?}", char::from(byte)))),
            None => Err(self.cut_off()),
        }
    }

    fn cut_off(&self) -> Fault {
        self.window.fault(0, "the file ends here, before the JSON does; it may be cut off")
    }

    /// Brings a whole value in sight and gives its length; its syntax is checked.
    fn value(&mut self) -> Result<usize, Fault> {
        self.peek()?.ok_or_else(|| self.cut_off())?;
        let length = loop {
            match value_length(self.window.data(), self.window.is_at_end()) {
                Some(length) => break length,
                None if self.window.is_at_end() => return Err(self.cut_off()),
                None if self.window.data().len() >= LARGEST_RECORD => {
                    return Err(self
                        .window
                        .fault(0, "this value is longer than 16 MiB; is the file what it should be?"));
                }
                None => self.window.more()?,
            }
        };
        match check(&self.window.data()[..length]) {
            Ok(()) => Ok(length),
            Err((at, message)) => Err(self.window.fault(at, message)),
        }
    }

    /// Goes to the value of the member that `path` leads to, and gives the rest of the way from there. A member that is
    /// called like the whole path is meant as well.
    fn find_member<'p>(&mut self, path: &'p str) -> Result<Option<&'p str>, Fault> {
        let first = path.split_once('.');
        loop {
            let length = self.value()?;
            let name = serde_json::from_slice::<String>(&self.window.data()[..length]);
            let name = name.map_err(|_| {
                self.window.fault(0, format!("there is no member {path:?} that leads to an array of records"))
            })?;
            self.window.pass(length);
            self.take(b':', "the member's value")?;
            if name == path {
                return Ok(None);
            }
            if let Some((_, rest)) = first.filter(|(first, _)| *first == name) {
                return Ok(Some(rest));
            }
            let length = self.value()?;
            self.window.pass(length);
            self.take(b',', &format!("the next member; {path:?} did not come yet"))?;
        }
    }

    /// After the array: what may follow is checked, so that a cut or a second array is noticed.
    fn end(&mut self) -> Result<(), Fault> {
        while let Some(names) = self.around.pop() {
            while self.peek()? == Some(b',') {
                self.window.pass(1);
                if !matches!(self.peek()?, None | Some(b'"')) {
                    return Err(self.window.fault(0, "here should begin the name of a member: '\"'"));
                }
                let length = self.value()?;
                let name = serde_json::from_slice::<String>(&self.window.data()[..length]).unwrap_or_default();
                if names.contains(&name) {
                    let message = format!("the name {name:?}, where the records stand, stands twice in one object");
                    return Err(self.window.fault(0, message));
                }
                self.window.pass(length);
                self.take(b':', "the member's value")?;
                let length = self.value()?;
                self.window.pass(length);
            }
            self.take(b'}', "the end of the object around the records")?;
        }
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.window.fault(0, "nothing may follow the end of the JSON document")),
        }
    }
}

impl<R: Read> NamedRecords for JsonRecords<R> {
    fn next(&mut self, values: &mut Vec<(String, String)>) -> Result<Option<u64>, Fault> {
        values.clear();
        match (self.state, self.peek()?) {
            (State::Ended, _) => return Ok(None),
            (State::First | State::Later, Some(b']')) => {
                self.window.pass(1);
                self.state = State::Ended;
                self.end()?;
                return Ok(None);
            }
            (State::Later, _) => self.take(b',', "the next record")?,
            (State::First | State::One, _) => {}
        }
        let is_only = self.state == State::One;
        self.state = if is_only { State::Ended } else { State::Later };
        let length = self.value()?;
        let line = self.window.line();
        let record = &self.window.data()[..length];
        if record.first() != Some(&b'{') {
            return Err(self.window.fault(0, "here should be a record: an object"));
        }
        // It was checked to be JSON, which is UTF-8.
        let text = std::str::from_utf8(record).unwrap_or_default();
        flatten(text, values).map_err(|message| self.window.fault(0, message))?;
        self.window.pass(length);
        if is_only {
            self.end()?;
        }
        Ok(Some(line))
    }
}

/// White space as JSON has it: a form feed is none.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The length of the JSON value that `data` begins with; `None`: it goes on beyond. Its syntax is not looked at.
fn value_length(data: &[u8], at_end: bool) -> Option<usize> {
    match data.first()? {
        b'{' | b'[' | b'"' => {}
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':') || byte.is_ascii_whitespace();
            return data.iter().position(ends).or(at_end.then_some(data.len())).map(|length| length.max(1));
        }
    }
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match data.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => loop {
                at += 1 + memchr::memchr2(b'"', b'\\', data.get(at + 1..)?)?;
                match data[at] {
                    b'\\' => at += 1,
                    _ => break,
                }
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Whether `data` is one JSON value; where it is none, and why.
pub(super) fn check(data: &[u8]) -> Result<(), (usize, String)> {
    // Not asked of values that are passed over.
    if let Err(error) = std::str::from_utf8(data) {
        let at = error.valid_up_to();
        let message = format!(
            "the byte 0x{:02X} is no UTF-8 here; if the file is written in another encoding, set it, such as encoding = \
             \"windows-1252\"",
            data[at]
        );
        return Err((at, message));
    }
    serde_json::from_slice::<IgnoredAny>(data).map(drop).map_err(|error| {
        let at = if error.is_eof() { data.len() } else { offset_of(data, error.line(), error.column()) };
        // The place that the error names itself is one within the value.
        let message = error.to_string();
        (at, format!("is no JSON: {}", message.split(" at line ").next().unwrap_or_default()))
    })
}

/// Puts the members of a valid JSON object among the values.
pub(super) fn flatten(object: &str, values: &mut Vec<(String, String)>) -> Result<(), String> {
    flatten_within(object, "", 1, values)
}

fn flatten_within(object: &str, prefix: &str, depth: usize, values: &mut Vec<(String, String)>) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("objects stand more than {DEEPEST} deep in each other in this record"));
    }
    let mut names: Vec<String> = Vec::new();
    for (name, value) in Members::of(object) {
        if names.contains(&name) {
            return Err(format!("the name {name:?} stands twice in one object"));
        }
        let column = format!("{prefix}{name}");
        match value.as_bytes().first() {
            Some(b'{') => flatten_within(value, &format!("{column}."), depth + 1, values)?,
            Some(b'[') => {
                let items: Vec<&str> = Members::items(value).collect();
                match items.iter().all(|item| !item.starts_with(['{', '['])) {
                    true => values.extend(items.into_iter().map(|item| (column.clone(), plain(item)))),
                    false => values.push((column, value.to_owned())),
                }
            }
            _ => values.push((column, plain(value))),
        }
        names.push(name);
    }
    Ok(())
}

/// A plain value as text: a string's characters, a number's digits, nothing for null.
fn plain(value: &str) -> String {
    match value {
        "null" => String::new(),
        value if value.starts_with('"') => serde_json::from_str(value).unwrap_or_default(),
        value => value.to_owned(),
    }
}

/// Walks over a JSON object or array that is known to be valid.
struct Members<'a> {
    rest: &'a str,
}

impl<'a> Members<'a> {
    fn of(object: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        let mut members = Self { rest: object.get(1..).unwrap_or_default() };
        std::iter::from_fn(move || {
            let name = plain(members.value()?);
            Some((name, members.value()?))
        })
    }

    fn items(array: &'a str) -> impl Iterator<Item = &'a str> {
        let mut members = Self { rest: array.get(1..).unwrap_or_default() };
        std::iter::from_fn(move || members.value())
    }

    fn value(&mut self) -> Option<&'a str> {
        let between = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ':' | '}' | ']');
        let rest = self.rest.trim_start_matches(between);
        let length = value_length(rest.as_bytes(), true)?;
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(value)
    }
}

/// The offset of a line and column of an error within `data`.
fn offset_of(data: &[u8], line: usize, column: usize) -> usize {
    let line_start = match line.checked_sub(2) {
        Some(before) => memchr::memchr_iter(b'\n', data).nth(before).map_or(0, |end| end + 1),
        None => 0,
    };
    (line_start + column.saturating_sub(1)).min(data.len())
}
