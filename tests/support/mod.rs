//! What the integration tests share: exports, warehouses on memory, what a warehouse holds as plain text, and a store
//! that fails or dawdles on demand.
#![allow(dead_code)] // every test file uses its own part

pub mod clouds;
pub mod hooked;
pub mod key_server;
pub mod pace;
pub mod proxy;
pub mod reading;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use eddyline::generate::{
    AvroType, Codec, FieldSpec, Layout, Options, OutFormat, Summary, TypeSpec, generate, type_specs,
};
use eddyline::load::{Bucket, Clock, LoadReport, Loader, Progress, Request, Scope, Settings, Stop};
use eddyline::table::Definitions;
use eddyline::warehouse::Store;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::path::Path as FsPath;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

#[allow(unused_imports)]
pub use hooked::{Fault, Hooked, Op};
#[allow(unused_imports)]
pub use reading::{assert_glob_is_sound, assert_same_rows, ids, objects, rows};

/// The first day of every export here.
pub fn day(number: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).unwrap() + TimeDelta::days(number)
}

/// What an export is like.
#[derive(Clone)]
pub struct Shape {
    pub types: &'static str,
    pub events: u64,
    pub first_day: i64,
    pub days: u32,
    pub seed: u64,
    pub duplicates: f64,
    pub late: f64,
    pub files_per_hour: u32,
    pub format: OutFormat,
    pub codec: Codec,
    /// A column in the middle of every writer schema that no definition knows.
    pub extra_column: Option<(&'static str, AvroType)>,
    /// Event types that no definition knows, with the fields of the first known one.
    pub extra_types: &'static [&'static str],
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            types: "users.messages.email.{Send,Open}",
            events: 300,
            first_day: 0,
            days: 2,
            seed: 1,
            duplicates: 0.05,
            late: 0.05,
            files_per_hour: 1,
            format: OutFormat::Avro,
            codec: Codec::Null,
            extra_column: None,
            extra_types: &[],
        }
    }
}

impl Shape {
    fn specs(&self) -> Vec<TypeSpec> {
        let mut specs = type_specs(&definitions(), Some(self.types)).unwrap();
        for name in self.extra_types {
            specs.push(TypeSpec { event_type: name.to_string(), ..specs[0].clone() });
        }
        if let Some((name, avro)) = self.extra_column {
            for spec in &mut specs {
                let middle = spec.fields.len() / 2;
                spec.fields.insert(middle, FieldSpec { name: name.into(), avro, required: true });
            }
        }
        specs
    }

    /// Writes the export into `<out>/currents`.
    pub fn write(&self, out: &FsPath) -> Summary {
        let options = Options {
            out: out.to_path_buf(),
            events: self.events,
            days: self.days,
            start: day(self.first_day),
            seed: self.seed,
            codec: self.codec,
            layout: Layout::Classic,
            format: self.format,
            duplicates: self.duplicates,
            late: self.late,
            files_per_hour: self.files_per_hour,
            types: self.specs(),
        };
        generate(&options, &mut |_| {}).unwrap()
    }

    /// The export's files: key and content, sorted by key.
    pub fn files(&self) -> Vec<(String, Bytes)> {
        let dir = tempfile::tempdir().unwrap();
        self.write(dir.path());
        files_in(&dir.path().join("currents"))
    }
}

/// All files under a folder: key and content, sorted by key.
pub fn files_in(root: &FsPath) -> Vec<(String, Bytes)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
                found.push((key, std::fs::read(&path).unwrap().into()));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// The built-in definitions.
pub fn definitions() -> Arc<Definitions> {
    Arc::new(Definitions::builtin().unwrap())
}

/// A source on memory that holds these files.
pub async fn source(files: &[(String, Bytes)]) -> Arc<InMemory> {
    let objects = Arc::new(InMemory::new());
    add(&objects, files).await;
    objects
}

/// Adds files to a source; a file of the same key is replaced by a new version.
pub async fn add(objects: &InMemory, files: &[(String, Bytes)]) {
    for (key, content) in files {
        objects.put(&Path::from(key.as_str()), content.clone().into()).await.unwrap();
    }
}

/// Settings with one worker, so that operations come in the same order every time.
pub fn settings() -> Settings {
    Settings { workers: 1, prefetch: 2, ..Settings::default() }
}

/// A warehouse on given objects.
pub fn warehouse(objects: Arc<dyn ObjectStore>) -> Store {
    Store::on(objects, "memory:warehouse")
}

/// A loader between given objects.
pub fn loader(source: Arc<dyn ObjectStore>, store: Arc<dyn ObjectStore>, settings: Settings) -> Loader {
    loader_from("memory:source", source, store, settings)
}

/// The same, for one of several sources.
pub fn loader_from(
    address: &str,
    source: Arc<dyn ObjectStore>,
    store: Arc<dyn ObjectStore>,
    settings: Settings,
) -> Loader {
    let bucket = Bucket::on(source, address);
    Loader::new(warehouse(store), bucket, definitions(), settings, Duration::ZERO)
}

/// A clock that moves on by a second each time it is read, well after every export here.
pub fn clock() -> impl Fn() -> DateTime<Utc> + Sync {
    static NOW: AtomicI64 = AtomicI64::new(0);
    || {
        let start = DateTime::parse_from_rfc3339("2026-06-01T00:00:00Z").unwrap().to_utc();
        start + TimeDelta::seconds(NOW.fetch_add(1, Ordering::Relaxed))
    }
}

/// One pass, with the error that ended it or a table's work early.
pub async fn try_pass(loader: &Loader, request: &Request) -> eddyline::error::Result<LoadReport> {
    try_pass_at(loader, request, &clock()).await
}

/// The same by a given clock.
pub async fn try_pass_at(loader: &Loader, request: &Request, clock: Clock<'_>) -> eddyline::error::Result<LoadReport> {
    let mut report = loader.pass(request, clock, Arc::new(Stop::default()), Arc::new(Progress::default())).await?;
    match report.error.take() {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

/// One pass that must go well.
pub async fn pass(loader: &Loader, request: &Request) -> LoadReport {
    try_pass(loader, request).await.unwrap_or_else(|e| panic!("{}", e.show()))
}

/// Everything, from the listing's beginning.
pub fn full() -> Request {
    Request { full: true, ..Request::default() }
}

/// Everything again.
pub fn rebuild() -> Request {
    Request { full: true, scope: Scope { rebuild: true, ..Scope::default() }, ..Request::default() }
}

/// A new warehouse loaded from these files in one calm pass.
pub async fn calm(files: &[(String, Bytes)]) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    pass(&loader(source(files).await, store.clone(), settings()), &Request::default()).await;
    store
}

/// `verify --deep` finds nothing wrong and the log's cells are the stored ones.
pub async fn assert_verified(objects: &Arc<InMemory>) {
    clouds::assert_store_verified(&warehouse(objects.clone()), "on memory").await;
}

/// Runs a test on one thread, so that what happens between two awaits is the same every time.
pub fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
