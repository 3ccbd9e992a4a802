//! All example documents together: one person is fed by several connectors, and who is believed about what.

use super::stored::{apply, assert_figures, count, lines, report, resume, rows};
use crate::support::directory::{Directory, PASSWORD, SUFFIX};
use crate::support::program::{Program, Ran, examples};
use serde_json::{Value, json};
use std::fs;

const CARDS: &str = r#"[
  { "number": "C1", "employee": "1001", "valid_until": "2027-01-31T12:00:00+0100", "state": "active" },
  { "number": "C2", "employee": "1002", "valid_until": "2027-01-31T12:00:00+0100", "state": "active" },
  { "number": "C3", "employee": "1009", "valid_until": null, "state": "active" },
  { "number": "C4", "employee": "1003", "valid_until": "2026-01-31T12:00:00+0000", "state": "lost" },
  { "number": "C5", "employee": "1008", "valid_until": "soon", "state": "active" }
]"#;

const CLUBS: &str = "<clubs><club><code>chess</code><name>Chess &amp; Go</name></club>\
                     <club><code>row</code><name>Rowing</name></club></clubs>";

const MEMBERSHIPS: &str = "card,club\nC1,chess\nC1,row\nC2,chess\nC3,row\nC4,row\nC2,golf\n";

/// HR, the directory and the campus, in this order of creation.
struct House {
    muster: Program,
    directory: Directory,
}

impl House {
    /// The documents as they stand, but for the directory's address; and HR knows phones as well, so that two sources
    /// have something to say about them.
    fn new() -> Self {
        let entry = |uid: &str, more: &str| {
            format!(
                "dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {uid}\nsn: x\ncn: Directory {uid}\n{more}\n"
            )
        };
        let directory = Directory::builder()
            .entries(&entry("countess", "mail: ADA@Example.ORG\ntelephoneNumber: 100\n"))
            .entries(&entry("GHopper", ""))
            .entries(&entry("visitor", "mail: visitor@example.org\ntelephoneNumber: 300\n"))
            .start();
        let muster =
            Program::new().with_environment("DIRECTORY_PASSWORD", PASSWORD).with_environment("HOOK_SECRET", "hook");
        let house = Self { muster, directory };
        house.muster.apply_example("settings.toml");
        let feed = house.muster.folder.path().join("feeds/hr");
        fs::create_dir_all(&feed).unwrap();
        fs::copy(examples().join("feeds/hr/departments.tsv"), feed.join("departments.tsv")).unwrap();
        house.hire("");
        house.apply_document("hr.toml", |document| {
            document
                .replace("[[entity_type.property]]\n  name = \"hire_date\"", "[[entity_type.property]]\n  name = \"phone\"\n  column = \"Phone\"\n\n  [[entity_type.property]]\n  name = \"hire_date\"")
                .replace("user_name = \"login\"", "user_name = \"login\"\n    phone = \"phone\"")
        });
        house.apply_document("directory.toml", |document| {
            document.replace("ldap://127.0.0.1:3389", &house.directory.url())
        });
        house.muster.apply_example("campus.toml");
        house
    }

    fn apply_document(&self, name: &str, change: impl Fn(String) -> String) {
        let example = fs::read_to_string(examples().join(name)).unwrap();
        let path = self.muster.folder.path().join(name);
        fs::write(&path, change(example)).unwrap();
        self.muster.run(&["apply", path.to_str().unwrap()]).succeeded();
    }

    /// The people of the example, with a phone each, and more.
    fn hire(&self, more: &str) {
        let people = fs::read_to_string(examples().join("feeds/hr/people.csv")).unwrap();
        let mut with_phones: String = people
            .lines()
            .map(|line| if line.starts_with("Emp") { format!("{line},Phone\n") } else { format!("{line},200\n") })
            .collect();
        with_phones += more;
        fs::write(self.muster.folder.path().join("feeds/hr/people.csv"), with_phones).unwrap();
    }

    fn upload(&self, cards: &str) -> Ran {
        let folder = self.muster.folder.path();
        for (name, content) in [("cards.json", cards), ("clubs.xml", CLUBS), ("memberships.csv", MEMBERSHIPS)] {
            fs::write(folder.join(name), content).unwrap();
        }
        let files = ["cards=cards.json", "clubs=clubs.xml", "memberships=memberships.csv"];
        let mut ran = self.muster.run(&[&["upload", "campus"][..], &files, &["--wait", "--json"]].concat());
        // Each file received is reported first.
        ran.stdout = ran.stdout.lines().last().unwrap_or_default().to_owned();
        ran
    }

    /// What the field of the person with this user name says, and which connector said it.
    fn field(&self, user_name: &str, field: &str) -> Vec<String> {
        lines(
            &self.muster,
            &format!(
                "select concat_ws(' by ', p.fields ->> '{field}', c.name) from persons p
                   left join connectors c on c.id = (coalesce(p.provenance -> '{field}', p.provenance -> '') ->> 0)::int
                  where p.fields ->> 'user_name' = '{user_name}'"
            ),
        )
    }
}

fn problems(muster: &Program, run: &Value) -> Vec<String> {
    let id = run["id"].to_string();
    let all = muster.run(&["show", &id, "--problems", "--json"]).succeeded().json();
    let mut all: Vec<String> = all
        .iter()
        .map(|problem| {
            let word = |name: &str| problem[name].as_str().unwrap_or("-").to_owned();
            [word("code"), word("file"), problem["line"].to_string(), word("key"), word("value")].join(" ")
        })
        .collect();
    all.sort();
    all
}

