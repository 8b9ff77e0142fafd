//! `system.*`: what Eddyline knows of the warehouse, as tables. Made from the snapshot when a query names one; those that
//! grow with every file, the ledger and the rejects, are read from the store, and only when they are read themselves.

use super::holdings::Holdings;
use super::sql_type::sql_type;
use crate::table::{ColumnType, Definitions, EXTRA, QUEUE_DATE, SOURCE_FILE, SOURCE_ROW};
use crate::warehouse::checkpoint::{cells_batch, counts, moments, texts};
use crate::warehouse::checkpoint_files::files_batch;
use crate::warehouse::rejects::{self, StoredReject};
use crate::warehouse::{Fate, FileState, LoadSummary, Snapshot, Store};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::datasource::{MemTable, TableType};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// The schema's name.
pub const SYSTEM: &str = "system";
/// The tables in it with what they show.
pub const TABLES: [(&str, &str); 6] = [
    ("cells", "One row per Parquet object: table, queue day, slot, ETag, rows, bytes, range of time."),
    ("columns", "One row per column of each table: type, whether it is personal, what it means."),
    ("files", "The ledger: one row per source file with what became of it."),
    ("loads", "One row per pass, the last thousand: when, from where, its counters."),
    ("quarantine", "Source files that could not be read, with the reason."),
    ("rejects", "Records that could not be taken, with position and reason. The record's text may be personal."),
];

/// See the module.
#[derive(Debug)]
pub struct SystemTables {
    /// What there is.
    pub holdings: Arc<Holdings>,
    /// What it means.
    pub definitions: Arc<Definitions>,
    /// Where rejects lie.
    pub store: Store,
}

#[async_trait]
impl SchemaProvider for SystemTables {
    fn table_names(&self) -> Vec<String> {
        TABLES.iter().map(|(name, _)| name.to_string()).collect()
    }

    fn table_exist(&self, name: &str) -> bool {
        TABLES.iter().any(|(n, _)| *n == name)
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let snapshot = &self.holdings.snapshot;
        let batch = match name {
            "files" => return self.in_store(InStore::Files),
            "quarantine" => return self.in_store(InStore::Quarantine),
            "rejects" => return self.in_store(InStore::Rejects),
            "cells" => cells_batch(snapshot),
            "loads" => loads(&snapshot.loads),
            "columns" => columns(&self.holdings, &self.definitions),
            _ => return Ok(None),
        }?;
        Ok(Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }
}

impl SystemTables {
    fn in_store(&self, what: InStore) -> Result<Option<Arc<dyn TableProvider>>> {
        let schema = what.batch(&[], &[])?.schema();
        let (store, snapshot) = (self.store.clone(), self.holdings.snapshot.clone());
        Ok(Some(Arc::new(TableInStore { what, schema, store, snapshot })))
    }
}

type Batch = std::result::Result<RecordBatch, ArrowError>;

fn batch(columns: Vec<(&str, ArrayRef)>) -> Batch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
}

type Counter = fn(&LoadSummary) -> u64;

fn loads(loads: &[LoadSummary]) -> Batch {
    let all = || loads.iter();
    let ignored: Vec<String> =
        all().map(|l| serde_json::to_string(&l.counters.ignored).unwrap_or_else(|_| "{}".into())).collect();
    let counters: [(&str, Counter); 12] = [
        ("listed", |l| l.counters.listed),
        ("files", |l| l.counters.files),
        ("quarantined", |l| l.counters.quarantined),
        ("vanished", |l| l.counters.vanished),
        ("bytes", |l| l.counters.bytes),
        ("records", |l| l.counters.read),
        ("new", |l| l.counters.new),
        ("duplicates", |l| l.counters.duplicates),
        ("rejected", |l| l.counters.rejected),
        ("misfits", |l| l.counters.misfits),
        ("cells", |l| l.counters.cells),
        ("realigned", |l| l.counters.realigned),
    ];
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("seq", counts(all().map(|l| l.seq))),
        ("started", moments(all().map(|l| l.started))),
        ("finished", moments(all().map(|l| l.finished))),
        ("source", texts(all().map(|l| Some(l.source.as_str())))),
        ("eddyline", texts(all().map(|l| Some(l.eddyline.as_str())))),
    ];
    columns.extend(counters.map(|(name, counter)| (name, counts(all().map(counter)))));
    columns.push(("written", counts(all().map(|l| l.counters.written))));
    columns.push(("ignored", texts(ignored.iter().map(|i| Some(i.as_str())))));
    batch(columns)
}

fn quarantine(files: &[&FileState]) -> Batch {
    let all = || files.iter().filter(|file| file.fate == Fate::Quarantined);
    batch(vec![
        ("key", texts(all().map(|f| Some(&*f.key)))),
        ("reason", texts(all().map(|f| Some(f.reason.as_str())))),
        ("size", counts(all().map(|f| f.size))),
        ("event_type", texts(all().map(|f| f.event_type.as_deref()))),
        ("queue_hour", texts(all().map(|f| Some(f.hour.as_str())))),
        ("loaded_at", moments(all().map(|f| f.loaded_at))),
    ])
}

