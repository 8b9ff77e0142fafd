//! `eddyline`: see `cli` for the commands and `src/README.md` for how the rooms fit together.

use std::process::ExitCode;

/// Rows are decoded by one thread and written by another, day after day: the system's allocator keeps what each of them
/// freed for that thread alone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    eddyline::cli::main()
}
