//! Reading lines: on a thread of its own, because the editor blocks. It reads only when asked, so that between two
//! lines the terminal belongs to the query, the pager or the user's editor.

use super::command::is_command;
use super::completion::{Completion, Names, coloured, complete};
use crate::error::{Error, Result};
use crate::query::is_complete;
use rustyline::completion::{Completer, FilenameCompleter};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::history::{DefaultHistory, History};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Hinter};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use tokio::sync::mpsc as answers;

const PROMPT: &str = "eddyline> ";
/// Lines remembered.
const HISTORY: usize = 10_000;

/// One prompt's outcome.
pub enum Typed {
    /// Statements or a command, whole.
    Line(String),
    /// Ctrl-C: what was typed is gone.
    Cleared,
    /// Ctrl-D.
    Ended,
    /// The last lines, the newest last.
    History(Vec<String>),
}

enum Ask {
    Line,
    Add(String),
    History(usize),
}

/// The thread, from outside.
pub struct Lines {
    ask: mpsc::Sender<Ask>,
    told: answers::UnboundedReceiver<Typed>,
}

impl Lines {
    /// Starts the thread. `history` is the file earlier lines are remembered in.
    pub fn start(names: Arc<RwLock<Names>>, history: Option<PathBuf>) -> Result<Lines> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .max_history_size(HISTORY)
            .map(rustyline::config::Builder::build)
            .map_err(unusable)?;
        let mut editor: Editor<Line, DefaultHistory> = Editor::with_config(config).map_err(unusable)?;
        editor.set_helper(Some(Line { names, files: FilenameCompleter::new() }));
        if let Some(file) = &history {
            // The first time there is none.
            let _ = editor.load_history(file);
        }
        let (ask, asked) = mpsc::channel();
        let (tell, told) = answers::unbounded_channel();
        let work = move || {
            while let Ok(asked) = asked.recv() {
                let told = match asked {
                    Ask::Line => read(&mut editor, history.as_ref()),
                    Ask::Add(line) => {
                        add(&mut editor, &line, history.as_ref());
                        continue;
                    }
                    Ask::History(last) => {
                        let all = editor.history();
                        let skipped = all.len().saturating_sub(last);
                        Typed::History(all.iter().skip(skipped).cloned().collect())
                    }
                };
                if tell.send(told).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("editor".into()).spawn(work).map_err(unusable)?;
        Ok(Lines { ask, told })
    }

    /// The next line.
    pub async fn next(&mut self) -> Typed {
        match self.ask.send(Ask::Line) {
            Ok(()) => self.told.recv().await.unwrap_or(Typed::Ended),
            Err(_) => Typed::Ended,
        }
    }

    /// The last lines, the newest last.
    pub async fn history(&mut self, last: usize) -> Vec<String> {
        match self.ask.send(Ask::History(last)) {
            Ok(()) => match self.told.recv().await {
                Some(Typed::History(lines)) => lines,
                _ => Vec::new(),
            },
            Err(_) => Vec::new(),
        }
    }

    /// Remembers a statement that was not typed at the prompt.
    pub fn remember(&self, line: &str) {
        let _ = self.ask.send(Ask::Add(line.to_string()));
    }
}

fn read(editor: &mut Editor<Line, DefaultHistory>, history: Option<&PathBuf>) -> Typed {
    match editor.readline(PROMPT) {
        Ok(line) => {
            add(editor, &line, history);
            Typed::Line(line)
        }
        Err(ReadlineError::Interrupted) => Typed::Cleared,
        Err(_) => Typed::Ended,
    }
}

fn add(editor: &mut Editor<Line, DefaultHistory>, line: &str, history: Option<&PathBuf>) {
    let _ = editor.add_history_entry(line);
    if let Some(file) = history {
        let _ = editor.save_history(file);
    }
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::failed("cannot open the shell").because(error)
}

#[derive(Helper, Hinter)]
struct Line {
    names: Arc<RwLock<Names>>,
    files: FilenameCompleter,
}

impl Completer for Line {
    type Candidate = String;
    fn complete(&self, line: &str, pos: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        match complete(line, pos, &self.names.read().unwrap_or_else(PoisonError::into_inner)) {
            Completion::Words(start, words) => Ok((start, words)),
            Completion::File => {
                let (start, pairs) = self.files.complete(line, pos, context)?;
                Ok((start, pairs.into_iter().map(|p| p.replacement).collect()))
            }
        }
    }
}

impl Highlighter for Line {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(coloured(line))
    }
    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

impl Validator for Line {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let whole = is_command(context.input()) || is_complete(context.input());
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}
