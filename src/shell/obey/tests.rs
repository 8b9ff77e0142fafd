//! Commands and statements over a small warehouse, without a terminal.

use super::*;
use crate::query::Session;
use crate::shell::Programs;
use crate::shell::names;
use std::path::Path;

async fn session() -> Session {
    let store = crate::warehouse::Store::nothing();
    let definitions = Arc::new(crate::table::Definitions::builtin().unwrap());
    Session::open(store, definitions, crate::query::Options::default()).await.unwrap()
}

fn programs(editor: &str) -> Programs {
    Programs { editor: editor.into(), pager: "cat".into() }
}

/// The one value of the last result.
fn last(shell: &Shell<'_>) -> String {
    let answer = shell.last.as_ref().unwrap();
    let batch = answer.batches().unwrap().next().unwrap().unwrap();
    arrow::util::display::array_value_to_string(batch.column(0), 0).unwrap()
}

async fn take(shell: &mut Shell<'_>, line: &str) -> Next {
    shell.take(line).await.unwrap_or_else(|e| panic!("{line}: {}", e.show()))
}

async fn refused(shell: &mut Shell<'_>, line: &str) -> String {
    shell.take(line).await.err().unwrap_or_else(|| panic!("{line} was taken")).show().to_string()
}

#[tokio::test]
async fn commands_toggle_and_refuse() {
    let session = session().await;
    let mut shell = Shell::new(&session, None, programs("true"));
    for line in ["\\d", "\\d events", "\\d users_messages_email_open", "\\views", "\\refresh", "\\?", "\\history"] {
        assert_eq!(take(&mut shell, line).await, Next::Go);
    }
    take(&mut shell, "\\timing").await;
    assert!(shell.timing);
    take(&mut shell, "\\x").await;
    assert_eq!(shell.display.mode, Mode::Expanded);
    take(&mut shell, "\\mode CSV").await;
    assert_eq!(shell.display.mode, Mode::Format(OutputFormat::Csv));
    take(&mut shell, "\\rows 0").await;
    assert_eq!(shell.display.rows, None);
    take(&mut shell, "\\pager less -R").await;
    assert_eq!(shell.display.pager.as_deref(), Some("less -R"));
    take(&mut shell, "\\pager").await;
    assert_eq!(shell.display.pager, None);
    assert_eq!(take(&mut shell, "\\q").await, Next::Leave);
    for (line, why) in [
        ("\\d evnts", "did you mean `events`"),
        ("\\mode parquet", "there is no mode"),
        ("\\rows many", "takes a number"),
        ("\\histroy", "did you mean \\history"),
        ("\\i", "needs a file"),
        ("\\i /no/such/file", "cannot read"),
        ("\\plot", "no result to draw"),
        ("select 1 from evnts;", "did you mean `events`"),
    ] {
        let error = refused(&mut shell, line).await;
        assert!(error.contains(why), "{line}: {error}");
    }
}

#[tokio::test]
async fn the_last_result_is_a_table() {
    let session = session().await;
    let mut shell = Shell::new(&session, None, programs("true"));
    assert!(refused(&mut shell, "from _ select 1;").await.contains('_'));
    take(&mut shell, "select 'a' as name, 2 as n union all select 'b', 3 order by 1;").await;
    take(&mut shell, "select sum(n) as total from _;").await;
    assert_eq!(shell.last.as_ref().unwrap().rows, 1);
    take(&mut shell, "select total + 1 as next from _; select next from _;").await;
    assert_eq!(last(&shell), "6");
    // FROM first, and two columns of one name.
    take(&mut shell, "select a.next, b.next from _ a, _ b;").await;
    take(&mut shell, "from _;").await;
    assert_eq!(names(shell.session).relations["_"], ["next", "next_1"]);
    // A failure leaves it as it was.
    refused(&mut shell, "select nope from _;").await;
    take(&mut shell, "select next_1 from _;").await;
}

