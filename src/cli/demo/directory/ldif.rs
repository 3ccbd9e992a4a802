//! The organization as LDIF (RFC 2849): accounts, departments as groups, divisions as groups of groups, projects.

use crate::cli::demo::company::{Company, Person};
use crate::cli::demo::dice::Dice;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The top of the tree.
pub(super) const SUFFIX: &str = "dc=example,dc=org";

const TREE: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

";
const PROJECTS: &[&str] = &[
    "aurora", "basalt", "cirrus", "delta", "ember", "fjord", "glacier", "harbour", "iris", "juniper", "krypton",
    "larch", "meridian", "nimbus", "orchid", "prism", "quartz", "rivulet", "saffron", "tundra", "umbra", "vertex",
];
/// Accounts of people whom HR does not know: guests and contractors.
const GUESTS: &[(&str, &str)] = &[
    ("guest.okafor", "Chidi Okafor"),
    ("guest.lindqvist", "Åsa Lindqvist"),
    ("guest.haddad", "Rami Haddad"),
    ("guest.moreau", "Éloïse Moreau"),
    ("ext.cleaning", "Brigitta Szabó"),
    ("ext.security", "Dragan Petrović"),
];

/// Everything that the directory holds.
pub(super) fn of(company: &Company) -> String {
    let mut ldif = Ldif(TREE.to_owned());
    for person in company.people.iter().filter(|person| person.has_account()) {
        account(&mut ldif, person);
    }
    for (position, (uid, name)) in GUESTS.iter().enumerate() {
        ldif.entry(&user_dn(uid), &format!("guest {uid}"));
        ldif.line("objectClass", "inetOrgPerson");
        ldif.line("uid", uid);
        ldif.line("cn", name);
        ldif.line("sn", name.rsplit(' ').next().unwrap_or(name));
        ldif.line("mail", &format!("{uid}@example.org"));
        ldif.line("telephoneNumber", &format!("+41 44 555 9{position:03}"));
        ldif.end();
    }
    groups(&mut ldif, company);
    ldif.0
}

fn account(ldif: &mut Ldif, person: &Person) {
    ldif.entry(&user_dn(&person.login), &format!("person {}", person.number));
    ldif.line("objectClass", "inetOrgPerson");
    ldif.line("uid", &person.login);
    ldif.line("cn", &format!("{} {}", person.given, person.family));
    ldif.line("givenName", person.given);
    ldif.line("sn", person.family);
    ldif.line("mail", &person.mail());
    ldif.line("telephoneNumber", &person.phone());
    let building = char::from(b'A' + (person.department % 8) as u8);
    ldif.line("roomNumber", &format!("{building} {}.{:02}", person.number % 5, person.number % 37 + 1));
    ldif.end();
}

fn groups(ldif: &mut Ldif, company: &Company) {
    let everybody: Vec<&Person> = company.people.iter().filter(|person| person.has_account()).collect();
    let dn_of = |person: &&Person| user_dn(&person.login);
    for (position, department) in company.departments.iter().enumerate() {
        let inside = everybody.iter().filter(|person| person.department == position).map(dn_of);
        let parts = company.departments.iter().filter(|part| part.division == Some(position));
        let members: Vec<String> = inside.chain(parts.map(|part| group_dn(&part.code))).collect();
        group(ldif, &department.code, department.title, &members);
    }
    let head = |position: usize| everybody.iter().find(|person| person.department == position).map(dn_of);
    let heads: Vec<String> = (0..company.departments.len()).filter_map(head).collect();
    group(ldif, "heads", "Heads of departments", &heads);
    let staff: Vec<String> = everybody.iter().map(dn_of).collect();
    group(ldif, "all-staff", "Everybody with an account", &staff);
    for (position, project) in PROJECTS.iter().enumerate() {
        // Dice of their own and a share of numbers: who is in a project does not depend on who else came or went.
        let mut dice = Dice::new(position as u64);
        let (step, first) = (71 + dice.below(60) as u32, dice.below(60) as u32);
        let inside = everybody.iter().filter(|person| person.number % step == first % step).map(dn_of);
        let mut members: Vec<String> = inside.collect();
        if let Some(parent) = position.checked_sub(10) {
            members.push(group_dn(&format!("project-{}", PROJECTS[parent])));
        }
        group(ldif, &format!("project-{project}"), "Project", &members);
    }
}

/// A group must have a member: one without is left out.
fn group(ldif: &mut Ldif, name: &str, description: &str, members: &[String]) {
    if members.is_empty() {
        return;
    }
    ldif.entry(&group_dn(name), &format!("group {name}"));
    ldif.line("objectClass", "groupOfNames");
    ldif.line("cn", name);
    ldif.line("description", description);
    for member in members {
        ldif.line("member", member);
    }
    ldif.end();
}

fn user_dn(uid: &str) -> String {
    format!("uid={uid},ou=people,{SUFFIX}")
}

fn group_dn(name: &str) -> String {
    format!("cn={name},ou=groups,{SUFFIX}")
}

struct Ldif(String);

impl Ldif {
    /// Begins an entry. What it is about gives it the same entryUUID in every version of the directory.
    fn entry(&mut self, dn: &str, about: &str) {
        self.line("dn", dn);
        let mut seed =
            Dice::new(about.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(1_099_511_628_211) ^ u64::from(byte)));
        let bits = (u128::from(seed.next()) << 64) | u128::from(seed.next());
        self.line("entryUUID", &uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string());
    }

    /// One value; in base64 where it is not safe as it stands (RFC 2849, SAFE-STRING).
    fn line(&mut self, attribute: &str, value: &str) {
        let safe = value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && !value.starts_with([' ', ':', '<'])
            && !value.ends_with(' ');
        self.0.push_str(attribute);
        if safe {
            self.0.push_str(": ");
            self.0.push_str(value);
        } else {
            self.0.push_str(":: ");
            self.0.push_str(&STANDARD.encode(value));
        }
        self.0.push('\n');
    }

    fn end(&mut self) {
        self.0.push('\n');
    }
}
