//! Questions about catalogs, made easier where DataFusion cannot plan them. Only for those: what is given up here would
//! be rows elsewhere.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArguments, Ident, Query, Select, SelectItem, SetExpr, Statement as Sql, Value,
    VisitMut, VisitorMut, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Catalogs of what a warehouse never has: a question that reads one of them for our relations finds nothing.
const ALWAYS_EMPTY: [&str; 9] = [
    "pg_index",
    "pg_constraint",
    "pg_trigger",
    "pg_rewrite",
    "pg_policy",
    "pg_inherits",
    "pg_foreign_table",
    "pg_statistic_ext",
    "pg_publication",
];

/// Makes names that are put together into numbers of relations: `format('%I.%I', ...)::regclass`.
pub fn with_lookups(mut statement: Sql) -> Sql {
    let _ = visit_expressions_mut(&mut statement, |expr| {
        if let Expr::Cast { expr: inner, data_type, .. } = &*expr
            && data_type.to_string().to_lowercase().trim_start_matches("pg_catalog.") == "regclass"
            && matches!(inner.as_ref(), Expr::Function(_) | Expr::BinaryOp { .. } | Expr::Nested(_))
        {
            let looked_up = super::recognize::call("to_regclass", vec![inner.as_ref().clone()]);
            *expr = looked_up;
        }
        ControlFlow::<()>::Continue(())
    });
    statement
}

/// Gives every column of a result a name of its own, as far as it has none: DataFusion wants names that differ.
pub fn with_names(mut statement: Sql) -> Sql {
    if let Sql::Query(query) = &mut statement {
        name_columns(query.body.as_mut());
    }
    statement
}

fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(select),
        // The first branch names the columns of a union.
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => {}
    }
}

fn name_items(select: &mut Select) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in &mut select.projection {
        let name = match &*item {
            SelectItem::UnnamedExpr(Expr::Function(function)) => function.name.0.last().map(ToString::to_string),
            SelectItem::UnnamedExpr(Expr::Value(_)) => Some("?column?".to_string()),
            _ => None,
        };
        let Some(name) = name else { continue };
        let name = name.trim_matches('"').to_lowercase();
        let times = seen.entry(name.clone()).and_modify(|n| *n += 1).or_insert(1);
        let name = if *times == 1 { name } else { format!("{name}_{times}") };
        if let SelectItem::UnnamedExpr(expr) = item {
            let expr = std::mem::replace(expr, null());
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
        }
    }
}

fn null() -> Expr {
    Expr::Value(Value::Null.with_empty_span())
}

/// Puts NULL in the place of every subquery that stands where a value may.
pub fn without_subqueries(mut statement: Sql) -> Sql {
    let _ = statement.visit(&mut Nulls);
    statement
}

struct Nulls;

impl VisitorMut for Nulls {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let is_null = |e: &Expr| matches!(e, Expr::Value(v) if v.value == Value::Null);
        let gone = match &*expr {
            Expr::Subquery(_) => true,
            Expr::Function(function) => match &function.args {
                FunctionArguments::Subquery(_) => true,
                FunctionArguments::List(list) => {
                    let text = list.args.first().map(ToString::to_string);
                    function.name.to_string().ends_with("array_to_string") && text.as_deref() == Some("NULL")
                }
                FunctionArguments::None => false,
            },
            Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => is_null(left) || is_null(right),
            _ => false,
        };
        if gone {
            *expr = null();
        }
        ControlFlow::Continue(())
    }
}

/// A result without rows and with the same columns, where the statement reads a catalog that is empty for every
/// relation of a warehouse.
pub fn nothing(statement: &Sql, reads: &[&str]) -> Option<Sql> {
    if !reads.iter().any(|name| ALWAYS_EMPTY.contains(name)) {
        return None;
    }
    let Sql::Query(query) = statement else { return None };
    let columns: Vec<String> =
        columns(query).into_iter().map(|name| format!("NULL::text AS \"{}\"", name.replace('"', "\"\""))).collect();
    let text = format!("SELECT {} WHERE false", columns.join(", "));
    Parser::parse_sql(&PostgreSqlDialect {}, &text).ok()?.pop()
}

/// The names of a query's columns, each once; those behind a `*` are not known.
fn columns(query: &Query) -> Vec<String> {
    let mut body = query.body.as_ref();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let mut names: Vec<String> = Vec::new();
    if let SetExpr::Select(select) = body {
        for item in &select.projection {
            let ident = match item {
                SelectItem::ExprWithAlias { alias, .. } => alias,
                SelectItem::UnnamedExpr(Expr::Identifier(ident)) => ident,
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => match parts.last() {
                    Some(last) => last,
                    None => continue,
                },
                _ => continue,
            };
            let name = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        names.push("nothing".into());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Sql {
        Parser::parse_sql(&PostgreSqlDialect {}, text).unwrap().pop().unwrap()
    }

    #[test]
    fn columns_get_names_that_differ() {
        let named = with_names(parsed("SELECT NULL, a, NULL, current_schema(), x AS y FROM t"));
        assert_eq!(
            named.to_string(),
            "SELECT NULL AS \"?column?\", a, NULL AS \"?column?_2\", current_schema() AS \"current_schema\", x AS y FROM t"
        );
    }

    #[test]
    fn subqueries_become_null() {
        let without = without_subqueries(parsed(
            "SELECT array_to_string(c.o || array(select 'x' || x from u x), ', ') FROM c WHERE a = 0 OR (SELECT b FROM d WHERE d.e = c.e)",
        ));
        assert_eq!(without.to_string(), "SELECT NULL FROM c WHERE a = 0 OR NULL");
    }

    #[test]
    fn what_reads_indexes_finds_none() {
        let asked = parsed("SELECT r.TABLE_CAT, x AS \"Keys\", i.* FROM pg_index i JOIN r ON true");
        let nothing_of = |reads: &[&str]| nothing(&asked, reads).map(|s| s.to_string());
        let expected = "SELECT NULL::TEXT AS \"table_cat\", NULL::TEXT AS \"Keys\" WHERE false";
        assert_eq!(nothing_of(&["pg_index", "pg_class"]).as_deref(), Some(expected));
        assert_eq!(nothing_of(&["pg_class"]), None);
    }
}
