//! Signing in with the password of a real directory.

use crate::support::directory::{Directory, PASSWORD as ADMIN_PASSWORD, SUFFIX};
use crate::support::guest::{Guest, account};
use crate::support::program::{Program, examples};
use crate::support::reader::Reader;
use crate::support::site::PASSWORD;
use diesel::prelude::*;
use muster::model::account::{self as accounts, Origin, Role};
use muster::model::audit;

pub(super) const ADA: &str = "of ada alone";

pub(super) fn entries() -> String {
    let person = |uid: &str, name: &str, mail: &str, password: &str| {
        format!(
            "dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {uid}\nsn: {name}\ncn: {name}\n\
             mail: {mail}\nuserPassword: {password}\n\n"
        )
    };
    let group = |name: &str, member: &str| {
        format!("dn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}\nmember: {member}\n\n")
    };
    [
        person("ada", "Ada Lovelace", "ada@example.org", ADA),
        person("grace", "Grace Hopper", "twins@example.org", "of grace alone"),
        person("alan", "Alan Turing", "twins@example.org", "of alan alone"),
        person("admin", "Not the administrator", "admin@example.org", "of the other admin"),
        format!("dn: uid=old,ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: old\nsn: Old\ncn: Old\n\n"),
        group("Muster Operators", &format!("UID=ADA, ou=people,{SUFFIX}")),
        group("chess", &format!("uid=grace,ou=people,{SUFFIX}")),
    ]
    .concat()
}

/// The directory of the examples, synchronized, and trusted with passwords.
pub(super) fn synchronized(directory: &Directory, filter: &str) -> Program {
    let muster = Program::new().with_environment("DIRECTORY_PASSWORD", ADMIN_PASSWORD);
    let document = std::fs::read_to_string(examples().join("directory.toml")).unwrap();
    let document = document.replace("ldap://127.0.0.1:3389", &directory.url());
    muster.run_with_stdin(&["apply", "-"], &document).succeeded();
    muster.run(&["run", "directory", "--wait"]).exited(3);
    muster.run(&["resume", "1", "--wait"]).succeeded();
    let settings = format!(
        "[sign_in.directory]\nconnector = \"directory\"\nfilter = \"{filter}\"\ngroup_base = \"ou=groups,{SUFFIX}\"\n\
         [sign_in.directory.roles]\noperator = [\"CN=muster operators,ou=groups,{SUFFIX}\"]\n"
    );
    muster.run_with_stdin(&["apply", "-"], &settings).succeeded();
    muster
}

fn enters(server: &Reader, name: &str, password: &str) -> (Guest, crate::support::guest::Page) {
    let guest = Guest::at(server.address());
    let page = guest.sign_in(name, password);
    (guest, page)
}

#[test]
fn the_password_of_the_directory_opens_what_the_groups_say_and_the_own_profile() {
    let directory = Directory::builder().entries(&entries()).start();
    let muster = synchronized(&directory, "(uid={name})");
    let server = Reader::serve(&muster);
    let (ada, page) = enters(&server, "ada", ADA);
    page.is(303).leads_to("/");
    ada.get("/connectors").is(200);
    ada.get("/accounts").is(403);
    ada.get("/me").is(200).says("Ada Lovelace");
    ada.get("/my-account").says("operator").says("your password in the directory");
    let (grace, page) = enters(&server, "grace", "of grace alone");
    page.is(303).leads_to("/me");
    grace.get("/me").is(200).says("Grace Hopper").says("chess");
    grace.get("/users").is(403);

    let mut connection = muster.database.connect();
    let all = accounts::all(&mut connection).unwrap();
    let known = all.iter().find(|account| account.name == "ada").unwrap();
    assert_eq!((known.origin, known.role, known.has_password), (Origin::Directory, Role::Operator, false));

    // What the directory says now counts: another name of the same entry is the same account; a group that is gone too.
    directory.rename(&format!("uid=ada,ou=people,{SUFFIX}"), "uid=countess");
    directory.delete(&format!("cn=Muster Operators,ou=groups,{SUFFIX}"));
    enters(&server, "ada", ADA).1.is(401);
    let (ada, page) = enters(&server, "countess", ADA);
    page.is(303).leads_to("/me");
    ada.get("/connectors").is(403);
    assert_eq!(accounts::all(&mut connection).unwrap().len(), all.len());
    muster.run(&["check"]).succeeded().shows("sign_in.directory: connector directory works: names by (uid={name})");
    let log = audit::newest(&mut connection, None, 100).unwrap();
    assert!(!format!("{log:?}").contains(ADA));
}

