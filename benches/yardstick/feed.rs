//! The feed that the yardstick and Muster are measured with: a made-up organization on two days.
//!
//! `write` makes, for a number of users and a seed, always the same to the last byte:
//!
//! ```text
//! day1/ day2/    users.csv         15 columns; names of many scripts, embedded commas, quotes and line breaks
//!                orgs.csv          one for 200 users, each but the first with its parent
//!                groups.csv        one for 100 users
//!                memberships.csv   five for each user
//! day1swapped/   day 1, with the first two rows of each file in each other's place
//! expected.json  what a correct run finds, in the words of a run's JSON
//! ```
//!
//! Day 2 is day 1 with 1 % of the users changed, 0.5 % gone, 0.5 % new, 1 % of the memberships exchanged, and for one
//! user in a thousand a row that is wrong: without a key, with a key that comes twice, with a date that is none, or
//! with a manager who does not exist. Whoever leaves is nobody's manager, and whose key comes twice keeps the same
//! memberships: what a correct run finds is not a matter of interpretation.
//!
//! Rows are written as they are made. Only what memberships.csv of day 2 gets at its end is kept until then: a pair
//! for two hundred.

mod dice;
mod expected;
mod fate;
mod names;
mod rows;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use csv::{Terminator, Writer, WriterBuilder};

use dice::{Dice, Lottery, Purpose};
pub use expected::{Counters, Expected, Outcome};
use expected::{MembershipTally, UserTally};
use fate::{Fate, Fates};
use rows::{Shape, User};

/// Raised whenever the same users and seed give other files: a feed of another edition is written anew.
const EDITION: u64 = 2;

/// With fewer users, day 2 would lack rows of some kinds.
const FEWEST_USERS: u64 = 1_000;

