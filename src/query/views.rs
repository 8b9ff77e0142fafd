//! The views: one SELECT a file, its first comment its documentation, ordered by what they read.

use super::complaint::{About, translate};
use super::statement::{ParseFailure, parse};
use crate::error::{Error, Result};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr, Statement as Sql, visit_relations};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// One view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its name: the file's, without `.sql`.
    pub name: String,
    /// The file.
    pub file: String,
    /// The first comment block, without dashes.
    pub doc: String,
    /// The SELECT, comments and all.
    pub sql: String,
    /// The names of its columns as far as the text alone tells; for completion.
    pub columns: Vec<String>,
    /// The tables and views it reads, each with the line that first names it.
    pub reads: Vec<(String, usize)>,
}

impl View {
    /// Reads a view from its file.
    pub fn parse(file: &str, text: &str) -> Result<View> {
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let name = name.strip_suffix(".sql").unwrap_or(name).to_lowercase();
        let about = About { sql: text, file: Some((file, 1)), tables: &[] };
        let parsed = parse(text).map_err(|e| match e {
            ParseFailure::Syntax(e) => translate(e, about),
            ParseFailure::Count(what) => Error::usage(format!("{file}: {what}")).hint("a view is one SELECT"),
        })?;
        let Parsed::Statement(sql) = &parsed else { return Err(no_select(file)) };
        if !matches!(sql.as_ref(), Sql::Query(_)) {
            return Err(no_select(file));
        }
        let (found, _) = resolve_table_references(&parsed, true).map_err(|e| translate(e, about))?;
        let reads = found.iter().map(|r| r.to_string().to_lowercase()).map(|r| {
            let line = line_of(sql, &r);
            (r, line)
        });
        let reads = reads.collect();
        let columns = columns_of(sql);
        Ok(View { columns, name, file: file.to_string(), doc: doc_of(text), sql: text.to_string(), reads })
    }

    /// Its SELECT, parsed.
    pub fn select(&self) -> Result<Query> {
        match parse(&self.sql) {
            Ok(Parsed::Statement(sql)) => match *sql {
                Sql::Query(query) => Ok(*query),
                _ => Err(no_select(&self.file)),
            },
            _ => Err(no_select(&self.file)),
        }
    }
}

fn no_select(file: &str) -> Error {
    Error::usage(format!("{file} is not a SELECT")).hint("a view is one SELECT; its name is the file's")
}

/// The line that first names a relation.
fn line_of(sql: &Sql, name: &str) -> usize {
    let mut line = 1;
    let _ = visit_relations(sql, |relation| {
        let written: Vec<String> =
            relation.0.iter().filter_map(|p| p.as_ident()).map(|i| i.value.to_lowercase()).collect();
        if written.join(".") != name {
            return ControlFlow::Continue(());
        }
        if let Some(ident) = relation.0.first().and_then(|p| p.as_ident()) {
            line = usize::try_from(ident.span.start.line).unwrap_or(1);
        }
        ControlFlow::Break(())
    });
    line
}

fn columns_of(sql: &Sql) -> Vec<String> {
    let Sql::Query(query) = sql else { return Vec::new() };
    let mut body = query.body.as_ref();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let SetExpr::Select(select) = body else { return Vec::new() };
    let name = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(ident.value.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(|i| i.value.clone()),
        _ => None,
    };
    select.projection.iter().filter_map(name).collect()
}

/// The comment block a file opens with.
fn doc_of(text: &str) -> String {
    let lines = text.lines().map(str::trim).skip_while(|l| l.is_empty());
    let lines: Vec<&str> =
        lines.map_while(|l| l.strip_prefix("--")).map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end()).collect();
    lines.join("\n").trim().to_string()
}

/// Every view, each after those it reads. A file of `overlay` replaces the one of the same name.
///
/// `known` says whether a name is a table. Unknown names and cycles are errors that name the file and the line.
pub fn load(builtin: &[(&str, &str)], overlay: &[(String, String)], known: impl Fn(&str) -> bool) -> Result<Vec<View>> {
    let mut views: BTreeMap<String, View> = BTreeMap::new();
    let files = builtin.iter().map(|(f, t)| (*f, *t)).chain(overlay.iter().map(|(f, t)| (f.as_str(), t.as_str())));
    for (file, text) in files {
        let view = View::parse(file, text)?;
        if known(&view.name) {
            return Err(Error::usage(format!("{file}: there is a table named {}", view.name))
                .hint("give the view's file another name"));
        }
        views.insert(view.name.clone(), view);
    }
    for view in views.values() {
        for (name, line) in &view.reads {
            if !known(name) && !views.contains_key(name) {
                let names: Vec<&str> = views.keys().map(String::as_str).collect();
                let error = Error::usage(format!("{}:{line}: there is no table or view `{name}`", view.file));
                return Err(match super::nearest::nearest(name, names.into_iter()) {
                    Some(close) => error.hint(format!("did you mean `{close}`?")),
                    None => error.hint("`eddyline tables` lists what there is"),
                });
            }
        }
    }
    ordered(views)
}

