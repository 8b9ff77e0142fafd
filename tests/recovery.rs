//! P5 and what else may be lost, changed or grow between passes: `meta/` deleted, a cell deleted, files rewritten or cut
//! short, days of several slots, schemas that grow, checkpoints.

mod support;

use bytes::Bytes;
use eddyline::generate::AvroType;
use eddyline::load::{ColumnPolicy, LoadReport, Request, Settings};
use eddyline::query::{Options, Session};
use eddyline::warehouse::{CellKey, Fate, Snapshot};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FsPath;
use std::process::{Command, Output};
use std::sync::Arc;
use support::*;

fn eddyline(args: &[&str], source: Option<&FsPath>, warehouse: &FsPath) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    command.args(args).arg("--warehouse").arg(warehouse);
    if let Some(source) = source {
        command.arg("--source").arg(source);
    }
    command.output().unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).to_string() + &String::from_utf8_lossy(&out.stderr)
}

fn rows_in(warehouse: &FsPath) -> Vec<String> {
    let disk = object_store::local::LocalFileSystem::new_with_prefix(warehouse).unwrap();
    on_one_thread(async { rows(&disk).await })
}

/// An export with an unknown column and an unknown type, loaded into a folder.
fn loaded() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let shape = Shape {
        events: 400,
        extra_column: Some(("mood", AvroType::Int)),
        extra_types: &["users.messages.email.Teleport"],
        ..Shape::default()
    };
    shape.write(dir.path());
    let (source, warehouse) = (dir.path().join("currents"), dir.path().join("warehouse"));
    let out = eddyline(&["load"], Some(&source), &warehouse);
    assert!(out.status.success(), "{}", said(&out));
    (dir, source, warehouse)
}

#[test]
fn meta_is_restored_by_a_load_a_rebuild_or_state_rebuild() {
    let (_dir, source, warehouse) = loaded();
    let expected = rows_in(&warehouse);
    assert!(expected.iter().any(|r| r.contains(" mood=")) && expected.iter().any(|r| r.contains("_teleport ")));
    for how in [&["state", "rebuild"][..], &["load"], &["load", "--rebuild"]] {
        std::fs::remove_dir_all(warehouse.join("meta")).unwrap();
        let broken = eddyline(&["verify"], None, &warehouse);
        assert_eq!(broken.status.code(), Some(7), "{}", said(&broken));
        assert!(said(&broken).contains("meta/ is lost"), "{}", said(&broken));
        let from = (how[0] == "load").then_some(source.as_path());
        let out = eddyline(how, from, &warehouse);
        assert!(out.status.success(), "{how:?}: {}", said(&out));
        let verified = eddyline(&["verify", "--deep"], None, &warehouse);
        assert!(verified.status.success(), "{how:?}: {}", said(&verified));
        assert!(!said(&verified).contains("note:"), "{how:?}: {}", said(&verified));
        assert_same_rows(&expected, &rows_in(&warehouse), &format!("{how:?}"));
        // The ledger is back too: everything the footers prove, and the rest after one more pass.
        eddyline(&["load"], Some(&source), &warehouse);
        let again = eddyline(&["load"], Some(&source), &warehouse);
        assert!(said(&again).contains("nothing new"), "{how:?}: {}", said(&again));
        assert_same_rows(&expected, &rows_in(&warehouse), &format!("{how:?}, loaded again"));
    }
}

