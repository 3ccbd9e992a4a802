//! Documents from the command line: files, folders of them, or stdin.

use super::Refusal;
use crate::document::{self, Document, DocumentErrors};
use anyhow::Context as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A checked document and where it came from.
pub(super) struct Input {
    /// What messages call it.
    pub place: String,
    /// What it says.
    pub document: Document,
}

/// Reads and checks all documents: `*.toml` of folders, `-` or nothing at all for stdin. If anything is wrong in any of
/// them, everything that is wrong in all of them is told, each as `file:line:column: message`.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let mut texts = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            texts.push(from_stdin()?);
        } else if path.is_dir() {
            texts.extend(documents_in(path)?.iter().map(|file| from_file(file)).collect::<anyhow::Result<Vec<_>>>()?);
        } else {
            texts.push(from_file(path)?);
        }
    }
    if paths.is_empty() {
        texts.push(from_stdin()?);
    }
    let mut inputs = Vec::new();
    let mut wrong = Vec::new();
    for Text { place, folder, text } in texts {
        for (first_line, document) in document::split(&text) {
            match document::parse(document, Some(&folder)) {
                Ok(document) => inputs.push(Input { place: place.clone(), document }),
                Err(DocumentErrors(mut errors)) => {
                    errors.iter_mut().for_each(|error| error.line += first_line - 1);
                    wrong.push(DocumentErrors(errors).in_file(&place));
                }
            }
        }
    }
    wrong.extend(twice(&inputs));
    if wrong.is_empty() { Ok(inputs) } else { Err(Refusal::failed(wrong.join("\n")).into()) }
}

struct Text {
    place: String,
    folder: PathBuf,
    text: String,
}

fn from_stdin() -> anyhow::Result<Text> {
    let folder = std::env::current_dir().context("the current directory is gone; change to another")?;
    Ok(Text { place: "stdin".to_owned(), folder, text: bounded(std::io::stdin().lock(), "stdin")? })
}

fn from_file(path: &Path) -> anyhow::Result<Text> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Refusal::not_found(format!("{place}: there is no such file")),
        _ => Refusal::failed(format!("{place}: can't be read: {error}")),
    })?;
    let absolute = std::path::absolute(path)?;
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Text { text: bounded(file, &place)?, place, folder })
}

/// The documents of a folder in the order of their names; folders below it are not looked into.
fn documents_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let place = folder.display();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{place}: can't be read"))? {
        let path = entry.with_context(|| format!("{place}: can't be read"))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Refusal::not_found(format!("{place}: there is no document (*.toml) in this folder")).into());
    }
    Ok(files)
}

/// Many documents may come by stdin, but not without end.
fn bounded(source: impl Read, place: &str) -> anyhow::Result<String> {
    const MOST: u64 = 64 << 20;
    let mut bytes = Vec::new();
    source.take(MOST + 1).read_to_end(&mut bytes).with_context(|| format!("{place}: can't be read"))?;
    if bytes.len() as u64 > MOST {
        return Err(Refusal::failed(format!("{place}: longer than {MOST} bytes; this is no document")).into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        Refusal::failed(format!("{place}:{line}: not UTF-8; save the document as UTF-8")).into()
    })
}

/// What names each document: applying two of one name would let the order decide.
fn twice(inputs: &[Input]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (position, input) in inputs.iter().enumerate() {
        let first = inputs[..position].iter().find(|other| other.document.subject() == input.document.subject());
        if let Some(first) = first {
            let subject = input.document.subject();
            wrong.push(format!("{}: {subject} stands in {} already; keep one of them", input.place, first.place));
        }
    }
    wrong
}
