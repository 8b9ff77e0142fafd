//! What is known of an expression's type: enough to choose between division of integers and of reals, between a date
//! and a moment, and to give a NULL its type.

use super::Dialect;
use crate::table::ColumnType;

/// A type, as far as the translation of SQL depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A NULL that takes the type of what it meets.
    Null,
    /// True or false.
    Boolean,
    /// An integer of any width.
    Integer,
    /// A float.
    Double,
    /// Exact: digits and those behind the point.
    Decimal(u64, i64),
    /// Text.
    Text,
    /// A calendar day.
    Date,
    /// A moment, in UTC.
    Timestamp,
    /// What a clock shows: a moment without the zone that would tell which.
    Local,
    /// A list.
    List(Box<Kind>),
    /// Not known.
    Unknown,
}

impl From<ColumnType> for Kind {
    fn from(kind: ColumnType) -> Kind {
        match kind {
            ColumnType::String => Kind::Text,
            ColumnType::Int | ColumnType::Long => Kind::Integer,
            ColumnType::Float | ColumnType::Double => Kind::Double,
            ColumnType::Boolean => Kind::Boolean,
            ColumnType::StringArray => Kind::List(Box::new(Kind::Text)),
            ColumnType::TimestampSeconds | ColumnType::TimestampMillis => Kind::Timestamp,
            ColumnType::Date => Kind::Date,
        }
    }
}

impl Kind {
    /// What two branches of a CASE or of a UNION have together.
    pub fn with(&self, other: &Kind) -> Kind {
        match (self, other) {
            (Kind::Null, x) | (x, Kind::Null) => x.clone(),
            (a, b) if a == b => a.clone(),
            (Kind::Integer, Kind::Double | Kind::Decimal(..))
            | (Kind::Decimal(..), Kind::Double)
            | (Kind::Date, Kind::Timestamp) => other.clone(),
            (Kind::Double | Kind::Decimal(..), Kind::Integer)
            | (Kind::Double, Kind::Decimal(..))
            | (Kind::Timestamp, Kind::Date) => self.clone(),
            (Kind::List(a), Kind::List(b)) => Kind::List(Box::new(a.with(b))),
            _ => Kind::Unknown,
        }
    }

    /// What all of them have together.
    pub fn of_all<'a>(kinds: impl Iterator<Item = &'a Kind>) -> Kind {
        kinds.fold(Kind::Null, |all, kind| all.with(kind))
    }

    /// What a list of it holds.
    pub fn item(&self) -> Kind {
        match self {
            Kind::List(item) => item.as_ref().clone(),
            _ => Kind::Unknown,
        }
    }

    /// The type's name in an engine; nothing for what has none.
    pub fn name_in(&self, dialect: Dialect) -> Option<String> {
        use Dialect::{BigQuery, ClickHouse, DuckDb, Snowflake, Spark, Trino};
        let name = match (self, dialect) {
            (Kind::Null | Kind::Unknown, _) => return None,
            (Kind::Boolean, BigQuery | ClickHouse) => "Bool",
            (Kind::Boolean, _) => "BOOLEAN",
            (Kind::Integer, ClickHouse | BigQuery) => "Int64",
            (Kind::Integer, _) => "BIGINT",
            (Kind::Double, ClickHouse | BigQuery) => "Float64",
            (Kind::Double, _) => "DOUBLE",
            (Kind::Text, DuckDb | Trino | Snowflake) => "VARCHAR",
            (Kind::Text, Spark | BigQuery | ClickHouse) => "String",
            (Kind::Date, ClickHouse) => "Date32",
            (Kind::Date, _) => "DATE",
            (Kind::Timestamp, DuckDb) => "TIMESTAMPTZ",
            (Kind::Timestamp, ClickHouse) => "DateTime64(6, 'UTC')",
            (Kind::Timestamp, Trino) => "timestamp(3)",
            (Kind::Timestamp, Snowflake) => "TIMESTAMP_NTZ",
            (Kind::Timestamp, Spark | BigQuery) => "TIMESTAMP",
            (Kind::Local, DuckDb | Spark) => "TIMESTAMP",
            (Kind::Local, ClickHouse) => "DateTime64(6, 'UTC')",
            (Kind::Local, Trino) => "timestamp(3)",
            (Kind::Local, BigQuery) => "DATETIME",
            (Kind::Local, Snowflake) => "TIMESTAMP_NTZ",
            (Kind::Decimal(..), BigQuery) => "NUMERIC",
            (Kind::Decimal(digits, behind), _) => {
                let name = format!("DECIMAL({digits}, {behind})");
                return Some(if dialect == ClickHouse { format!("Nullable({name})") } else { name });
            }
            (Kind::List(item), _) => {
                let item = item.name_in(dialect)?;
                return Some(match dialect {
                    DuckDb => format!("{item}[]"),
                    Spark | BigQuery => format!("ARRAY<{item}>"),
                    ClickHouse => format!("Array({item})"),
                    Trino => format!("array({item})"),
                    Snowflake => "ARRAY".to_string(),
                });
            }
        };
        Some(match dialect {
            ClickHouse => format!("Nullable({name})"),
            BigQuery | Spark => name.to_uppercase(),
            _ => name.to_string(),
        })
    }
}
