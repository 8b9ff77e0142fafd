//! An export into which everything is put that a bucket may hold: damaged files, bombs, odd keys, JSON in every shape.
//! The real program loads it: every good row is there, nothing of a damaged file is, and each has its reason.

mod fixtures;

use fixtures::encoder::{CODECS, block, compress, file, gzip, header, long, raw_block, record, types};
use fixtures::{arg, eddyline, hour_folder, ids, ledger, log, open_schema, opens, rejects, write};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

const MIB: usize = 1 << 20;
const OPEN: &str = "users.messages.email.Open";
const OPENS: &str = "users_messages_email_open";
const HOUR: &str = "2026-03-02-05";

/// A generated export and, per table, the ids a load of it alone stores. Made once.
fn generated() -> &'static (TempDir, BTreeMap<String, Vec<String>>) {
    static MADE: OnceLock<(TempDir, BTreeMap<String, Vec<String>>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        eddyline(
            dir.path(),
            &["generate", "--out", ".", "--events", "1500", "--days", "2", "--types", "users.messages.*"],
        )
        .ends(0);
        eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "alone"]).ends(0);
        let alone = ids(&dir.path().join("alone"));
        let truth: Value = serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
        for (table, truth) in truth["tables"].as_object().unwrap() {
            let stored = alone.get(table).map_or(0, Vec::len) as u64;
            assert_eq!(Some(stored), truth["distinct_ids"].as_u64(), "{table}");
        }
        (dir, alone)
    })
}

/// A copy of the generated export to put things into.
fn export() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&generated().0.path().join("currents"), &dir.path().join("currents"));
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in fixtures::entries(from) {
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { fs::copy(&path, &to).map(|_| ()).unwrap() }
    }
}

fn key(name: &str) -> String {
    format!("{}/dataexport.prod-03.S3.integration.aaaabbbb+9+{name}", hour_folder(OPEN, HOUR))
}

