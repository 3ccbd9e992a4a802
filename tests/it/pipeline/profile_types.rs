//! Profile types: what groups make of their members, while they are here and afterwards.

use crate::support::works::Works;
use muster::model::as_of::AsOf;
use muster::model::person::{self, Filter};

/// The profile types of a user now.
fn types(works: &Works, user_name: &str) -> Vec<String> {
    let mut connection = works.muster.database.connect();
    let found = person::named(&mut connection, &AsOf::Now, user_name).unwrap().remove(0);
    let memberships = person::memberships(&mut connection, &AsOf::Now, &[found.id]).unwrap();
    person::profile_types(&mut connection, &AsOf::Now, &found, &memberships).unwrap().into_iter().collect()
}

/// The first five players that a search finds, after the one of that user name.
fn listed(works: &Works, search: &str, after: Option<&str>) -> Vec<String> {
    let mut connection = works.muster.database.connect();
    let filter = Filter { search: search.to_owned(), ..Filter::default() };
    let after = after.map(|name| (Some(name), i64::MAX));
    let page = person::page_of_type(&mut connection, &filter, "player", after, 5).unwrap();
    page.persons.iter().filter_map(|person| person.field("user_name")).map(str::to_owned).collect()
}

#[test]
fn a_group_sets_a_profile_type_while_somebody_is_current_and_another_one_after() {
    let mut works = Works::of(30);
    works.configure(|document| {
        document.replace(
            "  [entity_type.groups]\n  name = \"code\"\n",
            "  [entity_type.groups]\n  name = \"code\"\n  profile_type = \"player\"\n  past_profile_type = \"past player\"\n",
        )
    });
    works.run().succeeded();
    assert_eq!(types(&works, "user0003"), ["player"]);
    assert_eq!(types(&works, "user0020"), Vec::<String>::new());
    assert_eq!(listed(&works, "", None), ["user0000", "user0001", "user0002", "user0003", "user0004"]);
    assert_eq!(listed(&works, "", Some("user0007")), ["user0008", "user0009"]);
    assert_eq!(listed(&works, "USER0005", None), ["user0005"]);
    works.people.retain(|one| one.id != "1003");
    for (_, members) in &mut works.clubs {
        members.retain(|member| member != "1003");
    }
    let ran = works.run();
    if ran.code == 3 {
        let id = ran.json()[0]["id"].to_string();
        works.muster.run(&["resume", &id, "--wait"]).succeeded();
    }
    assert_eq!(types(&works, "user0003"), ["past player"]);
    assert_eq!(types(&works, "user0004"), ["player"]);
    assert_eq!(listed(&works, "user0003", None), Vec::<String>::new(), "who is past is no player");
    let types = person::types(&mut works.muster.database.connect()).unwrap();
    assert_eq!(types, ["player"]);
}
