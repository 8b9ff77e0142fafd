//! The difference between the bucket and the ledger, as work. Pure: `eddyline plan` prints it, `eddyline load` does it.

use super::bucket::Listed;
use super::read::REFUSED;
use crate::currents::{Compression, EventType, QueueHour, SourceFile, event_type_prefix};
use crate::warehouse::cell::{slot_of, slots_for};
use crate::warehouse::{CellKey, Fate, FileState, Snapshot};
use chrono::{DateTime, NaiveDate, Timelike};
use globset::GlobMatcher;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the user asked to have planned.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only files queued in this hour or later.
    pub from: Option<QueueHour>,
    /// Only files queued in this hour or earlier.
    pub to: Option<QueueHour>,
    /// Only event types (or tables) that match.
    pub types: Option<GlobMatcher>,
    /// Also files whose version was quarantined before.
    pub retry_quarantined: bool,
    /// Read known files again.
    pub rebuild: bool,
}

impl Scope {
    /// Whether an event type is asked for.
    pub fn wants(&self, event_type: &EventType) -> bool {
        self.types.as_ref().is_none_or(|t| t.is_match(event_type.as_str()) || t.is_match(event_type.table()))
    }

    /// The event types asked for, as written; `*` for all.
    pub fn types_text(&self) -> String {
        self.types.as_ref().map_or("*", |t| t.glob().glob()).to_string()
    }

    fn contains(&self, hour: QueueHour) -> bool {
        self.from.is_none_or(|from| hour >= from) && self.to.is_none_or(|to| hour <= to)
    }
}

/// A file to load.
#[derive(Debug, Clone)]
pub struct PlannedFile {
    /// As listed.
    pub listed: Listed,
    /// As its key reads.
    pub source: SourceFile,
    /// The hour it was queued; the hour it was last modified when the key names none.
    pub hour: QueueHour,
    /// What the ledger says about it.
    pub news: News,
    /// Whether records of this file that name no event type are accounted for here. One table per file does.
    pub owns_strays: bool,
}

impl PlannedFile {
    /// Bytes it may have once unpacked, about: what is reserved in memory for it.
    pub fn weight(&self) -> u64 {
        /// How many times as large text becomes; Currents' JSON measures between 8 and 15.
        const UNPACKS: u64 = 12;
        match self.source.compression {
            Compression::None => self.listed.size,
            Compression::Gzip | Compression::Zstd => self.listed.size.saturating_mul(UNPACKS),
        }
    }
}

/// Why a file is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Never seen.
    New,
    /// Seen in another version.
    Changed,
    /// Seen, and asked for again.
    Again,
}

/// The files of one table and day.
#[derive(Debug, Clone, Default)]
pub struct DayPlan {
    /// How many slots the day has, or will have.
    pub slots: u8,
    /// Its files, oldest hour first, then by key.
    pub files: Vec<Arc<PlannedFile>>,
}

impl DayPlan {
    /// The files by slot.
    pub fn by_slot(&self) -> BTreeMap<u8, Vec<Arc<PlannedFile>>> {
        let mut slots: BTreeMap<u8, Vec<Arc<PlannedFile>>> = BTreeMap::new();
        for file in &self.files {
            slots.entry(slot_of(file.hour.hour, self.slots)).or_default().push(file.clone());
        }
        slots
    }
}

/// The work of a pass.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Files by table and queue day.
    pub days: BTreeMap<(String, NaiveDate), DayPlan>,
    /// The event type of each table in `days`, as the keys spell it.
    pub event_types: BTreeMap<String, EventType>,
    /// Files whose key does not say what they hold, or that may hold several event types.
    pub unrouted: Vec<PlannedFile>,
    /// Objects listed.
    pub listed: u64,
    /// Objects that are known in this version.
    pub known: u64,
    /// Objects known and quarantined in this version.
    pub still_quarantined: u64,
    /// Files outside `--from`, `--to` or `--types`.
    pub out_of_scope: u64,
    /// Objects that are no Currents files: count and first key, by reason.
    pub ignored: BTreeMap<&'static str, (u64, String)>,
    /// Keys of files that hold event types outside the scope too: they stay unknown to the ledger.
    pub partial: BTreeSet<String>,
    /// The newest hour of each listing prefix in scope: its watermark once the pass is committed.
    pub newest: BTreeMap<String, QueueHour>,
}

impl Plan {
    /// Files to read.
    pub fn file_count(&self) -> usize {
        self.days.values().map(|d| d.files.len()).sum::<usize>() + self.unrouted.len()
    }

    /// Their bytes.
    pub fn byte_count(&self) -> u64 {
        self.files().map(|f| f.listed.size).sum()
    }

    /// The cells it will touch, with their files' number and bytes.
    pub fn cells(&self) -> Vec<(CellKey, usize, u64)> {
        let mut cells = Vec::new();
        for ((table, day), plan) in &self.days {
            for (slot, files) in plan.by_slot() {
                let key = CellKey { table: table.clone(), queue_date: *day, slot };
                cells.push((key, files.len(), files.iter().map(|f| f.listed.size).sum()));
            }
        }
        cells
    }

    /// Adds a file to the work of a table. Its day is in order again after [`Plan::settle`].
    pub fn route(&mut self, event_type: &EventType, file: PlannedFile) {
        let table = event_type.table();
        self.days.entry((table.clone(), file.hour.date)).or_default().files.push(Arc::new(file));
        self.event_types.entry(table).or_insert_with(|| event_type.clone());
    }