/// Every damaged file: its name, its bytes, and the reasons that may be given.
fn catalogue() -> Vec<(String, Vec<u8>, &'static [&'static str])> {
    let schema = open_schema();
    let good = |name: &str, codec: &str| file(&schema, codec, &[opens(name, 3), opens(&format!("{name}-b"), 4)]);
    let head = |codec: &str| header(&schema, codec).len();
    let mut all: Vec<(String, Vec<u8>, &'static [&'static str])> = Vec::new();
    let mut put = |name: &str, bytes: Vec<u8>, reasons| all.push((name.to_string(), bytes, reasons));

    for codec in CODECS {
        let name = format!("bad-cut-{codec}");
        let whole = good(&name, codec);
        let first = head(codec) + block(codec, &opens(&name, 3)).len();
        for cut in [
            3,
            4,
            head(codec) / 2,
            head(codec) - 1,
            head(codec) + 1,
            head(codec) + 20,
            first - 5,
            first + 9,
            whole.len() - 1,
        ] {
            put(&format!("{name}-{cut}.avro"), whole[..cut].to_vec(), &["truncated"]);
        }
        let mut flipped = good(&format!("bad-flip-{codec}"), codec);
        // The first byte of a block's data: the length of the first id, or the head of the compressed data.
        let at = head(codec) + flipped[head(codec)..].iter().skip(1).position(|b| b & 0x80 == 0).unwrap() + 2;
        flipped[at] ^= 0xff;
        put(&format!("bad-flip-{codec}.avro"), flipped, &["bad_record", "bad_codec_data", "bad_block"]);
    }
    put("bad-empty.avro", Vec::new(), &["empty_file"]);
    put("bad-empty.json", b" \n\n ".to_vec(), &["empty_file"]);
    put("bad-magic.avro", [b"PAR1", &good("bad-magic", "null")[4..]].concat(), &["not_avro"]);
    put("bad-codec.avro", [header(&schema, "lz4"), block("null", &opens("bad-codec", 3))].concat(), &["unknown_codec"]);
    put("bad-schema.avro", header("{\"type\":\"record\"}", "null"), &["bad_schema"]);
    let deep = (0..200).fold("\"int\"".to_string(), |inner, _| format!("{{\"type\":\"array\",\"items\":{inner}}}"));
    put("bad-deep.avro", [header(&types(&[&deep]), "null"), raw_block(1, 1, &[0])].concat(), &["bad_schema"]);

    let data: Vec<u8> = opens("bad-lie", 5).iter().flat_map(fixtures::encoder::value).collect();
    let size = data.len() as i64;
    let lie = |count: i64, size: i64| [header(&schema, "null"), raw_block(count, size, &data)].concat();
    put("bad-count-more.avro", lie(6, size), &["bad_block", "bad_record"]);
    put("bad-count-less.avro", lie(4, size), &["bad_block", "bad_record"]);
    put("bad-count-zero.avro", lie(0, size), &["bad_block"]);
    put("bad-count-huge.avro", lie(i64::MAX, size), &["bad_block"]);
    put("bad-count-negative.avro", lie(-5, size), &["bad_block"]);
    put("bad-length-more.avro", lie(5, size + 3), &["bad_sync_marker", "truncated"]);
    put("bad-length-less.avro", lie(5, size - 3), &["bad_sync_marker"]);
    put("bad-length-huge.avro", lie(5, i64::MAX), &["truncated"]);
    let mut unsynced = good("bad-sync", "null");
    let end = unsynced.len();
    unsynced[end - 16..].copy_from_slice(b"another marker!!");
    put("bad-sync.avro", unsynced, &["bad_sync_marker"]);
    put("bad-tail.avro", [good("bad-tail", "null"), b"and more".to_vec()].concat(), &["truncated", "bad_block"]);

    let clicks = schema.replace("\"Open\"", "\"Click\"");
    put("bad-type.avro", file(&clicks, "null", &[opens("bad-type", 3)]), &["event_type_mismatch"]);
    put("bad-text.json", b"<html>503 Service Unavailable</html>".to_vec(), &["bad_json"]);
    put("bad-nested.json", b"{\"a\":[".repeat(50_000), &["bad_json"]);
    put("bad-utf16.json", b"\xff\xfe{\0}\0".to_vec(), &["bad_json"]);
    let packed = gzip(b"{\"id\":\"bad-gz\"}\n");
    put("bad-gz.json.gz", packed[..packed.len() - 9].to_vec(), &["bad_compression"]);
    put(
        "bad-zst.json.zst",
        [&compress("zstandard", b"{\"id\":\"bad-zst\"}")[..9], b"xx"].concat(),
        &["bad_compression"],
    );
    all
}

fn fate(ledger: &BTreeMap<String, Value>, key: &str) -> (String, String) {
    let line = ledger.get(key).unwrap_or_else(|| panic!("{key} is not in the ledger"));
    let reason = line.get("reason").and_then(Value::as_str).unwrap_or_default();
    (line["fate"].as_str().unwrap().to_string(), reason.to_string())
}

/// Ids beyond those of the generated export, by table; none of those may be missing.
fn beyond(warehouse: &Path) -> BTreeMap<String, Vec<String>> {
    let mut stored = ids(warehouse);
    for (table, expected) in &generated().1 {
        let ids = stored.get_mut(table).unwrap_or_else(|| panic!("{table} is gone"));
        let known: BTreeSet<&String> = expected.iter().collect();
        let before = ids.len();
        ids.retain(|id| !known.contains(id));
        assert_eq!(before - ids.len(), expected.len(), "{table}: rows of good files are missing");
    }
    stored.retain(|_, ids| !ids.is_empty());
    stored
}

