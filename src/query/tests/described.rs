//! What the descriptions say.

use super::fixture::{OPEN, rows, small};
use crate::query::describe::{list, table, tables};

#[tokio::test]
async fn the_list_sums_up_each_table() {
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    let all = rows(&tables(&session).unwrap());
    assert_eq!(all.len(), 106);
    assert_eq!(all[0][..5], [OPEN, "email", "open", "3", "2"].map(String::from));
    assert_eq!(all[0][6], "2026-03-02");
    assert_eq!(all[105][3], "0");
    for width in [80, 110, 160] {
        let text = list(&session, Some(width)).unwrap();
        // The names are what the list is read for: the longest is whole, and nothing is wider than the terminal.
        assert!(text.contains("users_behaviors_liveactivity_pushtostarttokenchange"), "{text}");
        assert!(text.lines().all(|l| l.chars().count() <= width), "{text}");
    }
    let text = list(&session, None).unwrap();
    assert!(text.contains("\nViews\n") && text.contains("system.rejects"), "{text}");
}

#[tokio::test]
async fn a_table_is_told_with_its_rows_and_columns() {
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    let text = table(&session, "Users_Messages_Email_Open", None).await.unwrap();
    assert!(text.contains("event type users.messages.email.Open, channel email, stage open"), "{text}");
    assert!(text.contains("3 rows in 2 days from 2026-03-01 to 2026-03-02"), "{text}");
    assert!(text.contains("newest event 2026-03-02T10:00:00Z"), "{text}");
    let line = text.lines().find(|l| l.trim_start().starts_with("email_address")).unwrap();
    assert!(line.contains("text") && line.contains("true"), "{line}");
    let text = table(&session, "events", None).await.unwrap();
    assert!(text.contains("Grain: one row per stored event") && text.contains("event_time"), "{text}");
    let error = table(&session, "evnts", None).await.unwrap_err();
    assert!(error.show().contains("did you mean `events`?"), "{}", error.show());
}

#[tokio::test]
async fn every_column_of_every_view_has_a_type() {
    let (warehouse, _) = small().await;
    let session = warehouse.session().await;
    for view in session.views() {
        for column in session.columns(&view.name).await.unwrap() {
            assert_ne!(column.kind, "null", "{}.{}", view.name, column.name);
        }
    }
}
