//! What `eddyline connect` prints, run in the tools: DuckDB, Polars, pandas and ClickHouse (chDB) show the same rows as
//! `eddyline sql` for every table, DuckDB also for every view. What the others are given is shown as it is printed.
//!
//! The tools come from `tests/requirements.txt`; `tests/run` puts them in place. `connect/compare.py` runs them.

mod fixtures;

use fixtures::{Run, arg, command, eddyline, finish, hour_folder, python, write};
use insta::assert_snapshot;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

const OPEN: &str = "users_messages_email_open";
const UNHEARD: &str = "users_behaviors_unheard";

/// An export of every event type, loaded; then two files with what is odd: text with quotes, lists with gaps, a time
/// before 1970, an event type and columns nobody knew, the older files left without them.
struct Made {
    dir: TempDir,
}

/// The folder's name is a test of quoting, too.
const WAREHOUSE: &str = "it's \"w\"";

const OPENS: &str = r#"{"id":"q1","time":1772409600,"user_id":"O'Brien \"x\" \\ ; -- ü\n2","campaign_name":"","brand_new":"it's"}
{"id":"q2","time":-1,"brand_new":null}
"#;
const NEWS: &str = r#"{"id":"u1","time":1772409600,"user_id":"x","it's \"odd\", `so`":"v","big":-9223372036854775808,"ratio":0.1,"yes":true,"words":["a",null,"ü'"]}
{"id":"u2","time":1772409601,"user_id":"y","words":[]}
{"id":"u3","time":1772409602,"user_id":"y"}
"#;

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        eddyline(dir.path(), &["generate", "--out", ".", "--events", "1500", "--days", "3", "--seed", "5"]).ends(0);
        let load = ["load", "--source", "currents", "--warehouse", WAREHOUSE];
        eddyline(dir.path(), &load).ends(0);
        for (event_type, text) in [("users.messages.email.Open", OPENS), ("users.behaviors.Unheard", NEWS)] {
            let folder = at("currents").join(hour_folder(event_type, "2026-03-04-07"));
            write(&folder.join("odd.json"), text.as_bytes());
        }
        let more = eddyline(dir.path(), &[&load[..], &["--full", "--schema-budget", "0"]].concat()).ends(0);
        assert!(more.stdout.contains("cells without newer columns"), "{more:#?}");
        Made { dir }
    })
}

impl Made {
    fn connect(&self, args: &[&str]) -> Run {
        eddyline(self.dir.path(), &[&["connect", "--warehouse", WAREHOUSE], args].concat())
    }

    /// What `eddyline sql` says of every table, `all_events` and every view, as Parquet files.
    fn expected(&self) -> &'static Path {
        static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
        WRITTEN.get_or_init(|| {
            let folder = self.dir.path().join("expected");
            fs::create_dir_all(&folder).unwrap();
            let tables = self.sql(&["--format", "csv", "-c", "SELECT DISTINCT table_name FROM system.columns"]).stdout;
            let tables: Vec<&str> = tables.lines().skip(1).collect();
            assert!(tables.len() > 100 && tables.contains(&UNHEARD), "{tables:?}");
            let views = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("sql")).unwrap();
            let views: Vec<String> = views.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            let views = views.iter().filter_map(|file| file.strip_suffix(".sql"));
            let mut script = String::new();
            for (name, sort) in
                tables.iter().map(|t| (*t, "table")).chain(views.chain(["all_events"]).map(|v| (v, "view")))
            {
                let _ = writeln!(script, "COPY (SELECT * FROM {name}) TO 'expected/{name}.{sort}.parquet';");
            }
            write(&self.dir.path().join("copy.sql"), script.as_bytes());
            self.sql(&["-f", "copy.sql"]);
            folder
        })
    }

    fn sql(&self, args: &[&str]) -> Run {
        eddyline(self.dir.path(), &[&["sql", "--warehouse", WAREHOUSE], args].concat()).ends(0)
    }

    /// A folder with only some of what is expected.
    fn only(&self, name: &str, wanted: impl Fn(&str) -> bool) -> PathBuf {
        let folder = self.dir.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        for file in fixtures::entries(self.expected()) {
            let file_name = file.file_name().unwrap().to_str().unwrap();
            if wanted(file_name) {
                fs::copy(&file, folder.join(file_name)).unwrap();
            }
        }
        folder
    }

    /// Runs what is printed for a tool in that tool and compares.
    fn compared(&self, tool: &str, file: &str, expected: &Path) -> Value {
        let script = self.dir.path().join(file);
        self.connect(&[tool, "-o", arg(&script)]).ends(0);
        compared(tool, &script, expected)
    }
}

