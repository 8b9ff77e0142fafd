//! What a warehouse holds, read the way any other tool would: a glob over `tables/` and Parquet's plain reader.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, HashSet};

/// Keys, ETags and contents of everything under a folder.
pub async fn objects(store: &dyn ObjectStore, folder: &str) -> Vec<(String, Option<String>, Bytes)> {
    let listed: Vec<_> = store.list(Some(&Path::from(folder))).try_collect().await.unwrap();
    let mut found = Vec::new();
    for meta in listed {
        let bytes = store.get(&meta.location).await.unwrap().bytes().await.unwrap();
        found.push((meta.location.to_string(), meta.e_tag, bytes));
    }
    found.sort();
    found
}

/// The batches of a Parquet file.
pub fn batches(bytes: Bytes) -> Vec<RecordBatch> {
    ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap().map(|b| b.unwrap()).collect()
}

/// The table a cell's key names; anything but a final object fails the test.
pub fn table_of(key: &str) -> &str {
    assert!(eddyline::warehouse::CellKey::from_path(key).is_some(), "{key} lies under tables/ and is no cell");
    key.split('/').nth(1).unwrap()
}

/// Every row as sorted text, with its table and without lineage and queue day: what must not depend on how it came.
pub async fn rows(store: &dyn ObjectStore) -> Vec<String> {
    let mut all = Vec::new();
    for (key, _, bytes) in objects(store, "tables").await {
        let table = table_of(&key).to_string();
        for batch in batches(bytes) {
            let options = FormatOptions::default().with_null("");
            let fields = batch.schema();
            let mut columns: Vec<_> = fields
                .fields()
                .iter()
                .zip(batch.columns())
                .filter(|(f, _)| !matches!(f.name().as_str(), "_source_file" | "_source_row"))
                .map(|(f, c)| (f.name().as_str(), c, ArrayFormatter::try_new(c.as_ref(), &options).unwrap()))
                .collect();
            columns.sort_by_key(|c| c.0);
            for row in 0..batch.num_rows() {
                let mut text = table.clone();
                for (name, column, formatter) in &columns {
                    if !arrow::array::Array::is_null(column, row) {
                        text += &format!(" {name}={}", formatter.value(row));
                    }
                }
                all.push(text);
            }
        }
    }
    all.sort_unstable();
    all
}

/// Every id of every table, sorted, repetitions kept.
pub async fn ids(store: &dyn ObjectStore) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, _, bytes) in objects(store, "tables").await {
        let ids = tables.entry(table_of(&key).to_string()).or_default();
        for batch in batches(bytes) {
            ids.extend(eddyline::warehouse::stored_cell::ids_of(&batch).map(str::to_string));
        }
    }
    tables.values_mut().for_each(|ids| ids.sort_unstable());
    tables
}

/// What holds at every moment: only final objects under `tables/`, every one readable, no id twice in a table, and
/// every row of `committed` (as [`ids`] gave it) still there.
pub async fn assert_glob_is_sound(store: &dyn ObjectStore, committed: &BTreeMap<String, Vec<String>>, when: &str) {
    let now = ids(store).await;
    for (table, ids) in &now {
        let twice = ids.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert_eq!(twice, 0, "{when}: {table} has {twice} ids twice among {}", ids.len());
    }
    for (table, before) in committed {
        let after: HashSet<&String> = now.get(table).into_iter().flatten().collect();
        let lost = before.iter().filter(|id| !after.contains(id)).count();
        assert_eq!(lost, 0, "{when}: {table} lost {lost} committed rows of {}", before.len());
    }
}

/// Two warehouses' rows are the same.
pub fn assert_same_rows(expected: &[String], got: &[String], when: &str) {
    if expected == got {
        return;
    }
    let (left, right): (HashSet<_>, HashSet<_>) = (expected.iter().collect(), got.iter().collect());
    let missing: Vec<_> = expected.iter().filter(|r| !right.contains(r)).collect();
    let surplus: Vec<_> = got.iter().filter(|r| !left.contains(r)).collect();
    panic!(
        "{when}: {} rows expected, {} found; {} missing such as {:?}; {} too many such as {:?}",
        expected.len(),
        got.len(),
        missing.len(),
        missing.first(),
        surplus.len(),
        surplus.first()
    );
}
