//! P1 as properties: however files are ordered, repeated, split and overlapped, the rows are the same, every record is
//! accounted for, and loading again changes no object.

mod support;

use bytes::Bytes;
use eddyline::generate::OutFormat;
use eddyline::load::{LoadReport, Request, Settings};
use eddyline::warehouse::{Fate, Snapshot};
use object_store::memory::InMemory;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use support::*;

type Files = Vec<(String, Bytes)>;

/// A small export as Avro, and the rows it holds.
static AVRO: LazyLock<(Files, Vec<String>)> = LazyLock::new(|| with_rows(OutFormat::Avro));
/// The same as JSON lines: files that can be cut anywhere between two records.
static JSON: LazyLock<(Files, Vec<String>)> = LazyLock::new(|| with_rows(OutFormat::Json));

fn with_rows(format: OutFormat) -> (Files, Vec<String>) {
    let files = Shape { events: 40, days: 2, duplicates: 0.2, format, ..Shape::default() }.files();
    let rows = on_one_thread(async { rows(calm(&files).await.as_ref()).await });
    assert_eq!(rows.len(), 40);
    (files, rows)
}

/// The identity of the accounts: in each file's line of the ledger, in each cell's footer, in the pass's report.
async fn assert_accounts(store: &Arc<InMemory>, report: &LoadReport) {
    let c = &report.counters;
    assert_eq!(c.read, c.new + c.duplicates + c.rejected, "the pass");
    let snapshot = Snapshot::open(&warehouse(store.clone())).await.unwrap();
    let (mut new, mut stored) = (0, 0);
    for file in snapshot.files.values() {
        assert_eq!(file.fate, Fate::Loaded, "{}", file.key);
        assert_eq!(file.read, file.new + file.duplicates + file.rejected, "{}", file.key);
        new += file.new;
    }
    for (key, _, bytes) in objects(store.as_ref(), "tables").await {
        let object = eddyline::warehouse::store::Object { bytes, version: Default::default() };
        let cell = eddyline::warehouse::StoredCell::open(&key, object).unwrap();
        for file in &cell.footer.files {
            assert_eq!(file.read, file.new + file.duplicates + file.rejected, "{key}: {}", file.key);
        }
        assert_eq!(cell.footer.files.iter().map(|f| f.new).sum::<u64>(), cell.rows(), "{key}");
        stored += cell.rows();
    }
    assert_eq!(new, stored, "rows the ledger says are new, and rows there are");
}

/// Loads the batches one after another, each in a pass of its own, and checks everything.
fn load_all(batches: Vec<Files>, expected: &[String]) {
    on_one_thread(async {
        let objects_in_source = Arc::new(InMemory::new());
        let store = Arc::new(InMemory::new());
        for batch in &batches {
            add(&objects_in_source, batch).await;
            let report = pass(&loader(objects_in_source.clone(), store.clone(), settings()), &full()).await;
            assert_accounts(&store, &report).await;
        }
        assert_same_rows(expected, &rows(store.as_ref()).await, "after all passes");
        assert_verified(&store).await;
        let state = || async {
            let mut all = objects(store.as_ref(), "tables").await;
            all.extend(objects(store.as_ref(), "meta/log").await);
            all
        };
        let before = state().await;
        for request in [Request::default(), full()] {
            let report = pass(&loader(objects_in_source.clone(), store.clone(), settings()), &request).await;
            assert_eq!((report.seq, report.counters.cells), (None, 0), "loading again found something to do");
        }
        assert!(before == state().await, "loading again changed an object");
    });
}

/// Moves a key some days and hours on, and makes it a file of its own.
fn moved(key: &str, days: i64, hour: u8, copy: usize) -> String {
    let at = key.find("date=").unwrap() + "date=".len();
    let date = chrono::NaiveDate::parse_from_str(&key[at..at + 10], "%Y-%m-%d").unwrap();
    let date = date + chrono::TimeDelta::days(days);
    let (stem, ending) = key[at + 13..].rsplit_once('.').unwrap();
    format!("{}{date}-{hour:02}{stem}{copy}.{ending}", &key[..at])
}

