//! Cells replaced under a running session: always one version or the other, never a mix.

use super::fixture::{OPEN, Warehouse, ask, small};
use crate::query::Session;
use crate::warehouse::{CellKey, CellState, Put, PutIf, Store};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ROWS: [(&str, &str, &str); 3] =
    [("a", "u1", "2026-03-01T10:00:00Z"), ("b", "u2", "2026-03-01T11:00:00Z"), ("late", "u7", "2026-03-01T12:00:00Z")];

fn all() -> String {
    format!("select id from {OPEN} order by id")
}

#[tokio::test]
async fn every_get_carries_if_match_and_nothing_is_listed() {
    let (warehouse, spy) = small().await;
    let session = warehouse.session().await;
    let snapshot = session.snapshot();
    spy.gets.lock().unwrap().clear();
    spy.lists.lock().unwrap().clear();
    ask(&session, "select * from all_events").await;
    ask(&session, &all()).await;
    let gets = spy.gets.lock().unwrap().clone();
    assert!(gets.len() >= 3, "{gets:?}");
    for (path, if_match) in gets {
        let cell = &snapshot.cells[&CellKey::from_path(&path).unwrap()];
        assert!(cell.e_tag.is_some());
        assert_eq!(if_match, cell.e_tag, "{path}");
    }
    assert!(spy.lists.lock().unwrap().is_empty());
}

#[tokio::test]
async fn footers_are_read_once_per_version() {
    let (warehouse, spy) = small().await;
    let session = warehouse.session().await;
    // All columns, so that every query reads the same pages.
    let sql = format!("select * from {OPEN}");
    let gets = || spy.gets.lock().unwrap().len();
    let start = gets();
    ask(&session, &sql).await;
    let first = gets() - start;
    ask(&session, &sql).await;
    assert!(gets() - start - first < first, "the second query read the footers again");
}

#[tokio::test]
async fn after_a_committed_replacement_a_running_session_answers_from_the_new_snapshot() {
    let (mut warehouse, _) = small().await;
    let session = warehouse.session().await;
    assert_eq!(ask(&session, &all()).await, ["a", "b", "c"]);
    let cell = warehouse.publish(OPEN, "2026-03-01", &ROWS, &[]).await;
    warehouse.commit(vec![cell]).await;
    assert_eq!(ask(&session, &all()).await, ["a", "b", "c", "late"]);
    assert_eq!(session.snapshot().seq, 2);
}

