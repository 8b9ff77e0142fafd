//! CAST and TRY_CAST.

use super::Dialect;
use super::kind::Kind;
use super::piece::Piece;
use super::query::Writer;
use crate::error::Result;
use crate::query::sqlparser::ast::{DataType, ExactNumberInfo};

impl Writer<'_> {
    /// The kind that a type's name in a view stands for.
    pub fn named_kind(&self, name: &DataType) -> Result<Kind> {
        Ok(match name {
            DataType::Boolean | DataType::Bool => Kind::Boolean,
            DataType::TinyInt(_)
            | DataType::SmallInt(_)
            | DataType::Int(_)
            | DataType::Integer(_)
            | DataType::BigInt(_) => Kind::Integer,
            DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 => Kind::Double,
            DataType::Varchar(None) | DataType::Text | DataType::String(None) => Kind::Text,
            DataType::Date => Kind::Date,
            DataType::Timestamp(None, _) => Kind::Timestamp,
            DataType::Decimal(ExactNumberInfo::PrecisionAndScale(digits, behind))
            | DataType::Numeric(ExactNumberInfo::PrecisionAndScale(digits, behind)) => Kind::Decimal(*digits, *behind),
            other => return Err(self.refuse(format!("the type {other}"))),
        })
    }

    /// A CAST, or with `attempt` a TRY_CAST, which yields NULL where the value has no place in the type.
    pub fn cast(&self, from: &Piece, to: &Kind, attempt: bool) -> Result<Piece> {
        let Some(name) = to.name_in(self.dialect) else { return Err(self.refuse("a cast to no type")) };
        let name = name.as_str();
        let sql = match (&from.kind, to) {
            (Kind::Timestamp | Kind::Local, Kind::Date) => self.day(&self.in_utc(from)),
            (Kind::Double, Kind::Text) => self.float_as_text(&from.sql, name)?,
            (Kind::Text, Kind::Timestamp) => self.moment_of_text(&from.sql, attempt),
            (Kind::Text, Kind::Date) if self.dialect == Dialect::ClickHouse && attempt => {
                format!("toDate32OrNull({})", from.sql)
            }
            (Kind::Double | Kind::Decimal(..), Kind::Integer) => self.plain(&self.whole_part(&from.sql), name, attempt),
            (Kind::Double, Kind::Decimal(digits, behind)) => {
                self.exact(from, name, digits - behind.unsigned_abs(), *behind, attempt)
            }
            _ if self.dialect == Dialect::ClickHouse && attempt => {
                format!("accurateCastOrNull({}, '{}')", from.sql, bare(name))
            }
            // Snowflake tries to cast nothing but text; what else views try to cast cannot fail.
            (kind, _) if self.dialect == Dialect::Snowflake && attempt && *kind != Kind::Text => {
                self.plain(&from.sql, name, false)
            }
            _ => self.plain(&from.sql, name, attempt),
        };
        Ok(Piece::new(sql, to.clone()))
    }

    fn plain(&self, from: &str, name: &str, attempt: bool) -> String {
        let word = match (self.dialect, attempt) {
            (_, false) | (Dialect::ClickHouse, _) => "CAST",
            (Dialect::BigQuery, true) => "SAFE_CAST",
            (_, true) => "TRY_CAST",
        };
        format!("{word}({from} AS {name})")
    }

    /// A float as text, in the engines that write 2.0 as DataFusion does; others write 2 or 2.0E0.
    pub fn float_as_text(&self, from: &str, name: &str) -> Result<String> {
        match self.dialect {
            Dialect::DuckDb | Dialect::Spark => Ok(self.plain(from, name, false)),
            _ => Err(self.refuse(format!("{from}, a float, as a text"))),
        }
    }

    /// The day of a moment that is in UTC.
    fn day(&self, moment: &str) -> String {
        match self.dialect {
            Dialect::ClickHouse => format!("toDate32({moment})"),
            _ => format!("CAST({moment} AS DATE)"),
        }
    }

    /// A cast to an integer cuts off what is behind the point; some engines would round.
    fn whole_part(&self, number: &str) -> String {
        match self.dialect {
            Dialect::Spark | Dialect::ClickHouse => number.to_string(),
            Dialect::Trino => format!("truncate({number})"),
            _ => format!("trunc({number})"),
        }
    }

    fn moment_of_text(&self, text: &str, attempt: bool) -> String {
        match (self.dialect, attempt) {
            (Dialect::DuckDb, false) => format!("(CAST({text} AS TIMESTAMP) AT TIME ZONE 'UTC')"),
            (Dialect::DuckDb, true) => format!("(TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE 'UTC')"),
            (Dialect::Spark, false) => format!("CAST({text} AS TIMESTAMP)"),
            (Dialect::Spark, true) => format!("TRY_CAST({text} AS TIMESTAMP)"),
            (Dialect::ClickHouse, false) => format!("parseDateTime64BestEffort({text}, 6, 'UTC')"),
            (Dialect::ClickHouse, true) => format!("parseDateTime64BestEffortOrNull({text}, 6, 'UTC')"),
            (Dialect::Trino, attempt) => {
                let iso = format!("from_iso8601_timestamp(replace({text}, ' ', 'T'))");
                let iso = if attempt { format!("TRY({iso})") } else { iso };
                format!("CAST(({iso} AT TIME ZONE 'UTC') AS timestamp(3))")
            }
            (Dialect::BigQuery, false) => format!("CAST({text} AS TIMESTAMP)"),
            (Dialect::BigQuery, true) => format!("SAFE_CAST({text} AS TIMESTAMP)"),
            (Dialect::Snowflake, false) => format!("TO_TIMESTAMP_NTZ({text})"),
            (Dialect::Snowflake, true) => format!("TRY_TO_TIMESTAMP_NTZ({text})"),
        }
    }

    /// A float as an exact number.
    fn exact(&self, from: &Piece, name: &str, before: u64, behind: i64, attempt: bool) -> String {
        let limit = format!("1e{before}");
        match self.dialect {
            // ClickHouse would cut off, and 19.99 is less than that as a float.
            Dialect::ClickHouse => {
                let x = &from.sql;
                let rounded = format!("toString(sign({x}) * floor(abs({x}) * 1e{behind} + 0.5) / 1e{behind})");
                match attempt {
                    true => format!("toDecimal128OrNull({rounded}, {behind})"),
                    false => format!("toDecimal128({rounded}, {behind})"),
                }
            }
            Dialect::BigQuery => {
                format!("IF(ABS({0}) < {limit}, ROUND(CAST({0} AS {name}), {behind}), NULL)", from.sql)
            }
            Dialect::Snowflake if attempt => {
                format!("IFF(ABS({0}) < {limit}, CAST({0} AS {name}), NULL)", from.sql)
            }
            _ => self.plain(&from.sql, name, attempt),
        }
    }
}

/// The type in `Nullable(…)`.
fn bare(name: &str) -> String {
    let inner = name.strip_prefix("Nullable(").and_then(|n| n.strip_suffix(')')).unwrap_or(name);
    inner.replace('\'', "\\'")
}