#[test]
fn damaged_files_are_quarantined_with_their_reason_and_block_nobody() {
    let dir = export();
    let damaged = catalogue();
    for (name, bytes, _) in &damaged {
        write(&dir.path().join("currents").join(key(name)), bytes);
    }
    let load = ["load", "--source", "currents", "--warehouse", "w", "--report", "json"];
    let run = eddyline(dir.path(), &load).ends(0);
    let report = run.json();
    assert_eq!(report["counters"]["quarantined"], damaged.len());
    assert!(run.stderr.contains(&format!("warning: {} files are quarantined", damaged.len())), "{}", run.stderr);
    let warehouse = dir.path().join("w");
    assert_eq!(beyond(&warehouse), BTreeMap::new(), "rows of damaged files");
    let files = ledger(&warehouse);
    for (name, _, reasons) in &damaged {
        let (fate, reason) = fate(&files, &key(name));
        assert_eq!(fate, "quarantined", "{name}: {reason}");
        let (kind, detail) = reason.split_once(": ").unwrap();
        assert!(reasons.contains(&kind) && !detail.is_empty(), "{name}: {reason}");
    }

    // Nothing changes by trying again; --strict says so with its exit code.
    let again = eddyline(dir.path(), &load).ends(0).json();
    assert_eq!((&again["seq"], &again["still_quarantined"]), (&Value::Null, &Value::from(damaged.len())));
    eddyline(dir.path(), &[&load[..], &["--strict"]].concat()).ends(6);
    let retried = eddyline(dir.path(), &[&load[..], &["--retry-quarantined", "--strict"]].concat()).ends(6).json();
    assert_eq!(retried["counters"]["quarantined"], damaged.len());
    assert_eq!(beyond(&warehouse), BTreeMap::new());
    eddyline(dir.path(), &["verify", "--deep", "--warehouse", "w"]).ends(0);
}

#[test]
fn a_repaired_file_loads() {
    let dir = export();
    let whole = file(&open_schema(), "deflate", &[opens("fixed", 5)]);
    let mut broken = whole.clone();
    let middle = whole.len() - 30;
    broken[middle] ^= 0x55;
    let (same, other) =
        (dir.path().join("currents").join(key("same.avro")), dir.path().join("currents").join(key("other.avro")));
    write(&same, &broken);
    write(&other, &broken[..middle]);
    let load = ["load", "--source", "currents", "--warehouse", "w"];
    eddyline(dir.path(), &[&load[..], &["--strict"]].concat()).ends(6);

    // Repaired without a trace: same size, same time. Only being told makes a pass look again.
    let before = fs::metadata(&same).unwrap().modified().unwrap();
    let repaired = fs::File::options().write(true).open(&same).unwrap();
    std::io::Write::write_all(&mut &repaired, &whole).unwrap();
    repaired.set_modified(before).unwrap();
    drop(repaired);
    eddyline(dir.path(), &load).ends(0);
    assert_eq!(beyond(&dir.path().join("w")), BTreeMap::new());
    eddyline(dir.path(), &[&load[..], &["--retry-quarantined"]].concat()).ends(0);
    let ids: Vec<String> = (0..5).map(|n| format!("fixed-{n}")).collect();
    assert_eq!(beyond(&dir.path().join("w")), BTreeMap::from([(OPENS.to_string(), ids.clone())]));

    // Uploaded again: a new version, seen by itself. Its rows are there already.
    fs::write(&other, &whole).unwrap();
    let report = eddyline(dir.path(), &[&load[..], &["--report", "json", "--strict"]].concat()).ends(0).json();
    assert_eq!((&report["counters"]["new"], &report["counters"]["duplicates"]), (&Value::from(0), &Value::from(5)));
    assert_eq!(beyond(&dir.path().join("w")), BTreeMap::from([(OPENS.to_string(), ids)]));
}

