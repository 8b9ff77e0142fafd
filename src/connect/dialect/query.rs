//! Queries: WITH, UNION and what is around a SELECT.

use super::Dialect;
use super::kind::Kind;
use super::piece::Piece;
use super::relations::{Columns, Relations};
use super::scope::Scope;
use super::spelling;
use crate::error::{Error, Result};
use crate::query::sqlparser::ast::{
    Cte, Expr, LimitClause, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, WindowSpec, With,
};
use std::fmt::Display;

/// Writes one view in another engine's SQL. It takes each construct it knows and refuses the others: what it does not
/// know might mean something else there.
pub struct Writer<'a> {
    /// The engine.
    pub dialect: Dialect,
    /// The view, for errors.
    pub view: &'a str,
    /// What there is to read.
    pub relations: &'a Relations,
    /// The names known here, the innermost query last.
    pub scopes: Vec<Scope>,
    /// The named windows of the SELECT being written.
    pub windows: Vec<Vec<(String, WindowSpec)>>,
    /// What the reader of the result should know, once each.
    pub notes: Vec<String>,
}

/// A written query.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its text.
    pub sql: String,
    /// Its columns; nothing where not all are known.
    pub columns: Option<Columns>,
}

/// A written SELECT, its columns still apart so that a UNION can give its NULLs a type.
pub struct Block {
    /// SELECT, and DISTINCT where it is.
    pub head: String,
    /// The columns: text without alias, name, type. A wildcard has no name.
    pub items: Vec<Item>,
    /// FROM and all that follows.
    pub tail: String,
}

/// One column of a [`Block`].
pub struct Item {
    /// The expression or wildcard.
    pub piece: Piece,
    /// The name as in the view; none for an expression without one.
    pub name: Option<String>,
    /// Whether the view itself says the name.
    pub aliased: bool,
    /// Whether it is a wildcard.
    pub star: bool,
    /// The columns it stands for; nothing where they are not known.
    pub columns: Option<Columns>,
}

