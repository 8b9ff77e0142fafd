//! Nothing fans out and nothing is lost: every view sums back to the events it counts, on exports where all that can
//! meet does meet, and wrong views are caught by it.

mod sums;
mod support;

use bytes::Bytes;
use eddyline::query::{Options, Session};
use eddyline::warehouse::Store;
use object_store::memory::InMemory;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use sums::{Books, Section, crowd, sections};
use support::{Shape, definitions, loader, pass, source};
use tokio::sync::OnceCell;

/// Events of each type in a crowd.
const EACH: usize = 30;

async fn loaded(files: &[(String, Bytes)]) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    let loader = loader(source(files).await, store.clone(), eddyline::load::Settings::default());
    let report = pass(&loader, &Default::default()).await;
    assert_eq!((report.quarantined.len(), report.counters.rejected), (0, 0), "{}", report.text());
    store
}

async fn session(store: &Arc<InMemory>, views: &[(String, String)]) -> Arc<Session> {
    let options = Options { views: views.to_vec(), ..Options::default() };
    Arc::new(Session::open(Store::on(store.clone(), "memory"), definitions(), options).await.unwrap())
}

/// One warehouse for all tests here, because planning the largest views takes seconds: a generated export, and crowds of
/// several seeds. More seeds for whoever changes a view: `EDDYLINE_CROWDS=20 cargo test --test views_sum`.
async fn warehouse() -> &'static (Arc<InMemory>, Books) {
    static WAREHOUSE: OnceCell<(Arc<InMemory>, Books)> = OnceCell::const_new();
    let open = async || {
        let generated = Shape { types: "*", events: 4300, duplicates: 0.1, seed: 11, ..Shape::default() };
        let mut files = generated.files();
        let crowds = std::env::var("EDDYLINE_CROWDS").ok().map_or(2, |n| n.parse().unwrap());
        for seed in 1..=crowds {
            files.extend(crowd::files(&definitions(), seed, EACH));
        }
        let store = loaded(&files).await;
        let books = Books::open(session(&store, &[]).await, &sections()).await;
        (store, books)
    };
    WAREHOUSE.get_or_init(open).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_sums_back_to_its_events() {
    let (store, books) = warehouse().await;
    let session = session(store, &[]).await;
    let mut broken = Vec::new();
    for section in &sections() {
        broken.extend(books.broken(&session, section).await.unwrap_or_else(|e| panic!("{e}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_view_has_its_sums() {
    let sections = sections();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let mut views: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().to_str().unwrap().strip_suffix(".sql").map(str::to_string))
        .collect();
    views.insert("all_events".to_string());
    assert_eq!(sections.iter().map(|s| s.view.clone()).collect::<BTreeSet<_>>(), views);
    assert_eq!(sections.len(), views.len(), "a view stands there twice");
    for Section { view, identities } in &sections {
        assert!(identities.iter().any(|i| i.is_grain()), "{view} has no grain");
        assert!(identities.iter().filter(|i| !i.is_grain()).count() >= 2, "{view} has no sums");
    }
}

/// A view made wrong: its name, what stands in its file, what is put there instead, and the identity that must see it.
const WRONG: &[(&str, &str, &str, &str)] = &[
    // Fanned out: sends and what became of them are joined, all candidates are kept instead of the nearest.
    (
        "dispatch_lifecycle",
        "FROM email_lifecycle",
        "FROM email_lifecycle JOIN (VALUES (1), (2)) two(n) ON sends > 0",
        "grain",
    ),
    ("email_lifecycle", "WHERE nearness = 1", "WHERE nearness > 0", "sum(events)"),
    ("sms_lifecycle", "WHERE nearness = 1", "WHERE nearness > 0", "sum(clicks)"),
    ("whatsapp_lifecycle", "WHERE preference = 1", "WHERE preference > 0", "sum(events)"),
    ("conversions", "WHERE nearness = 1", "WHERE nearness > 0", "grain id"),
    ("revenue_after_message", "AND coalesce(p.event_time < t.next_at, true)", "", "sum(revenue)"),
    (
        "purchases",
        "RIGHT JOIN users_behaviors_purchase p ON m.user_id = p.user_id",
        "RIGHT JOIN users_behaviors_purchase p ON m.canonical_user_id = p.user_id",
        "grain",
    ),
    (
        "users_identity",
        "FROM users_randombucketnumberupdate\n  GROUP BY user_id",
        "FROM users_randombucketnumberupdate\n  GROUP BY user_id, random_bucket_number",
        "grain",
    ),
    // Lost: inner joins, filters that null does not pass.
    ("push_lifecycle", "RIGHT JOIN clean c", "JOIN clean c", "sum(sends)"),
    (
        "deliverability_by_domain",
        "CASE WHEN is_drop THEN 'drop' ELSE 'bounce' END",
        "CASE WHEN NOT is_drop THEN 'bounce' END",
        "sum(bounces)",
    ),
    ("message_pressure", "WHEN machine_open IS NOT NULL", "WHEN machine_open = 'true'", "sum(machine_opens)"),
    ("subscription_state", "real_key, unkeyed_event_id, is_last", "real_key, is_last, user_id", "is_current"),
    ("retention_daily", "WHEN person IS NOT NULL AND day IS NOT NULL", "WHEN person IS NOT NULL", "grain"),
    ("users_merged", "WHERE distance = 1", "", "grain"),
];

#[tokio::test(flavor = "multi_thread")]
async fn wrong_views_are_caught() {
    let (store, books) = warehouse().await;
    let sections = sections();
    for (view, right, wrong, seen_by) in WRONG {
        let file = format!("sql/{view}.sql");
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).unwrap();
        assert!(text.contains(right), "{view} has no {right}");
        let mutant = session(store, &[(file, text.replace(right, wrong))]).await;
        let section = sections.iter().find(|s| s.view == *view).unwrap();
        let broken = books.broken(&mutant, section).await.unwrap_or_else(|e| panic!("{e}"));
        assert!(broken.iter().any(|b| b.contains(seen_by)), "{view} with {wrong}: {broken:#?}");
    }
}
