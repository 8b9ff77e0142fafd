//! The promises of the generator, checked on what it wrote with a reader that shares nothing with the writer.

mod reader;
mod specs;

use super::{AvroType, Codec, FieldSpec, Layout, Options, OutFormat, TypeSpec, generate};
use reader::{CODECS, Cell, Contents, Row};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

fn options(out: &Path) -> Options {
    Options {
        out: out.to_path_buf(),
        events: 6_000,
        days: 3,
        start: "2025-03-03".parse().unwrap(),
        seed: 7,
        codec: Codec::Null,
        layout: Layout::Classic,
        format: OutFormat::Avro,
        duplicates: 0.05,
        late: 0.05,
        files_per_hour: 1,
        types: specs::active(&Path::new(env!("CARGO_MANIFEST_DIR")).join("table_defs")),
    }
}

fn only(options: &mut Options, prefix: &str) {
    options.types.retain(|t| t.event_type.starts_with(prefix));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// A part of a key such as `date=`.
fn part<'a>(path: &'a Path, name: &str) -> &'a str {
    path.iter().find_map(|p| p.to_str().unwrap().strip_prefix(name)).unwrap()
}

fn queue_hour(path: &Path) -> i64 {
    let text = format!("{}:00", part(path, "date="));
    chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d-%H:%M").unwrap().and_utc().timestamp()
}

fn truth(out: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(out.join("truth.json")).unwrap()).unwrap()
}

fn number(json: &Json) -> u64 {
    json.as_u64().unwrap()
}

fn id(row: &Row) -> (u64, u64) {
    let hex = row["id"].text().unwrap().replace('-', "");
    (u64::from_str_radix(&hex[..16], 16).unwrap(), u64::from_str_radix(&hex[16..], 16).unwrap())
}

/// A hash of every path and every byte.
fn print(folder: &Path) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for path in files(folder) {
        path.strip_prefix(folder).unwrap().hash(&mut hasher);
        std::fs::read(&path).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_gives_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut prints = Vec::new();
    for (name, seed) in [("a", 7), ("b", 7), ("c", 8)] {
        let mut options = options(&folder.path().join(name));
        only(&mut options, "users.messages.");
        options.seed = seed;
        generate(&options, &mut |_| {}).unwrap();
        prints.push((print(&options.out.join("currents")), std::fs::read(options.out.join("truth.json")).unwrap()));
    }
    assert_eq!(prints[0], prints[1]);
    assert_ne!(prints[0].0, prints[2].0);
}

