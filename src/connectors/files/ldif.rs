//! LDIF (RFC 2849): entries of a directory, or changes of them.
//!
//! The DN is the column `dn`, an attribute that of its name, options included (`cn;lang-en`); case does not matter.
//! Values in base64 leave as text where they are text, otherwise as base64, and so do all values of attributes that hold
//! bytes. Values that stand elsewhere (`<` and an address) are a fault: nothing is fetched.

mod changes;
mod lines;

use super::fault::Fault;
use super::named::NamedRecords;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lines::{Lines, Next};
use std::collections::HashMap;
use std::io::Read;

/// The column of the distinguished name.
const DN: &str = "dn";

/// Attributes whose values are bytes, and now and then happen to be text: they always leave as base64.
const BYTES: &[&str] = &[
    "guid",
    "jpegphoto",
    "logonhours",
    "ms-ds-consistencyguid",
    "msexchmailboxguid",
    "objectguid",
    "objectsid",
    "photo",
    "sidhistory",
    "thumbnaillogo",
    "thumbnailphoto",
    "usercertificate",
    "userpkcs12",
    "usersmimecertificate",
];

/// The records of a file.
pub(super) struct LdifRecords<R> {
    lines: Lines<R>,
    columns: Columns,
    /// What the column with the command is called, in a file of changes.
    command: Option<String>,
    is_begun: bool,
}

/// One line: a name and what it stands for.
struct Pair {
    /// As it stands there.
    name: String,
    value: Vec<u8>,
    /// Where the value begins in its line.
    at: usize,
}

impl<R: Read> LdifRecords<R> {
    /// `declared`: the columns that are asked for; `None`: all. `command`: the file holds changes, and their command goes
    /// into the column of this name.
    pub(super) fn new(source: R, declared: Option<&[String]>, command: Option<&str>) -> Self {
        let columns = Columns {
            spelled: declared.into_iter().flatten().map(|name| (name.to_lowercase(), name.clone())).collect(),
            are_declared: declared.is_some(),
        };
        Self { lines: Lines::new(source), columns, command: command.map(str::to_owned), is_begun: false }
    }

    /// Goes to the first line of the next record, past what says the file's version.
    fn begin_record(&mut self) -> Result<bool, Fault> {
        loop {
            match self.lines.next()? {
                Next::End => return Ok(false),
                Next::Blank => {}
                Next::Line if !std::mem::replace(&mut self.is_begun, true) && self.passes_version()? => {}
                Next::Line => return Ok(true),
            }
        }
    }

    fn passes_version(&self) -> Result<bool, Fault> {
        let pair = self.pair()?;
        match (pair.name.eq_ignore_ascii_case("version"), pair.value.as_slice()) {
            (true, b"1") => Ok(true),
            (true, _) => Err(self.lines.fault(pair.at, "is LDIF of another version; only version 1 is read")),
            (false, _) => Ok(false),
        }
    }

