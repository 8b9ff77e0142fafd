//! Dates and moments: adding and subtracting, truncating, taking parts. Eddyline reckons in UTC; an engine that would
//! reckon in its session's time zone is told not to.

use super::Dialect;
use super::kind::Kind;
use super::piece::Piece;
use super::query::{Writer, literal, lower};
use crate::error::Result;
use crate::query::sqlparser::ast::{BinaryOperator, CastKind, DataType, Expr};

/// A length of time: how many of which unit.
pub struct Span {
    /// How many: a number or an expression.
    pub amount: String,
    /// second, minute, hour, day, month.
    pub unit: &'static str,
}

/// The units as people write them, and how many of the unit we reckon in they are.
const UNITS: [(&str, &str, i64); 7] = [
    ("second", "second", 1),
    ("minute", "minute", 1),
    ("hour", "hour", 1),
    ("day", "day", 1),
    ("week", "day", 7),
    ("month", "month", 1),
    ("year", "month", 12),
];

fn unit(word: &str) -> Option<(&'static str, i64)> {
    let word = lower(word);
    let word = word.strip_suffix('s').unwrap_or(&word);
    UNITS.iter().find(|(name, _, _)| *name == word).map(|(_, unit, times)| (*unit, *times))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

impl Writer<'_> {
    /// The span an expression says: `INTERVAL '7 days'`, or a number of seconds cast to an interval by way of text.
    pub fn span(&mut self, expr: &Expr) -> Result<Option<Span>> {
        match expr {
            Expr::Nested(inner) => self.span(inner),
            Expr::Interval(interval) => {
                let text = literal(&interval.value).map(str::to_string).unwrap_or_else(|| interval.value.to_string());
                let field = interval.leading_field.as_ref().map(|f| f.to_string());
                let (amount, word) = match (text.trim().split_once(char::is_whitespace), field) {
                    (Some((amount, word)), None) => (amount.to_string(), word.trim().to_string()),
                    (None, Some(field)) => (text.trim().to_string(), field),
                    _ => return Err(self.refuse(format!("INTERVAL '{text}'"))),
                };
                match (amount.parse::<i64>(), unit(&word)) {
                    (Ok(amount), Some((unit, times))) => Ok(Some(Span { amount: (amount * times).to_string(), unit })),
                    _ => Err(self.refuse(format!("INTERVAL '{text}'"))),
                }
            }
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type: DataType::Interval { .. },
                ..
            } => {
                let Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } = expr.as_ref() else {
                    return Err(self.refuse("a text cast to INTERVAL"));
                };
                let number = match left.as_ref() {
                    Expr::Cast { expr, .. } => self.expr(expr)?,
                    _ => return Err(self.refuse("a text cast to INTERVAL")),
                };
                match literal(right).and_then(|word| unit(word.trim())) {
                    Some((unit, 1)) if number.kind == Kind::Integer => Ok(Some(Span { amount: number.sql, unit })),
                    _ => Err(self.refuse("a text cast to INTERVAL")),
                }
            }
            _ => Ok(None),
        }
    }

    /// A date or moment that much later, or earlier.
    pub fn moved(&self, from: &Piece, back: bool, span: &Span) -> Result<Piece> {
        let Span { amount, unit } = span;
        let sign = if back { "-" } else { "+" };
        let number = amount.parse::<i64>().is_ok();
        if from.kind == Kind::Date && !matches!(*unit, "day" | "month") {
            return Err(self.refuse(format!("a date moved by a {unit}")));
        }
        if !matches!(from.kind, Kind::Date | Kind::Timestamp) {
            return Err(self.refuse(format!("an interval added to {}, whose type is not known", from.sql)));
        }
        let signed = match (number, back) {
            (true, true) => format!("-{amount}"),
            (true, false) => amount.clone(),
            (false, true) => format!("-({amount})"),
            (false, false) => amount.clone(),
        };
        let operand = from.operand();
        let sql = match self.dialect {
            Dialect::DuckDb if from.kind == Kind::Date => {
                format!("CAST({operand} {sign} INTERVAL '{amount} {unit}s' AS DATE)")
            }
            // A day of a session's zone can have 23 hours; 24 hours are 24 hours.
            Dialect::DuckDb => match (*unit, amount.parse::<i64>()) {
                ("day", Ok(days)) => format!("({operand} {sign} INTERVAL '{} hours')", days * 24),
                (_, Ok(_)) => format!("({operand} {sign} INTERVAL '{amount} {unit}s')"),
                (_, Err(_)) => format!("({operand} {sign} to_{unit}s({amount}))"),
            },
            Dialect::Spark => match (number, *unit) {
                (true, _) => format!("({operand} {sign} INTERVAL '{amount}' {})", unit.to_uppercase()),
                (false, "second") => format!("({operand} {sign} make_dt_interval(0, 0, 0, {amount}))"),
                _ => return Err(self.refuse(format!("an interval of as many {unit}s as a column says"))),
            },
            Dialect::ClickHouse => {
                format!("({operand} {sign} toInterval{}({amount}))", capitalized(unit))
            }
            Dialect::Trino => format!("date_add('{unit}', {signed}, {})", from.sql),
            Dialect::BigQuery => {
                let (kind, word) = match (&from.kind, *unit) {
                    (Kind::Date, _) => ("DATE", unit.to_uppercase()),
                    (_, "month") => return Err(self.refuse("a moment moved by months")),
                    _ => ("TIMESTAMP", unit.to_uppercase()),
                };
                let word_of = if back { "SUB" } else { "ADD" };
                format!(
                    "{kind}_{word_of}({}, INTERVAL {} {word})",
                    from.sql,
                    if number { amount.clone() } else { format!("({amount})") }
                )
            }
            Dialect::Snowflake => format!("DATEADD({unit}, {signed}, {})", from.sql),
        };
        Ok(Piece::new(sql, from.kind.clone()))
    }

    /// The days from one date to another.
    pub fn days_between(&self, later: &Piece, earlier: &Piece) -> Piece {
        let (a, b) = (&later.sql, &earlier.sql);
        let sql = match self.dialect {
            Dialect::DuckDb | Dialect::Snowflake => format!("({} - {})", later.operand(), earlier.operand()),
            Dialect::ClickHouse => format!("dateDiff('day', {b}, {a})"),
            Dialect::Spark => format!("datediff({a}, {b})"),
            Dialect::Trino => format!("date_diff('day', {b}, {a})"),
            Dialect::BigQuery => format!("DATE_DIFF({a}, {b}, DAY)"),
        };
        Piece::new(sql, Kind::Integer)
    }

    /// A date so many days later.
    pub fn days_later(&self, date: &Piece, days: &Piece, back: bool) -> Piece {
        let signed = if back { format!("-{}", days.operand()) } else { days.sql.clone() };
        let sql = match self.dialect {
            Dialect::DuckDb => {
                format!("({} {} CAST({} AS INTEGER))", date.operand(), if back { "-" } else { "+" }, days.sql)
            }
            Dialect::Spark => format!("date_add({}, CAST({signed} AS INT))", date.sql),
            Dialect::ClickHouse => format!("addDays({}, {signed})", date.sql),
            Dialect::Trino => format!("date_add('day', {signed}, {})", date.sql),
            Dialect::BigQuery => format!("DATE_ADD({}, INTERVAL ({signed}) DAY)", date.sql),
            Dialect::Snowflake => format!("DATEADD(day, {signed}, {})", date.sql),
        };
        Piece::new(sql, Kind::Date)
    }

    /// A moment as a type without a zone, whose days are those of UTC, for engines whose other types have the session's.
    pub fn in_utc(&self, moment: &Piece) -> String {
        match (self.dialect, &moment.kind) {
            (Dialect::DuckDb, Kind::Timestamp) => format!("make_timestamp(epoch_us({}))", moment.sql),
            _ => moment.sql.clone(),
        }
    }

    /// `date_trunc('week', x)`, a moment also where x is a date.
    pub fn truncated(&self, part: &str, of: &Piece) -> Result<Piece> {
        let piece = self.truncated_as_is(part, of)?;
        let Kind::Date = piece.kind else { return Ok(piece) };
        let midnight = self.midnight(&piece);
        Ok(Piece::new(
            if self.dialect == Dialect::DuckDb { format!("({midnight} AT TIME ZONE 'UTC')") } else { midnight },
            Kind::Timestamp,
        ))
    }

    /// The same, a date where x is a date.
    pub fn truncated_as_is(&self, part: &str, of: &Piece) -> Result<Piece> {
        let part = lower(part);
        let known = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"];
        if !known.contains(&part.as_str()) || !matches!(of.kind, Kind::Date | Kind::Timestamp | Kind::Local) {
            return Err(self.refuse(format!("date_trunc('{part}') of {}", of.sql)));
        }
        let date = of.kind == Kind::Date;
        let sql = match self.dialect {
            Dialect::DuckDb if date => format!("CAST(date_trunc('{part}', {}) AS DATE)", of.sql),
            Dialect::DuckDb if of.kind == Kind::Local => format!("date_trunc('{part}', {})", of.sql),
            Dialect::DuckDb => format!("(date_trunc('{part}', {}) AT TIME ZONE 'UTC')", self.in_utc(of)),
            Dialect::Spark if date => format!("CAST(date_trunc('{part}', {}) AS DATE)", of.sql),
            Dialect::Spark | Dialect::Trino | Dialect::Snowflake => format!("date_trunc('{part}', {})", of.sql),
            Dialect::ClickHouse if date => format!("CAST(dateTrunc('{part}', {}) AS Nullable(Date32))", of.sql),
            Dialect::ClickHouse => {
                format!("CAST(dateTrunc('{part}', {}) AS Nullable(DateTime64(6, 'UTC')))", of.sql)
            }
            Dialect::BigQuery => {
                let kind = match of.kind {
                    Kind::Date => "DATE",
                    Kind::Local => "DATETIME",
                    _ => "TIMESTAMP",
                };
                let part = if part == "week" { "ISOWEEK".to_string() } else { part.to_uppercase() };
                format!("{kind}_TRUNC({}, {part})", of.sql)
            }
        };
        Ok(Piece::new(sql, of.kind.clone()))
    }

    /// `date_part('hour', x)`.
    pub fn part(&self, part: &str, of: &Piece) -> Result<Piece> {
        let part = lower(part);
        let known = ["second", "minute", "hour", "day", "week", "month", "quarter", "year", "dow", "doy"];
        if !known.contains(&part.as_str()) || !matches!(of.kind, Kind::Date | Kind::Timestamp | Kind::Local) {
            return Err(self.refuse(format!("date_part('{part}') of {}", of.sql)));
        }
        let x = self.in_utc(of);
        let sql = match (self.dialect, part.as_str()) {
            (Dialect::DuckDb, _) => format!("date_part('{part}', {x})"),
            (Dialect::Spark, "second") => format!("second({x})"),
            (Dialect::Spark, "dow") => format!("(dayofweek({x}) - 1)"),
            (Dialect::Spark, _) => format!("date_part('{part}', {x})"),
            (Dialect::ClickHouse, "dow") => format!("(toDayOfWeek({x}) % 7)"),
            (Dialect::ClickHouse, "week") => format!("toISOWeek({x})"),
            (Dialect::ClickHouse, "doy") => format!("toDayOfYear({x})"),
            (Dialect::ClickHouse, "day") => format!("toDayOfMonth({x})"),
            (Dialect::ClickHouse, _) => format!("to{}({x})", capitalized(&part)),
            (Dialect::Trino, "dow") => format!("(day_of_week({x}) % 7)"),
            (Dialect::Trino, "doy") => format!("day_of_year({x})"),
            (Dialect::Trino, _) => format!("{part}({x})"),
            (Dialect::BigQuery, "dow") => format!("(EXTRACT(DAYOFWEEK FROM {x}) - 1)"),
            (Dialect::BigQuery, "doy") => format!("EXTRACT(DAYOFYEAR FROM {x})"),
            (Dialect::BigQuery, "week") => format!("EXTRACT(ISOWEEK FROM {x})"),
            (Dialect::BigQuery, _) => format!("EXTRACT({} FROM {x})", part.to_uppercase()),
            (Dialect::Snowflake, "dow") => format!("(DAYOFWEEKISO({x}) % 7)"),
            (Dialect::Snowflake, "week") => format!("WEEKISO({x})"),
            (Dialect::Snowflake, "doy") => format!("DAYOFYEAR({x})"),
            (Dialect::Snowflake, _) => format!("DATE_PART({part}, {x})"),
        };
        Ok(Piece::new(sql, Kind::Integer))
    }
}