#[test]
fn the_truth_is_what_the_files_hold() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let mut reported = 0;
    let summary = generate(&options, &mut |n| reported = n).unwrap();
    assert_eq!((summary.events, reported), (6_000, summary.records));
    let truth = truth(folder.path());
    let mut tables: BTreeMap<String, Vec<Contents>> = BTreeMap::new();
    let (mut near, mut all) = (0, 0);
    let mut where_seen: HashMap<(u64, u64), Vec<i64>> = HashMap::new();
    let paths = files(&folder.path().join("currents"));
    assert_eq!(paths.len() as u64, summary.files);
    assert_eq!(paths.iter().map(|p| p.metadata().unwrap().len()).sum::<u64>(), summary.bytes);
    for path in &paths {
        let event_type = part(path, "event_type=");
        let contents = reader::read(path);
        let name =
            format!("{}.{}", contents.schema["namespace"].as_str().unwrap(), contents.schema["name"].as_str().unwrap());
        assert_eq!(name, format!("dataexport.S3.inner.{event_type}"));
        assert!(!contents.rows.is_empty());
        let in_file: HashSet<_> = contents.rows.iter().map(id).collect();
        assert_eq!(in_file.len(), contents.rows.len(), "{path:?} holds a record twice");
        for row in &contents.rows {
            let seen = where_seen.entry(id(row)).or_default();
            // Copies come days later; lateness is about the first.
            if seen.is_empty() {
                all += 1;
                near += u64::from((0..3600).contains(&(row["time"].int() - queue_hour(path))));
            }
            seen.push(queue_hour(path));
        }
        tables.entry(event_type.to_lowercase().replace('.', "_")).or_default().push(contents);
    }
    assert!(near * 100 > all * 85 && near * 100 < all * 99, "{near} of {all} in their hour");
    let repeated: Vec<_> = where_seen.values().filter(|s| s.len() > 1).collect();
    assert!(repeated.iter().any(|s| s[0] == s[1]), "no record twice in an hour");
    assert!(repeated.iter().any(|s| (1..24).contains(&((s[1] - s[0]) / 3600))), "no record in another hour");
    assert!(repeated.iter().any(|s| s[1] - s[0] >= 86_400), "no record on another day");
    let rate = repeated.len() as f64 / where_seen.len() as f64;
    assert!((0.035..0.065).contains(&rate), "{rate}");

    assert_eq!(where_seen.len() as u64, options.events);
    assert_eq!(tables.len(), options.types.len(), "not every type appears");
    for (table, contents) in &tables {
        let told = &truth["tables"][table];
        let mut rows: HashMap<(u64, u64), Vec<&Row>> = HashMap::new();
        for row in contents.iter().flat_map(|c| &c.rows) {
            rows.entry(id(row)).or_default().push(row);
        }
        let xor = rows.keys().fold((0, 0), |s, i| (s.0 ^ i.0, s.1 ^ i.1));
        let sum = rows.keys().fold((0_u64, 0_u64), |s, i| (s.0.wrapping_add(i.0), s.1.wrapping_add(i.1)));
        assert_eq!(told["distinct_ids"], rows.len(), "{table}");
        assert_eq!(told["records"], contents.iter().map(|c| c.rows.len()).sum::<usize>(), "{table}");
        assert_eq!(told["files"], contents.len(), "{table}");
        assert_eq!(told["id_xor"], format!("{:016x}{:016x}", xor.0, xor.1), "{table}");
        assert_eq!(told["id_sum"], format!("{:016x}{:016x}", sum.0, sum.1), "{table}");
        // A copy says the same, whichever writer schema it went through.
        let without_nulls = |row: &Row| row.clone().into_iter().filter(|(_, c)| *c != Cell::Null).collect::<Row>();
        for copies in rows.values().filter(|c| c.len() > 1) {
            assert!(copies.windows(2).all(|c| without_nulls(c[0]) == without_nulls(c[1])), "{table}");
        }
        let schemas: BTreeSet<Vec<&str>> = contents
            .iter()
            .map(|c| c.schema["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect())
            .collect();
        assert!(schemas.len() >= 2, "{table} has one writer schema only");
    }
}

#[test]
fn the_totals_of_lifecycles_are_those_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.events = 40_000;
    options.days = 4;
    options.types.retain(|t| matches!(t.channel.as_deref(), Some("email" | "push" | "whatsapp")));
    generate(&options, &mut |_| {}).unwrap();
    let truth = truth(folder.path());
    let mut rows: HashMap<String, HashMap<(u64, u64), Row>> = HashMap::new();
    for path in files(&folder.path().join("currents")) {
        let table = rows.entry(part(&path, "event_type=users.messages.").to_string()).or_default();
        table.extend(reader::read(&path).rows.into_iter().map(|row| (id(&row), row)));
    }
    let of = |event_type: &str| rows[event_type].values();
    let text = |row: &Row, name: &str| row.get(name).and_then(Cell::text).map(str::to_string);
    let message = |row: &Row| text(row, "message_variation_id").or(text(row, "canvas_step_id"));
    let email = &truth["lifecycle"]["email"];
    assert_eq!(number(&email["send"]), of("email.Send").count() as u64);
    let key = |r: &Row| (text(r, "dispatch_id").unwrap(), message(r), text(r, "email_address"));
    let opened: HashSet<_> = of("email.Open").map(key).collect();
    assert_eq!(number(&email["unique_opens"]), opened.len() as u64);
    assert!(opened.len() < of("email.Open").count());
    let machine = of("email.Open").filter(|r| text(r, "machine_open").as_deref() == Some("true")).count();
    assert_eq!(number(&email["machine_opens"]), machine as u64);
    let bots = of("email.Click").filter(|r| r["is_suspected_bot_click"] == Cell::Bool(true)).count();
    assert!(bots > 0);
    assert_eq!(number(&email["suspected_bot_clicks"]), bots as u64);
    let push = |r: &Row| (text(r, "dispatch_id"), text(r, "user_id"), message(r), text(r, "device_id"));
    let opened: HashSet<_> = of("pushnotification.Open").map(push).collect();
    assert_eq!(number(&truth["lifecycle"]["push"]["unique_opens"]), opened.len() as u64);

    // The awkward cases are there.
    let mut recipients: HashMap<String, usize> = HashMap::new();
    for row in of("email.Send") {
        *recipients.entry(text(row, "dispatch_id").unwrap()).or_default() += 1;
        assert_ne!(text(row, "campaign_id").is_some(), text(row, "canvas_id").is_some());
    }
    assert!(recipients.values().any(|n| *n > 100) && recipients.values().filter(|n| **n == 1).count() > 100);
    let sent: HashMap<_, i64> = of("pushnotification.Send").map(|r| (push(r), r["time"].int())).collect();
    let early = |r: &&Row| sent.get(&push(r)).is_some_and(|s| r["time"].int() < *s);
    assert!(of("pushnotification.Open").filter(early).count() > 3, "no open before its send");
    let with_user = |r: &Row| (key(r), text(r, "user_id"));
    let sends: HashSet<_> = of("email.Send").map(with_user).collect();
    let addressed: HashSet<_> = sends.iter().map(|s| &s.0).collect();
    let foreign = |r: &&Row| addressed.contains(&key(r)) && !sends.contains(&with_user(r));
    assert!(of("email.Open").any(|r| foreign(&r)), "no open attributed to another profile");
    let messages: HashSet<_> = of("whatsapp.Send").map(|r| text(r, "message_id")).collect();
    let replies = |r: &&Row| messages.contains(&text(r, "in_reply_to"));
    assert!(of("whatsapp.InboundReceive").filter(replies).count() > 3, "no reply to a message");
}

