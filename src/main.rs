//! `eddyline`: see `cli` for the commands and `src/README.md` for how the rooms fit together.

use std::process::ExitCode;

fn main() -> ExitCode {
    eddyline::cli::main()
}
