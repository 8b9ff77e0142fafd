//! ORDER BY and OVER. Where NULLs go is always said: engines differ in what they do unasked.

use super::Dialect;
use super::kind::Kind;
use super::piece::Piece;
use super::query::{Writer, lower};
use crate::error::Result;
use crate::query::sqlparser::ast::{
    Expr, OrderByExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

/// One key of an ORDER BY.
#[derive(Debug, Clone)]
pub struct Key {
    /// What is ordered by.
    pub piece: Piece,
    /// From the greatest down.
    pub descending: bool,
    /// NULLs before all others.
    pub nulls_first: bool,
    /// Whether it can be NULL, as far as its text tells.
    pub nullable: bool,
}

impl Key {
    /// The opposite order.
    pub fn reversed(&self) -> Key {
        Key { descending: !self.descending, nulls_first: !self.nulls_first, ..self.clone() }
    }
}

impl Writer<'_> {
    /// The keys of an ORDER BY, each saying where its NULLs go.
    pub fn keys(&mut self, order: &[OrderByExpr]) -> Result<Vec<Key>> {
        let mut keys = Vec::with_capacity(order.len());
        for key in order {
            let descending = key.options.asc == Some(false);
            let nullable = !matches!(key.expr, Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::Value(_));
            keys.push(Key {
                piece: self.expr(&key.expr)?,
                descending,
                nulls_first: key.options.nulls_first.unwrap_or(descending),
                nullable,
            });
        }
        Ok(keys)
    }

    /// The keys as text.
    pub fn order(&self, keys: &[Key]) -> String {
        let each = keys.iter().map(|key| {
            let direction = if key.descending { " DESC" } else { "" };
            // BigQuery puts NULLs first, last where descending, and within functions takes no other wish.
            if self.dialect == Dialect::BigQuery {
                let by_null = match key.nullable && key.nulls_first == key.descending {
                    false => String::new(),
                    true if key.nulls_first => format!("{} IS NULL DESC, ", key.piece.operand()),
                    true => format!("{} IS NULL, ", key.piece.operand()),
                };
                return format!("{by_null}{}{direction}", key.piece.sql);
            }
            let nulls = match (key.nullable, key.nulls_first) {
                (false, _) => "",
                (true, true) => " NULLS FIRST",
                (true, false) => " NULLS LAST",
            };
            format!("{}{direction}{nulls}", key.piece.sql)
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// The window of an OVER, a name replaced by what it stands for.
    pub fn window(&self, over: &WindowType) -> Result<WindowSpec> {
        let name = match over {
            WindowType::WindowSpec(spec) if spec.window_name.is_none() => return Ok(spec.clone()),
            WindowType::WindowSpec(_) => return Err(self.refuse("a window built on another")),
            WindowType::NamedWindow(name) => lower(&name.value),
        };
        let known = self.windows.last().and_then(|all| all.iter().find(|(n, _)| *n == name));
        match known {
            Some((_, spec)) => Ok(spec.clone()),
            None => Err(self.refuse(format!("the window {name}, which is not defined"))),
        }
    }

    /// ` OVER (…)`. `frame` replaces the window's own.
    pub fn over(&mut self, spec: &WindowSpec, frame: Option<&str>) -> Result<String> {
        let mut parts = Vec::new();
        if !spec.partition_by.is_empty() {
            let mut each = Vec::with_capacity(spec.partition_by.len());
            for expr in &spec.partition_by {
                each.push(self.expr(expr)?.sql);
            }
            parts.push(format!("PARTITION BY {}", each.join(", ")));
        }
        let mut keys = self.keys(&spec.order_by)?;
        let written = match (frame, &spec.window_frame) {
            (Some(frame), _) => Some(frame.to_string()),
            (None, None) => None,
            (None, Some(frame)) => Some(self.frame(frame, &mut keys)?),
        };
        if !keys.is_empty() {
            parts.push(format!("ORDER BY {}", self.order(&keys)));
        }
        parts.extend(written);
        Ok(format!(" OVER ({})", parts.join(" ")))
    }

    fn frame(&mut self, frame: &WindowFrame, keys: &mut [Key]) -> Result<String> {
        let offset = |bound: &WindowFrameBound| {
            matches!(bound, WindowFrameBound::Preceding(Some(_)) | WindowFrameBound::Following(Some(_)))
        };
        let ranged = matches!(frame.units, WindowFrameUnits::Range)
            && (offset(&frame.start_bound) || frame.end_bound.as_ref().is_some_and(offset));
        if ranged {
            self.ranged_key(keys)?;
        }
        let start = self.bound(&frame.start_bound, ranged)?;
        let units = &frame.units;
        match &frame.end_bound {
            None => Ok(format!("{units} {start}")),
            Some(end) => Ok(format!("{units} BETWEEN {start} AND {}", self.bound(end, ranged)?)),
        }
    }

    /// The key of a RANGE with distances: engines that measure distances in numbers alone get the day's number.
    fn ranged_key(&mut self, keys: &mut [Key]) -> Result<()> {
        let [key] = keys else { return Err(self.refuse("RANGE with a distance over several keys")) };
        if key.piece.kind != Kind::Date {
            return Err(self.refuse("RANGE with a distance over what is no date"));
        }
        let key_sql = match self.dialect {
            Dialect::BigQuery => format!("UNIX_DATE({})", key.piece.sql),
            Dialect::ClickHouse => format!("toInt32({})", key.piece.operand()),
            _ => return Ok(()),
        };
        // A NULL has no distance to anything, so its place does not matter.
        *key = Key { piece: Piece::new(key_sql, Kind::Integer), nullable: false, ..key.clone() };
        Ok(())
    }

    fn bound(&mut self, bound: &WindowFrameBound, ranged: bool) -> Result<String> {
        let (distance, word) = match bound {
            WindowFrameBound::CurrentRow => return Ok("CURRENT ROW".to_string()),
            WindowFrameBound::Preceding(distance) => (distance, "PRECEDING"),
            WindowFrameBound::Following(distance) => (distance, "FOLLOWING"),
        };
        let Some(distance) = distance else { return Ok(format!("UNBOUNDED {word}")) };
        if !ranged {
            return Ok(format!("{} {word}", self.expr(distance)?.sql));
        }
        let span = match self.span(distance)? {
            Some(span) if span.unit == "day" => span,
            _ => return Err(self.refuse("RANGE with a distance that is not in days")),
        };
        Ok(match self.dialect {
            Dialect::BigQuery | Dialect::ClickHouse => format!("{} {word}", span.amount),
            Dialect::DuckDb | Dialect::Snowflake => format!("INTERVAL '{} days' {word}", span.amount),
            Dialect::Spark | Dialect::Trino => format!("INTERVAL '{}' DAY {word}", span.amount),
        })
    }
}
