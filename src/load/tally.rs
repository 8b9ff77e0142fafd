//! Counts what a pass does into its report.

use super::plan::Plan;
use super::report::LoadReport;
use super::table_build::TableOutcome;
use super::watch::Progress;
use crate::table::Definitions;
use crate::warehouse::{CellState, Counters, Fate, FileState, SchemaChange, Snapshot};
use std::sync::atomic::Ordering;

/// What was listed and left aside.
pub fn note_plan(plan: &Plan, unreadable: Vec<String>, report: &mut LoadReport) {
    report.known = plan.known;
    report.still_quarantined = plan.still_quarantined;
    report.counters.listed = plan.listed;
    for (reason, (count, example)) in &plan.ignored {
        report.counters.ignored.insert(reason.to_string(), *count);
        report.ignored_examples.insert(reason.to_string(), example.clone());
    }
    if let Some(first) = unreadable.first() {
        let reason = "names that are no UTF-8".to_string();
        report.ignored_examples.insert(reason.clone(), first.clone());
        report.counters.ignored.insert(reason, unreadable.len() as u64);
    }
}

/// What was written to one table.
pub fn note_outcome(table: &str, outcome: &TableOutcome, report: &mut LoadReport) {
    let counters: &mut Counters = &mut report.counters;
    counters.cells += outcome.written.0;
    counters.realigned += outcome.written.1;
    counters.written += outcome.written.2;
    for (column, count) in &outcome.misfits {
        counters.misfits += count;
        *report.misfits.entry(format!("{table}.{column}")).or_default() += count;
    }
    for part in &outcome.parts {
        let counts = report.tables.entry(table.to_string()).or_default();
        counts.files += 1;
        counts.new += part.file.new;
        counts.duplicates += part.file.duplicates;
        counts.rejected += part.file.rejected;
    }
}

/// What became of the files.
pub fn note_files(files: &[FileState], progress: &Progress, report: &mut LoadReport) {
    let counters = &mut report.counters;
    counters.bytes = progress.bytes.load(Ordering::Relaxed);
    for file in files {
        counters.files += 1;
        counters.read += file.read;
        counters.new += file.new;
        counters.duplicates += file.duplicates;
        counters.rejected += file.rejected;
        match file.fate {
            Fate::Quarantined => {
                counters.quarantined += 1;
                report.quarantined.push((file.key.clone(), file.reason.clone()));
            }
            Fate::Vanished => counters.vanished += 1,
            Fate::Loaded => {}
        }
    }
}

/// How many cells lack columns their table has once the pass is committed.
pub fn behind(snapshot: &Snapshot, cells: &[CellState], changes: &[SchemaChange], definitions: &Definitions) -> u64 {
    let mut after = Snapshot { cells: snapshot.cells.clone(), tables: snapshot.tables.clone(), ..Snapshot::default() };
    for cell in cells {
        after.cells.insert(cell.key.clone(), cell.clone());
    }
    for change in changes {
        after.tables.entry(change.table.clone()).or_default().discovered.extend(change.columns.iter().cloned());
    }
    after.cells_behind(definitions)
}
