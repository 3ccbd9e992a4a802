//! A directory that changes by chance: people come, go, change, are renamed, exchange names, move out of the search and
//! back, alone or with their whole branch; groups with them.

use super::directory::{Directory, SUFFIX};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Somebody who stays and is in every group: a group can't be without members.
const KEEPER: &str = "uid=keeper,ou=people,dc=example,dc=org";

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

/// A directory whose people and groups change by chance.
pub struct Changing {
    /// The directory.
    pub directory: Directory,
    dice: Dice,
    /// Branches below the suffix where people may be: name, and whether the search sees it.
    people: BTreeMap<String, Person>,
    /// Where the branch `crew` is.
    crew: String,
    groups: BTreeMap<String, Vec<String>>,
    made: usize,
    /// Groups follow when their members get other names or go, as with the overlay refint; nobody leaves the filter,
    /// which groups would not notice.
    tidy: bool,
}

#[derive(Clone)]
struct Person {
    /// The branch: `people`, `crew` or `archive`.
    branch: &'static str,
    left: bool,
}

const BRANCHES: [&str; 4] = ["people", "people", "crew", "archive"];

impl Changing {
    /// Thirty people and four groups in an empty directory.
    pub fn new(directory: Directory, seed: u64, tidy: bool) -> Self {
        let mut ldif = String::new();
        let crew = format!("ou=crew,ou=people,{SUFFIX}");
        for (name, dn) in [("archive", format!("ou=archive,{SUFFIX}")), ("crew", crew.clone())] {
            write!(ldif, "dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\nou: {name}\n\n").unwrap();
        }
        directory.modify(&ldif);
        let (people, groups) = (BTreeMap::new(), BTreeMap::new());
        let mut changing = Self {
            directory,
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            people,
            crew,
            groups,
            made: 0,
            tidy,
        };
        let mut ldif =
            format!("dn: {KEEPER}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: keeper\nsn: K\ncn: K\n\n");
        (0..30).for_each(|_| changing.add(&mut ldif));
        (0..4).for_each(|_| changing.add_group(&mut ldif));
        changing.directory.modify(&ldif);
        changing
    }

    /// Changes a few things, or nothing; returns what was changed, as LDIF.
    pub fn step(&mut self) -> String {
        let mut ldif = String::new();
        (0..self.dice.throw(9)).for_each(|_| self.change(&mut ldif));
        self.directory.modify(&ldif);
        ldif
    }

    fn branch(&self, branch: &str) -> String {
        match branch {
            "crew" => self.crew.clone(),
            other => format!("ou={other},{SUFFIX}"),
        }
    }

    fn dn(&self, uid: &str) -> String {
        format!("uid={uid},{}", self.branch(self.people[uid].branch))
    }

    fn anybody(&mut self) -> Option<String> {
        let at = self.dice.throw(self.people.len().max(1));
        self.people.keys().nth(at).cloned()
    }

    fn entry(&mut self, ldif: &mut String, uid: &str) {
        let dn = self.dn(uid);
        let number = self.dice.throw(1000);
        write!(
            ldif,
            "dn: {dn}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {uid}\nsn: Name {number}\ncn: Full {number}\n\
             mail: {uid}@example.org\nmail: {number}@example.org\n\n"
        )
        .unwrap();
    }

    fn add(&mut self, ldif: &mut String) {
        self.made += 1;
        let uid = format!("u{:03}", self.made);
        let branch = BRANCHES[self.dice.throw(BRANCHES.len())];
        self.people.insert(uid.clone(), Person { branch, left: false });
        self.entry(ldif, &uid);
    }

    fn add_group(&mut self, ldif: &mut String) {
        self.made += 1;
        let name = format!("g{:03}", self.made);
        let members: Vec<String> = (0..1 + self.dice.throw(6)).filter_map(|_| self.anybody()).collect();
        let mut members: Vec<String> = members.iter().map(|uid| self.dn(uid)).collect();
        members.push(KEEPER.to_owned());
        members.extend(self.groups.keys().next().map(|group| format!("cn={group},ou=groups,{SUFFIX}")));
        members.sort();
        members.dedup();
        writeln!(ldif, "dn: cn={name},ou=groups,{SUFFIX}\nchangetype: add\nobjectClass: groupOfNames\ncn: {name}")
            .unwrap();
        members.iter().for_each(|member| writeln!(ldif, "member: {member}").unwrap());
        ldif.push('\n');
        self.groups.insert(name, members);
    }

