//! The command line: clap lives and dies here. Rooms get plain option structs.

mod connect;
mod doctor;
mod generate;
mod load;
mod options;
mod quickstart;
mod say;
mod serve;
mod signals;
mod sql;
mod state;
mod telling;

use crate::config;
use crate::error::{Error, Result};
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Turns a Braze Currents export into a Parquet warehouse and answers SQL over it.
#[derive(Parser)]
#[command(name = "eddyline", version, max_term_width = 100)]
struct Cli {
    /// The configuration file; without it, eddyline.toml in the working folder when there is one
    #[arg(long, global = true, env = "EDDYLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Log what happens inside on standard error, as text or json [default: nothing]
    #[arg(long, global = true, env = "EDDYLINE_LOG", value_name = "FORMAT")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate a sample export, load it, and query it: the whole thing in a minute
    Quickstart(quickstart::Args),
    /// Generate a synthetic Currents export
    Generate(generate::Args),
    /// Show what `load` would do
    Plan(load::PlanArgs),
    /// Load what is new in the source into the warehouse
    Load(load::LoadArgs),
    /// Run SQL over the warehouse; without -c or -f on a terminal, the shell
    Sql(sql::Args),
    /// Serve the warehouse, read only, to psql, Metabase, Tableau, DBeaver and others
    Serve(serve::Args),
    /// List the tables, or describe one
    Tables(sql::TablesArgs),
    /// Print what to paste into another tool so that it sees the warehouse
    Connect(connect::Args),
    /// Show freshness, gaps, quarantine and the last loads
    Status(state::StatusArgs),
    /// Check the warehouse against itself
    Verify(state::VerifyArgs),
    /// Prove that what Eddyline needs works in your buckets, or print policies for them
    Doctor(doctor::Args),
    /// Work on the warehouse's own record of what it holds
    State(state::StateArgs),
}

/// Runs the program. The exit codes are listed in [`crate::error::Kind`].
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let config = config::read(cli.config.as_deref());
    // First of all, so that the log has what is wrong with the rest.
    log_as(cli.log.as_deref().or(config.as_ref().ok().and_then(|c| c.log.as_deref())))?;
    config::check_environment(&known_variables())?;
    let config = config?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // No more than there are cores: the allocator keeps memory for each thread, and a pass would need half as much again.
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get()).max(2))
        // Views nest deeply, and an unoptimized planner needs the room.
        .thread_stack_size(16 << 20)
        .build()
        .map_err(|e| Error::failed("cannot start the runtime").because(e))?;
    let done = runtime.block_on(async {
        let task = tokio::spawn(async move {
            match cli.command {
                Command::Quickstart(args) => quickstart::run(args, &config).await,
                Command::Generate(args) => generate::run(args, &config),
                Command::Plan(args) => load::plan(args, &config).await,
                Command::Load(args) => load::load(args, &config).await,
                Command::Sql(args) => sql::run(args, &config).await,
                Command::Serve(args) => serve::run(args, &config).await,
                Command::Tables(args) => sql::tables(args, &config).await,
                Command::Connect(args) => connect::run(args, &config).await,
                Command::Status(args) => state::status(args, &config).await,
                Command::Verify(args) => state::verify(args, &config).await,
                Command::Doctor(args) => doctor::run(args, &config).await,
                Command::State(args) => state::state(args, &config).await,
            }
        });
        task.await.unwrap_or_else(|e| Err(Error::failed("the command ended unexpectedly").because(e)))
    });
    runtime.shutdown_background();
    done
}

/// Sets up logging of our own events; other crates stay silent.
fn log_as(format: Option<&str>) -> Result<()> {
    let Some(format) = format else { return Ok(()) };
    let filter = tracing_subscriber::EnvFilter::new("eddyline=debug");
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        "text" => log.with_ansi(false).try_init(),
        "json" => log.json().try_init(),
        other => return Err(Error::usage(format!("--log: `{other}` is neither text nor json"))),
    };
    set.map_err(|e| Error::failed("cannot set up the log").because(e))?;
    if format == "json" {
        say::events_only();
    }
    Ok(())
}

/// Every variable that is an option of some command.
fn known_variables() -> Vec<String> {
    let command = Cli::command();
    let mut names: Vec<String> = std::iter::once(&command)
        .chain(command.get_subcommands())
        .chain(command.get_subcommands().flat_map(|c| c.get_subcommands()))
        .flat_map(|c| c.get_arguments())
        .filter_map(|a| a.get_env().and_then(|e| e.to_str()).map(str::to_string))
        .chain([config::PG_PASSWORD.to_string()])
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::failed("cannot write to standard output").because(e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
