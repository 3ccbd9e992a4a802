//! A branch of Active Directory that changes by chance: people come, go, change, are renamed, exchange names, move out of
//! the search and back, alone or with everybody in their unit; groups with them.

use super::active_directory::{DOMAIN, DomainController, branch, group, person};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Chance that repeats itself.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

/// A branch of the shared domain controller.
pub struct Changing {
    dice: Dice,
    /// The branch.
    pub base: String,
    /// What every account of the branch begins with.
    prefix: String,
    people: BTreeMap<String, Person>,
    /// Where the unit `crew` is.
    crew: String,
    /// Members by group.
    groups: BTreeMap<String, Vec<Member>>,
    made: usize,
}

#[derive(Clone)]
struct Person {
    /// The common name.
    name: String,
    /// `people`, `crew` or `archive`.
    unit: &'static str,
    left: bool,
}

#[derive(Clone, PartialEq)]
enum Member {
    Person(String),
    Group(String),
}

const UNITS: [&str; 4] = ["people", "people", "crew", "archive"];

impl Changing {
    /// Thirty people and four groups.
    pub fn new(name: &str, seed: u64) -> Self {
        let base = format!("OU={name},{DOMAIN}");
        let crew = format!("OU=crew,OU=people,{base}");
        let mut changing = Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            prefix: name.to_owned(),
            people: BTreeMap::new(),
            crew: crew.clone(),
            groups: BTreeMap::new(),
            made: 0,
            base: base.clone(),
        };
        let mut ldif = branch(&base);
        for unit in ["people", "archive", "groups"] {
            ldif += &branch(&format!("OU={unit},{base}"));
        }
        ldif += &branch(&crew);
        (0..30).for_each(|_| changing.add(&mut ldif));
        (0..4).for_each(|_| changing.add_group(&mut ldif));
        DomainController::shared().modify(&ldif);
        changing
    }

    /// Changes a few things, or nothing; returns what was changed, as LDIF.
    pub fn step(&mut self) -> String {
        let mut ldif = String::new();
        (0..self.dice.throw(9)).for_each(|_| self.change(&mut ldif));
        DomainController::shared().modify(&ldif);
        ldif
    }

    fn unit(&self, unit: &str) -> String {
        if unit == "crew" { self.crew.clone() } else { format!("OU={unit},{}", self.base) }
    }

    fn dn(&self, account: &str) -> String {
        let Person { name, unit, .. } = &self.people[account];
        format!("CN={name},{}", self.unit(unit))
    }

    fn group_dn(&self, account: &str) -> String {
        format!("CN={account},OU=groups,{}", self.base)
    }

    fn dn_of(&self, member: &Member) -> String {
        match member {
            Member::Person(account) => self.dn(account),
            Member::Group(account) => self.group_dn(account),
        }
    }

    fn anybody(&mut self) -> Option<String> {
        let at = self.dice.throw(self.people.len().max(1));
        self.people.keys().nth(at).cloned()
    }

    fn new_name(&mut self) -> String {
        self.made += 1;
        format!("{}{:03}", self.prefix, self.made)
    }

    fn add(&mut self, ldif: &mut String) {
        let account = self.new_name();
        let unit = UNITS[self.dice.throw(UNITS.len())];
        let manager = self.anybody().map(|account| format!("manager: {}\n", self.dn(&account))).unwrap_or_default();
        let number = self.dice.throw(1000);
        *ldif += &person(&account, &self.unit(unit), &format!("displayName: Full {number}\n{manager}"));
        self.people.insert(account.clone(), Person { name: account, unit, left: false });
    }

    fn add_group(&mut self, ldif: &mut String) {
        let account = self.new_name();
        let mut members: Vec<Member> = Vec::new();
        for _ in 0..self.dice.throw(6) {
            members.extend(self.anybody().map(Member::Person).filter(|member| !members.contains(member)));
        }
        members.extend(self.groups.keys().next().cloned().map(Member::Group));
        let names: Vec<String> = members.iter().map(|member| self.dn_of(member)).collect();
        *ldif += &group(&account, &format!("OU=groups,{}", self.base), &names);
        self.groups.insert(account, members);
    }

    fn change(&mut self, ldif: &mut String) {
        let Some(account) = self.anybody() else { return self.add(ldif) };
        let dn = self.dn(&account);
        let number = self.dice.throw(100_000);
        let modify = |change: &str| format!("dn: {dn}\nchangetype: modify\n{change}\n\n");
        match self.dice.throw(16) {
            0 | 1 => self.add(ldif),
            2 => *ldif += &modify(&format!("replace: displayName\ndisplayName: Other {number}")),
            3 => *ldif += &modify("replace: displayName"),
            4 => *ldif += &modify(&format!("replace: info\ninfo: nobody reads this {number}")),
            5 => *ldif += &modify(&format!("replace: otherTelephone\notherTelephone: {number}\notherTelephone: 1")),
            6 => {
                *ldif += &format!("dn: {dn}\nchangetype: delete\n\n");
                self.people.remove(&account);
                for members in self.groups.values_mut() {
                    members.retain(|member| *member != Member::Person(account.clone()));
                }
            }
            7 => {
                let name = format!("renamed {number} \\, of {}", self.new_name());
                self.rename(ldif, &account, &name);
            }
            8 => self.exchange(ldif, &account),
            9 => {
                let left = !self.people[&account].left;
                *ldif += &modify(if left { "add: company\ncompany: left" } else { "delete: company" });
                self.people.get_mut(&account).unwrap().left = left;
            }
            10 | 11 => {
                let unit = UNITS[self.dice.throw(UNITS.len())];
                let (name, superior) = (self.people[&account].name.clone(), self.unit(unit));
                write!(
                    ldif,
                    "dn: {dn}\nchangetype: modrdn\nnewrdn: CN={name}\ndeleteoldrdn: 1\nnewsuperior: {superior}\n\n"
                )
                .unwrap();
                self.people.get_mut(&account).unwrap().unit = unit;
            }
            12 => {
                let manager = self.anybody().map(|account| self.dn(&account)).unwrap();
                *ldif += &modify(&format!("replace: manager\nmanager: {manager}"));
            }
            13 => {
                // The account gets another name, and maybe the key with it.
                let new = self.new_name();
                *ldif += &modify(&format!("replace: sAMAccountName\nsAMAccountName: {new}"));
                let person = self.people.remove(&account).unwrap();
                self.people.insert(new.clone(), person);
                for member in self.groups.values_mut().flatten().filter(|one| **one == Member::Person(account.clone()))
                {
                    *member = Member::Person(new.clone());
                }
            }
            14 => self.change_group(ldif),
            _ => self.move_unit(ldif),
        }
    }

    fn rename(&mut self, ldif: &mut String, account: &str, name: &str) {
        let dn = self.dn(account);
        write!(ldif, "dn: {dn}\nchangetype: modrdn\nnewrdn: CN={name}\ndeleteoldrdn: 1\n\n").unwrap();
        self.people.get_mut(account).unwrap().name = name.to_owned();
    }

    /// Two people exchange their names.
    fn exchange(&mut self, ldif: &mut String, one: &str) {
        let Some(other) = self.anybody().filter(|other| other != one) else { return };
        let (first, second) = (self.people[one].name.clone(), self.people[&other].name.clone());
        let between = self.new_name();
        self.rename(ldif, one, &between);
        self.rename(ldif, &other, &first);
        self.rename(ldif, one, &second);
    }

    fn change_group(&mut self, ldif: &mut String) {
        let at = self.dice.throw(self.groups.len());
        let group = self.groups.keys().nth(at).unwrap().clone();
        let dn = self.group_dn(&group);
        match self.dice.throw(6) {
            0 => self.add_group(ldif),
            1 if self.groups.len() > 1 => {
                write!(ldif, "dn: {dn}\nchangetype: delete\n\n").unwrap();
                self.groups.remove(&group);
                for members in self.groups.values_mut() {
                    members.retain(|member| *member != Member::Group(group.clone()));
                }
            }
            _ => {
                let Some(member) = self.anybody().map(Member::Person) else { return };
                let name = self.dn_of(&member);
                let members = self.groups.get_mut(&group).unwrap();
                let word = match members.iter().position(|known| *known == member) {
                    Some(at) => {
                        members.remove(at);
                        "delete"
                    }
                    None => {
                        members.push(member);
                        "add"
                    }
                };
                write!(ldif, "dn: {dn}\nchangetype: modify\n{word}: member\nmember: {name}\n\n").unwrap();
            }
        }
    }

    /// The unit `crew` with everybody in it gets another name, leaves the base of the search, or comes back.
    fn move_unit(&mut self, ldif: &mut String) {
        let name = self.new_name();
        let above = ["people", "archive"][self.dice.throw(2)];
        let above = self.unit(above);
        let crew = std::mem::replace(&mut self.crew, format!("OU={name},{above}"));
        write!(ldif, "dn: {crew}\nchangetype: modrdn\nnewrdn: OU={name}\ndeleteoldrdn: 1\nnewsuperior: {above}\n\n")
            .unwrap();
    }
}