/// Takes views whose reads are all placed, until none is left. What then remains holds a cycle.
fn ordered(mut views: BTreeMap<String, View>) -> Result<Vec<View>> {
    let mut placed: Vec<View> = Vec::with_capacity(views.len());
    while !views.is_empty() {
        let ready: Vec<String> = views
            .values()
            .filter(|v| v.reads.iter().all(|(r, _)| !views.contains_key(r)))
            .map(|v| v.name.clone())
            .collect();
        if ready.is_empty() {
            return Err(cycle(&views));
        }
        placed.extend(ready.iter().filter_map(|name| views.remove(name)));
    }
    Ok(placed)
}

fn cycle(views: &BTreeMap<String, View>) -> Error {
    let mut path: Vec<&str> = Vec::new();
    let mut at = views.keys().next().map(String::as_str).unwrap_or_default();
    while !path.contains(&at) {
        path.push(at);
        let next = views.get(at).and_then(|v| v.reads.iter().find_map(|(r, _)| views.get_key_value(r)));
        at = next.map_or(at, |(name, _)| name.as_str());
    }
    let ring: Vec<&str> = path.iter().copied().skip_while(|n| *n != at).chain([at]).collect();
    let place = views.get(at).map(|v| {
        let next = ring.get(1).copied().unwrap_or(at);
        let line = v.reads.iter().find(|(r, _)| r == next).map_or(1, |(_, line)| *line);
        format!("{}:{line}", v.file)
    });
    Error::usage(format!("{}: views read each other in a ring: {}", place.unwrap_or_default(), ring.join(" → ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(files: &[(&str, &str)]) -> Result<Vec<View>> {
        load(files, &[], |name| name == "t" || name == "system.files")
    }

    #[test]
    fn views_come_after_what_they_read_and_ctes_are_not_tables() {
        let found = views(&[
            ("a.sql", "-- What it is.\n--\n--   More.\n-- Grain: one.\n\n-- not this\nwith x as (select * from b) select * from x"),
            ("b.sql", "select * from c join T on true"),
            ("c.sql", "select 1 from system.files"),
        ])
        .unwrap();
        let names: Vec<&str> = found.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert_eq!(found[2].doc, "What it is.\n\n  More.\nGrain: one.");
        assert_eq!(found[2].reads, [("b".to_string(), 7)]);
    }

    #[test]
    fn a_ring_names_file_and_line() {
        let error = views(&[
            ("a.sql", "select *\nfrom b"),
            ("b.sql", "select 1 from t\nunion all\nselect * from c"),
            ("c.sql", "select * from b"),
        ])
        .unwrap_err();
        assert_eq!(error.what(), "b.sql:3: views read each other in a ring: b → c → b");
        assert!(views(&[("a.sql", "select * from a")]).unwrap_err().what().contains("a → a"));
    }

    #[test]
    fn an_unknown_table_names_file_and_line_and_the_nearest() {
        let error = views(&[("a.sql", "select 1\nfrom t,\n  bb"), ("bbb.sql", "select 1")]).unwrap_err();
        assert!(error.show().starts_with("error: a.sql:3: there is no table or view `bb`"), "{}", error.show());
        assert!(error.show().contains("did you mean `bbb`?"));
    }

    #[test]
    fn what_is_not_one_select_is_refused() {
        for text in ["", "select 1; select 2", "drop table t", "-- only a comment"] {
            let error = views(&[("v.sql", text)]).unwrap_err();
            assert!(error.what().starts_with("v.sql"), "{}", error.show());
        }
        let error = views(&[("v.sql", "select 1\nfrom where")]).unwrap_err();
        assert!(error.show().contains("v.sql:2:"), "{}", error.show());
    }

    #[test]
    fn a_users_file_replaces_the_builtin_of_its_name() {
        let overlay = [("my/A.sql".to_string(), "select 2".to_string())];
        let found = load(&[("a.sql", "select 1")], &overlay, |_| false).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].sql.as_str()), ("a", "select 2"));
    }
}