#[test]
fn what_a_pass_left_in_the_middle_is_taken_in_by_the_next_whatever_that_loads() {
    let dir = tempfile::tempdir().unwrap();
    let write = |folder: &str, types: &'static str, first_day: i64| {
        let seed = first_day as u64;
        Shape { types, first_day, days: 1, seed, ..Shape::default() }.write(&dir.path().join(folder));
        dir.path().join(folder).join("currents")
    };
    let (sends, opens) = (write("1", "users.messages.email.Send", 0), write("2", "users.messages.email.Open", 0));
    let (warehouse, dying) = (dir.path().join("warehouse"), dir.path().join("dying"));
    for (source, warehouse) in [(&sends, &warehouse), (&opens, &dying)] {
        let out = eddyline(&["load"], Some(source), warehouse);
        assert!(out.status.success(), "{}", said(&out));
    }
    // A pass that wrote the opens and died; their files are gone before the next.
    let table = "tables/users_messages_email_open";
    std::fs::rename(dying.join(table), warehouse.join(table)).unwrap();
    // A folder that somebody made is no table.
    std::fs::create_dir(warehouse.join("tables/notes")).unwrap();
    let lock = warehouse.join("meta/lock");
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), "done\n");
    std::fs::write(&lock, "at work\n").unwrap();
    let out = eddyline(&["load"], Some(&write("3", "users.messages.email.Send", 1)), &warehouse);
    assert!(out.status.success(), "{}", said(&out));
    let snapshot = on_one_thread(async {
        let store = eddyline::warehouse::Store::open(warehouse.to_str().unwrap(), &[], false).unwrap();
        Snapshot::open(&store).await.unwrap()
    });
    assert!(!snapshot.tables.contains_key("notes"));
    let known = snapshot.cells;
    let known: Vec<(&str, chrono::NaiveDate)> =
        known.keys().map(|cell| (cell.table.as_str(), cell.queue_date)).collect();
    let (send, open) = ("users_messages_email_send", "users_messages_email_open");
    assert_eq!(known, [(open, day(0)), (send, day(0)), (send, day(1))]);
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), "done\n");
    let out = eddyline(&["verify", "--deep"], None, &warehouse);
    assert!(out.status.success(), "{}", said(&out));
}

#[test]
fn a_log_or_checkpoint_that_cannot_be_read_is_made_anew() {
    for damaged in ["meta/log/00000000000000000001.json", "meta/checkpoint/00000000000000000010/cells.parquet"] {
        let (_dir, source, warehouse) = loaded();
        let expected = rows_in(&warehouse);
        let path = warehouse.join(damaged);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "{").unwrap();
        let broken = eddyline(&["load"], Some(&source), &warehouse);
        assert_eq!(broken.status.code(), Some(1), "{}", said(&broken));
        let out = eddyline(&["state", "rebuild"], None, &warehouse);
        assert!(out.status.success(), "{damaged}: {}", said(&out));
        let out = eddyline(&["load"], Some(&source), &warehouse);
        assert!(out.status.success(), "{damaged}: {}", said(&out));
        let verified = eddyline(&["verify", "--deep"], None, &warehouse);
        assert!(verified.status.success(), "{damaged}: {}", said(&verified));
        assert_same_rows(&expected, &rows_in(&warehouse), damaged);
    }
}

#[test]
fn a_cell_that_was_deleted_is_reported_never_papered_over_and_restored_by_a_rebuild() {
    let (dir, source, warehouse) = loaded();
    let expected = rows_in(&warehouse);
    let key = CellKey { table: "users_messages_email_send".into(), queue_date: day(0), slot: 0 };
    std::fs::remove_file(warehouse.join(key.path())).unwrap();
    let found = eddyline(&["verify"], None, &warehouse);
    assert_eq!(found.status.code(), Some(7));
    assert!(said(&found).contains(&key.path()) && said(&found).contains("rows are missing"), "{}", said(&found));
    // A new file of that day must not make a cell of its own that the log then takes for the whole.
    let files = files_in(&source);
    let of_day = format!("users.messages.email.Send/date={}", day(0));
    let (name, content) = files.iter().find(|(key, _)| key.contains(&of_day)).unwrap();
    std::fs::write(source.join(name.replace(".avro", "7.avro")), content).unwrap();
    let out = eddyline(&["load"], Some(&source), &warehouse);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(said(&out).contains("--rebuild"), "{}", said(&out));
    let out = eddyline(&["load", "--rebuild"], Some(&source), &warehouse);
    assert!(out.status.success(), "{}", said(&out));
    assert_same_rows(&expected, &rows_in(&warehouse), "rebuilt");
    let verified = eddyline(&["verify", "--deep"], None, &warehouse);
    assert!(verified.status.success(), "{}", said(&verified));
    drop(dir);
}

