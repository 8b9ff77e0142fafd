//! What a pass did, for a person and for a program. Names files and columns, never a row's value.

use super::plan::Plan;
use crate::error::Error;
use crate::warehouse::{Counters, Requests, SchemaChange};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many names a text report lists before it says how many more there are.
const NAMED: usize = 10;

/// What a pass did.
#[derive(Debug, Default, Serialize)]
pub struct LoadReport {
    /// The log entry it made; absent when there was nothing to commit.
    pub seq: Option<u64>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub finished: DateTime<Utc>,
    /// The source's address.
    pub source: String,
    /// The warehouse's address.
    pub warehouse: String,
    /// Its counters.
    pub counters: Counters,
    /// Objects that were known already.
    pub known: u64,
    /// Requests to stores behind a network, source and warehouse together.
    pub requests: Option<Requests>,
    /// By table: files, rows stored, duplicates, rejected records.
    pub tables: BTreeMap<String, TableCounts>,
    /// Tables and columns that are new.
    pub schema_changes: Vec<SchemaChange>,
    /// Files quarantined by this pass: key and reason.
    pub quarantined: Vec<(String, String)>,
    /// Files quarantined by earlier passes and still so.
    pub still_quarantined: u64,
    /// One key for each reason in `counters.ignored`.
    pub ignored_examples: BTreeMap<String, String>,
    /// Values kept in `_extra` because they do not fit their column, by table and column.
    pub misfits: BTreeMap<String, u64>,
    /// Cells that still lack newer columns.
    pub behind: u64,
    /// Things to know.
    pub warnings: Vec<String>,
    /// What ended the pass early; what was published before it is kept and committed. Whoever reports the pass says
    /// how it ended.
    #[serde(skip)]
    pub error: Option<Error>,
}

/// One table's share of a pass.
#[derive(Debug, Default, Clone, Serialize)]
pub struct TableCounts {
    /// Files read.
    pub files: u64,
    /// Rows stored.
    pub new: u64,
    /// Duplicates dropped.
    pub duplicates: u64,
    /// Records rejected.
    pub rejected: u64,
}

impl LoadReport {
    /// The report as text, several lines.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let c = &self.counters;
        if c.files == 0 && c.cells == 0 {
            let what = if self.error.is_some() { "nothing loaded" } else { "nothing new" };
            let _ = writeln!(out, "{what}: {} listed, {} known", count(c.listed, "object"), number(self.known));
            if self.known == 0 && c.listed == c.ignored.values().sum::<u64>() {
                let _ = writeln!(out, "no Currents file lies in {}: is --source right?", self.source);
            }
        } else {
            let seconds = (self.finished - self.started).num_milliseconds() as f64 / 1000.0;
            let loaded = c.files.saturating_sub(c.quarantined + c.vanished);
            let _ = writeln!(out, "loaded {} ({} read) in {seconds:.1} s", count(loaded, "file"), bytes(c.bytes));
            let tables = self.tables.values().filter(|t| t.new > 0).count() as u64;
            let _ = writeln!(out, "  records     {:>14}", number(c.read));
            let _ = writeln!(out, "  stored      {:>14}  in {}", number(c.new), count(tables, "table"));
            let _ = writeln!(out, "  duplicates  {:>14}", number(c.duplicates));
            let _ = writeln!(out, "  rejected    {:>14}", number(c.rejected));
            let _ = writeln!(out, "  cells       {:>14}  ({} written)", number(c.cells), bytes(c.written));
            if c.realigned > 0 {
                let _ = writeln!(out, "  realigned   {:>14}  cells gained newer columns", number(c.realigned));
            }
        }
        if let Some(r) = &self.requests {
            let kinds = format!("{} lists, {} reads, {} writes", number(r.list), number(r.get), number(r.put));
            let _ = writeln!(out, "  requests    {:>14}  ({kinds})", number(r.total()));
            if r.throttled + r.failed > 0 {
                let (slow, failed) = (number(r.throttled), number(r.failed));
                let _ = writeln!(
                    out,
                    "  of these    {slow:>14}  answered with `slow down`, {failed} failed; all tried again"
                );
            }
        }
        self.notes(&mut out);
        out
    }

    fn notes(&self, out: &mut String) {
        for change in &self.schema_changes {
            let name = change.event_type.as_deref().unwrap_or(&change.table);
            let columns: Vec<String> = change.columns.iter().map(|c| format!("{} {}", c.name, c.kind)).collect();
            let _ = match columns.is_empty() {
                true => writeln!(out, "new table: {name}"),
                false => writeln!(out, "new columns: {name}: {}", columns.join(", ")),
            };
        }
        for (column, count) in &self.misfits {
            let values = self::count(*count, "value");
            let _ = writeln!(out, "kept in _extra: {values} that did not fit {column}");
        }
        for (reason, count) in &self.counters.ignored {
            let example = self.ignored_examples.get(reason).map_or("", String::as_str);
            ignored(out, reason, *count, example);
        }
        if self.counters.vanished > 0 {
            let files = count(self.counters.vanished, "file");
            let _ = writeln!(out, "vanished: {files} listed and gone when read; taken when they come back");
        }
        for (key, reason) in self.quarantined.iter().take(NAMED) {
            let _ = writeln!(out, "quarantined: {}: {reason}", one_line(key));
        }
        if self.quarantined.len() > NAMED {
            let _ = writeln!(out, "quarantined: {} more", number((self.quarantined.len() - NAMED) as u64));
        }
        if self.still_quarantined > 0 {
            let _ = writeln!(out, "still quarantined: {} of earlier passes", count(self.still_quarantined, "file"));
        }
        if !self.quarantined.is_empty() || self.still_quarantined > 0 {
            let _ = writeln!(out, "  all of them: SELECT * FROM system.quarantine");
            let _ = writeln!(out, "  once repaired: eddyline load --retry-quarantined");
        }
        if self.counters.rejected > 0 {
            let _ = writeln!(out, "rejected records: SELECT * FROM system.rejects");
        }
        if self.behind > 0 {
            let cells = count(self.behind, "cell");
            let _ = writeln!(out, "behind: {cells} without newer columns; coming passes rewrite them");
        }
        for warning in &self.warnings {
            let _ = writeln!(out, "warning: {warning}");
        }
    }
}

