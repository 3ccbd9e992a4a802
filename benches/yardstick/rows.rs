//! The rows of the feed. Each is made from its number alone, so that any of them can be made again at any time.

use chrono::{Days, NaiveDate};

use super::dice::{Dice, Purpose};
use super::names;

/// How many there are of everything, and what the dice start from.
#[derive(Clone, Copy)]
pub struct Shape {
    pub seed: u64,
    pub users: u64,
    pub orgs: u64,
    pub groups: u64,
    /// The first so many users manage the others, and never leave.
    pub managers: u64,
    /// What happens on day 2.
    pub leavers: u64,
    pub joiners: u64,
    pub changed: u64,
    /// Users whose key comes twice.
    pub twice: u64,
    /// Other wrong rows, each beside the good ones.
    pub wrong: u64,
}

impl Shape {
    pub fn of(users: u64, seed: u64) -> Self {
        let wrong = (users / 1_000).max(4);
        Shape {
            seed,
            users,
            orgs: users / 200,
            groups: users / 100,
            managers: users / 10,
            leavers: users / 200,
            joiners: users / 200,
            changed: users / 100,
            twice: wrong / 4,
            wrong: wrong - wrong / 4,
        }
    }
}

pub const ORG_COLUMNS: [&str; 3] = ["orgCode", "name", "parentOrg"];
pub const GROUP_COLUMNS: [&str; 3] = ["groupId", "cn", "description"];
pub const MEMBERSHIP_COLUMNS: [&str; 2] = ["groupId", "employeeId"];
pub const USER_COLUMNS: [&str; 15] = [
    "employeeId",
    "login",
    "givenName",
    "sn",
    "displayName",
    "mail",
    "title",
    "department",
    "managerId",
    "location",
    "phone",
    "hireDate",
    "endDate",
    "active",
    "country",
];

pub fn org_key(number: u64) -> String {
    format!("ORG{number:06}")
}

pub fn group_key(number: u64) -> String {
    format!("GRP{number:06}")
}

pub fn user_key(number: u64) -> String {
    format!("E{number:08}")
}

/// An organization: a tree, whose root is the first.
pub fn org(shape: Shape, number: u64) -> [String; 3] {
    let mut dice = Dice::new(shape.seed, Purpose::Org, number);
    let name = format!("{} {number}, {}", dice.pick(names::DIVISIONS), dice.pick(names::TITLES));
    let parent = if number == 0 { String::new() } else { org_key(dice.below(number)) };
    [org_key(number), name, parent]
}

pub fn group(shape: Shape, number: u64) -> [String; 3] {
    let mut dice = Dice::new(shape.seed, Purpose::Group, number);
    let name = format!("app-{number:06}-{}", dice.pick(names::GROUP_KINDS));
    let description = format!("Accès à l'application {number}, profil \"{}\"", dice.pick(&['A', 'B', 'C']));
    [group_key(number), name, description]
}

/// The numbers of the groups that a user is a member of: three to seven, in order.
pub fn groups_of(shape: Shape, user: u64) -> Vec<u64> {
    let mut dice = Dice::new(shape.seed, Purpose::Memberships, user);
    let count = *dice.pick(&[3, 4, 5, 5, 5, 6, 7]);
    let mut groups = Vec::with_capacity(count);
    while groups.len() < count {
        let group = dice.below(shape.groups);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups.sort_unstable();
    groups
}

/// A row of users.csv.
#[derive(Clone)]
pub struct User {
    pub employee_id: String,
    pub login: String,
    pub given_name: String,
    pub surname: String,
    pub display_name: String,
    pub mail: String,
    pub title: String,
    pub department: String,
    pub manager: String,
    pub location: &'static str,
    pub phone: String,
    pub hire_date: String,
    pub end_date: String,
    pub active: bool,
    pub country: &'static str,
}

/// 1995-01-01, as days after 1970-01-01.
const FIRST_HIRE: u64 = 9_131;
/// 2026-11-20: who has left before is inactive.
const TODAY: u64 = 20_777;

fn date(day: u64) -> String {
    (NaiveDate::default() + Days::new(day)).to_string()
}

/// The numbers of a user's organization and manager.
pub fn references(shape: Shape, user: u64) -> (u64, Option<u64>) {
    let mut dice = Dice::new(shape.seed, Purpose::References, user);
    let department = dice.below(shape.orgs);
    let manager = (user > 0).then(|| dice.below(user.min(shape.managers)));
    (department, manager)
}

pub fn user(shape: Shape, number: u64) -> User {
    let mut dice = Dice::new(shape.seed, Purpose::User, number);
    let given_name = *dice.pick(names::GIVEN_NAMES);
    let surname = *dice.pick(names::SURNAMES);
    let (location, country) = *dice.pick(names::LOCATIONS);
    let login = format!("u{number:07}");
    let ascii: String = surname.chars().filter(char::is_ascii_alphabetic).collect();
    let mailbox = if ascii.is_empty() { "x".to_owned() } else { ascii.to_lowercase() };
    let title = match (*dice.pick(names::TITLES), dice.below(1_000)) {
        (title, 0..4) => format!("{title}, Africa, \"Near & Middle East\""),
        (title, 4..7) => format!("{title}\n(on leave)"),
        (title, _) => title.to_owned(),
    };
    let display_name = match dice.permille(10) {
        true => format!("{surname}, {given_name} \"{}\"", given_name.chars().take(2).collect::<String>()),
        false => format!("{given_name} {surname}"),
    };
    let (department, manager) = references(shape, number);
    let phone = format!("+{} {} {:07}", 30 + dice.below(60), 1 + dice.below(98), dice.below(10_000_000));
    let hired = FIRST_HIRE + dice.below(11_000);
    let ends = dice.permille(80).then(|| hired + 400 + dice.below(3_000));
    User {
        employee_id: user_key(number),
        mail: format!("{mailbox}.{login}@example.com"),
        login,
        given_name: given_name.to_owned(),
        surname: surname.to_owned(),
        display_name,
        title,
        department: org_key(department),
        manager: manager.map(user_key).unwrap_or_default(),
        location,
        phone,
        hire_date: date(hired),
        end_date: ends.map(date).unwrap_or_default(),
        active: ends.is_none_or(|day| day >= TODAY),
        country,
    }
}

impl User {
    /// The values, in the order of `USER_COLUMNS`.
    pub fn columns(&self) -> [&str; 15] {
        [
            &self.employee_id,
            &self.login,
            &self.given_name,
            &self.surname,
            &self.display_name,
            &self.mail,
            &self.title,
            &self.department,
            &self.manager,
            self.location,
            &self.phone,
            &self.hire_date,
            &self.end_date,
            if self.active { "true" } else { "false" },
            self.country,
        ]
    }
}
