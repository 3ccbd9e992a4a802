//! The cases, each with the verdict it should get.

use super::{PEOPLE, id, unit};
use crate::support::feed::{Feed, Table};

/// One feed.
pub struct Case {
    /// What is wrong with it, or only seems to be.
    pub name: &'static str,
    /// How it differs from the base.
    pub change: Box<dyn Fn(&mut Feed)>,
    /// State, guards exceeded, likeliest cause.
    pub verdict: &'static str,
}

fn case(name: &'static str, verdict: &'static str, change: impl Fn(&mut Feed) + 'static) -> Case {
    Case { name, change: Box::new(change), verdict }
}

/// A case that touches people only.
fn people(name: &'static str, verdict: &'static str, change: impl Fn(&mut Table) + 'static) -> Case {
    case(name, verdict, move |feed| change(feed.table("people.csv")))
}

/// New people, alike enough to be nobody's change but their own.
fn join(table: &mut Table, count: usize) {
    for n in PEOPLE..PEOPLE + count {
        let mut row = table.rows[n * 7 % PEOPLE].clone();
        row[0] = id(n);
        row[1] = format!("new{n}");
        row[4] = format!("new.{n}@example.org");
        row[10] = unit(n % 14);
        table.rows.push(row);
    }
}

/// So many people leave, from all over the file.
fn leave(feed: &mut Feed, count: usize) {
    let gone: Vec<String> = (0..count).map(|n| id(PEOPLE - 1 - n * 19 % 340)).collect();
    feed.table("people.csv").keep(|row| !gone.contains(&row[0]));
    feed.table("members.csv").keep(|row| !gone.contains(&row[1]));
}

/// So many people get another room.
fn move_rooms(table: &mut Table, count: usize) {
    let at = table.column("Room");
    for n in 0..count {
        table.rows[n * 11 % PEOPLE][at] = format!("D{n:02}");
    }
}