#[test]
fn a_damaged_cell_is_never_written_on_and_a_rebuild_replaces_it_and_keeps_it() {
    /// How a cell is damaged: bytes of its ids, of anything, and its end cut off.
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 3] = [
        |bytes| bytes.iter_mut().skip(300).take(1).for_each(|byte| *byte ^= 0x5a),
        |bytes| bytes.iter_mut().skip(400).take(3_000).for_each(|byte| *byte = byte.rotate_left(3) ^ 0x33),
        |bytes| bytes.truncate(1_000),
    ];
    let dir = tempfile::tempdir().unwrap();
    let shape = Shape { types: "users.messages.email.Send", days: 3, ..Shape::default() };
    shape.write(dir.path());
    let (source, held) = (dir.path().join("currents"), dir.path().join("held.avro"));
    let (warehouse, sound) = (dir.path().join("warehouse"), dir.path().join("sound"));
    assert!(eddyline(&["load"], Some(&source), &sound).status.success());
    let expected = rows_in(&sound);
    // The first file of the second day comes after the damage; the cells of all days ask each other about ids.
    let day = format!("queue_date={}", support::day(1));
    let late = files_in(&source).into_iter().map(|file| file.0).find(|key| key.contains(&day[6..])).unwrap();
    let late = source.join(late);
    let cell = warehouse.join("tables/users_messages_email_send").join(&day).join("part-00.parquet");
    for (number, damage) in damages.into_iter().enumerate() {
        let _ = std::fs::remove_dir_all(&warehouse);
        std::fs::rename(&late, &held).unwrap();
        let out = eddyline(&["load"], Some(&source), &warehouse);
        assert!(out.status.success(), "{number}: {}", said(&out));
        let mut bytes = std::fs::read(&cell).unwrap();
        damage(&mut bytes);
        std::fs::write(&cell, &bytes).unwrap();
        std::fs::rename(&held, &late).unwrap();

        let out = eddyline(&["load"], Some(&source), &warehouse);
        assert_eq!(out.status.code(), Some(1), "{number}: {}", said(&out));
        assert!(said(&out).contains(&format!("{day}/part-00.parquet")), "{number}: {}", said(&out));
        assert!(said(&out).contains("load --rebuild"), "{number}: {}", said(&out));
        assert_eq!(std::fs::read(&cell).unwrap(), bytes, "{number}: the damaged cell was written on");

        let out = eddyline(&["load", "--rebuild"], Some(&source), &warehouse);
        assert!(out.status.success(), "{number}: {}", said(&out));
        let told = said(&out);
        let told = told.lines().find(|line| line.contains(" was damaged and is written again")).unwrap();
        let kept = told.split_once("it is kept as ").unwrap().1;
        assert_eq!(std::fs::read(warehouse.join(kept.split(',').next().unwrap())).unwrap(), bytes, "{number}: {told}");
        assert_same_rows(&expected, &rows_in(&warehouse), &format!("{number}: rebuilt"));
        let verified = eddyline(&["verify", "--deep"], None, &warehouse);
        assert!(verified.status.success(), "{number}: {}", said(&verified));
    }
}

