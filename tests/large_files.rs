//! Files that are larger than what is read of one at a time: the same rows as when they are read whole; and what a file
//! has brought is given back when it turns out damaged, replaced or gone behind its first range.

mod support;

use bytes::Bytes;
use eddyline::generate::AvroType;
use eddyline::load::{LoadReport, Loader, Request, Settings};
use futures::FutureExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use support::*;

/// Memory with which a range has one MiB, and so has a chunk: the first ranges of a file are encoded before its last
/// one is read.
fn little() -> Settings {
    Settings { memory: 16 << 20, ..settings() }
}

fn shape() -> Shape {
    Shape { events: 60_000, days: 1, types: "users.messages.email.Send", ..Shape::default() }
}

type Files = Vec<(String, Bytes)>;

/// An export and the place of its largest file.
fn export() -> &'static (Files, usize) {
    static MADE: OnceLock<(Files, usize)> = OnceLock::new();
    MADE.get_or_init(|| with_largest(shape().files()))
}

fn with_largest(files: Files) -> (Files, usize) {
    let at = (0..files.len()).max_by_key(|at| files[*at].1.len()).unwrap();
    assert!(files[at].1.len() > 3 << 20, "the largest file has only {} bytes", files[at].1.len());
    (files, at)
}

/// What happens to the file when it is asked for the n-th time, from 0.
#[derive(Clone)]
enum Event {
    Nothing,
    Replaced(usize, Bytes),
    Deleted(usize),
    Fails(usize),
}

/// A source that counts how often `key` is asked for.
async fn watched(files: &[(String, Bytes)], key: &str, event: Event) -> (Arc<dyn ObjectStore>, Arc<AtomicUsize>) {
    let (inner, key, count) = (source(files).await, key.to_string(), Arc::new(AtomicUsize::new(0)));
    let (objects, counted) = (inner.clone(), count.clone());
    let hooked = Hooked::new(inner, move |op| {
        let (objects, event, path) = (objects.clone(), event.clone(), Path::from(key.as_str()));
        let number = (op == Op::Get(key.clone())).then(|| counted.fetch_add(1, Ordering::SeqCst));
        async move {
            match (event, number) {
                (Event::Replaced(n, content), Some(number)) if n == number => {
                    objects.put(&path, content.into()).await.unwrap();
                }
                (Event::Deleted(n), Some(number)) if n == number => objects.delete(&path).await.unwrap(),
                (Event::Fails(n), Some(number)) if n == number => return Fault::Refused,
                _ => {}
            }
            Fault::None
        }
        .boxed()
    });
    (Arc::new(hooked), count)
}

/// Loads with little memory into a new warehouse, then once more: all is known. The first pass's report.
async fn load(source: Arc<dyn ObjectStore>) -> (Arc<InMemory>, LoadReport) {
    let store = Arc::new(InMemory::new());
    let loader: Loader = loader(source, store.clone(), little());
    let report = pass(&loader, &Request::default()).await;
    assert_verified(&store).await;
    (store, report)
}

async fn assert_holds(store: &Arc<InMemory>, files: &[(String, Bytes)], when: &str) {
    let expected = rows(calm(files).await.as_ref()).await;
    assert_same_rows(&expected, &rows(store.as_ref()).await, when);
}

/// The columns of the stored cells.
async fn columns(store: &Arc<InMemory>) -> Vec<String> {
    let cells = objects(store.as_ref(), "tables").await;
    let batches = cells.into_iter().flat_map(|(_, _, bytes)| reading::batches(bytes));
    batches.flat_map(|b| b.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>()).collect()
}

#[test]
fn in_ranges_they_give_the_same_rows() {
    on_one_thread(async {
        let (files, at) = export();
        let (source, count) = watched(files, &files[*at].0, Event::Nothing).await;
        let (store, report) = load(source).await;
        let ranges = files[*at].1.len().div_ceil(1 << 20);
        assert_eq!(count.load(Ordering::SeqCst), ranges, "each range is asked for once");
        assert_eq!(report.counters.files, files.len() as u64);
        assert_holds(&store, files, "in ranges").await;
    });
}

