//! P4: two loaders at once lose nothing and store nothing twice: on a store where only conditional writes decide, with
//! every order of their operations a seeded dice may bring, and as two processes on one folder, where one waits.

mod support;

use eddyline::load::Request;
use futures::FutureExt;
use object_store::ObjectStore;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use rand::{Rng, SeedableRng};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::*;

const ROUNDS: u64 = 100;

/// A store whose every operation lets others run for a while.
fn dawdling(inner: Arc<dyn ObjectStore>, seed: u64) -> Arc<dyn ObjectStore> {
    let dice = Arc::new(Mutex::new(rand_pcg::Pcg64::seed_from_u64(seed)));
    Arc::new(Hooked::new(inner, move |_| {
        let turns = {
            let mut dice = dice.lock().unwrap();
            // Mostly a step aside, now and then long enough for the other to finish a cell or a pass.
            match dice.random_range(0..20) {
                0 => dice.random_range(0..400),
                1..4 => dice.random_range(0..60),
                _ => dice.random_range(0..4),
            }
        };
        async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            Fault::None
        }
        .boxed()
    }))
}

/// A source with some of the files, each in the version it has in every other such source.
async fn some_of(files: &[(String, bytes::Bytes)], wanted: impl Fn(&str) -> bool) -> Arc<InMemory> {
    let objects = source(files).await;
    for (key, _) in files.iter().filter(|(key, _)| !wanted(key)) {
        objects.delete(&Path::from(key.as_str())).await.unwrap();
    }
    objects
}

/// The export, and a second delivery of each third file's records under a key of the next day.
fn files() -> Vec<(String, bytes::Bytes)> {
    let shape = Shape { events: 120, days: 3, duplicates: 0.2, late: 0.1, ..Shape::default() };
    let mut files: Vec<_> = shape.files();
    let copies: Vec<_> = files
        .iter()
        .enumerate()
        .filter(|(at, _)| at % 3 == 0)
        .map(|(_, (key, content))| {
            let moved = (0..3)
                .rev()
                .fold(key.clone(), |key, n| key.replace(&format!("date={}", day(n)), &format!("date={}", day(n + 1))));
            (moved.replace(".avro", "9.avro"), content.clone())
        })
        .collect();
    files.extend(copies);
    files
}

#[test]
fn on_a_store_whose_conditional_writes_decide() {
    let files = files();
    let expected = on_one_thread(async { rows(calm(&files).await.as_ref()).await });
    for seed in 0..ROUNDS {
        on_one_thread(async {
            let store = Arc::new(InMemory::new());
            let mut dice = rand_pcg::Pcg64::seed_from_u64(seed);
            let shares: Vec<u8> = files.iter().map(|_| dice.random_range(0..3)).collect();
            let of = |mine: u8| {
                let keys: std::collections::HashSet<&str> = files
                    .iter()
                    .zip(&shares)
                    .filter(|(_, share)| **share == 2 || **share == mine)
                    .map(|((key, _), _)| key.as_str())
                    .collect();
                some_of(&files, move |key| keys.contains(key)).boxed()
            };
            let one = loader_from("memory:one", of(0).await, dawdling(store.clone(), seed * 2), settings());
            let two = loader_from("memory:two", of(1).await, dawdling(store.clone(), seed * 2 + 1), settings());
            let request = Request::default();
            // One clock that stands still, and one process: nothing tells their log entries apart but what they say.
            let now = clock()();
            let still = || now;
            let (first, second) =
                tokio::join!(try_pass_at(&one, &request, &still), try_pass_at(&two, &request, &still));
            let when = format!("round {seed}");
            for outcome in [first, second] {
                if let Err(e) = outcome {
                    panic!("{when}: {}", e.show());
                }
            }
            assert_glob_is_sound(store.as_ref(), &Default::default(), &when).await;
            assert_same_rows(&expected, &rows(store.as_ref()).await, &when);
            assert_verified(&store).await;
            // What each committed is in the ledger: nothing is left to do for either.
            let again = loader_from("memory:one", of(0).await, store.clone(), settings());
            let report = pass(&again, &full()).await;
            assert_eq!(report.seq, None, "{when}: {}", report.text());
        });
    }
}