#[test]
fn bombs_cost_no_more_than_their_limit() {
    let dir = export();
    let zeros = vec![0u8; 256 * MIB];
    let mut bombs = Vec::new();
    for codec in &CODECS[1..] {
        let packed = compress(codec, &zeros);
        let bytes = [header(&types(&["\"bytes\""]), codec), raw_block(1, packed.len() as i64, &packed)].concat();
        bombs.push((key(&format!("bomb-{codec}.avro")), bytes));
    }
    bombs.push((key("bomb.json.gz"), gzip(&zeros)));
    bombs.push((key("bomb.json.zst"), zstd::encode_all(&zeros[..], 3).unwrap()));
    // No codec at all: an array that says it has no end, of items that take no bytes.
    let endless = [long(i64::MAX), long(0)].concat();
    let nulls = header(&types(&[r#"{"type":"array","items":"null"}"#]), "null");
    bombs.push((key("bomb-endless.avro"), [nulls, raw_block(1, endless.len() as i64, &endless)].concat()));
    drop(zeros);
    for (key, bytes) in &bombs {
        write(&dir.path().join("currents").join(key), bytes);
    }
    let small = ["--max-block-bytes", "16MiB", "--max-file-bytes", "32MiB", "--memory", "128MiB", "--workers", "2"];
    let run =
        eddyline(dir.path(), &[&["load", "--source", "currents", "--warehouse", "w"][..], &small].concat()).ends(0);
    let files = ledger(&dir.path().join("w"));
    for (key, _) in &bombs {
        let (fate, reason) = fate(&files, key);
        assert!(fate == "quarantined" && reason.starts_with("limit_exceeded: "), "{key}: {fate}: {reason}");
    }
    assert_eq!(beyond(&dir.path().join("w")), BTreeMap::new());
    assert!(run.peak > 0, "the program's memory was not seen");
    assert!(run.peak < 220 * MIB as u64, "the program held {} MiB", run.peak >> 20);

    // A limit is a setting, not a verdict: what is large and true loads once it is raised.
    let text = "x".repeat(20 * MIB);
    let schema = record(r#"{"name":"id","type":"string"},{"name":"subject","type":"string"}"#);
    let row =
        fixtures::encoder::V::Record(vec![fixtures::encoder::V::Text("large-0"), fixtures::encoder::V::Owned(text)]);
    write(&dir.path().join("currents").join(key("large.avro")), &file(&schema, "deflate", &[vec![row]]));
    eddyline(dir.path(), &[&["load", "--source", "currents", "--warehouse", "w"][..], &small].concat()).ends(0);
    assert_eq!(beyond(&dir.path().join("w")), BTreeMap::new());
    for (key, _) in &bombs {
        fs::remove_file(dir.path().join("currents").join(key)).unwrap();
    }
    eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w", "--retry-quarantined"]).ends(0);
    assert_eq!(beyond(&dir.path().join("w"))[OPENS], ["large-0"]);
}

#[test]
fn json_of_every_shape_loads_and_bad_records_are_rejected_one_by_one() {
    let dir = export();
    let row = |id: &str| format!(r#"{{"id":"{id}","time":1772409600,"user_id":"u","email_address":"a@example.com"}}"#);
    let (second, third) = (row("good-2"), row("good-3"));
    // Positions count from 0 and rejected records count: 1 no JSON, 3 no id, 4 no object, 5 an id that is no text.
    let mixed = format!(
        "{}\n{{\"id\":\"good-x\",,}}\n{second}\n{{\"time\":5,\"email_address\":\"b@example.com\"}}\n[5]\n{{\"id\":\"\"}}\n{third}\n",
        row("good-1")
    );
    let pretty = "{\n  \"id\": \"good-4\",\n  \"time\": 1772409600\n}\n{\n  \"id\": \"good-5\"\n}\n";
    let unions = r#"{"id":"good-8","user_id":{"string":"u"},"time":{"int":1772409600},"email_address":null}"#;
    let envelope = format!(
        r#"{{"event_type":"{OPEN}","id":"good-9","time":1772409600,"user":{{"user_id":"u9"}},"properties":{{"campaign_id":"c9"}}}}"#
    );
    let typed = |id: &str, leaf: &str| {
        format!(r#"{{"event_type":"users.messages.email.{leaf}","id":"{id}","time":1772409600}}"#)
    };
    let several =
        [typed("good-10", "Open"), typed("good-11", "Click"), typed("good-12", "Send"), row("good-13")].join("\n");
    let stray = [typed("good-14", "Open"), typed("good-15", "Click"), row("nowhere")].join("\n");
    let stray_key = "date=2026-03-02-05/decoded/part-1.json";
    let nameless_key = "date=2026-03-02-05/decoded/part-2.json";
    for (key, bytes) in [
        (key("mixed.json"), mixed.clone().into_bytes()),
        (key("pretty.json"), pretty.as_bytes().to_vec()),
        (key("array.json"), format!("[{},\n{}]", row("good-6"), row("good-7")).into_bytes()),
        (key("unions.jsonl"), unions.as_bytes().to_vec()),
        (key("envelope.json"), envelope.into_bytes()),
        (key("several.json"), several.into_bytes()),
        (stray_key.to_string(), stray.into_bytes()),
        (nameless_key.to_string(), row("nobody").into_bytes()),
        (key("one.json.gz"), gzip(row("good-16").as_bytes())),
        (key("two.json.gz"), [gzip(row("good-17").as_bytes()), gzip(b"\n"), gzip(row("good-18").as_bytes())].concat()),
        (key("one.ndjson.zst"), compress("zstandard", row("good-19").as_bytes())),
        // The ending lies: the store unpacked it on the way out.
        (key("plain.json.gz"), row("good-20").into_bytes()),
    ] {
        write(&dir.path().join("currents").join(key), &bytes);
    }
    let run = eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w", "--report", "json"]).ends(0);
    let warehouse = dir.path().join("w");
    let good = |numbers: &[u32]| -> Vec<String> {
        let mut ids: Vec<String> = numbers.iter().map(|n| format!("good-{n}")).collect();
        ids.sort();
        ids
    };
    let expected = BTreeMap::from([
        (OPENS.to_string(), good(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 16, 17, 18, 19, 20])),
        ("users_messages_email_click".to_string(), good(&[11, 15])),
        ("users_messages_email_send".to_string(), good(&[12])),
    ]);
    assert_eq!(beyond(&warehouse), expected);

    let found = rejects(&warehouse);
    let of =
        |key: &str| -> Vec<(u64, &str)> { found.iter().filter(|r| r.0 == key).map(|r| (r.1, r.2.as_str())).collect() };
    let positions: Vec<u64> = of(&key("mixed.json")).iter().map(|r| r.0).collect();
    assert_eq!(positions, [1, 3, 4, 5], "{found:#?}");
    assert!(found.iter().all(|r| !r.2.is_empty()));
    let text = found.iter().find(|r| r.0 == key("mixed.json") && r.1 == 1).unwrap();
    assert_eq!(text.3, "{\"id\":\"good-x\",,}");
    assert_eq!(of(stray_key), [(2, "no_event_type")]);
    assert_eq!(found.len(), 5);
    let files = ledger(&warehouse);
    let (fate, reason) = fate(&files, nameless_key);
    assert_eq!((fate.as_str(), reason.split(':').next().unwrap()), ("quarantined", "no_event_type"));
    for (key, line) in &files {
        let count = |name: &str| line[name].as_u64().unwrap();
        assert_eq!(count("read"), count("new") + count("duplicates") + count("rejected"), "{key}");
    }
    let mixed = &files[&key("mixed.json")];
    assert_eq!((mixed["read"].as_u64(), mixed["rejected"].as_u64()), (Some(7), Some(4)));
    assert_eq!(run.json()["counters"]["rejected"], 5);
    eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w", "--strict"]).ends(6);
}

#[test]
fn odd_keys_load_or_are_counted_by_reason() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("currents");
    let avro = |name: &str| file(&open_schema(), "null", &[opens(name, 1)]);
    let name = |integration: &str, n: u32| format!("dataexport.prod-03.S3.integration.{integration}+0+{n}.avro");
    let folder =
        |integration: &str| format!("dataexport.prod-03.S3.integration.{integration}/event_type={OPEN}/date={HOUR}");
    let good = [
        (format!("{}/315/prod-03/{}", folder("aa"), name("aa", 1)), "classic"),
        (format!("my/own/prefix/{}/315/prod-03/{}", folder("aa"), name("aa", 1)), "prefixed"),
        (format!("{}/version=6/us-01/{}", folder("bb"), name("bb", 1)), "versioned"),
        (format!("event_type={OPEN}/date={HOUR}/x.avro"), "bare"),
        (format!("event_type={OPEN}/x.avro"), "undated"),
        (
            format!("event_type%3D{OPEN}%2Fdate%3D{HOUR}%2F315%2Fprod-03%2F{}", name("aa", 2).replace('+', "%2B")),
            "encoded",
        ),
        (format!("{}/315/prod-03/two\nlines.avro", folder("aa")), "newline"),
        (format!("{}/315/prod-03/späce and ünicode.avro", folder("aa")), "unicode"),
        ("2017/dataexport.S3.integration.cc+2+0000035465.avro".to_string(), "of2017"),
        ("someone/put/this/here.avro".to_string(), "stray"),
    ];
    for (key, name) in &good {
        write(&root.join(key), &avro(name));
    }
    let odd = [
        ("segment-export/seg-1/2026-03-02/export.zip", "segment_export"),
        ("sent_messages/2026/03/02/archive.json.gz", "message_archive"),
        ("redshift-manifests/2026-03-02.json", "redshift_manifest"),
        ("_SUCCESS", "hidden"),
        ("reports/.DS_Store", "hidden"),
        ("_temporary/0/part.avro", "hidden"),
        ("currents_$folder$", "folder_marker"),
        ("reports/campaign.csv", "report_csv"),
        ("reports/notes.txt", "unknown_extension"),
        ("inventory/manifest.json", "not_currents"),
        ("event_type=/date=2026-03-02-05/x.avro", "bad_event_type"),
    ];
    for (key, _) in odd {
        write(&root.join(key), b"{\"id\":\"odd\"}");
    }
    // A key on a disk can be no UTF-8 at all.
    let unspeakable = root.join(std::ffi::OsStr::from_bytes(b"caf\xe9.avro"));
    fs::write(unspeakable, avro("unspeakable")).unwrap();

    let run = eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w", "--report", "json"]).ends(0);
    let mut expected: BTreeMap<String, u64> = BTreeMap::from([("unaskable_key".to_string(), 1)]);
    for (_, reason) in odd {
        *expected.entry(reason.to_string()).or_default() += 1;
    }
    let counted: BTreeMap<String, u64> = serde_json::from_value(run.json()["counters"]["ignored"].clone()).unwrap();
    assert_eq!(counted, expected);
    let recorded: BTreeMap<String, u64> =
        serde_json::from_value(log(&dir.path().join("w"))[0]["counters"]["ignored"].clone()).unwrap();
    assert_eq!(recorded, expected);
    let mut names: Vec<String> = good.iter().map(|(_, name)| format!("{name}-0")).collect();
    names.sort();
    assert_eq!(ids(&dir.path().join("w")), BTreeMap::from([(OPENS.to_string(), names)]));

    // Loading again knows every one of them, however odd its name.
    let again =
        eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w", "--full", "--report", "json"]);
    assert_eq!((&again.json()["seq"], &again.json()["known"]), (&Value::Null, &Value::from(good.len())));
    // A name with a line break stays one line of the plan and of the report.
    let broken = format!("{}/315/prod-03/three\nwarning: all is lost.avro", folder("aa"));
    write(&root.join(&broken), b"no Avro");
    let text = eddyline(dir.path(), &["load", "--source", "currents", "--warehouse", "w"]).ends(0).stdout;
    assert!(text.contains("three\\nwarning: all is lost.avro: not_avro"), "{text}");
    assert!(!text.lines().any(|l| l.starts_with("warning: all")), "{text}");
}

#[test]
fn a_file_without_permission_is_quarantined_and_loads_once_it_may_be_read() {
    let dir = export();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let locked = dir.path().join("currents").join(key("locked.avro"));
    write(&locked, &file(&open_schema(), "null", &[opens("locked", 2)]));
    fixtures::give_away(dir.path());
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let load = ["load", "--source", "currents", "--warehouse", "w"];
    fixtures::eddyline_as_nobody(dir.path(), &[&load[..], &["--strict"]].concat()).ends(6);
    let (fate, reason) = fate(&ledger(&dir.path().join("w")), &key("locked.avro"));
    assert_eq!((fate.as_str(), reason.as_str()), ("quarantined", "unreadable: permission denied"));
    assert_eq!(beyond(&dir.path().join("w")), BTreeMap::new());
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o644)).unwrap();
    fixtures::eddyline_as_nobody(dir.path(), &[&load[..], &["--retry-quarantined", "--strict"]].concat()).ends(0);
    assert_eq!(beyond(&dir.path().join("w"))[OPENS], ["locked-0", "locked-1"]);
    // A folder that refuses to be listed may hide anything: that is no file to leave out, the pass ends with code 3.
    fs::set_permissions(locked.parent().unwrap(), fs::Permissions::from_mode(0o000)).unwrap();
    let run = fixtures::eddyline_as_nobody(dir.path(), &load).ends(3);
    assert!(run.stderr.starts_with("error: cannot list the folder "), "{}", run.stderr);
    fs::set_permissions(locked.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
}

mod vanishing {
    //! A store from which an object disappears between listing and reading.

    use super::*;
    use eddyline::load::{Bucket, Loader, Progress, Request, Settings, Stop};
    use eddyline::table::Definitions;
    use eddyline::warehouse::Store;
    use futures::stream::BoxStream;
    use object_store::memory::InMemory;
    use object_store::path::Path as Key;
    use object_store::{
        CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
        ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    };
    use std::fmt;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Lists everything; what is named in `gone` cannot be read.
    #[derive(Debug, Default)]
    struct Vanishing {
        inner: InMemory,
        gone: Mutex<Vec<String>>,
        asked: AtomicBool,
    }

    impl fmt::Display for Vanishing {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Vanishing")
        }
    }

    #[async_trait::async_trait]
    impl ObjectStore for Vanishing {
        async fn put_opts(&self, key: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
            self.inner.put_opts(key, payload, options).await
        }
        async fn put_multipart_opts(
            &self,
            key: &Key,
            options: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.inner.put_multipart_opts(key, options).await
        }
        async fn get_opts(&self, key: &Key, options: GetOptions) -> Result<GetResult> {
            if self.gone.lock().unwrap().iter().any(|gone| gone == key.as_ref()) {
                self.asked.store(true, Ordering::SeqCst);
                return Err(Error::NotFound { path: key.to_string(), source: "it was deleted".into() });
            }
            self.inner.get_opts(key, options).await
        }
        fn delete_stream(&self, keys: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
            self.inner.delete_stream(keys)
        }
        fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.inner.list(prefix)
        }
        async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
            self.inner.list_with_delimiter(prefix).await
        }
        async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
            self.inner.copy_opts(from, to, options).await
        }
    }

    #[tokio::test]
    async fn a_file_that_vanishes_is_noted_and_taken_when_it_comes_back() {
        let source = Arc::new(Vanishing::default());
        let stray = "date=2026-03-02-05/stray.json".to_string();
        let typed = format!(r#"{{"event_type":"{OPEN}","id":"stray-0","time":1772409600}}"#);
        let (stays, goes) = (key("stays.avro"), key("goes.avro"));
        for (key, bytes) in [
            (&stays, file(&open_schema(), "null", &[opens("stays", 2)])),
            (&goes, file(&open_schema(), "null", &[opens("goes", 3)])),
            (&stray, typed.into_bytes()),
        ] {
            source.put(&Key::from(key.as_str()), bytes.into()).await.unwrap();
        }
        *source.gone.lock().unwrap() = vec![goes.clone(), stray.clone()];
        let dir = tempfile::tempdir().unwrap();
        let loader = Loader::new(
            Store::open(arg(dir.path()), &[], true).unwrap(),
            Bucket::on(source.clone(), "memory"),
            Arc::new(Definitions::builtin().unwrap()),
            Settings::default(),
            Duration::ZERO,
        );
        let request = Request::default();
        let pass =
            || loader.pass(&request, &chrono::Utc::now, Arc::new(Stop::default()), Arc::new(Progress::default()));
        let report = pass().await.unwrap();
        assert!(source.asked.load(Ordering::SeqCst));
        assert_eq!((report.counters.vanished, report.counters.quarantined, report.counters.new), (2, 0, 2));
        let files = ledger(dir.path());
        assert_eq!(fate(&files, &goes).0, "vanished");
        assert_eq!(fate(&files, &stray).0, "vanished");
        assert_eq!(fate(&files, &stays).0, "loaded");
        // Still gone: said again, nothing stored. Back in the same version: taken.
        assert_eq!(pass().await.unwrap().counters.vanished, 2);
        source.gone.lock().unwrap().clear();
        assert_eq!(pass().await.unwrap().counters.new, 4);
        let expected = ["goes-0", "goes-1", "goes-2", "stays-0", "stays-1", "stray-0"];
        assert_eq!(ids(dir.path())[OPENS], expected);
        assert_eq!(pass().await.unwrap().seq, None);
    }
}
