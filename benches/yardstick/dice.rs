//! Chance that falls the same way every time: on every machine, in every version of every library.

/// What dice are thrown for. Dice of different purposes are independent, so that a row can be made again by itself.
#[derive(Clone, Copy)]
pub enum Purpose {
    User,
    References,
    Org,
    Group,
    Memberships,
    Leavers,
    Changes,
    Twice,
    KindOfChange,
    WrongRows,
    RemovedMemberships,
    AddedMemberships,
    AddedGroup,
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub struct Dice(u64);

impl Dice {
    /// The dice for one purpose and, where there are many, one of its rows.
    pub fn new(seed: u64, purpose: Purpose, row: u64) -> Self {
        let mut state = seed;
        for part in [purpose as u64, row] {
            state = Dice(state ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93)).next();
        }
        Dice(state)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True so many times in a thousand.
    pub fn permille(&mut self, times: u64) -> bool {
        self.below(1_000) < times
    }

    /// One of the choices.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

/// Draws exactly `prizes` of `tickets` as they come by, each with the same chance, remembering none of them
/// (selection sampling: Knuth, "The Art of Computer Programming", volume 2, algorithm S).
pub struct Lottery {
    prizes: u64,
    tickets: u64,
    dice: Dice,
}

impl Lottery {
    /// A lottery of `tickets` tickets of which `prizes` win.
    pub fn new(prizes: u64, tickets: u64, dice: Dice) -> Self {
        Lottery { prizes, tickets, dice }
    }

    /// Whether the next ticket wins. Tickets beyond the announced number win nothing.
    pub fn draw(&mut self) -> bool {
        let wins = self.tickets > 0 && self.dice.below(self.tickets) < self.prizes;
        self.tickets = self.tickets.saturating_sub(1);
        self.prizes -= u64::from(wins);
        wins
    }
}
