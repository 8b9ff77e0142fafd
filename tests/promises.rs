//! P1 to P6 on every place a warehouse may lie in: memory, a local disk, and real servers of the three clouds. The
//! same promises are held on memory in depth by the other tests; here they are small and meet each store's own ways.

mod support;

use bytes::Bytes;
use eddyline::load::Request;
use eddyline::warehouse::{Fate, Snapshot, Store};
use futures::FutureExt;
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::clouds::{CURRENTS, Place, Spot, WAREHOUSE, assert_store_verified, on_every_place};
use support::*;

on_every_place! {
    p1_repetition_overlap_and_redelivery_store_each_event_once
    p2_a_glob_is_sound_before_every_write_and_after
    p3_a_crash_at_any_write_changes_nothing_in_the_end
    p3_a_lost_answer_changes_nothing
    p4_two_loaders_at_once_lose_and_double_nothing
    p5_a_lost_meta_is_rebuilt
    p6_a_damaged_file_is_kept_apart_and_loads_once_whole
}

type Files = Vec<(String, Bytes)>;

/// Two tables over two days: four cells.
fn shape() -> Shape {
    Shape { events: 50, days: 2, duplicates: 0.1, late: 0.1, ..Shape::default() }
}

/// The same records as some of the files carry, under keys of another delivery.
fn redelivered(files: &[(String, Bytes)]) -> Files {
    let third = files.iter().enumerate().filter(|(at, _)| at % 3 == 0);
    third.map(|(_, (key, content))| (key.replace(".avro", "-again.avro"), content.clone())).collect()
}

fn every_second(files: &[(String, Bytes)], first: usize) -> Files {
    files.iter().skip(first).step_by(2).cloned().collect()
}

async fn expected(files: &Files) -> Vec<String> {
    rows(calm(files).await.as_ref()).await
}

/// A source that holds these files, and an empty warehouse.
async fn spots(place: Place, files: &[(String, Bytes)]) -> (Spot, Spot) {
    let source = place.spot(CURRENTS);
    source.upload(files).await;
    (source, place.spot(WAREHOUSE))
}

/// The warehouse with something between it and the pass.
fn hooked(
    warehouse: &Spot,
    hook: impl Fn(Op) -> futures::future::BoxFuture<'static, Fault> + Send + Sync + 'static,
) -> Store {
    Store::on(Arc::new(Hooked::new(warehouse.store().objects().clone(), hook)), &warehouse.address)
}

async fn assert_ends_right(warehouse: &Spot, expected: &[String], when: &str) {
    assert_same_rows(expected, &rows(warehouse.objects().as_ref()).await, when);
    assert_store_verified(&warehouse.store(), when).await;
}

async fn p1_repetition_overlap_and_redelivery_store_each_event_once(place: Place) {
    let files = shape().files();
    let expected = expected(&files).await;
    let (source, warehouse) = spots(place, &every_second(&files, 0)).await;
    let load = || async { pass(&source.loader(warehouse.store(), settings()), &full()).await };
    assert!(load().await.counters.new > 0);
    source.upload(&files).await;
    source.upload(&redelivered(&files)).await;
    let report = load().await;
    assert!(report.counters.duplicates > 0, "{}", report.text());
    assert_ends_right(&warehouse, &expected, "after two passes").await;
    let report = load().await;
    assert_eq!(report.seq, None, "a third pass found something: {}", report.text());
    // An overlay: the same files again from another place.
    let other = place.spot(CURRENTS);
    other.upload(&files).await;
    pass(&other.loader(warehouse.store(), settings()), &full()).await;
    assert_ends_right(&warehouse, &expected, "after another source").await;
}

