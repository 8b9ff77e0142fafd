//! The log: one entry per pass, created if absent and never changed. Folding it gives what the warehouse holds.

use super::cell::CellKey;
use super::store::{Put, PutIf, Store};
use crate::error::{Error, Kind, Result};
use crate::table::NewColumn;
use chrono::{DateTime, Utc};
use object_store::PutPayloadMut;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// The folder of the log.
pub const LOG: &str = "meta/log";
/// The format this version reads and writes.
pub const FORMAT: u32 = 1;

/// What became of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its records are stored, duplicates, or rejected: every one is accounted for.
    Loaded,
    /// It could not be read; nothing of it is stored. `reason` says why.
    Quarantined,
    /// It was listed and gone when it was read.
    Vanished,
}

impl Fate {
    /// As written in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Loaded => "loaded",
            Fate::Quarantined => "quarantined",
            Fate::Vanished => "vanished",
        }
    }

    /// Its inverse.
    pub fn parse(text: &str) -> Option<Fate> {
        [Fate::Loaded, Fate::Quarantined, Fate::Vanished].into_iter().find(|f| f.as_str() == text)
    }
}

/// One source file's line in the ledger. Identity is (key, ETag, size).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// Its key in the source.
    #[serde(with = "super::shared_text")]
    pub key: Arc<str>,
    /// Its ETag when listed.
    #[serde(default, with = "super::shared_text::optional")]
    pub e_tag: Option<Arc<str>>,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last modified, in milliseconds since 1970.
    pub modified: i64,
    /// What became of it.
    pub fate: Fate,
    /// Why it is quarantined; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The event type the key names, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::shared_text::optional")]
    pub event_type: Option<Arc<str>>,
    /// The queue hour, `YYYY-MM-DD-HH`.
    pub hour: String,
    /// Records read.
    pub read: u64,
    /// Rows stored.
    pub new: u64,
    /// Duplicates dropped.
    pub duplicates: u64,
    /// Records rejected.
    pub rejected: u64,
    /// When the pass that said so began.
    pub loaded_at: DateTime<Utc>,
}

impl FileState {
    /// Whether a listed object is the version this line is about.
    pub fn is(&self, e_tag: Option<&str>, size: u64) -> bool {
        self.e_tag.as_deref() == e_tag && self.size == size
    }
}

/// One cell as last written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellState {
    /// Which cell.
    #[serde(flatten)]
    pub key: CellKey,
    /// How many slots its day has.
    pub slots: u8,
    /// Its ETag.
    pub e_tag: Option<String>,
    /// Its version or generation, where the store has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// The earliest `time`, microseconds since 1970.
    pub min_time: Option<i64>,
    /// The latest.
    pub max_time: Option<i64>,
    /// See [`super::footer`].
    pub fingerprint: String,
    /// [`crate::table::TableSchema::fingerprint`] of the columns it was written with.
    pub schema: String,
    /// When the pass that wrote it began.
    pub written_at: DateTime<Utc>,
}

/// A column that joined a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// The table.
    pub table: String,
    /// The event type, as spelled by the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The columns; empty when only the table is new.
    pub columns: Vec<NewColumn>,
}

/// The counters of one pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Objects listed.
    pub listed: u64,
    /// Files loaded, quarantined, vanished.
    pub files: u64,
    /// Of those, quarantined.
    pub quarantined: u64,
    /// Of those, vanished.
    pub vanished: u64,
    /// Bytes fetched.
    pub bytes: u64,
    /// Records read.
    pub read: u64,
    /// Rows stored.
    pub new: u64,
    /// Duplicates dropped.
    pub duplicates: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Values kept in `_extra` because they do not fit their column.
    pub misfits: u64,
    /// Cells written.
    pub cells: u64,
    /// Of those, rewritten only to gain columns.
    pub realigned: u64,
    /// Bytes written.
    pub written: u64,
    /// Objects in the source that are not ours to load, by reason.
    pub ignored: BTreeMap<String, u64>,
}