impl Writer<'_> {
    /// An error that names the view.
    pub fn refuse(&self, what: impl Display) -> Error {
        Error::usage(format!(
            "{}: {what} cannot be said in the SQL of {} by `eddyline connect`",
            self.view, self.dialect
        ))
        .hint("write the view without it, or leave the view out")
    }

    /// Says something once at the view.
    pub fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|n| n == text) {
            self.notes.push(text.to_string());
        }
    }

    /// A query, in a scope of its own.
    pub fn query(&mut self, query: &Query) -> Result<Written> {
        if query.fetch.is_some() || !query.locks.is_empty() || query.for_clause.is_some() || query.settings.is_some() {
            return Err(self.refuse("FETCH, FOR or SETTINGS"));
        }
        if query.format_clause.is_some() || !query.pipe_operators.is_empty() {
            return Err(self.refuse("FORMAT or |>"));
        }
        self.scopes.push(Scope::default());
        let written = self.whole(query);
        self.scopes.pop();
        written
    }

    fn whole(&mut self, query: &Query) -> Result<Written> {
        let mut sql = String::new();
        if let Some(with) = &query.with {
            sql.push_str(&self.with(with)?);
        }
        let blocks = self.body(&query.body)?;
        let Written { sql: body, columns } = self.united(blocks);
        sql.push_str(&body);
        if let Some(order) = &query.order_by {
            let OrderByKind::Expressions(keys) = &order.kind else { return Err(self.refuse("ORDER BY ALL")) };
            let keys = self.keys(keys)?;
            sql.push_str(&format!("\nORDER BY {}", self.order(&keys)));
        }
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit: Some(limit), offset: None, limit_by }) if limit_by.is_empty() => {
                sql.push_str(&format!("\nLIMIT {}", self.expr(limit)?.sql));
            }
            Some(_) => return Err(self.refuse("OFFSET")),
        }
        Ok(Written { sql, columns })
    }

    fn with(&mut self, with: &With) -> Result<String> {
        let mut parts = Vec::with_capacity(with.cte_tables.len());
        for cte in &with.cte_tables {
            let recursive = with.recursive && reads(&cte.query, &lower(&cte.alias.name.value));
            parts.push(self.cte(cte, recursive)?);
        }
        let recursive = if with.recursive { " RECURSIVE" } else { "" };
        Ok(format!("WITH{recursive}\n{}\n", parts.join(",\n")))
    }

    fn cte(&mut self, cte: &Cte, recursive: bool) -> Result<String> {
        let name = lower(&cte.alias.name.value);
        if recursive {
            self.tell_of_recursion();
            // What it reads of itself has the columns of the branch that does not.
            if let SetExpr::SetOperation { left, .. } = cte.query.body.as_ref() {
                self.scopes.push(Scope::default());
                let first = self.body(left).map(|blocks| self.united(blocks));
                self.scopes.pop();
                let columns = first?.columns;
                self.define(&name, columns);
            }
        }
        let written = self.query(&cte.query)?;
        let mut columns = written.columns.clone();
        let mut list = String::new();
        if !cte.alias.columns.is_empty() {
            let names: Vec<String> = cte.alias.columns.iter().map(|c| lower(&c.name.value)).collect();
            columns = columns.map(|all| names.iter().cloned().zip(all.into_iter().map(|(_, kind)| kind)).collect());
            list = self.list(&names);
        } else if recursive && self.dialect == Dialect::Trino {
            let names: Vec<String> = columns.iter().flatten().map(|(name, _)| name.clone()).collect();
            list = self.list(&names);
        }
        self.define(&name, columns);
        Ok(format!("{}{list} AS (\n{}\n)", spelling::name(self.dialect, &name), indented(&written.sql)))
    }

    fn list(&self, names: &[String]) -> String {
        let names: Vec<String> = names.iter().map(|n| spelling::name(self.dialect, n)).collect();
        format!(" ({})", names.join(", "))
    }

    fn define(&mut self, name: &str, columns: Option<Columns>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.defined.push((name.to_string(), columns));
        }
    }

    fn tell_of_recursion(&mut self) {
        match self.dialect {
            Dialect::Trino => self.note(
                "Trino and Athena follow a recursion 10 steps deep and fail where there is an eleventh. In Trino SET SESSION \
                 max_recursion_depth = 64 lets it follow longer chains.",
            ),
            Dialect::Spark => self.note("Spark knows WITH RECURSIVE in its newer releases only; tried with 4.3."),
            _ => {}
        }
    }

    /// The SELECTs of a UNION ALL, or the only one, each with the word before it.
    fn body(&mut self, body: &SetExpr) -> Result<Vec<(&'static str, Block)>> {
        match body {
            SetExpr::Select(select) => Ok(vec![("", self.select(select)?)]),
            SetExpr::Query(query) => {
                let written = self.query(query)?;
                let tail = format!("FROM (\n{}\n) AS inner_query", indented(&written.sql));
                let star = Item {
                    piece: Piece::new("*", Kind::Unknown),
                    name: None,
                    aliased: false,
                    star: true,
                    columns: written.columns,
                };
                Ok(vec![("", Block { head: "SELECT".into(), items: vec![star], tail })])
            }
            SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } => {
                let word = match (set_quantifier, self.dialect) {
                    (SetQuantifier::All, _) => "UNION ALL",
                    (SetQuantifier::None | SetQuantifier::Distinct, Dialect::BigQuery | Dialect::ClickHouse) => {
                        "UNION DISTINCT"
                    }
                    (SetQuantifier::None | SetQuantifier::Distinct, _) => "UNION",
                    _ => return Err(self.refuse("UNION BY NAME")),
                };
                let mut blocks = self.body(left)?;
                let right = self.body(right)?;
                blocks.extend(right.into_iter().enumerate().map(|(at, (w, b))| (if at == 0 { word } else { w }, b)));
                Ok(blocks)
            }
            SetExpr::Values(values) => {
                let mut blocks = Vec::with_capacity(values.rows.len());
                for row in &values.rows {
                    let mut items = Vec::with_capacity(row.len());
                    for (at, value) in row.iter().enumerate() {
                        let piece = self.expr(value)?;
                        let name = format!("column{}", at + 1);
                        let columns = Some(vec![(name.clone(), piece.kind.clone())]);
                        items.push(Item { piece, name: Some(name), aliased: true, star: false, columns });
                    }
                    let word = if blocks.is_empty() { "" } else { "UNION ALL" };
                    blocks.push((word, Block { head: "SELECT".into(), items, tail: String::new() }));
                }
                Ok(blocks)
            }
            SetExpr::SetOperation { op, .. } => Err(self.refuse(op)),
            _ => Err(self.refuse("a query that is no SELECT")),
        }
    }

    /// The blocks as one text. A NULL that is a whole column of a block gets the type the others give the column.
    fn united(&self, blocks: Vec<(&'static str, Block)>) -> Written {
        let mut columns: Option<Columns> = None;
        for (at, (_, block)) in blocks.iter().enumerate() {
            let own = block.columns();
            columns = match (columns, own) {
                _ if at == 0 => block.columns(),
                (Some(all), Some(own)) if all.len() == own.len() => {
                    Some(all.into_iter().zip(own).map(|((name, a), (_, b))| (name, a.with(&b))).collect())
                }
                _ => None,
            };
        }
        let several = blocks.len() > 1;
        let mut sql = String::new();
        for (at, (word, block)) in blocks.iter().enumerate() {
            if !word.is_empty() {
                sql.push_str(&format!("\n{word}\n"));
            }
            let typed = columns.as_ref().filter(|_| several && !block.items.iter().any(|i| i.star));
            sql.push_str(&self.block(block, typed, at == 0));
        }
        Written { sql, columns }
    }

    fn block(&self, block: &Block, typed: Option<&Columns>, named: bool) -> String {
        let items = block.items.iter().enumerate().map(|(at, item)| {
            let kind = typed.and_then(|all| all.get(at)).map(|(_, kind)| kind);
            let sql = match kind.and_then(|kind| kind.name_in(self.dialect)) {
                Some(kind) if item.piece.kind == Kind::Null && item.piece.sql == "NULL" => {
                    format!("CAST(NULL AS {kind})")
                }
                _ => item.piece.sql.clone(),
            };
            let sql = match (self.dialect, &item.piece.kind) {
                // Comparisons yield 0 and 1 there.
                (Dialect::ClickHouse, Kind::Boolean) if !item.piece.is_name() => {
                    format!("CAST({sql} AS Nullable(Bool))")
                }
                _ => sql,
            };
            match &item.name {
                // ClickHouse may call a qualified column by its whole name.
                Some(name) if named && (item.aliased || self.dialect == Dialect::ClickHouse) => {
                    let name = spelling::name(self.dialect, name);
                    if sql == name { sql } else { format!("{sql} AS {name}") }
                }
                _ => sql,
            }
        });
        let items: Vec<String> = items.collect();
        let short = items.iter().map(String::len).sum::<usize>() + 2 * items.len() < 100;
        let short = short && !items.iter().any(|i| i.contains('\n'));
        let mut sql = match short {
            true => format!("{} {}", block.head, items.join(", ")),
            false => format!("{}\n{}", block.head, indented(&items.join(",\n"))),
        };
        if !block.tail.is_empty() {
            sql.push('\n');
            sql.push_str(&block.tail);
        }
        sql
    }
}

