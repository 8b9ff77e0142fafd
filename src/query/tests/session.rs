//! What a session answers.

use super::fixture::{OPEN, Warehouse, ask, rows, small};
use crate::query::{Options, Sort};
use crate::table::ColumnType;
use crate::warehouse::Store;

#[tokio::test]
async fn a_query_reads_all_cells_of_a_table_and_the_partition_column() {
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    let sql = "SELECT id, user_id, time, queue_date, email_address FROM Users_Messages_Email_Open ORDER BY ID";
    assert_eq!(
        ask(&session, sql).await,
        [
            "a|u1|2026-03-01T10:00:00Z|2026-03-01|x@e.org",
            "b|u2|2026-03-01T11:00:00Z|2026-03-01|NULL",
            "c|u1|2026-03-02T10:00:00Z|2026-03-02|NULL"
        ]
    );
    assert_eq!(ask(&session, &format!("select count(*) from {OPEN} where queue_date = '2026-03-02'")).await, ["1"]);
    assert_eq!(
        ask(&session, &format!("select min(time), max(time) from {OPEN}")).await,
        ["2026-03-01T10:00:00Z|2026-03-02T10:00:00Z"]
    );
    assert_eq!(ask(&session, "select * from users_messages_sms_send").await, [""; 0]);
    assert_eq!(ask(&session, &format!("select count(*) from (select * from {OPEN} limit 2)")).await, ["2"]);
}

#[tokio::test]
async fn a_column_that_joined_later_is_null_in_older_cells() {
    let (mut warehouse, _) = small().await;
    warehouse.extra.insert(OPEN.into(), vec![("brand_new".into(), ColumnType::String)]);
    let row = [("d", "u3", "2026-03-03T10:00:00Z")];
    let cell = warehouse.publish(OPEN, "2026-03-03", &row, &[("brand_new", vec![Some("hello")])]).await;
    warehouse.commit(vec![cell]).await;
    let session = warehouse.session().await;
    let sql = format!("select id, brand_new from {OPEN} order by id");
    assert_eq!(ask(&session, &sql).await, ["a|NULL", "b|NULL", "c|NULL", "d|hello"]);
    let sql = format!("select id from {OPEN} where brand_new is null or brand_new = 'x' order by id");
    assert_eq!(ask(&session, &sql).await, ["a", "b", "c"]);
    let sql = "select discovered, pii, type from system.columns where column_name = 'brand_new'";
    assert_eq!(ask(&session, sql).await, ["true|true|text"]);
}

#[tokio::test]
async fn a_table_nobody_defined_is_a_table_too() {
    let (mut warehouse, _) = small().await;
    let cell = warehouse.publish("users_new_thing", "2026-03-01", &[("n", "u", "2026-03-01T00:00:00Z")], &[]).await;
    warehouse.commit(vec![cell]).await;
    let session = warehouse.session().await;
    assert_eq!(ask(&session, "select id from users_new_thing").await, ["n"]);
    let sql = "select id, event_type, channel from all_events where table_name = 'users_new_thing'";
    assert_eq!(ask(&session, sql).await, ["n|NULL|NULL"]);
}

#[tokio::test]
async fn all_events_unites_every_table_with_its_constants() {
    let (mut warehouse, _) = small().await;
    let table = "users_behaviors_subscriptiongroup_statechange";
    let row = [("g", "u9", "2026-03-01T08:00:00Z")];
    let cell = warehouse.publish(table, "2026-03-01", &row, &[("channel", vec![Some("sms")])]).await;
    warehouse.commit(vec![cell]).await;
    let session = warehouse.session().await;
    let sql = "select id, event_type, channel, stage, queue_date from all_events order by id";
    let found = ask(&session, sql).await;
    assert_eq!(found[0], "a|users.messages.email.Open|email|open|2026-03-01");
    assert!(found[3].starts_with("g|users.behaviors.subscriptiongroup.StateChange|sms|"), "{found:?}");
    assert_eq!(found[4], "s|users.messages.email.Send|email|send|2026-03-01");
    assert_eq!(ask(&session, "select id from all_events where channel = 'sms'").await, ["g"]);
    assert_eq!(ask(&session, "select count(*), count(stage), max(channel) from all_events").await.len(), 1);
    let sql = "select stage, count(*) from all_events where channel = 'email' group by stage order by stage";
    assert_eq!(ask(&session, sql).await, ["open|3", "send|1"]);
    // A constant that is null for some tables must not be counted from statistics as if it were there.
    let cell = warehouse.publish("users_new_thing", "2026-03-01", &[("n", "u", "2026-03-01T00:00:00Z")], &[]).await;
    warehouse.commit(vec![cell]).await;
    let session = warehouse.session().await;
    let sql = "select count(*), count(channel) from all_events where table_name in ('users_new_thing', 'users_messages_email_send')";
    assert_eq!(ask(&session, sql).await, ["2|1"]);
}