/// What `compare.py` found.
fn compared(tool: &str, script: &Path, expected: &Path) -> Value {
    let compare = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connect/compare.py");
    let output = Command::new(python("test-venv")).arg(compare).arg(tool).arg(script).arg(expected).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn assert_same(found: &Value, relations: usize) {
    assert_eq!(found["wrong"], serde_json::json!({}));
    assert!(found["relations"].as_object().unwrap().len() >= relations, "{}", found["relations"]);
    assert_eq!(found["relations"][UNHEARD], 3);
}

/// Every table and `all_events`.
fn tables() -> &'static Path {
    static TABLES: OnceLock<PathBuf> = OnceLock::new();
    TABLES.get_or_init(|| {
        made().only("tables", |file| file.ends_with(".table.parquet") || file.starts_with("all_events."))
    })
}

#[test]
fn duckdb_shows_every_table_and_every_view() {
    assert_same(&made().compared("duckdb", "duckdb.sql", made().expected()), 150);
}

#[test]
fn polars_shows_every_table() {
    assert_same(&made().compared("polars", "eddyline_polars.py", tables()), 108);
}

#[test]
fn pandas_shows_every_table() {
    assert_same(&made().compared("pandas", "eddyline_pandas.py", tables()), 108);
}

#[test]
fn clickhouse_shows_every_table() {
    assert_same(&made().compared("clickhouse", "clickhouse.sql", tables()), 108);
}

#[test]
fn the_comparison_sees_a_missing_row_another_value_and_another_type() {
    let made = made();
    let script = made.dir.path().join("altered.sql");
    let text = made.connect(&["duckdb", "--table", UNHEARD]).ends(0).stdout;
    let expected = made.only("unheard", |file| file.starts_with(UNHEARD));
    let altered = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        write(&script, text.replacen(from, to, 1).as_bytes());
        compared("duckdb", &script, &expected)["wrong"][UNHEARD].as_str().unwrap_or_default().to_string()
    };
    assert_eq!(altered("FROM read_parquet", "FROM read_parquet"), "");
    assert!(
        altered("hive_types = {'queue_date': DATE})", "hive_types = {'queue_date': DATE}) WHERE id <> 'u2'")
            .contains("2 rows instead of 3")
    );
    assert!(altered("\"big\"", "\"big\" + 1 AS \"big\"").contains("1 rows differ"));
    assert!(
        altered("\"ratio\"", "CAST(\"ratio\" AS VARCHAR) AS \"ratio\"").contains("ratio is text instead of double")
    );
}

/// A definition newer than every file.
#[test]
fn a_column_that_no_file_has_is_null() {
    let made = made();
    let at = |name: &str| made.dir.path().join(name);
    let definition = "[[table]]\nevent_type = \"users.UserOrphan\"\nmeaning = \"Merged.\"\nrequired = [\"id\"]\n\
                      columns = [\"id\", \"user_id\", \"time\", \"orphaned_by_id\", \"url\", \"media_urls\"]\n";
    write(&at("defs/orphan.toml"), definition.as_bytes());
    let table = "users_userorphan";
    fs::create_dir_all(at("newer")).unwrap();
    let copy = format!("COPY (SELECT * FROM {table}) TO 'newer/{table}.table.parquet'");
    made.sql(&["--defs", "defs", "-c", &copy]);
    for (tool, file) in
        [("duckdb", "n.sql"), ("polars", "n_polars.py"), ("pandas", "n_pandas.py"), ("clickhouse", "n_ch.sql")]
    {
        made.connect(&[tool, "--defs", "defs", "--table", table, "-o", file]).ends(0);
        let found = compared(tool, &at(file), &at("newer"));
        assert_eq!(found["wrong"], serde_json::json!({}), "{tool}");
        assert!(found["relations"][table].as_u64().is_some_and(|rows| rows > 0), "{tool}: {found}");
    }
}

