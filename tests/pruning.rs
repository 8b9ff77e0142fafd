//! A view asked for one day or one campaign reads little: EXPLAIN names only that day's cells, and EXPLAIN ANALYZE
//! counts the row groups that were left out.
//!
//! The export has three days, and a campaign, a Canvas and an experiment for each.

mod support;

use bytes::Bytes;
use eddyline::query::{Options, Session};
use eddyline::table::{ColumnType, Definitions};
use eddyline::warehouse::Store;
use object_store::memory::InMemory;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{definitions, loader, pass, source};

const DAYS: [&str; 3] = ["2026-03-03", "2026-03-04", "2026-03-05"];
/// Noon of the first.
const FIRST_NOON: i64 = 1_772_539_200;

/// Three events a day of every type the views here read; each text says its column and its day.
fn export(definitions: &Definitions) -> Vec<(String, Bytes)> {
    let wanted = ["users.messages.", "users.canvas", "users.campaigns.", "users.behaviors.Purchase"];
    let mut files = Vec::new();
    for (name, table) in definitions.tables() {
        let event_type = table.event_type.to_string();
        if !wanted.iter().any(|start| event_type.starts_with(start)) {
            continue;
        }
        for (number, day) in DAYS.iter().enumerate() {
            let record = |event: usize| {
                let value = |column: &str, kind: ColumnType| match (column, kind) {
                    ("id", _) => json!(format!("{name} {day} {event}")),
                    ("time", _) => json!(FIRST_NOON + 86_400 * number as i64 + event as i64),
                    ("user_id", _) => json!(format!("u{event}")),
                    (column, ColumnType::String) => json!(format!("{column} {day}")),
                    (_, ColumnType::Boolean) => json!(false),
                    (_, ColumnType::Int | ColumnType::Long | ColumnType::Float | ColumnType::Double) => json!(1),
                    _ => Value::Null,
                };
                let columns = table.columns.iter().map(|c| {
                    let kind = definitions.written_as(&table.event_type, &c.name).unwrap_or(c.kind);
                    (c.name.clone(), value(&c.name, kind))
                });
                Value::Object(columns.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
            };
            let lines: String = (0..3).map(|event| format!("{}\n", record(event))).collect();
            let id = "dataexport.prod-01.S3.integration.0123456789abcdef01234567";
            let key = format!("{id}/event_type={event_type}/date={day}-12/1/prod-01/{id}+0+0000000001.json");
            files.push((key, lines.into()));
        }
    }
    files
}

async fn session() -> Session {
    let store = Arc::new(InMemory::new());
    let loader = loader(source(&export(&definitions())).await, store.clone(), eddyline::load::Settings::default());
    let report = pass(&loader, &Default::default()).await;
    assert_eq!((report.quarantined.len(), report.counters.rejected), (0, 0), "{}", report.text());
    assert!(report.misfits.is_empty(), "{}", report.text());
    Session::open(Store::on(store, "memory"), definitions(), Options::default()).await.unwrap()
}

/// The scans of cells in the plan of a query, without those of merges, which every view reads whole.
async fn scans(session: &Session, explain: &str) -> Vec<String> {
    let answer = session.run(explain).await.unwrap_or_else(|e| panic!("{explain}: {}", e.show()));
    let mut scans = Vec::new();
    for batch in answer.batches().unwrap() {
        let batch = batch.unwrap();
        let column = |at: usize| arrow::compute::cast(batch.column(at), &arrow::datatypes::DataType::Utf8).unwrap();
        let (kinds, plans) = (column(0), column(1));
        for row in 0..batch.num_rows() {
            let text = |column: &arrow::array::ArrayRef| {
                arrow::array::AsArray::as_string::<i32>(column).value(row).to_string()
            };
            if text(&kinds) == "physical_plan" || text(&kinds) == "Plan with Metrics" {
                let plan = text(&plans);
                scans.extend(plan.lines().filter(|l| l.contains("file_groups=")).map(str::to_string));
            }
        }
    }
    scans.retain(|scan| !scan.contains("tables/users_userorphan/"));
    scans
}

/// The cells that scans name: table and day. A scan of more than five files in a group does not name them all.
fn cells(scans: &[String]) -> BTreeSet<(String, String)> {
    let mut cells = BTreeSet::new();
    for scan in scans {
        assert!(!scan.contains("..."), "not all files are named: {scan}");
        for path in scan.split("tables/").skip(1) {
            let (table, rest) = path.split_once("/queue_date=").unwrap();
            cells.insert((table.to_string(), rest[..10].to_string()));
        }
    }
    cells
}

/// What a day's filter leaves of views on events' own days. The third names the tables that are counted by their day, by
/// a part of their name.
const BY_DAY: &[(&str, &str, &str)] = &[
    ("in_app_engagement", "event_date", ""),
    ("banner_engagement", "event_date", ""),
    ("purchases", "event_date", ""),
    ("purchases", "queue_date", ""),
    ("deliverability_by_domain", "event_date", ""),
    ("bounce_reasons", "event_date", ""),
    ("sms_errors", "event_date", ""),
    ("email_link_clicks", "event_date", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_day_reads_that_days_cells_alone() {
    let session = session().await;
    for (view, column, part) in BY_DAY {
        let asked = async |filter: &str| {
            let found = cells(&scans(&session, &format!("EXPLAIN SELECT * FROM {view} {filter}")).await);
            found.into_iter().filter(|(table, _)| table.contains(part)).collect::<BTreeSet<_>>()
        };
        let all = asked("").await;
        let tables: BTreeSet<&String> = all.iter().map(|(table, _)| table).collect();
        assert!(!tables.is_empty() && all.len() == DAYS.len() * tables.len(), "{view} without a filter: {all:?}");
        for day in DAYS {
            let expected: BTreeSet<_> = tables.iter().map(|t| (t.to_string(), day.to_string())).collect();
            assert_eq!(asked(&format!("WHERE {column} = DATE '{day}'")).await, expected, "{view} by {column}");
        }
        assert!(asked(&format!("WHERE {column} = DATE '2026-03-09'")).await.is_empty(), "{view} by {column}");
    }
}

/// What scans said when they had run: files opened, row groups there were, row groups that were read.
#[derive(Debug, Default, PartialEq)]
struct Work {
    files: usize,
    there: usize,
    read: usize,
}

async fn work(session: &Session, query: &str, part: &str) -> Work {
    let mut work = Work::default();
    let scans = scans(session, &format!("EXPLAIN ANALYZE {query}")).await;
    for scan in scans.iter().filter(|scan| scan.contains(part) && !scan.contains("tables/users_canvas_exit_")) {
        let number = |before: &str| -> usize {
            // A scan that something else made needless has not counted anything.
            let Some((_, after)) = scan.split_once(before) else { return 0 };
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            after[..end].parse().unwrap()
        };
        work.files += number("files_opened=");
        let there = number("row_groups_pruned_statistics=");
        work.there += there;
        work.read += number(&format!("row_groups_pruned_statistics={there} total → "));
    }
    work
}

/// Views that take a filter to the tables: the view, what stands before the filter, and the filter of one day's worth.
const BY_CAMPAIGN: &[(&str, &str, &str)] = &[
    ("in_app_engagement", "true", "campaign_id = 'campaign_id 2026-03-04'"),
    ("banner_engagement", "true", "canvas_id = 'canvas_id 2026-03-04'"),
    ("content_card_engagement", "true", "campaign_id = 'campaign_id 2026-03-04'"),
    ("email_unique_opens", "true", "campaign_id = 'campaign_id 2026-03-04'"),
    ("email_unique_clicks", "true", "campaign_id = 'campaign_id 2026-03-04'"),
    ("email_link_clicks", "true", "campaign_id = 'campaign_id 2026-03-04'"),
    ("bounce_reasons", "true", "esp = 'esp 2026-03-04'"),
    ("canvas_journey", "true", "canvas_id = 'canvas_id 2026-03-04'"),
    // But for exits, whose older files name the Canvas in another column.
    ("canvas_funnel", "true", "canvas_id = 'canvas_id 2026-03-04'"),
    ("variation_comparison", "kind = 'campaign'", "experiment_id = 'campaign_id 2026-03-04'"),
    ("variation_comparison", "kind = 'canvas'", "experiment_id = 'canvas_id 2026-03-04'"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_reads_the_row_groups_it_may_be_in() {
    let session = session().await;
    for (view, before, filter) in BY_CAMPAIGN {
        let all = work(&session, &format!("SELECT * FROM {view} WHERE {before}"), "").await;
        let one = work(&session, &format!("SELECT * FROM {view} WHERE {before} AND {filter}"), "").await;
        assert!(all.read > 0 && all.read % DAYS.len() == 0, "{view}: {all:?}");
        assert_eq!(one.read * DAYS.len(), all.read, "{view} with {filter}: {one:?} of {all:?}");
        assert_eq!((one.files, one.there), (all.files, all.there), "{view}: statistics stand in the files");
    }
}

/// Views over every table are too wide for EXPLAIN to name their files: what was opened is counted.
const OPENED_BY_DAY: &[(&str, &str, &str)] = &[
    ("events", "event_date", ""),
    ("events", "queue_date", ""),
    ("load_audit", "queue_date", ""),
    // The conversions of the day; the messages before them can be of any day.
    ("conversions", "event_date", "onversion/queue_date"),
    ("conversions", "queue_date", "onversion/queue_date"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_day_opens_a_days_files() {
    let session = session().await;
    for (view, column, part) in OPENED_BY_DAY {
        let all = work(&session, &format!("SELECT * FROM {view}"), part).await;
        let one = work(&session, &format!("SELECT * FROM {view} WHERE {column} = DATE '2026-03-04'"), part).await;
        assert!(all.files > 0, "{view}: {all:?}");
        assert_eq!(one.files * DAYS.len(), all.files, "{view} by {column}: {one:?} of {all:?}");
    }
}

/// A lifecycle learns day and campaign of a message by putting it together: it reads everything, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_prune_says_so() {
    let session = session().await;
    let query = |filter: &str| format!("EXPLAIN SELECT * FROM webhook_lifecycle {filter}");
    let all = cells(&scans(&session, &query("")).await);
    assert_eq!(cells(&scans(&session, &query("WHERE event_date = DATE '2026-03-04'")).await), all);
    for view in session.views() {
        if view.name.ends_with("_lifecycle") || view.name == "campaign_daily" || view.name == "canvas_step_daily" {
            assert!(view.doc.contains("not prune files"), "{} does not say that filters do not prune", view.name);
        }
    }
}
