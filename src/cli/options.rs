//! Options several commands share, and how flags, variables and the file become one setting.

use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::load::{Bucket, ColumnPolicy, FullScan, Settings};
use crate::table::Definitions;
use crate::warehouse::{Store, clouds};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the warehouse is and what its tables mean.
#[derive(clap::Args, Clone)]
pub struct WarehouseArgs {
    /// The warehouse: a folder, s3://, gs:// or az://
    #[arg(long, env = "EDDYLINE_WAREHOUSE", value_name = "URL")]
    pub warehouse: Option<String>,
    /// A folder of table definitions laid over the built-in ones
    #[arg(long, env = "EDDYLINE_DEFS", value_name = "DIR")]
    pub defs: Option<PathBuf>,
    #[command(flatten)]
    pub stores: StoreArgs,
}

/// How stores behind a network are asked.
#[derive(clap::Args, Clone)]
pub struct StoreArgs {
    /// How long a request to a store is tried again [default: 3m for load, 15s for others]
    #[arg(long, env = "EDDYLINE_RETRY_FOR", value_name = "DURATION")]
    pub retry_for: Option<String>,
    /// Requests to a store under way at once [default: 64]
    #[arg(long, env = "EDDYLINE_REQUESTS", value_name = "N")]
    pub requests: Option<usize>,
}

/// Who waits: a job has the time to sit out a store's bad minutes, a person wants to know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A load.
    Job,
    /// Everything else.
    Person,
}

impl StoreArgs {
    /// The options of a store: the environment's, the file's, then the flags'.
    pub fn options(&self, address: &str, config: &Config, who: Waiting) -> Result<Vec<(String, String)>> {
        if let Some(unknown) = config.store.keys().find(|name| !clouds::is_option(name)) {
            return Err(Error::usage(format!(
                "the configuration has store.{unknown}, which is no option of any store"
            ))
            .hint(
                "the names are object_store's, such as aws_region, google_service_account, azure_storage_account_name",
            ));
        }
        let mut options = Vec::new();
        if who == Waiting::Person {
            options.push((clouds::RETRY_FOR.to_string(), "15s".to_string()));
        }
        options.extend(config::store_options(config, clouds::Cloud::of(address) == Some(clouds::Cloud::S3))?);
        options.extend(self.retry_for.iter().map(|text| (clouds::RETRY_FOR.to_string(), text.clone())));
        options.extend(self.requests.iter().map(|n| (clouds::REQUESTS.to_string(), n.to_string())));
        Ok(options)
    }
}

impl WarehouseArgs {
    fn address(&self, config: &Config) -> Result<String> {
        self.warehouse.clone().or_else(|| config.warehouse.clone()).ok_or_else(|| {
            Error::usage("no warehouse is named")
                .hint("give --warehouse URL, EDDYLINE_WAREHOUSE, or `warehouse` in eddyline.toml")
        })
    }

    /// Opens the warehouse. `create`: make a missing local folder.
    pub fn open(&self, config: &Config, create: bool) -> Result<Store> {
        let address = self.address(config)?;
        // Who makes a warehouse loads into it.
        let who = if create { Waiting::Job } else { Waiting::Person };
        Store::open(&address, &self.stores.options(&address, config, who)?, create)
    }

    /// The table definitions.
    pub fn definitions(&self, config: &Config) -> Result<Arc<Definitions>> {
        let folder = self.defs.as_ref().or(config.defs.as_ref());
        Ok(Arc::new(match folder {
            Some(folder) => Definitions::with_overlay(config::folder("--defs", folder, "toml")?)?,
            None => Definitions::builtin()?,
        }))
    }
}