#[test]
fn every_codec_and_json_carry_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut of_null: Option<BTreeMap<(u64, u64), Row>> = None;
    for codec in CODECS {
        let mut options = options(&folder.path().join(codec.as_str()));
        only(&mut options, "users.messages.email.");
        options.events = 3_000;
        options.days = 1;
        options.duplicates = 0.0;
        options.codec = codec;
        generate(&options, &mut |_| {}).unwrap();
        let mut rows = BTreeMap::new();
        for path in files(&options.out.join("currents")) {
            let contents = reader::read(&path);
            assert_eq!(contents.codec, codec.as_str());
            rows.extend(contents.rows.into_iter().map(|row| (id(&row), row)));
        }
        assert_eq!(rows.len(), 3_000);
        assert_eq!(*of_null.get_or_insert_with(|| rows.clone()), rows);
    }
    let mut options = options(&folder.path().join("json"));
    only(&mut options, "users.messages.email.");
    (options.events, options.days, options.duplicates) = (3_000, 1, 0.0);
    options.format = OutFormat::Json;
    options.layout = Layout::Versioned;
    generate(&options, &mut |_| {}).unwrap();
    let mut lines = 0;
    for path in files(&options.out.join("currents")) {
        assert!(path.extension().unwrap() == "json" && path.iter().any(|p| p == "us-01"));
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            lines += 1;
            let json: BTreeMap<String, Json> = serde_json::from_str(line).unwrap();
            let hex = json["id"].as_str().unwrap().replace('-', "");
            let id = (u64::from_str_radix(&hex[..16], 16).unwrap(), u64::from_str_radix(&hex[16..], 16).unwrap());
            for (name, cell) in &of_null.as_ref().unwrap()[&id] {
                match cell {
                    Cell::Null => assert!(!json.contains_key(name)),
                    Cell::Text(text) => assert_eq!(json[name], *text),
                    Cell::Int(n) => assert_eq!(json[name], *n),
                    Cell::Bool(yes) => assert_eq!(json[name], *yes),
                    Cell::Float(n) => assert_eq!(json[name].to_string(), n.to_string()),
                    Cell::List(items) => assert_eq!(json[name].as_array().unwrap().len(), items.len()),
                }
            }
        }
    }
    assert_eq!(lines, 3_000);
}