/// One pass, summed up: what `system.loads` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadSummary {
    /// Its number in the log.
    pub seq: u64,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it was committed.
    pub finished: DateTime<Utc>,
    /// The source's address.
    pub source: String,
    /// The version that ran it.
    pub eddyline: String,
    /// Its counters.
    pub counters: Counters,
    /// When it listed everything, so that nothing in long past hours escaped it: of which event types, `*` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<String>,
}

/// One log entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// [`FORMAT`].
    pub format: u32,
    /// Tells our own entry from another's when the answer to a write is lost.
    pub id: String,
    /// The pass.
    #[serde(flatten)]
    pub load: LoadSummary,
    /// Files with their fates.
    pub files: Vec<FileState>,
    /// Cells as written.
    pub cells: Vec<CellState>,
    /// Tables and columns that are new.
    pub schema_changes: Vec<SchemaChange>,
    /// How far each listing prefix is loaded, as `YYYY-MM-DD-HH`.
    pub watermarks: BTreeMap<String, String>,
    /// True when the entry states everything there is, made from the cells' footers: what came before is void.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restates: bool,
}

/// The key of entry `seq`.
pub fn entry_path(seq: u64) -> String {
    format!("{LOG}/{seq:020}.json")
}

/// The number of the entry a key names.
pub fn entry_seq(path: &str) -> Option<u64> {
    let name = path.strip_prefix(LOG)?.strip_prefix('/')?.strip_suffix(".json")?;
    (name.len() == 20).then(|| name.parse().ok())?
}

/// The number of the last entry, readable or not; 0 without any.
pub async fn newest(store: &Store) -> Result<u64> {
    let entries = store.list(LOG, None).await?;
    Ok(entries.iter().filter_map(|o| entry_seq(o.location.as_ref())).max().unwrap_or(0))
}

/// Reads an entry that must be there.
pub async fn read_entry(store: &Store, seq: u64) -> Result<LogEntry> {
    let path = entry_path(seq);
    let object = store.get(&path).await?.ok_or_else(|| Error::failed(format!("{path} is missing")))?;
    let entry: LogEntry = serde_json::from_slice(&object.bytes).map_err(|e| {
        Error::failed(format!("cannot read the log entry {path}"))
            .because(e)
            .hint("`eddyline state rebuild` makes a new log from the cells' footers")
    })?;
    if entry.format != FORMAT {
        return Err(Error::failed(format!("{path} is in format {}", entry.format))
            .hint("a newer Eddyline wrote this warehouse: use that version"));
    }
    Ok(entry)
}

/// Creates the entry `seq`. `Ok(false)`: another writer has that number.
pub async fn append(store: &Store, seq: u64, entry: &LogEntry) -> Result<bool> {
    /// Everything is published when this is written: worth more than one attempt.
    const ATTEMPTS: usize = 3;
    /// Bytes of a part of it.
    const PART: usize = 128 << 10;
    let path = entry_path(seq);
    let mut bytes = Parts(PutPayloadMut::new().with_block_size(PART));
    serde_json::to_writer(&mut bytes, entry).map_err(|e| Error::failed(format!("cannot write {path}")).because(e))?;
    let bytes = bytes.0.freeze();
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        match store.put(&path, bytes.clone(), PutIf::Absent).await {
            Ok(Put::Written(_)) => return Ok(true),
            // S3 also says so when two creates meet, though neither may have taken effect.
            Ok(Put::Conflict) => {
                if store.head(&path).await?.is_some() {
                    return is_ours(store, seq, entry).await;
                }
            }
            // The outcome of a failed create is unknown: it may be there.
            Err(e) => match store.head(&path).await {
                Ok(Some(_)) => return is_ours(store, seq, entry).await,
                Ok(None) => failed = Some(e),
                Err(_) => return Err(e),
            },
        }
    }
    Err(failed.unwrap_or_else(|| {
        Error::new(Kind::Conflict, format!("{path} cannot be created and is not there"))
            .hint("run again; what this pass built is found by the next")
    }))
}

/// An entry's bytes, in parts: it names every file of its pass, and in one piece would be copied each time it grows.
struct Parts(PutPayloadMut);

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn is_ours(store: &Store, seq: u64, entry: &LogEntry) -> Result<bool> {
    // The whole entry: two machines may share a clock's reading and a process id.
    Ok(read_entry(store, seq).await? == *entry)
}
