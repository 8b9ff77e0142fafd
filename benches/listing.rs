//! What a listing costs: everything, and only what may be new, of a bucket with 200,000 and with 1,000,000 keys.
//!
//! The bucket is `tests/support/key_server.rs` on loopback, so that requests are exact and times are this machine's
//! alone; a real store adds its latency to each request that waits for another. Every hour brings 300 keys, spread over
//! the event types. What may be new begins 48 hours before the newest hour, which is the default `lateness`.
//!
//! `cargo bench --bench listing` builds everything anew with optimization; `cargo bench --profile dev --bench listing`
//! uses what the tests have built. Numbers behind it: other sizes, such as `-- 50000`.

#[path = "../tests/support/key_server.rs"]
mod key_server;

use eddyline::currents::QueueHour;
use eddyline::load::Bucket;
use key_server::{Export, KeyServer};
use std::time::{Duration, Instant};

/// Runs of a full listing, and of one of what may be new.
const RUNS: (usize, usize) = (3, 5);
/// Hours before the newest one that are listed again.
const LATENESS: i64 = 48;

/// One kind of listing, measured.
struct Measured {
    requests: u64,
    keys: usize,
    /// The median of the runs.
    time: Duration,
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![200_000, 1_000_000] } else { sizes };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("{}", surroundings());
    println!();
    println!(
        "| keys | event types | all: requests | median | new: requests | keys | median | requests less | time less |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for keys in sizes {
        for types in [15, 94] {
            let export = Export { types, keys, ..Export::default() };
            let server = KeyServer::start(export.objects());
            let earliest =
                QueueHour::parse(&Export { newest: export.newest - LATENESS, ..export }.newest_hour()).unwrap();
            let all = runtime.block_on(measure(&server, RUNS.0, &|_| None));
            let new = runtime.block_on(measure(&server, RUNS.1, &|_| Some(earliest)));
            assert_eq!(all.keys, keys, "the full listing is not full");
            // All of the last 48 hours and the newest one, and nothing else.
            assert_eq!(new.keys, keys.min(300 * (LATENESS as usize + 1)), "not what may be new");
            println!(
                "| {keys} | {types} | {} | {:.2?} | {} | {} | {:.2?} | {:.1} × | {:.1} × |",
                all.requests,
                all.time,
                new.requests,
                new.keys,
                new.time,
                all.requests as f64 / new.requests as f64,
                all.time.as_secs_f64() / new.time.as_secs_f64(),
            );
        }
    }
}

async fn measure(server: &KeyServer, runs: usize, bound: &(dyn Fn(&str) -> Option<QueueHour> + Sync)) -> Measured {
    let bucket = Bucket::open("s3://bench/currents", &server.options()).unwrap();
    let (mut times, mut found) = (Vec::new(), None);
    for _ in 0..runs {
        server.forget();
        let began = Instant::now();
        let keys = bucket.list(bound).await.unwrap().objects.len();
        times.push(began.elapsed());
        let requests = server.requests();
        assert_eq!((requests.gets, requests.heads, requests.refused), (0, 0, 0), "only listings were expected");
        let now = (requests.lists, keys);
        assert_eq!(*found.get_or_insert(now), now, "two runs differ");
    }
    times.sort();
    let (requests, keys) = found.unwrap();
    Measured { requests, keys, time: times[runs / 2] }
}

/// Where and how this runs, to be printed with the numbers.
fn surroundings() -> String {
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .unwrap_or("unknown")
        .trim_start_matches([' ', '\t', ':']);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let optimized = if cfg!(debug_assertions) { "dev profile" } else { "optimized" };
    format!(
        "{cores} cores ({model}), load {}, {} {}, {optimized}, {} and {} runs",
        load.split(' ').next().unwrap_or("unknown"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        RUNS.0,
        RUNS.1,
    )
}
