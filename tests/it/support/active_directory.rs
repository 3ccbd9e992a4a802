//! A real Active Directory: Samba's domain controller, in a network of its own behind a free port of the loopback
//! interface. One serves all tests; each makes branches of its own in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The top of the tree.
pub const DOMAIN: &str = "DC=example,DC=org";
/// May do everything.
pub const ADMINISTRATOR: &str = "administrator@example.org";
/// An account like any other: it may read what everybody may, but not replicate.
pub const CLERK: &str = "clerk@example.org";
/// The password of both.
pub const PASSWORD: &str = "Canary-controller-1";
/// Where the company is that stands there from the beginning.
pub const COMPANY: &str = "OU=Company,DC=example,DC=org";
/// How many people it has.
pub const PEOPLE: usize = 1600;

/// A running domain controller; it ends with the value, or with the process of the tests.
pub struct DomainController {
    port: u16,
    server: Child,
}

impl DomainController {
    /// The one that all tests share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<DomainController> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&company()))
    }

    /// Another one, with these entries.
    pub fn start(entries: &str) -> Self {
        let mut ldif = tempfile::NamedTempFile::new().unwrap();
        ldif.write_all(format!("{}{entries}", clerk()).as_bytes()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/domain_controller.py");
        // The system's own Python: packages of the system are not seen by another one.
        let mut server = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(PASSWORD)
            .arg(ldif.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("/usr/bin/python3 (.ci/needs test)");
        let first = BufReader::new(server.stdout.take().unwrap()).lines().next();
        let first = first.expect("a domain controller starts (.ci/needs test installs Samba)").unwrap();
        let port = serde_json::from_str::<serde_json::Value>(&first).unwrap()["port"].as_u64().unwrap();
        Self { port: u16::try_from(port).unwrap(), server }
    }

    /// `ldap://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Applies LDIF change records, in order.
    #[track_caller]
    pub fn modify(&self, ldif: &str) {
        let mut child = Command::new("ldapmodify")
            .args(["-x", "-H", &self.url(), "-D", ADMINISTRATOR, "-w", PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ldapmodify: apt-get install ldap-utils");
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{ldif}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for DomainController {
    fn drop(&mut self) {
        // It stops Samba when its stdin ends.
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

/// The name of a person's entry.
pub fn person_dn(person: usize) -> String {
    format!("CN=Person {person:04},OU=People,{COMPANY}")
}

/// A branch of the tree.
pub fn branch(dn: &str) -> String {
    format!("dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\n\n")
}

/// A person with these further lines; `account` is also the common name.
pub fn person(account: &str, branch: &str, lines: &str) -> String {
    format!(
        "dn: CN={account},{branch}\nchangetype: add\nobjectClass: user\nsAMAccountName: {account}\n\
         userAccountControl: 544\n{lines}\n"
    )
}

/// A group with these members; `account` is also the common name.
pub fn group(account: &str, branch: &str, members: &[String]) -> String {
    let members: String = members.iter().map(|member| format!("member: {member}\n")).collect();
    format!("dn: CN={account},{branch}\nchangetype: add\nobjectClass: group\nsAMAccountName: {account}\n{members}\n")
}

fn clerk() -> String {
    let password: Vec<u8> = format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    format!(
        "dn: CN=Clerk,CN=Users,{DOMAIN}\nchangetype: add\nobjectClass: user\nsAMAccountName: clerk\nuserPrincipalName: {CLERK}\n\
         userAccountControl: 512\nunicodePwd:: {}\n\n",
        STANDARD.encode(password)
    )
}

/// 1,600 people, every tenth disabled, all in the group `everybody`; groups in groups, in a circle too.
fn company() -> String {
    let mut ldif = String::new();
    for dn in [COMPANY.to_owned(), format!("OU=People,{COMPANY}"), format!("OU=Groups,{COMPANY}")] {
        ldif += &branch(&dn);
    }
    for number in 0..PEOPLE {
        let control = if number % 10 == 3 { 546 } else { 544 };
        // Never, never, and the end of 2030.
        let expires = ["0", "9223372036854775807", "135380160000000000"][number % 3];
        write!(
            ldif,
            "dn: {}\nchangetype: add\nobjectClass: user\nsAMAccountName: p{number:04}\ngivenName: Given {number}\n\
             sn: Family\ndisplayName: Person {number:04}\nmail: p{number:04}@example.org\n\
             userAccountControl: {control}\naccountExpires: {expires}\n",
            person_dn(number)
        )
        .unwrap();
        if number > 0 {
            writeln!(ldif, "manager: {}", person_dn((number - 1) / 8)).unwrap();
        }
        ldif.push('\n');
    }
    let groups = format!("OU=Groups,{COMPANY}");
    let everybody: Vec<String> = (0..PEOPLE).map(person_dn).collect();
    ldif += &group("everybody", &groups, &everybody);
    ldif += &group("inner", &groups, &everybody[..20]);
    ldif += &group("outer", &groups, &[format!("CN=inner,{groups}"), person_dn(30)]);
    ldif += &format!("dn: CN=inner,{groups}\nchangetype: modify\nadd: member\nmember: CN=outer,{groups}\n\n");
    ldif
}