impl Block {
    fn columns(&self) -> Option<Columns> {
        let mut all = Columns::new();
        for item in &self.items {
            all.extend(item.columns.clone()?);
        }
        Some(all)
    }
}

/// Names are lower case unless quoted; views quote none that are not.
pub fn lower(name: &str) -> String {
    name.to_lowercase()
}

/// Every line two spaces further in.
pub fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|l| format!("  {l}")).collect();
    lines.join("\n")
}

/// Whether a query names a relation anywhere.
fn reads(query: &Query, name: &str) -> bool {
    use crate::query::sqlparser::ast::visit_relations;
    use std::ops::ControlFlow;
    visit_relations(query, |relation| match relation.to_string().to_lowercase() == name {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    })
    .is_break()
}

/// Whether an expression is a literal text, and which.
pub fn literal(expr: &Expr) -> Option<&str> {
    use crate::query::sqlparser::ast::Value;
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The arguments of an expression that is a plain call of that function.
pub fn called<'e>(expr: &'e Expr, name: &str) -> Option<Vec<&'e Expr>> {
    use crate::query::sqlparser::ast::{FunctionArg, FunctionArgExpr, FunctionArguments};
    let Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    if lower(&function.name.to_string()) != name {
        return None;
    }
    let plain = |arg: &'e FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}
