//! How many there are, as far as it is cheap to know: nobody waits for the count of a million rows.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

/// Rows are counted one by one up to here.
pub const COUNTED: i64 = 10_000;

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Counted.
    Exactly(i64),
    /// The planner's estimate, in three digits.
    About(i64),
    /// Counted up to here, and there are more.
    MoreThan(i64),
}

impl Amount {
    /// From a count that stopped one above `most`.
    pub fn counted(count: i64, most: i64) -> Self {
        if count > most { Self::MoreThan(most) } else { Self::Exactly(count) }
    }

    /// What remains of an estimate.
    pub(super) fn without(self, other: Self) -> Self {
        let number = |amount: Self| match amount {
            Self::Exactly(number) | Self::About(number) | Self::MoreThan(number) => number,
        };
        Self::About(three_digits((number(self) - number(other)).max(0)))
    }
}

/// Rows of a table, a partition or a partial index: the estimate of `relation`, its partitions' together (0.1 ms), if it
/// is large, else counted by `from`, the text behind `from` in SQL, never more than [`COUNTED`] + 1 of them.
pub(super) fn rows(conn: &mut PgConnection, relation: &str, from: &str) -> QueryResult<Amount> {
    #[derive(QueryableByName)]
    struct Estimate {
        #[diesel(sql_type = Nullable<BigInt>)]
        rows: Option<i64>,
    }
    let estimate: Estimate = diesel::sql_query(
        "select coalesce(
               (select sum(greatest(reltuples, 0))::bigint from pg_inherits join pg_class on oid = inhrelid
                 where inhparent = to_regclass($1)),
               (select reltuples::bigint from pg_class where oid = to_regclass($1))) as rows",
    )
    .bind::<Text, _>(relation)
    .get_result(conn)?;
    match estimate.rows {
        Some(rows) if rows >= COUNTED => Ok(Amount::About(three_digits(rows))),
        _ => count(conn, from),
    }
}

/// Rows behind `from`, counted one by one up to [`COUNTED`].
pub(super) fn count(conn: &mut PgConnection, from: &str) -> QueryResult<Amount> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let Count { count } = diesel::sql_query(format!(
        "select count(*) as count from (select 1 from {from} limit {}) counted",
        COUNTED + 1
    ))
    .get_result(conn)?;
    Ok(Amount::counted(count, COUNTED))
}

fn three_digits(number: i64) -> i64 {
    let unit = 10_i64.pow(number.max(1).ilog10().saturating_sub(2));
    (number + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_do_not_pretend() {
        assert_eq!(three_digits(1_234_567), 1_230_000);
        assert_eq!(three_digits(999_950), 1_000_000);
        assert_eq!(three_digits(12), 12);
        assert_eq!(three_digits(0), 0);
    }

    #[test]
    fn a_count_that_stopped_says_so() {
        assert_eq!(Amount::counted(10_001, 10_000), Amount::MoreThan(10_000));
        assert_eq!(Amount::counted(10_000, 10_000), Amount::Exactly(10_000));
        assert_eq!(Amount::About(500_000).without(Amount::Exactly(2_500)), Amount::About(498_000));
    }
}
