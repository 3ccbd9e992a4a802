//! Users: list and profile.

use crate::support::reader::Reader;
use crate::support::town::Town;

#[test]
fn users_are_found_whatever_their_case_and_accents() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let page = reader.page("/users");
    assert!(page.contains("66 users") && page.contains("Next page"), "{page}");
    for (search, found) in
        [("GARCIA nunez", true), ("jose@", true), ("健", true), ("1004", true), ("garcia ada", false)]
    {
        let query = url::form_urlencoded::byte_serialize(search.as_bytes()).collect::<String>();
        let page = reader.page(&format!("/users?q={query}"));
        let name = if search == "健" { "Wu, Dr. 健雄" } else { "José García-Núñez" };
        assert_eq!(page.contains(name), found, "{search}: {page}");
        assert_eq!(page.contains("No user matches"), !found, "{search}: {page}");
    }
    assert!(reader.page("/users?q=%25").contains("No user matches"), "a percent sign is no joker");
    let hostile = reader.get("/users?q=mallory").html();
    assert!(hostile.contains("&#60;b&#62;Mallory") && !hostile.contains("<b>Mallory"), "{hostile}");
}

#[test]
fn pages_follow_each_other_without_gap_and_without_repetition() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let mut path = "/users".to_owned();
    let mut seen = Vec::new();
    loop {
        let html = reader.get(&path).html();
        seen.extend(html.split("href=\"/users/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        let Some(next) = html.split("rel=\"next\"").next().filter(|before| before.len() < html.len()) else { break };
        let href = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
        path = href.replace("&#38;", "&").replace("&amp;", "&");
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((all, seen.len()), (66, 66), "every user once");
}

#[test]
fn a_profile_says_of_every_value_where_it_is_from() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let page = reader.page(&format!("/users/{}", town.user("alovelace")));
    assert!(page.contains("User name alovelace HR system run 1 people.csv line 2 1 other source ada.l"), "{page}");
    assert!(page.contains("Display name Ada Lovelace HR system run 1 people.csv line 2 1 other source Ada, Countess"));
    assert!(page.contains("Mail ada@example.org HR system run 1 people.csv line 2 1 other source the same"), "{page}");
    assert!(page.contains("Phone +44 20 Company directory run 2 users.csv line 2"), "{page}");
    assert!(page.contains("department Computing"), "{page}");
    assert!(page.contains("Staff Company directory via Engineering"), "{page}");
    assert!(page.contains("HR - People 1001 HR system · people.csv line 2 run 1"), "{page}");
    assert!(page.contains("Created") && !page.contains("Blocked"), "{page}");
}

#[test]
fn a_leaver_is_past_and_blocked_and_the_history_says_by_which_run() {
    let town = Town::synchronized();
    town.a_day_later();
    let reader = Reader::serve(&town.muster);
    let grace = reader.page(&format!("/users/{}", town.user("ghopper")));
    assert!(grace.contains("Grace Hopper Past Blocked"), "{grace}");
    assert!(grace.contains("Blocked: no longer in HR system , since just now , by run 3"), "{grace}");
    assert!(grace.contains("State current → past"), "{grace}");
    let ada = reader.page(&format!("/users/{}", town.user("alovelace")));
    assert!(ada.contains("by run 3 Mail ada@example.org → ada.l@example.org"), "{ada}");
    for state in ["past", "blocked"] {
        let page = reader.page(&format!("/users?state={state}"));
        assert!(page.contains("1 user ") && page.contains("Grace Hopper"), "{page}");
    }
    assert!(reader.page("/users?state=current").contains("65 users"));
}

#[test]
fn a_photo_is_shown_only_if_it_is_an_image() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let grace = format!("/users/{}", town.user("ghopper"));
    assert!(reader.get(&grace).html().contains(&format!("src=\"{grace}/photo\"")));
    let photo = reader.get(&format!("{grace}/photo"));
    assert!(photo.status == 200 && photo.body.starts_with(b"\xff\xd8\xff"), "drawn anew, as JPEG");
    assert_eq!(photo.header("content-type"), "image/jpeg");
    assert_eq!(photo.header("x-content-type-options"), "nosniff");
    assert!(photo.header("content-security-policy").contains("sandbox"));
    let again = reader.get_with(&format!("{grace}/photo"), &[("if-none-match", photo.header("etag"))]);
    assert_eq!((again.status, again.body.len()), (304, 0));

    let mallory = format!("/users/{}", town.user("mallory"));
    assert!(!reader.get(&mallory).html().contains("/photo\""), "a script is no photo");
    assert_eq!(reader.get(&format!("{mallory}/photo")).status, 404);
}

#[test]
fn who_is_not_there_is_not_found() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    for path in ["/users/999999", "/users/ada", "/users/1/photo", "/groups/99999", "/groups/x"] {
        let answer = reader.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("Not found"), "{path}: {}", answer.text());
    }
}
