//! What becomes of each user from day 1 to day 2.

use super::dice::{Dice, Lottery, Purpose};
use super::rows::{self, Shape, User};

/// What becomes of one user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Stays,
    Leaves,
    Changes(Change),
    /// Stays, but day 2 has a second row of the same key that says otherwise.
    ComesTwice,
}

/// What changes in a row: a property, or a reference and with it a link only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Title,
    Phone,
    Department,
    Manager,
}

/// The fates of all users of day 1, in their order; the same however often they are asked for.
pub struct Fates {
    shape: Shape,
    user: u64,
    leaving: Lottery,
    changing: Lottery,
    twice: Lottery,
}

impl Fates {
    pub fn of(shape: Shape) -> Self {
        let dice = |purpose| Dice::new(shape.seed, purpose, 0);
        let staying = shape.users - shape.leavers;
        Fates {
            shape,
            user: 0,
            leaving: Lottery::new(shape.leavers, shape.users - shape.managers, dice(Purpose::Leavers)),
            changing: Lottery::new(shape.changed, staying, dice(Purpose::Changes)),
            twice: Lottery::new(shape.twice, staying - shape.changed, dice(Purpose::Twice)),
        }
    }
}

impl Iterator for Fates {
    type Item = Fate;

    fn next(&mut self) -> Option<Fate> {
        let user = self.user;
        if user == self.shape.users {
            return None;
        }
        self.user += 1;
        Some(if user >= self.shape.managers && self.leaving.draw() {
            Fate::Leaves
        } else if self.changing.draw() {
            Fate::Changes(kind_of_change(self.shape, user))
        } else if self.twice.draw() {
            Fate::ComesTwice
        } else {
            Fate::Stays
        })
    }
}

fn kind_of_change(shape: Shape, user: u64) -> Change {
    use Change::{Department, Manager, Phone, Title};
    match Dice::new(shape.seed, Purpose::KindOfChange, user).pick(&[Title, Title, Phone, Department, Manager]) {
        // The first user has no manager that could change.
        Manager if user == 0 => Phone,
        change => *change,
    }
}

impl Change {
    /// Makes the change in the row of a user, which always gets another value.
    pub fn apply(self, user: &mut User, number: u64, shape: Shape) {
        let (department, manager) = rows::references(shape, number);
        match self {
            Change::Title => user.title.push_str(" II"),
            Change::Phone => user.phone.push('9'),
            Change::Department => user.department = rows::org_key((department + 1) % shape.orgs),
            Change::Manager => {
                let next = |manager| rows::user_key((manager + 1) % shape.managers);
                user.manager = manager.map(next).unwrap_or_default();
            }
        }
    }
}
