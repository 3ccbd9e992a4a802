//! Looking back: pages as of a moment, two moments, two runs, versions of a configuration.

use crate::support::reader::{Answer, Reader};
use crate::support::town::Town;
use chrono::TimeDelta;
use std::fs;

/// The address of the first link that reads so.
#[track_caller]
fn link(answer: &Answer, words: &str) -> String {
    let html = answer.html();
    let before = html.split(&format!(">{words}</a>")).next().filter(|before| before.len() < html.len());
    let before = before.unwrap_or_else(|| panic!("no link reads {words:?}: {}", answer.text()));
    before.rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&#38;", "&")
}

#[test]
fn a_profile_is_seen_as_it_was_and_its_links_stay_there() {
    let town = Town::synchronized();
    town.a_day_later();
    let reader = Reader::serve(&town.muster);
    let ada = format!("/users/{}", town.user("alovelace"));
    let then = link(&reader.get(&ada), "As it was before");
    let answer = reader.get(&then);
    let page = answer.text();
    assert!(page.contains("As it was on") && page.contains("after run 2 of Company directory"), "{page}");
    assert!(page.contains("Mail ada@example.org HR system run 1"), "{page}");
    assert!(!page.contains("ada.l@example.org"), "the history of then knows nothing of what came later: {page}");
    assert_eq!(link(&answer, "Back to now"), ada);
    for words in ["Engineering", "Computing"] {
        let further = reader.get(&link(&answer, words));
        assert!(further.text().contains("after run 2 of Company directory"), "{words}: {}", further.text());
    }
    // Grace had not left.
    let grace = reader.page(&then.replace(&ada, &format!("/users/{}", town.user("ghopper"))));
    assert!(grace.contains("Grace Hopper Current") && !grace.contains("Blocked"), "{grace}");
    let past = then.replace(&ada, "/users") + "&state=past";
    assert!(reader.page(&past).contains("No user matches"));
    assert!(reader.page(&past.replace("state=past", "q=ada%40example.org")).contains("Ada Lovelace"));
    assert!(reader.page("/users?q=ada%40example.org").contains("No user matches"));
}

#[test]
fn resources_and_their_list_are_seen_as_they_were() {
    let town = Town::synchronized();
    town.a_day_later();
    let reader = Reader::serve(&town.muster);
    let then = link(&reader.get(reader.get("/resources/hr/hr_person?key=1001").header("location")), "As it was before");
    let query = then.split_once('?').unwrap().1;
    assert!(reader.page(&then).contains("mail ada@example.org"), "{}", reader.page(&then));
    let list = reader.page(&format!("/resources/hr/hr_person?{query}"));
    assert!(list.contains("5 resources") && list.contains("1002"), "{list}");
    assert!(reader.page("/resources/hr/hr_person").contains("4 resources"));
    let to = reader.get(&format!("/resources/hr/hr_person?key=1002&{query}"));
    assert_eq!(to.status, 303);
    assert!(to.header("location").ends_with(query), "{}", to.header("location"));
    let grace = reader.page(to.header("location"));
    assert!(grace.contains("Feeds Grace Hopper"), "{grace}");
    // Now it is gone, and the page says where it was.
    let gone = reader.get(to.header("location").split('?').next().unwrap());
    assert_eq!(gone.status, 404);
    assert!(gone.text().contains("any more. It went on"), "{}", gone.text());
}

#[test]
fn a_group_that_went_is_seen_with_its_members_of_then() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let compilers = link(&reader.get("/groups"), "Compilers");
    let staff = link(&reader.get("/groups"), "Staff");
    let groups = town.muster.folder.path().join("directory/groups.csv");
    let text = fs::read_to_string(&groups).unwrap();
    let text = text.replace("Compilers,ghopper\n", "").replace(";Compilers", "").replace("Staff,", "Everybody,");
    fs::write(&groups, text).unwrap();
    town.muster.run(&["run", "directory", "--wait"]).succeeded();

    assert!(!reader.page("/groups").contains("Compilers"));
    let gone = reader.get(&compilers);
    assert_eq!(gone.status, 404);
    let then =
        gone.html().split("class=\"button primary\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = reader.page(&then);
    assert!(page.contains("Grace Hopper ghopper") && page.contains("Staff 2 steps up"), "{page}");
    let query = then.split_once('?').unwrap().1;
    let via = reader.page(&format!("{staff}?members=via&{query}"));
    assert!(via.contains("Compilers 2 steps within") && via.contains("Next page"), "{via}");
    let list = reader.page(&format!("/groups?{query}"));
    assert!(list.contains("Compilers") && list.contains("Staff") && !list.contains("Everybody"), "{list}");
}

