//! What kind of server the database is on.

use diesel::pg::PgConnection;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl, sql_query};

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Facts {
    /// As `150004`: major version times 10,000 plus minor.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// The database's character encoding, `UTF8`.
    #[diesel(sql_type = Text)]
    pub encoding: String,
    /// The locale by which the database knows letters, `C.UTF-8`.
    #[diesel(sql_type = Text)]
    pub ctype: String,
    /// Whether a commit survives a power cut: `on` or `off`.
    #[diesel(sql_type = Text)]
    pub fsync: String,
    /// Bytes of the database.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// How far this machine's clock is ahead of the server's, in milliseconds.
    #[diesel(sql_type = BigInt)]
    pub clock_ahead_ms: i64,
}

/// Asks the server. `now_ms`: this machine's clock, milliseconds since 1970.
pub fn facts(connection: &mut PgConnection, now_ms: i64) -> QueryResult<Facts> {
    sql_query(
        "select current_setting('server_version_num')::integer as version,
                current_setting('server_encoding') as encoding,
                (select datctype::text from pg_database where datname = current_database()) as ctype,
                current_setting('fsync') as fsync,
                pg_database_size(current_database()) as bytes,
                $1 - (extract(epoch from clock_timestamp()) * 1000)::bigint as clock_ahead_ms",
    )
    .bind::<BigInt, _>(now_ms)
    .get_result(connection)
}
