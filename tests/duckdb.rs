//! The warehouse as DuckDB sees it, a reader that knows nothing of Eddyline: by plain globs over `tables/`.
//!
//! DuckDB comes from `tests/requirements.txt`; `tests/run` puts it in place.

mod fixtures;

use fixtures::encoder::{V, file, some};
use fixtures::{arg, command, eddyline, end_of, entries, hour_folder, python, start, write};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs every query given as an argument and prints their rows as JSON, all values as text.
const QUERIES: &str = r#"
import duckdb, json, sys
con = duckdb.connect()
con.execute("SET TimeZone = 'UTC'")
text = lambda value: None if value is None else str(value)
print(json.dumps([[[text(value) for value in row] for row in con.execute(query).fetchall()] for query in sys.argv[1:]]))
"#;

/// Counts a table by a glob again and again until `stop` exists. `committed` holds a number of rows that are committed
/// before the count begins: fewer may not be seen, and no id twice.
const WATCH: &str = r#"
import duckdb, json, os, sys
glob, committed, stop = sys.argv[1:]
reads, failures, lost, seen, wrong = 0, 0, 0, [], []
last = False
while not last:
    last = os.path.exists(stop)
    floor = int(open(committed).read())
    con = duckdb.connect()
    rows = None
    for attempt in range(5):
        try:
            rows, ids = con.execute(f"SELECT count(*), count(DISTINCT id) FROM read_parquet('{glob}')").fetchone()
            break
        except duckdb.Error as e:
            failures += 1
            complaint = str(e)
    if rows is None:
        wrong.append(f"five failures in a row: {complaint}")
    else:
        reads += 1
        if rows != ids:
            wrong.append(f"{rows} rows with {ids} ids")
        if rows < floor:
            wrong.append(f"{rows} rows after {floor} were committed")
        if rows not in seen:
            seen.append(rows)
print(json.dumps({"reads": reads, "failures": failures, "seen": seen, "wrong": wrong}))
"#;

