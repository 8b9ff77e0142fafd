//! What a plan leaves out.

use super::fixture::{OPEN, SEND, Warehouse, ask, small};
use crate::query::{Options, Session};

async fn plan(session: &Session, sql: &str) -> String {
    ask(session, &format!("explain {sql}")).await.join("\n")
}

/// EXPLAIN names five files of a group at most.
fn many_groups() -> Options {
    Options { threads: 12, ..Options::default() }
}

fn cells_in(plan: &str) -> usize {
    plan.matches("part-00.parquet").count()
}

async fn ten_days() -> Warehouse {
    let (mut warehouse, _) = small().await;
    let mut cells = Vec::new();
    for n in 10..20 {
        let (id, time) = (format!("id{n}"), format!("2026-05-{n}T12:00:00Z"));
        let row = [(id.as_str(), "u", time.as_str())];
        for table in [OPEN, SEND, "users_messages_sms_send"] {
            cells.push(warehouse.publish(table, &format!("2026-05-{n}"), &row, &[]).await);
        }
    }
    warehouse.commit(cells).await;
    warehouse
}

#[tokio::test]
async fn filters_on_the_partition_and_on_time_leave_out_cells() {
    let session = ten_days().await.session_with(many_groups()).await;
    for (filter, cells) in [
        ("true", 12),
        ("queue_date = '2026-05-13'", 1),
        ("queue_date >= DATE '2026-05-13' and queue_date < '2026-05-15'", 2),
        ("queue_date in ('2026-05-13', '2026-05-19', '2030-01-01')", 2),
        ("extract(month from queue_date) = 3", 2),
        ("time >= '2026-05-18T00:00:00Z'", 2),
        ("time < '2026-03-02T00:00:00Z' or time > TIMESTAMP '2026-05-19T00:00:00Z'", 2),
        ("time between '2026-05-11T12:00:00Z' and '2026-05-12T12:00:00Z' and user_id = 'u'", 2),
        ("time > '2030-01-01'", 0),
    ] {
        let plan = plan(&session, &format!("select id, user_id from {OPEN} where {filter}")).await;
        assert_eq!(cells_in(&plan), cells, "{filter}\n{plan}");
    }
}

#[tokio::test]
async fn filters_on_a_tables_constants_leave_out_tables() {
    let session = ten_days().await.session_with(many_groups()).await;
    for (filter, cells) in [
        ("channel = 'sms'", 10),
        ("event_type = 'users.messages.email.Send'", 11),
        ("event_type like 'users.messages.email.%' and stage <> 'send'", 12),
        ("table_name = 'users_messages_sms_send' and queue_date > '2026-05-17'", 2),
        ("channel = 'email' and time > '2026-05-19T00:00:00Z'", 2),
        ("stage = 'nothing'", 0),
    ] {
        for relation in ["all_events", "(select * from all_events)"] {
            let plan = plan(&session, &format!("select id, user_id from {relation} where {filter}")).await;
            assert_eq!(cells_in(&plan), cells, "{filter}\n{plan}");
        }
    }
}

#[tokio::test]
async fn only_the_columns_asked_for_are_read() {
    let session = ten_days().await.session_with(many_groups()).await;
    let plan = plan(&session, "select user_id, event_type from all_events where id = 'id13'").await;
    assert!(plan.contains("projection=[id, event_type, user_id], file_type=parquet"), "{plan}");
}

#[tokio::test]
async fn counts_and_ranges_come_from_the_log_without_reading() {
    let session = ten_days().await.session_with(many_groups()).await;
    for sql in
        ["select count(*) from all_events", "select count(*), min(time), max(time) from users_messages_email_open"]
    {
        let plan = plan(&session, sql).await;
        assert!(plan.contains("PlaceholderRowExec") && cells_in(&plan) == 0, "{plan}");
    }
    assert_eq!(ask(&session, "select count(*) from all_events").await, ["34"]);
    let plan = plan(&session, "select id from all_events limit 1").await;
    assert_eq!(cells_in(&plan), 1, "{plan}");
}
