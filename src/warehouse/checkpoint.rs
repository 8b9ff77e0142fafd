//! The folded log as two Parquet files that any tool can read: `meta/checkpoint/<seq>/files.parquet` and, written
//! last, `cells.parquet`, which completes the checkpoint.

use super::cell::CellKey;
use super::checkpoint_files::{self, Wanted};
use super::log::{CellState, FileState, LoadSummary};
use super::snapshot::{Snapshot, TableState, Unread};
use super::store::{PutIf, Store};
use crate::currents::QueueHour;
use crate::error::{Error, Result};
use crate::table::NewColumn;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array, UInt64Array,
};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType, UInt8Type, UInt64Type};
use bytes::Bytes;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The folder of checkpoints.
pub const CHECKPOINT: &str = "meta/checkpoint";
/// How many log entries may follow a checkpoint before a new one is written.
pub const EVERY: u64 = 10;
/// An entry of so many files gets a checkpoint at once: the next pass would read all of it to find a few of them.
pub const MANY_FILES: usize = 50_000;

const REST: &str = "eddyline.snapshot";
const CELLS: &str = "cells.parquet";

/// What is neither a cell nor a file; kept as JSON in the metadata of `cells.parquet`.
#[derive(Serialize, Deserialize, Default)]
struct Rest {
    tables: BTreeMap<String, (Option<String>, Vec<NewColumn>)>,
    watermarks: BTreeMap<String, String>,
    loads: Vec<LoadSummary>,
    /// See [`Snapshot::undated_prefixes`]; absent in checkpoints of before it was kept.
    #[serde(default)]
    undated: Option<BTreeSet<String>>,
}

fn folder(seq: u64) -> String {
    format!("{CHECKPOINT}/{seq:020}")
}

/// Writes a checkpoint of a snapshot whose ledger was read whole. Harmless when it exists already.
pub async fn write(store: &Store, snapshot: &Snapshot) -> Result<()> {
    debug_assert!(snapshot.unread.is_none(), "the ledger of a checkpoint has to be whole");
    let rest = Rest {
        tables: snapshot
            .tables
            .iter()
            .map(|(n, t)| (n.clone(), (t.event_type.clone(), t.discovered.clone())))
            .collect(),
        watermarks: snapshot.watermarks.iter().map(|(p, h)| (p.clone(), h.to_string())).collect(),
        loads: snapshot.loads.clone(),
        undated: Some(snapshot.undated_prefixes()),
    };
    let rest = serde_json::to_string(&rest).map_err(|e| Error::failed("cannot write a checkpoint").because(e))?;
    let folder = folder(snapshot.seq);
    let pairs = vec![KeyValue::new(REST.to_string(), rest)];
    let cells = cells_batch(snapshot).map_err(ParquetError::from).and_then(|batch| encode(&batch, pairs));
    // The cells last: they complete it.
    for (name, bytes) in [(checkpoint_files::NAME, checkpoint_files::encode(&snapshot.files)), (CELLS, cells)] {
        let path = format!("{folder}/{name}");
        let bytes = bytes.map_err(|e| Error::failed(format!("cannot write {path}")).because(e))?;
        store.put(&path, bytes, PutIf::Absent).await?;
    }
    Ok(())
}

/// The number of the newest complete checkpoint, readable or not.
pub async fn newest_seq(store: &Store) -> Result<Option<u64>> {
    let found = store.list(CHECKPOINT, None).await?;
    let complete = found.iter().filter_map(|o| {
        let rest = o.location.as_ref().strip_prefix(CHECKPOINT)?.strip_prefix('/')?;
        rest.strip_suffix(CELLS)?.strip_suffix('/')?.parse::<u64>().ok()
    });
    Ok(complete.max())
}

