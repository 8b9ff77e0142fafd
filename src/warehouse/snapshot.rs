//! What the warehouse holds at one moment: the log folded. Immutable once opened.

use super::cell::CellKey;
use super::checkpoint;
use super::checkpoint_files::Wanted;
use super::log::{CellState, FileState, LOG, LoadSummary, LogEntry, entry_path, entry_seq, read_entry};
use super::store::Store;
use crate::currents::{QueueHour, event_type_prefix};
use crate::error::Result;
use crate::table::{Definitions, NewColumn, TableSchema};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// How many past loads are remembered for `system.loads`.
pub const LOADS_KEPT: usize = 1_000;

/// A table beyond or above its definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableState {
    /// The event type as the source spells it.
    pub event_type: Option<String>,
    /// Columns discovered in the data, in order.
    pub discovered: Vec<NewColumn>,
}

/// The ledger of a checkpoint, of which a pass reads what it lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// The checkpoint's number.
    pub seq: u64,
    /// See [`Snapshot::undated_prefixes`].
    pub undated: BTreeSet<String>,
}

/// The folded log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The number of the last entry folded; 0 for a new warehouse.
    pub seq: u64,
    /// Every cell.
    pub cells: BTreeMap<CellKey, CellState>,
    /// The ledger: every file ever seen, by key; less what is `unread`.
    pub files: HashMap<Arc<str>, FileState>,
    /// The part of the ledger that was not read. `None`: all of it was.
    pub unread: Option<Unread>,
    /// Tables that have something beyond their definition.
    pub tables: BTreeMap<String, TableState>,
    /// How far each listing prefix is loaded.
    pub watermarks: BTreeMap<String, QueueHour>,
    /// The last loads, oldest first.
    pub loads: Vec<LoadSummary>,
}

impl Snapshot {
    /// Folds the log: the newest checkpoint and every entry after it.
    pub async fn open(store: &Store) -> Result<Snapshot> {
        let mut snapshot = Snapshot::open_without_files(store).await?;
        snapshot.read_files(store, &Wanted::All).await?;
        Ok(snapshot)
    }

    /// The same, and leaves the ledger of the checkpoint unread: what a pass needs of it is known once it has listed.
    pub async fn open_without_files(store: &Store) -> Result<Snapshot> {
        let mut snapshot = checkpoint::newest(store).await?.unwrap_or_default();
        snapshot.catch_up(store).await?;
        Ok(snapshot)
    }

    /// Reads of the unread part of the ledger at least what is wanted.
    pub async fn read_files(&mut self, store: &Store, wanted: &Wanted) -> Result<()> {
        let Some(unread) = &self.unread else { return Ok(()) };
        let found = checkpoint::read_files(store, unread.seq, wanted).await?;
        self.files.reserve(found.len());
        for file in found {
            // What was folded since is newer.
            self.files.entry(file.key.clone()).or_insert(file);
        }
        if *wanted == Wanted::All {
            self.unread = None;
        }
        Ok(())
    }

    /// A snapshot with its whole ledger; the same one where it has it.
    pub async fn with_files(this: &Arc<Snapshot>, store: &Store) -> Result<Arc<Snapshot>> {
        if this.unread.is_none() {
            return Ok(this.clone());
        }
        let mut whole = (**this).clone();
        whole.read_files(store, &Wanted::All).await?;
        Ok(Arc::new(whole))
    }

    /// Prefixes of event types that hold files outside `date=` folders. Those have no place in the order of hours, so
    /// such a prefix is always listed from its beginning.
    pub fn undated_prefixes(&self) -> BTreeSet<String> {
        let mut found = self.unread.as_ref().map(|unread| unread.undated.clone()).unwrap_or_default();
        for (prefix, rest) in self.files.keys().filter_map(|key| event_type_prefix(key)) {
            if !rest.starts_with("date=") && !found.contains(prefix) {
                found.insert(prefix.to_string());
            }
        }
        found
    }

