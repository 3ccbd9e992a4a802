//! Lists among more persons than anybody looks through: whichever way they are found, nobody is left out or comes twice.

use crate::support::works::Works;
use chrono::Utc;
use diesel::prelude::*;
use diesel::sql_types::Text;
use muster::db;
use muster::model::amount::Amount;
use muster::model::as_of::AsOf;
use muster::model::group::{self, Kind};
use muster::model::person::{self, Filter, MOST_FOUND, Person, Selection, StateFilter};
use muster::pipeline::local_groups;

const PEOPLE: usize = 6000;

/// Three groups: nearly everybody; those who come late in the list; three, in a group within.
fn many() -> Works {
    let mut works = Works::of(PEOPLE);
    works.configure(|document| document.replace("maximum_inserted_lines = 2000", "maximum_inserted_lines = 100000"));
    let those =
        |is_in: fn(&usize) -> bool| (0..PEOPLE).filter(is_in).map(|number| (1000 + number).to_string()).collect();
    works.clubs = vec![
        ("wide".into(), those(is_wide)),
        ("late".into(), those(is_late)),
        ("rare".into(), vec!["inner".into()]),
        ("inner".into(), those(is_rare)),
    ];
    works.run().succeeded();
    let mut connection = works.muster.database.connect();
    for name in ["wide", "late", "rare"] {
        let set = "update groups set profile_type = name where name = $1";
        assert_eq!(diesel::sql_query(set).bind::<Text, _>(name).execute(&mut connection), Ok(1));
    }
    works
}

fn is_wide(number: &usize) -> bool {
    !number.is_multiple_of(10)
}

fn is_late(number: &usize) -> bool {
    *number >= 900
}

fn is_rare(number: &usize) -> bool {
    [17, 3000, 5999].contains(number)
}

fn names(is_in: impl Fn(&usize) -> bool) -> Vec<String> {
    (0..PEOPLE).filter(is_in).map(|number| format!("user{number:04}")).collect()
}

fn name(person: &Person) -> String {
    person.field("user_name").unwrap().to_owned()
}

/// Page after page of a type, as far as there are any; and what the first one says of their number.
fn all_of(connection: &mut PgConnection, profile_type: &str, search: &str, limit: i64) -> (Vec<String>, Amount) {
    let filter = Filter { search: search.to_owned(), ..Filter::default() };
    let (mut found, mut amount): (Vec<Person>, _) = (Vec::new(), None);
    loop {
        let last = found.last().map(|person| (name(person), person.id));
        let after = last.as_ref().map(|(name, id)| (Some(name.as_str()), *id));
        let page = person::page_of_type(connection, &filter, profile_type, after, limit).unwrap();
        amount.get_or_insert(page.amount);
        if page.persons.is_empty() {
            return (found.iter().map(name).collect(), amount.unwrap());
        }
        found.extend(page.persons);
    }
}

#[test]
fn whoever_is_of_a_type_is_listed_once_in_order_and_counted() {
    let works = many();
    let mut connection = works.muster.database.connect();
    assert_eq!(all_of(&mut connection, "wide", "", 700), (names(is_wide), Amount::MoreThan(699)));
    assert_eq!(all_of(&mut connection, "late", "", 700), (names(is_late), Amount::MoreThan(699)));
    assert_eq!(all_of(&mut connection, "rare", "", 2), (names(is_rare), Amount::Exactly(3)));

    // A word that finds very many, and one that finds a hundred.
    assert_eq!(all_of(&mut connection, "rare", "user", 2), (names(is_rare), Amount::Exactly(3)));
    let hundred = |number: &usize| *number < 100 && is_wide(number);
    assert_eq!(all_of(&mut connection, "wide", "user00", 30), (names(hundred), Amount::MoreThan(29)));
    assert_eq!(all_of(&mut connection, "late", "user00", 30), (Vec::new(), Amount::Exactly(0)));
    let (some, amount) = all_of(&mut connection, "wide", "user", 50);
    assert!(some.len() <= MOST_FOUND as usize && some.len() > 300, "{} of the first hits", some.len());
    assert!(some.is_sorted() && some.iter().all(|one| !one.ends_with('0')), "{some:?}");
    assert_eq!(amount, Amount::MoreThan(49));

    for state in [StateFilter::Past, StateFilter::Blocked] {
        let filter = Filter { search: String::new(), state };
        assert!(person::page_of_type(&mut connection, &filter, "wide", None, 5).unwrap().persons.is_empty());
    }

    // Programs go through what a search finds by id, however many that are.
    let through = |connection: &mut PgConnection, search: &str, state| {
        let wanted = Selection { search: search.into(), state, ..Selection::default() };
        let mut found: Vec<Person> = Vec::new();
        loop {
            let after = found.last().map_or(i64::MIN, |person| person.id);
            let page = person::select(connection, &wanted, after, 1700).unwrap();
            if page.is_empty() {
                assert!(found.is_sorted_by_key(|person| person.id));
                let mut names: Vec<String> = found.iter().map(name).collect();
                names.sort();
                return names;
            }
            found.extend(page);
        }
    };
    assert_eq!(through(&mut connection, "user", StateFilter::All), names(|_| true));
    assert_eq!(through(&mut connection, "user", StateFilter::Past), Vec::<String>::new());
    assert_eq!(through(&mut connection, "example user001", StateFilter::Current), names(|number| *number / 10 == 1));

    // Members are counted up to 500, now and as of a moment.
    for at in [AsOf::Now, AsOf::at(&mut connection, Utc::now()).unwrap()] {
        let groups = group::page(&mut connection, &at, "", Kind::Managed, None, 9).unwrap();
        let figures: Vec<(&str, Amount)> = groups.iter().map(|one| (one.name.as_str(), one.members())).collect();
        let more = Amount::MoreThan(500);
        let expected = [("inner", Amount::Exactly(3)), ("late", more), ("rare", Amount::Exactly(1)), ("wide", more)];
        assert_eq!(figures, expected, "{at:?}");
    }
}

#[test]
fn groups_are_listed_before_anything_was_loaded() {
    let works = Works::of(1);
    let mut connection = works.muster.database.connect();
    local_groups::create(&mut connection, "Choir", "", "a test", Utc::now()).unwrap();
    let groups = group::page(&mut connection, &AsOf::Now, "", Kind::All, None, 9).unwrap();
    assert_eq!(
        groups.iter().map(|one| (one.name.as_str(), one.members())).collect::<Vec<_>>(),
        [("Choir", Amount::Exactly(0))]
    );
}

#[test]
fn questions_of_pages_start_no_helpers() {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let works = Works::of(1);
    let pool = db::pool(works.muster.database.url(), 1).unwrap();
    let asked = "select current_setting('max_parallel_workers_per_gather') as value";
    let setting: Setting = diesel::sql_query(asked).get_result(&mut pool.get().unwrap()).unwrap();
    assert_eq!(setting.value, "0");
}
