//! The shell: statements until `;`, commands that begin with a backslash.
//!
//! Lines are read on a thread of their own, because the editor blocks. Ctrl-C stops the running query, not the shell.

use super::completion::{COMMANDS, Names, coloured, complete};
use super::describe;
use super::print::{OutputFormat, expanded, write};
use super::session::Session;
use super::statement::{is_complete, split_statements};
use crate::error::{Error, Result};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Hinter};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::Instant;
use tokio::sync::mpsc as answers;

/// Rows shown of a result.
const ROWS_SHOWN: usize = 100;
const HISTORY: usize = 10_000;

#[derive(Helper, Hinter)]
struct Line {
    names: Arc<RwLock<Names>>,
}

impl Completer for Line {
    type Candidate = String;
    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(line, pos, &self.names.read().unwrap_or_else(PoisonError::into_inner)))
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

/// What a line asks of the shell itself.
#[derive(Debug, PartialEq, Eq)]
enum Command<'a> {
    Describe(Option<&'a str>),
    Refresh,
    Timing,
    Expanded,
    Help,
    Quit,
    Unknown(&'a str),
}

fn is_command(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('\\') || ["quit", "exit"].contains(&line.to_lowercase().as_str())
}

fn command(line: &str) -> Option<Command<'_>> {
    if !is_command(line) {
        return None;
    }
    let line = line.trim().trim_end_matches(';').trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = Some(rest.trim()).filter(|r| !r.is_empty());
    Some(match word.to_lowercase().as_str() {
        "\\d" => Command::Describe(rest),
        "\\refresh" => Command::Refresh,
        "\\timing" => Command::Timing,
        "\\x" => Command::Expanded,
        "\\?" | "\\h" | "\\help" => Command::Help,
        "\\q" | "quit" | "exit" => Command::Quit,
        _ => Command::Unknown(word),
    })
}

/// One prompt's outcome.
enum Typed {
    Line(String),
    Cleared,
    Ended,
}

struct Shell {
    timing: bool,
    expanded: bool,
}

/// Reads and runs statements until the user leaves. `history` is the file earlier lines are remembered in.
pub async fn repl(session: &mut Session, history: Option<PathBuf>) -> Result<()> {
    let names = Arc::new(RwLock::new(names(session)));
    let (ask, mut typed) = editor(names.clone(), history)?;
    println!("{} tables and views. \\? for help.", session.relations().len());
    let mut shell = Shell { timing: false, expanded: false };
    loop {
        if ask.send(()).is_err() {
            return Ok(());
        }
        let line = match typed.recv().await {
            Some(Typed::Line(line)) => line,
            Some(Typed::Cleared) => continue,
            Some(Typed::Ended) | None => return Ok(()),
        };
        let outcome = match command(&line) {
            Some(Command::Quit) => return Ok(()),
            Some(asked) => {
                let outcome = shell.obey(session, asked).await;
                *names.write().unwrap_or_else(PoisonError::into_inner) = self::names(session);
                outcome
            }
            None => shell.run(session, &line).await,
        };
        if let Err(error) = outcome {
            eprintln!("{}", error.show());
        }
    }
}

impl Shell {
    async fn run(&self, session: &Session, typed: &str) -> Result<()> {
        for statement in split_statements(typed)? {
            let start = Instant::now();
            let answer = tokio::select! {
                answer = session.run(&statement.text) => answer?,
                _ = tokio::signal::ctrl_c() => {
                    eprintln!("stopped");
                    return Ok(());
                }
            };
            let took = start.elapsed();
            let mut out = std::io::stdout();
            if self.expanded {
                expanded(&answer, &mut out, Some(ROWS_SHOWN))?;
            } else {
                write(&answer, OutputFormat::Table, &mut out, width(), Some(ROWS_SHOWN))?;
            }
            if self.timing {
                println!("{:.3} s", took.as_secs_f64());
            }
        }
        Ok(())
    }

