//! Expressions, one node at a time. Parentheses stay where the view has them; what is rewritten becomes one call or
//! stands in parentheses, so that no operator beside it takes it apart.

use super::Dialect;
use super::kind::Kind;
use super::piece::Piece;
use super::query::{Writer, called, indented, literal, lower};
use super::scope::kind_of;
use super::spelling;
use crate::error::Result;
use crate::query::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, Expr, Ident, Query, Subscript,
    TrimWhereField, UnaryOperator, Value,
};

impl Writer<'_> {
    /// Any expression.
    pub fn expr(&mut self, expr: &Expr) -> Result<Piece> {
        let boolean = |sql: String| Ok(Piece::new(sql, Kind::Boolean));
        match expr {
            Expr::Identifier(ident) => Ok(self.column(None, ident)),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [alias, column] => Ok(self.column(Some(alias), column)),
                _ => Err(self.refuse(expr)),
            },
            Expr::Value(value) => self.value(&value.value),
            Expr::Nested(inner) => {
                let piece = self.expr(inner)?;
                Ok(Piece::new(format!("({})", piece.sql), piece.kind))
            }
            Expr::IsNull(x) => boolean(format!("{} IS NULL", self.expr(x)?.sql)),
            Expr::IsNotNull(x) => boolean(format!("{} IS NOT NULL", self.expr(x)?.sql)),
            Expr::IsTrue(x) => boolean(format!("coalesce({}, false)", self.expr(x)?.sql)),
            Expr::IsNotTrue(x) => boolean(format!("(NOT coalesce({}, false))", self.expr(x)?.sql)),
            Expr::IsFalse(x) => boolean(format!("(NOT coalesce({}, true))", self.expr(x)?.sql)),
            Expr::IsNotFalse(x) => boolean(format!("coalesce({}, true)", self.expr(x)?.sql)),
            Expr::IsDistinctFrom(a, b) => self.distinct(a, b, true),
            Expr::IsNotDistinctFrom(a, b) => self.distinct(a, b, false),
            Expr::InList { expr, list, negated } => {
                let subject = self.expr(expr)?;
                let mut each = Vec::with_capacity(list.len());
                for item in list {
                    let item = self.expr(item)?;
                    each.push(self.alike(&subject, &item)?.1);
                }
                boolean(format!("{} {}IN ({})", subject.sql, not(*negated), each.join(", ")))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let subject = self.expr(expr)?.sql;
                boolean(format!("{subject} {}IN {}", not(*negated), self.inner(subquery)?.sql))
            }
            Expr::Exists { subquery, negated } => {
                boolean(format!("{}EXISTS {}", not(*negated), self.inner(subquery)?.sql))
            }
            Expr::Subquery(query) => self.inner(query),
            Expr::Between { expr, negated, low, high } => {
                let subject = self.expr(expr)?;
                let (low, high) = (self.expr(low)?, self.expr(high)?);
                let (left, low) = self.alike(&subject, &low)?;
                let (_, high) = self.alike(&subject, &high)?;
                boolean(format!("{left} {}BETWEEN {low} AND {high}", not(*negated)))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                let (subject, pattern) = (self.expr(expr)?.sql, self.expr(pattern)?.sql);
                boolean(format!("{subject} {}LIKE {pattern}", not(*negated)))
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                let (subject, pattern) = (self.expr(expr)?.sql, self.expr(pattern)?.sql);
                let lowered = if self.dialect == Dialect::ClickHouse { "lowerUTF8" } else { "lower" };
                boolean(format!("{lowered}({subject}) {}LIKE {lowered}({pattern})", not(*negated)))
            }
            Expr::UnaryOp { op, expr } => {
                let piece = self.expr(expr)?;
                match op {
                    UnaryOperator::Not => boolean(format!("NOT {}", piece.sql)),
                    UnaryOperator::Minus => Ok(Piece::new(format!("-{}", piece.operand()), piece.kind)),
                    UnaryOperator::Plus => Ok(piece),
                    _ => Err(self.refuse(expr)),
                }
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::Cast { kind, expr, data_type, array: false, format: None } => {
                let to = self.named_kind(data_type)?;
                if let (Kind::Date, Some((part, of))) = (&to, truncation(expr)) {
                    let of = self.expr(of)?;
                    let truncated = self.truncated_as_is(part, &of)?;
                    return if of.kind == Kind::Date { Ok(truncated) } else { self.cast(&truncated, &to, false) };
                }
                let piece = self.expr(expr)?;
                self.cast(&piece, &to, matches!(kind, CastKind::TryCast | CastKind::SafeCast))
            }
            Expr::TypedString(typed) => {
                let to = self.named_kind(&typed.data_type)?;
                let text = self.value(&typed.value.value)?;
                self.cast(&text, &to, false)
            }
            Expr::Extract { field, expr, .. } => {
                let of = self.expr(expr)?;
                self.part(&field.to_string(), &of)
            }
            Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.scalar("floor", &[expr.as_ref()])
            }
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.scalar("ceil", &[expr.as_ref()])
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let args: Vec<&Expr> = [Some(expr), substring_from.as_ref(), substring_for.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|b| b.as_ref())
                    .collect();
                self.scalar("substr", &args)
            }
            Expr::Position { expr, r#in } => self.scalar("strpos", &[r#in.as_ref(), expr.as_ref()]),
            Expr::Trim { trim_where, trim_what: None, expr, trim_characters: None } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "trim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                self.scalar(name, &[expr.as_ref()])
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Array(array) => self.scalar("make_array", &array.elem.iter().collect::<Vec<_>>()),
            Expr::CompoundFieldAccess { root, access_chain } => match access_chain.as_slice() {
                [AccessExpr::Subscript(Subscript::Index { index })] => self.subscript(root, index),
                _ => Err(self.refuse(expr)),
            },
            Expr::Function(function) => self.call(function),
            _ => Err(self.refuse(expr)),
        }
    }

    fn column(&self, alias: Option<&Ident>, column: &Ident) -> Piece {
        let name = lower(&column.value);
        let alias = alias.map(|a| lower(&a.value));
        let kind = kind_of(&self.scopes, alias.as_deref(), &name);
        let name = spelling::name(self.dialect, &name);
        match alias {
            Some(alias) => Piece::new(format!("{}.{name}", spelling::name(self.dialect, &alias)), kind),
            None => Piece::new(name, kind),
        }
    }

    fn value(&self, value: &Value) -> Result<Piece> {
        Ok(match value {
            Value::Null => Piece::new("NULL", Kind::Null),
            Value::Boolean(is) => Piece::new(is.to_string(), Kind::Boolean),
            Value::SingleQuotedString(text) => Piece::new(spelling::text(self.dialect, text), Kind::Text),
            Value::Number(digits, _) => {
                let digits = digits.to_string();
                match digits.chars().all(|c| c.is_ascii_digit()) {
                    true => Piece::new(digits, Kind::Integer),
                    false => Piece::new(spelling::real(self.dialect, &digits), Kind::Double),
                }
            }
            other => return Err(self.refuse(other)),
        })
    }

    fn inner(&mut self, query: &Query) -> Result<Piece> {
        let written = self.query(query)?;
        let kind = match written.columns.as_deref() {
            Some([(_, kind)]) => kind.clone(),
            _ => Kind::Unknown,
        };
        Ok(Piece::new(format!("(\n{}\n)", indented(&written.sql)), kind))
    }

    fn case(&mut self, operand: Option<&Expr>, whens: &[CaseWhen], otherwise: Option<&Expr>) -> Result<Piece> {
        let mut kinds = Vec::new();
        let mut arms = Vec::new();
        for when in whens {
            let (condition, result) = (self.expr(&when.condition)?, self.expr(&when.result)?);
            arms.push(format!("WHEN {} THEN {}", condition.sql, result.sql));
            kinds.push(result.kind);
        }
        let head = match operand {
            Some(operand) => format!("CASE {}", self.expr(operand)?.sql),
            None => "CASE".to_string(),
        };
        if let Some(otherwise) = otherwise {
            let otherwise = self.expr(otherwise)?;
            arms.push(format!("ELSE {}", otherwise.sql));
            kinds.push(otherwise.kind);
        }
        let one_line = format!("{head} {} END", arms.join(" "));
        let sql = match one_line.len() > 110 || one_line.contains('\n') {
            true => format!("{head}\n{}\nEND", indented(&arms.join("\n"))),
            false => one_line,
        };
        Ok(Piece::new(sql, Kind::of_all(kinds.iter())))
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Piece> {
        use BinaryOperator::{
            And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, Plus, StringConcat,
        };
        if matches!(op, Plus | Minus)
            && let Some(span) = self.span(right)?
        {
            let from = self.expr(left)?;
            return self.moved(&from, *op == Minus, &span);
        }
        let (a, b) = (self.expr(left)?, self.expr(right)?);
        match op {
            And | Or => Ok(Piece::new(format!("{} {op} {}", a.sql, b.sql), Kind::Boolean)),
            Eq | NotEq | Lt | LtEq | Gt | GtEq => {
                let (a, b) = self.alike(&a, &b)?;
                Ok(Piece::new(format!("{a} {op} {b}"), Kind::Boolean))
            }
            StringConcat => Ok(Piece::new(format!("{} || {}", a.sql, b.sql), Kind::Text)),
            Minus if a.kind == Kind::Date && b.kind == Kind::Date => Ok(self.days_between(&a, &b)),
            Plus | Minus if a.kind == Kind::Date && b.kind == Kind::Integer => {
                Ok(self.days_later(&a, &b, *op == Minus))
            }
            Plus | Minus | Multiply => {
                self.numbers(&a, &b, op)?;
                Ok(Piece::new(format!("{} {op} {}", a.sql, b.sql), a.kind.with(&b.kind)))
            }
            Modulo => {
                let sql = match self.dialect {
                    Dialect::BigQuery => format!("MOD({}, {})", a.sql, b.sql),
                    _ => format!("({} % {})", a.operand(), b.operand()),
                };
                Ok(Piece::new(sql, a.kind.with(&b.kind)))
            }
            Divide => self.divided(&a, &b),
            _ => Err(self.refuse(op)),
        }
    }

    /// Arithmetic of what is surely no date: engines differ in what that would mean.
    fn numbers(&self, a: &Piece, b: &Piece, op: &BinaryOperator) -> Result<()> {
        let dates = |kind: &Kind| matches!(kind, Kind::Date | Kind::Timestamp);
        if dates(&a.kind) || dates(&b.kind) {
            return Err(self.refuse(format!("{} {op} {}", a.sql, b.sql)));
        }
        Ok(())
    }

    /// Division: of integers it cuts off what is behind the point.
    fn divided(&self, a: &Piece, b: &Piece) -> Result<Piece> {
        let kind = a.kind.with(&b.kind);
        match kind {
            Kind::Integer => {
                let (x, y) = (a.operand(), b.operand());
                let sql = match self.dialect {
                    Dialect::DuckDb => format!("({x} // {y})"),
                    Dialect::Spark => format!("({x} div {y})"),
                    Dialect::ClickHouse => format!("intDiv({}, {})", a.sql, b.sql),
                    Dialect::Trino => format!("({x} / {y})"),
                    Dialect::BigQuery => format!("DIV({}, {})", a.sql, b.sql),
                    Dialect::Snowflake => format!("CAST(({x} - MOD({}, {})) / {y} AS BIGINT)", a.sql, b.sql),
                };
                Ok(Piece::new(sql, kind))
            }
            Kind::Double => Ok(Piece::new(format!("{} / {}", a.sql, b.sql), kind)),
            _ => Err(self.refuse(format!("{} / {}, where it is not known whether both are integers", a.sql, b.sql))),
        }
    }

    /// Both sides of a comparison as one type, where one of them is a date or a moment and the other is not the same.
    fn alike(&self, a: &Piece, b: &Piece) -> Result<(String, String)> {
        let (left, right) = match (&a.kind, &b.kind) {
            (Kind::Date | Kind::Timestamp, Kind::Text) => (a.sql.clone(), self.cast(b, &a.kind, false)?.sql),
            (Kind::Text, Kind::Date | Kind::Timestamp) => (self.cast(a, &b.kind, false)?.sql, b.sql.clone()),
            (Kind::Timestamp, Kind::Date) => (self.in_utc(a), self.midnight(b)),
            (Kind::Date, Kind::Timestamp) => (self.midnight(a), self.in_utc(b)),
            (Kind::Local, Kind::Timestamp | Kind::Date) | (Kind::Timestamp | Kind::Date, Kind::Local) => {
                return Err(self.refuse(format!("{} beside {}, one of them a local time", a.sql, b.sql)));
            }
            _ => (a.sql.clone(), b.sql.clone()),
        };
        Ok((left, right))
    }

    /// The first moment of a day.
    pub fn midnight(&self, date: &Piece) -> String {
        match self.dialect {
            Dialect::DuckDb => format!("CAST({} AS TIMESTAMP)", date.sql),
            Dialect::ClickHouse => format!("toDateTime64({}, 6, 'UTC')", date.sql),
            Dialect::BigQuery => format!("TIMESTAMP({})", date.sql),
            dialect => format!("CAST({} AS {})", date.sql, Kind::Timestamp.name_in(dialect).unwrap_or_default()),
        }
    }

    fn distinct(&mut self, a: &Expr, b: &Expr, differ: bool) -> Result<Piece> {
        let (a, b) = (self.expr(a)?, self.expr(b)?);
        let (a, b) = self.alike(&a, &b)?;
        Ok(Piece::new(format!("{a} IS {}DISTINCT FROM {b}", not(!differ)), Kind::Boolean))
    }

    /// `list[n]`, and `regexp_match(text, pattern)[1]`.
    fn subscript(&mut self, root: &Expr, index: &Expr) -> Result<Piece> {
        if let Some([text, pattern]) = called(root, "regexp_match").as_deref() {
            let one = matches!(index, Expr::Value(v) if v.value.to_string() == "1");
            let Some(pattern) = literal(pattern).filter(|_| one) else {
                return Err(self.refuse("regexp_match with anything but a literal pattern and [1]"));
            };
            return self.first_match(text, pattern);
        }
        let (list, index) = (self.expr(root)?, self.expr(index)?);
        let kind = list.kind.item();
        let (l, i) = (list.operand(), &index.sql);
        let sql = match self.dialect {
            Dialect::DuckDb => format!("{l}[{i}]"),
            Dialect::ClickHouse => format!("{l}[{i}]"),
            Dialect::Spark => format!("get({}, {i} - 1)", list.sql),
            Dialect::Trino => format!("element_at({}, {i})", list.sql),
            Dialect::BigQuery => format!("{l}[SAFE_ORDINAL({i})]"),
            Dialect::Snowflake => match kind.name_in(self.dialect) {
                Some(name) => format!("CAST(GET({}, {i} - 1) AS {name})", list.sql),
                None => return Err(self.refuse("an item of a list whose type is not known")),
            },
        };
        Ok(Piece::new(sql, kind))
    }
}

/// The part and the subject of `date_trunc('week', x)`.
fn truncation(expr: &Expr) -> Option<(&str, &Expr)> {
    match called(expr, "date_trunc")?.as_slice() {
        [part, of] => Some((literal(part)?, of)),
        _ => None,
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}
