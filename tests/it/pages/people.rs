//! Users, groups and resources with something on them: in order at 320 and 1440 px, light and dark.

use crate::support::browser::Look;
use crate::support::site::Site;
use crate::support::town::Town;
use chrono::{TimeDelta, Utc};
use muster::model::profile_field::Editor;
use muster::pipeline::local_groups::{self, members};
use muster::pipeline::people::edits::{self, Overruling};
use muster::web::moment::parameter;

/// A local group with Ada in it, her phone overridden, and a custom field; returns the group.
fn by_hand(town: &Town, ada: i64) -> i64 {
    let settings = "[[profile_field]]\nname = \"badge\"\ntype = \"choice\"\nchoices = [\"red\"]\neditable_by = \"administrator\"\n\
                    [[profile_field]]\nname = \"nicknames\"\nmultivalued = true\ntype = \"string\"\neditable_by = \"person\"\n\
                    [[profile_field]]\nname = \"born\"\ntype = \"date\"\neditable_by = \"person\"\n";
    town.muster.run_with_stdin(&["apply", "-"], settings).succeeded();
    let (mut connection, now) = (town.muster.database.connect(), Utc::now());
    let badge = [("badge".to_owned(), Some("red".into()))].into();
    edits::set_local(&mut connection, ada, &badge, Editor::Administrator, "alma", now).unwrap();
    let due_at = Some(now + TimeDelta::days(7));
    let wanted = Overruling { person: ada, field: "phone", value: "+1 234".into(), reason: "moved", due_at };
    edits::overrule(&mut connection, &wanted, "alma", now).unwrap();
    let choir = local_groups::create(&mut connection, "Choir", "Who sings", "alma", now).unwrap();
    members::add(&mut connection, choir, &[ada], "alma", now).unwrap();
    let staff = local_groups::named(&mut connection, "Staff").unwrap().remove(0).id;
    local_groups::nest(&mut connection, choir, staff, "alma", now).unwrap();
    choir
}

#[tokio::test]
async fn every_page_of_people_is_in_order() {
    let town = Town::synchronized();
    town.a_day_later();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let then = parameter(town.applied_at(2));
    let choir = by_hand(&town, ada);
    let site = Site::start(town.muster);
    let browser = site.browse().await;
    let (was, users_then, compared) = (
        format!("/users/{grace}?as_of={then}"),
        format!("/users?as_of={then}"),
        format!("/users/{ada}/compare?at={then}"),
    );
    let (edit, phone) = (format!("/users/{ada}/edit"), format!("/users/{ada}/override/phone"));
    let mail = format!("/users/{ada}/override/mail");
    let (group, group_edit, group_rule) =
        (format!("/groups/{choir}"), format!("/groups/{choir}/edit"), format!("/groups/{choir}/rule"));
    let (ada, grace) = (format!("/users/{ada}"), format!("/users/{grace}"));
    let pages = [
        ("users", "/users"),
        ("users-blocked", "/users?state=blocked"),
        ("users-none", "/users?q=nobody"),
        ("user", ada.as_str()),
        ("user-past", grace.as_str()),
        ("user-then", was.as_str()),
        ("users-then", users_then.as_str()),
        ("user-compared", compared.as_str()),
        ("runs-compared", "/connectors/hr/compare?other=3"),
        ("configurations", "/connectors/hr/configurations?one=1&other=1"),
        ("user-edit", edit.as_str()),
        ("user-override", mail.as_str()),
        ("user-overridden", phone.as_str()),
        ("groups", "/groups"),
        ("group-local", group.as_str()),
        ("group-edit", group_edit.as_str()),
        ("group-rule", group_rule.as_str()),
        ("resources", "/resources/hr/hr_person"),
        ("resource", "/resources/hr/hr_person?key=1001"),
        ("resource-many-links", "/resources/directory/group?key=Engineering"),
    ];
    for (name, path) in pages {
        for (width, look) in [(1440, Look::Light), (1440, Look::Dark), (320, Look::Light), (320, Look::Dark)] {
            browser.look(width, look).await;
            browser.open(path).await;
            browser.is_in_order(name, width, look).await;
        }
    }
    // A list that is pasted is looked up first; a rule is tried first.
    browser.open(&group_edit).await;
    browser.fill("list", "ghopper, nobody").await;
    browser.click("Look them up").await;
    browser.shows("Unknown (1)").await;
    browser.is_in_order("group-call", 320, Look::Dark).await;
    browser.open(&group_rule).await;
    browser.fill("rule", "profile.mail.endsWith('example.org') && int(profile.phone) > 0").await;
    browser.click("Try it").await;
    browser.shows("What this rule would do").await;
    browser.is_in_order("group-rule-tried", 320, Look::Dark).await;
    // From a group to those in it, to one of them, to what feeds it: by clicking.
    browser.open("/groups").await;
    browser.click("Engineering").await;
    browser.is_in_order("group", 320, Look::Dark).await;
    browser.click("Through groups within").await;
    browser.is_in_order("group-via", 320, Look::Dark).await;
    browser.click("Grace Hopper").await;
    browser.shows("no longer in HR system").await;
    browser.close().await;
}