#[test]
fn the_second_run_finds_the_export_and_any_other_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    only(&mut options, "users.messages.sms.");
    options.events = 500;
    let first = generate(&options, &mut |_| {}).unwrap();
    let before = print(folder.path());
    let second = generate(&options, &mut |_| panic!("it writes")).unwrap();
    assert!(second.already_there && !first.already_there);
    assert_eq!((second.events, second.files, &second.tables), (first.events, first.files, &first.tables));
    options.seed += 1;
    let refused = generate(&options, &mut |_| {}).unwrap_err();
    assert!(refused.show().contains("is not empty") && refused.show().contains("hint:"), "{}", refused.show());
    options.seed -= 1;
    options.types[0].fields.pop();
    assert!(generate(&options, &mut |_| {}).is_err());
    assert_eq!(print(folder.path()), before);
    // Interrupted: files, but no truth.
    std::fs::remove_file(folder.path().join("truth.json")).unwrap();
    assert!(generate(&options, &mut |_| {}).is_err());
}

#[test]
fn an_hour_is_split_into_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut most = Vec::new();
    for files_per_hour in [1, 4] {
        let mut options = options(&folder.path().join(files_per_hour.to_string()));
        only(&mut options, "users.messages.email.");
        (options.events, options.days, options.duplicates) = (4_000, 1, 0.0);
        options.files_per_hour = files_per_hour;
        let summary = generate(&options, &mut |_| {}).unwrap();
        let mut folders: HashMap<PathBuf, u32> = HashMap::new();
        let mut records = 0;
        for path in files(&options.out.join("currents")) {
            let rows = reader::read(&path).rows.len();
            assert!(rows > 0);
            records += rows as u64;
            *folders.entry(path.parent().unwrap().to_path_buf()).or_default() += 1;
        }
        assert_eq!((records, summary.records), (4_000, 4_000));
        most.push(folders.values().copied().max().unwrap());
    }
    assert_eq!(most, [1, 4]);
}

#[test]
fn types_nobody_knows_get_fillers_and_exact_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let field = |name: &str, avro, required| FieldSpec { name: name.into(), avro, required };
    let mut options = options(folder.path());
    options.types = vec![TypeSpec {
        event_type: "users.novel.Thing".into(),
        channel: None,
        stage: None,
        fields: vec![
            field("id", AvroType::String, true),
            field("time", AvroType::Long, true),
            field("flavour", AvroType::String, true),
            field("weight", AvroType::Float, false),
            field("tags", AvroType::StringArray, true),
            field("mood", AvroType::String, false),
        ],
    }];
    options.events = 1_234;
    for late in [0.0, 1.0] {
        options.out = folder.path().join(late.to_string());
        options.late = late;
        let summary = generate(&options, &mut |_| {}).unwrap();
        assert_eq!(summary.tables["users_novel_thing"], 1_234);
        for path in files(&options.out.join("currents")) {
            for row in reader::read(&path).rows {
                assert!(row["flavour"].text().is_some_and(|t| !t.is_empty()));
                assert!(matches!(row["tags"], Cell::List(_)));
            }
        }
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |change: &dyn Fn(&mut Options)| {
        let mut options = options(folder.path());
        change(&mut options);
        generate(&options, &mut |_| {}).unwrap_err().show()
    };
    assert!(wrong(&|o| o.events = 0).contains("events is 0"));
    assert!(wrong(&|o| o.days = 0).contains("days"));
    assert!(wrong(&|o| o.duplicates = f64::NAN).contains("rate"));
    assert!(wrong(&|o| o.types.clear()).contains("no event type"));
    assert!(wrong(&|o| o.types[0].fields.clear()).contains("no field `id`"));
    assert!(wrong(&|o| o.types.push(o.types[0].clone())).contains("twice"));
    assert!(wrong(&|o| (o.format, o.codec) = (OutFormat::Json, Codec::Snappy)).contains("JSON"));
}