/// A plan as text: what `eddyline plan` prints.
pub fn plan_text(plan: &Plan, known_files: u64) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} listed: {} to load ({}), {} known, {} out of scope",
        count(plan.listed, "object"),
        number(plan.file_count() as u64),
        bytes(plan.byte_count()),
        number(plan.known),
        number(plan.out_of_scope),
    );
    let _ = writeln!(out, "{} in the ledger", count(known_files, "file"));
    for (cell, files, size) in plan.cells() {
        let _ = writeln!(out, "  {}  {}, {}", cell.path(), count(files as u64, "file"), bytes(size));
    }
    if !plan.unrouted.is_empty() {
        let files = count(plan.unrouted.len() as u64, "file");
        let _ = writeln!(out, "  {files} to look into: the key does not say everything that is inside");
    }
    for (reason, (count, example)) in &plan.ignored {
        ignored(&mut out, reason, *count, example);
    }
    if plan.still_quarantined > 0 {
        let _ = writeln!(out, "still quarantined: {} of earlier passes", count(plan.still_quarantined, "file"));
    }
    out
}

fn ignored(out: &mut String, reason: &str, objects: u64, example: &str) {
    let reason = reason.replace('_', " ");
    let _ = writeln!(out, "ignored: {} ({reason}), such as {}", count(objects, "object"), one_line(example));
}

/// A key as it may stand in a line of text: a line break in a name must not pass for a line of ours.
pub fn one_line(key: &str) -> String {
    key.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// So many of a thing: 1 file, 2 files.
pub fn count(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", number(n), if n == 1 { "" } else { "s" })
}

/// A number in groups of three digits: 1,234,567.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in bytes, for people.
pub fn bytes(n: u64) -> String {
    indicatif::HumanBytes(n).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_000), "1,000");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!((count(1, "file"), count(1_000, "file")), ("1 file".into(), "1,000 files".into()));
    }

    #[test]
    fn a_key_stays_on_its_line() {
        assert_eq!(one_line("a\nwarning: \u{1b}[31mü.avro"), "a\\nwarning: \\u{1b}[31mü.avro");
    }
}