/// Writes the feed for so many users into `folder`, unless it is there already; returns what a correct run finds.
pub fn write(folder: &Path, users: u64, seed: u64) -> io::Result<Expected> {
    if users < FEWEST_USERS {
        return Err(io::Error::other(format!("a feed needs {FEWEST_USERS} users or more, not {users}")));
    }
    let summary = folder.join("expected.json");
    if let Some(kept) = Expected::read(&summary)
        && (kept.edition, kept.users, kept.seed) == (EDITION, users, seed)
    {
        return Ok(kept);
    }
    // The summary vouches for the files beside it: it goes first and comes last.
    match fs::remove_file(&summary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let shape = Shape::of(users, seed);
    let days = [folder.join("day1"), folder.join("day2")];
    for day in &days {
        fs::create_dir_all(day)?;
        write_orgs(day, shape)?;
        write_groups(day, shape)?;
    }
    let [day1, day2] = &days;
    let user_tally = write_users(day1, day2, shape)?;
    let membership_tally = write_memberships(day1, day2, shape)?;
    for name in ["users.csv", "orgs.csv", "groups.csv", "memberships.csv"] {
        write_swapped(&day1.join(name), &folder.join("day1swapped"), name)?;
    }
    let expected = Expected::new(EDITION, shape, &user_tally, &membership_tally);
    expected.write(&summary)?;
    Ok(expected)
}

/// The same rows, the first two in each other's place.
fn write_swapped(original: &Path, folder: &Path, name: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut rows = csv::Reader::from_path(original)?.into_byte_records();
    let mut starts = Vec::new();
    for _ in 0..3 {
        let row = rows.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        starts.push(row.position().map_or(0, csv::Position::byte));
    }
    let mut original = File::open(original)?;
    let mut swapped = BufWriter::new(File::create(folder.join(name))?);
    for (from, to) in [(0, starts[0]), (starts[1], starts[2]), (starts[0], starts[1])] {
        original.seek(SeekFrom::Start(from))?;
        io::copy(&mut Read::by_ref(&mut original).take(to - from), &mut swapped)?;
    }
    original.seek(SeekFrom::Start(starts[2]))?;
    io::copy(&mut original, &mut swapped)?;
    swapped.flush()
}

fn create(day: &Path, name: &str, header: &[&str]) -> io::Result<Writer<BufWriter<File>>> {
    let file = BufWriter::new(File::create(day.join(name))?);
    let mut csv = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(file);
    csv.write_record(header)?;
    Ok(csv)
}

fn write_orgs(day: &Path, shape: Shape) -> io::Result<()> {
    let mut csv = create(day, "orgs.csv", &rows::ORG_COLUMNS)?;
    for number in 0..shape.orgs {
        csv.write_record(rows::org(shape, number))?;
    }
    csv.flush()
}

fn write_groups(day: &Path, shape: Shape) -> io::Result<()> {
    let mut csv = create(day, "groups.csv", &rows::GROUP_COLUMNS)?;
    for number in 0..shape.groups {
        csv.write_record(rows::group(shape, number))?;
    }
    csv.flush()
}

fn write_users(day1: &Path, day2: &Path, shape: Shape) -> io::Result<UserTally> {
    let mut before = create(day1, "users.csv", &rows::USER_COLUMNS)?;
    let mut after = create(day2, "users.csv", &rows::USER_COLUMNS)?;
    let mut tally = UserTally::default();

    let rows_of_day2 = shape.users - shape.leavers + shape.joiners;
    let mut places = Lottery::new(shape.wrong, rows_of_day2, Dice::new(shape.seed, Purpose::WrongRows, 0));
    let mut write_after = |user: &User, tally: &mut UserTally| -> io::Result<()> {
        if places.draw() {
            after.write_record(wrong_user(shape, tally).columns())?;
        }
        after.write_record(user.columns())?;
        Ok(())
    };
    // The second row of a key waits until the next such key comes by: the two shall not stand side by side.
    let mut waiting: Option<User> = None;

    for (number, fate) in (0..shape.users).zip(Fates::of(shape)) {
        let mut user = rows::user(shape, number);
        before.write_record(user.columns())?;
        match fate {
            Fate::Leaves => continue,
            Fate::Stays => {}
            Fate::Changes(change) => {
                change.apply(&mut user, number, shape);
                tally.count_change(change);
            }
            Fate::ComesTwice => {
                let copy = User { phone: "+0 0 0000000".to_owned(), ..user.clone() };
                if let Some(earlier) = waiting.replace(copy) {
                    write_after(&earlier, &mut tally)?;
                }
            }
        }
        write_after(&user, &mut tally)?;
    }
    for number in shape.users..shape.users + shape.joiners {
        write_after(&rows::user(shape, number), &mut tally)?;
    }
    if let Some(copy) = waiting {
        write_after(&copy, &mut tally)?;
    }
    before.flush()?;
    after.flush()?;
    Ok(tally)
}

/// A user of day 2 who is wrong in one of three ways, in turn. (The fourth is the key that comes twice.)
fn wrong_user(shape: Shape, tally: &mut UserTally) -> User {
    /// Numbers from here on belong to nobody else.
    const FIRST_WRONG: u64 = 50_000_000;
    let number = tally.missing_keys + tally.wrong_dates + tally.unknown_managers;
    let user = rows::user(shape, FIRST_WRONG + number);
    match number % 3 {
        0 => {
            tally.missing_keys += 1;
            User { employee_id: String::new(), ..user }
        }
        1 => {
            tally.wrong_dates += 1;
            User { hire_date: "30/02/2021".to_owned(), ..user }
        }
        _ => {
            tally.unknown_managers += 1;
            User { manager: rows::user_key(99_999_999), ..user }
        }
    }
}

fn write_memberships(day1: &Path, day2: &Path, shape: Shape) -> io::Result<MembershipTally> {
    let mut before = create(day1, "memberships.csv", &rows::MEMBERSHIP_COLUMNS)?;
    let mut after = create(day2, "memberships.csv", &rows::MEMBERSHIP_COLUMNS)?;
    let mut tally = MembershipTally::default();

    let may_change = |fate: Fate| matches!(fate, Fate::Stays | Fate::Changes(_));
    let (mut all, mut changeable) = (0, 0);
    for (number, fate) in (0..shape.users).zip(Fates::of(shape)) {
        let count = rows::groups_of(shape, number).len() as u64;
        all += count;
        changeable += if may_change(fate) { count } else { 0 };
    }
    let exchanged = all / 200;
    let owners = shape.users - shape.leavers - shape.twice;
    let mut removed = Lottery::new(exchanged, changeable, Dice::new(shape.seed, Purpose::RemovedMemberships, 0));
    let mut added = Lottery::new(exchanged, owners, Dice::new(shape.seed, Purpose::AddedMemberships, 0));
    let mut at_the_end = Vec::with_capacity(exchanged as usize);

    for (number, fate) in (0..shape.users).zip(Fates::of(shape)) {
        let user = rows::user_key(number);
        let groups = rows::groups_of(shape, number);
        for &group in &groups {
            let row = [&rows::group_key(group), &user];
            before.write_record(row)?;
            tally.first += 1;
            if fate == Fate::Leaves || may_change(fate) && removed.draw() {
                tally.removed += 1;
            } else {
                after.write_record(row)?;
            }
        }
        if may_change(fate) && added.draw() {
            at_the_end.push((another_group(shape, number, &groups), number));
        }
    }
    let joiners = shape.users..shape.users + shape.joiners;
    let of_joiners = joiners.flat_map(|user| rows::groups_of(shape, user).into_iter().map(move |group| (group, user)));
    for (group, user) in at_the_end.into_iter().chain(of_joiners) {
        after.write_record([rows::group_key(group), rows::user_key(user)])?;
        tally.added += 1;
    }
    before.flush()?;
    after.flush()?;
    Ok(tally)
}

/// A group that the user was not a member of on day 1.
fn another_group(shape: Shape, user: u64, groups: &[u64]) -> u64 {
    let mut dice = Dice::new(shape.seed, Purpose::AddedGroup, user);
    loop {
        let group = dice.below(shape.groups);
        if !groups.contains(&group) {
            return group;
        }
    }
}