async fn p2_a_glob_is_sound_before_every_write_and_after(place: Place) {
    let files = shape().files();
    let expected = expected(&files).await;
    let (source, warehouse) = spots(place, &every_second(&files, 0)).await;
    pass(&source.loader(warehouse.store(), settings()), &full()).await;
    let committed = Arc::new(ids(warehouse.objects().as_ref()).await);
    source.upload(&files).await;
    let looks = Arc::new(AtomicUsize::new(0));
    let watched = {
        let (objects, committed, looks) = (warehouse.objects().clone(), committed.clone(), looks.clone());
        hooked(&warehouse, move |op| {
            let (objects, committed, looks) = (objects.clone(), committed.clone(), looks.clone());
            async move {
                if matches!(op, Op::Put(_)) {
                    looks.fetch_add(1, Ordering::SeqCst);
                    assert_glob_is_sound(objects.as_ref(), &committed, "during a pass").await;
                }
                Fault::None
            }
            .boxed()
        })
    };
    pass(&source.loader(watched, settings()), &full()).await;
    assert!(looks.load(Ordering::SeqCst) > 4, "the cells were not replaced one by one");
    assert_glob_is_sound(warehouse.objects().as_ref(), &committed, "after the pass").await;
    assert_ends_right(&warehouse, &expected, "after the pass").await;
}

/// What becomes of the writes from number `n` on.
#[derive(Clone, Copy, Debug)]
enum Crash {
    /// It has no effect, nor has anything after it.
    Before,
    /// It takes effect, and nothing after it does.
    After,
}

/// A warehouse whose writes from number `n` on fail, and whether that was reached.
fn crashing(warehouse: &Spot, n: usize, crash: Crash) -> (Store, Arc<AtomicUsize>) {
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = writes.clone();
    let store = hooked(warehouse, move |op| {
        let at = match op {
            Op::Put(_) => counted.fetch_add(1, Ordering::SeqCst),
            // The machine is gone: it does not read either.
            _ => counted.load(Ordering::SeqCst).wrapping_sub(1),
        };
        let fault = match crash {
            _ if at < n || at == usize::MAX => Fault::None,
            Crash::After if at == n && matches!(op, Op::Put(_)) => Fault::AnswerLost,
            _ => Fault::Refused,
        };
        async move { fault }.boxed()
    });
    (store, writes)
}

async fn p3_a_crash_at_any_write_changes_nothing_in_the_end(place: Place) {
    let files = Shape { events: 16, types: "users.messages.email.Send", ..shape() }.files();
    let expected = expected(&files).await;
    let (first, rest) = (every_second(&files, 0), every_second(&files, 1));
    for crash in [Crash::Before, Crash::After] {
        for n in 0.. {
            let when = format!("crashed at write {n}, {crash:?}");
            // A first pass, so that cells are replaced as well as made.
            let (source, warehouse) = spots(place, &first).await;
            if n % 2 == 1 {
                pass(&source.loader(warehouse.store(), settings()), &full()).await;
            }
            let committed = ids(warehouse.objects().as_ref()).await;
            source.upload(&rest).await;
            let (store, writes) = crashing(&warehouse, n, crash);
            let failed = try_pass(&source.loader(store, settings()), &full()).await.is_err();
            assert_glob_is_sound(warehouse.objects().as_ref(), &committed, &when).await;
            pass(&source.loader(warehouse.store(), settings()), &full()).await;
            assert_ends_right(&warehouse, &expected, &when).await;
            if writes.load(Ordering::SeqCst) <= n {
                assert!(!failed, "{when}: failed without a fault");
                assert!(n > 2, "only {n} writes: the fault did not reach the pass");
                break;
            }
        }
    }
}