/// The newest complete checkpoint, without its ledger: that is [`Unread`].
pub async fn newest(store: &Store) -> Result<Option<Snapshot>> {
    let newest = newest_seq(store).await?;
    let Some(seq) = newest else { return Ok(None) };
    let mut snapshot = Snapshot { seq, ..Snapshot::default() };
    let path = format!("{}/{CELLS}", folder(seq));
    let (cells, rest) = read(store, &path).await?;
    for batch in &cells {
        read_cells(batch, &mut snapshot);
    }
    let rest: Rest =
        serde_json::from_str(&rest).map_err(|e| Error::failed(format!("cannot read {path}")).because(e))?;
    snapshot.tables = rest
        .tables
        .into_iter()
        .map(|(n, (event_type, discovered))| (n, TableState { event_type, discovered }))
        .collect();
    snapshot.watermarks = rest.watermarks.into_iter().filter_map(|(p, h)| Some((p, QueueHour::parse(&h)?))).collect();
    snapshot.loads = rest.loads;
    let complete = rest.undated.is_some();
    snapshot.unread = Some(Unread { seq, undated: rest.undated.unwrap_or_default() });
    if !complete {
        snapshot.read_files(store, &Wanted::All).await?;
    }
    Ok(Some(snapshot))
}

/// Reads from the ledger of a checkpoint.
pub async fn read_files(store: &Store, seq: u64, wanted: &Wanted) -> Result<Vec<FileState>> {
    checkpoint_files::read(store, &format!("{}/{}", folder(seq), checkpoint_files::NAME), wanted).await
}

fn encode(batch: &RecordBatch, pairs: Vec<KeyValue>) -> parquet::errors::Result<Bytes> {
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(batch)?;
    Ok(writer.into_inner()?.into())
}

async fn read(store: &Store, path: &str) -> Result<(Vec<RecordBatch>, String)> {
    let wrong = |e: String| wrong_checkpoint(path).because(e);
    let object = store.get(path).await?.ok_or_else(|| wrong("it is missing".into()))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(object.bytes).map_err(|e| wrong(e.to_string()))?;
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let rest = pairs.into_iter().flatten().find(|p| p.key == REST).and_then(|p| p.value.clone()).unwrap_or_default();
    let reader = builder.build().map_err(|e| wrong(e.to_string()))?;
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| wrong(e.to_string()))?;
    Ok((batches, rest))
}

/// A checkpoint that cannot be read.
pub(super) fn wrong_checkpoint(path: &str) -> Error {
    Error::failed(format!("cannot read the checkpoint {path}"))
        .hint("delete that checkpoint's folder: the log alone is enough")
}

pub(super) type Columns = Vec<(&'static str, ArrayRef)>;

/// A column of text; `None` is null.
pub fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// A column of counts.
pub fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

/// A column of moments, microseconds in UTC.
pub fn moments(values: impl Iterator<Item = DateTime<Utc>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values.map(|t| t.timestamp_micros())).with_timezone("UTC"))
}

/// The cells as a record batch; also what `system.cells` shows.
pub fn cells_batch(snapshot: &Snapshot) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
    let all = || snapshot.cells.values();
    let days = |d: NaiveDate| d.signed_duration_since(NaiveDate::default()).num_days() as i32;
    let time = |t: Vec<Option<i64>>| Arc::new(TimestampMicrosecondArray::from(t).with_timezone("UTC")) as ArrayRef;
    let paths: Vec<String> = all().map(|c| c.key.path()).collect();
    let columns: Columns = vec![
        ("table_name", texts(all().map(|c| Some(c.key.table.as_str())))),
        ("queue_date", Arc::new(Date32Array::from_iter_values(all().map(|c| days(c.key.queue_date))))),
        ("slot", Arc::new(UInt8Array::from_iter_values(all().map(|c| c.key.slot)))),
        ("slots", Arc::new(UInt8Array::from_iter_values(all().map(|c| c.slots)))),
        ("path", texts(paths.iter().map(|p| Some(p.as_str())))),
        ("e_tag", texts(all().map(|c| c.e_tag.as_deref()))),
        ("version", texts(all().map(|c| c.version.as_deref()))),
        ("size", counts(all().map(|c| c.size))),
        ("rows", counts(all().map(|c| c.rows))),
        ("min_time", time(all().map(|c| c.min_time).collect())),
        ("max_time", time(all().map(|c| c.max_time).collect())),
        ("fingerprint", texts(all().map(|c| Some(c.fingerprint.as_str())))),
        ("schema", texts(all().map(|c| Some(c.schema.as_str())))),
        ("written_at", moments(all().map(|c| c.written_at))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
}

/// One row of a checkpoint's batch, by column name. Absent columns and nulls are `None`.
pub(super) struct Row<'a>(pub(super) &'a RecordBatch, pub(super) usize);