    fn files(&self) -> impl Iterator<Item = &PlannedFile> {
        self.days.values().flat_map(|d| &d.files).map(Arc::as_ref).chain(&self.unrouted)
    }

    /// Keys of files to be read.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.files().map(|f| &*f.listed.key)
    }

    /// Puts each day's files in order and decides how many slots it has.
    pub fn settle(&mut self, snapshot: &Snapshot, target: u64) {
        for ((table, day), work) in &mut self.days {
            work.files.sort_by(|a, b| (a.hour, &a.listed.key).cmp(&(b.hour, &b.listed.key)));
            let bytes = work.files.iter().map(|f| f.listed.size).sum();
            work.slots = slots_of_day(snapshot, table, *day, bytes, target);
        }
    }
}

/// Plans a listing against a snapshot. `now`: the current hour; `target`: bytes an object should stay under.
pub fn plan(listing: &[Listed], snapshot: &Snapshot, scope: &Scope, now: QueueHour, target: u64) -> Plan {
    let mut plan = Plan { listed: listing.len() as u64, ..Plan::default() };
    let mut last: Option<EventType> = None;
    for listed in listing {
        let mut source = match SourceFile::from_key(&listed.key) {
            Ok(source) => source,
            Err(reason) => {
                let entry = plan.ignored.entry(reason.as_str()).or_insert_with(|| (0, listed.key.to_string()));
                entry.0 += 1;
                continue;
            }
        };
        let hour = source.queue_hour.unwrap_or_else(|| hour_of(listed.modified));
        if !scope.contains(hour) || source.event_type.as_ref().is_some_and(|t| !scope.wants(t)) {
            plan.out_of_scope += 1;
            continue;
        }
        // A key with a date far ahead must not hide the hours until then.
        if let Some((prefix, _)) = event_type_prefix(&listed.key).filter(|_| hour <= now) {
            let newest = plan.newest.entry(prefix.to_string()).or_insert(hour);
            *newest = (*newest).max(hour);
        }
        let news = match snapshot.files.get(&*listed.key) {
            None => News::New,
            Some(known) if !known.is(listed.e_tag.as_deref(), listed.size) => News::Changed,
            Some(known) if known.fate == Fate::Vanished => News::Again,
            // Permission may have come.
            Some(known) if is_refused(known) => News::Again,
            Some(known) if known.fate == Fate::Quarantined && (scope.retry_quarantined || scope.rebuild) => News::Again,
            Some(known) if known.fate == Fate::Loaded && scope.rebuild => News::Again,
            Some(known) => {
                plan.known += 1;
                plan.still_quarantined += u64::from(known.fate == Fate::Quarantined);
                continue;
            }
        };
        // Files of one event type lie together: they share its name.
        if last != source.event_type {
            last = source.event_type;
        }
        source.event_type = last.clone();
        let file = PlannedFile { listed: listed.clone(), hour, news, source, owns_strays: true };
        match file.source.event_type.clone().filter(|_| file.source.format == crate::currents::Format::Avro) {
            Some(event_type) => plan.route(&event_type, file),
            None => plan.unrouted.push(file),
        }
    }
    plan.settle(snapshot, target);
    plan
}

/// How many slots a day has: as recorded when it was first written, else by the table's recent days, else by what is
/// about to be loaded.
fn slots_of_day(snapshot: &Snapshot, table: &str, day: NaiveDate, bytes: u64, target: u64) -> u8 {
    /// How much smaller rows become on their way into Parquet; measured between 5 and 7 on generated exports.
    const SHRINKS: u64 = 5;
    let mut recent: BTreeMap<NaiveDate, u64> = BTreeMap::new();
    for cell in snapshot.cells_of(table) {
        if cell.key.queue_date == day {
            return cell.slots;
        }
        if (day - cell.key.queue_date).num_days().abs() <= 7 {
            *recent.entry(cell.key.queue_date).or_default() += cell.size;
        }
    }
    let expected = recent.values().copied().max().unwrap_or(0).max(bytes / SHRINKS);
    slots_for(expected, target)
}

/// Whether a file is quarantined only because the store did not let us read it.
pub fn is_refused(file: &FileState) -> bool {
    file.fate == Fate::Quarantined && file.reason.starts_with(REFUSED)
}

fn hour_of(modified_millis: i64) -> QueueHour {
    let time = DateTime::from_timestamp_millis(modified_millis).unwrap_or_default();
    QueueHour { date: time.date_naive(), hour: time.hour() as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_event_type_share_its_name() {
        let file = |event_type: &str, number: u32| Listed {
            key: format!("event_type={event_type}/date=2026-03-02-05/{number}.avro").into(),
            e_tag: None,
            size: 1,
            modified: 0,
        };
        let listing = [("users.a.B", 1), ("users.a.B", 2), ("users.a.C", 1), ("users.a.B", 3)].map(|(t, n)| file(t, n));
        let hour = QueueHour::parse("2026-03-03-00").unwrap();
        let plan = plan(&listing, &Snapshot::default(), &Scope::default(), hour, 1);
        let names = |table: &str| -> Vec<Arc<str>> {
            let days = plan.days.iter().filter(|((of, _), _)| of == table).flat_map(|(_, day)| &day.files);
            days.filter_map(|file| Some(file.source.event_type.as_ref()?.shared())).collect()
        };
        let (b, c) = (names("users_a_b"), names("users_a_c"));
        assert!(b.len() == 3 && Arc::ptr_eq(&b[0], &b[1]) && !Arc::ptr_eq(&b[1], &b[2]));
        assert_eq!(c.iter().map(|name| &**name).collect::<Vec<_>>(), ["users.a.C"]);
    }
}
