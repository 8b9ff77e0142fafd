//! `eddyline sql` and `eddyline tables` as a user meets them: formats, files, standard input, mistakes.

mod fixtures;

use fixtures::{command, eddyline, end_of, hour_folder, write};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

const OPEN: &str = "users.messages.email.Open";

/// A warehouse with three opens and one damaged file.
fn warehouse() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let rows = "{\"id\":\"a\",\"time\":1772409600,\"user_id\":\"u1\",\"campaign_name\":\"Spring, \\\"sale\\\"\"}\n\
                {\"id\":\"b\",\"time\":1772409601,\"user_id\":\"u2\"}\n\
                {\"id\":\"c\",\"time\":1772409602,\"user_id\":\"u2\",\"machine_open\":\"true\"}\n";
    let folder = dir.path().join("export").join(hour_folder(OPEN, "2026-03-02-00"));
    write(&folder.join("one.json"), rows.as_bytes());
    write(&folder.join("cut.avro"), b"Obj");
    eddyline(dir.path(), &["load", "--source", "export", "--warehouse", "w"]).ends(0);
    dir
}

fn sql(folder: &Path, args: &[&str]) -> fixtures::Run {
    let all: Vec<&str> = ["sql", "--warehouse", "w"].iter().chain(args).copied().collect();
    eddyline(folder, &all)
}

const THREE: &str = "SELECT id, time, user_id, campaign_name, machine_open IS NOT NULL AS machine \
                     FROM users_messages_email_open ORDER BY id";

#[test]
fn every_format_says_the_same() {
    let dir = warehouse();
    let said = |format: &str| sql(dir.path(), &["--format", format, "-c", THREE]).ends(0).stdout;
    assert_eq!(
        said("csv"),
        "id,time,user_id,campaign_name,machine\n\
         a,2026-03-02T00:00:00Z,u1,\"Spring, \"\"sale\"\"\",false\n\
         b,2026-03-02T00:00:01Z,u2,,false\n\
         c,2026-03-02T00:00:02Z,u2,,true\n"
    );
    let array: serde_json::Value = serde_json::from_str(&said("json")).unwrap();
    assert_eq!(array[0]["campaign_name"], "Spring, \"sale\"");
    assert_eq!(array[1]["campaign_name"], serde_json::Value::Null);
    let lines: Vec<serde_json::Value> = said("ndjson").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(array.as_array().unwrap(), &lines);
    assert!(said("markdown").starts_with("| id"), "{}", said("markdown"));
    assert!(said("table").ends_with("3 rows\n"), "{}", said("table"));
}

#[test]
fn results_go_to_a_file_in_the_format_its_name_asks_for() {
    let dir = warehouse();
    sql(dir.path(), &["-c", THREE, "-o", "three.parquet"]).ends(0);
    let file = std::fs::File::open(dir.path().join("three.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 3);
    sql(dir.path(), &["-c", "SELECT 1 AS one", "-o", "one.csv"]).ends(0);
    assert_eq!(std::fs::read_to_string(dir.path().join("one.csv")).unwrap(), "one\n1\n");
}

#[test]
fn scripts_come_from_files_and_standard_input() {
    let dir = warehouse();
    write(&dir.path().join("two.sql"), b"-- first\nSELECT 1 AS a;\nSELECT ';' AS b;\n");
    assert_eq!(sql(dir.path(), &["--format", "csv", "-f", "two.sql"]).ends(0).stdout, "a\n1\nb\n;\n");
    let mut piped = command(dir.path(), &["sql", "--warehouse", "w", "--format", "csv"]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 2 AS c").unwrap();
    assert_eq!(end_of(child).ends(0).stdout, "c\n2\n");
}

#[test]
fn a_mistake_is_pointed_at_and_ends_with_2() {
    let dir = warehouse();
    let run = sql(dir.path(), &["-c", "SELECT user_idd FROM users_messages_email_open"]).ends(2);
    assert!(run.stderr.contains("^") && run.stderr.contains("user_id"), "{}", run.stderr);
    write(&dir.path().join("bad.sql"), b"SELECT 1;\n\nSELECT * FROM users_mesages_email_open;\n");
    let run = sql(dir.path(), &["-f", "bad.sql"]).ends(2);
    assert!(run.stderr.contains("bad.sql:3") && run.stderr.contains("users_messages_email_open"), "{}", run.stderr);
    sql(dir.path(), &["-c", "DROP TABLE users_messages_email_open"]).ends(2);
    eddyline(dir.path(), &["sql", "--warehouse", "nowhere", "-c", "SELECT 1"]).ends(2);
}

#[test]
fn the_system_tables_tell_what_eddyline_knows() {
    let dir = warehouse();
    let csv = |query: &str| sql(dir.path(), &["--format", "csv", "-c", query]).ends(0).stdout;
    let quarantined = csv("SELECT key, reason FROM system.quarantine");
    assert!(quarantined.contains("cut.avro") && quarantined.contains("truncated"), "{quarantined}");
    assert_eq!(csv("SELECT count(*) AS n, sum(rows) AS r FROM system.cells"), "n,r\n1,3\n");
    assert_eq!(
        csv("SELECT fate, count(*) AS n FROM system.files GROUP BY fate ORDER BY fate"),
        "fate,n\nloaded,1\nquarantined,1\n"
    );
    assert_eq!(csv("SELECT count(*) AS n FROM system.loads"), "n\n1\n");
    assert_eq!(csv("SELECT count(*) AS n FROM system.rejects"), "n\n0\n");
    assert_eq!(
        csv(
            "SELECT pii FROM system.columns WHERE table_name = 'users_messages_email_open' AND column_name = 'email_address'"
        ),
        "pii\ntrue\n"
    );
}

#[test]
fn tables_are_listed_and_described() {
    let dir = warehouse();
    let said = |args: &[&str]| {
        let all: Vec<&str> = ["tables", "--warehouse", "w"].iter().chain(args).copied().collect();
        eddyline(dir.path(), &all).ends(0).stdout
    };
    assert!(said(&[]).contains("users_messages_email_open") && said(&[]).contains("email_lifecycle"));
    let one = said(&["users_messages_email_open"]);
    assert!(one.contains("machine_open") && one.contains("email_address"), "{one}");
}

#[test]
fn views_of_ones_own_are_laid_over_the_built_in_ones() {
    let dir = warehouse();
    write(
        &dir.path().join("mine/openers.sql"),
        b"-- Who opened.\nSELECT DISTINCT user_id FROM users_messages_email_open\n",
    );
    let run = sql(dir.path(), &["--views", "mine", "--format", "csv", "-c", "SELECT count(*) AS n FROM openers"]);
    assert_eq!(run.ends(0).stdout, "n\n2\n");
    write(&dir.path().join("mine/broken.sql"), b"-- Broken.\nSELECT * FROM nothing_there\n");
    let run = sql(dir.path(), &["--views", "mine", "-c", "SELECT 1"]);
    assert!(run.code == 2 && run.stderr.contains("broken.sql"), "{run:#?}");
}
