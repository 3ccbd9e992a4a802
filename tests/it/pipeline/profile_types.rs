//! Profile types: what groups make of their members, while they are here and afterwards.

use crate::support::works::Works;
use muster::model::as_of::AsOf;
use muster::model::person;

/// The profile types of a user now.
fn types(works: &Works, user_name: &str) -> Vec<String> {
    let mut connection = works.muster.database.connect();
    let found = person::named(&mut connection, &AsOf::Now, user_name).unwrap().remove(0);
    let memberships = person::memberships(&mut connection, &AsOf::Now, &[found.id]).unwrap();
    person::profile_types(&mut connection, &AsOf::Now, &found, &memberships).unwrap().into_iter().collect()
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
}
