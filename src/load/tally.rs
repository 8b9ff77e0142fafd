//! Counts what a pass does into its report.

use super::bucket::Listing;
use super::plan::Plan;
use super::report::LoadReport;
use super::table_build::TableOutcome;
use super::watch::Progress;
use crate::table::Definitions;
use crate::warehouse::{CellState, Counters, Fate, FileState, SchemaChange, Snapshot};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// What was listed and left aside.
pub fn note_plan(plan: &Plan, listing: &Listing, report: &mut LoadReport) {
    report.known = plan.known;
    report.still_quarantined = plan.still_quarantined;
    report.counters.listed = plan.listed;
    for (reason, (count, example)) in &plan.ignored {
        report.counters.ignored.insert(reason.to_string(), *count);
        report.ignored_examples.insert(reason.to_string(), example.clone());
    }
    let aside = [("unaskable_key", &listing.unaskable), ("folder_of_another_export", &listing.passed_over)];
    for (reason, keys) in aside {
        if let Some(first) = keys.first() {
            report.ignored_examples.insert(reason.to_string(), first.clone());
            report.counters.ignored.insert(reason.to_string(), keys.len() as u64);
        }
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
                report.quarantined.push((file.key.to_string(), file.reason.clone()));
            }
            Fate::Vanished => counters.vanished += 1,
            Fate::Loaded => {}
        }
    }
}

/// How many cells lack columns their table has once the pass is committed. Only the tables it touched are looked at
/// anew.
pub fn behind(snapshot: &Snapshot, cells: &[CellState], changes: &[SchemaChange], definitions: &Definitions) -> u64 {
    let touched = cells.iter().map(|c| c.key.table.as_str()).chain(changes.iter().map(|c| c.table.as_str()));
    let touched: BTreeSet<&str> = touched.collect();
    let mut after = Snapshot::default();
    for table in &touched {
        after.cells.extend(snapshot.cells_of(table).map(|c| (c.key.clone(), c.clone())));
        after.tables.extend(snapshot.tables.get(*table).map(|t| (table.to_string(), t.clone())));
    }
    for cell in cells {
        after.cells.insert(cell.key.clone(), cell.clone());
    }
    for change in changes {
        after.tables.entry(change.table.clone()).or_default().discovered.extend(change.columns.iter().cloned());
    }
    let before = snapshot.behind_by_table(definitions);
    let untouched: u64 = before.iter().filter(|(table, _)| !touched.contains(*table)).map(|(_, cells)| cells).sum();
    untouched + after.cells_behind(definitions)
}
