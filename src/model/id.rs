//! Newtype ids: a connector's id is never taken for an entity type's.

/// Declares an id over an integer column: `id!(/// Id of a run. RunId(i32) as Integer);`
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($integer:ty) as $sql_type:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[serde(transparent)]
        #[diesel(sql_type = diesel::sql_types::$sql_type)]
        pub struct $name(pub $integer);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl diesel::deserialize::FromSql<diesel::sql_types::$sql_type, diesel::pg::Pg> for $name {
            fn from_sql(bytes: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
                <$integer as diesel::deserialize::FromSql<diesel::sql_types::$sql_type, diesel::pg::Pg>>::from_sql(bytes)
                    .map(Self)
            }
        }

        impl diesel::serialize::ToSql<diesel::sql_types::$sql_type, diesel::pg::Pg> for $name {
            fn to_sql<'b>(
                &'b self,
                out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
            ) -> diesel::serialize::Result {
                <$integer as diesel::serialize::ToSql<diesel::sql_types::$sql_type, diesel::pg::Pg>>::to_sql(&self.0, out)
            }
        }
    };
}

pub(crate) use id;