/// What a loader leaves that published everything and died before its commit.
async fn dead_load(files: &[(String, bytes::Bytes)]) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    let dying = Hooked::new(store.clone(), |op| {
        let refused = matches!(op, Op::Put(path) if path.starts_with("meta/log"));
        async move { if refused { Fault::Refused } else { Fault::None } }.boxed()
    });
    let outcome = try_pass(&loader(source(files).await, Arc::new(dying), settings()), &full()).await;
    assert!(outcome.is_err());
    store
}

fn one_day() -> Shape {
    Shape { events: 40, days: 1, types: "users.messages.email.Send", ..Shape::default() }
}

/// The same records as a file of one day and of the next.
fn same_records_on_two_days() -> [(String, bytes::Bytes); 2] {
    same_records_twice(&one_day())
}

fn same_records_twice(shape: &Shape) -> [(String, bytes::Bytes); 2] {
    let files = shape.files();
    let (key, content) = files[files.len() / 2].clone();
    let later = key.replace(&format!("date={}", day(0)), &format!("date={}", day(1)));
    [(key, content.clone()), (later, content)]
}

#[test]
fn a_dead_writer_gives_way_to_the_log_and_of_two_dead_ones_the_later_day() {
    on_one_thread(async {
        let [first, second] = same_records_on_two_days();
        let expected = rows(calm(std::slice::from_ref(&first)).await.as_ref()).await;
        for (committed, emptied) in [(true, day(0)), (false, day(1))] {
            // Each writer by itself, unseen by the other; then both on one store.
            let store = match committed {
                true => calm(std::slice::from_ref(&second)).await,
                false => dead_load(std::slice::from_ref(&second)).await,
            };
            for (key, _, content) in objects(dead_load(std::slice::from_ref(&first)).await.as_ref(), "tables").await {
                store.put(&Path::from(key), content.into()).await.unwrap();
            }
            assert_eq!(rows(store.as_ref()).await.len(), 2 * expected.len());
            let both = source(&[first.clone(), second.clone()]).await;
            pass(&loader(both, store.clone(), settings()), &full()).await;
            let when = format!("one committed: {committed}");
            assert_same_rows(&expected, &rows(store.as_ref()).await, &when);
            assert_verified(&store).await;
            let cells = eddyline::warehouse::Snapshot::open(&warehouse(store.clone())).await.unwrap().cells;
            let rows = |cell: &eddyline::warehouse::CellState| (cell.key.queue_date, cell.rows);
            let kept = if emptied == day(0) { day(1) } else { day(0) };
            let mut wanted = vec![(emptied, 0), (kept, expected.len() as u64)];
            wanted.sort();
            assert_eq!(cells.values().map(rows).collect::<Vec<_>>(), wanted, "{when}");
        }
    });
}

#[test]
fn rows_of_a_file_that_brought_the_log_nothing_are_not_committed() {
    on_one_thread(async {
        let both = same_records_on_two_days();
        let expected = rows(calm(&both).await.as_ref()).await;
        // The log has the second file, with duplicates only. A writer that saw none of the first day stored its rows.
        let store = calm(&both).await;
        for (key, _, content) in objects(dead_load(&both[1..]).await.as_ref(), "tables").await {
            store.put(&Path::from(key), content.into()).await.unwrap();
        }
        assert_eq!(rows(store.as_ref()).await.len(), 2 * expected.len());
        // The next pass that writes to the table takes in what lies there.
        let later = Shape { first_day: 2, seed: 7, ..one_day() }.files();
        pass(&loader(source(&[&both[..], &later].concat()).await, store.clone(), settings()), &full()).await;
        let wanted = rows(calm(&[&both[..], &later].concat()).await.as_ref()).await;
        assert_same_rows(&wanted, &rows(store.as_ref()).await, "the file with duplicates only");
        assert_verified(&store).await;
    });
}