#[test]
fn persons_are_found_again_and_the_order_of_sources_decides() {
    let house = House::new();
    let muster = &house.muster;
    apply(muster, "hr");
    assert_eq!(house.field("alovelace", "phone"), ["200 by hr"]);
    let run = apply(muster, "directory");
    assert_eq!(run["persons"], json!({ "created": 1, "updated": 1, "blocked": 0, "unblocked": 0, "deleted": 0 }));
    assert_eq!(count(muster, "select count(*) from persons"), 6, "five of HR, and the visitor");

    // Found by mail, whatever its case; settings.toml puts the directory first for phones, HR was created first.
    assert_eq!(house.field("alovelace", "phone"), ["100 by directory"]);
    assert_eq!(house.field("alovelace", "display_name"), ["Ada Lovelace by hr"]);
    assert_eq!(house.field("alovelace", "mail"), ["ada@example.org by hr"]);
    // Found by user name, whatever its case; the directory has no phone to say.
    assert_eq!(house.field("ghopper", "phone"), ["200 by hr"]);
    assert_eq!(house.field("visitor", "phone"), ["300 by directory"]);

    // Whichever runs last, the same is believed.
    apply(muster, "hr");
    assert_eq!(house.field("alovelace", "phone"), ["100 by directory"]);
    house
        .directory
        .modify(&format!("dn: uid=countess,ou=people,{SUFFIX}\nchangetype: modify\ndelete: telephoneNumber\n"));
    let run = apply(muster, "directory");
    assert_eq!(run["persons"]["updated"], 1);
    assert_eq!(house.field("alovelace", "phone"), ["200 by hr"], "a source that says nothing any more is not believed");

    let before = rows(muster);
    apply(muster, "hr");
    apply(muster, "directory");
    assert_eq!(rows(muster), before);
}

#[test]
fn a_feed_that_makes_no_persons() {
    let house = House::new();
    let muster = &house.muster;
    apply(muster, "hr");
    let blocked = house.upload(CARDS).exited(3);
    assert_eq!(report(&blocked)["trigger"], "upload");
    let run = resume(muster, &blocked);
    assert_eq!(run["state"], "completed_with_problems");
    assert_figures(&run, "entity_types", "card", &[("read", 5), ("inserted", 3), ("rejected", 1), ("out_of_scope", 1)]);
    assert_figures(&run, "entity_types", "club", &[("read", 2), ("inserted", 2)]);
    assert_figures(&run, "associations", "club_member", &[("inserted", 4), ("rejected", 2)]);
    assert_eq!(run["persons"], json!({ "created": 0, "updated": 2, "blocked": 0, "unblocked": 0, "deleted": 0 }));
    let found = problems(muster, &run);
    assert_eq!(
        found,
        [
            "dangling_reference memberships.csv 6 C4 C4",
            "dangling_reference memberships.csv 7 C2 golf",
            "invalid_value cards.json 6 C5 soon",
            "no_match cards.json 4 C3 -",
        ]
    );
    assert_eq!(
        house.field("alovelace", "card_number"),
        ["C1 by campus"],
        "a field that the connector has brought along"
    );
    assert_eq!(count(muster, "select count(*) from persons"), 5);
    let members = "select concat_ws(' ', g.name, g.profile_type, p.fields ->> 'user_name') from groups g
                     join links l on l.to_id = g.resource_id join resources r on r.id = l.from_id
                     left join persons p on p.id = r.person_id";
    let in_clubs =
        ["Chess & Go member alovelace", "Chess & Go member ghopper", "Rowing member", "Rowing member alovelace"];
    assert_eq!(lines(muster, members), in_clubs);

    let before = rows(muster);
    assert_eq!(report(&house.upload(CARDS).succeeded())["state"], "completed_with_problems");
    assert_eq!(rows(muster), before, "what is in doubt is looked at again, and nothing is written");

    // Whom nobody matched is matched as soon as the person is there.
    house.hire("1009,late,Late,Comer,late@example.org,D10,1001,01/01/2024,Y,en,200\n");
    apply(muster, "hr");
    let blocked = house.upload(CARDS);
    let run = if blocked.code == 3 { resume(muster, &blocked) } else { report(&blocked.succeeded()) };
    assert_eq!(run["problems"]["no_match"], 0);
    assert_eq!(house.field("late", "card_number"), ["C3 by campus"]);
    assert!(lines(muster, members).contains(&"Rowing member late".to_owned()));

    // A card that is lost takes its memberships with it; who held it stays who it is (on_missing = keep).
    let lost = CARDS.replace(
        "\"C1\", \"employee\": \"1001\", \"valid_until\": \"2027-01-31T12:00:00+0100\", \"state\": \"active\"",
        "\"C1\", \"employee\": \"1001\", \"valid_until\": \"2027-01-31T12:00:00+0100\", \"state\": \"lost\"",
    );
    assert_ne!(lost, CARDS);
    let blocked = house.upload(&lost).exited(3);
    let run = resume(muster, &blocked);
    assert_figures(
        &run,
        "entity_types",
        "card",
        &[("read", 5), ("unchanged", 2), ("rejected", 1), ("out_of_scope", 2), ("deleted", 1)],
    );
    assert_figures(&run, "associations", "club_member", &[("deleted", 2), ("rejected", 4)]);
    assert!(!lines(muster, members).iter().any(|line| line.contains("alovelace")));
    assert_eq!(lines(muster, "select state from persons where fields ->> 'user_name' = 'alovelace'"), ["current"]);
}
