//! The campus feed: `cards.json`, `clubs.xml` and `memberships.csv`.

use super::company::{Company, Person};
use super::dice::Dice;
use anyhow::Context as _;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const CLUBS: &[&str] = &[
    "Alpine Club",
    "Astronomy",
    "Badminton",
    "Big Band",
    "Chess & Go",
    "Choir",
    "Climbing",
    "Cycling <3",
    "Debating",
    "Film Society",
    "Gardeners",
    "Judo",
    "Rowing",
    "Running",
    "Theatre \"Vorhang\"",
    "Volleyball",
    "Wine & Cheese",
    "Yoga",
];
/// How many stray cards there are.
const STRAY_CARDS: u32 = 4;

/// What is wrong with the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Nothing.
    None,
    /// Some cards belong to nobody whom HR knows.
    StrayCards,
    /// Every fiftieth card ends with the year.
    ShortCards,
    /// The column `card` of the memberships has another name.
    ColumnMissing,
}

/// Writes the three files into `folder`.
pub(super) fn write(folder: &Path, company: &Company, flaw: Flaw) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let holders: Vec<&Person> = company.staff().filter(|person| person.card.is_some()).collect();
    fs::write(folder.join("cards.json"), cards(&holders, flaw)?)?;
    fs::write(folder.join("clubs.xml"), clubs()?)?;
    let mut memberships = csv::Writer::from_path(folder.join("memberships.csv"))?;
    memberships.write_record([if flaw == Flaw::ColumnMissing { "card_no" } else { "card" }, "club"])?;
    for person in holders.iter().filter(|person| person.card.is_some_and(|card| !card.lost)) {
        // Dice of their own: who is in a club does not depend on who else has come or gone.
        let mut dice = Dice::new(u64::from(person.number));
        let mut joined = Vec::new();
        for _ in 0..dice.below(4).saturating_sub(1) {
            let club = dice.below(CLUBS.len());
            if !joined.contains(&club) {
                joined.push(club);
                memberships.write_record([person.card_number(), code(club)])?;
            }
        }
    }
    memberships.flush()?;
    Ok(())
}

fn cards(holders: &[&Person], flaw: Flaw) -> anyhow::Result<String> {
    let card = |number: String, employee: u32, lost: bool, until: &str| {
        let state = if lost { "lost" } else { "active" };
        json!({ "number": number, "employee": employee.to_string(), "state": state,
                "valid_until": format!("{until}T18:00:00+0100") })
    };
    let mut cards = Vec::new();
    for person in holders {
        if let Some(of) = person.card {
            let short = flaw == Flaw::ShortCards && person.number.is_multiple_of(50);
            let until = if short { "2026-12-31".to_owned() } else { of.valid_until.to_string() };
            cards.push(card(person.card_number(), person.number, of.lost, &until));
        }
    }
    for stray in (0..STRAY_CARDS).filter(|_| flaw == Flaw::StrayCards) {
        cards.push(card(format!("C{}", 690_001 + stray), 90_001 + stray, false, "2027-01-31"));
    }
    Ok(serde_json::to_string_pretty(&cards)?)
}

fn clubs() -> anyhow::Result<String> {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clubs>\n");
    for (position, name) in CLUBS.iter().enumerate() {
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        writeln!(xml, "  <club><code>{}</code><name>{name}</name></club>", code(position))?;
    }
    xml.push_str("</clubs>\n");
    Ok(xml)
}

fn code(club: usize) -> String {
    format!("CL{:02}", club + 1)
}