/// One column of one table, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// The table.
    pub table: String,
    /// The column.
    pub name: String,
    /// Its type in SQL words.
    pub kind: &'static str,
    /// Whether it can identify or describe a person.
    pub pii: bool,
    /// What it means; empty for what was discovered in the data.
    pub meaning: String,
    /// Whether it joined the table because the data carried it.
    pub discovered: bool,
}

/// The columns of one table, `queue_date` last.
pub fn columns_of(table: &str, holdings: &Holdings, definitions: &Definitions) -> Vec<ColumnInfo> {
    let schema = holdings.snapshot.schema(table, definitions);
    let definition = definitions.table(table);
    let own = |name: &str, kind: ColumnType, pii: bool, meaning: &str| ColumnInfo {
        table: table.to_string(),
        name: name.to_string(),
        kind: sql_type(&kind.stored()),
        pii,
        meaning: meaning.to_string(),
        discovered: false,
    };
    let mut columns: Vec<ColumnInfo> = schema
        .columns()
        .iter()
        .map(|(name, kind)| {
            let defined = definition.and_then(|d| d.columns.iter().find(|c| c.name == *name));
            let shared = definitions.shared_column(name);
            // A field nobody has described may hold anything, so it counts as personal.
            let (meaning, pii) = match (defined, shared) {
                (Some(column), _) => (column.meaning.as_str(), column.pii),
                (None, Some((meaning, pii))) => (meaning, pii),
                (None, None) => ("", true),
            };
            let discovered = defined.is_none();
            ColumnInfo { discovered, ..own(name, *kind, pii, meaning) }
        })
        .collect();
    columns.push(own(EXTRA, ColumnType::String, true, "JSON text: the fields of the record that no column takes."));
    columns.push(own(SOURCE_FILE, ColumnType::String, false, "The key of the source file the row came from."));
    columns.push(own(SOURCE_ROW, ColumnType::Long, false, "The record's number in that file, from 0."));
    let day = "The UTC day Braze queued the event; the partition, so a filter on it leaves out whole files.";
    columns.push(own(QUEUE_DATE, ColumnType::Date, false, day));
    columns
}

fn columns(holdings: &Holdings, definitions: &Definitions) -> Batch {
    let tables = holdings.snapshot.table_names(definitions);
    let mut all: Vec<(u32, ColumnInfo)> = Vec::new();
    for table in &tables {
        all.extend((1..).zip(columns_of(table, holdings, definitions)));
    }
    let each = || all.iter().map(|(_, column)| column);
    batch(vec![
        ("table_name", texts(each().map(|c| Some(c.table.as_str())))),
        ("column_name", texts(each().map(|c| Some(c.name.as_str())))),
        ("type", texts(each().map(|c| Some(c.kind)))),
        ("position", Arc::new(UInt32Array::from_iter_values(all.iter().map(|(at, _)| *at)))),
        ("pii", Arc::new(BooleanArray::from_iter(each().map(|c| Some(c.pii))))),
        ("meaning", texts(each().map(|c| Some(c.meaning.as_str()).filter(|m| !m.is_empty())))),
        ("discovered", Arc::new(BooleanArray::from_iter(each().map(|c| Some(c.discovered))))),
    ])
}

fn rejected(all: &[StoredReject]) -> Batch {
    let each = || all.iter();
    batch(vec![
        ("table_name", texts(each().map(|r| Some(r.table.as_str())))),
        ("queue_date", texts(each().map(|r| Some(r.queue_date.as_str())))),
        ("file", texts(each().map(|r| Some(r.record.file.as_str())))),
        ("position", counts(each().map(|r| r.record.position))),
        ("offset", Arc::new(each().map(|r| r.record.offset).collect::<UInt64Array>())),
        ("reason", texts(each().map(|r| Some(r.record.reason.as_str())))),
        ("record", texts(each().map(|r| Some(r.record.record.as_str())))),
    ])
}

/// Tables whose rows lie in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InStore {
    Files,
    Quarantine,
    Rejects,
}

impl InStore {
    /// The table's rows, of files in the order of their keys, or of rejects.
    fn batch(self, files: &[&FileState], of_rejects: &[StoredReject]) -> Batch {
        match self {
            InStore::Files => files_batch(files),
            InStore::Quarantine => quarantine(files),
            InStore::Rejects => rejected(of_rejects),
        }
    }
}

/// A table that is read when a query reads it.
#[derive(Debug)]
struct TableInStore {
    what: InStore,
    schema: SchemaRef,
    store: Store,
    snapshot: Arc<Snapshot>,
}

impl TableInStore {
    async fn read(&self) -> crate::error::Result<Batch> {
        if self.what == InStore::Rejects {
            return Ok(self.what.batch(&[], &rejects::read_all(&self.store).await?));
        }
        let whole = Snapshot::with_files(&self.snapshot, &self.store).await?;
        let mut files: Vec<&FileState> = whole.files.values().collect();
        files.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(self.what.batch(&files, &[]))
    }
}

#[async_trait]
impl TableProvider for TableInStore {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self.read().await.map_err(|e| DataFusionError::External(Box::new(e)))??;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        table.scan(state, projection, filters, limit).await
    }
}
