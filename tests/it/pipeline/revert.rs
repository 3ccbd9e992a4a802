//! Reverts: apply then revert is as if nothing had been, the revert of a revert gives the first state back, and what was
//! changed since is left alone and listed.

use super::histories::{Dice, Feed, World, installed, some_feed, step};
use super::stored::{assert_figures, count, lines, report, run};
use crate::support::program::Program;
use crate::support::town::Town;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

/// Everything that a run may change, with ids, correlations, blocks and provenance; digests and versions aside.
fn exactly(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "select concat_ws(' ', 'resource', entity_type_id, id, key, coalesce(person_id, 0), line, attributes)
           from resources
         union all
         select concat_ws(' ', 'link', association_id, from_id, to_id) from links
         union all
         select concat_ws(' ', 'person', id, state, created_by, created_run_id, fields, provenance, local, blocks, search)
           from persons
         union all
         select concat_ws(' ', 'group', id, resource_id, name, profile_type) from groups
         union all
         select concat_ws(' ', 'nested', ancestor_id, descendant_id, depth) from group_closure
         union all
         select concat_ws(' ', 'member', m.group_id, m.person_id, m.added_by)
           from local_memberships m join groups g on g.id = m.group_id join persons p on p.id = m.person_id",
    )
}

/// Reverts a run, resumes what a guard blocked, and returns the applied revert.
#[track_caller]
fn revert(muster: &Program, run: &Value) -> Value {
    let ran = muster.run(&["revert", &run["id"].to_string(), "--wait", "--json"]);
    if ran.code == 3 { super::stored::resume(muster, &ran) } else { report(&ran.succeeded()) }
}

fn conflicts(muster: &Program, run: &Value) -> Vec<String> {
    let id = run["id"].to_string();
    let mut all: Vec<String> = muster
        .run(&["show", &id, "--problems", "--json"])
        .succeeded()
        .json()
        .iter()
        .map(|one| {
            let word = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
            [word("code"), word("scope"), word("key"), word("column"), word("value")].join(" ")
        })
        .collect();
    all.sort();
    all
}