#[tokio::test]
async fn system_tables_tell_what_eddyline_knows() {
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    let sql = "select table_name, queue_date, rows from system.cells order by 1, 2";
    assert_eq!(
        ask(&session, sql).await,
        [
            "users_messages_email_open|2026-03-01|2",
            "users_messages_email_open|2026-03-02|1",
            "users_messages_email_send|2026-03-01|1"
        ]
    );
    assert_eq!(
        ask(&session, "select seq, source, new, ignored from system.loads").await,
        ["1|test|2|{\"not an export file\":3}"]
    );
    for table in ["files", "quarantine", "rejects"] {
        assert_eq!(ask(&session, &format!("select count(*) from system.{table}")).await, ["0"], "{table}");
    }
    let sql = "select pii from system.columns where table_name = 'users_messages_email_open' and column_name = 'email_address'";
    assert_eq!(ask(&session, sql).await, ["true"]);
}

#[tokio::test]
async fn rejects_are_read_from_the_store_when_asked_for() {
    use crate::warehouse::rejects::{RejectedRecord, path, write};
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    let reject =
        RejectedRecord { file: "k".into(), position: 7, offset: None, reason: "no id".into(), record: "{}".into() };
    let at = path(OPEN, super::fixture::day("2026-03-01"), "k");
    write(&warehouse.store, &at, &[reject]).await.unwrap();
    let sql = "select table_name, queue_date, file, position, \"offset\", reason from system.rejects";
    assert_eq!(ask(&session, sql).await, ["users_messages_email_open|2026-03-01|k|7|NULL|no id"]);
}

#[tokio::test]
async fn every_builtin_view_plans_and_runs() {
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    for view in session.views() {
        ask(&session, &format!("select * from {}", view.name)).await;
    }
    assert_eq!(ask(&session, "select count(*) from events").await, ["4"]);
    let relations = session.relations();
    assert!(relations.iter().any(|r| r.name == "events" && r.sort == Sort::View && !r.meaning.is_empty()));
    assert!(!session.columns("events").await.unwrap().is_empty());
}

#[tokio::test]
async fn show_and_describe_work() {
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    let tables = ask(&session, "show tables").await;
    assert!(tables.iter().any(|t| t.contains("|users_messages_email_open|BASE TABLE")), "{tables:?}");
    assert!(tables.iter().any(|t| t.contains("|events|VIEW")));
    assert!(tables.iter().any(|t| t.contains("|system|files|")));
    assert!(ask(&session, "describe users_messages_email_open").await.iter().any(|c| c.starts_with("time|")));
    assert!(!ask(&session, "show columns from events").await.is_empty());
}

#[tokio::test]
async fn refresh_sees_new_loads_and_keeps_options() {
    let (mut warehouse, _) = small().await;
    let session = warehouse.session().await;
    session.run("set datafusion.execution.batch_size = 77").await.unwrap();
    assert!(!session.refresh().await.unwrap());
    let cell = warehouse.publish(OPEN, "2026-03-05", &[("z", "u", "2026-03-05T00:00:00Z")], &[]).await;
    warehouse.commit(vec![cell]).await;
    let sql = format!("select count(*) from {OPEN}");
    assert_eq!(ask(&session, &sql).await, ["3"]);
    assert!(session.refresh().await.unwrap());
    assert_eq!(ask(&session, &sql).await, ["4"]);
    assert_eq!(ask(&session, "show datafusion.execution.batch_size").await, ["datafusion.execution.batch_size|77"]);
}

#[tokio::test]
async fn large_results_and_sorts_stay_within_the_budget() {
    let (warehouse, _) = small().await;
    let session = warehouse.session_with(Options { memory: 48 << 20, ..Options::default() }).await;
    let sql =
        "select value, 'some text to make rows wider ' || value as t from generate_series(1, 600000) order by 1 desc";
    let answer = session.run(sql).await.unwrap_or_else(|e| panic!("{}", e.show()));
    assert!(answer.is_spilled());
    assert_eq!(answer.rows, 600_000);
    let first = answer.batches().unwrap().next().unwrap().unwrap();
    assert!(first.num_rows() > 0);
    let all = rows(&answer);
    assert_eq!((all.len(), all[0][0].as_str(), all[599_999][0].as_str()), (600_000, "600000", "1"));
}

#[tokio::test]
async fn copy_writes_a_local_file_but_never_into_the_warehouse() {
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut warehouse = Warehouse::on(Store::open(dir.path().to_str().unwrap(), &[], false).unwrap());
    let cell = warehouse.publish(OPEN, "2026-03-01", &[("a", "u", "2026-03-01T00:00:00Z")], &[]).await;
    warehouse.commit(vec![cell]).await;
    let session = warehouse.session().await;
    let copy = |folder: &std::path::Path| format!("copy (select id from {OPEN}) to '{}/x.csv'", folder.display());
    session.run(&copy(out.path())).await.unwrap_or_else(|e| panic!("{}", e.show()));
    assert_eq!(std::fs::read_to_string(out.path().join("x.csv")).unwrap(), "id\na\n");
    let error = session.run(&copy(&dir.path().join("tables"))).await.err().unwrap();
    assert!(error.what().contains("may not write into the warehouse"), "{}", error.show());
}
