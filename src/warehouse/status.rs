//! How the warehouse is doing, from a snapshot alone: freshness, gaps, quarantine, cells behind, last loads.

use super::gaps::{self, GapAlert};
use super::log::{Fate, LoadSummary};
use super::snapshot::Snapshot;
use crate::currents::QueueHour;
use crate::table::Definitions;
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The last log entry.
    pub seq: u64,
    /// Cells, rows, bytes.
    pub cells: u64,
    /// Rows in all tables.
    pub rows: u64,
    /// Bytes in all cells.
    pub bytes: u64,
    /// Files in the ledger.
    pub files: u64,
    /// Files quarantined: reason and count.
    pub quarantined: BTreeMap<String, u64>,
    /// Records rejected in all loads on record.
    pub rejected: u64,
    /// Cells that lack newer columns.
    pub behind: u64,
    /// By event type.
    pub freshness: Vec<Freshness>,
    /// The last loads, newest first.
    pub loads: Vec<LoadSummary>,
    /// Tables that always had files and have none any more; empty when nobody asked.
    pub gap_alerts: Vec<GapAlert>,
    /// What the source holds and the ledger does not; filled in by who can list the source.
    pub backlog: Option<Backlog>,
}

/// Files of the source that are not loaded yet.
#[derive(Debug, Serialize)]
pub struct Backlog {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How fresh one table is.
#[derive(Debug, Serialize)]
pub struct Freshness {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// The newest queue hour loaded.
    pub newest: Option<String>,
    /// Hours between the newest hour's beginning and now.
    pub hours_behind: Option<i64>,
    /// How far the listing of its prefix is done.
    pub watermark: Option<String>,
    /// Hours without a file in the last week before the newest hour, though nearly every other day has one then.
    pub missing_hours: Vec<String>,
}

/// The status at `now`. With `gap_alert`, tables that fell silent for longer than that are looked for.
pub fn status(
    snapshot: &Snapshot,
    definitions: &Definitions,
    now: DateTime<Utc>,
    gap_alert: Option<Duration>,
) -> Status {
    let mut hours: BTreeMap<String, BTreeSet<QueueHour>> = BTreeMap::new();
    let mut quarantined: BTreeMap<String, u64> = BTreeMap::new();
    for file in snapshot.files.values() {
        if file.fate == Fate::Quarantined {
            let reason = file.reason.split(':').next().unwrap_or_default().to_string();
            *quarantined.entry(reason).or_default() += 1;
        }
        let event_type = file.event_type.as_deref().and_then(crate::currents::EventType::parse);
        if let (Some(event_type), Some(hour)) = (event_type, QueueHour::parse(&file.hour)) {
            hours.entry(event_type.table()).or_default().insert(hour);
        }
    }
    let mut watermarks: BTreeMap<String, QueueHour> = BTreeMap::new();
    for (prefix, hour) in &snapshot.watermarks {
        let name = prefix.rsplit("event_type=").next().map(|t| t.trim_end_matches('/'));
        if let Some(event_type) = name.and_then(crate::currents::EventType::parse) {
            let kept = watermarks.entry(event_type.table()).or_insert(*hour);
            *kept = (*kept).max(*hour);
        }
    }
    let freshness = snapshot
        .table_names(definitions)
        .into_iter()
        .filter_map(|table| {
            let rows: u64 = snapshot.cells_of(&table).map(|c| c.rows).sum();
            let seen = hours.get(&table);
            if rows == 0 && seen.is_none() {
                return None;
            }
            let newest = seen.and_then(|s| s.last().copied());
            Some(Freshness {
                rows,
                newest: newest.map(|h| h.to_string()),
                hours_behind: newest.map(|h| (now - gaps::start(h)).num_hours()),
                watermark: watermarks.get(&table).map(|h| h.to_string()),
                missing_hours: seen.map(gaps::missing).unwrap_or_default(),
                table,
            })
        })
        .collect();
    Status {
        seq: snapshot.seq,
        cells: snapshot.cells.len() as u64,
        rows: snapshot.cells.values().map(|c| c.rows).sum(),
        bytes: snapshot.cells.values().map(|c| c.size).sum(),
        files: snapshot.files.len() as u64,
        quarantined,
        rejected: snapshot.files.values().map(|f| f.rejected).sum(),
        behind: snapshot.cells_behind(definitions),
        freshness,
        loads: snapshot.loads.iter().rev().take(5).cloned().collect(),
        gap_alerts: gap_alert
            .map(|after| hours.iter().filter_map(|(table, seen)| gaps::alert(table, seen, now, after)).collect())
            .unwrap_or_default(),
        backlog: None,
    }
}