#[test]
fn a_moment_that_is_not_known_says_so() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let before = reader.page("/users?as_of=2001-01-01");
    assert!(before.contains("There were no users") && before.contains("before the first run was applied"), "{before}");
    let ada = format!("/users/{}", town.user("alovelace"));
    let unborn = reader.get(&format!("{ada}?as_of=2001-01-01T00:00"));
    assert_eq!(unborn.status, 404);
    assert!(unborn.text().contains("yet on 1 Jan 2001, 00:00:00 UTC. It came on"), "{}", unborn.text());
    assert!(reader.get("/users?as_of=2999-01-01").text().contains("still to come"));
    assert!(reader.get("/users?as_of=yesterday").text().contains("as_of is not a moment"));
    // As if the first run had been long ago, and its months purged since.
    town.backdate(1, TimeDelta::days(400));
    let purged = reader.get("/users?as_of=2026-01-01");
    assert_eq!(purged.status, 404);
    assert!(purged.text().contains("no longer known"), "{}", purged.text());
    town.muster.run(&["user", "list", "--as-of", "2026-01-01"]).exited(4).says("no longer known");
}

#[test]
fn two_moments_are_compared_field_by_field() {
    let town = Town::synchronized();
    town.a_day_later();
    let reader = Reader::serve(&town.muster);
    let ada = format!("/users/{}", town.user("alovelace"));
    let html = reader.get(&ada).html();
    let moments: Vec<&str> =
        html.split("name=\"at\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(moments.len(), 3, "{html}");
    let page = reader.page(&format!("{ada}/compare?at={}&at={}", moments[0], moments[1]));
    assert!(
        page.contains("ada@example.org HR system, run 1, people.csv line 2 ada.l@example.org HR system, run 3"),
        "{page}"
    );
    let with_now = reader.page(&format!("{ada}/compare?at={}", moments[2]));
    assert!(with_now.contains("Phone no value +44 20") && with_now.contains("Engineering"), "{with_now}");
    assert_eq!(reader.get(&format!("{ada}/compare")).status, 400);

    let resource = reader.get("/resources/hr/hr_person?key=1002");
    assert_eq!(resource.status, 404, "Grace has left");
    let ada = reader.get("/resources/hr/hr_person?key=1001").header("location").to_owned();
    let page = reader.page(&format!("{ada}/compare?at={}", moments[2]));
    assert!(page.contains("mail ada@example.org ada.l@example.org"), "{page}");
    assert!(page.contains("manager (points here)"), "{page}");
}

#[test]
fn two_runs_are_compared_with_what_they_read_and_by_which_configuration() {
    let town = Town::synchronized();
    let folder = town.muster.folder.path();
    let document = fs::read_to_string(folder.join("hr.toml")).unwrap();
    fs::write(folder.join("hr.toml"), document.replace("HR - People", "People of HR")).unwrap();
    town.muster.run(&["apply", "hr.toml"]).succeeded();
    town.a_day_later();
    let reader = Reader::serve(&town.muster);
    let page = reader.page(&link(&reader.get("/runs/3"), "compare with the run before"));
    assert!(page.contains("Run 1 and run 3"), "{page}");
    assert!(page.contains("hr_person deleted 0 1 +1"), "{page}");
    assert!(page.contains("hr_person 0 2 0 0"), "only run 3 has changes one by one: {page}");
    assert!(page.contains("1001 hr_person nothing updates mail ada.l@example.org"), "{page}");
    assert!(page.contains("version 1 → 2") && page.contains("+display_name = \"People of HR\""), "{page}");
    assert!(page.contains("files.people") || page.contains("people"), "{page}");
    assert_eq!(reader.get("/connectors/hr/compare?one=1&other=2").status, 404, "run 2 is the directory's");
    assert_eq!(reader.get("/connectors/hr/compare?other=1").status, 404, "nothing was applied before");

    let versions = reader.page("/connectors/hr/configurations");
    assert!(versions.contains("Version 2 runs use it"), "{versions}");
    let difference = reader.page("/connectors/hr/configurations?one=1&other=2");
    assert!(difference.contains("-display_name = \"HR - People\""), "{difference}");
    assert!(reader.page("/connectors/hr/configurations?version=1").contains("HR - People"));
    assert_eq!(reader.get("/connectors/hr/configurations?version=7").status, 404);
}
