//! Users, groups and resources with something on them: in order at 320 and 1440 px, light and dark.

use crate::support::browser::Look;
use crate::support::site::Site;
use crate::support::town::Town;
use muster::web::moment::parameter;

#[tokio::test]
async fn every_page_of_people_is_in_order() {
    let town = Town::synchronized();
    town.a_day_later();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let then = parameter(town.applied_at(2));
    let site = Site::start(town.muster);
    let browser = site.browse().await;
    let (was, users_then, compared) = (
        format!("/users/{grace}?as_of={then}"),
        format!("/users?as_of={then}"),
        format!("/users/{ada}/compare?at={then}"),
    );
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
        ("groups", "/groups"),
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
