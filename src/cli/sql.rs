//! `eddyline sql` and `eddyline tables`.

use super::options::WarehouseArgs;
use super::print;
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::query::print::FORMATS;
use crate::query::{self, OutputFormat, Session, Watch, describe, split_statements};
use crate::shell::{self, Programs};
use clap::builder::PossibleValuesParser;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::PathBuf;

/// `eddyline sql`
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: WarehouseArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Run these statements; may be given several times
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    commands: Vec<String>,
    /// Run the statements of a file; - reads standard input
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How results are written [default: what the name of -o ends in, else table]
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(FORMATS.map(|(name, _)| name)))]
    format: Option<String>,
    /// Write the results to a file
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Rows of a table shown at most; 0 shows all
    #[arg(long, default_value_t = 0, value_name = "N")]
    max_rows: usize,
}

/// What every command that runs SQL may set.
#[derive(clap::Args, Clone)]
pub struct EngineArgs {
    /// A folder of views laid over the built-in ones
    #[arg(long, env = "EDDYLINE_VIEWS", value_name = "DIR")]
    views: Option<PathBuf>,
    /// Memory queries may use; beyond it they go to temporary files [default: 2GiB]
    #[arg(long = "query-memory", env = "EDDYLINE_QUERY_MEMORY", value_name = "SIZE")]
    memory: Option<String>,
    /// Threads a query uses [default: one per core]
    #[arg(long, env = "EDDYLINE_THREADS", value_name = "N")]
    threads: Option<usize>,
}

/// `eddyline tables`
#[derive(clap::Args)]
pub struct TablesArgs {
    /// The table or view to describe
    table: Option<String>,
    #[command(flatten)]
    place: WarehouseArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl EngineArgs {
    /// Opens a session on a warehouse.
    pub async fn session(&self, place: &WarehouseArgs, config: &Config) -> Result<Session> {
        Session::open(place.open(config, false)?, place.definitions(config)?, self.options(config)?).await
    }

    /// What a session may use.
    pub fn options(&self, config: &Config) -> Result<query::Options> {
        let views = match self.views.as_ref().or(config.views.as_ref()) {
            Some(folder) => config::folder("--views", folder, "sql")?,
            None => Vec::new(),
        };
        let mut options = query::Options { views, ..query::Options::default() };
        if let Some(text) = self.memory.as_ref().or(config.query_memory.as_ref()) {
            options.memory = usize::try_from(config::size("--query-memory", text)?).unwrap_or(usize::MAX);
        }
        let cores = std::thread::available_parallelism().map_or(2, |n| n.get());
        options.threads = self.threads.or(config.threads).unwrap_or(cores).max(1);
        Ok(options)
    }
}

/// Runs statements, or the shell.
pub async fn run(args: Args, config: &Config) -> Result<()> {
    let session = args.engine.session(&args.place, config).await?;
    let terminal = std::io::stdin().is_terminal();
    if args.commands.is_empty() && args.file.is_none() && terminal {
        let history = config::home().map(|h| h.join(".eddyline_history"));
        return shell::repl(&session, history, Programs { editor: config::editor(), pager: config::pager() }).await;
    }
    let mut scripts: Vec<(String, String)> = args.commands.iter().map(|c| ("-c".to_string(), c.clone())).collect();
    match &args.file {
        Some(path) if path.as_os_str() != "-" => {
            let text = std::fs::read_to_string(path)
                .map_err(|e| Error::usage(format!("cannot read {}", path.display())).because(e))?;
            scripts.push((path.display().to_string(), text));
        }
        None if !scripts.is_empty() => {}
        _ => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|e| Error::failed("cannot read standard input").because(e))?;
            scripts.push(("standard input".to_string(), text));
        }
    }
    let mut statements = Vec::new();
    for (name, text) in &scripts {
        // What was typed as an argument has no file and line.
        let script = (name != "-c").then_some(name.as_str());
        statements.extend(split_statements(text)?.into_iter().map(|statement| (script, statement)));
    }
    let asked = args.format.as_deref().and_then(OutputFormat::parse);
    let format = asked.or(args.output.as_deref().and_then(OutputFormat::of_file)).unwrap_or(OutputFormat::Table);
    match statements.len() {
        0 => return Err(Error::usage("there is no statement to run")),
        1 => {}
        _ if format.is_one_document() && format != OutputFormat::Json => {
            return Err(Error::usage("several statements make several results")
                .because("a file of this format is one result")
                .hint("run one statement at a time, or use csv, ndjson, markdown or table"));
        }
        _ => {}
    }
    let (mut out, width) = output(args.output.as_deref())?;
    let max_rows = (args.max_rows > 0).then_some(args.max_rows);
    for (script, statement) in &statements {
        let watch = Watch::default();
        let answer = shell::progress::shown(&watch, session.run_watched(statement, *script, &watch)).await?;
        query::print::write(&answer, format, &mut out, width, max_rows)?;
        session.remember(answer.into());
    }
    flush(out)
}

/// Where results go, and the width they must fit.
fn output(path: Option<&std::path::Path>) -> Result<(Box<dyn Write + Send>, Option<usize>)> {
    match path {
        Some(path) => {
            let file = std::fs::File::create(path)
                .map_err(|e| Error::usage(format!("cannot write {}", path.display())).because(e))?;
            Ok((Box::new(BufWriter::new(file)), None))
        }
        None => {
            let stdout = std::io::stdout();
            let width =
                stdout.is_terminal().then(terminal_size::terminal_size).flatten().map(|(w, _)| usize::from(w.0));
            Ok((Box::new(BufWriter::new(stdout)), width))
        }
    }
}

fn flush(mut out: Box<dyn Write + Send>) -> Result<()> {
    match out.flush() {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::failed("cannot write the results").because(e))
        }
        _ => Ok(()),
    }
}

/// Lists the tables, or describes one.
pub async fn tables(args: TablesArgs, config: &Config) -> Result<()> {
    let session = args.engine.session(&args.place, config).await?;
    let (_, width) = output(None)?;
    let text = match &args.table {
        Some(name) => describe::table(&session, name, width).await?,
        None => describe::list(&session, width)?,
    };
    print(&text)
}
