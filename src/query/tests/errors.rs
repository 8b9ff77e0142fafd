//! What people read when a statement is wrong.

use super::fixture::{OPEN, small};
use crate::error::Kind;
use crate::query::{Options, Session, split_statements};

async fn complaint(sql: &str) -> (Kind, String) {
    let (warehouse, _) = small().await;
    let error = warehouse.session().await.run(sql).await.err().unwrap_or_else(|| panic!("{sql} ran"));
    (error.kind(), error.show())
}

#[tokio::test]
async fn a_wrong_column_is_pointed_at_and_the_right_one_named() {
    let (kind, text) = complaint(&format!("select id,\n       usr_id\nfrom {OPEN}")).await;
    assert_eq!(kind, Kind::Usage);
    assert_eq!(
        text,
        "error: there is no column `usr_id`\n  --> line 2, column 8\n2 |        usr_id\n  |        ^^^^^^\n\
         hint: did you mean `user_id`?"
    );
}

#[tokio::test]
async fn a_wrong_table_is_pointed_at_and_the_right_one_named() {
    let (kind, text) = complaint("select 1 from users_messages_email_opens").await;
    assert_eq!(kind, Kind::Usage);
    assert_eq!(
        text,
        "error: there is no table or view `users_messages_email_opens`\n  --> line 1, column 15\n\
         1 | select 1 from users_messages_email_opens\n  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^\n\
         hint: did you mean `users_messages_email_open`?"
    );
}

#[tokio::test]
async fn a_syntax_error_has_its_place() {
    let (kind, text) = complaint("select 1,\n  from where x").await;
    assert_eq!(kind, Kind::Usage);
    assert!(text.contains("--> line 2, column "), "{text}");
}

#[tokio::test]
async fn a_wrong_function_is_a_mistake_in_the_statement() {
    let (kind, text) = complaint(&format!("select no_such_function(id) from {OPEN}")).await;
    assert_eq!(kind, Kind::Usage, "{text}");
    assert!(text.contains("no_such_function"), "{text}");
}

#[tokio::test]
async fn writing_is_refused_in_a_sentence() {
    for sql in [
        format!("insert into {OPEN} (id) values ('x')"),
        format!("drop table {OPEN}"),
        "create table x as select 1".into(),
    ] {
        let (kind, text) = complaint(&sql).await;
        assert_eq!(kind, Kind::Usage);
        assert!(text.contains("only reads the warehouse"), "{text}");
    }
}

#[tokio::test]
async fn no_rows_value_is_shown() {
    let (kind, text) = complaint(&format!("select cast(email_address as bigint) from {OPEN}")).await;
    assert_eq!(kind, Kind::Failed);
    assert!(!text.contains("x@e.org"), "{text}");
    assert!(text.contains("try_cast"), "{text}");
}

#[tokio::test]
async fn a_script_is_named_with_the_line_in_it() {
    let (warehouse, _) = small().await;
    let script = "select 1;\n\nselect 2,\n  nope;";
    let statements = split_statements(script).unwrap();
    let error = warehouse
        .session()
        .await
        .run_watched(&statements[1], Some("my.sql"), &crate::query::Watch::default())
        .await
        .err()
        .unwrap();
    assert!(error.show().contains("--> my.sql:4:3"), "{}", error.show());
}

#[tokio::test]
async fn a_broken_view_is_blamed_by_file_and_line_when_it_is_used() {
    let (warehouse, _) = small().await;
    let views = vec![("mine.sql".to_string(), format!("-- Mine.\nselect id,\n  opned\nfrom {OPEN}"))];
    let session = warehouse.session_with(Options { views, ..Options::default() }).await;
    let error = session.run("select * from mine").await.err().unwrap();
    assert!(error.show().contains("--> mine.sql:3:3"), "{}", error.show());
}

#[tokio::test]
async fn a_view_over_nothing_stops_the_session_from_opening() {
    let (warehouse, _) = small().await;
    let views = vec![("mine.sql".to_string(), "-- Mine.\nselect *\nfrom nowhere_at_all".to_string())];
    let options = Options { views, ..Options::default() };
    let error = Session::open(warehouse.store, warehouse.definitions, options).await.err().unwrap();
    assert!(error.what().starts_with("mine.sql:3: "), "{}", error.show());
}
