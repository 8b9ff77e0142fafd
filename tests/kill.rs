//! P3 with a real process: `eddyline load` is killed (SIGKILL) at random moments at least 30 times; after every kill a
//! glob over `tables/` is sound, and one calm load ends where a load that was never killed does.

mod support;

use object_store::local::LocalFileSystem;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use support::pace::Pace;
use support::*;

const KILLS: usize = 30;
/// Warehouses are begun anew when a load ran to its end, so that kills strike first loads and later ones.
const ROUNDS: usize = 40;

fn load(source: &Path, warehouse: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    command.args(["load", "--full", "--source"]).arg(source).arg("--warehouse").arg(warehouse);
    // Small objects, so that days have slots and a kill may fall between two of them.
    command.args(["--target-object-size", "16KiB", "--lock-wait", "30s"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn verify(warehouse: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eddyline"));
    let out = command.args(["verify", "--deep", "--warehouse"]).arg(warehouse).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
}

fn rows_in(warehouse: &Path) -> Vec<String> {
    let disk = LocalFileSystem::new_with_prefix(warehouse).unwrap();
    on_one_thread(async { rows(&disk).await })
}

#[test]
fn a_killed_load_ends_where_a_calm_one_does() {
    let dir = tempfile::tempdir().unwrap();
    let shape = Shape { events: 3_000, days: 3, types: "users.messages.email.{Send,Open}", ..Shape::default() };
    shape.write(dir.path());
    let whole = dir.path().join("currents");
    // The export without its last day, for warehouses that are there already when the kills begin.
    let earlier = dir.path().join("earlier");
    for (key, content) in files_in(&whole) {
        if !key.contains(&format!("date={}", day(2))) {
            let path = earlier.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }
    let calm = dir.path().join("calm");
    let began = Instant::now();
    assert!(load(&whole, &calm).status().unwrap().success());
    let took = began.elapsed();
    let expected = rows_in(&calm);
    assert_eq!(expected.len(), 3_000);

    let mut dice = rand_pcg::Pcg64::seed_from_u64(7);
    // Of first loads, and of those into a warehouse that is there.
    let mut paces = [Pace::of(took), Pace::of(took)];
    let mut kills = 0;
    for round in 0..ROUNDS {
        let pace = &mut paces[round % 2];
        let warehouse = dir.path().join(format!("round-{round}"));
        std::fs::create_dir(&warehouse).unwrap();
        if round % 2 == 1 {
            assert!(load(&earlier, &warehouse).status().unwrap().success());
        }
        let disk = LocalFileSystem::new_with_prefix(&warehouse).unwrap();
        let committed = on_one_thread(async { ids(&disk).await });
        // One to four kills, then let it be.
        for _ in 0..dice.random_range(1..5) {
            let mut child = load(&whole, &warehouse).spawn().unwrap();
            std::thread::sleep(pace.moment(&mut dice));
            child.kill().unwrap();
            let hit = child.wait().unwrap().code().is_none();
            pace.met(hit);
            on_one_thread(assert_glob_is_sound(&disk, &committed, &format!("round {round}, kill {kills}")));
            if !hit {
                // It was faster than the kill, and left nothing to do.
                break;
            }
            kills += 1;
        }
        assert!(load(&whole, &warehouse).status().unwrap().success());
        assert_same_rows(&expected, &rows_in(&warehouse), &format!("round {round} after {kills} kills"));
        verify(&warehouse);
        let left = std::fs::read_dir(warehouse.join("meta/tmp")).map_or(0, |files| files.count());
        assert_eq!(left, 0, "round {round}: unfinished writes are left in meta/tmp");
        std::fs::remove_dir_all(&warehouse).unwrap();
        if kills >= KILLS {
            return;
        }
    }
    panic!("only {kills} kills struck a running load");
}
