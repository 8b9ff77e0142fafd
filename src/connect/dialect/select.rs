//! One SELECT: its columns, what it reads, how it groups.

use super::Dialect;
use super::kind::Kind;
use super::piece::Piece;
use super::query::{Block, Item, Writer, called, indented, lower};
use super::relations::Columns;
use super::scope::{Source, defined};
use super::spelling;
use crate::error::Result;
use crate::query::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, NamedWindowExpr, ObjectName, Select,
    SelectItem, SelectItemQualifiedWildcardKind, TableAlias, TableFactor, WildcardAdditionalOptions,
};

impl Writer<'_> {
    /// A SELECT. Its relations stay in the scope, for the ORDER BY that follows.
    pub fn select(&mut self, select: &Select) -> Result<Block> {
        if select.top.is_some() || select.into.is_some() || select.prewhere.is_some() || select.exclude.is_some() {
            return Err(self.refuse("TOP, INTO, PREWHERE or EXCLUDE"));
        }
        if !select.lateral_views.is_empty() || !select.connect_by.is_empty() || select.value_table_mode.is_some() {
            return Err(self.refuse("LATERAL VIEW, CONNECT BY or AS STRUCT"));
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.sources.clear();
        }
        let windows = select.named_window.iter().map(|w| match &w.1 {
            NamedWindowExpr::WindowSpec(spec) => Ok((lower(&w.0.value), spec.clone())),
            NamedWindowExpr::NamedWindow(_) => Err(self.refuse("a window that is another's name")),
        });
        let windows = windows.collect::<Result<Vec<_>>>()?;
        self.windows.push(windows);
        let block = self.parts(select);
        self.windows.pop();
        block
    }

    fn parts(&mut self, select: &Select) -> Result<Block> {
        let mut from = Vec::with_capacity(select.from.len());
        for table in &select.from {
            let mut text = self.factor(&table.relation)?;
            for join in &table.joins {
                text.push_str(&self.join(join)?);
            }
            from.push(text);
        }
        let mut items = Vec::with_capacity(select.projection.len());
        let mut opened = Vec::new();
        for item in &select.projection {
            items.push(self.item(item, &mut opened)?);
        }
        let mut tail = String::new();
        if !from.is_empty() {
            tail = format!("FROM {}{}", from.join(", "), opened.concat());
        }
        if let Some(filter) = &select.selection {
            tail.push_str(&format!("\nWHERE {}", self.expr(filter)?.sql));
        }
        tail.push_str(&self.group_by(&select.group_by, &items)?);
        for (word, filter) in [("HAVING", &select.having), ("QUALIFY", &select.qualify)] {
            if let Some(filter) = filter {
                if word == "QUALIFY" && matches!(self.dialect, Dialect::Trino | Dialect::Spark) {
                    return Err(self.refuse(word));
                }
                tail.push_str(&format!("\n{word} {}", self.expr(filter)?.sql));
            }
        }
        let head = match &select.distinct {
            None | Some(Distinct::All) => "SELECT",
            Some(Distinct::Distinct) => "SELECT DISTINCT",
            Some(Distinct::On(_)) => return Err(self.refuse("DISTINCT ON")),
        };
        Ok(Block { head: head.to_string(), items, tail: tail.trim_start().to_string() })
    }

    fn item(&mut self, item: &SelectItem, opened: &mut Vec<String>) -> Result<Item> {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, column_name(expr)),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(lower(&alias.value))),
            SelectItem::Wildcard(options) => return self.wildcard(None, options),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                return self.wildcard(Some(name), options);
            }
            _ => return Err(self.refuse(item)),
        };
        let piece = match opened_list(expr) {
            Some(list) => self.opened(list, opened)?,
            None => self.expr(expr)?,
        };
        let columns = Some(vec![(name.clone().unwrap_or_default(), piece.kind.clone())]);
        let aliased = matches!(item, SelectItem::ExprWithAlias { .. });
        Ok(Item { piece, name, aliased, star: false, columns })
    }

    fn wildcard(&mut self, of: Option<&ObjectName>, options: &WildcardAdditionalOptions) -> Result<Item> {
        if *options != WildcardAdditionalOptions::default() && options.to_string() != "" {
            return Err(self.refuse("* with EXCEPT, EXCLUDE, REPLACE or RENAME"));
        }
        let alias = of.map(|name| lower(&name.to_string()));
        let columns = self.scopes.last().and_then(|s| s.all(alias.as_deref()));
        let sql = match &alias {
            None => "*".to_string(),
            Some(alias) => format!("{}.*", spelling::name(self.dialect, alias)),
        };
        // ClickHouse keeps the qualifier in the names that a wildcard over a join yields, so they are said.
        let joined = self.scopes.last().is_some_and(|s| s.sources.len() > 1);
        let sql = match (&columns, &alias) {
            (Some(columns), Some(alias)) if joined && self.dialect == Dialect::ClickHouse => {
                let alias = spelling::name(self.dialect, alias);
                let each = columns.iter().map(|(name, _)| spelling::name(self.dialect, name));
                each.map(|name| format!("{alias}.{name} AS {name}")).collect::<Vec<_>>().join(",\n")
            }
            _ => sql,
        };
        Ok(Item { piece: Piece::new(sql, Kind::Unknown), name: None, aliased: false, star: true, columns })
    }

    /// `unnest(list)` as a column: a row per item of the list.
    fn opened(&mut self, list: &Expr, opened: &mut Vec<String>) -> Result<Piece> {
        let list = self.expr(list)?;
        let kind = list.kind.item();
        let at = opened.len() + 1;
        let sql = match self.dialect {
            Dialect::DuckDb => format!("unnest({})", list.sql),
            Dialect::Spark => format!("explode({})", list.sql),
            Dialect::ClickHouse => format!("arrayJoin({})", list.sql),
            Dialect::Trino => {
                opened.push(format!("\nCROSS JOIN UNNEST({}) AS opened_{at} (item)", list.sql));
                format!("opened_{at}.item")
            }
            Dialect::BigQuery => {
                opened.push(format!("\nCROSS JOIN UNNEST({}) AS opened_{at}", list.sql));
                format!("opened_{at}")
            }
            Dialect::Snowflake => {
                opened.push(format!("\nCROSS JOIN LATERAL FLATTEN(INPUT => {}) AS opened_{at}", list.sql));
                match kind.name_in(self.dialect) {
                    Some(kind) => format!("CAST(opened_{at}.value AS {kind})"),
                    None => return Err(self.refuse("unnest of a list whose type is not known")),
                }
            }
        };
        Ok(Piece::new(sql, kind))
    }

    /// A relation of a FROM; its columns come into the scope.
    fn factor(&mut self, factor: &TableFactor) -> Result<String> {
        match factor {
            TableFactor::Table { name, alias, args: None, version: None, sample: None, .. } => {
                let written = lower(&name.to_string());
                let (called, columns) = match defined(&self.scopes, &written) {
                    Some(columns) => (spelling::name(self.dialect, &written), columns.clone()),
                    None => match self.relations.get(&written) {
                        Some((called, columns)) => (self.relation(called), Some(columns.clone())),
                        None => (self.relation(&written), None),
                    },
                };
                let own = written.rsplit('.').next().unwrap_or(&written).to_string();
                self.source(alias.as_ref(), Some(own), called, columns)
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let written = self.query(subquery)?;
                let called = format!("(\n{}\n)", indented(&written.sql));
                self.source(alias.as_ref(), None, called, written.columns)
            }
            _ => Err(self.refuse(factor)),
        }
    }

    fn relation(&self, name: &str) -> String {
        let within = self.relations.within().iter().map(|part| part.as_str());
        within.chain(name.split('.')).map(|part| spelling::name(self.dialect, part)).collect::<Vec<_>>().join(".")
    }

    fn source(
        &mut self,
        alias: Option<&TableAlias>,
        own: Option<String>,
        called: String,
        columns: Option<Columns>,
    ) -> Result<String> {
        let mut columns = columns;
        let mut text = called;
        let mut name = own;
        if let Some(alias) = alias {
            let called = lower(&alias.name.value);
            text.push_str(&format!(" AS {}", spelling::name(self.dialect, &called)));
            if !alias.columns.is_empty() {
                let names: Vec<String> = alias.columns.iter().map(|c| lower(&c.name.value)).collect();
                text = self.renamed(text, &columns, &names)?;
                columns = columns.map(|all| names.into_iter().zip(all.into_iter().map(|(_, kind)| kind)).collect());
            }
            name = Some(called);
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.sources.push(Source { alias: name, columns });
        }
        Ok(text)
    }

    /// `(…) AS alias`, its columns called `names`. Where the engine takes no such list, the SELECT inside names them.
    fn renamed(&self, text: String, columns: &Option<Columns>, names: &[String]) -> Result<String> {
        let names: Vec<String> = names.iter().map(|n| spelling::name(self.dialect, n)).collect();
        if !matches!(self.dialect, Dialect::BigQuery | Dialect::ClickHouse) {
            return Ok(format!("{text} ({})", names.join(", ")));
        }
        let Some(columns) = columns else { return Err(self.refuse("names for columns that are not known")) };
        let each =
            columns.iter().zip(&names).map(|((old, _), new)| format!("{} AS {new}", spelling::name(self.dialect, old)));
        let Some((inner, alias)) = text.rsplit_once(" AS ") else { return Err(self.refuse("names for columns")) };
        Ok(format!("(SELECT {} FROM {inner}) AS {alias}", each.collect::<Vec<_>>().join(", ")))
    }

    fn join(&mut self, join: &Join) -> Result<String> {
        let (word, constraint) = match &join.join_operator {
            JoinOperator::Join(on) | JoinOperator::Inner(on) => ("JOIN", on),
            JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => ("LEFT JOIN", on),
            JoinOperator::Right(on) | JoinOperator::RightOuter(on) => ("RIGHT JOIN", on),
            JoinOperator::FullOuter(on) => ("FULL JOIN", on),
            JoinOperator::CrossJoin(on) => ("CROSS JOIN", on),
            _ => return Err(self.refuse(join)),
        };
        let table = self.factor(&join.relation)?;
        let on = match constraint {
            JoinConstraint::None => String::new(),
            JoinConstraint::On(on) => format!("\n  ON {}", self.expr(on)?.sql),
            JoinConstraint::Using(names) => {
                let names: Vec<String> =
                    names.iter().map(|n| spelling::name(self.dialect, &lower(&n.to_string()))).collect();
                format!(" USING ({})", names.join(", "))
            }
            JoinConstraint::Natural => return Err(self.refuse("NATURAL JOIN")),
        };
        Ok(format!("\n{word} {table}{on}"))
    }

    fn group_by(&mut self, group: &GroupByExpr, items: &[Item]) -> Result<String> {
        let GroupByExpr::Expressions(exprs, modifiers) = group else { return Err(self.refuse("GROUP BY ALL")) };
        if !modifiers.is_empty() {
            return Err(self.refuse("GROUP BY with a modifier"));
        }
        if exprs.is_empty() {
            return Ok(String::new());
        }
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs {
            keys.push(match self.place_of(expr, items) {
                Some(place) => place.to_string(),
                None => self.expr(expr)?.sql,
            });
        }
        Ok(format!("\nGROUP BY {}", keys.join(", ")))
    }

    /// The place of the column that a key of a GROUP BY names by its alias. Some engines know no aliases there; others
    /// would take the alias where a column of the same name is meant, so places are for aliases alone.
    fn place_of(&self, key: &Expr, items: &[Item]) -> Option<usize> {
        let Expr::Identifier(ident) = key else { return None };
        let name = lower(&ident.value);
        let column = self.scopes.last().is_some_and(|s| s.has(&name));
        if column || items.iter().any(|i| i.star) {
            return None;
        }
        items.iter().position(|i| i.name.as_deref() == Some(&name)).map(|at| at + 1)
    }
}

/// The name a column has without an alias.
fn column_name(expr: &Expr) -> Option<String> {
    let last = |parts: &[Ident]| parts.last().map(|i| lower(&i.value));
    match expr {
        Expr::Identifier(ident) => Some(lower(&ident.value)),
        Expr::CompoundIdentifier(parts) => last(parts),
        _ => None,
    }
}

/// The list that `unnest` opens.
fn opened_list(expr: &Expr) -> Option<&Expr> {
    match called(expr, "unnest")?.as_slice() {
        [list] => Some(list),
        _ => None,
    }
}
