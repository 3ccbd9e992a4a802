//! The organization of the demonstration: who works where, and what changes from day to day.

use super::dice::Dice;
use super::names::{PLACES, Place, spelled};
use chrono::{Days, NaiveDate};
use std::collections::HashSet;

/// How many people it has when the story begins.
const PEOPLE: usize = 2_400;
/// Division and title of each department; its code is `D` and its position from 10.
#[rustfmt::skip]
const DEPARTMENTS: &[(Option<usize>, &str)] = &[
    (None, "Directorate"), (None, "Research"), (None, "Teaching"), (None, "Campus"), (None, "Administration"),
    (Some(1), "Computing"), (Some(1), "Physics, Mathematics"), (Some(1), "Chemistry"), (Some(1), "Life Sciences"),
    (Some(1), "Materials"), (Some(1), "Earth & Climate"), (Some(1), "History and Philosophy"), (Some(1), "Linguistics"),
    (Some(2), "Bachelor Programmes"), (Some(2), "Master Programmes"), (Some(2), "Doctoral School"),
    (Some(2), "Continuing Education"), (Some(2), "Student Services"), (Some(2), "Language Centre"),
    (Some(3), "Facilities"), (Some(3), "Safety"), (Some(3), "Catering"), (Some(3), "Library"), (Some(3), "Sports"),
    (Some(4), "Human Resources"), (Some(4), "Finance"), (Some(4), "Legal"), (Some(4), "Communications"),
    (Some(4), "IT Services"), (Some(4), "Purchasing"),
];
const TITLES: &[&str] = &[
    "Research Associate",
    "Lecturer",
    "Senior Scientist",
    "Professor",
    "Engineer",
    "Software Engineer",
    "Technician",
    "Laboratory Assistant",
    "Administrator",
    "Programme Coordinator",
    "Librarian",
    "Accountant",
    "Project Manager",
    "Communications Specialist",
];

/// A department.
pub(super) struct Department {
    /// Its key.
    pub code: String,
    /// Its name.
    pub title: &'static str,
    /// The department that it is part of, by position.
    pub division: Option<usize>,
}

/// Where somebody stands with the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Has not signed yet.
    Applicant,
    /// Works here.
    Employed,
    /// Has left; the directory has not noticed yet.
    Leaving,
    /// Has left.
    Left,
}

/// Somebody.
pub(super) struct Person {
    /// HR's number.
    pub number: u32,
    /// Unique among all who ever were here.
    pub login: String,
    /// As it is written.
    pub given: &'static str,
    /// As it is written.
    pub family: &'static str,
    /// Function.
    pub title: &'static str,
    /// Position of the department.
    pub department: usize,
    /// HR's number of the manager.
    pub manager: Option<u32>,
    /// Where.
    pub place: &'static Place,
    /// Since when.
    pub hired: NaiveDate,
    /// Extension, by which the telephone numbers differ.
    pub extension: u32,
    /// The card, if they have one.
    pub card: Option<Card>,
    /// Where they stand.
    pub standing: Standing,
}

/// A campus card.
#[derive(Clone, Copy)]
pub(super) struct Card {
    /// Whether it was reported lost.
    pub lost: bool,
    /// Until when it opens doors.
    pub valid_until: NaiveDate,
}

impl Person {
    /// The mail address.
    pub fn mail(&self) -> String {
        format!("{}@example.org", self.login)
    }

    /// The telephone number.
    pub fn phone(&self) -> String {
        format!("{} 555 {:04}", self.place.dialling, self.extension)
    }

    /// The number on the card.
    pub fn card_number(&self) -> String {
        format!("C{}", 700_000 + self.number)
    }

    /// Whether HR has them on the pay-roll.
    pub fn works_here(&self) -> bool {
        self.standing == Standing::Employed
    }

    /// Whether the directory has an account for them.
    pub fn has_account(&self) -> bool {
        matches!(self.standing, Standing::Employed | Standing::Leaving)
    }
}

/// The organization.
pub(super) struct Company {
    /// In the order of their numbers.
    pub people: Vec<Person>,
    /// In the order of their codes.
    pub departments: Vec<Department>,
    dice: Dice,
    logins: HashSet<String>,
    today: NaiveDate,
}

impl Company {
    /// As it is when the story begins. Nobody's manager has a higher number: the first of each department heads it.
    pub fn founded() -> Self {
        let departments = DEPARTMENTS.iter().enumerate().map(|(position, (division, title))| Department {
            code: format!("D{}", 10 + position),
            title,
            division: *division,
        });
        let mut company = Self {
            people: Vec::new(),
            departments: departments.collect(),
            dice: Dice::new(0x4d75_7374_6572),
            logins: HashSet::new(),
            today: NaiveDate::from_ymd_opt(2026, 11, 2).unwrap_or_default(),
        };
        for position in 0..PEOPLE {
            let department = if position < DEPARTMENTS.len() { position } else { company.some_department() };
            let days = company.dice.below(5_500) as u64 + 30;
            company.hire(department, days, Standing::Employed);
        }
        company.applications(12);
        company
    }

    /// A night later: some come, some go, some change department, function or number, one couple marries.
    pub fn night(&mut self) {
        self.today = self.today + Days::new(1);
        for person in &mut self.people {
            match person.standing {
                Standing::Leaving => person.standing = Standing::Left,
                Standing::Applicant if person.number % 3 == 0 => person.standing = Standing::Employed,
                _ => {}
            }
        }
        let (joiners, leavers, movers) = (6 + self.dice.below(9), 4 + self.dice.below(7), 8 + self.dice.below(14));
        for _ in 0..joiners {
            let department = self.some_department();
            self.hire(department, 0, Standing::Employed);
        }
        for _ in 0..leavers {
            let leaver = self.somebody();
            self.people[leaver].standing = Standing::Leaving;
        }
        for _ in 0..movers {
            self.move_somebody();
        }
        self.marry();
        self.applications(2);
    }

