//! Small warehouses, and a store that notes how it is read.

use crate::query::{Answer, Options, Session};
use crate::table::{ColumnType, Definitions, NewColumn, TableSchema};
use crate::warehouse::encode::CellWriter;
use crate::warehouse::log::append;
use crate::warehouse::{CellKey, CellState, Counters, LoadSummary, LogEntry, Put, PutIf, SchemaChange, Store, Version};
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

pub const OPEN: &str = "users_messages_email_open";
pub const SEND: &str = "users_messages_email_send";

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn moment(text: &str) -> i64 {
    text.parse::<DateTime<Utc>>().unwrap().timestamp_micros()
}

/// A warehouse being written.
pub struct Warehouse {
    pub store: Store,
    pub definitions: Arc<Definitions>,
    pub seq: u64,
    pub extra: BTreeMap<String, Vec<(String, ColumnType)>>,
}

impl Warehouse {
    pub fn on(store: Store) -> Warehouse {
        let definitions = Arc::new(Definitions::builtin().unwrap());
        Warehouse { store, definitions, seq: 0, extra: BTreeMap::new() }
    }

    pub fn in_memory() -> (Warehouse, Arc<Spy>) {
        let spy = Arc::new(Spy::default());
        (Warehouse::on(Store::on(spy.clone(), "memory")), spy)
    }

    fn schema(&self, table: &str) -> TableSchema {
        let mut schema = TableSchema::defined(table, &self.definitions);
        for (name, kind) in self.extra.get(table).into_iter().flatten() {
            schema.add(name, *kind);
        }
        schema
    }

    /// Puts a cell's object; the log does not know yet. Rows are (id, user, time); `more` are text columns.
    pub async fn publish(
        &self,
        table: &str,
        date: &str,
        rows: &[(&str, &str, &str)],
        more: &[(&str, Vec<Option<&str>>)],
    ) -> CellState {
        let times: Vec<i64> = rows.iter().map(|r| moment(r.2)).collect();
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0)))),
            ("user_id", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1)))),
            ("time", Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))),
        ];
        for (name, values) in more {
            columns.push((name, Arc::new(StringArray::from(values.clone()))));
        }
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let schema = self.schema(table);
        let mut writer = CellWriter::new(schema.clone(), day(date));
        writer.write_chunk(vec![batch.into()]).unwrap();
        let cell = writer.finish(&[], 1).unwrap().unwrap();
        let key = CellKey { table: table.into(), queue_date: day(date), slot: 0 };
        let size = cell.parts.length();
        let Put::Written(Version { e_tag, version }) =
            self.store.put(&key.path(), &cell.parts, PutIf::Always).await.unwrap()
        else {
            unreachable!()
        };
        let (rows, min_time, max_time) = (cell.rows, cell.min_time, cell.max_time);
        let (fingerprint, schema) = (cell.fingerprint, schema.fingerprint());
        let written_at = DateTime::<Utc>::from_timestamp(1_780_000_000 + self.seq as i64, 0).unwrap();
        CellState { key, slots: 1, e_tag, version, size, rows, min_time, max_time, fingerprint, schema, written_at }
    }

    /// Tells the log.
    pub async fn commit(&mut self, cells: Vec<CellState>) {
        self.seq += 1;
        let at = DateTime::<Utc>::from_timestamp(1_780_000_000 + self.seq as i64, 0).unwrap();
        let schema_changes = self
            .extra
            .iter()
            .map(|(table, columns)| SchemaChange {
                table: table.clone(),
                event_type: None,
                columns: columns
                    .iter()
                    .map(|(name, kind)| NewColumn { name: name.clone(), kind: kind.as_str().into() })
                    .collect(),
            })
            .collect();
        let mut counters = Counters { files: 1, new: 2, ..Counters::default() };
        counters.ignored.insert("not an export file".into(), 3);
        let entry = LogEntry {
            format: 1,
            id: self.seq.to_string(),
            load: LoadSummary {
                seq: self.seq,
                started: at,
                finished: at,
                source: "test".into(),
                eddyline: "0".into(),
                counters,
                full: None,
            },
            files: vec![],
            cells,
            schema_changes,
            watermarks: BTreeMap::new(),
            restates: false,
        };
        assert!(append(&self.store, self.seq, &entry).await.unwrap());
    }

    pub async fn session(&self) -> Session {
        self.session_with(Options::default()).await
    }

    pub async fn session_with(&self, options: Options) -> Session {
        Session::open(self.store.clone(), self.definitions.clone(), options).await.unwrap()
    }
}

/// Two days of opens, one of sends.
pub async fn small() -> (Warehouse, Arc<Spy>) {
    let (mut warehouse, spy) = Warehouse::in_memory();
    let first = [("a", "u1", "2026-03-01T10:00:00Z"), ("b", "u2", "2026-03-01T11:00:00Z")];
    let second = [("c", "u1", "2026-03-02T10:00:00Z")];
    let one = warehouse.publish(OPEN, "2026-03-01", &first, &[("email_address", vec![Some("x@e.org"), None])]).await;
    let two = warehouse.publish(OPEN, "2026-03-02", &second, &[]).await;
    let three = warehouse.publish(SEND, "2026-03-01", &[("s", "u1", "2026-03-01T09:00:00Z")], &[]).await;
    warehouse.commit(vec![one, two, three]).await;
    (warehouse, spy)
}

/// The rows of an answer as text, NULL for null.
pub fn rows(answer: &Answer) -> Vec<Vec<String>> {
    let format = FormatOptions::new().with_null("NULL");
    let mut all = Vec::new();
    for batch in answer.batches().unwrap() {
        let batch = batch.unwrap();
        let columns: Vec<ArrayFormatter<'_>> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &format).unwrap()).collect();
        for row in 0..batch.num_rows() {
            all.push(columns.iter().map(|c| c.value(row).to_string()).collect());
        }
    }
    all
}

/// Runs a query and gives its rows as lines of `|`-separated values.
pub async fn ask(session: &Session, sql: &str) -> Vec<String> {
    let answer = session.run(sql).await.unwrap_or_else(|e| panic!("{sql}\n{}", e.show()));
    rows(&answer).into_iter().map(|row| row.join("|")).collect()
}

/// Called with the key of each GET before it is answered.
type Hook = Box<dyn Fn(&str) + Send>;

/// Memory that notes every GET.
#[derive(Default)]
pub struct Spy {
    pub inner: InMemory,
    pub gets: Mutex<Vec<(String, Option<String>)>>,
    pub lists: Mutex<Vec<String>>,
    pub before_get: Mutex<Option<Hook>>,
}

impl fmt::Debug for Spy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spy")
    }
}

impl fmt::Display for Spy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spy")
    }
}

#[async_trait]
impl ObjectStore for Spy {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }
    async fn put_multipart_opts(&self, location: &Path, o: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, o).await
    }
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if !options.head {
            self.gets.lock().unwrap().push((location.to_string(), options.if_match.clone()));
            if let Some(hook) = self.before_get.lock().unwrap().as_ref() {
                hook(location.as_ref());
            }
        }
        self.inner.get_opts(location, options).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.lists.lock().unwrap().push(prefix.map(ToString::to_string).unwrap_or_default());
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
