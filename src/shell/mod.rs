//! The shell: statements until `;`, commands that begin with a backslash. See `README.md` beside this file.

mod command;
mod completion;
mod display;
mod editor;
mod obey;
mod outside;
pub mod progress;
mod script;

use crate::error::Result;
use crate::query::{Answer, Session};
use completion::Names;
use display::Display;
use editor::{Lines, Typed};
use obey::Next;
pub use outside::Programs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// What the shell remembers from one line to the next.
struct Shell<'s> {
    session: &'s Session,
    lines: Option<Lines>,
    programs: Programs,
    display: Display,
    timing: bool,
    /// The last statement that was typed or edited.
    statement: String,
    last: Option<Arc<Answer>>,
}

impl<'s> Shell<'s> {
    fn new(session: &'s Session, lines: Option<Lines>, programs: Programs) -> Shell<'s> {
        let (statement, last) = (String::new(), None);
        Shell { session, lines, programs, display: Display::new(), timing: false, statement, last }
    }
}

/// Reads and runs statements until the user leaves. `history` is the file earlier lines are remembered in.
pub async fn repl(session: &Session, history: Option<PathBuf>, programs: Programs) -> Result<()> {
    let names = Arc::new(RwLock::new(names(session)));
    let lines = Lines::start(names.clone(), history)?;
    // From now on Ctrl-C is ours: while an editor or a pager has the terminal, it must not end the shell.
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    println!("{} tables and views. \\? for help.", session.relations().len());
    let mut shell = Shell::new(session, Some(lines), programs);
    loop {
        let Some(lines) = &mut shell.lines else { return Ok(()) };
        let line = match lines.next().await {
            Typed::Line(line) => line,
            Typed::Cleared | Typed::History(_) => continue,
            Typed::Ended => return Ok(()),
        };
        match shell.take(&line).await {
            Ok(Next::Leave) => return Ok(()),
            Ok(Next::Go) => {}
            Err(error) => eprintln!("{}", error.show()),
        }
        *names.write().unwrap_or_else(PoisonError::into_inner) = self::names(shell.session);
    }
}

/// What can be completed now.
fn names(session: &Session) -> Names {
    let mut names = Names { functions: session.functions(), ..Names::default() };
    let snapshot = session.snapshot();
    for table in snapshot.table_names(session.definitions()) {
        let schema = snapshot.schema(&table, session.definitions());
        let columns = schema.arrow().fields().iter().map(|f| f.name().clone());
        names.relations.insert(table, columns.chain([crate::table::QUEUE_DATE.to_string()]).collect());
    }
    for view in session.views() {
        names.relations.insert(view.name.clone(), view.columns.clone());
    }
    names.relations.insert(crate::query::all_events::ALL_EVENTS.into(), crate::query::all_events::columns());
    for relation in session.relations() {
        names.relations.entry(relation.name).or_default();
    }
    if let Some(columns) = session.last_columns() {
        names.relations.insert(crate::query::LAST.into(), columns);
    }
    names
}
