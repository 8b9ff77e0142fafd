//! Calls of functions: their arguments, FILTER, ORDER BY inside the parentheses, OVER.

use super::Dialect;
use super::functions::{Role, Said, find, known_name, yielded};
use super::kind::Kind;
use super::piece::{Piece, fill};
use super::query::{Writer, literal, lower};
use super::window::Key;
use crate::error::Result;
use crate::query::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    NullTreatment, OrderByExpr, WindowType,
};

/// An aggregate or window function, its parts written.
pub struct Call<'a> {
    /// The name we know it by.
    pub name: &'a str,
    /// Its arguments; none for `count(*)`.
    pub args: Vec<Piece>,
    /// Over different values alone.
    pub distinct: bool,
    /// The order within the parentheses.
    pub order: Vec<Key>,
    /// Which rows count.
    pub filter: Option<String>,
    /// Whether NULLs are passed over.
    pub ignore_nulls: bool,
}

impl Writer<'_> {
    /// Any call.
    pub fn call(&mut self, function: &Function) -> Result<Piece> {
        let written = lower(&function.name.to_string());
        let name = known_name(&written);
        if function.uses_odbc_syntax
            || !function.within_group.is_empty()
            || function.parameters != FunctionArguments::None
        {
            return Err(self.refuse(function));
        }
        let (exprs, clauses, distinct) = self.arguments(function)?;
        if let Some(piece) = self.by_literal(name, &exprs)? {
            return Ok(piece);
        }
        let Some((role, _)) = find(name) else {
            return Err(self.refuse(format!("the function {written}")));
        };
        if role == Role::Scalar {
            if function.over.is_some() || function.filter.is_some() || !clauses.is_empty() || distinct {
                return Err(self.refuse(function));
            }
            return self.scalar(name, &exprs);
        }
        let mut order: &[OrderByExpr] = &[];
        let mut ignore_nulls = function.null_treatment == Some(NullTreatment::IgnoreNulls);
        for clause in clauses {
            match clause {
                FunctionArgumentClause::OrderBy(keys) => order = keys,
                FunctionArgumentClause::IgnoreOrRespectNulls(how) => ignore_nulls = *how == NullTreatment::IgnoreNulls,
                _ => return Err(self.refuse(function)),
            }
        }
        let mut args = Vec::with_capacity(exprs.len());
        for expr in &exprs {
            args.push(self.expr(expr)?);
        }
        let filter = match &function.filter {
            Some(filter) => Some(self.expr(filter)?.sql),
            None => None,
        };
        let order = self.keys(order)?;
        let call = Call { name, args, distinct, order, filter, ignore_nulls };
        match &function.over {
            Some(over) => self.windowed(&call, over),
            None if role == Role::Window => Err(self.refuse(format!("{name} without OVER"))),
            None if role == Role::Ordered => self.ordered(&call),
            None if !call.order.is_empty() || ignore_nulls => Err(self.refuse(function)),
            None => self.aggregate(&call),
        }
    }

    #[allow(clippy::type_complexity)]
    fn arguments<'f>(&self, function: &'f Function) -> Result<(Vec<&'f Expr>, &'f [FunctionArgumentClause], bool)> {
        let list = match &function.args {
            FunctionArguments::None => return Ok((Vec::new(), &[], false)),
            FunctionArguments::List(list) => list,
            FunctionArguments::Subquery(_) => return Err(self.refuse(function)),
        };
        let mut exprs = Vec::with_capacity(list.args.len());
        for arg in &list.args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => exprs.push(expr),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if lower(&function.name.to_string()) == "count" => {}
                _ => return Err(self.refuse(function)),
            }
        }
        Ok((exprs, &list.clauses, list.duplicate_treatment == Some(DuplicateTreatment::Distinct)))
    }

    /// Functions that a literal argument decides.
    fn by_literal(&mut self, name: &str, args: &[&Expr]) -> Result<Option<Piece>> {
        let text = |at: usize| args.get(at).and_then(|a| literal(a));
        Ok(Some(match (name, args) {
            ("date_trunc" | "date_part" | "datepart" | "datetrunc", [_, of]) => {
                let Some(part) = text(0) else {
                    return Err(self.refuse(format!("{name} of a part that is no literal")));
                };
                let of = self.expr(of)?;
                if name.ends_with("trunc") { self.truncated(part, &of)? } else { self.part(part, &of)? }
            }
            ("regexp_replace", [of, ..]) => match (text(1), text(2), args.len(), text(3)) {
                (Some(pattern), Some(with), 3, None) => self.replaced(of, pattern, with, false)?,
                (Some(pattern), Some(with), 4, Some("g")) => self.replaced(of, pattern, with, true)?,
                _ => return Err(self.refuse("regexp_replace with anything but literals, and no flag but g")),
            },
            ("regexp_like", [of, _]) => match text(1) {
                Some(pattern) => self.matches(of, pattern)?,
                None => return Err(self.refuse("regexp_like with a pattern that is no literal")),
            },
            _ => return Ok(None),
        }))
    }

    /// A function that works row by row.
    pub fn scalar(&mut self, name: &str, args: &[&Expr]) -> Result<Piece> {
        let mut pieces = Vec::with_capacity(args.len());
        for arg in args {
            pieces.push(self.expr(arg)?);
        }
        let kinds: Vec<Kind> = pieces.iter().map(|p| p.kind.clone()).collect();
        let Some((Role::Scalar, yields)) = find(name) else {
            return Err(self.refuse(format!("the function {name}")));
        };
        let kind = yielded(yields, &kinds);
        if name == "local_time" && matches!(self.dialect, Dialect::Spark | Dialect::Snowflake) {
            self.note(&format!(
                "A query fails in {} where a time zone looks like one and is none: it cannot be tried there.",
                self.dialect
            ));
        }
        let sqls: Vec<&str> = pieces.iter().map(|p| p.sql.as_str()).collect();
        let said = self.dialect.calls().iter().find(|(n, _)| *n == name).map(|(_, said)| *said);
        let sql = match said {
            Some(Said::Same) => format!("{name}({})", sqls.join(", ")),
            Some(Said::Named(other)) => format!("{other}({})", sqls.join(", ")),
            Some(Said::As(template)) => {
                let takes = (0..9).rev().find(|n| template.contains(&format!("{{{n}}}"))).map_or(0, |n| n + 1);
                if takes != sqls.len() {
                    return Err(self.refuse(format!("{name} with {} arguments", sqls.len())));
                }
                fill(template, &pieces)
            }
            Some(Said::NullsAsEmpty) => {
                let text = Kind::Text.name_in(self.dialect).unwrap_or_default();
                let each = pieces.iter().map(|p| match p.kind {
                    Kind::Text => Ok(format!("coalesce({}, '')", p.sql)),
                    Kind::Double => Ok(format!("coalesce({}, '')", self.float_as_text(&p.sql, &text)?)),
                    _ => Ok(format!("coalesce(CAST({} AS {text}), '')", p.sql)),
                });
                format!("concat({})", each.collect::<Result<Vec<_>>>()?.join(", "))
            }
            Some(Said::WithoutNulls) => {
                let mut rest = sqls.iter();
                let first = rest.next().map(|s| s.to_string()).unwrap_or_default();
                rest.fold(first, |all, one| format!("coalesce({name}({all}, {one}), {all}, {one})"))
            }
            Some(Said::Item(other)) => match kind.name_in(self.dialect) {
                Some(kind) => format!("CAST({other}({}) AS {kind})", sqls.join(", ")),
                None => return Err(self.refuse(format!("{name} of a list whose type is not known"))),
            },
            Some(Said::Series) => self.series(args, &sqls)?,
            None => return Err(self.refuse(format!("the function {name}"))),
        };
        Ok(Piece::new(sql, kind))
    }

    /// `generate_series(from, to)`: some engines would count down where `to` is the lesser.
    fn series(&self, args: &[&Expr], sqls: &[&str]) -> Result<String> {
        let [from, to] = sqls else { return Err(self.refuse("generate_series with a step")) };
        let greater = match args {
            [from, Expr::Function(to)] => {
                lower(&to.name.to_string()) == "greatest" && to.args.to_string().starts_with(&format!("({from},"))
            }
            _ => false,
        };
        let (all, none) = match self.dialect {
            Dialect::Spark => (format!("sequence({from}, {to})"), "CAST(array() AS ARRAY<BIGINT>)"),
            _ => (format!("sequence({from}, {to})"), "CAST(ARRAY[] AS array(bigint))"),
        };
        Ok(if greater {
            all
        } else {
            format!("CASE WHEN {from} <= {to} THEN {all} WHEN {from} > {to} THEN {none} END")
        })
    }

    /// What an aggregate yields.
    fn kind_of_call(&self, call: &Call) -> Kind {
        let kinds: Vec<Kind> = call.args.iter().map(|a| a.kind.clone()).collect();
        match (call.name, kinds.first()) {
            ("sum", Some(Kind::Decimal(digits, behind))) => Kind::Decimal((digits + 10).min(38), *behind),
            _ => find(call.name).map_or(Kind::Unknown, |(_, yields)| yielded(yields, &kinds)),
        }
    }

    /// An aggregate without an order.
    fn aggregate(&mut self, call: &Call) -> Result<Piece> {
        let kind = self.kind_of_call(call);
        let inside = matches!(self.dialect, Dialect::BigQuery | Dialect::Snowflake);
        let name = self.aggregate_name(call.name);
        let mut args: Vec<String> = call.args.iter().map(|a| a.sql.clone()).collect();
        if call.name == "avg" && self.dialect == Dialect::Snowflake {
            args = args.iter().map(|a| format!("CAST({a} AS DOUBLE)")).collect();
        }
        let sql = match (&call.filter, args.first()) {
            (Some(filter), None) if self.dialect == Dialect::BigQuery => format!("COUNTIF({filter})"),
            (Some(filter), None) if inside => format!("COUNT_IF({filter})"),
            (Some(filter), Some(first)) if inside && args.len() == 1 => {
                format!("{name}({}{})", distinct(call), self.only(filter, first))
            }
            (filter, None) => format!("{name}(*){}", filter_clause(filter)),
            (filter, Some(_)) if !inside || filter.is_none() => {
                format!("{name}({}{}){}", distinct(call), args.join(", "), filter_clause(filter))
            }
            _ => return Err(self.refuse(format!("{name} of several arguments with FILTER"))),
        };
        let sql =
            if call.name == "count" && self.dialect == Dialect::ClickHouse { format!("toInt64({sql})") } else { sql };
        Ok(Piece::new(sql, kind))
    }

    /// A value where a condition holds, else NULL.
    pub fn only(&self, filter: &str, value: &str) -> String {
        let word = if self.dialect == Dialect::Snowflake { "IFF" } else { "IF" };
        format!("{word}({filter}, {value}, NULL)")
    }

    fn aggregate_name(&self, name: &str) -> String {
        let other = match (name, self.dialect) {
            ("bool_or", Dialect::BigQuery) => "LOGICAL_OR",
            ("bool_and", Dialect::BigQuery) => "LOGICAL_AND",
            ("bool_or", Dialect::Snowflake) => "BOOLOR_AGG",
            ("bool_and", Dialect::Snowflake) => "BOOLAND_AGG",
            ("bool_or", Dialect::ClickHouse) => "max",
            ("bool_and", Dialect::ClickHouse) => "min",
            _ => name,
        };
        other.to_string()
    }

    /// A function with OVER.
    fn windowed(&mut self, call: &Call, over: &WindowType) -> Result<Piece> {
        let kind = self.kind_of_call(call);
        let spec = self.window(over)?;
        if !call.order.is_empty() || call.distinct || (call.ignore_nulls && call.name != "lead") {
            return Err(self.refuse(format!("{} with an order, DISTINCT or IGNORE NULLS over a window", call.name)));
        }
        let name = self.aggregate_name(call.name);
        let args: Vec<&str> = call.args.iter().map(|a| a.sql.as_str()).collect();
        let written = if call.name == "count" && args.is_empty() { "*".to_string() } else { args.join(", ") };
        if call.ignore_nulls {
            let [value] = args.as_slice() else { return Err(self.refuse("lead with a distance and IGNORE NULLS")) };
            return Ok(Piece::new(self.next_known(value, &spec)?, kind));
        }
        let over = self.over(&spec, None)?;
        let written = match (&call.filter, self.dialect, args.as_slice()) {
            (None, Dialect::ClickHouse, [value]) if matches!(call.name, "lag" | "lead") => {
                format!("{name}(toNullable({value}))")
            }
            (None, ..) => format!("{name}({written})"),
            (Some(filter), Dialect::BigQuery | Dialect::Snowflake, []) => {
                format!("count({})", self.only(filter, "1"))
            }
            (Some(filter), Dialect::BigQuery | Dialect::Snowflake, [value]) => {
                format!("{name}({})", self.only(filter, value))
            }
            (filter, ..) => format!("{name}({written}){}", filter_clause(filter)),
        };
        let sql = format!("{written}{over}");
        let counts = self.dialect == Dialect::ClickHouse
            && kind == Kind::Integer
            && !matches!(call.name, "lag" | "lead" | "sum" | "min" | "max");
        Ok(Piece::new(if counts { format!("toInt64({sql})") } else { sql }, kind))
    }

    /// `lead(x) IGNORE NULLS`: the next value that is known.
    fn next_known(&mut self, value: &str, spec: &crate::query::sqlparser::ast::WindowSpec) -> Result<String> {
        const AFTER: &str = "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING";
        Ok(match self.dialect {
            Dialect::DuckDb => format!("lead({value} IGNORE NULLS){}", self.over(spec, None)?),
            Dialect::Spark | Dialect::Trino | Dialect::Snowflake => {
                format!("lead({value}) IGNORE NULLS{}", self.over(spec, None)?)
            }
            Dialect::BigQuery => format!("FIRST_VALUE({value} IGNORE NULLS){}", self.over(spec, Some(AFTER))?),
            Dialect::ClickHouse => format!("any({value}){}", self.over(spec, Some(AFTER))?),
        })
    }
}

fn distinct(call: &Call) -> &'static str {
    if call.distinct { "DISTINCT " } else { "" }
}

fn filter_clause(filter: &Option<String>) -> String {
    filter.as_ref().map_or_else(String::new, |filter| format!(" FILTER (WHERE {filter})"))
}
