//! `eddyline connect`.

use super::options::{Waiting, WarehouseArgs};
use super::print;
use super::sql::EngineArgs;
use crate::config::Config;
use crate::connect::{self, Place, Tool, Warehouse};
use crate::error::{Error, Result};
use std::path::PathBuf;

/// `eddyline connect`
#[derive(clap::Args)]
pub struct Args {
    /// The tool
    #[arg(value_enum)]
    tool: ToolArg,
    #[command(flatten)]
    place: WarehouseArgs,
    /// Only this table; may be given several times
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    /// Where the tool finds the warehouse, when that is another address than --warehouse
    #[arg(long, value_name = "URL")]
    at: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Write to a file
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::ValueEnum, Clone, Copy)]
#[value(rename_all = "lower")]
enum ToolArg {
    /// SQL for DuckDB
    DuckDb,
    /// A Python module with Polars' lazy frames
    Polars,
    /// A Python module with pandas' data frames
    Pandas,
    /// A Python script for Spark
    Spark,
    /// SQL for Amazon Athena
    Athena,
    /// SQL for Trino with a Hive catalog
    Trino,
    /// SQL for BigQuery
    BigQuery,
    /// SQL for Snowflake
    Snowflake,
    /// SQL for ClickHouse and chDB
    ClickHouse,
}

impl ToolArg {
    fn tool(self) -> Tool {
        match self {
            ToolArg::DuckDb => Tool::DuckDb,
            ToolArg::Polars => Tool::Polars,
            ToolArg::Pandas => Tool::Pandas,
            ToolArg::Spark => Tool::Spark,
            ToolArg::Athena => Tool::Athena,
            ToolArg::Trino => Tool::Trino,
            ToolArg::BigQuery => Tool::BigQuery,
            ToolArg::Snowflake => Tool::Snowflake,
            ToolArg::ClickHouse => Tool::ClickHouse,
        }
    }
}

/// Prints what to paste.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let session = args.engine.session(&args.place, config).await?;
    let own = session.store().url().to_string();
    let address = args.at.as_deref().unwrap_or(&own);
    let options = args.place.stores.options(address, config, Waiting::Person)?;
    let place = Place::of(address, &options)?;
    let warehouse = Warehouse::of(&session, place, &args.tables).await?;
    let text = connect::text(args.tool.tool(), &warehouse)?;
    match &args.output {
        Some(path) => {
            std::fs::write(path, text).map_err(|e| Error::usage(format!("cannot write {}", path.display())).because(e))
        }
        None => print(&text),
    }
}
