//! What may go wrong between the program and its stores, with real servers: throttling, cut connections, lost answers,
//! half an answer; a process that is killed; two of them at once. Each time the warehouse ends as after one calm load.

mod fixtures;
mod support;

use bytes::Bytes;
use fixtures::{Run, command, end_of, finish, start};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use support::clouds::{CURRENTS, Place, Spot, WAREHOUSE, assert_store_verified, environment};
use support::pace::Pace;
use support::proxy::Proxy;
use support::*;

type Files = [(String, Bytes)];

/// Two tables over three days, and the same without most of what comes last.
struct Export {
    whole: Vec<(String, Bytes)>,
    earlier: Vec<(String, Bytes)>,
    later: Vec<(String, Bytes)>,
    rows: Vec<String>,
}

fn export() -> &'static Export {
    static MADE: OnceLock<Export> = OnceLock::new();
    MADE.get_or_init(|| {
        let whole = Shape { events: 120, days: 3, duplicates: 0.1, late: 0.1, ..Shape::default() }.files();
        let last = format!("date={}-0", day(2));
        let of_later = |key: &str| key.contains(&last) || key.contains(&format!("date={}-1", day(1)));
        let (later, earlier) = whole.iter().cloned().partition(|(key, _)| of_later(key));
        let rows = on_one_thread(async { rows(calm(&whole).await.as_ref()).await });
        Export { whole, earlier, later, rows }
    })
}

/// A source and an empty warehouse in one place.
struct Scene {
    source: Spot,
    warehouse: Spot,
}

impl Scene {
    fn new(place: Place, files: &Files) -> Scene {
        let scene = Scene { source: place.spot(CURRENTS), warehouse: place.spot(WAREHOUSE) };
        scene.upload(files);
        scene
    }

    fn upload(&self, files: &Files) {
        on_one_thread(self.source.upload(files));
    }

    /// `eddyline load`, by a way to the servers.
    fn load(&self, way: &BTreeMap<String, String>, more: &[&str]) -> Command {
        let mut args = vec!["load", "--source", &self.source.address, "--warehouse", &self.warehouse.address];
        args.extend(["--report", "json", "--log", "json"]);
        args.extend(more);
        let mut command = command(&std::env::temp_dir(), &args);
        command.envs(way.iter().filter(|(name, _)| !name.starts_with("TEST_")));
        command
    }

    /// A load with nothing in between.
    fn calm(&self) -> Run {
        finish(self.load(&environment(), &[])).ends(0)
    }

    fn rows(&self) -> Vec<String> {
        on_one_thread(async { rows(self.warehouse.objects().as_ref()).await })
    }

    /// Ids by table, for [`assert_glob_is_sound`].
    fn ids(&self) -> BTreeMap<String, Vec<String>> {
        on_one_thread(async { ids(self.warehouse.objects().as_ref()).await })
    }

    fn assert_sound(&self, committed: &BTreeMap<String, Vec<String>>, when: &str) {
        on_one_thread(assert_glob_is_sound(self.warehouse.objects().as_ref(), committed, when));
    }

    /// The rows of a calm load, and `verify --deep` finds nothing.
    fn assert_whole(&self, when: &str) {
        assert_same_rows(&export().rows, &self.rows(), when);
        on_one_thread(assert_store_verified(&self.warehouse.store(), when));
    }

    fn assert_log_entries(&self, expected: usize, when: &str) {
        let entries = on_one_thread(async { objects(self.warehouse.objects().as_ref(), "meta/log").await });
        assert_eq!(entries.len(), expected, "{when}: one pass makes one entry");
    }
}

/// Makes one test of each of these functions for each cloud: `s3::a_store_that_throttles_slows_a_pass_down`.
macro_rules! on_every_cloud {
    ($($test:ident)*) => {
        on_every_cloud!(@ s3, S3, $($test)*);
        on_every_cloud!(@ gcs, Gcs, $($test)*);
        on_every_cloud!(@ azure, Azure, $($test)*);
    };
    (@ $module:ident, $place:ident, $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test(super::Place::$place);
            })*
        }
    };
}

on_every_cloud! {
    a_store_that_throttles_slows_a_pass_down
    cut_connections_are_tried_again
    lost_answers_to_writes_change_nothing
}

/// A first load and a second one, each by a proxy with these rules: they end well, and the warehouse is right.
///
/// Gives the runs.
fn assert_loads_through(place: Place, rules: &Value, struck: impl Fn(&mut Proxy, &str)) -> [Run; 2] {
    let scene = Scene::new(place, &export().earlier);
    let mut proxy = Proxy::before(place);
    let way = proxy.environment();
    let mut load = |number: usize| {
        let when = format!("{place:?}, load {number}");
        proxy.rules(rules.clone());
        let run = finish(scene.load(&way, &["--retry-for", "30s"])).ends(0);
        struck(&mut proxy, &when);
        scene.assert_log_entries(number, &when);
        run
    };
    let first = load(1);
    scene.upload(&export().later);
    let second = load(2);
    scene.assert_whole(&format!("{place:?}"));
    let calm = scene.calm();
    assert_eq!(calm.json()["seq"], Value::Null, "something was left to do: {calm:#?}");
    [first, second]
}