async fn p3_a_lost_answer_changes_nothing(place: Place) {
    let files = shape().files();
    let expected = expected(&files).await;
    let (source, warehouse) = spots(place, &every_second(&files, 0)).await;
    // Creates, then replacements: the answer to each write is lost the first time that key is written in a pass.
    for delivery in [0, 1] {
        source.upload(&every_second(&files, delivery)).await;
        let seen = Arc::new(Mutex::new(HashSet::new()));
        let lost = seen.clone();
        let store = hooked(&warehouse, move |op| {
            let fault = match op {
                Op::Put(key) if key.starts_with("tables/") && seen.lock().unwrap().insert(key.clone()) => {
                    Fault::AnswerLost
                }
                _ => Fault::None,
            };
            async move { fault }.boxed()
        });
        let outcome = try_pass(&source.loader(store, settings()), &full()).await;
        assert!(lost.lock().unwrap().len() > 1, "no answer was lost");
        // Whether the pass saw that the write had been its own, or failed, the next one ends right.
        drop(outcome);
        pass(&source.loader(warehouse.store(), settings()), &full()).await;
        assert_store_verified(&warehouse.store(), &format!("delivery {delivery}")).await;
    }
    assert_ends_right(&warehouse, &expected, "in the end").await;
}

async fn p4_two_loaders_at_once_lose_and_double_nothing(place: Place) {
    let files = shape().files();
    let expected = expected(&files).await;
    let (source, _) = spots(place, &files).await;
    for round in 0..4 {
        let warehouse = place.spot(WAREHOUSE);
        if round % 2 == 1 {
            // Something is there already, so that cells are replaced.
            let earlier = place.spot(CURRENTS);
            earlier.upload(&every_second(&files, 0)).await;
            pass(&earlier.loader(warehouse.store(), settings()), &full()).await;
        }
        let (first, second) =
            (source.loader(warehouse.store(), settings()), source.loader(warehouse.store(), settings()));
        let request = Request::default();
        let (left, right) = tokio::join!(try_pass(&first, &request), async {
            tokio::time::sleep(Duration::from_millis(15 * round)).await;
            try_pass(&second, &request).await
        });
        for outcome in [left, right] {
            outcome.unwrap_or_else(|e| panic!("round {round}: {}", e.show()));
        }
        assert_ends_right(&warehouse, &expected, &format!("round {round}")).await;
        let report = pass(&first, &full()).await;
        assert_eq!(report.seq, None, "round {round}: something was left to do: {}", report.text());
    }
}

async fn p5_a_lost_meta_is_rebuilt(place: Place) {
    let files = Shape { extra_column: Some(("mood", eddyline::generate::AvroType::Int)), ..shape() }.files();
    let expected = expected(&files).await;
    let (source, warehouse) = spots(place, &files).await;
    let load = || async { pass(&source.loader(warehouse.store(), settings()), &full()).await };
    load().await;
    let before = Snapshot::open(&warehouse.store()).await.unwrap();
    warehouse.delete("meta").await;
    load().await;
    let after = Snapshot::open(&warehouse.store()).await.unwrap();
    assert_eq!(after.cells.keys().collect::<Vec<_>>(), before.cells.keys().collect::<Vec<_>>());
    let files = |snapshot: &Snapshot| snapshot.files.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(files(&after), files(&before));
    assert_ends_right(&warehouse, &expected, "rebuilt").await;
    let report = load().await;
    assert_eq!(report.seq, None, "something was left to do: {}", report.text());
}

async fn p6_a_damaged_file_is_kept_apart_and_loads_once_whole(place: Place) {
    let files = shape().files();
    let expected = expected(&files).await;
    let (cut, whole) = files.split_at(3);
    let short: Files = cut.iter().map(|(key, content)| (key.clone(), content.slice(..content.len() - 9))).collect();
    let (source, warehouse) = spots(place, whole).await;
    let good = rows(calm(whole).await.as_ref()).await;
    source.upload(&short).await;
    let load = || async { pass(&source.loader(warehouse.store(), settings()), &full()).await };
    let report = load().await;
    assert_eq!(report.quarantined.len(), cut.len(), "{}", report.text());
    assert_ends_right(&warehouse, &good, "with damaged files").await;
    let snapshot = Snapshot::open(&warehouse.store()).await.unwrap();
    assert!(cut.iter().all(|(key, _)| snapshot.files[key.as_str()].fate == Fate::Quarantined));
    source.upload(cut).await;
    load().await;
    assert_ends_right(&warehouse, &expected, "with the files whole").await;
}