fn in_batches(files: Vec<(String, Bytes)>, picks: &[usize], batches: usize) -> Vec<Files> {
    let mut all: Vec<Files> = vec![Vec::new(); batches];
    for (at, file) in files.into_iter().enumerate() {
        all[picks[at % picks.len()] % batches].push(file);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_number_of_passes_do_not_matter(
        picks in prop::collection::vec(0usize..4, 7..40),
        batches in 1usize..5,
    ) {
        load_all(in_batches(AVRO.0.clone(), &picks, batches), &AVRO.1);
    }

    #[test]
    fn the_same_file_under_other_keys_hours_and_days_adds_nothing(
        copies in prop::collection::vec((any::<prop::sample::Index>(), -3i64..4, 0u8..24), 1..12),
        picks in prop::collection::vec(0usize..3, 5..40),
    ) {
        let mut files = AVRO.0.clone();
        for (number, (which, days, hour)) in copies.into_iter().enumerate() {
            let (key, content) = AVRO.0[which.index(AVRO.0.len())].clone();
            files.push((moved(&key, days, hour, number), content));
        }
        load_all(in_batches(files, &picks, 3), &AVRO.1);
    }

    #[test]
    fn a_file_may_be_split_and_its_parts_may_overlap(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), -1i64..2), 1..10),
        picks in prop::collection::vec(0usize..3, 5..40),
    ) {
        let mut files: Files = Vec::new();
        for (at, (key, content)) in JSON.0.iter().enumerate() {
            let lines: Vec<&[u8]> = content.split_inclusive(|b| *b == b'\n').collect();
            let (one, two, days) = &cuts[at % cuts.len()];
            let (one, two) = (one.index(lines.len()), two.index(lines.len()));
            let (from, to) = (one.min(two), one.max(two));
            // Two parts that hold everything, sharing the lines between the cuts.
            files.push((key.clone(), lines[..to + 1].concat().into()));
            files.push((moved(key, *days, 5, at), lines[from..].concat().into()));
        }
        load_all(in_batches(files, &picks, 3), &JSON.1);
    }
}

/// Within the window a pass knows the ids of all days around, also of those it has just built.
#[test]
fn a_file_that_comes_again_on_each_day_of_a_week_adds_nothing() {
    let again = |days: std::ops::RangeInclusive<i64>| {
        let copies =
            days.flat_map(|days| AVRO.0.iter().map(move |(key, content)| (moved(key, days, 4, 0), content.clone())));
        AVRO.0.iter().cloned().chain(copies).collect::<Files>()
    };
    load_all(vec![again(1..=7)], &AVRO.1);
    for days in 1..=7 {
        load_all(vec![again(days..=days)], &AVRO.1);
    }
}

/// The bytes of each row group's ids, over all cells.
async fn id_chunks(store: &InMemory) -> HashSet<Bytes> {
    let mut chunks = HashSet::new();
    for (key, _, bytes) in objects(store, "tables").await {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
        for group in reader.metadata().row_groups() {
            let column = group.columns().iter().find(|c| c.column_path().string() == "id").unwrap();
            let (from, length) = column.byte_range();
            assert!(chunks.insert(bytes.slice(from as usize..(from + length) as usize)), "{key} has rows twice");
        }
    }
    chunks
}

#[test]
fn a_cell_that_outgrows_memory_keeps_its_row_groups_as_they_are() {
    let shape = Shape { types: "users.messages.email.Send", events: 120_000, days: 1, late: 0.02, ..Shape::default() };
    let files = shape.files();
    let expected = on_one_thread(async { rows(calm(&files).await.as_ref()).await });
    let parts = in_batches(files, &[0, 1, 2, 1, 2], 3);
    // Room for full row groups, and for small ones only.
    for memory in [256 << 20, 16 << 20] {
        on_one_thread(async {
            let settings = || Settings { memory, workers: 2, ..settings() };
            let (source, store) = (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
            let (mut chunks, mut copied) = (HashSet::new(), Vec::new());
            for part in &parts {
                add(&source, part).await;
                let report = pass(&loader(source.clone(), store.clone(), settings()), &full()).await;
                assert_accounts(&store, &report).await;
                let now = id_chunks(&store).await;
                copied.push((now.intersection(&chunks).count(), now.len()));
                chunks = now;
            }
            let last = copied.last().copied().unwrap_or_default();
            assert!(last.0 > 0 && last.0 < last.1, "{memory}: of the row groups were copied: {copied:?}");
            assert_same_rows(&expected, &rows(store.as_ref()).await, "after all passes");
            assert_verified(&store).await;
        });
    }
}
