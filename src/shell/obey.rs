//! What the shell does when it is told to: each command, and running statements.

use super::Shell;
use super::command::{COMMANDS, Command, command};
use super::display::{Mode, width};
use super::outside::edit;
use super::progress;
use super::script::{Part, parts};
use crate::error::{Error, Kind, Result};
use crate::query::chart::{Chart, Form};
use crate::query::{Answer, OutputFormat, Statement, Watch, describe, split_statements};
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

/// What `\mode` takes.
pub const MODES: [&str; 7] = ["table", "expanded", "csv", "json", "ndjson", "markdown", "html"];
/// How many files may run one another.
const NESTED: usize = 16;
/// Lines of history shown when no number is given.
const REMEMBERED: usize = 20;

/// What becomes of the shell after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Go,
    Leave,
}

type Obeyed<'f> = Pin<Box<dyn Future<Output = Result<Next>> + Send + 'f>>;

impl Shell<'_> {
    /// A line that was typed: a command or statements.
    pub async fn take(&mut self, line: &str) -> Result<Next> {
        match command(line) {
            Some(asked) => self.obey(asked, 0).await,
            None => self.run(line, None).await.map(|()| Next::Go),
        }
    }

    /// Runs statements, showing each result. `script` names the file they are of and the line they begin on there.
    pub async fn run(&mut self, text: &str, script: Option<(&str, usize)>) -> Result<()> {
        for mut statement in split_statements(text)? {
            statement.line += script.map_or(0, |(_, first)| first.saturating_sub(1));
            if script.is_none() {
                self.statement.clone_from(&statement.text);
            }
            let watch = Watch::default();
            let start = Instant::now();
            let answer = self.ask(&statement, script.map(|(name, _)| name), &watch).await?;
            let took = start.elapsed();
            self.display.show(&answer, &self.programs)?;
            self.display.freshness(self.session, &watch);
            if self.timing {
                println!("{:.3} s", took.as_secs_f64());
            }
            self.keep(answer);
        }
        Ok(())
    }

    /// Runs one statement, showing how far it is, until it is done or Ctrl-C is pressed.
    async fn ask(&self, statement: &Statement, script: Option<&str>, watch: &Watch) -> Result<Answer> {
        let work = self.session.run_watched(statement, script, watch);
        tokio::select! {
            answer = progress::shown(watch, work) => answer,
            _ = tokio::signal::ctrl_c() => Err(Error::new(Kind::Interrupted, "stopped")),
        }
    }

    /// Keeps a result for `FROM _` and `\plot`.
    fn keep(&mut self, answer: Answer) {
        let answer = Arc::new(answer);
        self.session.remember(answer.clone());
        if !answer.schema.fields().is_empty() {
            self.last = Some(answer);
        }
    }

    /// Does what a command says. `depth` counts files that run files.
    pub fn obey<'f>(&'f mut self, command: Command<'f>, depth: usize) -> Obeyed<'f> {
        Box::pin(async move {
            match command {
                Command::Describe(None) => self.display.text(&describe::list(self.session, width())?)?,
                Command::Describe(Some(name)) => {
                    let text = describe::table(self.session, name, width()).await?;
                    self.display.text(&text)?;
                }
                Command::Views => self.display.text(&describe::views(self.session, width()))?,
                Command::Refresh => match self.session.refresh().await? {
                    true => println!("the newest snapshot is number {}", self.session.snapshot().seq),
                    false => println!("nothing was loaded since"),
                },
                Command::Timing => {
                    self.timing = !self.timing;
                    println!("times are {}", if self.timing { "shown" } else { "not shown" });
                }
                Command::Expanded => self.toggle_expanded(),
                Command::Mode(name) => self.mode(name)?,
                Command::Rows(count) => self.rows(count)?,
                Command::Pager(program) => self.pager(program),
                Command::Output(path) => self.display.send_to(path)?,
                Command::Include(path) => return self.include(path, depth).await,
                Command::Edit(path) => return self.edit(path, depth).await,
                Command::Plot(what) => self.plot(what).await?,
                Command::History(count) => self.history(count).await?,
                Command::Help => help(),
                Command::Quit => return Ok(Next::Leave),
                Command::Lacks(word, what) => {
                    return Err(Error::usage(format!("{word} needs {what}")).hint("\\? lists the commands"));
                }
                Command::Unknown(word) => {
                    let error = Error::usage(format!("there is no command {word}"));
                    return Err(match crate::query::nearest(word, COMMANDS.iter().map(|(c, _, _)| *c)) {
                        Some(close) => error.hint(format!("did you mean {close}?")),
                        None => error.hint("\\? lists the commands"),
                    });
                }
            }
            Ok(Next::Go)
        })
    }

    fn toggle_expanded(&mut self) {
        let on = self.display.mode == Mode::Expanded;
        self.display.mode = if on { Mode::Format(OutputFormat::Table) } else { Mode::Expanded };
        println!("results are {}", if on { "tables" } else { "a line per column" });
    }

    fn mode(&mut self, name: Option<&str>) -> Result<()> {
        let known = || MODES.join(", ");
        let Some(name) = name else {
            println!("\\mode takes {}", known());
            return Ok(());
        };
        let name = name.to_lowercase();
        self.display.mode = match name.as_str() {
            "expanded" => Mode::Expanded,
            other => match OutputFormat::parse(other).filter(|_| MODES.contains(&other)) {
                Some(format) => Mode::Format(format),
                None => return Err(Error::usage(format!("there is no mode `{name}`")).hint(known())),
            },
        };
        Ok(())
    }

    fn rows(&mut self, count: Option<&str>) -> Result<()> {
        if let Some(count) = count {
            let wrong = |e| Error::usage("\\rows takes a number").because(e).hint("0 shows all rows");
            let count: usize = count.parse().map_err(wrong)?;
            self.display.rows = (count > 0).then_some(count);
        }
        match self.display.rows {
            Some(rows) => println!("at most {rows} rows of a table are shown"),
            None => println!("all rows are shown"),
        }
        Ok(())
    }

    fn pager(&mut self, program: Option<&str>) {
        self.display.pager = match (program, &self.display.pager) {
            (Some("off"), _) | (None, Some(_)) => None,
            (Some("on"), _) | (None, None) => Some(String::new()),
            (Some(program), _) => Some(program.to_string()),
        };
        match &self.display.pager {
            None => println!("results go straight to the screen"),
            Some(program) => {
                let program = if program.is_empty() { &self.programs.pager } else { program };
                println!("results longer than the screen are shown whole by `{program}`");
            }
        }
    }

    async fn include(&mut self, path: &str, depth: usize) -> Result<Next> {
        if depth >= NESTED {
            return Err(Error::usage(format!("{path}: more than {NESTED} files run one another"))
                .hint("does a file run itself?"));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::usage(format!("cannot read {path}")).because(e))?;
        for part in parts(&text) {
            match part {
                Part::Statements(text, line) => self.run(&text, Some((path, line))).await?,
                Part::Command(line) => {
                    let Some(asked) = command(&line) else { continue };
                    if self.obey(asked, depth + 1).await? == Next::Leave {
                        return Ok(Next::Leave);
                    }
                }
            }
        }
        Ok(Next::Go)
    }

    async fn edit(&mut self, path: Option<&str>, depth: usize) -> Result<Next> {
        if let Some(path) = path {
            edit(&self.programs.editor, path.as_ref())?;
            return self.include(path, depth).await;
        }
        let wrong = |e: std::io::Error| Error::failed("cannot make a file to edit").because(e);
        let mut file = tempfile::Builder::new().prefix("eddyline-").suffix(".sql").tempfile().map_err(wrong)?;
        let before = if self.statement.is_empty() { String::new() } else { format!("{};\n", self.statement) };
        file.write_all(before.as_bytes()).map_err(wrong)?;
        edit(&self.programs.editor, file.path())?;
        let after = std::fs::read_to_string(file.path()).map_err(wrong)?;
        if after.trim() == before.trim() || after.trim().is_empty() {
            println!("nothing was changed");
            return Ok(Next::Go);
        }
        let after = after.trim();
        println!("{after}");
        if let Some(lines) = &self.lines {
            lines.remember(after);
        }
        self.run(after, None).await.map(|()| Next::Go)
    }

    async fn plot(&mut self, what: Option<&str>) -> Result<()> {
        let what = what.unwrap_or_default();
        let (word, rest) = what.split_once(char::is_whitespace).unwrap_or((what, ""));
        let (form, sql) = match Form::parse(&word.to_lowercase()) {
            Some(form) => (Some(form), rest.trim()),
            None => (None, what),
        };
        let chart = if sql.is_empty() {
            let last = self.last.as_ref().ok_or_else(|| {
                Error::usage("there is no result to draw yet")
                    .hint("\\plot SELECT event_date, count(*) FROM events GROUP BY 1")
            })?;
            Chart::of(last, form)?
        } else {
            let statement = Statement { text: sql.to_string(), line: 1 };
            let answer = self.ask(&statement, None, &Watch::default()).await?;
            let chart = Chart::of(&answer, form)?;
            self.keep(answer);
            chart
        };
        self.display.text(&chart.drawn(width().unwrap_or(80)))
    }

    async fn history(&mut self, count: Option<&str>) -> Result<()> {
        let count = match count {
            Some(count) => count.parse().map_err(|e| Error::usage("\\history takes a number").because(e))?,
            None => REMEMBERED,
        };
        let Some(lines) = &mut self.lines else { return Ok(()) };
        let text: String = lines.history(count).await.into_iter().map(|line| line + "\n").collect();
        self.display.text(&text)
    }
}

fn help() {
    for (word, takes, does) in COMMANDS {
        println!("  {:<31} {does}", format!("{word} {takes}"));
    }
    println!("  anything else is SQL, up to a `;`; FROM _ reads the last result");
}

#[cfg(test)]
mod tests;