    /// Folds entries that were appended since. Returns how many. An entry that cannot be read is an error, unless a
    /// later one restates everything.
    pub async fn catch_up(&mut self, store: &Store) -> Result<u64> {
        let after = entry_path(self.seq);
        let mut folded = 0;
        let mut broken = None;
        for object in store.list(LOG, Some(&after)).await? {
            let Some(seq) = entry_seq(object.location.as_ref()).filter(|s| *s > self.seq) else { continue };
            match read_entry(store, seq).await {
                Ok(entry) if entry.restates || broken.is_none() => {
                    broken = None;
                    self.fold(seq, entry);
                    folded += 1;
                }
                Ok(_) => {}
                Err(e) => broken = broken.or(Some(e)),
            }
        }
        broken.map_or(Ok(folded), Err)
    }

    /// Applies one entry.
    pub fn fold(&mut self, seq: u64, entry: LogEntry) {
        if entry.restates {
            let loads = std::mem::take(&mut self.loads);
            *self = Snapshot { loads, ..Snapshot::default() };
        }
        self.seq = seq;
        for file in entry.files {
            self.files.insert(file.key.clone(), file);
        }
        for cell in entry.cells {
            self.cells.insert(cell.key.clone(), cell);
        }
        for change in entry.schema_changes {
            let table = self.tables.entry(change.table).or_default();
            table.event_type = table.event_type.take().or(change.event_type);
            for column in change.columns {
                if table.discovered.iter().all(|c| !c.name.eq_ignore_ascii_case(&column.name)) {
                    table.discovered.push(column);
                }
            }
        }
        for (prefix, hour) in entry.watermarks {
            if let Some(hour) = QueueHour::parse(&hour) {
                self.watermarks.insert(prefix, hour);
            }
        }
        self.loads.push(LoadSummary { seq, ..entry.load });
        let mut beyond = self.loads.len().saturating_sub(LOADS_KEPT);
        // Those that listed everything are few, and the next full scan is reckoned from them.
        self.loads.retain(|load| {
            let kept = beyond == 0 || load.full.is_some();
            beyond -= usize::from(!kept);
            kept
        });
    }

    /// The cells of one table, in order.
    pub fn cells_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a CellState> {
        let from = CellKey { table: table.to_string(), queue_date: NaiveDate::MIN, slot: 0 };
        self.cells.range(from..).map(|(_, c)| c).take_while(move |c| c.key.table == table)
    }

    /// The columns of a table now.
    pub fn schema(&self, table: &str, definitions: &Definitions) -> TableSchema {
        let mut schema = TableSchema::defined(table, definitions);
        if let Some(state) = self.tables.get(table) {
            schema.add_all(&state.discovered);
        }
        schema
    }

    /// Cells that lack columns their table has, with their tables' names. A schema is made once per table: there may
    /// be tens of thousands of cells.
    fn lacking<'a>(&'a self, definitions: &'a Definitions) -> impl Iterator<Item = &'a CellState> {
        let mut current: Option<(&str, String)> = None;
        self.cells.values().filter(move |cell| {
            let table = cell.key.table.as_str();
            // Cells come sorted by table.
            let known = current.take().filter(|(name, _)| *name == table);
            let known = known.unwrap_or_else(|| (table, self.schema(table, definitions).fingerprint()));
            let lacks = cell.schema != known.1;
            current = Some(known);
            lacks
        })
    }

    /// How many cells lack columns their table has.
    pub fn cells_behind(&self, definitions: &Definitions) -> u64 {
        self.lacking(definitions).count() as u64
    }

    /// The same by table; tables without such cells are left out.
    pub fn behind_by_table<'a>(&'a self, definitions: &'a Definitions) -> BTreeMap<&'a str, u64> {
        let mut tables = BTreeMap::new();
        for cell in self.lacking(definitions) {
            *tables.entry(cell.key.table.as_str()).or_default() += 1;
        }
        tables
    }

    /// Every table: the defined ones and those that appeared in the data.
    pub fn table_names(&self, definitions: &Definitions) -> Vec<String> {
        let mut names: Vec<String> = definitions.tables().map(|(n, _)| n.to_string()).collect();
        names.extend(self.tables.keys().cloned());
        names.extend(self.cells.keys().map(|c| c.table.clone()));
        names.sort();
        names.dedup();
        names
    }
}