#[test]
fn of_a_damaged_cell_the_rows_whose_files_are_gone_are_told() {
    let dir = tempfile::tempdir().unwrap();
    Shape { types: "users.messages.email.Send", days: 1, ..Shape::default() }.write(dir.path());
    let (source, warehouse) = (dir.path().join("currents"), dir.path().join("warehouse"));
    assert!(eddyline(&["load"], Some(&source), &warehouse).status.success());
    let gone = files_in(&source).remove(0).0;
    std::fs::remove_file(source.join(&gone)).unwrap();
    let cell = format!("tables/users_messages_email_send/queue_date={}/part-00.parquet", support::day(0));
    let mut bytes = std::fs::read(warehouse.join(&cell)).unwrap();
    let whole = object_of(&bytes);
    let rows = whole.footer.files.iter().find(|file| *file.key == *gone).unwrap().new;
    bytes[300] ^= 0x5a;
    std::fs::write(warehouse.join(&cell), &bytes).unwrap();
    let out = eddyline(&["load", "--rebuild"], Some(&source), &warehouse);
    let what =
        format!(", with {rows} row{} of 1 file that is no longer in the source", if rows == 1 { "" } else { "s" });
    assert!(out.status.success() && said(&out).contains(&what), "{what}: {}", said(&out));
    let left = std::fs::read(warehouse.join(&cell)).unwrap();
    assert_eq!(object_of(&left).rows(), whole.rows() - rows);
}

fn object_of(bytes: &[u8]) -> eddyline::warehouse::StoredCell {
    let object = eddyline::warehouse::store::Object { bytes: bytes.to_vec().into(), version: Default::default() };
    eddyline::warehouse::StoredCell::open("a cell", object).unwrap()
}

#[test]
fn a_file_rewritten_under_its_key_loads_what_is_new() {
    let files = Shape { events: 60, format: eddyline::generate::OutFormat::Json, ..Shape::default() }.files();
    on_one_thread(async {
        let expected = rows(calm(&files).await.as_ref()).await;
        let half = |content: &Bytes| -> Bytes {
            let lines: Vec<&[u8]> = content.split_inclusive(|b| *b == b'\n').collect();
            lines[..lines.len().div_ceil(2)].concat().into()
        };
        let halves: Vec<_> = files.iter().map(|(key, content)| (key.clone(), half(content))).collect();
        let source = source(&halves).await;
        let store = Arc::new(InMemory::new());
        pass(&loader(source.clone(), store.clone(), settings()), &full()).await;
        let before = rows(store.as_ref()).await.len();
        assert!(before < expected.len());
        add(&source, &files).await;
        let report = pass(&loader(source.clone(), store.clone(), settings()), &full()).await;
        assert_eq!(report.counters.new as usize, expected.len() - before);
        assert_same_rows(&expected, &rows(store.as_ref()).await, "rewritten");
        assert_verified(&store).await;
    });
}

#[test]
fn a_file_that_was_cut_short_is_quarantined_and_loads_once_it_is_whole() {
    let files = Shape { events: 60, ..Shape::default() }.files();
    on_one_thread(async {
        let expected = rows(calm(&files).await.as_ref()).await;
        let (cut, whole) = files.split_at(5);
        let short: Vec<_> = cut.iter().map(|(k, c)| (k.clone(), c.slice(..c.len() - 9))).collect();
        let source = source(whole).await;
        add(&source, &short).await;
        let store = Arc::new(InMemory::new());
        let report = pass(&loader(source.clone(), store.clone(), settings()), &full()).await;
        assert_eq!(report.quarantined.len(), 5);
        let snapshot = Snapshot::open(&warehouse(store.clone())).await.unwrap();
        assert!(cut.iter().all(|(key, _)| snapshot.files[key.as_str()].fate == Fate::Quarantined));
        add(&source, cut).await;
        pass(&loader(source.clone(), store.clone(), settings()), &full()).await;
        assert_same_rows(&expected, &rows(store.as_ref()).await, "completed");
        assert_verified(&store).await;
    });
}

/// The slot counts of each day, by table, as the cells' footers say.
async fn slots(store: &Arc<InMemory>) -> BTreeMap<(String, chrono::NaiveDate), BTreeSet<u8>> {
    let mut days: BTreeMap<_, BTreeSet<u8>> = BTreeMap::new();
    for (key, _, bytes) in objects(store.as_ref(), "tables").await {
        let cell = CellKey::from_path(&key).unwrap();
        let object = eddyline::warehouse::store::Object { bytes, version: Default::default() };
        let footer = eddyline::warehouse::StoredCell::open(&key, object).unwrap().footer;
        assert!(cell.slot < footer.slots, "{key} of {} slots", footer.slots);
        days.entry((cell.table, cell.queue_date)).or_default().insert(footer.slots);
    }
    days
}