#[test]
fn nobody_gets_in_without_the_very_password_of_the_one_entry_they_name() {
    let directory = Directory::builder().entries(&entries()).start();
    let muster = synchronized(&directory, "(|(uid={name})(mail={name}))");
    let server = Reader::serve(&muster);
    enters(&server, "ADA@example.org", ADA).1.is(303);
    // An empty password is one that every directory takes, for nobody. One that was never set is none.
    for (name, password) in [
        ("ada", ""),
        ("ada", " "),
        ("ada", "of grace alone"),
        ("ada", "of ada alone "),
        ("old", ""),
        ("old", "anything"),
        ("", ADA),
        ("*", ADA),
        ("ad*", ADA),
        ("nobody", ADA),
        ("ada)(uid=*", ADA),
        ("*)(objectClass=*", ADA),
        ("ada\\2a", ADA),
        ("x)(|(uid=ada", ADA),
        // Two entries have it: it names nobody.
        ("twins@example.org", "of grace alone"),
    ] {
        let (guest, page) = enters(&server, name, password);
        assert!(matches!(page.status, 401 | 429), "{name:?}: {page:?}");
        guest.get("/me").is(303);
        diesel::sql_query("delete from sign_in_failures").execute(&mut muster.database.connect()).unwrap();
    }
    // However the name is written, the failures are those of one.
    for spelling in ["ada", "ADA", "Ada", " ada ", "aDa", "ADa", "ada", "ada"] {
        enters(&server, spelling, "wrong").1.is(401);
    }
    enters(&server, "ada", ADA).1.is(429);
}

#[test]
fn an_account_of_our_own_is_never_asked_of_the_directory_nor_taken_over_from_there() {
    let directory = Directory::builder().entries(&entries()).start();
    let muster = synchronized(&directory, "(uid={name})");
    account(&muster, "Admin", Role::Administrator);
    let server = Reader::serve(&muster);
    enters(&server, "admin", "of the other admin").1.is(401);
    let (admin, page) = enters(&server, "admin", PASSWORD);
    page.is(303);
    admin.get("/accounts").is(200);
}

#[test]
fn a_blocked_user_stays_out_and_so_does_one_whose_account_is_switched_off() {
    let directory = Directory::builder().entries(&entries()).start();
    let muster = synchronized(&directory, "(uid={name})");
    let server = Reader::serve(&muster);
    let (ada, page) = enters(&server, "ada", ADA);
    page.is(303);
    let mut connection = muster.database.connect();
    let set = |connection: &mut PgConnection, blocks: &str| {
        let block = format!("update persons set blocks = '{blocks}' where fields ->> 'user_name' = 'ada'");
        assert_eq!(diesel::sql_query(block).execute(connection).unwrap(), 1);
    };
    set(&mut connection, r#"[{"since": "2026-01-01T00:00:00Z", "reason": "by hand"}]"#);
    ada.get("/me").is(303);
    enters(&server, "ada", ADA).1.is(401).says("match");
    set(&mut connection, r#"[{"since": "2999-01-01T00:00:00Z", "reason": "to come"}]"#);
    let (ada, page) = enters(&server, "ada", ADA);
    page.is(303);
    let id = accounts::all(&mut connection).unwrap().into_iter().find(|account| account.name == "ada").unwrap().id;
    accounts::change(&mut connection, id, Role::Operator, false, "a test").unwrap();
    ada.get("/me").is(303);
    enters(&server, "ada", ADA).1.is(401);
}

#[test]
fn a_directory_that_does_not_answer_lets_nobody_in_and_keeps_nobody_of_ours_out() {
    let directory = Directory::builder().entries(&entries()).start();
    let muster = synchronized(&directory, "(uid={name})");
    account(&muster, "admin2", Role::Administrator);
    let server = Reader::serve(&muster);
    drop(directory);
    let (guest, page) = enters(&server, "ada", ADA);
    page.is(502).says("can't be asked");
    guest.get("/me").is(303);
    enters(&server, "admin2", PASSWORD).1.is(303);
    muster.run(&["check"]).exited(1);
}

#[test]
fn settings_that_would_let_anybody_in_are_refused() {
    let muster = Program::new();
    let apply = |settings: &str| muster.run_with_stdin(&["apply", "-"], settings);
    let directory = "[sign_in.directory]\nconnector = \"directory\"\n";
    apply(directory).exited(1).says("needs filter");
    apply(&format!("{directory}filter = \"(uid=*)\"\n")).exited(1).says("has no {name}");
    apply(&format!("{directory}filter = \"(uid={{name}}\"\n")).exited(1).says("is no LDAP filter");
    apply(&format!("{directory}filter = \"(uid={{name}})\"\ngroup_filter = \"(member={{dn}})\"\n"))
        .exited(1)
        .says("needs group_base");
    apply(&format!("{directory}filter = \"(uid={{name}})\"\n"))
        .succeeded()
        .says("there is no connector \"directory\" yet");
    muster.run(&["check"]).exited(1).shows("there is no connector \"directory\"");
}
