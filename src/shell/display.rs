//! Where results go and how they look there: the screen, a pager, a file.

use super::outside::{Programs, page};
use crate::error::{Error, Result};
use crate::query::print::{OutputFormat, expanded, write};
use crate::query::{Answer, Session, Watch, describe};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Rows shown of a result when nothing else was said.
const ROWS_SHOWN: usize = 100;

/// How results look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A line per column.
    Expanded,
    /// As `eddyline sql --format` writes it.
    Format(OutputFormat),
}

/// See the module.
pub struct Display {
    /// How results look.
    pub mode: Mode,
    /// Rows of a table shown at most; all when `None`.
    pub rows: Option<usize>,
    /// The pager, when long results go through one.
    pub pager: Option<String>,
    file: Option<Target>,
}

struct Target {
    path: PathBuf,
    file: File,
    written: bool,
}

impl Display {
    /// Tables of at most a hundred rows, on the screen.
    pub fn new() -> Display {
        Display { mode: Mode::Format(OutputFormat::Table), rows: Some(ROWS_SHOWN), pager: None, file: None }
    }

    /// Sends results to a file, which is made anew, or to the screen again.
    pub fn send_to(&mut self, path: Option<&str>) -> Result<()> {
        self.file = None;
        if let Some(path) = path {
            let path = PathBuf::from(path);
            let file =
                File::create(&path).map_err(|e| Error::usage(format!("cannot write {}", path.display())).because(e))?;
            self.file = Some(Target { path, file, written: false });
        }
        Ok(())
    }

    /// Shows a result.
    pub fn show(&mut self, answer: &Answer, programs: &Programs) -> Result<()> {
        if let Some(target) = &mut self.file {
            return into_file(self.mode, target, answer);
        }
        let Some(pager) = self.pager.as_ref().filter(|_| std::io::stdout().is_terminal()) else {
            return self.onto(&mut std::io::stdout(), answer, self.rows);
        };
        // A pager shows all of it: that is what it is for.
        let mut text = Vec::new();
        self.onto(&mut text, answer, None)?;
        let text = String::from_utf8_lossy(&text);
        match size() {
            Some((_, height)) if text.lines().count() + 2 > height => {
                page(if pager.is_empty() { &programs.pager } else { pager }, &text)
            }
            _ => {
                print!("{text}");
                Ok(())
            }
        }
    }

    fn onto(&self, out: &mut (dyn Write + Send), answer: &Answer, rows: Option<usize>) -> Result<()> {
        match self.mode {
            Mode::Expanded => expanded(answer, out, rows),
            Mode::Format(format) => write(answer, format, out, width(), rows),
        }
    }

    /// Shows text that is no result, such as the list of tables.
    pub fn text(&mut self, text: &str) -> Result<()> {
        match &mut self.file {
            Some(target) => target.file.write_all(text.as_bytes()).map_err(|e| unwritable(&target.path, e)),
            None => {
                print!("{text}");
                Ok(())
            }
        }
    }

    /// A line under a result on how fresh its tables are; none when it read none, or when it went elsewhere.
    pub fn freshness(&self, session: &Session, watch: &Watch) {
        let people = matches!(self.mode, Mode::Expanded | Mode::Format(OutputFormat::Table));
        if self.file.is_none()
            && people
            && let Some(line) = freshness(session, watch)
        {
            let dim = std::io::stdout().is_terminal();
            if dim { println!("\x1b[2m{line}\x1b[0m") } else { println!("{line}") }
        }
    }
}

fn into_file(mode: Mode, target: &mut Target, answer: &Answer) -> Result<()> {
    let asked = OutputFormat::of_file(&target.path);
    let format = match mode {
        Mode::Expanded => None,
        Mode::Format(OutputFormat::Table) => Some(asked.unwrap_or(OutputFormat::Table)),
        Mode::Format(format) => Some(asked.unwrap_or(format)),
    };
    if target.written && format.is_some_and(OutputFormat::is_one_document) {
        return Err(Error::usage(format!("{} holds a result already", target.path.display()))
            .because("a file of this format is one result")
            .hint("\\o FILE names another file, \\o alone goes back to the screen"));
    }
    match format {
        None => expanded(answer, &mut target.file, None)?,
        Some(format) => write(answer, format, &mut target.file, None, None)?,
    }
    target.written = true;
    let word = if answer.rows == 1 { "row" } else { "rows" };
    println!("{} {word} written to {}", answer.rows, target.path.display());
    Ok(())
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::failed(format!("cannot write {}", path.display())).because(error)
}

/// `events up to 2026-03-05T23:59:58Z, loaded 2026-03-06T02:00:11Z`
fn freshness(session: &Session, watch: &Watch) -> Option<String> {
    let tables = watch.tables();
    let (newest, written) = describe::freshness(&session.snapshot(), tables.iter().map(String::as_str))?;
    Some(format!("events up to {newest}, loaded {written}"))
}

/// Columns and lines of the terminal.
fn size() -> Option<(usize, usize)> {
    terminal_size::terminal_size().map(|(width, height)| (usize::from(width.0), usize::from(height.0)))
}

/// Columns of the terminal.
pub fn width() -> Option<usize> {
    size().map(|(width, _)| width)
}