#[test]
fn nothing_stays_of_one_that_is_damaged_behind_its_first_range() {
    on_one_thread(async {
        let (files, _) = export();
        let more = Shape { seed: 2, extra_column: Some(("mood", AvroType::String)), ..shape() };
        let (others, largest) = with_largest(more.files());
        let (key, sound) = (others[largest].0.replace(".avro", "-other.avro"), others[largest].1.to_vec());
        let cut = Bytes::from(sound[..sound.len() - 40].to_vec());
        let mut early = sound.clone();
        early[0] = b'P';
        let mut flipped = sound.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for (damaged, reason) in
            [(cut, "truncated"), (Bytes::from(flipped), "bad_sync_marker"), (Bytes::from(early), "not_avro")]
        {
            let (mut all, again) = (files.clone(), key.replace("other", "again"));
            all.extend([(key.clone(), damaged.clone()), (again.clone(), damaged)]);
            let (source, _) = watched(&all, &key, Event::Nothing).await;
            let (store, report) = load(source).await;
            let mut quarantined: Vec<&str> = report.quarantined.iter().map(|(key, _)| key.as_str()).collect();
            quarantined.sort_unstable();
            assert_eq!(quarantined, [again.as_str(), key.as_str()]);
            assert!(report.quarantined.iter().all(|(_, why)| why.starts_with(reason)), "{:?}", report.quarantined);
            assert_holds(&store, files, reason).await;
            assert!(!columns(&store).await.contains(&"mood".to_string()), "a damaged file's column joined");
            assert!(report.schema_changes.iter().all(|change| change.columns.is_empty()));
        }
        // The same file, sound, brings both.
        let mut all = files.clone();
        all.push((key.clone(), sound.into()));
        let (source, _) = watched(&all, &key, Event::Nothing).await;
        let (store, _) = load(source).await;
        assert_holds(&store, &all, "sound").await;
        assert!(columns(&store).await.contains(&"mood".to_string()));
    });
}

#[test]
fn one_that_is_replaced_between_two_ranges_is_read_in_its_new_version() {
    on_one_thread(async {
        let (files, at) = export();
        let (others, largest) = with_largest(Shape { seed: 3, ..shape() }.files());
        let (key, new) = (&files[*at].0, others[largest].1.clone());
        let mut after = files.clone();
        after[*at].1 = new.clone();
        for n in 0..3 {
            let (source, _) = watched(files, key, Event::Replaced(n, new.clone())).await;
            let (store, _) = load(source.clone()).await;
            assert_holds(&store, &after, &format!("replaced before get {n}")).await;
            let again = pass(&loader(source, store.clone(), little()), &Request::default()).await;
            assert_eq!(again.counters.new, 0, "the version that was read is the one in the ledger");
        }
    });
}

#[test]
fn one_that_goes_between_two_ranges_brings_nothing() {
    on_one_thread(async {
        let (files, at) = export();
        let (source, _) = watched(files, &files[*at].0, Event::Deleted(2)).await;
        let (store, _) = load(source).await;
        let mut rest = files.clone();
        rest.remove(*at);
        assert_holds(&store, &rest, "deleted").await;
    });
}

#[test]
fn whichever_range_fails_the_next_pass_brings_all_of_it() {
    on_one_thread(async {
        let (files, at) = export();
        for n in 0..5 {
            let (source, count) = watched(files, &files[*at].0, Event::Fails(n)).await;
            let store = Arc::new(InMemory::new());
            let loader = loader(source, store.clone(), little());
            let failed = try_pass(&loader, &Request::default()).await.is_err();
            // The first may fail: then it is asked for whole.
            assert_eq!(failed, 0 < n && n < files[*at].1.len().div_ceil(1 << 20), "get {n}");
            assert!(count.load(Ordering::SeqCst) > 1);
            pass(&loader, &Request::default()).await;
            assert_verified(&store).await;
            assert_holds(&store, files, &format!("get {n} failed")).await;
        }
    });
}