    /// The current line taken apart.
    fn pair(&self) -> Result<Pair, Fault> {
        let text = self.lines.text();
        let Some((name, rest)) = text.split_once(':') else {
            return Err(self.lines.fault(0, "here should stand a name, a colon and a value"));
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_');
        if let Some(wrong) = name.find(|c| !allowed(c)) {
            return Err(self.lines.fault(wrong, "no name of an attribute has such a character"));
        }
        if name.is_empty() {
            return Err(self.lines.fault(0, "here should stand the name of an attribute"));
        }
        let filled = |rest: &str| rest.len() - rest.trim_start_matches(' ').len();
        let (value, at) = match rest.as_bytes().first() {
            Some(b':') => {
                let at = name.len() + 2 + filled(&rest[1..]);
                let value = STANDARD.decode(text[at..].trim_end_matches(' '));
                (value.map_err(|error| self.lines.fault(at, format!("is no base64: {error}")))?, at)
            }
            Some(b'<') => {
                let message = "the value stands elsewhere, and nothing is fetched; write it into the file, in base64";
                return Err(self.lines.fault(name.len() + 1, message));
            }
            _ => {
                let at = name.len() + 1 + filled(rest);
                (text.as_bytes()[at..].to_vec(), at)
            }
        };
        Ok(Pair { name: name.to_owned(), value, at })
    }

    /// The DN that a record begins with.
    fn dn(&self) -> Result<String, Fault> {
        let pair = self.pair()?;
        match pair.name.to_ascii_lowercase().as_str() {
            DN => {}
            "search" | "result" => {
                let message = "is what ldapsearch says of the search itself; call it with -LLL";
                return Err(self.lines.fault(0, message));
            }
            "version" => return Err(self.lines.fault(0, "the version stands at the beginning of the file, once")),
            _ => return Err(self.lines.fault(0, "a record begins with its dn; a blank line ends the one before")),
        }
        String::from_utf8(pair.value).map_err(|_| self.lines.fault(pair.at, "this dn is no text"))
    }

    /// The attributes of an entry, from the current line to the end of the record.
    fn attributes(&mut self, values: &mut Vec<(String, String)>) -> Result<(), Fault> {
        loop {
            let pair = self.pair()?;
            self.no_second_dn(&pair)?;
            values.push((self.columns.named(&pair.name), as_text(&pair.name, pair.value)));
            if self.lines.next()? != Next::Line {
                return Ok(());
            }
        }
    }

    fn no_second_dn(&self, pair: &Pair) -> Result<(), Fault> {
        match pair.name.eq_ignore_ascii_case(DN) {
            true => Err(self.lines.fault(0, "a second dn in one record; a blank line stands between two records")),
            false => Ok(()),
        }
    }

    /// The rest of an entry of a file that is read whole.
    fn entry(&mut self, values: &mut Vec<(String, String)>) -> Result<(), Fault> {
        if self.lines.next()? != Next::Line {
            return Ok(());
        }
        let pair = self.pair()?;
        if pair.name.eq_ignore_ascii_case("changetype") {
            // As some tools write whole directories.
            if !pair.value.eq_ignore_ascii_case(b"add") {
                let message = "is a change, and this file is read whole; a file of changes is the table's delta_file";
                return Err(self.lines.fault(0, message));
            }
            if self.lines.next()? != Next::Line {
                return Ok(());
            }
        }
        self.attributes(values)
    }
}

impl<R: Read> NamedRecords for LdifRecords<R> {
    fn next(&mut self, values: &mut Vec<(String, String)>) -> Result<Option<u64>, Fault> {
        loop {
            values.clear();
            if !self.begin_record()? {
                return Ok(None);
            }
            let line = self.lines.number();
            let dn = self.dn()?;
            values.push((self.columns.named(DN), dn));
            let Some(command) = self.command.clone() else {
                self.entry(values)?;
                return Ok(Some(line));
            };
            if let Some(word) = self.change(values)? {
                values.push((command, word.to_owned()));
                return Ok(Some(line));
            }
        }
    }
}

/// How columns are written: as the table asks for them, otherwise as they first came.
struct Columns {
    spelled: HashMap<String, String>,
    are_declared: bool,
}

impl Columns {
    fn named(&mut self, name: &str) -> String {
        let lower = name.to_lowercase();
        if let Some(spelled) = self.spelled.get(&lower) {
            return spelled.clone();
        }
        if !self.are_declared {
            self.spelled.insert(lower, name.to_owned());
        }
        name.to_owned()
    }

    /// Whether anybody asks for it.
    fn matters(&self, name: &str) -> bool {
        !self.are_declared || self.spelled.contains_key(&name.to_lowercase())
    }
}

/// A value as it leaves.
fn as_text(name: &str, value: Vec<u8>) -> String {
    let lower = name.to_ascii_lowercase();
    let attribute = lower.split(';').next().unwrap_or_default();
    let is_bytes = BYTES.contains(&attribute) || lower.split(';').skip(1).any(|option| option == "binary");
    match String::from_utf8(value) {
        Ok(text) if !is_bytes && !text.contains('\0') => text,
        Ok(text) => STANDARD.encode(text),
        Err(error) => STANDARD.encode(error.into_bytes()),
    }
}
