//! P3: whatever operation fails, once or for good, before its effect or after, the next pass ends where a pass that
//! never saw a fault would; and even right after the failure a plain glob over `tables/` is sound.

mod support;

use eddyline::load::{Loader, Request};
use futures::FutureExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::*;

/// How operation number `n` goes wrong.
#[derive(Clone, Copy, Debug)]
enum Failing {
    /// It fails without effect; everything after it works.
    Once,
    /// Its answer is lost; everything after it works.
    AnswerLost,
    /// It fails, and so does everything after it: the machine is gone.
    FromThenOn,
    /// It takes effect, and nothing after it does.
    LastOne,
}

const WAYS: [Failing; 4] = [Failing::Once, Failing::AnswerLost, Failing::FromThenOn, Failing::LastOne];

fn failing(inner: Arc<dyn ObjectStore>, n: usize, way: Failing) -> (Arc<dyn ObjectStore>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let hooked = Hooked::new(inner, move |_| {
        let at = counted.fetch_add(1, Ordering::SeqCst);
        let fault = match way {
            _ if at < n => Fault::None,
            Failing::Once if at == n => Fault::Refused,
            Failing::AnswerLost | Failing::LastOne if at == n => Fault::AnswerLost,
            Failing::FromThenOn | Failing::LastOne => Fault::Refused,
            _ => Fault::None,
        };
        async move { fault }.boxed()
    });
    (Arc::new(hooked), count)
}

/// Where the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Warehouse,
    Source,
}

/// For every `n`: a pass over `base` and `source` whose `n`-th operation goes wrong, then a calm one.
async fn every_operation(base: &InMemory, source: Arc<InMemory>, request: &Request, at: At) {
    let expected = {
        let store = Arc::new(base.fork());
        pass(&loader(source.clone(), store.clone(), settings()), request).await;
        assert_verified(&store).await;
        rows(store.as_ref()).await
    };
    let committed = ids(base).await;
    assert!(expected.len() > committed.values().map(Vec::len).sum::<usize>() / 2);
    for way in WAYS {
        for n in 0.. {
            let when = format!("{way:?} {n} on the {at:?}");
            let store = Arc::new(base.fork());
            let struck: Arc<dyn ObjectStore> = if at == At::Warehouse { store.clone() } else { source.clone() };
            let (hooked, count) = failing(struck, n, way);
            let faulty: Loader = match at {
                At::Warehouse => loader(source.clone(), hooked, settings()),
                At::Source => loader(hooked, store.clone(), settings()),
            };
            let failed = try_pass(&faulty, request).await.is_err();
            let ran_through = count.load(Ordering::SeqCst) <= n;
            assert!(!(ran_through && failed), "{when}: failed without a fault");
            assert_glob_is_sound(store.as_ref(), &committed, &when).await;
            pass(&loader(source.clone(), store.clone(), settings()), request).await;
            assert_same_rows(&expected, &rows(store.as_ref()).await, &when);
            assert_verified(&store).await;
            if ran_through {
                assert!(n > 8, "only {n} operations: the fault did not reach the pass");
                break;
            }
        }
    }
}

fn first() -> Shape {
    Shape { events: 60, days: 2, types: "users.messages.email.{Send,Open}", ..Shape::default() }
}

/// The next day, with a column nobody knew and late copies of what came before.
fn second() -> Shape {
    Shape {
        first_day: 1,
        days: 1,
        seed: 2,
        extra_column: Some(("mood", eddyline::generate::AvroType::String)),
        ..first()
    }
}

/// Few files, so that few operations tell the whole story: what each type has in a day, in two hours.
fn thinned(files: Vec<(String, bytes::Bytes)>) -> Vec<(String, bytes::Bytes)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let kept = files.into_iter().filter(|(key, _)| {
        let day = key.split("date=").nth(1).unwrap()[..10].to_string();
        let table = key.split("event_type=").nth(1).unwrap().split('/').next().unwrap().to_string();
        let count = seen.entry(table + &day).or_default();
        *count += 1;
        *count <= 2
    });
    kept.collect()
}

#[test]
fn into_an_empty_warehouse() {
    on_one_thread(async {
        let source = source(&thinned(first().files())).await;
        every_operation(&InMemory::new(), source, &Request::default(), At::Warehouse).await;
    });
}

#[test]
fn into_a_warehouse_whose_cells_are_replaced_and_gain_a_column() {
    on_one_thread(async {
        let source = source(&thinned(first().files())).await;
        let base = Arc::new(InMemory::new());
        pass(&loader(source.clone(), base.clone(), settings()), &Request::default()).await;
        add(&source, &thinned(second().files())).await;
        every_operation(&base, source, &Request::default(), At::Warehouse).await;
    });
}

#[test]
fn while_everything_is_rebuilt() {
    on_one_thread(async {
        let source = source(&thinned(first().files())).await;
        let base = Arc::new(InMemory::new());
        pass(&loader(source.clone(), base.clone(), settings()), &Request::default()).await;
        add(&source, &thinned(second().files())).await;
        every_operation(&base, source, &rebuild(), At::Warehouse).await;
    });
}

#[test]
fn when_the_source_fails() {
    on_one_thread(async {
        let source = source(&thinned(first().files())).await;
        every_operation(&InMemory::new(), source, &Request::default(), At::Source).await;
    });
}