fn a_store_that_throttles_slows_a_pass_down(place: Place) {
    let rules = json!([
        {"fault": "status", "status": 503, "skip": 3, "count": 5},
        {"fault": "status", "status": 429, "skip": 12, "count": 5, "retry_after": 1},
        {"fault": "status", "status": 503, "kind": "create|update", "count": 3},
    ]);
    let runs = assert_loads_through(place, &rules, |proxy, when| assert_eq!(proxy.faults("status"), 13, "{when}"));
    for run in runs {
        let said = run.stderr.lines().filter(|line| line.contains("the store says to slow down")).count();
        assert_eq!(said, 13, "{run:#?}");
        assert_eq!(run.json()["requests"]["throttled"], 13, "{run:#?}");
    }
}

fn cut_connections_are_tried_again(place: Place) {
    let rules = json!([
        {"fault": "refuse", "kind": "get", "probability": 0.1, "count": 4},
        {"fault": "refuse", "kind": "get", "probability": 0.1, "count": 4, "reset": true},
        {"fault": "refuse", "kind": "create", "path": "dataset|tables", "count": 2, "reset": true},
        {"fault": "refuse", "kind": "create|update", "path": "tables", "skip": 1, "count": 2},
        {"fault": "refuse", "kind": "create", "path": "log", "count": 1, "reset": true},
        {"fault": "refuse", "kind": "update", "count": 1, "reset": true},
        {"fault": "lose", "kind": "list", "count": 1},
        {"fault": "lose", "kind": "get", "skip": 2, "count": 3},
        {"fault": "lose", "kind": "get", "skip": 2, "count": 3, "reset": true},
        {"fault": "cut_body", "kind": "list", "skip": 2, "count": 1},
        {"fault": "cut_body", "kind": "get", "path": "avro", "skip": 2, "count": 3},
        {"fault": "cut_body", "kind": "get", "path": "avro", "skip": 2, "count": 3, "reset": true},
        {"fault": "cut_body", "kind": "get", "path": "parquet", "count": 2},
    ]);
    assert_loads_through(place, &rules, |proxy, when| {
        let faults = ["refuse", "lose", "cut_body"].map(|kind| proxy.faults(kind));
        assert!(faults[0] >= 4 && faults[1] >= 5 && faults[2] >= 7, "{when}: {faults:?}");
    });
}

/// Cut off and reset: clients ask again after the one by themselves, and not after the other.
fn lost_answers_to_writes_change_nothing(place: Place) {
    let calm = Scene::new(place, &export().earlier);
    let first = calm.calm();
    calm.upload(&export().later);
    let expected = [first, calm.calm()].map(counts);
    for reset in [false, true] {
        let rules = json!([
            {"fault": "lose", "method": "PUT", "path": "meta/dataset.json", "count": 1, "reset": reset},
            {"fault": "lose", "method": "PUT", "path": "meta/log/", "count": 2, "reset": reset},
            {"fault": "lose", "method": "PUT", "path": "meta/reports/", "count": 1, "reset": reset},
            {"fault": "lose", "kind": "create", "path": "tables/", "count": 2, "reset": reset},
            {"fault": "lose", "kind": "update", "path": "tables/", "count": 2, "reset": reset},
        ]);
        let runs = assert_loads_through(place, &rules, |proxy, when| assert!(proxy.faults("lose") >= 5, "{when}"));
        assert_eq!(runs.map(counts), expected);
    }
}

/// What a pass counted, but for bytes written: the ETags of the source are compressed into the cells.
fn counts(run: Run) -> Value {
    let mut counters = run.json()["counters"].clone();
    counters.as_object_mut().unwrap().remove("written");
    counters
}

/// Every write of a pass in its turn.
#[test]
fn any_one_lost_answer_on_s3_changes_nothing() {
    let mut proxy = Proxy::before(Place::S3);
    let way = proxy.environment();
    for into_a_new_one in [true, false] {
        for n in 0.. {
            let when = format!("write {n}, into a new warehouse: {into_a_new_one}");
            let scene = Scene::new(Place::S3, &export().earlier);
            if !into_a_new_one {
                scene.calm();
            }
            scene.upload(&export().later);
            proxy.rules(json!([{"fault": "lose", "method": "PUT", "skip": n, "count": 1, "reset": n % 2 == 0}]));
            finish(scene.load(&way, &[])).ends(0);
            scene.assert_whole(&when);
            scene.assert_log_entries(if into_a_new_one { 1 } else { 2 }, &when);
            if proxy.faults("lose") == 0 {
                assert!(n >= 5, "only {n} writes: {}", proxy.requests());
                break;
            }
        }
    }
}

