//! Resources: list, detail, links.

use crate::support::reader::Reader;
use crate::support::town::Town;

#[test]
fn resources_are_listed_with_the_columns_one_chooses() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let page = reader.page("/resources/hr/hr_person");
    assert!(page.contains("5 resources") && page.contains("1001") && page.contains("ada@example.org"), "{page}");
    let page = reader.page("/resources/hr/hr_person?q=LOVELACE&column=hire_date");
    assert!(page.contains("1 resource ") && page.contains("2019-12-10"), "{page}");
    assert!(!page.contains("ada@example.org"), "{page}");
    assert!(reader.page("/resources/hr/hr_person?q=nowhere").contains("No resource matches"));
    for path in ["/resources/hr/nothing", "/resources/nobody/hr_person", "/resources/hr/hr_person/999999"] {
        assert_eq!(reader.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_resource_shows_links_both_ways_its_person_and_its_history() {
    let town = Town::synchronized();
    town.a_day_later();
    let reader = Reader::serve(&town.muster);
    let to = reader.get("/resources/hr/hr_person?key=1001");
    assert_eq!(to.status, 303);
    let ada = to.header("location").to_owned();
    let page = reader.page(&ada);
    assert!(page.contains("Key 1001 Run 3 · people.csv line 2"), "{page}");
    assert!(page.contains("Feeds Ada Lovelace"), "{page}");
    assert!(page.contains("department Computing HR - Departments"), "{page}");
    assert!(page.contains("manager points here"), "{page}");
    assert!(page.contains("by run 3 mail ada@example.org → ada.l@example.org"), "{page}");
    assert!(page.contains("Added") && page.contains("by run 1"), "{page}");
}

#[test]
fn many_links_have_pages_of_their_own() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let to = reader.get("/resources/directory/group?key=Engineering");
    let group = to.header("location").to_owned();
    let page = reader.page(&group);
    assert!(page.contains("All of Members"), "{page}");
    let all = reader.page(&format!("{group}/to/member"));
    assert!(all.contains("Where Engineering leads to") && all.contains("Next page"), "{all}");
    assert_eq!(reader.get(&format!("{group}/up/member")).status, 404);
}