#[test]
fn apply_then_revert_is_as_before_and_the_revert_of_that_as_after() {
    let seed: u64 = std::env::var("HISTORIES_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("HISTORIES_SEED={seed}");
    std::thread::scope(|scope| {
        for number in 0..3 {
            scope.spawn(move || history(seed ^ number, number == 1));
        }
    });
}

/// Leavers are deleted, or blocked and come back.
fn history(seed: u64, blocks: bool) {
    let mut dice = Dice(seed);
    let muster = installed();
    if blocks {
        let document = super::histories::DOCUMENT.replace("on_missing = \"delete\"", "on_missing = \"block\"");
        super::histories::apply_document(&muster, &document);
    }
    let mut feed = some_feed();
    let mut story = String::new();
    for number in 0..6 {
        writeln!(story, "{number}: {feed:?}").unwrap();
        let before = exactly(&muster);
        feed.write(&muster);
        let applied = report(&run(&muster, "random").succeeded());
        let after = exactly(&muster);
        let taken_back = revert(&muster, &applied);
        let context = format!("seed {seed}\n{story}\n{applied}\n{taken_back}");
        assert_eq!(exactly(&muster), before, "reverted: {context}");
        assert_eq!(taken_back["problems"]["conflict"], 0, "{context}");
        let again = revert(&muster, &taken_back);
        assert_eq!(exactly(&muster), after, "the revert reverted: {context}\n{again}");
        dice.edit(&mut feed);
    }
}

#[test]
fn the_next_run_looks_again_at_what_was_reverted() {
    let muster = installed();
    let (mut world, mut feed) = (World::default(), some_feed());
    step(&muster, &mut world, &feed, "first");
    let first = world.clone();
    feed.people[0][1] = "gus".into();
    feed.people.remove(3);
    feed.pairs.remove(0);
    step(&muster, &mut world, &feed, "a day later");
    let applied = json!({ "id": 2 });
    revert(&muster, &applied);
    let mut again = first;
    step(&muster, &mut again, &feed, "the same feed after the revert");
    assert_eq!(again, world);
}

#[test]
fn a_revert_of_a_first_load_is_blocked_by_thresholds_and_can_be_resumed() {
    let town = Town::synchronized();
    let muster = &town.muster;
    let loaded = exactly(muster);
    let blocked = muster.run(&["revert", "2", "--wait", "--json"]).exited(3);
    let blocked = report(&blocked);
    assert_eq!((&blocked["mode"], &blocked["reverts"]), (&json!("revert"), &json!(2)));
    assert_eq!(exactly(muster), loaded, "nothing has been written");
    assert!(blocked["breaches"].as_array().unwrap().iter().all(|breach| breach["guard"] == "threshold"), "{blocked}");
    assert_figures(&blocked, "entity_types", "account", &[("read", 63), ("deleted", 63), ("deleted_by_command", 63)]);
    let applied = report(&muster.run(&["resume", &blocked["id"].to_string(), "--wait", "--json"]).succeeded());
    assert_eq!(applied["persons"], blocked["persons"], "the forecast");
    assert_eq!(
        count(
            muster,
            "select count(*) from resources r join entity_types e on e.id = r.entity_type_id where e.name in ('account', 'group')"
        ),
        0
    );
    assert_eq!(count(muster, "select count(*) from persons where created_by = 2"), 0);
    assert_eq!(count(muster, "select count(*) from groups"), 0);
    revert(muster, &applied);
    assert_eq!(exactly(muster), loaded);
}

#[test]
fn a_leaver_comes_back_as_it_was() {
    let town = Town::synchronized();
    let before = exactly(&town.muster);
    town.a_day_later();
    assert_eq!(count(&town.muster, "select count(*) from persons where blocks <> '[]'"), 1);
    let after = exactly(&town.muster);
    let reverted = revert(&town.muster, &json!({ "id": 3 }));
    assert_eq!(reverted["persons"]["unblocked"], 1, "{reverted}");
    assert_eq!(exactly(&town.muster), before);
    revert(&town.muster, &reverted);
    assert_eq!(exactly(&town.muster), after);
}

#[test]
fn what_was_changed_since_is_a_conflict_and_left_alone() {
    let muster = installed();
    let go = |feed: &Feed| {
        feed.write(&muster);
        report(&run(&muster, "random").succeeded())
    };
    let mut feed = some_feed();
    go(&feed);
    // Run 2: P1 and P2 change, P4 goes, P6 and P7 come, P3 gets another boss.
    feed.people[0][1] = "gus".into();
    feed.people[0][2] = "3".into();
    feed.people[1][2] = "9".into();
    feed.people[2][5] = "P2".into();
    feed.people.remove(3);
    feed.people.push(["P6", "fay", "1", "here", "", "", ""].map(str::to_owned));
    feed.people.push(["P7", "hal", "1", "here", "", "", ""].map(str::to_owned));
    let second = go(&feed);
    // Run 3: P1's grade changes again, P6 changes, P4 is back as another, P7 becomes P5's boss, P3's boss changes again.
    feed.people[0][2] = "4".into();
    feed.people[2][5] = String::new();
    feed.people[3][5] = "P7".into();
    feed.people[4][2] = "2".into();
    feed.people.push(["P4", "dee", "7", "here", "", "", ""].map(str::to_owned));
    go(&feed);

    let dry = report(&muster.run(&["revert", "2", "--dry-run", "--wait", "--json"]).succeeded());
    assert_eq!((&dry["state"], &dry["dry_run"]), (&json!("ready"), &json!(true)));
    let reverted = revert(&muster, &second);
    assert_eq!(reverted["state"], "completed_with_problems");
    assert_eq!(
        conflicts(&muster, &reverted),
        [
            "conflict boss P3 - P2",
            "conflict boss P4 - P2",
            "conflict friend P4 - P5",
            "conflict person P1 grade 4",
            "conflict person P4 - -",
            "conflict person P6 - -",
            "conflict person P7 - -",
            "conflict team P4 - U2",
            "conflict unit P4 - U3",
        ]
    );
    let message = &muster.run(&["show", &reverted["id"].to_string(), "--problems", "--json"]).json();
    let grade = message.iter().find(|one| one["column"] == "grade").unwrap();
    assert_eq!(grade["message"], "run 2 had made grade 3, run 3 made it 4; it is left as it is");
    let people = "select concat_ws(' ', key, attributes ->> 'login', attributes ->> 'grade') from resources r
                    join entity_types e on e.id = r.entity_type_id where e.name = 'person'";
    assert_eq!(
        lines(&muster, people),
        ["P1 ada 4", "P2 bob 2", "P3 cy", "P4 dee 7", "P5 eve 1", "P6 fay 2", "P7 hal 1"]
    );
    assert_figures(&reverted, "entity_types", "person", &[("read", 5), ("updated", 2), ("withheld", 3)]);
}

#[test]
fn a_person_that_is_brought_back_has_what_it_had_elsewhere() {
    let muster = Program::new();
    let folder = muster.folder.path();
    let connector = |name: &str, users: &str| {
        format!(
            "name = \"{name}\"\n[guards]\nfirst_run = false\n[thresholds]\nmax_percentage_deleted_lines = 0\n\
             max_percentage_updated_lines = 0\nmax_percentage_inserted_lines = 0\n[[connection]]\nname = \"feed\"\nkind = \"files\"\nfolder = \".\"\n\
             [[connection.table]]\nname = \"rows\"\nfile = \"{name}.csv\"\n[[entity_type]]\nname = \"{name}\"\n\
             source = \"feed.rows\"\nrepresents = \"users\"\n[[entity_type.property]]\nname = \"id\"\n\
             column = \"id\"\nkey = true\n[[entity_type.property]]\nname = \"mail\"\ncolumn = \"mail\"\n\
             [entity_type.users]\ncorrelate = [{{ property = \"mail\", field = \"mail\" }}]\n{users}\n"
        )
    };
    let staff = connector("staff", "on_missing = \"delete\"\n[entity_type.users.fields]\nmail = \"mail\"");
    let cards =
        connector("cards", "create = false\non_missing = \"keep\"\n[entity_type.users.fields]\nsummary = \"id\"");
    fs::write(folder.join("staff.toml"), staff).unwrap();
    fs::write(folder.join("cards.toml"), cards).unwrap();
    let write = |name: &str, rows: &str| fs::write(folder.join(name), format!("id,mail\n{rows}")).unwrap();
    write("staff.csv", "1,a@x\n2,b@x\n");
    write("cards.csv", "C1,a@x\nC2,b@x\nC3,c@x\n");
    muster.run(&["apply", "staff.toml", "cards.toml"]).succeeded();
    for name in ["staff", "cards"] {
        run(&muster, name).succeeded();
    }
    let person = count(&muster, "select person_id from resources where key = '1'");
    execute(
        &muster,
        &format!(
            "insert into groups (name) values ('Choir');
             insert into local_memberships (group_id, person_id, added_by) select id, {person}, 'ada' from groups;
             update persons set local = '{{\"room\": \"4\"}}' where id = {person}"
        ),
    );
    let before = exactly(&muster);
    write("staff.csv", "2,b@x\n");
    let left = report(&run(&muster, "staff").succeeded());
    assert_eq!(left["persons"]["deleted"], 1);
    assert_eq!(count(&muster, "select count(*) from local_memberships"), 0);
    let after = exactly(&muster);
    let back = revert(&muster, &left);
    assert_eq!(back["persons"]["created"], 1, "{back}");
    assert_eq!(exactly(&muster), before);
    revert(&muster, &back);
    assert_eq!(exactly(&muster), after);

    // A correlation that a run made goes again with its revert.
    write("staff.csv", "2,b@x\n3,c@x\n");
    run(&muster, "staff").succeeded();
    let before = exactly(&muster);
    let matched = report(&run(&muster, "cards").succeeded());
    assert_ne!(exactly(&muster), before);
    let undone = revert(&muster, &matched);
    assert_eq!(exactly(&muster), before);
    revert(&muster, &undone);
    assert_eq!(count(&muster, "select count(*) from resources where key = 'C3' and person_id is not null"), 1);
}

#[test]
fn what_is_held_after_a_revert_does_not_come_back() {
    let muster = installed();
    let mut feed = some_feed();
    feed.write(&muster);
    run(&muster, "random").succeeded();
    let before = exactly(&muster);
    feed.people[0][1] = "gus".into();
    feed.people[2][5] = "P2".into();
    feed.people.remove(3);
    feed.people.push(["P6", "fay", "1", "here", "red", "P1", "U1"].map(str::to_owned));
    feed.pairs.truncate(3);
    feed.write(&muster);
    run(&muster, "random").succeeded();
    let back = report(&muster.run(&["revert", "2", "--hold", "--wait", "--json"]).succeeded());
    assert_eq!(exactly(&muster), before);
    let again = report(&run(&muster, "random").succeeded());
    assert_eq!(exactly(&muster), before, "held: {again}");
    assert_ne!(again["entity_types"][1]["withheld"], 0, "{again}");
    assert_eq!(again["proof"]["verdict"], "equal", "{again}");
    // The revert of the revert gives them free.
    revert(&muster, &back);
    assert_eq!(count(&muster, "select count(*) from holds where ended_at is null"), 0);
}

#[test]
fn what_can_not_be_reverted_says_why() {
    let muster = installed();
    let mut feed = some_feed();
    feed.write(&muster);
    muster.run(&["revert", "7"]).exited(4).says("there is no run 7");
    run(&muster, "random").succeeded();
    feed.people[0][1] = "gus".into();
    feed.write(&muster);
    muster.run(&["run", "random", "--dry-run", "--wait"]).succeeded();
    muster.run(&["revert", "2"]).exited(5).says("was not applied");
    let second = report(&run(&muster, "random").succeeded());
    muster.run(&["revert", &second["id"].to_string(), "--wait", "--deactivate"]).succeeded();
    muster.run(&["revert", &second["id"].to_string()]).exited(5).says("was reverted by run 4");
    let shown = report(&muster.run(&["show", &second["id"].to_string(), "--json"]).succeeded());
    assert_eq!(shown["reverted_by"], 4);
    assert_eq!(lines(&muster, "select active::text from connectors"), ["false"]);
    // Of long ago: its month is not there.
    execute(&muster, "update runs set created_at = created_at - interval '3 years' where id = 1");
    muster.run(&["revert", "1"]).exited(5).says("no longer kept");
}

fn execute(muster: &Program, statement: &str) {
    use diesel::connection::SimpleConnection;
    muster.database.connect().batch_execute(statement).unwrap();
}