#[test]
fn a_store_that_comes_back_in_time_is_waited_for() {
    let scene = Scene::new(Place::S3, &export().whole);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let way = support::clouds::environment_through(Place::S3, &format!("http://127.0.0.1:{port}"));
    let gave_up = finish(scene.load(&way, &["--retry-for", "1s"])).ends(4);
    assert!(gave_up.stderr.contains("nobody answers there"), "{gave_up:#?}");
    // It is not there when the pass begins, and goes away once more in the middle.
    let child = start(scene.load(&way, &["--retry-for", "30s"]));
    std::thread::sleep(Duration::from_millis(700));
    let mut proxy = Proxy::listening(Place::S3, port);
    proxy.rules(json!([{"fault": "delay", "seconds": 0.02}]));
    while proxy.requests()["get"].as_u64() < Some(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(proxy);
    std::thread::sleep(Duration::from_millis(700));
    let _back = Proxy::listening(Place::S3, port);
    end_of(child).ends(0);
    scene.assert_whole("after two absences");
    scene.assert_log_entries(1, "after two absences");
}

/// GCS answers in the words of S3.
#[test]
fn half_a_listing_is_never_taken_for_all_of_it() {
    each_page_halved(Place::S3);
    each_page_halved(Place::Azure);
}

/// Each page of a listing in turn is only its first half, and does not look it.
fn each_page_halved(place: Place) {
    let mut proxy = Proxy::before(place);
    let way = proxy.environment();
    // So short that what a listing leaves out and a watermark passes over stays out.
    let options = ["--lateness", "1h", "--full-scan", "never", "--retry-for", "2s"];
    let mut scene = Scene::new(place, &export().whole);
    for n in 0.. {
        let when = format!("{place:?}, page {n}");
        scene.warehouse = place.spot(WAREHOUSE);
        proxy.rules(json!([{"fault": "halve", "kind": "list", "skip": n, "count": 1}]));
        let run = finish(scene.load(&way, &options));
        if proxy.faults("halve") == 0 {
            run.ends(0);
            assert!(n >= 5, "only {n} pages");
            break;
        }
        run.ends(4);
        finish(scene.load(&environment(), &options)).ends(0);
        scene.assert_whole(&when);
    }
}

const KILLS: usize = 50;

#[test]
fn a_killed_load_to_s3_ends_where_a_calm_one_does() {
    let mut dice = rand_pcg::Pcg64::seed_from_u64(11);
    let way = environment();
    // Small objects, so that days have slots and a kill may fall between two of them.
    let full = ["--full", "--target-object-size", "8KiB"];
    let took = {
        let scene = Scene::new(Place::S3, &export().whole);
        let began = Instant::now();
        finish(scene.load(&way, &full)).ends(0);
        let took = began.elapsed();
        scene.assert_whole("calm");
        took
    };
    // Of first loads, and of those into a warehouse that is there.
    let mut paces = [Pace::of(took), Pace::of(took)];
    let mut kills = 0;
    for round in 0..2 * KILLS {
        let pace = &mut paces[round % 2];
        let scene = Scene::new(Place::S3, if round % 2 == 1 { &export().earlier } else { &export().whole });
        if round % 2 == 1 {
            finish(scene.load(&way, &full)).ends(0);
            scene.upload(&export().later);
        }
        let committed = scene.ids();
        // Several kills, then let it be.
        for _ in 0..dice.random_range(3..7) {
            let mut child = start(scene.load(&way, &full));
            std::thread::sleep(pace.moment(&mut dice));
            child.kill().unwrap();
            let hit = end_of(child).code == 128 + 9;
            pace.met(hit);
            scene.assert_sound(&committed, &format!("round {round}, kill {kills}"));
            if !hit {
                // It was faster than the kill, and left nothing to do.
                break;
            }
            kills += 1;
        }
        finish(scene.load(&way, &full)).ends(0);
        scene.assert_whole(&format!("round {round} after {kills} kills"));
        if kills >= KILLS {
            return;
        }
    }
    panic!("only {kills} kills struck a running load");
}

const MEETINGS: u64 = 20;

#[test]
fn two_loaders_at_once_on_s3_lose_and_double_nothing() {
    let mut dice = rand_pcg::Pcg64::seed_from_u64(12);
    let way = environment();
    let mut overlaps = 0;
    for meeting in 0..MEETINGS {
        let when = format!("meeting {meeting}");
        let scene = Scene::new(Place::S3, &export().earlier);
        if meeting % 2 == 1 {
            scene.calm();
        }
        scene.upload(&export().later);
        let committed = scene.ids();
        let mode: &[&str] = if meeting % 4 < 2 { &["--full"] } else { &[] };
        let first = start(scene.load(&way, mode));
        std::thread::sleep(Duration::from_millis(dice.random_range(0..100)));
        let second = start(scene.load(&way, mode));
        let runs = [end_of(first), end_of(second)];
        for run in &runs {
            assert!([0, 5].contains(&run.code), "{when}: {run:#?}");
        }
        let [first, second] = [&runs[0], &runs[1]].map(|run| run.json());
        overlaps += u64::from(second["started"].as_str() < first["finished"].as_str());
        assert!(runs.iter().any(|run| run.code == 0), "{when}: both gave way");
        scene.assert_sound(&committed, &when);
        scene.assert_whole(&when);
        let calm = scene.calm();
        assert_eq!(calm.json()["seq"], Value::Null, "{when}: something was left to do: {calm:#?}");
    }
    assert!(overlaps > MEETINGS / 2, "the passes met only {overlaps} times in {MEETINGS}");
}
