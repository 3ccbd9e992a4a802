//! What administrators set by hand on profiles: custom fields, overrides, photos. No run takes it away.

use crate::support::desk::Desk;
use crate::support::town::{PHOTO, Town};
use chrono::{Days, Utc};
use muster::model::account::Role;
use muster::model::as_of::AsOf;
use muster::model::person::{self, Person};
use muster::pipeline::people::edits;
use std::fs;

fn stored(town: &Town, id: i64) -> Person {
    person::find(&mut town.muster.database.connect(), &AsOf::Now, id).unwrap().unwrap()
}

/// The directory says something else of Ada: her phone.
fn call_her(town: &Town, phone: &str) {
    let path = town.muster.folder.path().join("directory/users.csv");
    let users = fs::read_to_string(&path).unwrap();
    let users: Vec<String> = users
        .lines()
        .map(|line| match line.starts_with("ada.l,") {
            true => format!("ada.l,\"Ada, Countess\",ada@example.org,{phone},"),
            false => line.to_owned(),
        })
        .collect();
    fs::write(path, users.join("\n") + "\n").unwrap();
    town.muster.run(&["run", "directory", "--wait"]).succeeded();
}

#[test]
fn a_custom_field_is_added_filled_in_kept_by_every_run_and_removed() {
    let town = Town::synchronized();
    let ada = town.user("alovelace");
    let desk = Desk::of(&town.muster);
    let page = desk.send(
        "/profile-fields",
        &[
            ("name", "badge"),
            ("title", "Badge"),
            ("value_type", "choice"),
            ("choices", "red\r\ngreen"),
            ("editable_by", "administrator"),
        ],
    );
    assert!(
        page.contains("The field badge has been added") && page.contains("Badge badge choice custom administrators"),
        "{page}"
    );
    let page = desk.send("/profile-fields", &[("name", "badge"), ("value_type", "string")]);
    assert!(page.contains("There is a field \"badge\" already"), "{page}");
    let page = desk.send("/profile-fields", &[("name", "colour"), ("value_type", "choice")]);
    assert!(page.contains("A choice needs choices"), "{page}");
    desk.send(
        "/profile-fields",
        &[("name", "nicknames"), ("value_type", "string"), ("multivalued", "yes"), ("editable_by", "person")],
    );
    desk.send(
        "/profile-fields",
        &[("name", "salary"), ("value_type", "number"), ("hidden", "yes"), ("editable_by", "administrator")],
    );

    let edit = format!("/users/{ada}/edit");
    let page = desk.page(&edit);
    assert!(
        page.contains("Badge") && page.contains("Nicknames") && page.contains("Mail ada@example.org HR system"),
        "{page}"
    );
    let wrong = [("field.badge", "blue"), ("field.nicknames", "Countess"), ("field.salary", "a lot")];
    let page = desk.send(&edit, &wrong);
    assert!(page.contains("Badge: \"blue\" is none of its choices; write one of red, green"), "{page}");
    assert!(page.contains("Salary: \"a lot\" is no number"), "{page}");
    assert_eq!(stored(&town, ada).local, serde_json::json!({}), "all of it or nothing");
    let right = [("field.badge", "red"), ("field.nicknames", "Countess\r\nEnchantress"), ("field.salary", "1000.5")];
    let page = desk.send(&edit, &right);
    assert!(page.contains("3 fields were saved") && page.contains("Badge red local alma"), "{page}");
    assert!(page.contains("Nicknames Countess, Enchantress local") && page.contains("Salary 1000.5"), "{page}");
    assert!(desk.send(&edit, &right).contains("Nothing was different"));

    let viewer = Desk::with(&town.muster, "vera", Role::Viewer);
    for path in [format!("/users/{ada}"), format!("/users/{ada}/compare?at=2026-01-01T00:00:00Z")] {
        let page = viewer.page(&path);
        assert!(page.contains("Badge") && !page.contains("1000.5"), "{path}: {page}");
    }
    town.a_day_later();
    call_her(&town, "+44 21");
    let page = desk.page(&format!("/users/{ada}"));
    assert!(
        page.contains("Badge red local alma") && page.contains("+44 21") && page.contains("ada.l@example.org"),
        "{page}"
    );

    let page = desk.send("/profile-fields/badge/remove", &[]);
    assert!(page.contains("The field Badge has been removed"), "{page}");
    let page = desk.page(&format!("/users/{ada}"));
    assert!(page.contains("History Changed just now badge red"), "the history keeps it: {page}");
    assert_eq!(stored(&town, ada).local.get("badge"), None);
    assert!(desk.send("/profile-fields/mail/remove", &[]).contains("exists from the start and stays"));
    let settings = town.muster.run(&["export", "--settings"]).succeeded().stdout;
    assert!(settings.contains("nicknames") && !settings.contains("badge"), "{settings}");
}