#[test]
fn a_day_keeps_its_number_of_slots_over_passes_and_crashes() {
    let files = Shape { events: 300, days: 2, files_per_hour: 2, ..Shape::default() }.files();
    let settings = Settings { target_object_size: 2 << 10, ..settings() };
    on_one_thread(async {
        let expected = rows(calm(&files).await.as_ref()).await;
        let source = Arc::new(InMemory::new());
        let store = Arc::new(InMemory::new());
        // A few files first: the days begin with few slots. Then the rest, of which a day's worth alone would get more.
        let share = |wanted: std::ops::Range<usize>| -> Vec<_> {
            files.iter().enumerate().filter(|(at, _)| wanted.contains(&(at % 8))).map(|(_, f)| f.clone()).collect()
        };
        let shares = [share(0..1), share(1..4), share(4..8)];
        for number in 0..shares.len() {
            add(&source, &shares[number]).await;
            // The log's write is refused: everything is published, nothing committed.
            let crashing = Hooked::new(store.clone(), |op| {
                let fault = match op {
                    Op::Put(path) if path.starts_with("meta/log") => Fault::Refused,
                    _ => Fault::None,
                };
                Box::pin(async move { fault })
            });
            let crashed = try_pass(&loader(source.clone(), Arc::new(crashing), settings.clone()), &full()).await;
            assert!(crashed.is_err());
            let after_crash = slots(&store).await;
            // The next pass finds more than the one that died did, and would choose otherwise.
            add(&source, shares.get(number + 1).map_or(&[], Vec::as_slice)).await;
            pass(&loader(source.clone(), store.clone(), settings.clone()), &full()).await;
            let now = slots(&store).await;
            assert!(now.values().all(|counts| counts.len() == 1), "pass {number}: {now:?}");
            assert!(after_crash.iter().all(|(day, counts)| now[day] == *counts), "pass {number}: a count changed");
        }
        let now = slots(&store).await;
        assert!(now.values().flatten().any(|count| *count > 1), "one slot everywhere proves nothing: {now:?}");
        assert_same_rows(&expected, &rows(store.as_ref()).await, "slots");
        assert_verified(&store).await;
    });
}

/// The column names of every file, by table.
async fn schemas(store: &Arc<InMemory>) -> BTreeMap<String, Vec<(CellKey, Vec<String>)>> {
    let mut tables: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (key, _, bytes) in objects(store.as_ref(), "tables").await {
        let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let names = builder.schema().fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
        tables.entry(reading::table_of(&key).into()).or_default().push((CellKey::from_path(&key).unwrap(), names));
    }
    tables
}