    fn change(&mut self, ldif: &mut String) {
        let Some(uid) = self.anybody() else { return self.add(ldif) };
        let dn = self.dn(&uid);
        let number = self.dice.throw(100_000);
        match self.dice.throw(14) {
            0 | 1 => self.add(ldif),
            2 | 3 => write!(ldif, "dn: {dn}\nchangetype: modify\nreplace: cn\ncn: Other {number}\n\n").unwrap(),
            4 => write!(ldif, "dn: {dn}\nchangetype: modify\nadd: mail\nmail: {number}@example.net\n\n").unwrap(),
            5 => {
                write!(ldif, "dn: {dn}\nchangetype: delete\n\n").unwrap();
                self.people.remove(&uid);
                self.renamed(ldif, &dn, None);
            }
            6 => {
                // Gone and back under the same name: another entry.
                write!(ldif, "dn: {dn}\nchangetype: delete\n\n").unwrap();
                self.people.insert(uid.clone(), Person { branch: "people", left: false });
                self.entry(ldif, &uid);
                self.renamed(ldif, &dn, None);
            }
            7 => {
                self.made += 1;
                let new = format!("r{:03}", self.made);
                write!(ldif, "dn: {dn}\nchangetype: modrdn\nnewrdn: uid={new}\ndeleteoldrdn: 1\n\n").unwrap();
                let person = self.people.remove(&uid).unwrap();
                self.people.insert(new.clone(), person);
                self.renamed(ldif, &dn, Some(self.dn(&new)));
            }
            8 => self.swap(ldif, &uid),
            // Out of the filter, and back.
            9 if self.tidy => {}
            9 => {
                let left = !self.people[&uid].left;
                let change = if left { "add: employeeType\nemployeeType: left" } else { "delete: employeeType" };
                write!(ldif, "dn: {dn}\nchangetype: modify\n{change}\n\n").unwrap();
                self.people.get_mut(&uid).unwrap().left = left;
            }
            // Out of the base, and back.
            10 | 11 => {
                let branch = BRANCHES[self.dice.throw(BRANCHES.len())];
                let superior = self.branch(branch);
                write!(
                    ldif,
                    "dn: {dn}\nchangetype: modrdn\nnewrdn: uid={uid}\ndeleteoldrdn: 0\nnewsuperior: {superior}\n\n"
                )
                .unwrap();
                self.people.get_mut(&uid).unwrap().branch = branch;
                self.renamed(ldif, &dn, Some(self.dn(&uid)));
            }
            12 => self.change_group(ldif),
            _ => self.move_branch(ldif),
        }
    }

    /// Two people exchange their names.
    fn swap(&mut self, ldif: &mut String, one: &str) {
        let Some(other) = self.anybody().filter(|other| other != one) else { return };
        let rename = |from: &str, branch: &str, to: &str| {
            format!("dn: uid={from},{branch}\nchangetype: modrdn\nnewrdn: uid={to}\ndeleteoldrdn: 1\n\n")
        };
        let (a, b) = (self.branch(self.people[one].branch), self.branch(self.people[&other].branch));
        for (from, branch, to) in [(one, &a, "between"), (&other, &b, one), ("between", &a, &other)] {
            ldif.push_str(&rename(from, branch, to));
            self.renamed(ldif, &format!("uid={from},{branch}"), Some(format!("uid={to},{branch}")));
        }
        let (person, second) = (self.people[one].clone(), self.people[&other].clone());
        self.people.insert(other, person);
        self.people.insert(one.to_owned(), second);
    }

    fn change_group(&mut self, ldif: &mut String) {
        let at = self.dice.throw(self.groups.len());
        let group = self.groups.keys().nth(at).unwrap().clone();
        match self.dice.throw(5) {
            0 => self.add_group(ldif),
            1 if self.groups.len() > 1 => {
                let dn = format!("cn={group},ou=groups,{SUFFIX}");
                write!(ldif, "dn: {dn}\nchangetype: delete\n\n").unwrap();
                self.groups.remove(&group);
                self.renamed(ldif, &dn, None);
            }
            _ => {
                let member = self.anybody().map(|uid| self.dn(&uid)).unwrap();
                let members = self.groups.get_mut(&group).unwrap();
                let word = match members.iter().position(|known| *known == member) {
                    Some(at) if members.len() > 1 => {
                        members.remove(at);
                        "delete"
                    }
                    Some(_) => return,
                    None => {
                        members.push(member.clone());
                        "add"
                    }
                };
                write!(
                    ldif,
                    "dn: cn={group},ou=groups,{SUFFIX}\nchangetype: modify\n{word}: member\nmember: {member}\n\n"
                )
                .unwrap();
            }
        }
    }

    /// The branch `crew` with everybody in it gets another name, leaves the base of the search, or comes back.
    fn move_branch(&mut self, ldif: &mut String) {
        self.made += 1;
        let name = format!("crew{}", self.made);
        let above = [format!("ou=people,{SUFFIX}"), format!("ou=archive,{SUFFIX}")];
        let above = &above[self.dice.throw(2)];
        let crew = &self.crew;
        write!(ldif, "dn: {crew}\nchangetype: modrdn\nnewrdn: ou={name}\ndeleteoldrdn: 1\nnewsuperior: {above}\n\n")
            .unwrap();
        let before: Vec<String> =
            self.people.keys().filter(|uid| self.people[*uid].branch == "crew").cloned().collect();
        let before: Vec<(String, String)> = before.into_iter().map(|uid| (self.dn(&uid), uid)).collect();
        self.crew = format!("ou={name},{above}");
        for (dn, uid) in before {
            self.renamed(ldif, &dn, Some(self.dn(&uid)));
        }
    }

    /// Groups follow an entry that got another name, or went.
    fn renamed(&mut self, ldif: &mut String, from: &str, to: Option<String>) {
        if !self.tidy || to.as_deref() == Some(from) {
            return;
        }
        for (group, members) in &mut self.groups {
            let Some(at) = members.iter().position(|member| member == from) else { continue };
            members.remove(at);
            let mut changes = format!("delete: member\nmember: {from}\n");
            if let Some(to) = to.as_ref().filter(|to| !members.contains(to)) {
                write!(changes, "-\nadd: member\nmember: {to}\n").unwrap();
                members.push(to.clone());
            }
            write!(ldif, "dn: cn={group},ou=groups,{SUFFIX}\nchangetype: modify\n{changes}\n").unwrap();
        }
    }
}
