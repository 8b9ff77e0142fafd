//! What a new user does first: `eddyline quickstart`, twice, and the commands it prints.

mod fixtures;

use fixtures::{eddyline, python};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Every file under a folder with its moment of modification and size.
fn files(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert(entry.path(), (meta.modified().unwrap(), meta.len()));
        }
    }
    found
}

#[test]
fn quickstart_loads_and_answers_and_a_second_time_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = eddyline(dir.path(), &["quickstart", "here", "--events", "20000"]).ends(0);
    assert!(first.stdout.contains("20,000 events of 94 types over 14 days"), "{}", first.stdout);
    assert!(first.stdout.contains("FROM campaign_daily") && first.stdout.contains("10 rows"), "{}", first.stdout);
    let warehouse = dir.path().join("here/warehouse");
    let before = [files(&warehouse.join("tables")), files(&warehouse.join("meta/log"))];

    let second = eddyline(dir.path(), &["quickstart", "here", "--events", "20000"]).ends(0);
    assert!(second.stdout.contains("nothing new"), "{}", second.stdout);
    assert_eq!(before, [files(&warehouse.join("tables")), files(&warehouse.join("meta/log"))]);
    let answer = |text: &str| text.split("\n3. ").nth(1).unwrap().to_string();
    assert_eq!(answer(&first.stdout), answer(&second.stdout));
}

#[test]
fn the_printed_duckdb_statement_runs_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let run = eddyline(dir.path(), &["quickstart", "--events", "20000"]).ends(0);
    let statement = run.stdout.split("duckdb -c \"").nth(1).unwrap().split("\"\n").next().unwrap();
    let code = "import duckdb, sys; print(sum(n for _, n in duckdb.sql(sys.argv[1]).fetchall()))";
    let theirs = Command::new(python("test-venv")).args(["-c", code, statement]).output().unwrap();
    assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
    let ours = eddyline(
        dir.path(),
        &[
            "sql",
            "--warehouse",
            "quickstart/warehouse",
            "--format",
            "csv",
            "-c",
            "SELECT count(*) AS n FROM users_messages_email_open",
        ],
    );
    assert_eq!(ours.ends(0).stdout.lines().nth(1), Some(String::from_utf8_lossy(&theirs.stdout).trim()));
}