#[test]
fn a_file_that_may_be_in_several_tables_is_listed_where_it_brought_nothing() {
    on_one_thread(async {
        let both = same_records_twice(&Shape { format: eddyline::generate::OutFormat::Json, ..one_day() });
        let store = calm(&both).await;
        let snapshot = eddyline::warehouse::Snapshot::open(&warehouse(store.clone())).await.unwrap();
        let rows: Vec<u64> = snapshot.cells.values().map(|cell| cell.rows).collect();
        assert!(matches!(rows[..], [some, 0] if some > 0), "{rows:?}");
        assert_verified(&store).await;
    });
}

#[test]
fn a_cell_gives_up_an_id_that_a_lower_one_shows_after_it_was_built() {
    on_one_thread(async {
        let [first, second] = same_records_on_two_days();
        let other = one_day().files().swap_remove(0);
        assert_ne!(other.0, first.0);
        let store = dead_load(std::slice::from_ref(&other)).await;
        let grown = objects(dead_load(&[other.clone(), first.clone()]).await.as_ref(), "tables").await;
        let [(path, _, content)]: [_; 1] = grown.try_into().unwrap();
        // The first day has none of the records when the second is built, and all of them a moment later.
        let inner = store.clone();
        let meddling = Hooked::new(store.clone(), move |op| {
            let (inner, path, content) = (inner.clone(), path.clone(), content.clone());
            async move {
                if matches!(op, Op::Put(put) if put.contains(&format!("queue_date={}", day(1)))) {
                    let old = inner.get(&Path::from(path.as_str())).await.unwrap().bytes().await.unwrap();
                    if old != content {
                        inner.put(&Path::from(path), content.into()).await.unwrap();
                    }
                }
                Fault::None
            }
            .boxed()
        });
        let report = pass(&loader(source(&[second]).await, Arc::new(meddling), settings()), &full()).await;
        assert_eq!(report.counters.new, 0, "{}", report.text());
        let expected = rows(calm(&[other, first]).await.as_ref()).await;
        assert_same_rows(&expected, &rows(store.as_ref()).await, "a lower cell grown meanwhile");
        assert_verified(&store).await;
    });
}

#[test]
fn a_new_cell_is_written_unasked_and_one_that_somebody_made_meanwhile_is_added_to() {
    on_one_thread(async {
        let all = one_day().files();
        let [other, rest @ ..] = all.as_slice() else { panic!("no files") };
        let theirs = objects(dead_load(std::slice::from_ref(other)).await.as_ref(), "tables").await;
        let [(path, _, content)]: [_; 1] = theirs.try_into().unwrap();
        for meddled in [false, true] {
            let store = Arc::new(InMemory::new());
            let asked = Arc::new(AtomicUsize::new(0));
            let (inner, counted) = (store.clone(), asked.clone());
            let (path, content) = (path.clone(), content.clone());
            let meddling = Hooked::new(store.clone(), move |op| {
                let (inner, path, content, counted) = (inner.clone(), path.clone(), content.clone(), counted.clone());
                async move {
                    if op == Op::Get(path.clone()) {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    if meddled && op == Op::Put(path.clone()) && inner.head(&Path::from(path.as_str())).await.is_err() {
                        inner.put(&Path::from(path), content.into()).await.unwrap();
                    }
                    Fault::None
                }
                .boxed()
            });
            pass(&loader(source(rest).await, Arc::new(meddling), settings()), &full()).await;
            assert_eq!(asked.load(Ordering::SeqCst) > 0, meddled, "how often the cell was looked for");
            let expected = rows(calm(if meddled { all.as_slice() } else { rest }).await.as_ref()).await;
            assert_same_rows(&expected, &rows(store.as_ref()).await, "a cell made meanwhile");
            assert_verified(&store).await;
        }
    });
}

#[test]
fn a_neighbour_replaced_while_it_is_read_is_read_again() {
    on_one_thread(async {
        let files = Shape { days: 2, types: "users.messages.email.Send", ..Shape::default() }.files();
        let first_day = format!("date={}", day(0));
        let (before, after): (Vec<_>, Vec<_>) = files.iter().cloned().partition(|(key, _)| key.contains(&first_day));
        let store = calm(&before).await;
        let [(path, _, content)]: [_; 1] = objects(store.as_ref(), "tables").await.try_into().unwrap();
        // It is looked up, then read: in between someone puts another version there.
        let (meddling, asked) = replaced_at(2, store.clone(), path, content);
        pass(&loader(source(&after).await, Arc::new(meddling), settings()), &full()).await;
        assert!(asked.load(Ordering::SeqCst) > 3, "the cell of the day before was not read again");
        assert_same_rows(&rows(calm(&files).await.as_ref()).await, &rows(store.as_ref()).await, "two days");
    });
}

/// A store in which an object is replaced by another version with the same content just before its `nth` read; and how
/// often it was read.
fn replaced_at(nth: usize, store: Arc<InMemory>, path: String, content: bytes::Bytes) -> (Hooked, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let hooked = Hooked::new(store.clone(), move |op| {
        let (store, path, content, counted) = (store.clone(), path.clone(), content.clone(), counted.clone());
        async move {
            if op == Op::Get(path.clone()) && counted.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                store.put(&Path::from(path), content.into()).await.unwrap();
            }
            Fault::None
        }
        .boxed()
    });
    (hooked, asked)
}

