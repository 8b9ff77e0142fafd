//! Every view against a small export made by hand, with the rows expected of it written by hand.
//!
//! `tests/views` and each folder in it that has an `export` is a group: one warehouse, and one `.slt` file for each view.

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

async fn warehouse(group: &str) -> Arc<Session> {
    let store = Store::on(Arc::new(InMemory::new()), "memory");
    let definitions = Arc::new(Definitions::builtin().unwrap());
    let bucket = Bucket::open(folder(&format!("{group}/export/currents")).to_str().unwrap(), &[]).unwrap();
    let loader = Loader::new(store.clone(), bucket, definitions.clone(), Settings::default(), Duration::ZERO);
    let (stop, progress) = (Arc::new(Stop::default()), Arc::new(Progress::default()));
    let report = loader.pass(&Request::default(), &chrono::Utc::now, stop, progress).await.unwrap();
    // The export is written by hand: a slip in it must not pass for a rule of a view.
    assert_eq!((report.quarantined.len(), report.counters.rejected), (0, 0), "{group}: {}", report.text());
    assert!(report.misfits.is_empty() && report.schema_changes.is_empty(), "{group}: {}", report.text());
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

fn groups() -> Vec<String> {
    let inner =
        std::fs::read_dir(folder("tests/views")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let inner = inner.filter(|name| folder("tests/views").join(name).join("export").is_dir());
    let mut groups: Vec<String> = inner.map(|name| format!("tests/views/{name}")).collect();
    groups.push("tests/views".to_string());
    groups.sort();
    groups
}

async fn say_what_was_reasoned_out_by_hand(group: &str) {
    let session = warehouse(group).await;
    for file in files(group, "slt") {
        if let Err(error) = slt::run_file(session.clone(), &file).await {
            panic!("{error}");
        }
    }
}

/// A test for each group: they run side by side.
macro_rules! groups {
    ($($name:ident: $folder:literal,)*) => {
        const TESTED: &[&str] = &[$($folder),*];
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                say_what_was_reasoned_out_by_hand($folder).await;
            }
        )*
    };
}

groups! {
    channels_and_campaigns: "tests/views",
    messages: "tests/views/messages",
    performance: "tests/views/performance",
    users: "tests/views/users",
}

#[test]
fn every_group_is_tested() {
    assert_eq!(groups(), TESTED);
}

#[test]
fn every_view_has_its_test() {
    let names = |paths: Vec<PathBuf>| -> Vec<String> {
        let mut names: Vec<String> =
            paths.iter().map(|p| p.file_stem().unwrap().to_str().unwrap().to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names(files("sql", "sql")), names(groups().iter().flat_map(|group| files(group, "slt")).collect()));
}
