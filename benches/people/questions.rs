//! What is asked, kind by kind, and what each answer has to hold: the persons it is about, and nobody else.

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, Utc};
use muster::values::text::simplify;
use muster::web::paging::{Cursor, PAGE};
use serde_json::Value;

use crate::answer::Answer;
use crate::desk::Desk;
use crate::figures::Figures;
use crate::sample::{Sample, Someone};

/// The kinds, in the order in which they are asked.
const KINDS: [&str; 29] = [
    "list first",
    "list deep",
    "list next",
    "list current deep",
    "list past",
    "list blocked",
    "list type",
    "search name",
    "search names",
    "search person",
    "search mail",
    "search key",
    "search other script",
    "search two letters",
    "search nothing",
    "search many",
    "search current",
    "search type",
    "profile",
    "profile then",
    "profile why",
    "profile received",
    "groups first",
    "group",
    "api list",
    "api find",
    "api search",
    "api user",
    "api changes",
];

/// What finds a great many.
const MANY: [&str; 6] = ["example.com", "example", "u0", "e0", "com", "00"];

/// What an answer has to hold.
enum Must {
    /// A list of which each row has all these words, and one row at least. `named` is among them, if it is a name;
    /// `full`: there are more than a page holds.
    Rows { with: Vec<String>, named: Option<String>, full: bool },
    /// A full page of the list by user name, that begins so.
    Begin(String),
    /// Nobody.
    Nobody,
    /// A page that says all this.
    Say(Vec<String>),
    /// A list of the API: so many, each with these words, and this user name among them.
    Items { count: std::ops::RangeInclusive<usize>, with: Vec<String>, named: Option<String> },
}

/// Questions without end.
pub struct Questions<'s> {
    people: &'s [Someone],
    ids: Vec<i64>,
    groups: Vec<(i64, String)>,
    between: DateTime<Utc>,
    /// The page that a reader has come to who turns one after the other, and whom it must begin after.
    turned: (String, String),
    place: String,
    asked: usize,
}

impl<'s> Questions<'s> {
    /// Learns the ids of the people. `between`: a moment between the two days.
    pub fn prepare(desk: &Desk, sample: &'s Sample, between: DateTime<Utc>) -> Result<Self> {
        let people = &sample.people;
        let mut ids = Vec::with_capacity(people.len());
        for someone in people {
            let found = desk.json(&format!("/users?field=user_name&value={}", someone.login))?;
            let id = found["items"][0]["id"].as_i64();
            ids.push(id.with_context(|| format!("the user {} is not there", someone.login))?);
        }
        let listed = desk.json("/groups?limit=200")?;
        let groups = listed["items"].as_array().context("groups")?.iter();
        let groups: Vec<(i64, String)> =
            groups.filter_map(|one| Some((one["id"].as_i64()?, one["name"].as_str()?.to_owned()))).collect();
        let place = desk.json("/user-changes?limit=1")?["next"].as_str().context("a place")?.to_owned();
        Ok(Self { people, ids, groups, between, turned: (String::new(), String::new()), place, asked: 0 })
    }

    /// One question of each kind.
    pub fn round(&mut self, desk: &Desk, figures: &mut Figures) -> Result<()> {
        for _ in KINDS {
            self.next(desk, figures)?;
        }
        Ok(())
    }

    /// The next question.
    pub fn next(&mut self, desk: &Desk, figures: &mut Figures) -> Result<()> {
        let (kind, turn) = (KINDS[self.asked % KINDS.len()], self.asked / KINDS.len());
        self.asked += 1;
        let Some((path, must)) = self.question(kind, turn) else { return Ok(()) };
        let (took, answer) = if kind.starts_with("api") { desk.api(&path)? } else { desk.page(&path)? };
        figures.add(kind, took);
        if let Err(wrong) = must.hold(&answer) {
            figures.note_wrong(kind, &path, &wrong);
        }
        match kind {
            "list next" => {
                let last = answer.rows().pop().and_then(|row| login(&row));
                self.turned = (answer.next().unwrap_or_default(), last.unwrap_or_default());
            }
            "api changes" => {
                let said: Value = serde_json::from_str(&answer.text)?;
                // Round about, so that there is always something to read.
                let more = said["more"].as_bool() == Some(true);
                self.place = said["next"].as_str().filter(|_| more).unwrap_or("0-0").to_owned();
            }
            _ => {}
        }
        Ok(())
    }