#[test]
fn an_override_wins_over_all_sources_until_its_day_has_come() {
    let town = Town::synchronized();
    let ada = town.user("alovelace");
    let before = stored(&town, ada);
    let desk = Desk::of(&town.muster);
    let (phone, mail) = (format!("/users/{ada}/override/phone"), format!("/users/{ada}/override/mail"));
    assert!(desk.page(&phone).contains("Company directory wins +44 20"));
    let page = desk.send(&phone, &[("value", "+1 234"), ("reason", " ")]);
    assert!(page.contains("An override needs a reason"), "{page}");
    let page = desk.send(&phone, &[("value", "ask"), ("reason", "moved")]);
    let day = Utc::now().date_naive() + Days::new(7);
    assert!(
        page.contains("Phone") && !page.contains("is no telephone number"),
        "phones of sources are any text: {page}"
    );
    let page =
        desk.send(&phone, &[("value", "+1 234"), ("reason", "moved to the branch"), ("until", &day.to_string())]);
    assert!(page.contains("Phone +1 234 overridden moved to the branch. By alma"), "{page}");
    assert!(page.contains("ends in") && page.contains("1 other source +44 20"), "{page}");
    let page = desk.send(&mail, &[("value", "countess@example.org"), ("reason", "asked for")]);
    assert!(page.contains("countess@example.org overridden asked for"), "{page}");
    assert!(desk.page("/users?q=countess").contains("Ada Lovelace"), "what holds is found");
    let taken = desk.send(&format!("/users/{ada}/override/user_name"), &[("value", "GHOPPER"), ("reason", "x")]);
    assert!(taken.contains("another user has"), "{taken}");

    // Runs change what lies beneath, and nothing else.
    town.a_day_later();
    call_her(&town, "+44 21");
    let page = desk.page(&format!("/users/{ada}"));
    assert!(page.contains("Phone +1 234 overridden") && page.contains("1 other source +44 21"), "{page}");
    assert!(page.contains("countess@example.org overridden"), "{page}");
    let versions = |town: &Town| {
        let history = person::history(&mut town.muster.database.connect(), &AsOf::Now, ada, 50).unwrap();
        history.len()
    };
    let so_far = versions(&town);
    town.muster.run(&["run", "directory", "--wait"]).succeeded();
    assert_eq!(versions(&town), so_far, "the same feed writes nothing");

    let mut connection = town.muster.database.connect();
    let early = Utc::now() + Days::new(5);
    assert_eq!(edits::end_due(&mut connection, early).unwrap(), 0);
    let due = Utc::now() + Days::new(8);
    assert_eq!(edits::end_due(&mut connection, due).unwrap(), 1);
    let now = stored(&town, ada);
    assert_eq!(now.field("phone"), Some("+44 21"));
    assert_eq!(now.field("mail"), Some("countess@example.org"), "this one has no end");
    let page = desk.send(&format!("{mail}/end"), &[]);
    assert!(page.contains("sources decide it again"), "{page}");
    let now = stored(&town, ada);
    assert_eq!(now.field("mail"), Some("ada.l@example.org"));
    let source = |person: &Person| person.source("mail").map(|source| (source.connector, source.line));
    assert_eq!((source(&now), now.source("mail").unwrap().run), (source(&before), 3), "as if it had never been");
    assert!(
        desk.page("/users?q=countess").contains("No user matches")
            || !desk.page("/users?q=countess").contains("Ada Lovelace")
    );
}

#[test]
fn a_photo_is_uploaded_drawn_anew_and_kept_by_every_run() {
    let town = Town::synchronized();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let desk = Desk::of(&town.muster);
    let upload = |id: i64, content: &[u8]| desk.send_file(&format!("/users/{id}/photo"), "photo", content);
    let page = upload(ada, b"<script>alert(1)</script>");
    assert!(page.contains("The photo is not taken: It is no JPEG, PNG or WebP image"), "{page}");
    assert_eq!(desk.get(&format!("/users/{ada}/photo")).status, 404);
    assert!(upload(ada, PHOTO).contains("The photo is in place"));
    let photo = |size: &str| desk.get(&format!("/users/{ada}/photo?size={size}"));
    for size in ["small", "medium", "large"] {
        let photo = photo(size);
        assert!(photo.status == 200 && photo.body.starts_with(b"\xff\xd8\xff"), "{size}: {}", photo.status);
    }
    let first = photo("small").header("etag").to_owned();

    // Grace has one from the directory: an upload lies over it, and its end shows the other again.
    let of_source = desk.get(&format!("/users/{grace}/photo")).header("etag").to_owned();
    assert!(upload(grace, PHOTO).contains("The photo is in place"));
    assert_ne!(desk.get(&format!("/users/{grace}/photo")).header("etag"), of_source);
    town.a_day_later();
    call_her(&town, "+44 21");
    assert_eq!(photo("small").header("etag"), first);
    assert!(desk.page(&format!("/users/{grace}")).contains("overridden a photo was uploaded"));
    let page = desk.send(&format!("/users/{grace}/photo/remove"), &[]);
    assert!(page.contains("The uploaded photo is gone"), "{page}");
    assert_eq!(desk.get(&format!("/users/{grace}/photo")).header("etag"), of_source);
    let page = desk.send(&format!("/users/{ada}/photo/remove"), &[]);
    assert!(page.contains("The uploaded photo is gone"), "{page}");
    assert_eq!(desk.get(&format!("/users/{ada}/photo")).status, 404);
}
