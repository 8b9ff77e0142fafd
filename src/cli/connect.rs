//! `eddyline connect`.

use super::options::{Waiting, WarehouseArgs};
use super::print;
use super::sql::EngineArgs;
use crate::config::Config;
use crate::connect::{self, Place, TOOLS, Tool, Warehouse};
use crate::error::{Error, Result};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;

/// `eddyline connect`
#[derive(clap::Args)]
pub struct Args {
    /// The tool
    #[arg(value_parser = tools())]
    tool: Tool,
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

/// Takes the names of tools.
fn tools() -> impl TypedValueParser<Value = Tool> {
    let names = TOOLS.map(|(name, prints, _)| PossibleValue::new(name).help(prints));
    PossibleValuesParser::new(names).try_map(|name| Tool::parse(&name).ok_or("no such tool"))
}

/// Prints what to paste.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let session = args.engine.session(&args.place, config).await?;
    let own = session.store().url().to_string();
    let address = args.at.as_deref().unwrap_or(&own);
    let options = args.place.stores.options(address, config, Waiting::Person)?;
    let place = Place::of(address, &options)?;
    let warehouse = Warehouse::of(&session, place, &args.tables).await?;
    let text = connect::text(args.tool, &warehouse)?;
    match &args.output {
        Some(path) => {
            std::fs::write(path, text).map_err(|e| Error::usage(format!("cannot write {}", path.display())).because(e))
        }
        None => print(&text),
    }
}