    /// Where it is asked, and what the answer must hold.
    fn question(&self, kind: &str, turn: usize) -> Option<(String, Must)> {
        let number = turn % self.people.len();
        let (someone, id) = (&self.people[number], self.ids[number]);
        let those = |suits: fn(&Someone) -> bool| {
            self.people.iter().cycle().skip(number).take(self.people.len()).find(|someone| suits(someone))
        };
        let begin = || Must::Begin(someone.next_login.clone());
        Some(match kind {
            "list first" => ("/users".into(), Must::Begin("u0000000".into())),
            "list deep" => (format!("/users?after={}", after(&someone.login)), begin()),
            "list next" => match self.turned.0.as_str() {
                "" => ("/users".into(), Must::Begin("u0000000".into())),
                next => (next.to_owned(), Must::Begin(following(&self.turned.1))),
            },
            "list current deep" => {
                (format!("/users?state=current&after={}", after(&someone.login)), Must::list(&["current"]))
            }
            "list past" => ("/users?state=past".into(), Must::list(&["past"])),
            "list blocked" => ("/users?state=blocked".into(), Must::list(&["blocked"])),
            "list type" => ("/users?type=staff".into(), Must::list(&[])),
            "search name" => {
                let someone = those(Someone::is_latin)?;
                let part = part(if turn.is_multiple_of(2) { &someone.surname } else { &someone.given_name });
                (search(&part), Must::rows(&[&part]))
            }
            "search names" => {
                let someone = those(Someone::is_latin)?;
                let (given, surname) = (part(&someone.given_name), part(&someone.surname));
                (search(&format!("{surname} {given}")), Must::rows(&[&given, &surname]))
            }
            "search person" => {
                let words = simplify(&format!("{} {} {}", someone.given_name, someone.surname, someone.login));
                (search(&words), Must::named(&[&someone.login], someone))
            }
            "search mail" => {
                let mail = someone.mail.split('@').next().unwrap_or_default();
                let part: String = mail.chars().skip(1).take(mail.len() - 2).collect();
                (search(&part), Must::named(&[&part], someone))
            }
            "search key" => (search(&someone.employee_id), Must::named(&[], someone)),
            "search other script" => {
                let someone = those(Someone::is_of_another_script)?;
                let (given, surname) = (simplify(&someone.given_name), simplify(&someone.surname));
                (search(&format!("{given} {surname}")), Must::rows(&[&given, &surname]))
            }
            "search two letters" => {
                let someone = those(Someone::is_latin)?;
                let two: String = simplify(&someone.surname).chars().take(2).collect();
                let two = two.trim_end_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
                (search(&two), Must::rows(&[&two]))
            }
            // Its pieces are there, together they are not.
            "search nothing" => {
                let other = &self.people[(number + 1) % self.people.len()];
                (search(&simplify(&format!("{}{}x", someone.surname, other.given_name))), Must::Nobody)
            }
            "search many" => {
                let many = MANY[turn % MANY.len()];
                (search(many), Must::Rows { with: Vec::new(), named: None, full: true })
            }
            "search current" => {
                let part = part(&those(Someone::is_latin)?.surname);
                (format!("{}&state=current", search(&part)), Must::rows(&[&part, "current"]))
            }
            "search type" => {
                let part = part(&those(Someone::is_latin)?.surname);
                (format!("{}&type=staff", search(&part)), Must::rows(&[&part]))
            }
            "profile" => (format!("/users/{id}"), Must::say(&[&someone.login, &someone.mail, &someone.surname])),
            "profile then" => {
                let moment = self.between.to_rfc3339_opts(SecondsFormat::Millis, true);
                (format!("/users/{id}?as_of={moment}"), Must::say(&[&someone.login, &someone.mail, "current"]))
            }
            "profile why" => (format!("/users/{id}/why?field=mail"), Must::say(&[&someone.mail])),
            "profile received" => {
                // Whoever has left is fed by nobody.
                let stays = (number..).map(|number| number % self.people.len()).find(|one| self.people[*one].stays)?;
                let (someone, id) = (&self.people[stays], self.ids[stays]);
                (format!("/users/{id}/received"), Must::say(&[&someone.employee_id, &someone.mail, &someone.login]))
            }
            "groups first" => ("/groups".into(), Must::list(&["staff"])),
            "group" => {
                let (id, name) = self.groups.get(turn % self.groups.len().max(1))?;
                (format!("/groups/{id}"), Must::say(&[name, "u0"]))
            }
            "api list" => (
                format!("/users?limit=100&after={id}"),
                Must::Items { count: 100..=100, with: Vec::new(), named: None },
            ),
            "api find" => (
                format!("/users?field=mail&value={}", encoded(&someone.mail)),
                Must::Items { count: 1..=1, with: vec![simplify(&someone.mail)], named: Some(someone.login.clone()) },
            ),
            "api search" => {
                let part = part(&those(Someone::is_latin)?.surname);
                (format!("/users?search={part}"), Must::Items { count: 1..=100, with: vec![part], named: None })
            }
            "api user" => (
                format!("/users/{id}"),
                Must::Say(vec![simplify(&someone.login), simplify(&someone.mail), simplify(&someone.employee_id)]),
            ),
            "api changes" => (
                format!("/user-changes?limit=100&after={}", self.place),
                Must::Items { count: 1..=100, with: Vec::new(), named: None },
            ),
            _ => return None,
        })
    }
}