const TOOLS: [&str; 9] =
    ["duckdb", "polars", "pandas", "spark", "athena", "trino", "bigquery", "snowflake", "clickhouse"];

#[test]
fn no_tool_is_told_a_secret() {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIAHUSH"),
        ("AWS_SECRET_ACCESS_KEY", "HUSH"),
        ("AWS_SESSION_TOKEN", "HUSH"),
        ("AWS_REGION", "eu-west-1"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "acme"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "HUSH"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "HUSH"),
    ];
    for address in ["s3://acme/w", "gs://acme/w", "az://acme/w"] {
        for tool in TOOLS {
            let args = ["connect", tool, "--warehouse", WAREHOUSE, "--at", address, "--table", OPEN];
            let mut command = command(made().dir.path(), &args);
            let run = finish({
                command.envs(variables);
                command
            });
            let refused = run.code == 2 && run.stderr.contains("reads");
            assert!(run.code == 0 || refused, "{tool} at {address}: {run:#?}");
            assert!(!run.stdout.contains("HUSH") && !run.stderr.contains("HUSH"), "{tool} at {address}: {run:#?}");
        }
    }
}

#[test]
fn mistakes_are_said() {
    let said = |args: &[&str]| made().connect(args).ends(2).stderr;
    assert_snapshot!(said(&["duckdb", "--table", "nope"]), @r"
error: there is no table `nope`
hint: `eddyline tables` lists them
");
    assert_snapshot!(said(&["duckdb", "--table", "events"]), @r"
error: there is no table `events`
hint: that is a view: without --table every table and every view is printed
");
    assert_snapshot!(said(&["athena", "--at", "gs://acme/w"]), @r"
error: Athena reads S3, and the warehouse is at gs://acme/w
hint: --at names the address of a copy the tool can reach
");
    assert_snapshot!(said(&["bigquery", "--at", "s3://acme/w"]), @r"
error: BigQuery reads Google Cloud Storage, and the warehouse is at s3://acme/w
hint: --at names the address of a copy the tool can reach
");
    assert_snapshot!(said(&["polars", "--at", "ftp://acme/w"]), @r"
error: nothing here reads the address ftp://acme/w
hint: give a folder, s3://, gs:// or az://
");
}

/// What is printed for one table.
fn printed(tool: &str, at: &str) -> String {
    made().connect(&[tool, "--at", at, "--table", "users_userdeleterequest"]).ends(0).stdout
}

#[test]
fn athena_is_given_an_external_table_with_projected_days() {
    assert_snapshot!(printed("athena", "s3://acme/warehouse"), @r"
-- s3://acme/warehouse for Athena, by `eddyline connect`.
-- Only some tables: all_events and the views need all of them.
--
-- Athena runs one statement at a time: docs/connect.md has a few lines of Python that run a file of them. Files
-- and days are seen by themselves, from 2026-01-01 on; run `eddyline connect` again when a load has brought
-- older days, new columns, or a table of a type nobody knew (its report names them).
-- The tables are external: dropping one deletes no file. Credentials: those of who asks, who also needs to read
-- the bucket.
CREATE DATABASE IF NOT EXISTS eddyline;

-- The customer had the profile deleted. Every row of it, and of the profiles merged into it, has to be erased
-- from all tables.
DROP TABLE IF EXISTS eddyline.`users_userdeleterequest`;

CREATE EXTERNAL TABLE eddyline.`users_userdeleterequest` (
  `id` STRING,
  `user_id` STRING,
  `time` TIMESTAMP,
  `app_group_id` STRING,
  `_extra` STRING,
  `_source_file` STRING,
  `_source_row` BIGINT
)
PARTITIONED BY (queue_date DATE)
STORED AS PARQUET
LOCATION 's3://acme/warehouse/tables/users_userdeleterequest/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.queue_date.type' = 'date',
  'projection.queue_date.format' = 'yyyy-MM-dd',
  'projection.queue_date.range' = '2026-01-01,NOW',
  'projection.queue_date.interval' = '1',
  'projection.queue_date.interval.unit' = 'DAYS'
);
");
}

#[test]
fn trino_is_given_a_table_of_a_hive_catalog() {
    assert_snapshot!(printed("trino", "s3://acme/warehouse"), @r#"
-- s3://acme/warehouse for Trino, by `eddyline connect`.
-- Only some tables: all_events and the views need all of them.
--
-- Run it with the catalog of a Hive connector: trino --catalog hive -f FILE. The catalog learns of new days by
-- the calls at the end: run those after each load. Run `eddyline connect` again when a load has brought the
-- first files of a table, or new columns (its report names both).
-- The tables are external: dropping one deletes no file. Moments have milliseconds, which is a Hive catalog's
-- default and all that Braze sends; with hive.timestamp-precision=MICROSECONDS write TIMESTAMP(6) for
-- TIMESTAMP(3).
--
-- Credentials: the catalog's own (fs.native-s3.enabled, s3.region, and s3.iam-role or keys).
CREATE SCHEMA IF NOT EXISTS eddyline;
USE eddyline;

-- The customer had the profile deleted. Every row of it, and of the profiles merged into it, has to be erased
-- from all tables.
DROP TABLE IF EXISTS "users_userdeleterequest";

CREATE TABLE "users_userdeleterequest" (
  "id" VARCHAR,
  "user_id" VARCHAR,
  "time" TIMESTAMP(3),
  "app_group_id" VARCHAR,
  "_extra" VARCHAR,
  "_source_file" VARCHAR,
  "_source_row" BIGINT,
  queue_date DATE
)
WITH (
  format = 'PARQUET',
  external_location = 's3://acme/warehouse/tables/users_userdeleterequest',
  partitioned_by = ARRAY['queue_date']
);

-- After each load, from here on.
CALL system.sync_partition_metadata('eddyline', 'users_userdeleterequest', 'FULL');
"#);
}

#[test]
fn bigquery_is_given_an_external_table_with_partitions() {
    assert_snapshot!(printed("bigquery", "gs://acme/warehouse"), @r"
-- gs://acme/warehouse for BigQuery, by `eddyline connect`.
-- Only some tables: all_events and the views need all of them.
--
-- Paste it into the query editor, or: bq query --use_legacy_sql=false < FILE. The dataset must be in the
-- bucket's location; make it beforehand where that is not the default. New files and days are seen by
-- themselves. A table without files is an empty view, for BigQuery refuses an external table without any: when a
-- load has brought the first files of a table, or new columns (its report names both), run DROP SCHEMA eddyline
-- CASCADE (nothing but what this text makes is in it) and what `eddyline connect` prints then.
-- Credentials: those of who asks, who also needs to read the bucket.
CREATE SCHEMA IF NOT EXISTS eddyline;

-- The customer had the profile deleted. Every row of it, and of the profiles merged into it, has to be erased
-- from all tables.
CREATE OR REPLACE EXTERNAL TABLE eddyline.`users_userdeleterequest` (
  `id` STRING,
  `user_id` STRING,
  `time` TIMESTAMP,
  `app_group_id` STRING,
  `_extra` STRING,
  `_source_file` STRING,
  `_source_row` INT64
)
WITH PARTITION COLUMNS (queue_date DATE)
OPTIONS (
  format = 'PARQUET',
  uris = ['gs://acme/warehouse/tables/users_userdeleterequest/*'],
  hive_partition_uri_prefix = 'gs://acme/warehouse/tables/users_userdeleterequest',
  require_hive_partition_filter = FALSE,
  enable_list_inference = TRUE
);
");
}

#[test]
fn snowflake_is_given_an_external_table_over_a_stage() {
    assert_snapshot!(printed("snowflake", "abfss://c@acme.dfs.core.windows.net/w"), @r#"
-- az://c/w for Snowflake, by `eddyline connect`.
-- Only some tables: all_events and the views need all of them.
--
-- Paste it into a worksheet, in a database of yours. An administrator makes the integration that holds the
-- permission once:
--   CREATE STORAGE INTEGRATION eddyline TYPE = EXTERNAL_STAGE ENABLED = TRUE STORAGE_PROVIDER = 'AZURE' AZURE_TENANT_ID = '…' STORAGE_ALLOWED_LOCATIONS = ('azure://acme.blob.core.windows.net/c/w/');
-- New files and days are seen after the ALTER statements at the end: run those after each load. Run `eddyline
-- connect` again when a load has brought new columns or a table of a type nobody knew (its report names both).
CREATE SCHEMA IF NOT EXISTS eddyline;
USE SCHEMA eddyline;
CREATE OR REPLACE STAGE eddyline_warehouse URL = 'azure://acme.blob.core.windows.net/c/w/' STORAGE_INTEGRATION = eddyline FILE_FORMAT = (TYPE = PARQUET);

-- The customer had the profile deleted. Every row of it, and of the profiles merged into it, has to be erased
-- from all tables.
CREATE OR REPLACE EXTERNAL TABLE users_userdeleterequest (
  id VARCHAR AS (VALUE:"id"::VARCHAR),
  user_id VARCHAR AS (VALUE:"user_id"::VARCHAR),
  time TIMESTAMP_NTZ AS (TO_TIMESTAMP_NTZ(VALUE:"time"::VARCHAR)),
  app_group_id VARCHAR AS (VALUE:"app_group_id"::VARCHAR),
  _extra VARCHAR AS (VALUE:"_extra"::VARCHAR),
  _source_file VARCHAR AS (VALUE:"_source_file"::VARCHAR),
  _source_row BIGINT AS (VALUE:"_source_row"::BIGINT),
  queue_date DATE AS (TO_DATE(SPLIT_PART(SPLIT_PART(METADATA$FILENAME, 'queue_date=', 2), '/', 1), 'YYYY-MM-DD'))
)
PARTITION BY (queue_date)
LOCATION = @eddyline_warehouse/tables/users_userdeleterequest/
AUTO_REFRESH = FALSE
REFRESH_ON_CREATE = TRUE
FILE_FORMAT = (TYPE = PARQUET);

-- After each load, from here on.
ALTER EXTERNAL TABLE users_userdeleterequest REFRESH;
"#);
}

#[test]
fn spark_is_given_a_script() {
    assert_snapshot!(printed("spark", "s3://acme/warehouse"), @r#"
# s3://acme/warehouse for Spark, by `eddyline connect`.
# Only some tables: all_events and the views need all of them.
#
# Paste it into a notebook, or begin a program with it: it makes temporary views in the session it finds or
# starts. Spark lists a table's files when its view is made, so run it again in a session that is to see files a
# load has brought since. Run `eddyline connect` again when a load has brought the first files of a table, or
# new columns (its report names both).
#
# Credentials: those of Hadoop's s3a (package org.apache.hadoop:hadoop-aws), which finds AWS_ACCESS_KEY_ID and
# the like, or a role.

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("eddyline").getOrCreate()
# Days are reckoned in this zone.
spark.conf.set("spark.sql.session.timeZone", "UTC")

# The customer had the profile deleted. Every row of it, and of the profiles merged into it, has to be erased
# from all tables.
spark.sql(r"""CREATE OR REPLACE TEMPORARY VIEW `users_userdeleterequest` (
  `id` STRING,
  `user_id` STRING,
  `time` TIMESTAMP,
  `app_group_id` STRING,
  `_extra` STRING,
  `_source_file` STRING,
  `_source_row` BIGINT,
  queue_date DATE
)
USING parquet
OPTIONS (path 's3a://acme/warehouse/tables/users_userdeleterequest')""")
"#);
}
