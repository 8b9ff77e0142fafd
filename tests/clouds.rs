//! The real program on real servers: any place as source with any place as warehouse, the same rows as on a local disk;
//! and the warehouse in S3 as DuckDB and Polars see it, readers that know nothing of Eddyline.

mod fixtures;
mod support;

use fixtures::{Run, command, finish, python};
use serde_json::Value;
use std::process::Command;
use std::sync::OnceLock;
use support::clouds::{CURRENTS, Place, Spot, WAREHOUSE, environment};
use support::{assert_same_rows, files_in, on_one_thread, rows};
use tempfile::TempDir;

/// The program, with the variables that lead to the servers and nothing else of the caller's.
fn eddyline(args: &[&str]) -> Run {
    finish(program(args))
}

fn program(args: &[&str]) -> Command {
    let mut command = command(&std::env::temp_dir(), args);
    command.envs(environment().into_iter().filter(|(name, _)| !name.starts_with("TEST_")));
    command
}

/// An export with its truth, and the rows of a warehouse on a local disk.
struct Export {
    dir: TempDir,
    rows: Vec<String>,
    truth: Value,
}

fn export() -> &'static Export {
    static MADE: OnceLock<Export> = OnceLock::new();
    MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().to_str().unwrap();
        let types = "users.messages.email.*";
        eddyline(&["generate", "--out", out, "--events", "2000", "--days", "3", "--types", types]).ends(0);
        let (source, warehouse) = (format!("{out}/currents"), format!("{out}/warehouse"));
        eddyline(&["load", "--source", &source, "--warehouse", &warehouse]).ends(0);
        let disk = object_store::local::LocalFileSystem::new_with_prefix(&warehouse).unwrap();
        let rows = on_one_thread(async { rows(&disk).await });
        let truth: Value = serde_json::from_slice(&std::fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
        let ids: u64 = truth["tables"].as_object().unwrap().values().map(|t| t["distinct_ids"].as_u64().unwrap()).sum();
        assert_eq!(rows.len() as u64, ids);
        Export { dir, rows, truth }
    })
}

/// The export in a place.
fn uploaded(place: Place) -> Spot {
    let spot = place.spot(CURRENTS);
    let files = files_in(&export().dir.path().join("currents"));
    on_one_thread(spot.upload(&files));
    spot
}

/// Loads, looks, loads again: everything as on a local disk.
fn assert_loads(source: &str, warehouse: &str, spot: &Spot) {
    let when = format!("{source} to {warehouse}");
    eddyline(&["load", "--source", source, "--warehouse", warehouse]).ends(0);
    assert_same_rows(&export().rows, &on_one_thread(async { rows(spot.objects().as_ref()).await }), &when);
    eddyline(&["verify", "--deep", "--warehouse", warehouse]).ends(0);
    let count = "SELECT count(*) AS n FROM all_events";
    let counted = eddyline(&["sql", "--warehouse", warehouse, "--format", "csv", "-c", count]).ends(0);
    assert_eq!(counted.stdout.lines().nth(1), Some(export().rows.len().to_string().as_str()), "{when}");
    let again = eddyline(&["load", "--source", source, "--warehouse", warehouse]).ends(0);
    assert!(again.stdout.contains("nothing new"), "{when}: {again:#?}");
}

fn from(place: Place) {
    let source = uploaded(place);
    for to in [Place::Disk, Place::S3, Place::Gcs, Place::Azure] {
        let warehouse = to.spot(WAREHOUSE);
        assert_loads(&source.address, &warehouse.address, &warehouse);
    }
}

#[test]
fn from_a_local_disk_into_every_place() {
    from(Place::Disk);
}

#[test]
fn from_s3_into_every_place() {
    from(Place::S3);
}

#[test]
fn from_gcs_into_every_place() {
    from(Place::Gcs);
}

#[test]
fn from_azure_into_every_place() {
    from(Place::Azure);
}

#[test]
fn an_address_in_the_words_of_azure_data_lake_leads_to_the_same_place() {
    let abfss = |spot: &Spot| {
        let (container, path) = spot.address.strip_prefix("az://").unwrap().split_once('/').unwrap();
        format!("abfss://{container}@devstoreaccount1.dfs.core.windows.net/{path}")
    };
    let (source, warehouse) = (uploaded(Place::Azure), Place::Azure.spot(WAREHOUSE));
    assert_loads(&abfss(&source), &abfss(&warehouse), &warehouse);
}

