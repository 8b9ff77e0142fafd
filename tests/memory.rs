//! P7: a load stays near the memory it is given, though what it loads is larger than that once decoded. Files are of
//! the size Braze writes, some 15,000 records at most: one file is always decoded as a whole.
#![cfg(target_os = "linux")]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;
use support::*;

/// What `--memory` says.
const BUDGET_MIB: u64 = 128;
/// What the process may need beside it: the program itself, its threads, and what the allocator keeps of what was freed.
const BESIDE_MIB: u64 = 128;

#[test]
fn peak_memory_stays_near_what_the_option_says() {
    let dir = tempfile::tempdir().unwrap();
    let shape = Shape { events: 400_000, days: 1, files_per_hour: 8, ..Shape::default() };
    let summary = shape.write(dir.path());
    // Decoded, records are larger than in their files, and these alone exceed the budget. With 2 GiB to use, the same
    // load peaks at 600 MiB.
    assert!(summary.bytes > BUDGET_MIB << 20, "the export has only {} MiB", summary.bytes >> 20);
    let warehouse = dir.path().join("warehouse");
    let mut load = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    load.args(["load", "--memory", "128MiB", "--workers", "2", "--source"]).arg(dir.path().join("currents"));
    load.arg("--warehouse").arg(&warehouse).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = load.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        // The high-water mark only grows, so the last look before the end misses at most its last milliseconds.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) >> 10);
        std::thread::sleep(Duration::from_millis(5));
    }
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let disk = object_store::local::LocalFileSystem::new_with_prefix(&warehouse).unwrap();
    let stored: usize = on_one_thread(ids(&disk)).values().map(Vec::len).sum();
    assert_eq!(stored, 400_000);
    println!("peak {peak} MiB for {} MiB of files", summary.bytes >> 20);
    assert!(peak > 16, "the peak was not measured");
    assert!(peak <= BUDGET_MIB + BESIDE_MIB, "{peak} MiB at its peak, with --memory {BUDGET_MIB}MiB");
}
