//! `eddyline status`, `eddyline verify` and `eddyline state rebuild`.

use super::load::loader_on;
use super::options::{Waiting, WarehouseArgs};
use super::telling::{gap_alert, silence};
use super::{print, say};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::load::{Bucket, FullScan, Request, Settings, bytes, count, number, restate};
use crate::tell::{Latest, latest};
use crate::warehouse::lock::WriterLock;
use crate::warehouse::status::{Backlog, Status};
use crate::warehouse::{Snapshot, Store, cell::TABLES, checkpoint, dataset, log, status as room, verify as checks};
use chrono::Utc;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// Notes of `verify` that are printed; a warehouse that was copied has one for each cell.
const NOTES: usize = 20;

/// `eddyline status`
#[derive(clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    place: WarehouseArgs,
    /// The export; with it, status also says how much of it is not loaded yet
    #[arg(long, env = "EDDYLINE_SOURCE", value_name = "URL")]
    source: Option<String>,
    /// Warn when an event type that always had files has had none for this long, such as 3h
    #[arg(long, env = "EDDYLINE_GAP_ALERT", value_name = "DURATION")]
    gap_alert: Option<String>,
    /// End with exit code 7 when there is a gap alert or the last pass failed; files in quarantine alone are no failure
    /// unless that pass had --strict
    #[arg(long, env = "EDDYLINE_CHECK", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    check: Option<bool>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// `status --json`: the status, and how the last pass ended.
#[derive(Serialize)]
struct AsJson<'a> {
    warehouse: &'a str,
    #[serde(flatten)]
    status: &'a Status,
    /// The failure of the last pass, as shown; absent when that went well.
    last_error: Option<&'a str>,
    /// The whole report of the last pass, with `kind` and `exit_code`; absent before the first.
    last_pass: Option<&'a serde_json::Value>,
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
    let last = match latest(&store).await {
        Ok(last) => last,
        Err(e) => {
            say::warning(e.what());
            None
        }
    };
    let definitions = args.place.definitions(config)?;
    let after = gap_alert(args.gap_alert.as_ref(), config)?;
    let mut status = room::status(&snapshot, &definitions, Utc::now(), after);
    if let Some(source) = args.source.as_ref().or(config.source.as_ref()) {
        let bucket = Bucket::open(source, &args.place.stores.options(source, config, Waiting::Person)?)?;
        let settings = Settings { full_scan: FullScan::Never, ..Settings::default() };
        let loader = loader_on(store.clone(), bucket, definitions, settings);
        let (_, plan) = loader.plan(&Request::default(), Utc::now()).await?;
        status.backlog = Some(Backlog { files: plan.file_count() as u64, bytes: plan.byte_count() });
    }
    if args.json {
        let shown = AsJson {
            warehouse: store.url(),
            status: &status,
            last_error: last.as_ref().and_then(|l| l.error.as_deref()),
            last_pass: last.as_ref().map(|l| &l.whole),
        };
        let text = serde_json::to_string(&shown).map_err(|e| Error::failed("cannot write the status").because(e))?;
        print(&(text + "\n"))?;
    } else {
        print(&status_text(&status, last.as_ref(), store.url()))?;
    }
    if args.check.or(config.check).unwrap_or(false) { checked(&status, last.as_ref()) } else { Ok(()) }
}

/// What `--check` ends with.
fn checked(status: &Status, last: Option<&Latest>) -> Result<()> {
    let failed = last.filter(|l| l.failed()).map(|l| {
        Error::new(Kind::Check, format!("the last pass failed with exit code {}", l.exit_code))
            .hint("`eddyline status` shows its error, meta/reports/ has its report")
    });
    silence(&status.gap_alerts).or(failed).map_or(Ok(()), Err)
}

fn status_text(status: &Status, last: Option<&Latest>, url: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{url}: {} in {} ({})",
        count(status.rows, "row"),
        count(status.cells, "cell"),
        bytes(status.bytes)
    );
    let _ = writeln!(out, "{} in the ledger, log entry {}", count(status.files, "file"), status.seq);
    if let Some(backlog) = &status.backlog {
        let _ = writeln!(out, "backlog: {} ({}) not loaded yet", count(backlog.files, "file"), bytes(backlog.bytes));
    }
    if let Some((last, error)) = last.and_then(|l| Some((l, l.error.as_deref()?))) {
        let at = last.finished.format("%Y-%m-%d %H:%M:%S UTC");
        let _ = writeln!(out, "the last pass failed: {at}\n  {}", error.replace('\n', "\n  "));
    }
    for gap in &status.gap_alerts {
        let _ = writeln!(out, "gap alert: {gap}");
    }
    for (reason, count) in &status.quarantined {
        let _ = writeln!(out, "quarantined: {} ({reason})", self::count(*count, "file"));
    }
    if status.rejected > 0 {
        let _ = writeln!(out, "rejected: {}", count(status.rejected, "record"));
    }
    if status.behind > 0 {
        let _ = writeln!(out, "behind: {} without newer columns", count(status.behind, "cell"));
    }
    let _ =
        writeln!(out, "\n{:<52} {:>12}  {:<13}  {:>7}  hours without a file", "table", "rows", "newest hour", "age");
    for table in &status.freshness {
        // Hours matter for two days; after that, nobody divides by 24 at night.
        let age = table.hours_behind.map(|h| if h < 48 { format!("{h} h") } else { format!("{} d", h / 24) });
        let age = age.unwrap_or_default();
        let gaps = match table.missing_hours.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [first, .., last] => format!("{}, from {first} to {last}", table.missing_hours.len()),
        };
        let newest = table.newest.as_deref().unwrap_or("");
        let line = format!("{:<52} {:>12}  {newest:<13}  {age:>7}  {gaps}", table.table, number(table.rows));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let _ = writeln!(out, "\nlast loads");
    for load in &status.loads {
        let c = &load.counters;
        let _ = writeln!(
            out,
            "  {:>4}  {}  {}, {} stored, {}, {} rejected, {} quarantined",
            load.seq,
            load.started.format("%Y-%m-%d %H:%M:%S UTC"),
            count(c.files, "file"),
            count(c.new, "row"),
            count(c.duplicates, "duplicate"),
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
        for note in found.notes.iter().take(NOTES) {
            let _ = writeln!(out, "note: {note}");
        }
        if found.notes.len() > NOTES {
            let _ = writeln!(out, "note: {} more; --json has them all", number((found.notes.len() - NOTES) as u64));
        }
        for problem in &found.problems {
            let _ = writeln!(out, "problem: {problem}");
        }
        let how = if args.deep { "read through" } else { "checked" };
        let _ = writeln!(
            out,
            "{} {how}, {}, {}",
            count(found.cells, "cell"),
            count(found.rows, "row"),
            count(found.problems.len() as u64, "problem")
        );
        print(&out)?;
    }
    if found.problems.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Check, format!("{} in {}", count(found.problems.len() as u64, "problem"), store.url()))
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