#[tokio::test]
async fn results_go_to_files_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let session = session().await;
    let mut shell = Shell::new(&session, None, programs("true"));
    take(&mut shell, &format!("\\o {}", path("a.csv"))).await;
    take(&mut shell, "select 1 as n; select 2 as n;").await;
    take(&mut shell, "\\o").await;
    assert_eq!(std::fs::read_to_string(path("a.csv")).unwrap(), "n\n1\nn\n2\n");
    take(&mut shell, &format!("\\o {}", path("a.json"))).await;
    take(&mut shell, "select 1 as n;").await;
    assert!(refused(&mut shell, "select 2 as n;").await.contains("holds a result already"));
    take(&mut shell, "\\o").await;
    let json = std::fs::read_to_string(path("a.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), serde_json::json!([{"n": 1}]));
    assert!(refused(&mut shell, "\\o /no/such/folder/x").await.contains("cannot write"));
    take(&mut shell, &format!("copy (select 7 as n) to '{}';", path("b.parquet"))).await;
    assert!(Path::new(&path("b.parquet")).metadata().unwrap().len() > 100);
}

#[tokio::test]
async fn files_run_and_errors_name_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let session = session().await;
    let mut shell = Shell::new(&session, None, programs("true"));
    std::fs::write(path("in.sql"), "\\timing\nselect 41 as n;\n\nselect n + 1 as n from _\n").unwrap();
    take(&mut shell, &format!("\\i {}", path("in.sql"))).await;
    assert!(shell.timing);
    assert_eq!(last(&shell), "42");
    std::fs::write(path("bad.sql"), "\\timing\nselect 1;\nselect nope;\n").unwrap();
    let error = refused(&mut shell, &format!("\\i {}", path("bad.sql"))).await;
    assert!(error.contains("bad.sql:3:8"), "{error}");
    std::fs::write(path("self.sql"), format!("\\i {}\n", path("self.sql"))).unwrap();
    assert!(refused(&mut shell, &format!("\\i {}", path("self.sql"))).await.contains("run one another"));
    std::fs::write(path("quit.sql"), "\\q\nselect 1;\n").unwrap();
    assert_eq!(take(&mut shell, &format!("\\i {}", path("quit.sql"))).await, Next::Leave);
}

#[tokio::test]
async fn what_was_edited_runs() {
    let session = session().await;
    let mut shell = Shell::new(&session, None, programs("sed -i s/1/5/"));
    take(&mut shell, "select 1 as n;").await;
    take(&mut shell, "\\e").await;
    assert_eq!(last(&shell), "5");
    assert_eq!(shell.statement, "select 5 as n");
    // Left as it was: nothing runs.
    shell.programs.editor = "true".into();
    shell.last = None;
    take(&mut shell, "\\e").await;
    assert!(shell.last.is_none());
    shell.programs.editor = "no-such-editor".into();
    assert!(refused(&mut shell, "\\e").await.contains("EDITOR"));
}

#[tokio::test]
async fn charts_are_drawn_of_the_last_result_or_a_statement() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chart.txt").display().to_string();
    let session = session().await;
    let mut shell = Shell::new(&session, None, programs("true"));
    take(&mut shell, "select 'email' as channel, 7 as sends;").await;
    take(&mut shell, &format!("\\o {file}")).await;
    take(&mut shell, "\\plot").await;
    take(&mut shell, "\\plot line select 1 as x, 2 as y union all select 2, 4;").await;
    take(&mut shell, "\\o").await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("sends by channel\nemail  7") && text.contains("y by x\n"), "{text}");
    take(&mut shell, "select x from _;").await;
}

#[tokio::test]
async fn json_in_text_is_read() {
    let session = session().await;
    let mut shell = Shell::new(&session, None, programs("true"));
    for (sql, value) in [
        ("json_get_str('{\"a\": {\"b\": \"x\"}}', 'a', 'b')", "x"),
        ("json_get_int('{\"n\": 7}', 'n') + 1", "8"),
        ("'{\"a\": \"y\"}' ->> 'a'", "y"),
        ("json_length('[1, 2, 3]')", "3"),
        ("json_contains('{\"a\": null}', 'a')", "true"),
    ] {
        take(&mut shell, &format!("select {sql} as v;")).await;
        assert_eq!(last(&shell), value, "{sql}");
    }
}