impl Must {
    fn rows(with: &[&str]) -> Self {
        let with = with.iter().map(|word| simplify(word)).collect();
        Must::Rows { with, named: None, full: false }
    }

    fn list(with: &[&str]) -> Self {
        Self::rows(with)
    }

    fn named(with: &[&str], someone: &Someone) -> Self {
        let with = with.iter().map(|word| simplify(word)).collect();
        Must::Rows { with, named: Some(simplify(&someone.login)), full: false }
    }

    fn say(words: &[&str]) -> Self {
        Must::Say(words.iter().map(|word| simplify(word)).collect())
    }

    /// What is wrong with an answer, if anything is.
    fn hold(&self, answer: &Answer) -> Result<(), String> {
        if answer.status != 200 {
            return Err(format!("status {}: {:.200}", answer.status, answer.said()));
        }
        match self {
            Must::Rows { with, named, full } => {
                let rows = answer.rows();
                if rows.is_empty() {
                    return Err("nobody is found".into());
                }
                if *full && (rows.len() < PAGE || answer.next().is_none()) {
                    return Err(format!("{} rows, and no more", rows.len()));
                }
                for row in &rows {
                    if let Some(word) = with.iter().find(|word| !row.contains(word.as_str())) {
                        return Err(format!("a row without {word}: {row}"));
                    }
                }
                match named {
                    Some(name) if !rows.iter().any(|row| row.contains(name)) => Err(format!("{name} is not there")),
                    _ => Ok(()),
                }
            }
            Must::Begin(name) => {
                let rows = answer.rows();
                let first = rows.first().and_then(|row| login(row));
                match first.as_ref() == Some(name) && rows.len() == PAGE {
                    true => Ok(()),
                    false => Err(format!("{} rows from {first:?} on, not from {name}", rows.len())),
                }
            }
            Must::Nobody => match answer.rows().is_empty() && answer.said().contains("no user matches") {
                true => Ok(()),
                false => Err("somebody is found".into()),
            },
            Must::Say(words) => {
                let said = answer.said();
                match words.iter().find(|word| !said.contains(word.as_str())) {
                    Some(word) => Err(format!("it does not say {word}")),
                    None => Ok(()),
                }
            }
            Must::Items { count, with, named } => {
                let said: Value = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
                let items = said["items"].as_array().ok_or("no items")?;
                if !count.contains(&items.len()) {
                    return Err(format!("{} items, not {count:?}", items.len()));
                }
                let fields = |item: &Value| simplify(&item["fields"].to_string());
                if let Some(item) = items.iter().find(|item| with.iter().any(|word| !fields(item).contains(word))) {
                    return Err(format!("an item without {with:?}: {item}"));
                }
                match named {
                    Some(name) if !items.iter().any(|item| fields(item).contains(name.as_str())) => {
                        Err(format!("{name} is not there"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The inner part of the longest word of a name, without accents.
fn part(name: &str) -> String {
    let name = simplify(name);
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let word: Vec<char> = words.max_by_key(|word| word.len()).unwrap_or_default().chars().collect();
    let from = usize::from(word.len() > 4);
    word[from..word.len().min(from + 5)].iter().collect()
}

fn search(words: &str) -> String {
    format!("/users?q={}", encoded(words))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A cursor behind everybody of that user name.
fn after(login: &str) -> String {
    Cursor { key: format!("={login}"), id: i64::MAX }.encode()
}

/// The user name in a row.
fn login(row: &str) -> Option<String> {
    row.split_whitespace().find(|word| is_login(word)).map(str::to_owned)
}

fn is_login(word: &str) -> bool {
    word.len() == 8 && word.strip_prefix('u').is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The user name that comes next: they are numbered.
fn following(login: &str) -> String {
    let number: u64 = login.get(1..).and_then(|digits| digits.parse().ok()).unwrap_or_default();
    format!("u{:07}", number + 1)
}
