//! `muster user matches`, `match`, `unmatch`, `merge` and `separate`.

use crate::support::guild::Guild;
use muster::model::audit;
use serde_json::{Value, json};

/// Two of staff share an address, by which the register looks for them.
fn in_doubt() -> Guild {
    let guild = Guild::new();
    guild.configure("staff", "correlate = [{ property = \"number\", field = \"employee_id\" }]");
    guild.apply("staff", &["1,Ada,shared@x,10", "2,Bea,shared@x,20", "3,Cid,cid@x,30"]);
    guild.apply("register", REGISTER);
    guild
}

const REGISTER: &[&str] = &["R1,Twin,shared@x,99", "R12,Other,shared@x,98", "R3,Third,cid@x,33"];

fn matches(guild: &Guild, more: &[&str]) -> Vec<Value> {
    guild.muster.run(&[&["user", "matches", "--json"][..], more].concat()).succeeded().json()
}

fn last_line(guild: &Guild) -> (String, String, Value) {
    let line = audit::newest(&mut guild.muster.database.connect(), None, 1).unwrap().remove(0);
    assert!(line.account.ends_with(" (command line)"), "{line:?}");
    (line.action, line.subject, line.detail)
}

#[test]
fn records_in_doubt_are_listed_with_whom_they_may_be_and_decided() {
    let guild = in_doubt();
    let muster = &guild.muster;
    let (ada, bea) = (guild.person("staff", "1").unwrap(), guild.person("staff", "2").unwrap());
    let listed = matches(&guild, &[]);
    let keys = |listed: &[Value]| listed.iter().map(|one| one["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(keys(&listed), ["R1", "R12"]);
    let first = &listed[0];
    assert_eq!((&first["connector"], &first["code"]), (&json!("register"), &json!("ambiguous_match")));
    assert_eq!((&first["file"], &first["line"]), (&json!("people.csv"), &json!(2)));
    let candidates: Vec<&Value> = first["candidates"].as_array().unwrap().iter().map(|one| &one["user"]).collect();
    assert_eq!(candidates, [&json!(ada), &json!(bea)]);
    muster.run(&["user", "matches"]).succeeded().shows("register register_user R1  ambiguous_match").shows("Bea");
    assert_eq!(keys(&matches(&guild, &["--key", "R12", "--connector", "register"])), ["R12"]);
    muster.run(&["user", "matches", "--code", "no_match"]).succeeded().says("no record is in doubt");
    muster.run(&["user", "matches", "--code", "nonsense"]).exited(2).says("ambiguous_match");
    muster.run(&["user", "matches", "--connector", "nowhere"]).exited(4);

    // What would be decided is listed; nothing is before --yes.
    let decide = |more: &[&str]| muster.run(&[&["user", "match", "register"][..], more].concat());
    decide(&["R1"]).exited(2).says("--exact");
    decide(&["R1", "--new", "--ignore"]).exited(2);
    decide(&["--new"]).exited(2).says("KEYS");
    decide(&["R7", "--new"]).exited(4).says("R7");
    decide(&["R1", "--exact", "--yes"]).exited(5).says("no record was found");
    let bea_mail = bea.to_string();
    decide(&["R1", "--existing", &bea_mail]).exited(2).shows("would be decided: user").says("say --yes");
    assert_eq!(matches(&guild, &[]).len(), 2);
    let done = decide(&["R1", "--existing", &bea_mail, "--reason", "asked her", "--yes", "--json"]).succeeded();
    assert_eq!(
        done.json()[0],
        json!({ "connector": "register", "entity_type": "register_user", "key": "R1", "is": "person", "user": bea,
                "outcome": "decided" })
    );
    let (action, subject, detail) = last_line(&guild);
    assert_eq!((&*action, &*subject), ("correlate", "connector register"));
    assert_eq!((&detail["decisions"][0]["key"], &detail["comment"]), (&json!("R1"), &json!("asked her")));
    decide(&["--all", "--code", "ambiguous_match", "--ignore", "--yes"]).succeeded().shows("R12: decided: ignore");
    assert!(matches(&guild, &[]).is_empty());
    guild.apply("register", REGISTER);
    assert_eq!(guild.person("register", "R1"), Some(bea));
    assert_eq!(guild.person("register", "R12"), None);

    // Taken back, it is in doubt again.
    let decided = matches(&guild, &["--decided"]);
    assert_eq!(keys(&decided), ["R12", "R1"]);
    assert_eq!((&decided[1]["user"], &decided[1]["reason"]), (&json!(bea), &json!("asked her")));
    let number = decided[0]["decision"].to_string();
    muster.run(&["user", "unmatch", &number]).succeeded().shows("1 taken back");
    assert_eq!(last_line(&guild).0, "undo_correlate");
    muster.run(&["user", "unmatch", &number]).exited(4).says("muster user matches --decided");
    assert_eq!(keys(&matches(&guild, &[])), ["R12"]);
    decide(&["R12", "--new", "--yes"]).succeeded().says("the next complete run of register goes by it");
    guild.apply("register", REGISTER);
    assert!(guild.person("register", "R12").is_some_and(|new| new != ada && new != bea));
}

#[test]
fn users_are_merged_and_separated_once_that_was_listed_and_confirmed() {
    let guild = in_doubt();
    let muster = &guild.muster;
    let (ada, bea, cid) =
        (guild.person("staff", "1").unwrap(), guild.person("staff", "2").unwrap(), guild.person("staff", "3").unwrap());
    assert_eq!(guild.person("register", "R3"), Some(cid));
    let (keep, gone) = (ada.to_string(), bea.to_string());

    let merge = |more: &[&str]| muster.run(&[&["user", "merge"][..], more].concat());
    merge(&[&keep, &gone]).exited(2).says("--reason");
    merge(&[&keep, &keep, "--reason", "x"]).exited(2).says("same user");
    merge(&[&keep, "nobody", "--reason", "x"]).exited(4);
    let shown = merge(&[&keep, &gone, "--reason", "one and the same", "--json"]).exited(2).says("say --yes").json();
    assert_eq!((&shown[0]["would_become"], &shown[1]["would_become"]), (&json!(null), &json!(ada)));
    let record = json!({ "connector": "staff", "entity_type": "staff_user", "key": "2" });
    assert_eq!(shown[1]["records"], json!([record]));
    assert_eq!(guild.person("staff", "2"), Some(bea), "nothing was done");
    merge(&[&keep, &gone, "--reason", " ", "--yes"]).exited(2).says("say why");
    merge(&[&keep, &gone, "--reason", "one and the same", "--yes"]).succeeded().shows("is user");
    assert_eq!(guild.person("staff", "2"), Some(ada));
    let (action, subject, detail) = last_line(&guild);
    assert_eq!((&*action, subject), ("merge", format!("user {bea}")));
    assert_eq!((&detail["into"], &detail["comment"]), (&json!(ada), &json!("one and the same")));
    merge(&[&keep, &gone, "--reason", "x", "--yes"]).exited(4);

    let separate = |more: &[&str]| muster.run(&[&["user", "separate"][..], more].concat());
    separate(&[&keep, "staff", "7", "--reason", "x"]).exited(4).says("muster user export");
    separate(&[&keep, "register", "2", "--reason", "x"]).exited(4);
    separate(&[&keep, "staff", "2", "--reason", "two after all"]).exited(2).says("become a user of its own");
    assert_eq!(guild.person("staff", "2"), Some(ada), "nothing was done");
    let done = separate(&[&keep, "staff", "2", "--reason", "two after all", "--yes", "--json"]).succeeded().json();
    let own = guild.person("staff", "2").unwrap();
    assert_eq!((done[0]["now_feeds"].as_i64(), own == ada), (Some(own), false));
    let (action, _, detail) = last_line(&guild);
    assert_eq!((&*action, &detail["key"], &detail["comment"]), ("separate", &json!("2"), &json!("two after all")));
    separate(&[&keep, "staff", "1", "--reason", "x", "--yes"]).exited(5).says("all that feeds the user");
    let other = own.to_string();
    separate(&[&cid.to_string(), "register", "R3", "--to", &other, "--reason", "hers", "--yes"]).succeeded();
    assert_eq!(guild.person("register", "R3"), Some(own));
}
