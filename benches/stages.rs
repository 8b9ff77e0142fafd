//! The stages of a load, one at a time and together, on a generated export.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use eddyline::currents::{Limits, SchemaCache, SourceFile, decode};
use eddyline::generate::{Codec, Layout, Options, OutFormat, generate, type_specs};
use eddyline::load::{Bucket, Loader, Progress, Request, Settings, Stop};
use eddyline::table::{Definitions, Fit, Run, TableSchema};
use eddyline::warehouse::Store;
use eddyline::warehouse::encode::CellWriter;
use object_store::memory::InMemory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const EVENTS: u64 = 100_000;

fn export(folder: &Path, definitions: &Definitions) -> PathBuf {
    let options = Options {
        out: folder.to_path_buf(),
        events: EVENTS,
        days: 1,
        start: "2026-03-02".parse().unwrap(),
        seed: 1,
        codec: Codec::Null,
        layout: Layout::Classic,
        format: OutFormat::Avro,
        duplicates: 0.0,
        late: 0.0,
        files_per_hour: 1,
        types: type_specs(definitions, None).unwrap(),
    };
    generate(&options, &mut |_| {}).unwrap();
    folder.join("currents")
}

fn largest_file(root: &Path) -> (SourceFile, String, Vec<u8>) {
    fn walk(folder: &Path, best: &mut (u64, PathBuf)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                walk(&entry.path(), best);
            } else if meta.len() > best.0 {
                *best = (meta.len(), entry.path());
            }
        }
    }
    let mut best = (0, PathBuf::new());
    walk(root, &mut best);
    let key = best.1.strip_prefix(root).unwrap().to_str().unwrap().to_string();
    (SourceFile::from_key(&key).unwrap(), key, std::fs::read(&best.1).unwrap())
}

fn stages(c: &mut Criterion) {
    let definitions = Arc::new(Definitions::builtin().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let root = export(folder.path(), &definitions);
    let (source, key, bytes) = largest_file(&root);
    let (limits, schemas) = (Limits::default(), SchemaCache::default());
    let decoded = decode(&source, &bytes, &limits, &schemas).unwrap();
    let part = &decoded.parts[0];
    let table = source.event_type.as_ref().unwrap().table();
    let schema = TableSchema::defined(&table, &definitions);
    let day = source.queue_hour.unwrap().date;
    let fit = Fit::new(&schema, part.batch.schema_ref());
    let run = [Run { source: &key, positions: &part.positions }];
    let rows = vec![fit.conform(&part.batch, &run).unwrap().batch.into()];

    let mut group = c.benchmark_group("stage");
    group.throughput(Throughput::Elements(decoded.records));
    group.bench_function("decode", |b| b.iter(|| decode(&source, &bytes, &limits, &schemas).unwrap()));
    group.bench_function("conform", |b| {
        b.iter(|| fit.conform(&part.batch, &run).unwrap());
    });
    group.bench_function("encode", |b| {
        b.iter(|| {
            let mut writer = CellWriter::new(schema.clone(), day);
            writer.write_chunk(rows.clone()).unwrap();
            writer.finish(&[], 1).unwrap()
        });
    });
    group.finish();

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut group = c.benchmark_group("pass");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(10);
    group.bench_function("whole", |b| {
        let empty = || {
            let store = Store::on(Arc::new(InMemory::new()), "memory");
            let bucket = Bucket::open(root.to_str().unwrap(), &[]).unwrap();
            Loader::new(store, bucket, definitions.clone(), Settings::default(), Duration::ZERO)
        };
        b.iter_batched(
            empty,
            |loader| {
                let request = Request::default();
                let pass =
                    loader.pass(&request, &chrono::Utc::now, Arc::new(Stop::default()), Arc::new(Progress::default()));
                assert_eq!(runtime.block_on(pass).unwrap().counters.new, EVENTS);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