/// What `plan` and `load` read, and how.
#[derive(clap::Args, Clone)]
pub struct PassArgs {
    #[command(flatten)]
    pub place: WarehouseArgs,
    /// The export: a folder, s3://, gs:// or az://
    #[arg(long, env = "EDDYLINE_SOURCE", value_name = "URL")]
    pub source: Option<String>,
    /// Only files queued in this hour (UTC) or later: 2026-03-01-00, or a day
    #[arg(long, value_name = "DATE-HOUR")]
    pub from: Option<String>,
    /// Only files queued in this hour (UTC) or earlier; a day means its last hour
    #[arg(long, value_name = "DATE-HOUR")]
    pub to: Option<String>,
    /// Only event types (or tables) that match, such as 'users.messages.email.*'
    #[arg(long, env = "EDDYLINE_TYPES", value_name = "GLOB")]
    pub types: Option<String>,
    /// List everything, not only what may be new
    #[arg(long)]
    pub full: bool,
    /// Also try files again that are quarantined
    #[arg(long)]
    pub retry_quarantined: bool,
    /// Read every source file again and write the cells anew; rows whose file is gone are kept
    #[arg(long)]
    pub rebuild: bool,
    /// What to do with columns and event types no definition knows: evolve, rescue or freeze [default: evolve]
    #[arg(long, env = "EDDYLINE_COLUMNS", value_name = "POLICY")]
    pub columns: Option<String>,
    /// Days on either side of a cell in which an id is looked for [default: 7]
    #[arg(long, env = "EDDYLINE_DEDUPE_WINDOW", value_name = "DAYS")]
    pub dedupe_window: Option<u32>,
    /// Bytes a pass may rewrite to give older cells newer columns [default: 1GiB]
    #[arg(long, env = "EDDYLINE_SCHEMA_BUDGET", value_name = "SIZE")]
    pub schema_budget: Option<String>,
    /// Bytes an object should stay under; larger days are split into slots [default: 512MiB]
    #[arg(long, env = "EDDYLINE_TARGET_OBJECT_SIZE", value_name = "SIZE")]
    pub target_object_size: Option<String>,
    /// How far behind the newest hour of an event type its listing begins [default: 48h]
    #[arg(long, env = "EDDYLINE_LATENESS", value_name = "DURATION")]
    pub lateness: Option<String>,
    /// Up to where: now; hour: hours that are over; day: queue days (UTC) that are over [default: now]
    #[arg(long, env = "EDDYLINE_THROUGH", value_name = "EXTENT")]
    pub through: Option<String>,
    /// How often everything is listed without --full: never, daily, weekly or monthly [default: weekly]
    #[arg(long, env = "EDDYLINE_FULL_SCAN", value_name = "FREQUENCY")]
    pub full_scan: Option<String>,
    /// Memory a pass may use, about [default: 2GiB]
    #[arg(long, env = "EDDYLINE_MEMORY", value_name = "SIZE")]
    pub memory: Option<String>,
    /// What one file may hold, unpacked; a larger one is quarantined [default: 512MiB]
    #[arg(long, env = "EDDYLINE_MAX_FILE_BYTES", value_name = "SIZE")]
    pub max_file_bytes: Option<String>,
    /// What one Avro block may hold, unpacked [default: 256MiB]
    #[arg(long, env = "EDDYLINE_MAX_BLOCK_BYTES", value_name = "SIZE")]
    pub max_block_bytes: Option<String>,
    /// Tables built at once [default: one per core]
    #[arg(long, env = "EDDYLINE_WORKERS", value_name = "N")]
    pub workers: Option<usize>,
    /// Files fetched ahead, per table [default: 8]
    #[arg(long, env = "EDDYLINE_PREFETCH", value_name = "N")]
    pub prefetch: Option<usize>,
    /// How long to wait for another writer on a local disk [default: 10m]
    #[arg(long, env = "EDDYLINE_LOCK_WAIT", value_name = "DURATION")]
    pub lock_wait: Option<String>,
}

impl PassArgs {
    /// Opens the source.
    pub fn bucket(&self, config: &Config) -> Result<Bucket> {
        let address = self.source.clone().or_else(|| config.source.clone()).ok_or_else(|| {
            Error::usage("no source is named").hint("give --source URL, EDDYLINE_SOURCE, or `source` in eddyline.toml")
        })?;
        Bucket::open(&address, &self.place.stores.options(&address, config, Waiting::Job)?)
    }

    /// How the pass behaves.
    pub fn settings(&self, config: &Config) -> Result<Settings> {
        let mut settings = Settings::default();
        let size = |name: &str, flag: &Option<String>, file: &Option<String>| -> Result<Option<u64>> {
            flag.as_ref().or(file.as_ref()).map(|text| config::size(name, text)).transpose()
        };
        if let Some(policy) = self.columns.as_ref().or(config.columns.as_ref()) {
            settings.columns = match policy.as_str() {
                "evolve" => ColumnPolicy::Evolve,
                "rescue" => ColumnPolicy::Rescue,
                "freeze" => ColumnPolicy::Freeze,
                _ => {
                    return Err(Error::usage(format!("--columns: `{policy}` is no policy")).hint(
                        "evolve: new columns join the table; rescue: their values stay in _extra; freeze: refuse them",
                    ));
                }
            };
        }
        if let Some(days) = self.dedupe_window.or(config.dedupe.window) {
            settings.dedupe_window = days;
        }
        if let Some(bytes) = size("--schema-budget", &self.schema_budget, &config.schema_budget)? {
            settings.schema_budget = bytes;
        }
        if let Some(bytes) = size("--target-object-size", &self.target_object_size, &config.target_object_size)? {
            settings.target_object_size = bytes.max(1);
        }
        if let Some(bytes) = size("--memory", &self.memory, &config.limits.memory)? {
            const LEAST: u64 = 64 << 20;
            if bytes < LEAST {
                return Err(Error::usage("--memory: less than 64MiB is not enough to decode one file"));
            }
            settings.memory = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(bytes) = size("--max-file-bytes", &self.max_file_bytes, &config.limits.file_bytes)? {
            settings.limits.file_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(bytes) = size("--max-block-bytes", &self.max_block_bytes, &config.limits.block_bytes)? {
            settings.limits.block_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(text) = self.lateness.as_ref().or(config.lateness.as_ref()) {
            let lateness = config::duration("--lateness", text)?;
            settings.lateness =
                chrono::Duration::from_std(lateness).map_err(|e| Error::usage("--lateness is too long").because(e))?;
        }
        if let Some(text) = self.full_scan.as_ref().or(config.full_scan.as_ref()) {
            settings.full_scan = FullScan::parse(text)?;
        }
        settings.workers = self.workers.or(config.workers).unwrap_or(settings.workers).max(1);
        settings.prefetch = self.prefetch.or(config.prefetch).unwrap_or(settings.prefetch).max(1);
        Ok(settings)
    }
}