#[test]
fn a_schema_grows_and_older_cells_follow_newest_first_within_the_budget() {
    let base = Shape { events: 300, days: 6, types: "users.messages.email.Send", ..Shape::default() };
    let grown = Shape {
        first_day: 6,
        days: 1,
        seed: 2,
        extra_column: Some(("mood", AvroType::String)),
        extra_types: &["users.messages.email.Teleport"],
        ..base.clone()
    };
    on_one_thread(async {
        let source = source(&base.files()).await;
        let store = Arc::new(InMemory::new());
        pass(&loader(source.clone(), store.clone(), settings()), &full()).await;
        let before = rows(store.as_ref()).await;
        let snapshot = Snapshot::open(&warehouse(store.clone())).await.unwrap();
        let largest = snapshot.cells.values().map(|c| c.size).max().unwrap();
        let cells = snapshot.cells.len();
        add(&source, &grown.files()).await;
        // Enough for one cell or two a pass.
        let tight = Settings { schema_budget: largest + largest / 2, ..settings() };
        let mut counts = Vec::new();
        loop {
            let report: LoadReport = pass(&loader(source.clone(), store.clone(), tight.clone()), &full()).await;
            let snapshot = Snapshot::open(&warehouse(store.clone())).await.unwrap();
            let status = eddyline::warehouse::status::status(&snapshot, &definitions(), clock()(), None);
            assert_eq!(status.behind, report.behind);
            let schemas = schemas(&store).await;
            let send = &schemas["users_messages_email_send"];
            let lacking: Vec<_> = send.iter().filter(|(_, n)| !n.iter().any(|c| c == "mood Utf8")).collect();
            assert_eq!(lacking.len() as u64, status.behind);
            let having: Vec<_> = send.iter().filter(|(_, n)| n.iter().any(|c| c == "mood Utf8")).collect();
            // Newest first: no cell that lacks the column is newer than one that has it.
            assert!(lacking.iter().all(|(old, _)| having.iter().all(|(new, _)| old < new)));
            if counts.is_empty() {
                assert!(schemas.contains_key("users_messages_email_teleport"));
                assert!(report.schema_changes.iter().any(|c| c.columns.iter().any(|c| c.name == "mood")));
            } else {
                assert!(report.counters.realigned > 0 && report.counters.realigned <= 2, "{counts:?}");
            }
            counts.push(status.behind);
            if status.behind == 0 {
                assert!(schemas.values().all(|files| files.iter().all(|(_, names)| *names == files[0].1)));
                break;
            }
            assert!(counts.len() < 2 * cells, "{counts:?}");
        }
        assert!(counts.len() > 2 && counts.windows(2).all(|w| w[0] > w[1]), "{counts:?}");
        let after = rows(store.as_ref()).await;
        assert!(before.iter().all(|row| after.binary_search(row).is_ok()), "a row changed when its cell was realigned");
        assert!(after.iter().filter(|row| row.contains(" mood=")).count() >= 100);
        assert_verified(&store).await;
    });
}

#[test]
fn rescue_keeps_values_and_freeze_refuses_one_table_and_loads_the_others() {
    let plain = Shape { events: 100, ..Shape::default() };
    // Only what is sent carries the new column; opens are as ever.
    let moody = Shape {
        seed: 3,
        types: "users.messages.email.Send",
        extra_column: Some(("mood", AvroType::String)),
        ..plain.clone()
    };
    let opens = Shape { seed: 4, types: "users.messages.email.Open", ..plain.clone() };
    on_one_thread(async {
        let source = source(&plain.files()).await;
        let base = Arc::new(InMemory::new());
        pass(&loader(source.clone(), base.clone(), settings()), &full()).await;
        let before = ids(base.as_ref()).await;
        add(&source, &moody.files()).await;
        add(&source, &opens.files()).await;

        let store = Arc::new(base.fork());
        let rescue = Settings { columns: ColumnPolicy::Rescue, ..settings() };
        let report = pass(&loader(source.clone(), store.clone(), rescue), &full()).await;
        assert!(report.schema_changes.is_empty());
        let rescued = rows(store.as_ref()).await.iter().filter(|r| r.contains(" _extra={\"mood\":")).count();
        assert_eq!(rescued, 100);
        assert_verified(&store).await;

        let store = Arc::new(base.fork());
        let freeze = Settings { columns: ColumnPolicy::Freeze, ..settings() };
        let refused = try_pass(&loader(source.clone(), store.clone(), freeze), &full()).await.unwrap_err();
        assert_eq!(refused.kind().exit_code(), 7, "{}", refused.show());
        assert!(refused.show().contains("mood"), "{}", refused.show());
        let after = ids(store.as_ref()).await;
        assert_eq!(after["users_messages_email_send"], before["users_messages_email_send"]);
        assert_eq!(after["users_messages_email_open"].len(), before["users_messages_email_open"].len() + 100);
        assert_verified(&store).await;
        // With the policy changed, what was refused loads: nothing of it had been noted as done.
        pass(&loader(source.clone(), store.clone(), settings()), &Request::default()).await;
        let sent = |ids: &BTreeMap<String, Vec<String>>| ids["users_messages_email_send"].len();
        assert_eq!(sent(&ids(store.as_ref()).await), sent(&before) + 100);
    });
}

