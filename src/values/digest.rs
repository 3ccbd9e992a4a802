//! 128-bit digests of records and of sets.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

/// A 128-bit xxh3 digest. Stored as a `uuid`, the database's own 16-byte type.
///
/// It tells records apart, it does not protect them: whoever wants to can make two that collide.
///
/// Sets are digested by *adding* the digests of their members (wrapping): the order does not matter, and equal members
/// do not cancel out as they would with exclusive or. An empty set is [`Digest::ZERO`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub u128);

impl Digest {
    /// The digest of an empty set.
    pub const ZERO: Self = Self(0);

    /// The digest of a list of fields. Each is preceded by its length, so `["a", "bc"]` and `["ab", "c"]` differ, and
    /// so do lists of different seeds.
    pub fn of_fields<'a>(seed: u64, fields: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut input = Input::new(seed);
        for field in fields {
            input.write_length(field.len());
            input.write(field);
        }
        input.finish()
    }

    /// As the database stores it.
    pub fn to_uuid(self) -> Uuid {
        Uuid::from_u128(self.0)
    }

    /// As the database gives it back.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid.as_u128())
    }
}

impl Add for Digest {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Digest {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

impl SubAssign for Digest {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        digests.fold(Self::ZERO, Add::add)
    }
}

/// Records up to this size are digested in one go, which is much faster than the streaming state.
const INLINE: usize = 1024;

/// What is digested: gathered on the stack, streamed once it does not fit.
struct Input {
    seed: u64,
    buffer: [u8; INLINE],
    length: usize,
    stream: Option<Box<Xxh3>>,
}

impl Input {
    fn new(seed: u64) -> Self {
        Self { seed, buffer: [0; INLINE], length: 0, stream: None }
    }

    /// LEB128: no length is the beginning of another, and most take one byte.
    fn write_length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.write(&[(length & 0x7f) as u8 | 0x80]);
            length >>= 7;
        }
        self.write(&[length as u8]);
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(stream) = &mut self.stream {
            stream.update(bytes);
        } else if let Some(free) = self.buffer.get_mut(self.length..self.length + bytes.len()) {
            free.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            let mut stream = Box::new(Xxh3::with_seed(self.seed));
            stream.update(&self.buffer[..self.length]);
            stream.update(bytes);
            self.stream = Some(stream);
        }
    }

    fn finish(self) -> Digest {
        Digest(match self.stream {
            Some(stream) => stream.digest128(),
            None => xxh3_128_with_seed(&self.buffer[..self.length], self.seed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(seed: u64, fields: &[Vec<u8>]) -> Digest {
        Digest::of_fields(seed, fields.iter().map(Vec::as_slice))
    }

    fn fields() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12)
    }

    proptest! {
        #[test]
        fn different_lists_have_different_digests(a in fields(), b in fields(), seed: u64) {
            prop_assert_eq!(digest(seed, &a) == digest(seed, &b), a == b);
        }

        #[test]
        fn a_boundary_moved_between_two_fields_changes_the_digest(text in ".{1,40}", at in 0..40usize) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len() - 1);
            let whole = [bytes.to_vec(), Vec::new()];
            prop_assert_ne!(digest(0, &whole), digest(0, &[bytes[..at].to_vec(), bytes[at..].to_vec()]));
        }

        #[test]
        fn the_seed_changes_the_digest(a in fields(), seed: u64) {
            prop_assert_ne!(digest(seed, &a), digest(seed.wrapping_add(1), &a));
        }

        #[test]
        fn a_set_does_not_depend_on_the_order_and_loses_what_is_taken_away(a: u128, b: u128, c: u128) {
            let (a, b, c) = (Digest(a), Digest(b), Digest(c));
            prop_assert_eq!([a, b, c].into_iter().sum::<Digest>(), [c, a, b].into_iter().sum());
            prop_assert_eq!(a + b - b, a);
        }

        #[test]
        fn the_database_gives_back_what_it_was_given(a: u128) {
            prop_assert_eq!(Digest::from_uuid(Digest(a).to_uuid()), Digest(a));
        }
    }

    #[test]
    fn equal_members_do_not_cancel_out() {
        let member = digest(0, &[b"member".to_vec()]);
        assert_ne!(member + member, Digest::ZERO);
    }

    #[test]
    fn a_long_list_is_digested_as_if_it_were_written_at_once() {
        let fields = vec![vec![7u8; 500], vec![8u8; 700], vec![9u8; 3]];
        let mut written = Vec::new();
        for field in &fields {
            let length = field.len();
            if length >= 0x80 {
                written.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
            } else {
                written.push(length as u8);
            }
            written.extend(field);
        }
        assert_eq!(digest(5, &fields), Digest(xxh3_128_with_seed(&written, 5)));
    }
}