impl Row<'_> {
    pub(super) fn at(&self, name: &str) -> Option<&ArrayRef> {
        self.0.column_by_name(name).filter(|c| c.is_valid(self.1))
    }
    pub(super) fn text<T: for<'a> From<&'a str>>(&self, name: &str) -> Option<T> {
        self.at(name).and_then(|c| c.as_string_opt::<i32>()).map(|c| c.value(self.1).into())
    }
    pub(super) fn count(&self, name: &str) -> u64 {
        self.at(name).and_then(|c| c.as_primitive_opt::<UInt64Type>()).map_or(0, |c| c.value(self.1))
    }
    pub(super) fn small(&self, name: &str) -> u8 {
        self.at(name).and_then(|c| c.as_primitive_opt::<UInt8Type>()).map_or(0, |c| c.value(self.1))
    }
    pub(super) fn micros(&self, name: &str) -> Option<i64> {
        self.at(name).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>()).map(|c| c.value(self.1))
    }
    pub(super) fn moment(&self, name: &str) -> DateTime<Utc> {
        self.micros(name).and_then(DateTime::from_timestamp_micros).unwrap_or_default()
    }
}

fn read_cells(batch: &RecordBatch, snapshot: &mut Snapshot) {
    for row in (0..batch.num_rows()).map(|r| Row(batch, r)) {
        let day = row.at("queue_date").and_then(|c| c.as_primitive_opt::<Date32Type>()).map(|c| c.value(row.1));
        let day = day.and_then(|d| NaiveDate::default().checked_add_signed(Duration::days(d.into())));
        let (Some(table), Some(queue_date)) = (row.text("table_name"), day) else { continue };
        let key = CellKey { table, queue_date, slot: row.small("slot") };
        let cell = CellState {
            slots: row.small("slots").max(1),
            e_tag: row.text("e_tag"),
            version: row.text("version"),
            size: row.count("size"),
            rows: row.count("rows"),
            min_time: row.micros("min_time"),
            max_time: row.micros("max_time"),
            fingerprint: row.text("fingerprint").unwrap_or_default(),
            schema: row.text("schema").unwrap_or_default(),
            written_at: row.moment("written_at"),
            key: key.clone(),
        };
        snapshot.cells.insert(key, cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::Fate;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn a_checkpoint_reads_back_as_the_snapshot_it_was_written_from() {
        let store = Store::on(Arc::new(InMemory::new()), "memory");
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let key = CellKey { table: "t".into(), queue_date: NaiveDate::from_ymd_opt(2026, 2, 3).unwrap(), slot: 2 };
        let cell = CellState {
            key: key.clone(),
            slots: 4,
            e_tag: Some("e".into()),
            version: None,
            size: 10,
            rows: 3,
            min_time: Some(-5),
            max_time: None,
            fingerprint: "f".into(),
            schema: "s".into(),
            written_at: now,
        };
        let file = FileState {
            key: "k".into(),
            e_tag: None,
            size: 7,
            modified: 8,
            fate: Fate::Quarantined,
            reason: "truncated".into(),
            event_type: Some("users.x.Y".into()),
            hour: "2026-02-03-04".into(),
            read: 9,
            new: 4,
            duplicates: 3,
            rejected: 2,
            loaded_at: now,
        };
        let mut snapshot = Snapshot { seq: 12, ..Snapshot::default() };
        snapshot.cells.insert(key, cell);
        snapshot.files.insert("k".into(), file);
        let column = NewColumn { name: "n".into(), kind: "long".into() };
        snapshot.tables.insert("t".into(), TableState { event_type: Some("T".into()), discovered: vec![column] });
        snapshot.watermarks.insert("p".into(), QueueHour::parse("2026-02-03-04").unwrap());
        assert_eq!(newest(&store).await.unwrap(), None);
        write(&store, &snapshot).await.unwrap();
        assert_eq!(Snapshot::open(&store).await.unwrap(), snapshot);
    }
}