#[tokio::test]
async fn a_published_cell_is_read_before_its_pass_has_committed() {
    let (mut warehouse, _) = small().await;
    let session = warehouse.session().await;
    let cell = warehouse.publish(OPEN, "2026-03-01", &ROWS, &[]).await;
    let other = warehouse
        .publish(OPEN, "2026-03-02", &[("c", "u1", "2026-03-02T10:00:00Z"), ("d", "u1", "2026-03-02T11:00:00Z")], &[])
        .await;
    assert_eq!(ask(&session, &all()).await, ["a", "b", "c", "d", "late"]);
    assert_eq!(session.snapshot().seq, 1);
    // What the log says of those cells is no longer true, so nothing may be answered from it.
    assert_eq!(ask(&session, &format!("select count(*) from {OPEN}")).await, ["5"]);
    let sql = format!("select max(time) from {OPEN} where queue_date = '2026-03-01'");
    assert_eq!(ask(&session, &sql).await, ["2026-03-01T12:00:00Z"]);
    // The commit, and one more replacement of the same cell.
    warehouse.commit(vec![cell, other]).await;
    let cell = warehouse.publish(OPEN, "2026-03-01", &ROWS[..2], &[]).await;
    warehouse.commit(vec![cell]).await;
    assert_eq!(ask(&session, &all()).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_warehouse_copied_to_another_disk_still_answers() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(dir.path().to_str().unwrap(), &[], false).unwrap();
    let mut warehouse = Warehouse::on(open());
    let mut cell = warehouse.publish(OPEN, "2026-03-01", &ROWS, &[]).await;
    cell.e_tag = Some("another inode".into());
    warehouse.commit(vec![cell]).await;
    let session = warehouse.session().await;
    assert_eq!(ask(&session, &all()).await, ["a", "b", "late"]);
    assert_eq!(ask(&session, &format!("select count(*) from {OPEN}")).await, ["3"]);
}

/// A store where cells are replaced between any two reads answers with one of the versions, or says it gave up.
#[tokio::test]
async fn a_replacement_in_the_middle_of_a_query_never_gives_a_mix() {
    let (mut warehouse, spy) = small().await;
    let rows = |generation: usize, day: &str| -> Vec<(String, String, String)> {
        (0..40).map(|n| (format!("{n:02}-g{generation}"), "u".into(), format!("{day}T01:00:00Z"))).collect()
    };
    let days = ["2026-04-01", "2026-04-02"];
    let mut versions: Vec<Vec<(CellState, Bytes)>> = Vec::new();
    for generation in 0..4 {
        let mut cells = Vec::new();
        for day in days {
            let rows = rows(generation, day);
            let rows: Vec<(&str, &str, &str)> =
                rows.iter().map(|r| (r.0.as_str(), r.1.as_str(), r.2.as_str())).collect();
            let cell = warehouse.publish("users_messages_sms_send", day, &rows, &[]).await;
            let bytes = warehouse.store.get(&cell.key.path()).await.unwrap().unwrap().bytes;
            cells.push((cell, bytes));
        }
        versions.push(cells);
    }
    for replace_at in 0..6 {
        // Back to the first version, committed.
        let mut cells = Vec::new();
        for (state, bytes) in &versions[0] {
            let put = warehouse.store.put(&state.key.path(), bytes.clone(), PutIf::Always).await.unwrap();
            let Put::Written(version) = put else { unreachable!() };
            cells.push(CellState { e_tag: version.e_tag, ..state.clone() });
        }
        warehouse.commit(cells).await;
        let session: Session = warehouse.session().await;
        let reads = Arc::new(AtomicUsize::new(0));
        let (count, inner, bytes) = (reads.clone(), Arc::downgrade(&spy), versions[1].clone());
        *spy.before_get.lock().unwrap() = Some(Box::new(move |path| {
            if path.starts_with("tables/users_messages_sms_send") && count.fetch_add(1, Ordering::SeqCst) == replace_at
            {
                let spy = inner.upgrade().unwrap();
                for (state, bytes) in &bytes {
                    let path = object_store::path::Path::from(state.key.path());
                    let put = object_store::ObjectStoreExt::put(&spy.inner, &path, bytes.clone().into());
                    futures::executor::block_on(put).unwrap();
                }
            }
        }));
        let sql = "select split_part(id, '-', 2), queue_date, count(*), count(user_id) from users_messages_sms_send group by 1, 2 order by 2";
        let found = ask(&session, sql).await;
        *spy.before_get.lock().unwrap() = None;
        assert_eq!(found.len(), 2, "{replace_at}: {found:?}");
        for (line, day) in found.iter().zip(days) {
            let (generation, rest) = line.split_once('|').unwrap();
            assert!(["g0", "g1"].contains(&generation), "{line}");
            assert_eq!(rest, format!("{day}|40|40"));
        }
        assert!(replace_at > 3 || reads.load(Ordering::SeqCst) > replace_at, "nothing was replaced");
    }
}

#[tokio::test]
async fn a_store_that_never_holds_still_is_an_error_and_not_a_loop() {
    let (warehouse, spy) = small().await;
    let session = warehouse.session().await;
    let key = CellKey { table: OPEN.into(), queue_date: super::fixture::day("2026-03-01"), slot: 0 };
    let bytes = warehouse.store.get(&key.path()).await.unwrap().unwrap().bytes;
    let inner = Arc::downgrade(&spy);
    *spy.before_get.lock().unwrap() = Some(Box::new(move |path| {
        if path == key.path() {
            let spy = inner.upgrade().unwrap();
            let path = object_store::path::Path::from(path);
            futures::executor::block_on(object_store::ObjectStoreExt::put(&spy.inner, &path, bytes.clone().into()))
                .unwrap();
        }
    }));
    let error = session.run(&all()).await.err().unwrap();
    *spy.before_get.lock().unwrap() = None;
    assert_eq!(error.kind(), crate::error::Kind::Conflict, "{}", error.show());
}

#[tokio::test]
async fn a_cell_that_is_gone_is_named() {
    let (warehouse, spy) = small().await;
    let session = warehouse.session().await;
    let key = CellKey { table: OPEN.into(), queue_date: super::fixture::day("2026-03-01"), slot: 0 };
    object_store::ObjectStoreExt::delete(&spy.inner, &key.path().into()).await.unwrap();
    let error = session.run(&all()).await.err().unwrap();
    assert!(error.what().contains(&key.path()), "{}", error.show());
}

#[tokio::test]
async fn a_damaged_cell_is_named() {
    let (mut warehouse, _) = small().await;
    let mut cell = warehouse.publish(OPEN, "2026-03-01", &ROWS, &[]).await;
    let put = warehouse.store.put(&cell.key.path(), Bytes::from_static(b"PAR1 no longer PAR1"), PutIf::Always).await;
    let Put::Written(version) = put.unwrap() else { unreachable!() };
    (cell.e_tag, cell.size) = (version.e_tag, 19);
    let path = cell.key.path();
    warehouse.commit(vec![cell]).await;
    let error = warehouse.session().await.run(&all()).await.err().unwrap();
    assert!(error.show().contains(&path), "{}", error.show());
}
