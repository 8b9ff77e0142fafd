//! `eddyline status`, `eddyline verify` and `eddyline state rebuild`.

use super::options::WarehouseArgs;
use super::print;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::load::{bytes, number, restate};
use crate::warehouse::lock::WriterLock;
use crate::warehouse::status::Status;
use crate::warehouse::{
    Snapshot, Store, cell::TABLES, checkpoint, dataset, last_error, log, status as room, verify as checks,
};
use chrono::Utc;
use std::fmt::Write as _;
use std::time::Duration;

/// `eddyline status`
#[derive(clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    place: WarehouseArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// `eddyline verify`
#[derive(clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    place: WarehouseArgs,
    /// Read all data: compare every fingerprint and look for ids stored twice
    #[arg(long)]
    deep: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// `eddyline state`
#[derive(clap::Args)]
pub struct StateArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make the log anew from the footers of the cells
    Rebuild {
        #[command(flatten)]
        place: WarehouseArgs,
    },
}

async fn snapshot(store: &Store) -> Result<Snapshot> {
    if dataset::read(store).await?.is_none() {
        let lost = !store.list(TABLES, None).await?.is_empty();
        let error = Error::new(Kind::Check, format!("{} has no meta/dataset.json", store.url()));
        return Err(if lost {
            error.hint(
                "its meta/ is lost but its cells are there: `eddyline state rebuild` or the next load restores it",
            )
        } else {
            error.hint("it is no warehouse yet: `eddyline load` makes one")
        });
    }
    Snapshot::open(store).await
}

/// Shows how the warehouse is doing.
pub async fn status(args: StatusArgs, config: &Config) -> Result<()> {
    let store = args.place.open(config, false)?;
    let snapshot = snapshot(&store).await?;
    let kept = last_error::read(&store).await?;
    let status = room::status(&snapshot, &*args.place.definitions(config)?, Utc::now(), kept);
    if args.json {
        let text = serde_json::to_string(&status).map_err(|e| Error::failed("cannot write the status").because(e))?;
        return print(&(text + "\n"));
    }
    print(&status_text(&status, store.url()))
}

fn status_text(status: &Status, url: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{url}: {} rows in {} cells ({})",
        number(status.rows),
        number(status.cells),
        bytes(status.bytes)
    );
    let _ = writeln!(out, "{} files in the ledger, log entry {}", number(status.files), status.seq);
    if let Some(error) = &status.last_error {
        let _ = writeln!(out, "the last pass failed: {}", error.replace('\n', "\n  "));
    }
    for (reason, count) in &status.quarantined {
        let _ = writeln!(out, "quarantined: {} files: {reason}", number(*count));
    }
    if status.rejected > 0 {
        let _ = writeln!(out, "rejected: {} records", number(status.rejected));
    }
    if status.behind > 0 {
        let _ = writeln!(out, "behind: {} cells lack newer columns", number(status.behind));
    }
    let _ = writeln!(out, "\n{:<52} {:>12}  {:<13}  {:>7}  gaps", "table", "rows", "newest hour", "behind");
    for table in &status.freshness {
        let behind = table.hours_behind.map(|h| format!("{h} h")).unwrap_or_default();
        let gaps = match table.missing_hours.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [first, .., last] => format!("{} hours, {first} to {last}", table.missing_hours.len()),
        };
        let newest = table.newest.as_deref().unwrap_or("");
        let line = format!("{:<52} {:>12}  {newest:<13}  {behind:>7}  {gaps}", table.table, number(table.rows));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let _ = writeln!(out, "\nlast loads");
    for load in &status.loads {
        let c = &load.counters;
        let _ = writeln!(
            out,
            "  {:>4}  {}  {} files, {} rows stored, {} duplicates, {} rejected, {} quarantined",
            load.seq,
            load.started.format("%Y-%m-%d %H:%M:%S UTC"),
            number(c.files),
            number(c.new),
            number(c.duplicates),
            number(c.rejected),
            number(c.quarantined),
        );
    }
    out
}

/// Checks the warehouse.
pub async fn verify(args: VerifyArgs, config: &Config) -> Result<()> {
    let store = args.place.open(config, false)?;
    let snapshot = snapshot(&store).await?;
    let found = checks::verify(&store, &snapshot, &*args.place.definitions(config)?, args.deep).await?;
    if args.json {
        let text = serde_json::to_string(&found).map_err(|e| Error::failed("cannot write the findings").because(e))?;
        print(&(text + "\n"))?;
    } else {
        let mut out = String::new();
        for note in &found.notes {
            let _ = writeln!(out, "note: {note}");
        }
        for problem in &found.problems {
            let _ = writeln!(out, "problem: {problem}");
        }
        let how = if args.deep { "read through" } else { "checked" };
        let _ = writeln!(
            out,
            "{} cells {how}, {} rows, {} problems",
            number(found.cells),
            number(found.rows),
            found.problems.len()
        );
        print(&out)?;
    }
    if found.problems.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Check, format!("{} problems in {}", found.problems.len(), store.url()))
        .hint("`eddyline load --rebuild` reads the source again and writes the cells anew"))
}

/// Makes the log anew.
pub async fn state(args: StateArgs, config: &Config) -> Result<()> {
    let Action::Rebuild { place } = args.action;
    let store = place.open(config, false)?;
    let _lock = WriterLock::take(&store, Duration::from_secs(60)).await?;
    dataset::open(&store).await?;
    let entry = restate(&store, &*place.definitions(config)?, Utc::now()).await?;
    // Past every number in use: the log or a checkpoint may be what cannot be read.
    let seq = log::newest(&store).await?.max(checkpoint::newest_seq(&store).await?.unwrap_or(0)) + 1;
    if !log::append(&store, seq, &entry).await? {
        return Err(Error::new(Kind::Conflict, "another writer committed meanwhile").hint("run it again"));
    }
    // With a checkpoint here, nothing before it is ever read again.
    let mut snapshot = Snapshot::default();
    snapshot.fold(seq, entry.clone());
    checkpoint::write(&store, &snapshot).await?;
    print(&format!(
        "log entry {seq}: {} cells, {} files whose loading their footers prove\n",
        number(entry.cells.len() as u64),
        number(entry.files.len() as u64)
    ))
}