#[test]
fn a_cell_replaced_while_it_is_verified_is_not_called_damaged() {
    on_one_thread(async {
        let files = Shape { days: 1, types: "users.messages.email.Send", ..Shape::default() }.files();
        let store = calm(&files).await;
        let [(path, _, content)]: [_; 1] = objects(store.as_ref(), "tables").await.try_into().unwrap();
        let (meddling, asked) = replaced_at(1, store.clone(), path, content);
        let store = warehouse(Arc::new(meddling));
        let snapshot = eddyline::warehouse::Snapshot::open(&store).await.unwrap();
        let verified = eddyline::warehouse::verify::verify(&store, &snapshot, &definitions(), true).await;
        let found = verified.unwrap_or_else(|e| panic!("{}", e.show()));
        assert!(found.problems.is_empty(), "{:#?}", found.problems);
        // Another version is there than the log knows, with the same content.
        assert_eq!(found.notes.len(), 1, "{:#?}", found.notes);
        assert!(asked.load(Ordering::SeqCst) > 2, "it was not read again");
    });
}

fn eddyline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn two_processes_on_one_folder_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    Shape { events: 20_000, days: 4, ..Shape::default() }.write(dir.path());
    let source = dir.path().join("currents");
    let alone = dir.path().join("alone");
    let both = dir.path().join("both");
    let args = |warehouse: &std::path::Path, wait: &'static str| -> Vec<String> {
        ["load", "--source", source.to_str().unwrap(), "--warehouse", warehouse.to_str().unwrap(), "--lock-wait", wait]
            .map(str::to_string)
            .to_vec()
    };
    let run = |args: Vec<String>| eddyline(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(run(args(&alone, "1m")).status().unwrap().success());

    let mut first = run(args(&both, "1m")).spawn().unwrap();
    while !both.join("tables").exists() {
        assert!(first.try_wait().unwrap().is_none(), "the first ended before it wrote a cell");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let refused = run(args(&both, "0s")).output().unwrap();
    let waited = run(args(&both, "1m")).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).to_string();
    assert_eq!(refused.status.code(), Some(5), "{said}");
    assert!(said.contains("another eddyline is writing"), "{said}");
    assert!(first.wait().unwrap().success());
    assert!(waited.status.success(), "{}", String::from_utf8_lossy(&waited.stderr));
    assert!(String::from_utf8_lossy(&waited.stdout).contains("nothing new"));

    let disk = |folder: &std::path::Path| object_store::local::LocalFileSystem::new_with_prefix(folder).unwrap();
    on_one_thread(async {
        let (alone, both) = (disk(&alone), disk(&both));
        assert_glob_is_sound(&both, &Default::default(), "two processes").await;
        assert_same_rows(&rows(&alone).await, &rows(&both).await, "two processes");
    });
}