/// The rows of each query.
fn duckdb(queries: &[String]) -> Vec<Vec<Vec<Option<String>>>> {
    let output = Command::new(python("test-venv")).arg("-c").arg(QUERIES).args(queries).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn glob(warehouse: &Path, table: &str) -> String {
    format!("read_parquet('{}/tables/{table}/queue_date=*/*.parquet', hive_partitioning = true)", arg(warehouse))
}

/// Statistics keep 16 bytes of an id, and say that they are not exact: no engine may take them for values.
#[test]
fn the_least_and_the_largest_id_are_whole_ids() {
    python("test-venv");
    let dir = tempfile::tempdir().unwrap();
    eddyline(dir.path(), &["generate", "--out", ".", "--events", "40000", "--days", "2"]).ends(0);
    eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w"]).ends(0);
    let table = "users_messages_email_delivery";
    let extremes = |from: &str, of: fn(&str) -> String| {
        let columns = ["id", "user_id"].map(|column| format!("min({0}), max({0})", of(column)));
        format!("SELECT {} FROM {from}", columns.join(", "))
    };
    // Of an expression nothing is known but what is read.
    let as_it_is = |column: &str| column.to_string();
    let read: fn(&str) -> String = |column| format!("concat({column}, '')");
    let from = glob(&dir.path().join("w"), table);
    let got = duckdb(&[extremes(&from, as_it_is), extremes(&from, read)]);
    assert_eq!(got[0], got[1]);
    assert_eq!(got[0][0][0].as_ref().map(String::len), Some(36));
    let ours = |query: String| {
        let output =
            eddyline(dir.path(), &["sql", "--warehouse", "w", "--format", "ndjson", "-c", &query]).ends(0).json();
        output.as_object().unwrap().values().map(|value| value.as_str().map(str::to_string)).collect::<Vec<_>>()
    };
    assert_eq!(ours(extremes(table, as_it_is)), got[0][0]);
}

#[test]
fn a_glob_counts_what_was_generated() {
    python("test-venv");
    let dir = tempfile::tempdir().unwrap();
    eddyline(dir.path(), &["generate", "--out", ".", "--events", "100000", "--duplicates", "0.01", "--days", "7"])
        .ends(0);
    let report =
        eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w", "--report", "json"]).ends(0).json();
    let truth: Value = serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
    assert_eq!(report["counters"]["new"], 100_000);
    assert_eq!(report["counters"]["read"], truth["records"]);
    assert_eq!(report["counters"]["duplicates"].as_u64(), truth["records"].as_u64().map(|r| r - 100_000));

    let warehouse = dir.path().join("w");
    let tables = truth["tables"].as_object().unwrap();
    let tables: Vec<(&String, &Value)> = tables.iter().filter(|(_, t)| t["distinct_ids"] != 0).collect();
    assert!(tables.len() > 80, "{} tables", tables.len());
    let folders: Vec<String> =
        entries(&warehouse.join("tables")).iter().map(|p| p.file_name().unwrap().to_str().unwrap().into()).collect();
    assert_eq!(folders, tables.iter().map(|(name, _)| (*name).clone()).collect::<Vec<_>>());
    // The first and the last 16 hexadecimal digits of an id are a number each.
    let half = |from: u32| format!("coalesce(bit_xor(('0x' || substr(replace(id, '-', ''), {from}, 16))::UBIGINT), 0)");
    let queries: Vec<String> = tables
        .iter()
        .map(|(name, _)| {
            format!(
                "SELECT count(*), count(DISTINCT id), format('{{:016x}}{{:016x}}', {}, {}), min(typeof(time)), \
                 min(typeof(queue_date)), count(*) FILTER (WHERE _source_file IS NULL OR id IS NULL) FROM {}",
                half(1),
                half(17),
                glob(&warehouse, name)
            )
        })
        .collect();
    for ((name, truth), rows) in tables.iter().zip(duckdb(&queries)) {
        let expected = [
            truth["distinct_ids"].to_string(),
            truth["distinct_ids"].to_string(),
            truth["id_xor"].as_str().unwrap().to_string(),
            "TIMESTAMP WITH TIME ZONE".to_string(),
            "DATE".to_string(),
            "0".to_string(),
        ];
        let found: Vec<String> = rows[0].iter().map(|v| v.clone().unwrap()).collect();
        assert_eq!(found, expected, "{name}");
    }
    // Every file of a table has one schema: no reader has to be told to unite them.
    let schemas: Vec<String> = folders
        .iter()
        .map(|name| {
            format!(
                "SELECT count(DISTINCT columns), count(*) FROM (SELECT file_name, string_agg(concat_ws(' ', name, type, \
                 converted_type, logical_type::VARCHAR), ', ') AS columns FROM \
                 parquet_schema('{}/tables/{name}/queue_date=*/*.parquet') GROUP BY file_name)",
                arg(&warehouse)
            )
        })
        .collect();
    for (name, rows) in folders.iter().zip(duckdb(&schemas)) {
        assert_eq!(rows[0][0].as_deref(), Some("1"), "{name}: schemas over {:?} files", rows[0][1]);
    }
}

#[test]
fn values_arrive_as_they_were_sent() {
    python("test-venv");
    let dir = tempfile::tempdir().unwrap();
    let schema = r#"{"type":"record","name":"Purchase","namespace":"dataexport.S3.inner.users.behaviors","fields":[
        {"name":"id","type":"string"},{"name":"time","type":"int"},{"name":"price","type":["null","float"]},
        {"name":"ad_tracking_enabled","type":["null","boolean"]},{"name":"tags","type":["null",{"type":"array","items":["null","string"]}]},
        {"name":"ratio","type":"double"},{"name":"big","type":"long"},{"name":"shape","type":{"type":"map","values":"int"}}]}"#;
    let row = |id: &'static str, time: i64, price: f32, tags: V, shape: Vec<(&'static str, V)>| {
        let map = V::Map(shape);
        V::Record(vec![
            V::Text(id),
            V::Long(time),
            some(V::Float(price)),
            some(V::Bool(true)),
            tags,
            V::Double(0.1),
            V::Long(i64::MIN),
            map,
        ])
    };
    let tags = |items: Vec<V>| some(V::Array(items));
    let rows = vec![
        row("a", fixtures::FIRST_DAY, 12.34, tags(vec![some(V::Text("x")), V::Null, some(V::Text("ü"))]), vec![]),
        row("b", -1, -0.1, tags(vec![]), vec![("k", V::Long(1))]),
        row("c", i64::from(i32::MAX), 16_777_216.0, V::Null, vec![]),
    ];
    let key = format!("{}/x.avro", hour_folder("users.behaviors.Purchase", "2026-03-02-05"));
    write(&dir.path().join("currents").join(&key), &file(schema, "null", &[rows]));
    eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w"]).ends(0);
    let table = glob(&dir.path().join("w"), "users_behaviors_purchase");
    let found = duckdb(&[
        format!(
            "SELECT id, time::VARCHAR, price::VARCHAR, ad_tracking_enabled::VARCHAR, to_json(tags)::VARCHAR, \
             ratio::VARCHAR, big::VARCHAR, _extra, queue_date::VARCHAR, _source_row::VARCHAR FROM {table} ORDER BY id"
        ),
        format!("SELECT DISTINCT typeof(price), typeof(tags), typeof(ratio), typeof(big), _source_file FROM {table}"),
    ]);
    let row = |values: [Option<&str>; 10]| values.map(|v| v.map(str::to_string)).to_vec();
    let (ratio, least, day) = (Some("0.1"), Some("-9223372036854775808"), Some("2026-03-02"));
    let (first, before, last) =
        (Some("2026-03-02 00:00:00+00"), Some("1969-12-31 23:59:59+00"), Some("2038-01-19 03:14:07+00"));
    let yes = Some("true");
    let expected = vec![
        row([
            Some("a"),
            first,
            Some("12.34"),
            yes,
            Some(r#"["x",null,"ü"]"#),
            ratio,
            least,
            Some(r#"{"shape":{}}"#),
            day,
            Some("0"),
        ]),
        row([
            Some("b"),
            before,
            Some("-0.1"),
            yes,
            Some("[]"),
            ratio,
            least,
            Some(r#"{"shape":{"k":1}}"#),
            day,
            Some("1"),
        ]),
        row([Some("c"), last, Some("16777216.0"), yes, None, ratio, least, Some(r#"{"shape":{}}"#), day, Some("2")]),
    ];
    assert_eq!(found[0], expected);
    let types = ["DOUBLE", "VARCHAR[]", "DOUBLE", "BIGINT", key.as_str()];
    assert_eq!(found[1], [types.map(|t| Some(t.to_string())).to_vec()]);
}

/// P2: whoever globs while cells are replaced never counts a row twice and never misses a committed one.
#[test]
fn a_glob_is_right_while_a_load_replaces_cells() {
    python("test-venv");
    let dir = tempfile::tempdir().unwrap();
    let generate = [
        "generate",
        "--out",
        ".",
        "--events",
        "40000",
        "--days",
        "2",
        "--duplicates",
        "0.05",
        "--types",
        "users.messages.email.Send",
    ];
    eddyline(dir.path(), &[&generate[..], &["--files-per-hour", "6"]].concat()).ends(0);
    let mut files = BTreeMap::new();
    collect(&dir.path().join("currents"), &mut files);
    let at = |name: &str| dir.path().join(name);
    // Every portion has files of every hour, so every pass replaces every cell.
    const PORTIONS: usize = 10;
    let portion = |n: usize| {
        for (from, name) in files.iter().skip(n).step_by(PORTIONS) {
            let to = at("source").join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(from, to).unwrap();
        }
        eddyline(dir.path(), &["load", "--source", "source", "--warehouse", "w", "--full"]).ends(0);
        let status: Value = eddyline(dir.path(), &["status", "--warehouse", "w", "--json"]).ends(0).json();
        fs::write(at("committed.new"), status["rows"].to_string()).unwrap();
        fs::rename(at("committed.new"), at("committed")).unwrap();
        status["rows"].as_u64().unwrap()
    };
    portion(0);
    let mut watch = Command::new(python("test-venv"));
    let glob = at("w").join("tables/*/queue_date=*/*.parquet");
    watch.arg("-c").arg(WATCH).arg(glob).arg(at("committed")).arg(at("stop")).stdin(Stdio::null());
    let watch = start(watch);
    let rows: Vec<u64> = (1..PORTIONS).map(portion).collect();
    fs::write(at("stop"), "").unwrap();
    let seen = end_of(watch).ends(0).json();
    assert_eq!(seen["wrong"], json!([]), "{seen}");
    let counts = seen["seen"].as_array().unwrap();
    assert!(counts.len() > 3, "the reader saw only {counts:?}: it proves nothing");
    assert_eq!(counts.last().and_then(Value::as_u64), rows.last().copied());
    let truth: Value = serde_json::from_slice(&fs::read(at("truth.json")).unwrap()).unwrap();
    assert_eq!(rows.last().copied(), truth["events"].as_u64());
    // The last cells are replaced once more, wholly.
    let rebuild = ["load", "--source", "source", "--warehouse", "w", "--rebuild"];
    end_of(start(command(dir.path(), &rebuild))).ends(0);
    assert_eq!(eddyline(dir.path(), &["verify", "--deep", "--warehouse", "w"]).ends(0).code, 0);
}

/// The files under a folder, with their names relative to it.
fn collect(root: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) {
    fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) {
        for path in entries(folder) {
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_path_buf();
                files.insert(path, name);
            }
        }
    }
    walk(root, root, files);
}
