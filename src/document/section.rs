//! Reading TOML with its places: every value is asked for by name and type; what is wrong is noted with line and column
//! while reading goes on; what nobody asked for is unknown.

use super::error::{DocumentError, DocumentErrors};
use super::{LONGEST, sequence};
use crate::values::text::{closest, shorten};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use toml_edit::{Document, Item, TableLike, Value};

/// The most characters of an offending text.
const SHOWN: usize = 60;

/// A document with what was found wrong in it so far.
pub(super) struct Source<'t> {
    text: &'t str,
    document: Document<&'t str>,
    errors: RefCell<Vec<DocumentError>>,
    /// Where an absolute path takes the place of a relative one.
    pub(super) replaced: RefCell<Vec<(Range<usize>, String)>>,
}

impl<'t> Source<'t> {
    /// Reads the syntax; an error there is the only one that is told.
    pub(super) fn parse(text: &'t str) -> Result<Self, DocumentErrors> {
        if text.len() > LONGEST {
            let message = format!("the document has {} bytes; the most is {LONGEST}", text.len());
            return Err(DocumentErrors(vec![DocumentError { line: 1, column: 1, message }]));
        }
        if let Some(line) = text.lines().position(|line| line == sequence::BETWEEN.trim_end()) {
            let message = format!("{:?} separates documents; take this line out", sequence::BETWEEN.trim_end());
            return Err(DocumentErrors(vec![DocumentError { line: line + 1, column: 1, message }]));
        }
        match Document::parse(text) {
            Ok(document) => Ok(Self { text, document, errors: RefCell::default(), replaced: RefCell::default() }),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let (line, column) = place(text, at);
                let offending = text.lines().nth(line - 1).unwrap_or_default().trim();
                let message = format!(
                    "not TOML: {}, in {:?}; correct this line",
                    error.message().trim().replace('\n', ", "),
                    shorten(offending, SHOWN)
                );
                Err(DocumentErrors(vec![DocumentError { line, column, message }]))
            }
        }
    }

    /// The top level.
    pub(super) fn table(&self) -> &dyn TableLike {
        self.document.as_table()
    }

    /// The top level as a section; `title` is what messages call it.
    pub(super) fn root(&self, title: &'static str) -> Section<'_, 't> {
        Section { source: self, table: self.table(), at: 0, title, known: RefCell::default() }
    }

    /// `value`, if nothing was found wrong; otherwise all findings in the order of the document.
    pub(super) fn finish<T>(&self, value: T) -> Result<T, DocumentErrors> {
        let mut errors = self.errors.take();
        errors.sort();
        errors.dedup();
        if errors.is_empty() { Ok(value) } else { Err(DocumentErrors(errors)) }
    }

    /// The text to store: absolute paths in place of relative ones, the last line ended; not another byte changes.
    pub(super) fn to_store(&self) -> String {
        let mut replaced = self.replaced.borrow().clone();
        replaced.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut text = self.text.to_owned();
        for (range, value) in replaced {
            text.replace_range(range, &value);
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    fn note(&self, at: usize, message: String) {
        let (line, column) = place(self.text, at);
        self.errors.borrow_mut().push(DocumentError { line, column, message });
    }
}

/// One table of the document.
pub(super) struct Section<'a, 't> {
    source: &'a Source<'t>,
    table: &'a dyn TableLike,
    at: usize,
    title: &'static str,
    known: RefCell<Vec<&'static str>>,
}

impl<'a, 't> Section<'a, 't> {
    /// What messages call it: `[[connection]]`.
    pub(super) fn title(&self) -> &'static str {
        self.title
    }

    /// Notes an error at the section itself.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.source.note(self.at, message.into());
    }

    /// Notes an error at the value of `key`, or at the section if it is not there.
    pub(super) fn error_at(&self, key: &str, message: impl Into<String>) {
        let at =
            self.table.get_key_value(key).and_then(|(key, item)| start(item).or(key.span().map(|span| span.start)));
        self.source.note(at.unwrap_or(self.at), message.into());
    }

    /// Notes an error at the value number `position` of the list under `key`.
    pub(super) fn error_at_element(&self, key: &str, position: usize, message: impl Into<String>) {
        let element = self.table.get(key).and_then(Item::as_array).and_then(|list| list.get(position));
        match element.and_then(Value::span) {
            Some(span) => self.source.note(span.start, message.into()),
            None => self.error_at(key, message),
        }
    }

    /// How many errors were noted so far, in the whole document.
    pub(super) fn error_count(&self) -> usize {
        self.source.errors.borrow().len()
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Keys as they stand there, for tables whose keys are free.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        self.table.iter().map(|(key, _)| key).collect()
    }

    /// The item under a known key.
    pub(super) fn item(&self, key: &'static str) -> Option<&'a Item> {
        if !self.known.borrow().contains(&key) {
            self.known.borrow_mut().push(key);
        }
        self.table.get(key).filter(|item| !item.is_none())
    }

    /// The item under a key that is free.
    pub(super) fn free_item(&self, key: &str) -> Option<&'a Item> {
        self.table.get(key)
    }

    /// Notes that the value of `key` is not of the wanted kind.
    pub(super) fn wrong(&self, key: &str, wanted: &str, item: &Item) {
        self.error_at(key, format!("{key} takes {wanted}, not {}", shown(item)));
    }

    /// A text that may be absent, but not empty.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let item = self.item(key)?;
        match item.as_str() {
            Some("") => {
                self.error_at(key, format!("{key} is empty; write a text, or leave the key out"));
                None
            }
            Some(text) if text.contains('\0') => {
                self.error_at(key, format!("{key} holds a NUL, which no text here has; take it out"));
                None
            }
            Some(text) => Some(text.to_owned()),
            None => {
                self.wrong(key, "a text in quotes", item);
                None
            }
        }
    }

    /// A text that must be there; empty if it is not, which is noted.
    pub(super) fn required_text(&self, key: &'static str) -> String {
        if !self.has(key) {
            self.item(key);
            self.error(format!("{} needs {key} = \"…\"", self.title));
        }
        self.text(key).unwrap_or_default()
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(item) = self.item(key) else { return default };
        item.as_bool().unwrap_or_else(|| {
            self.wrong(key, "true or false", item);
            default
        })
    }

    /// A whole number in the range.
    pub(super) fn integer(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let item = self.item(key)?;
        let number = item.as_integer().filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(key, &format!("a whole number from {} to {}", range.start(), range.end()), item);
        }
        number
    }

    /// A number in the range, whole or not.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let item = self.item(key)?;
        let number = item.as_float().or_else(|| item.as_integer().map(|whole| whole as f64));
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(key, &format!("a number from {} to {}", range.start(), range.end()), item);
        }
        number
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let item = self.item(key)?;
        let found = item.as_str().and_then(|word| words.iter().find(|(known, _)| *known == word));
        if found.is_none() {
            self.wrong(key, &one_of(words.iter().map(|(word, _)| *word)), item);
        }
        found.map(|(_, value)| *value)
    }

    /// A list of texts, none of them empty; no texts if the key is not there.
    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let texts = item.as_array().map(|list| list.iter().map(Value::as_str).collect::<Vec<_>>());
        match texts.and_then(|texts| texts.into_iter().collect::<Option<Vec<_>>>()) {
            Some(texts) => {
                if let Some(empty) = texts.iter().position(|text| text.is_empty()) {
                    self.error_at_element(key, empty, format!("{key} holds an empty text; write one, or take it out"));
                }
                texts.into_iter().map(str::to_owned).collect()
            }
            None => {
                self.wrong(key, "a list of texts, such as [\"a\", \"b\"]", item);
                Vec::new()
            }
        }
    }

    /// A table below this one: `[thresholds]` or `{ … }`.
    pub(super) fn section(&self, key: &'static str, title: &'static str) -> Option<Section<'a, 't>> {
        let item = self.item(key)?;
        let Some(table) = item.as_table_like() else {
            self.wrong(key, &format!("a table, written {title}"), item);
            return None;
        };
        Some(self.below(table, start(item).or_else(|| self.key_start(key)), title))
    }

    /// Tables below this one: `[[connection]]` or `[{ … }, { … }]`.
    pub(super) fn sections(&self, key: &'static str, title: &'static str) -> Vec<Section<'a, 't>> {
        let Some(item) = self.item(key) else { return Vec::new() };
        if let Some(tables) = item.as_array_of_tables() {
            return tables.iter().map(|table| self.below(table, table.span().map(|span| span.start), title)).collect();
        }
        let inline = item.as_array().map(|list| {
            list.iter()
                .map(|value| Some(self.below(value.as_inline_table()?, value.span().map(|span| span.start), title)))
                .collect::<Option<Vec<_>>>()
        });
        inline.flatten().unwrap_or_else(|| {
            self.wrong(key, &format!("tables, each written {title}"), item);
            Vec::new()
        })
    }

    /// Notes every key that nobody asked for. The last call on a section.
    pub(super) fn close(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(key)) {
            let hint = hint(key, known.iter().copied());
            let message = format!("{key:?} is not a key of {}; {hint}", self.title);
            self.source.note(self.key_start(key).unwrap_or(self.at), message);
        }
    }

    /// Where and with what an absolute path takes the place of the value under `key`.
    pub(super) fn replace(&self, key: &str, text: &str) {
        if let Some(span) = self.table.get(key).and_then(Item::span) {
            self.source.replaced.borrow_mut().push((span, Value::from(text).to_string()));
        }
    }

    fn below(&self, table: &'a dyn TableLike, at: Option<usize>, title: &'static str) -> Section<'a, 't> {
        Section { source: self.source, table, at: at.unwrap_or(self.at), title, known: RefCell::default() }
    }

    fn key_start(&self, key: &str) -> Option<usize> {
        let (key, item) = self.table.get_key_value(key)?;
        key.span().map(|span| span.start).or_else(|| start(item))
    }
}

/// What to say after an unknown name: what was probably meant, or what there is.
pub(super) fn hint<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.collect();
    match closest(word, known.iter().copied()).first() {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("there are {}", known.join(", ")),
    }
}

/// `"a", "b" or "c"`.
pub(super) fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.map(|word| format!("{word:?}")).collect();
    match words.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        words => words.concat(),
    }
}

fn start(item: &Item) -> Option<usize> {
    match item {
        Item::ArrayOfTables(tables) => tables.iter().next().and_then(|table| table.span()),
        item => item.span(),
    }
    .map(|span| span.start)
}

/// The offending text, shortened.
fn shown(item: &Item) -> String {
    match item {
        Item::Table(_) | Item::ArrayOfTables(_) => "a table".to_owned(),
        item => shorten(item.to_string().trim(), SHOWN),
    }
}

/// Line and column of a byte, both from 1, the column in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