    /// Some who had left come back, under their old number.
    pub fn returners(&mut self, count: usize) {
        let gone = self.people.iter_mut().filter(|person| person.standing == Standing::Left);
        gone.take(count).for_each(|person| person.standing = Standing::Employed);
    }

    /// Everybody whom HR pays.
    pub fn staff(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.works_here())
    }

    fn hire(&mut self, department: usize, days_ago: u64, standing: Standing) {
        let number = 1_001 + self.people.len() as u32;
        let place = self.some_place();
        let (given, given_latin) = spelled(self.dice.pick(place.given));
        let (family, family_latin) = spelled(self.dice.pick(place.family));
        let heads = self.people.len() < DEPARTMENTS.len();
        let manager = match (heads, self.departments[department].division) {
            (true, None) if department == 0 => None,
            (true, None) => Some(1_001),
            (true, Some(division)) => Some(1_001 + division as u32),
            (false, _) => Some(1_001 + department as u32),
        };
        let card = self.dice.percent(84).then(|| Card {
            lost: self.dice.percent(2),
            valid_until: self.today + Days::new(200 + self.dice.below(900) as u64),
        });
        let person = Person {
            number,
            login: self.new_login(&given_latin, &family_latin),
            given,
            family,
            title: if heads { "Head of Department" } else { self.dice.pick(TITLES) },
            department,
            manager,
            place,
            hired: self.today - Days::new(days_ago),
            extension: number % 10_000,
            card,
            standing,
        };
        self.people.push(person);
    }

    fn applications(&mut self, count: usize) {
        for _ in 0..count {
            let department = self.some_department();
            self.hire(department, 0, Standing::Applicant);
        }
    }

    /// `alovelace`, and with a number behind it if that is taken. An account of old is never given to another person.
    fn new_login(&mut self, given: &str, family: &str) -> String {
        let letters = given.chars().take(1).chain(family.chars());
        let base: String =
            letters.filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
        let mut login = base.clone();
        let mut number = 1;
        while !self.logins.insert(login.clone()) {
            number += 1;
            login = format!("{base}{number}");
        }
        login
    }

    fn move_somebody(&mut self) {
        let (mover, what) = (self.somebody(), self.dice.below(3));
        let department = self.some_department();
        let title = self.dice.pick(TITLES);
        let person = &mut self.people[mover];
        match what {
            0 => {
                person.department = department;
                person.manager = Some(1_001 + department as u32);
            }
            1 => person.title = title,
            _ => person.extension = (person.extension + 4_321) % 10_000,
        }
    }

    /// Two of one place; the second takes the family name and a login of that name.
    fn marry(&mut self) {
        let first = self.somebody();
        let place = self.people[first].place;
        let second = self.people.iter().skip(DEPARTMENTS.len()).position(|person| {
            person.works_here() && person.place.town == place.town && person.family != self.people[first].family
        });
        let Some(second) = second.map(|position| position + DEPARTMENTS.len()) else { return };
        let family = self.people[first].family;
        let entry = place.family.iter().find(|entry| spelled(entry).0 == family).unwrap_or(&family);
        let given = place.given.iter().find(|entry| spelled(entry).0 == self.people[second].given);
        let given_latin = given.map_or_else(String::new, |entry| spelled(entry).1);
        let login = self.new_login(&given_latin, &spelled(entry).1);
        self.people[second].family = family;
        self.people[second].login = login;
    }

    /// Somebody who works here and heads nothing.
    fn somebody(&mut self) -> usize {
        loop {
            let position = DEPARTMENTS.len() + self.dice.below(self.people.len() - DEPARTMENTS.len());
            if self.people[position].works_here() {
                return position;
            }
        }
    }

    /// Divisions have few people of their own.
    fn some_department(&mut self) -> usize {
        let divisions = DEPARTMENTS.iter().filter(|(division, _)| division.is_none()).count();
        if self.dice.percent(3) {
            self.dice.below(divisions)
        } else {
            divisions + self.dice.below(DEPARTMENTS.len() - divisions)
        }
    }

    fn some_place(&mut self) -> &'static Place {
        let mut share = self.dice.below(100);
        for place in PLACES {
            if share < place.share {
                return place;
            }
            share -= place.share;
        }
        &PLACES[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybodys_organization_is_the_same_one() {
        let logins = |company: &Company| company.people.iter().map(|person| person.login.clone()).collect::<Vec<_>>();
        let (mut one, mut other) = (Company::founded(), Company::founded());
        one.night();
        assert_ne!(logins(&one), logins(&other));
        other.night();
        assert_eq!(logins(&one), logins(&other));
    }

    #[test]
    fn logins_are_unique_and_managers_exist() {
        let mut company = Company::founded();
        (0..5).for_each(|_| company.night());
        let logins: HashSet<&str> = company.people.iter().map(|person| person.login.as_str()).collect();
        assert_eq!(logins.len(), company.people.len());
        assert!(logins.iter().all(|login| login.len() > 1 && login.chars().all(|c| c.is_ascii_alphanumeric())));
        assert!(
            company
                .staff()
                .filter_map(|person| person.manager)
                .all(|manager| { company.people.iter().any(|other| other.number == manager && other.works_here()) })
        );
    }

    #[test]
    fn a_night_changes_little() {
        let mut company = Company::founded();
        let before = company.staff().count();
        company.night();
        let after = company.staff().count();
        assert!(before.abs_diff(after) < 40, "{before} people became {after}");
    }

    #[test]
    fn shares_are_of_a_hundred() {
        assert_eq!(PLACES.iter().map(|place| place.share).sum::<usize>(), 100);
    }
}
