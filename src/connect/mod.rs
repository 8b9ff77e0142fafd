//! The warehouse in other tools: the text `eddyline connect` prints. See `README.md` beside this file.

mod all_events;
mod athena;
mod bigquery;
mod clickhouse;
mod clickhouse_events;
mod clickhouse_log;
pub mod dialect;
mod duckdb;
mod duckdb_log;
mod pandas;
mod place;
mod polars;
mod python_text;
mod script;
mod snowflake;
mod spark;
mod spark_log;
mod sql_text;
mod trino;
mod views;
mod warehouse;

pub use place::Place;
pub use warehouse::Warehouse;

use crate::error::{Error, Result};

/// A tool that reads the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// DuckDB.
    DuckDb,
    /// Polars.
    Polars,
    /// pandas, with PyArrow.
    Pandas,
    /// Spark, from Python.
    Spark,
    /// Amazon Athena.
    Athena,
    /// Trino with a Hive catalog.
    Trino,
    /// BigQuery.
    BigQuery,
    /// Snowflake.
    Snowflake,
    /// ClickHouse, and chDB.
    ClickHouse,
}

/// The tools by the names people give them, with what is printed for each.
pub const TOOLS: [(&str, &str, Tool); 9] = [
    ("duckdb", "SQL for DuckDB", Tool::DuckDb),
    ("polars", "A Python module with Polars' lazy frames", Tool::Polars),
    ("pandas", "A Python module with pandas' data frames", Tool::Pandas),
    ("spark", "A Python script for Spark", Tool::Spark),
    ("athena", "SQL for Amazon Athena", Tool::Athena),
    ("trino", "SQL for Trino with a Hive catalog", Tool::Trino),
    ("bigquery", "SQL for BigQuery", Tool::BigQuery),
    ("snowflake", "SQL for Snowflake", Tool::Snowflake),
    ("clickhouse", "SQL for ClickHouse and chDB", Tool::ClickHouse),
];

impl Tool {
    /// The tool of that name.
    pub fn parse(name: &str) -> Option<Tool> {
        TOOLS.iter().find(|(n, _, _)| *n == name).map(|(_, _, tool)| *tool)
    }
}

/// What to paste into a tool.
pub fn text(tool: Tool, warehouse: &Warehouse) -> Result<String> {
    match tool {
        Tool::DuckDb => duckdb::script(warehouse),
        Tool::Polars => polars::script(warehouse),
        Tool::Pandas => pandas::script(warehouse),
        Tool::Spark => spark::script(warehouse),
        Tool::Athena => athena::script(warehouse),
        Tool::Trino => trino::script(warehouse),
        Tool::BigQuery => bigquery::script(warehouse),
        Tool::Snowflake => snowflake::script(warehouse),
        Tool::ClickHouse => clickhouse::script(warehouse),
    }
}

fn only(tool: &str, reads: &str, place: &Place) -> Error {
    Error::usage(format!("{tool} reads {reads}, and the warehouse is at {}", place.url("")))
        .hint("--at names the address of a copy the tool can reach")
}
