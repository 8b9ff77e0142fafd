//! `eddyline doctor`.

use super::options::{StoreArgs, Waiting};
use super::print;
use crate::config::{self, Config};
use crate::doctor::{Account, Diagnosis, Side, examine_source, examine_warehouse, policy};
use crate::error::{Error, Result};
use crate::load::{Bucket, count};
use crate::warehouse::Store;
use chrono::Utc;

/// `eddyline doctor`
#[derive(clap::Args)]
pub struct Args {
    /// The export: a folder, s3://, gs:// or az://; it is listed and one object is read
    #[arg(long, env = "EDDYLINE_SOURCE", value_name = "URL")]
    source: Option<String>,
    /// The warehouse; a few small objects are written under meta/doctor and deleted again
    #[arg(long, env = "EDDYLINE_WAREHOUSE", value_name = "URL")]
    warehouse: Option<String>,
    /// Print policies that allow what Eddyline needs and no more; asks no network
    #[arg(long)]
    print_policy: bool,
    #[command(flatten)]
    stores: StoreArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Checks the source and the warehouse, or prints their policies.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let source = args.source.or_else(|| config.source.clone());
    let warehouse = args.warehouse.or_else(|| config.warehouse.clone());
    if source.is_none() && warehouse.is_none() {
        return Err(Error::usage("neither a source nor a warehouse is named")
            .hint("give --source URL, --warehouse URL, or both; or name them in eddyline.toml"));
    }
    if args.print_policy {
        let account = Account::of(&config::store_options(config, false)?);
        let sides = [(Side::Source, &source), (Side::Warehouse, &warehouse)];
        let policies: Vec<policy::Policy> = sides
            .into_iter()
            .filter_map(|(side, address)| Some(policy::policy(side, address.as_ref()?, &account)))
            .collect();
        return match args.json {
            true => print(&(as_json(&policies)? + "\n")),
            false => print(&policy::text(&policies)),
        };
    }
    // Both are opened before either is looked at: a mistyped address should not cost a minute.
    let options = |address: &str| args.stores.options(address, config, Waiting::Person);
    let bucket = source.as_ref().map(|address| Bucket::open(address, &options(address)?)).transpose()?;
    let store = warehouse.as_ref().map(|address| Store::open(address, &options(address)?, false)).transpose()?;
    let mut findings = Vec::new();
    if let Some(bucket) = &bucket {
        findings.extend(examine_source(bucket, &Utc::now).await);
    }
    if let Some(store) = &store {
        findings.extend(examine_warehouse(store, &Utc::now).await);
    }
    let diagnosis = Diagnosis::new(source, warehouse, findings);
    print(&if args.json { as_json(&diagnosis)? + "\n" } else { diagnosis.text() })?;
    match diagnosis.verdict.kind {
        None => Ok(()),
        Some(kind) => Err(Error::new(kind, format!("{} failed", count(diagnosis.failed(), "check")))),
    }
}

fn as_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::failed("cannot write the findings").because(e))
}
