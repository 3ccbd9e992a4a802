//! Groups: list and detail.

use crate::support::reader::Reader;
use crate::support::town::Town;

#[test]
fn groups_are_listed_with_who_manages_them_and_how_many_they_hold() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let page = reader.page("/groups");
    assert!(page.contains("Engineering Company directory 62"), "{page}");
    assert!(reader.page("/groups?q=ENGIN").contains("Engineering"));
    assert!(reader.page("/groups?kind=local").contains("No group matches"));
}

#[test]
fn members_are_direct_or_through_the_groups_within() {
    let town = Town::synchronized();
    let reader = Reader::serve(&town.muster);
    let listed = reader.get("/groups").html();
    let link_of = |name: &str| {
        let before = listed.split(&format!(">{name}</a>")).next().unwrap();
        before.rsplit("href=\"").next().unwrap().split('"').next().unwrap().to_owned()
    };
    let staff = reader.page(&link_of("Staff"));
    assert!(
        staff.contains("No user is directly in this group") && staff.contains("Compilers 2 steps within"),
        "{staff}"
    );

    let via = format!("{}?members=via", link_of("Staff"));
    let mut path = via;
    let mut rows = Vec::new();
    loop {
        let html = reader.get(&path).html();
        rows.extend(html.split("<tr>").skip(2).map(|row| {
            let links: Vec<&str> = row.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
            (links[0].to_owned(), links[1].to_owned())
        }));
        let Some(before) = html.split("rel=\"next\"").next().filter(|before| before.len() < html.len()) else { break };
        path = before.rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&#38;", "&");
    }
    let through = |name: &str| rows.iter().filter(|(_, via)| *via == link_of(name)).count();
    assert_eq!((rows.len(), through("Engineering"), through("Compilers")), (62, 61, 1), "{rows:?}");
    let mut once = rows.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), rows.len(), "nobody twice by the same way");

    let compilers = reader.page(&link_of("Compilers"));
    assert!(compilers.contains("Grace Hopper ghopper"), "{compilers}");
    assert!(compilers.contains("Engineering") && compilers.contains("Staff 2 steps up"), "{compilers}");
}