/// For each table given: rows, distinct ids, and the first and the last queue day, as DuckDB and as Polars count them.
const READERS: &str = r#"
import duckdb, duckdb_extension_httpfs, json, os, pathlib, polars, sys
warehouse, *tables = sys.argv[1:]
at = os.environ
extensions = pathlib.Path(duckdb_extension_httpfs.__file__).parent / "extensions"
con = duckdb.connect()
con.execute(f"LOAD '{next(extensions.glob(f'v{duckdb.__version__}/httpfs.duckdb_extension'))}'")
con.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{at["AWS_ACCESS_KEY_ID"]}', SECRET '{at["AWS_SECRET_ACCESS_KEY"]}',
    REGION '{at["AWS_REGION"]}', ENDPOINT '{at["AWS_ENDPOINT"].removeprefix("http://")}', USE_SSL false, URL_STYLE 'path')""")
options = {"aws_endpoint_url": at["AWS_ENDPOINT"], "aws_allow_http": "true", "aws_region": at["AWS_REGION"],
    "aws_access_key_id": at["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": at["AWS_SECRET_ACCESS_KEY"]}
found = {}
for table in tables:
    glob = f"{warehouse}/tables/{table}/queue_date=*/*.parquet"
    counts = "SELECT count(*), count(DISTINCT id), min(queue_date)::VARCHAR, max(queue_date)::VARCHAR"
    by_duckdb = con.execute(f"{counts} FROM read_parquet('{glob}', hive_partitioning = true)").fetchone()
    frame = polars.scan_parquet(glob, storage_options=options, hive_partitioning=True)
    day = polars.col("queue_date").cast(polars.String)
    by_polars = frame.select(polars.len(), polars.col("id").n_unique(), day.min(), day.max().alias("last")).collect().row(0)
    found[table] = {"duckdb": by_duckdb, "polars": by_polars}
print(json.dumps(found))
"#;

#[test]
fn duckdb_and_polars_count_a_warehouse_in_s3_by_glob() {
    let (source, warehouse) = (uploaded(Place::S3), Place::S3.spot(WAREHOUSE));
    eddyline(&["load", "--source", &source.address, "--warehouse", &warehouse.address]).ends(0);
    let truth = export().truth["tables"].as_object().unwrap();
    let ids: Vec<(&String, u64)> = truth.iter().map(|(name, t)| (name, t["distinct_ids"].as_u64().unwrap())).collect();
    let tables: Vec<_> = ids.into_iter().filter(|(_, ids)| *ids > 0).collect();
    assert!(tables.len() > 5, "{tables:?}");
    let mut readers = Command::new(python("test-venv-s3"));
    readers.arg("-c").arg(READERS).arg(&warehouse.address).args(tables.iter().map(|(name, _)| name));
    let output = readers.envs(environment()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (table, ids) in tables {
        for reader in ["duckdb", "polars"] {
            let counted = &found[table][reader];
            assert_eq!((counted[0].as_u64(), counted[1].as_u64()), (Some(ids), Some(ids)), "{table} by {reader}");
            assert!(counted[2].as_str() >= Some("2026-03-02"), "{table} by {reader}: {counted}");
            assert_eq!(counted, &found[table]["duckdb"], "{table}: the readers disagree");
        }
    }
}

#[test]
fn who_may_only_read_is_told_so_and_no_secret_is_said() {
    let (source, warehouse) = (uploaded(Place::S3), Place::S3.spot(WAREHOUSE));
    let (key_id, secret) = (&environment()["TEST_S3_READER_KEY_ID"], &environment()["TEST_S3_READER_SECRET"]);
    let load = ["load", "--source", &source.address, "--warehouse", &warehouse.address];
    let mut reader = program(&load);
    let refused = finish({
        reader.env("AWS_ACCESS_KEY_ID", key_id).env("AWS_SECRET_ACCESS_KEY", secret);
        reader
    });
    let mut stranger = program(&load);
    let unknown = finish({
        stranger.env("AWS_SECRET_ACCESS_KEY", "not-the-secret");
        stranger
    });
    for run in [refused.ends(3), unknown.ends(3)] {
        let said = format!("{}{}", run.stdout, run.stderr);
        for hidden in [secret.as_str(), "not-the-secret", &environment()["AWS_SECRET_ACCESS_KEY"]] {
            assert!(!said.contains(hidden), "{said}");
        }
    }
}
