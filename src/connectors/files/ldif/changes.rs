//! Records that say what has changed, as commands: add is insert, delete is delete, modify is merge.
//!
//! A change counts only as far as the file alone tells what is there afterwards. What replaces all values of an attribute,
//! or removes them all, says so; values added to others, or taken from among them, do not, and are a fault that says what
//! to do. What concerns no column of the table is passed over.

use super::{Columns, DN, LdifRecords, Next, as_text};
use crate::connectors::files::fault::Fault;
use std::io::Read;

/// What an attribute's values are after a change.
struct Changed {
    name: String,
    values: Vec<String>,
}

/// What a part of a modification does with an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Add,
    Delete,
    Replace,
}

impl<R: Read> LdifRecords<R> {
    /// The rest of a change, after its dn; `None`: it concerns nothing that is asked for.
    pub(super) fn change(&mut self, values: &mut Vec<(String, String)>) -> Result<Option<&'static str>, Fault> {
        if self.lines.next()? != Next::Line {
            return Err(self
                .lines
                .fault(0, "this record ends after its dn, without a changetype; is the file cut off?"));
        }
        let pair = self.pair()?;
        match pair.name.to_ascii_lowercase().as_str() {
            "changetype" => {}
            "control" => {
                let message = "this change asks the directory for more than it says (control); what comes of it can't be \
                               told from the file: run a complete run";
                return Err(self.lines.fault(0, message));
            }
            _ => {
                let message = "a file of changes says changetype after the dn; is this a complete file? Then name it as \
                               the table's file";
                return Err(self.lines.fault(0, message));
            }
        }
        match pair.value.to_ascii_lowercase().as_slice() {
            b"add" => {
                if self.lines.next()? == Next::Line {
                    self.attributes(values)?;
                }
                Ok(Some("insert"))
            }
            b"delete" => {
                self.needs_dn()?;
                self.ends()?;
                Ok(Some("delete"))
            }
            b"modify" => self.modify(values),
            b"modrdn" | b"moddn" => self.rename(),
            _ => Err(self.lines.fault(pair.at, "is no changetype; there are add, delete, modify, modrdn and moddn")),
        }
    }

    fn modify(&mut self, values: &mut Vec<(String, String)>) -> Result<Option<&'static str>, Fault> {
        let mut all: Vec<Changed> = Vec::new();
        while self.lines.next()? == Next::Line {
            self.part(&mut all)?;
        }
        if all.is_empty() {
            return Ok(None);
        }
        for changed in all {
            match changed.values.is_empty() {
                true => values.push((changed.name, String::new())),
                false => values.extend(changed.values.into_iter().map(|value| (changed.name.clone(), value))),
            }
        }
        Ok(Some("merge"))
    }

    /// One part of a modification, from the line that says what is done to the one with a hyphen.
    fn part(&mut self, all: &mut Vec<Changed>) -> Result<(), Fault> {
        let pair = self.pair()?;
        let part = match pair.name.to_ascii_lowercase().as_str() {
            "add" => Part::Add,
            "delete" => Part::Delete,
            "replace" => Part::Replace,
            _ => return Err(self.lines.fault(0, "here should stand add, delete or replace, and an attribute")),
        };
        let attribute = String::from_utf8_lossy(&pair.value).trim_end().to_owned();
        let matters = self.columns.matters(&attribute);
        if matters {
            self.needs_dn()?;
        }
        // Before the lines that follow take its place.
        let untold = self.lines.fault(0, untold(part, &attribute));
        let mut given = Vec::new();
        loop {
            if self.lines.next()? != Next::Line {
                return Err(self
                    .lines
                    .fault(0, "this modification does not end with a line of one hyphen; is it cut off?"));
            }
            if self.lines.text() == "-" {
                break;
            }
            let pair = self.pair()?;
            if !pair.name.eq_ignore_ascii_case(&attribute) {
                let message = format!("here should stand a value of {attribute:?}, or a line of one hyphen");
                return Err(self.lines.fault(0, message));
            }
            given.push(as_text(&pair.name, pair.value));
        }
        if !matters {
            return Ok(());
        }
        let name = self.columns.named(&attribute);
        let known = all.iter_mut().find(|changed| changed.name == name);
        match (part, known) {
            (Part::Replace, Some(known)) => known.values = given,
            (Part::Replace, None) => all.push(Changed { name, values: given }),
            (Part::Delete, Some(known)) if given.is_empty() => known.values.clear(),
            (Part::Delete, None) if given.is_empty() => all.push(Changed { name, values: given }),
            (Part::Delete, Some(known)) => known.values.retain(|value| !given.contains(value)),
            (Part::Add, Some(known)) => known.values.extend(given),
            (Part::Add | Part::Delete, None) => return Err(untold),
        }
        Ok(())
    }

    fn rename(&mut self) -> Result<Option<&'static str>, Fault> {
        let at = self.lines.fault(
            0,
            "renames an entry: what becomes of it can't be told from the file alone; run a complete run, or have the \
             source write a delete and an add",
        );
        let mut rdns = Vec::new();
        while self.lines.next()? == Next::Line {
            let pair = self.pair()?;
            match pair.name.to_ascii_lowercase().as_str() {
                "newrdn" => rdns.push(String::from_utf8_lossy(&pair.value).into_owned()),
                "deleteoldrdn" | "newsuperior" => {}
                _ => return Err(self.lines.fault(0, "here should stand newrdn, deleteoldrdn or newsuperior")),
            }
        }
        let names_nothing = |columns: &Columns| {
            let attributes =
                rdns.iter().flat_map(|rdn| rdn.split('+')).map(|part| part.split('=').next().unwrap_or_default());
            !columns.matters(DN) && attributes.map(str::trim).all(|attribute| !columns.matters(attribute))
        };
        match rdns.len() == 1 && names_nothing(&self.columns) {
            true => Ok(None),
            false => Err(at),
        }
    }

    fn needs_dn(&self) -> Result<(), Fault> {
        match self.columns.matters(DN) {
            true => Ok(()),
            false => {
                let message = "a change tells its entry by the DN alone, and the column dn is not mapped: make dn the key, \
                               or run complete runs";
                Err(self.lines.fault(0, message))
            }
        }
    }

    fn ends(&mut self) -> Result<(), Fault> {
        match self.lines.next()? {
            Next::Line => Err(self.lines.fault(0, "nothing may follow changetype: delete in its record")),
            Next::Blank | Next::End => Ok(()),
        }
    }
}

fn untold(part: Part, attribute: &str) -> String {
    let does = if part == Part::Add { "adds values to" } else { "takes values from" };
    format!(
        "{does} {attribute:?}, and which others it has can't be told from the file alone; have the source write replace \
         with all values, or run a complete run"
    )
}
