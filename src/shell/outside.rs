//! Other programs the shell hands the terminal to: the user's editor and pager.

use crate::error::{Error, Result};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Which programs, as shell commands: `vim`, `code --wait`, `less -SRFX`.
#[derive(Debug, Clone)]
pub struct Programs {
    /// For `\e`.
    pub editor: String,
    /// For `\pager`.
    pub pager: String,
}

/// Opens a file in the editor and waits until it is closed.
pub fn edit(program: &str, file: &Path) -> Result<()> {
    let wrong = |because: String| {
        Error::failed(format!("the editor `{program}` failed"))
            .because(because)
            .hint("EDITOR or VISUAL says which program \\e opens")
    };
    // By a shell, as other programs do: an editor is often named with its options.
    let status = Command::new("sh")
        .args(["-c", &format!("exec {program} \"$1\""), "sh"])
        .arg(file)
        .status()
        .map_err(|e| wrong(e.to_string()))?;
    if status.success() { Ok(()) } else { Err(wrong(status.to_string())) }
}

/// Shows text in the pager and waits until it is closed.
pub fn page(program: &str, text: &str) -> Result<()> {
    let wrong = |because: String| {
        Error::failed(format!("the pager `{program}` failed"))
            .because(because)
            .hint("PAGER or `\\pager PROGRAM` names another; `\\pager off` does without")
    };
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec {program}")])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|e| wrong(e.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // Leaving the pager before the end is no mistake.
        let _ = input.write_all(text.as_bytes());
    }
    let status = child.wait().map_err(|e| wrong(e.to_string()))?;
    if status.code() == Some(127) { Err(wrong("there is no such program".into())) } else { Ok(()) }
}
