//! P7: a load stays near the memory it is given, though what it loads is larger than that once decoded: many files of
//! the size Braze writes, or few that are as large as the budget itself.
#![cfg(target_os = "linux")]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;
use support::*;

/// What the process may need beside `--memory`: the program itself, its threads, and what the allocator keeps of what
/// was freed.
const BESIDE_MIB: u64 = 128;

/// Loads an export with a budget; returns the peak in MiB and the sizes in bytes of the largest file and cell.
fn peak(shape: &Shape, budget_mib: u64) -> (u64, u64, u64) {
    let dir = tempfile::tempdir().unwrap();
    let summary = shape.write(dir.path());
    // Decoded, records are larger than in their files, and these alone exceed the budget.
    assert!(summary.bytes > budget_mib << 20, "the export has only {} MiB", summary.bytes >> 20);
    let largest = files_in(&dir.path().join("currents")).iter().map(|(_, bytes)| bytes.len() as u64).max().unwrap();
    let warehouse = dir.path().join("warehouse");
    let mut load = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    load.args(["load", "--memory", &format!("{budget_mib}MiB"), "--workers", "2", "--source"]);
    load.arg(dir.path().join("currents")).arg("--warehouse").arg(&warehouse);
    let mut child = load.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
    assert_eq!(stored as u64, shape.events, "{}", String::from_utf8_lossy(&out.stdout));
    println!("peak {peak} MiB for {} MiB of files, the largest {} MiB", summary.bytes >> 20, largest >> 20);
    assert!(peak > 16, "the peak was not measured");
    let cell = files_in(&warehouse.join("tables")).iter().map(|(_, bytes)| bytes.len() as u64).max().unwrap();
    (peak, largest, cell)
}

#[test]
fn many_files_stay_near_what_the_option_says() {
    // With 2 GiB to use, the same load peaks at 600 MiB.
    let (peak, _, _) = peak(&Shape { events: 400_000, days: 1, files_per_hour: 8, ..Shape::default() }, 128);
    assert!(peak <= 128 + BESIDE_MIB, "{peak} MiB at its peak, with --memory 128MiB");
}

#[test]
fn files_nearly_as_large_as_the_budget_do_too() {
    let shape = Shape { events: 500_000, days: 1, types: "users.messages.email.Send", ..Shape::default() };
    let (peak, largest, cell) = peak(&shape, 64);
    assert!(largest > 24 << 20, "the largest file has only {largest} bytes");
    // The object is put together in memory, in a buffer that doubles as it grows. Decoded as a whole, the largest file
    // would take the load beyond that bound.
    let bound = 64 + BESIDE_MIB + (cell >> 19);
    assert!(peak <= bound, "{peak} MiB at its peak, with --memory 64MiB and a cell of {} MiB", cell >> 20);
}