    async fn obey(&mut self, session: &mut Session, command: Command<'_>) -> Result<()> {
        match command {
            Command::Describe(None) => print!("{}", describe::list(session, width())?),
            Command::Describe(Some(name)) => print!("{}", describe::table(session, name, width()).await?),
            Command::Refresh => match session.refresh().await? {
                true => println!("the newest snapshot is number {}", session.snapshot().seq),
                false => println!("nothing was loaded since"),
            },
            Command::Timing => {
                self.timing = !self.timing;
                println!("times are {}", if self.timing { "shown" } else { "not shown" });
            }
            Command::Expanded => {
                self.expanded = !self.expanded;
                println!("results are {}", if self.expanded { "a line per column" } else { "tables" });
            }
            Command::Help => {
                for (command, does) in COMMANDS {
                    println!("  {command:<10} {does}");
                }
                println!("  anything else is SQL, up to a `;`");
            }
            Command::Unknown(word) => {
                return Err(Error::usage(format!("there is no command {word}")).hint("\\? lists the commands"));
            }
            Command::Quit => {}
        }
        Ok(())
    }
}

fn width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

fn names(session: &Session) -> Names {
    let mut names = Names::default();
    let snapshot = session.snapshot();
    for table in snapshot.table_names(session.definitions()) {
        let schema = snapshot.schema(&table, session.definitions());
        let columns = schema.arrow().fields().iter().map(|f| f.name().clone());
        names.relations.insert(table, columns.chain([crate::table::QUEUE_DATE.to_string()]).collect());
    }
    for view in session.views() {
        names.relations.insert(view.name.clone(), view.columns.clone());
    }
    names.relations.insert(super::all_events::ALL_EVENTS.into(), super::all_events::columns());
    for relation in session.relations() {
        names.relations.entry(relation.name).or_default();
    }
    names
}

type Editing = (mpsc::Sender<()>, answers::UnboundedReceiver<Typed>);

/// Starts the thread that reads lines: one for each `()` it is sent.
fn editor(names: Arc<RwLock<Names>>, history: Option<PathBuf>) -> Result<Editing> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(HISTORY)
        .map(rustyline::config::Builder::build)
        .map_err(unusable)?;
    let mut editor: Editor<Line, DefaultHistory> = Editor::with_config(config).map_err(unusable)?;
    editor.set_helper(Some(Line { names }));
    if let Some(file) = &history {
        // The first time there is none.
        let _ = editor.load_history(file);
    }
    let (ask, asked) = mpsc::channel::<()>();
    let (tell, told) = answers::unbounded_channel();
    let read = move || {
        while asked.recv().is_ok() {
            let typed = match editor.readline("eddyline> ") {
                Ok(line) => {
                    let _ = editor.add_history_entry(line.as_str());
                    if let Some(file) = &history {
                        let _ = editor.save_history(file);
                    }
                    Typed::Line(line)
                }
                Err(ReadlineError::Interrupted) => Typed::Cleared,
                Err(_) => Typed::Ended,
            };
            if tell.send(typed).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("editor".into()).spawn(read).map_err(unusable)?;
    Ok((ask, told))
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::failed("cannot open the shell").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_a_backslash_are_commands() {
        assert_eq!(command("\\d"), Some(Command::Describe(None)));
        assert_eq!(command(" \\d  Events ;"), Some(Command::Describe(Some("Events"))));
        assert_eq!(command("\\Q"), Some(Command::Quit));
        assert_eq!(command("exit"), Some(Command::Quit));
        assert_eq!(command("\\nope x"), Some(Command::Unknown("\\nope")));
        assert_eq!(command("select '\\d';"), None);
    }

    #[tokio::test]
    async fn commands_answer_and_toggle() {
        let (warehouse, _) = crate::query::tests::fixture::small().await;
        let mut session = warehouse.session().await;
        let mut shell = Shell { timing: false, expanded: false };
        for line in ["\\d", "\\d events", "\\d users_messages_email_open", "\\timing", "\\x", "\\refresh", "\\?"] {
            shell.obey(&mut session, command(line).unwrap()).await.unwrap_or_else(|e| panic!("{}", e.show()));
        }
        assert!(shell.timing && shell.expanded);
        shell.run(&session, "select 1; select 2;").await.unwrap();
        assert!(shell.obey(&mut session, command("\\d evnts").unwrap()).await.is_err());
        assert!(names(&session).relations["events"].contains(&"event_time".to_string()));
    }
}
