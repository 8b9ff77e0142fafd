//! A view's SELECT in another engine's SQL.
//!
//! The view is parsed and written anew, node by node; nothing is replaced in its text. What is not known to mean the
//! same elsewhere is refused by name, so that a number never differs unsaid. Types are followed through the query
//! (`kind.rs`), because they decide: `/` of two integers cuts off in DataFusion and does not in most engines.
//!
//! The engine's tables must have the types of `../README.md`. Nothing has to be defined before the views.

mod bigquery;
mod call;
mod cast;
mod clickhouse;
mod duckdb;
mod expr;
mod functions;
mod kind;
mod moment;
mod ordered;
mod pattern;
mod piece;
mod query;
mod relations;
mod reserved;
mod scope;
mod select;
mod snowflake;
mod spark;
mod spelling;
mod trino;
mod window;

#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::query::views::View;
use functions::Said;
use query::Writer;
use std::fmt;

pub use kind::Kind;
pub use relations::{Columns, Relations};

/// An engine's SQL. Athena's is Trino's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// DuckDB.
    DuckDb,
    /// Spark.
    Spark,
    /// ClickHouse.
    ClickHouse,
    /// Trino and Athena.
    Trino,
    /// BigQuery.
    BigQuery,
    /// Snowflake.
    Snowflake,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::DuckDb => "DuckDB",
            Dialect::Spark => "Spark",
            Dialect::ClickHouse => "ClickHouse",
            Dialect::Trino => "Trino",
            Dialect::BigQuery => "BigQuery",
            Dialect::Snowflake => "Snowflake",
        })
    }
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 6] =
        [Dialect::DuckDb, Dialect::Spark, Dialect::ClickHouse, Dialect::Trino, Dialect::BigQuery, Dialect::Snowflake];

    fn calls(self) -> &'static [(&'static str, Said)] {
        match self {
            Dialect::DuckDb => duckdb::CALLS,
            Dialect::Spark => spark::CALLS,
            Dialect::ClickHouse => clickhouse::CALLS,
            Dialect::Trino => trino::CALLS,
            Dialect::BigQuery => bigquery::CALLS,
            Dialect::Snowflake => snowflake::CALLS,
        }
    }
}

/// A view in an engine's SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The SELECT, to be put behind `CREATE VIEW … AS`; no comment, no semicolon.
    pub sql: String,
    /// What whoever reads its rows should know: where the engine shows something otherwise. Mostly empty.
    pub notes: Vec<String>,
}

/// Writes views in one engine's SQL, each after those it reads.
#[derive(Debug, Clone)]
pub struct Translator {
    dialect: Dialect,
    relations: Relations,
}

impl Translator {
    /// For an engine, over what there is to read besides the views.
    pub fn new(dialect: Dialect, relations: Relations) -> Translator {
        Translator { dialect, relations }
    }

    /// One view. Its columns are known to the views that follow.
    pub fn translate(&mut self, view: &View) -> Result<Translation> {
        let mut writer = Writer {
            dialect: self.dialect,
            view: &view.file,
            relations: &self.relations,
            scopes: Vec::new(),
            windows: Vec::new(),
            notes: Vec::new(),
        };
        let select = view.select()?;
        let written = writer.query(&select)?;
        let notes = writer.notes;
        if let Some(columns) = written.columns {
            self.relations.add(&view.name, columns);
        }
        let mut sql = written.sql;
        if self.dialect == Dialect::ClickHouse {
            sql = format!("{sql}\n{}", clickhouse::SETTINGS);
        }
        Ok(Translation { sql: sql.replace(spelling::BREAK, "\n"), notes })
    }
}