#[test]
fn a_checkpoint_says_what_the_whole_log_says() {
    let files =
        Shape { events: 200, days: 3, extra_column: Some(("mood", AvroType::Long)), ..Shape::default() }.files();
    assert!(files.len() >= 23);
    on_one_thread(async {
        let source = Arc::new(InMemory::new());
        let store = Arc::new(InMemory::new());
        for number in 0..23 {
            let share = |n: usize| n * files.len() / 23;
            add(&source, &files[share(number)..share(number + 1)]).await;
            pass(&loader(source.clone(), store.clone(), settings()), &full()).await;
        }
        let with = Snapshot::open(&warehouse(store.clone())).await.unwrap();
        assert!(with.seq > 20, "{} passes", with.seq);
        let checkpoints = objects(store.as_ref(), "meta/checkpoint").await;
        assert_eq!(checkpoints.len(), 4, "two checkpoints of two files");
        for (key, _, _) in checkpoints {
            store.delete(&Path::from(key)).await.unwrap();
        }
        let without = Snapshot::open(&warehouse(store.clone())).await.unwrap();
        assert!(with == without, "the checkpoint and the log say different things");
        assert!(!with.tables.is_empty() && !with.watermarks.is_empty());
    });
}

#[test]
fn queries_of_events_do_not_read_the_ledger_and_those_of_the_ledger_read_all_of_it() {
    let files = Shape { events: 200, days: 2, ..Shape::default() }.files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (source, store) = (Arc::new(InMemory::new()), Arc::new(InMemory::new()));
        let each = || Settings { checkpoint_every: 2, ..settings() };
        for part in files.chunks(files.len().div_ceil(3)) {
            add(&source, part).await;
            pass(&loader(source.clone(), store.clone(), each()), &full()).await;
        }
        add(&source, &[("event_type=users.messages.email.Open/date=2026-03-02-00/1/bad.avro".into(), "no".into())])
            .await;
        pass(&loader(source.clone(), store.clone(), each()), &full()).await;
        let snapshot = Snapshot::open_without_files(&warehouse(store.clone())).await.unwrap();
        assert!(snapshot.unread.is_some() && snapshot.files.is_empty(), "the ledger is not in a checkpoint");

        let open = || Session::open(warehouse(store.clone()), definitions(), Options::default());
        let one = |answer: eddyline::query::Answer| {
            let rows = answer.batches().unwrap().next().unwrap().unwrap();
            arrow::util::display::array_value_to_string(rows.column(0), 0).unwrap()
        };
        let session = open().await.unwrap();
        let count = async |of: &str| session.run(&format!("SELECT count(*) FROM {of}")).await;
        assert_eq!(one(count("system.files").await.unwrap()), (files.len() + 1).to_string());
        assert_eq!(one(count("system.quarantine WHERE key LIKE '%bad.avro'").await.unwrap()), "1");
        let events = one(count("users_messages_email_open").await.unwrap());

        for (key, _, _) in objects(store.as_ref(), "meta/checkpoint").await {
            if key.ends_with("/files.parquet") {
                store.delete(&Path::from(key)).await.unwrap();
            }
        }
        let session = open().await.unwrap();
        let count = async |of: &str| session.run(&format!("SELECT count(*) FROM {of}")).await;
        assert_eq!(one(count("users_messages_email_open").await.unwrap()), events);
        assert_eq!(one(count("information_schema.tables WHERE table_name = 'files'").await.unwrap()), "1");
        let refused = count("system.files").await.err().unwrap().show();
        assert!(refused.contains("files.parquet") && refused.contains("it is missing"), "{refused}");
    });
}
