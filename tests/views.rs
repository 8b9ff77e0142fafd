//! Every view against `tests/views/export`, a small export made by hand, with the rows expected of it written by hand.
//!
//! One warehouse is loaded for all; each `.slt` file is a test of one view.

mod slt;

use eddyline::load::{Bucket, Loader, Progress, Request, Settings, Stop};
use eddyline::query::{Options, Session};
use eddyline::table::Definitions;
use eddyline::warehouse::Store;
use object_store::memory::InMemory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

async fn warehouse() -> Arc<Session> {
    let store = Store::on(Arc::new(InMemory::new()), "memory");
    let definitions = Arc::new(Definitions::builtin().unwrap());
    let bucket = Bucket::open(folder("tests/views/export/currents").to_str().unwrap(), &[]).unwrap();
    let loader = Loader::new(store.clone(), bucket, definitions.clone(), Settings::default(), Duration::ZERO);
    let (stop, progress) = (Arc::new(Stop::default()), Arc::new(Progress::default()));
    let report = loader.pass(&Request::default(), &chrono::Utc::now, stop, progress).await.unwrap();
    // The export is written by hand: a slip in it must not pass for a rule of a view.
    assert_eq!((report.quarantined.len(), report.counters.rejected), (0, 0), "{}", report.text());
    assert!(report.misfits.is_empty() && report.schema_changes.is_empty(), "{}", report.text());
    Arc::new(Session::open(store, definitions, Options::default()).await.unwrap())
}

fn files(path: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder(path))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == ending))
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn views_say_what_was_reasoned_out_by_hand() {
    let session = warehouse().await;
    for file in files("tests/views", "slt") {
        if let Err(error) = slt::run_file(session.clone(), &file).await {
            panic!("{error}");
        }
    }
}

#[test]
fn every_view_has_its_test() {
    let names = |paths: Vec<PathBuf>| -> Vec<String> {
        paths.iter().map(|p| p.file_stem().unwrap().to_str().unwrap().to_string()).collect()
    };
    assert_eq!(names(files("sql", "sql")), names(files("tests/views", "slt")));
}