/// UTF-8, read as Latin-1 and written as UTF-8 again.
fn garble(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

pub fn all(yesterday: &Feed) -> Vec<Case> {
    let (before, almost) = (yesterday.clone(), yesterday.clone());
    vec![
        // Harmless.
        case("the same again", "ready", |_| {}),
        people("rows in another order", "ready", |t| t.rows.reverse()),
        people("a byte order mark before the first header", "ready", |t| {
            t.bytes = Some(["\u{feff}".as_bytes(), t.text().as_bytes()].concat());
        }),
        people("line ends of Windows", "ready", |t| t.bytes = Some(t.text().replace('\n', "\r\n").into_bytes())),
        people("every field quoted", "ready", |t| {
            let quote = |row: &Vec<String>| row.iter().map(|f| format!("\"{f}\"")).collect::<Vec<_>>().join(",");
            let lines: Vec<String> = std::iter::once(&t.header).chain(&t.rows).map(quote).collect();
            t.bytes = Some((lines.join("\n") + "\n").into_bytes());
        }),
        people("no line end after the last row", "ready", |t| {
            t.bytes = Some(t.text().trim_end().as_bytes().to_vec());
        }),
        people("blanks around values", "ready", |t| t.map("Room", |room| format!(" {room} "))),
        people("a new column at the end", "ready", |t| t.add(t.header.len(), "Hobby", |n| format!("hobby {n}"))),
        people("a new column in the middle, with its name", "ready", |t| t.add(3, "MiddleName", |n| format!("M{n}"))),
        people("an unmapped column changes everywhere", "ready", |t| t.map("Note", |note| format!("new {note}"))),
        people("dates without leading zeros", "ready", |t| {
            t.map("HireDate", |date| {
                date.split('/').map(|part| part.trim_start_matches('0')).collect::<Vec<_>>().join("/")
            });
        }),
        people("other words for true and false", "ready", |t| {
            t.map("Active", |active| if active == "yes" { "TRUE".into() } else { "0".into() });
        }),
        people("every row twice, within the volume", "ready", |t| {
            let twice: Vec<_> = t.rows[..30].to_vec();
            t.rows.extend(twice);
        }),
        people("a few joiners", "ready", |t| join(t, 10)),
        case("a few leavers", "ready", |f| leave(f, 5)),
        people("a few updates", "ready", |t| move_rooms(t, 10)),
        case("a typical day", "ready", |f| {
            leave(f, 4);
            move_rooms(f.table("people.csv"), 8);
            join(f.table("people.csv"), 4);
        }),
        people("three bad dates", "ready", |t| (0..3).for_each(|n| t.rows[n * 9][6] = "soon".into())),
        people("a manager who is not there", "ready", |t| t.rows[50][11] = "999999".into()),
        // At the limits: 5 % of 400 resources are 20, 5 % of 380 persons are 19.
        case("exactly as many deletes as persons allow", "ready", |f| leave(f, 19)),
        case("one delete more than persons allow", "blocked | persons max_percentage_deleted_lines", |f| leave(f, 20)),
        case(
            "one delete more than resources allow",
            "blocked | company max_percentage_deleted_lines | persons max_percentage_deleted_lines",
            |f| leave(f, 21),
        ),
        people("exactly as many updates as resources allow", "ready", |t| move_rooms(t, 20)),
        people("one update more than resources allow", "blocked | company max_percentage_updated_lines", |t| {
            move_rooms(t, 21);
        }),
        people("exactly as many inserts as resources allow", "ready", |t| join(t, 20)),
        people("one insert more than resources allow", "blocked | company max_percentage_inserted_lines", |t| {
            join(t, 21)
        }),
        people("exactly as many rejects as allowed", "ready", |t| {
            (0..19).for_each(|n| t.rows[n * 9][6] = format!("soon {n}"))
        }),
        people("one reject more than allowed", "blocked | person rejects", |t| {
            (0..20).for_each(|n| t.rows[n * 9][6] = format!("soon {n}"));
        }),
        case("exactly as many units gone as they allow", "ready", |f| f.table("units.csv").rows.truncate(12)),
        case("one unit more gone than they allow", "blocked | unit maximum_deleted_lines", |f| {
            f.table("units.csv").rows.truncate(11);
        }),
        people("exactly as many moves as the association allows", "ready", |t| {
            (0..15).for_each(|n| t.rows[n * 25][10] = unit((n * 25 * 14 / PEOPLE + 5) % 14));
        }),
        people("one move more than the association allows", "blocked | unit maximum_link_updated_lines", |t| {
            (0..16).for_each(|n| t.rows[n * 20][10] = unit((n * 20 * 14 / PEOPLE + 5) % 14));
        }),
        people("a volume exactly at the limit", "ready", |t| {
            let twice: Vec<_> = t.rows[..38].to_vec();
            t.rows.extend(twice);
        }),
        people("a volume one over the limit", "blocked | feed.people volume", |t| {
            let twice: Vec<_> = t.rows[..39].to_vec();
            t.rows.extend(twice);
        }),
        // Sources that say too little.
        case(
            "no people, only their header",
            "blocked | person empty_source | feed.people volume | company maximum_deleted_lines | company max_percentage_deleted_lines | company maximum_link_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => blank_source",
            |f| f.table("people.csv").rows.clear(),
        ),
        people("a file of no bytes", "failed | is empty, without even a header row", |t| t.bytes = Some(Vec::new())),
        people("a file of blank lines", "failed | is empty, without even a header row", |t| {
            t.bytes = Some(b"\n\n\n".to_vec())
        }),
        people(
            "rows of separators alone",
            "blocked | person empty_source | person rejects | company maximum_deleted_lines | company max_percentage_deleted_lines | company maximum_link_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => blank_source",
            |t| {
                t.rows.iter_mut().for_each(|row| row.iter_mut().for_each(String::clear));
            },
        ),
        case("the file is not there", "failed | there is no such file in the folder", |f| {
            drop(f.tables.remove("people.csv"))
        }),
        people(
            "half of the file",
            "blocked | feed.people volume | company maximum_deleted_lines | company max_percentage_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => truncated_source",
            |t| t.rows.truncate(PEOPLE / 2),
        ),
        people(
            "the file ends in the middle of a row",
            "failed | this row has 5 fields, but there are 14 columns",
            |t| {
                let text = t.text();
                t.bytes = Some(text.as_bytes()[..text.len() * 6 / 10].to_vec());
            },
        ),
        people(
            "the last tenth is missing",
            "blocked | company max_percentage_deleted_lines | company max_percentage_link_deleted_lines | persons max_percentage_deleted_lines => truncated_source",
            |t| t.rows.truncate(PEOPLE * 9 / 10),
        ),
        people("a message of the server instead of a file", "failed | column 'Id' is missing => blank_source", |t| {
            t.bytes = Some(b"<html><body>503 Service Unavailable</body></html>".to_vec());
        }),
        case(
            "no memberships",
            "blocked | feed.members volume | company max_percentage_link_deleted_lines => blank_source",
            |f| f.table("members.csv").rows.clear(),
        ),
        case(
            "no teams",
            "blocked | team empty_source | company max_percentage_link_deleted_lines => blank_source",
            |f| f.table("teams.csv").rows.clear(),
        ),
        people("every row three times", "blocked | feed.people volume", |t| {
            let rows = t.rows.clone();
            t.rows.extend(rows.clone());
            t.rows.extend(rows);
        }),
        // Columns.
        people(
            "two columns swapped: names of persons",
            "blocked | feed.people header | company maximum_updated_lines | company max_percentage_updated_lines | persons maximum_updated_lines | persons max_percentage_updated_lines => columns_swapped",
            |t| t.swap_names("GivenName", "FamilyName"),
        ),
        people(
            "two columns swapped: mail and phone",
            "blocked | feed.people header | company maximum_updated_lines | company max_percentage_updated_lines | persons maximum_updated_lines | persons max_percentage_updated_lines => columns_swapped",
            |t| t.swap_names("Mail", "Phone"),
        ),
        people(
            "two columns swapped: a date and a name",
            "blocked | person empty_source | feed.people header | person rejects => columns_swapped",
            |t| t.swap_names("HireDate", "GivenName"),
        ),
        people(
            "two columns swapped: the key and the login",
            "blocked | feed.people header | company maximum_inserted_lines | company max_percentage_inserted_lines | company maximum_deleted_lines | company max_percentage_deleted_lines | company max_percentage_link_inserted_lines | company maximum_link_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => columns_swapped",
            |t| t.swap_names("Id", "Login"),
        ),
        people(
            "two columns swapped: unit and manager",
            "blocked | feed.people header | company maximum_updated_lines | company max_percentage_updated_lines | company max_percentage_link_deleted_lines => columns_swapped",
            |t| t.swap_names("Unit", "Manager"),
        ),
        people("two columns in another order, with their values", "blocked | feed.people header", |t| {
            let (a, b) = (t.column("Phone"), t.column("Room"));
            t.swap_names("Phone", "Room");
            t.rows.iter_mut().for_each(|row| row.swap(a, b));
        }),
        people(
            "a mapped column renamed",
            "failed | column 'Mail' is missing (the header has 'EMail') => column_renamed",
            |t| t.rename("Mail", "EMail"),
        ),
        people(
            "a mapped column renamed to something else altogether",
            "failed | column 'HireDate' is missing => column_renamed",
            |t| t.rename("HireDate", "Eintritt"),
        ),
        people("an unmapped column renamed", "blocked | feed.people header => column_renamed", |t| {
            t.rename("Badge", "BadgeNumber")
        }),
        people("a mapped column deleted in the middle", "failed | column 'Phone' is missing => column_missing", |t| {
            t.remove("Phone")
        }),
        people("an unmapped column deleted", "blocked | feed.people header => column_missing", |t| t.remove("Note")),
        people(
            "a header without one name, all values there",
            "failed | this row has 14 fields, but there are 13 columns",
            |t| drop(t.header.remove(4)),
        ),
        people("another separator", "failed | column 'Id' is missing => column_missing", |t| {
            t.bytes = Some(t.separated_by(';').into_bytes())
        }),
        people("no header", "failed | column 12 of the header has no name", |t| {
            let text = t.text();
            t.bytes = Some(text.split_once('\n').unwrap().1.as_bytes().to_vec());
        }),
        people(
            "names of columns in upper case",
            "failed | column 'Id' is missing (the header has 'ID') => column_renamed",
            |t| t.header.iter_mut().for_each(|name| *name = name.to_uppercase()),
        ),
        // Values.
        people(
            "day and month flipped",
            "blocked | person rejects | company maximum_updated_lines | company max_percentage_updated_lines => date_format_changed",
            |t| {
                t.map("HireDate", |date| format!("{}/{}/{}", &date[3..5], &date[..2], &date[6..]));
            },
        ),
        people(
            "dates as ISO writes them",
            "blocked | person empty_source | person rejects => date_format_changed",
            |t| {
                t.map("HireDate", |date| format!("{}-{}-{}", &date[6..], &date[3..5], &date[..2]));
            },
        ),
        people("decimal comma", "blocked | person empty_source | person rejects => number_format_changed", |t| {
            t.map("Salary", |salary| salary.replace('.', ","))
        }),
        people("thousands apart", "blocked | person empty_source | person rejects => number_format_changed", |t| {
            t.map("Salary", |salary| format!("{},{}", &salary[..1], &salary[1..]))
        }),
        people(
            "another encoding, read as UTF-8",
            "failed | is no UTF-8 here; if the file is written in another encoding, set it",
            |t| {
                let latin = |text: String| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
                t.bytes = Some(latin(t.text()));
            },
        ),
        people(
            "encoded twice",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines | persons maximum_updated_lines | persons max_percentage_updated_lines => encoding_changed",
            |t| ["GivenName", "FamilyName"].iter().for_each(|column| t.map(column, garble)),
        ),
        people(
            "letters lost to question marks",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines | persons maximum_updated_lines | persons max_percentage_updated_lines => encoding_changed",
            |t| {
                let lost = |text: &str| text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
                ["GivenName", "FamilyName"].iter().for_each(|column| t.map(column, lost));
            },
        ),
        people(
            "all mails lower-cased",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines | persons maximum_updated_lines | persons max_percentage_updated_lines",
            |t| t.map("Mail", str::to_lowercase),
        ),
        people(
            "an attribute wiped",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines | persons maximum_updated_lines | persons max_percentage_updated_lines => dominated_by_value",
            |t| t.map("Phone", |_| String::new()),
        ),
        people(
            "a required attribute wiped",
            "blocked | person empty_source | person rejects => dominated_by_value",
            |t| t.map("Login", |_| String::new()),
        ),
        people(
            "a default in place of a value",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines => dominated_by_value",
            |t| t.map("Room", |_| "N/A".to_owned()),
        ),
        // Keys.
        people(
            "leading zeros of keys lost",
            "blocked | company maximum_inserted_lines | company max_percentage_inserted_lines | company maximum_deleted_lines | company max_percentage_deleted_lines | company max_percentage_link_inserted_lines | company maximum_link_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => keys_changed",
            |t| {
                t.map("Id", |id| id.trim_start_matches('0').to_owned());
                t.map("Manager", |id| id.trim_start_matches('0').to_owned());
            },
        ),
        people(
            "keys renumbered",
            "blocked | company maximum_inserted_lines | company max_percentage_inserted_lines | company maximum_deleted_lines | company max_percentage_deleted_lines | company max_percentage_link_inserted_lines | company maximum_link_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => keys_changed",
            |t| t.map("Id", |id| format!("P-{}", id.parse::<u32>().unwrap() + 7)),
        ),
        case(
            "keys in another case",
            "blocked | unit maximum_deleted_lines | company max_percentage_link_deleted_lines => keys_changed",
            |f| {
                f.table("units.csv").map("Code", str::to_lowercase);
            },
        ),
        people(
            "every key the same",
            "blocked | person empty_source | person rejects | company maximum_deleted_lines | company max_percentage_deleted_lines | company maximum_link_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => dominated_by_value",
            |t| t.map("Id", |_| id(0)),
        ),
        people(
            "keys empty",
            "blocked | person empty_source | person rejects | company maximum_deleted_lines | company max_percentage_deleted_lines | company maximum_link_deleted_lines | company max_percentage_link_deleted_lines | persons maximum_deleted_lines | persons max_percentage_deleted_lines => dominated_by_value",
            |t| t.map("Id", |_| String::new()),
        ),
        // Organization.
        case(
            "one unit's people gone",
            "blocked | company max_percentage_deleted_lines | persons max_percentage_deleted_lines => dominated_by_value",
            |f| {
                let gone: Vec<String> = f
                    .table("people.csv")
                    .rows
                    .iter()
                    .filter(|row| row[10] == "U05")
                    .map(|row| row[0].clone())
                    .collect();
                f.table("people.csv").keep(|row| row[10] != "U05");
                f.table("members.csv").keep(|row| !gone.contains(&row[1]));
            },
        ),
        people(
            "everyone moved to one unit",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines | company max_percentage_link_updated_lines | unit maximum_link_updated_lines => dominated_by_value",
            |t| t.map("Unit", |_| unit(0)),
        ),
        people(
            "everyone moved one unit on",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines | company max_percentage_link_updated_lines | unit maximum_link_updated_lines",
            |t| {
                t.map("Unit", |code| unit((code[1..].parse::<usize>().unwrap() + 1) % 14));
            },
        ),
        people(
            "everyone under one manager",
            "blocked | company max_percentage_link_updated_lines => dominated_by_value",
            |t| t.map("Manager", |_| id(1)),
        ),
        case("one team without its members", "blocked | feed.members volume => dominated_by_value", |f| {
            f.table("members.csv").keep(|row| row[0] != "team-2")
        }),
        people(
            "everyone inactive",
            "blocked | company maximum_updated_lines | company max_percentage_updated_lines => dominated_by_value",
            |t| t.map("Active", |_| "no".into()),
        ),
        // Files of another day.
        case(
            "yesterday's file",
            "blocked | company max_percentage_updated_lines | persons max_percentage_updated_lines => older_source",
            move |f| *f = before.clone(),
        ),
        case(
            "yesterday's file with a new row",
            "blocked | company max_percentage_updated_lines | persons max_percentage_updated_lines => older_source",
            move |f| {
                *f = almost.clone();
                join(f.table("people.csv"), 1);
            },
        ),
        case("two files swapped", "failed | column 'Code' is missing => column_missing", |f| {
            let (units, teams) = (f.table("units.csv").clone(), f.table("teams.csv").clone());
            *f.table("units.csv") = teams;
            *f.table("teams.csv") = units;
        }),
    ]
}
