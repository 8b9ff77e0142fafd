//! P2: whoever globs `tables/*/queue_date=*/*.parquet` with a plain Parquet reader while loads replace cells never sees an
//! id twice, never misses a committed row, and opens only readable files.

mod support;

use eddyline::load::{Bucket, Loader, Request};
use eddyline::warehouse::Store;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

/// Ids by table, each once.
type Ids = HashMap<String, HashSet<String>>;

/// Ids by table, as a glob finds them now. The list of files is taken first, as every engine does.
fn glob(warehouse: &Path) -> BTreeMap<String, Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![warehouse.join("tables")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in paths {
        let key = path.strip_prefix(warehouse).unwrap().to_str().unwrap().to_string();
        let table = reading::table_of(&key).to_string();
        // A file that was listed is there and whole: cells are replaced, never taken away.
        let bytes = std::fs::read(&path).unwrap();
        for batch in reading::batches(bytes.into()) {
            let ids = eddyline::warehouse::stored_cell::ids_of(&batch).map(str::to_string);
            tables.entry(table.clone()).or_default().extend(ids);
        }
    }
    tables
}

#[test]
fn a_plain_reader_is_right_while_cells_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let shape = Shape { events: 3_000, days: 2, duplicates: 0.2, files_per_hour: 2, ..Shape::default() };
    let files = shape.files();
    let source = dir.path().join("source");
    let warehouse = dir.path().join("warehouse");
    std::fs::create_dir_all(&warehouse).unwrap();
    let store = Store::open(warehouse.to_str().unwrap(), &[], true).unwrap();

    let committed: Arc<Mutex<Arc<Ids>>> = Arc::default();
    let (done, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reader = {
        let (committed, done, reads, warehouse) = (committed.clone(), done.clone(), reads.clone(), warehouse.clone());
        std::thread::spawn(move || {
            while !done.load(Ordering::SeqCst) {
                let before = committed.lock().unwrap().clone();
                let seen = glob(&warehouse);
                for (table, ids) in &seen {
                    let distinct: HashSet<&String> = ids.iter().collect();
                    assert_eq!(distinct.len(), ids.len(), "{table}: ids twice in one read");
                }
                for (table, ids) in before.iter() {
                    let seen: HashSet<&String> = seen.get(table).into_iter().flatten().collect();
                    let lost = ids.iter().filter(|id| !seen.contains(id)).count();
                    assert_eq!(lost, 0, "{table}: {lost} committed rows not seen");
                }
                reads.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    // Files come in no order at all, so that most passes replace most cells.
    let passes = 12;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut replaced = 0;
    for number in 0..passes {
        for (_, (key, content)) in files.iter().enumerate().filter(|(at, _)| at * 7 % passes == number) {
            let path = source.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let bucket = Bucket::open(source.to_str().unwrap(), &[]).unwrap();
        let loader = Loader::new(store.clone(), bucket, definitions(), settings(), Duration::ZERO);
        let request = if number == passes - 1 { rebuild() } else { Request { full: true, ..Request::default() } };
        let report = runtime.block_on(pass(&loader, &request));
        replaced += report.counters.cells;
        let now = glob(&warehouse).into_iter().map(|(table, ids)| (table, ids.into_iter().collect())).collect();
        *committed.lock().unwrap() = Arc::new(now);
    }
    done.store(true, Ordering::SeqCst);
    reader.join().unwrap();
    let reads = reads.load(Ordering::SeqCst);
    assert!(replaced > 30 && reads > 10, "{replaced} replacements and {reads} reads are too few to prove anything");
    assert_eq!(committed.lock().unwrap().values().map(HashSet::len).sum::<usize>(), 3_000);
}
