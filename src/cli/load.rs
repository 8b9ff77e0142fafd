//! `eddyline plan` and `eddyline load`: one pass, or pass after pass.

use super::options::PassArgs;
use super::signals::Signals;
use super::telling::{Operator, TellArgs};
use super::{print, say};
use crate::config::{self, Config};
use crate::currents::QueueHour;
use crate::error::{Error, Kind, Result};
use crate::load::schedule::{When, wait_until};
use crate::load::{Loader, Progress, Request, Scope, Stop, Through, bytes, number, plan_text};
use chrono::Utc;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long to wait for another writer on a local disk.
const PATIENCE: Duration = Duration::from_secs(600);

/// `eddyline plan`
#[derive(clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pass: PassArgs,
}

/// `eddyline load`
#[derive(clap::Args)]
pub struct LoadArgs {
    #[command(flatten)]
    pass: PassArgs,
    #[command(flatten)]
    tell: TellArgs,
    /// Keep running: a pass every so often, such as 15m
    #[arg(long, env = "EDDYLINE_EVERY", value_name = "DURATION", conflicts_with = "cron")]
    every: Option<String>,
    /// Keep running: a pass at the moments of a cron expression in UTC, such as "0 2 * * *"
    #[arg(long, env = "EDDYLINE_CRON", value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Begin each scheduled pass up to this much later, at random [default: 0s]
    #[arg(long, env = "EDDYLINE_JITTER", value_name = "DURATION")]
    jitter: Option<String>,
}

/// Shows what a pass would do.
pub async fn plan(args: PlanArgs, config: &Config) -> Result<()> {
    // Planning writes nothing, so a warehouse that does not exist yet is an empty one.
    let store = match args.pass.place.open(config, false) {
        Err(e) if e.what().starts_with("there is no folder") => crate::warehouse::Store::nothing(),
        other => other?,
    };
    let loader = loader(&args.pass, config, store)?;
    let (snapshot, plan) = loader.plan(&request(&args.pass, config)?, Utc::now()).await?;
    print(&plan_text(&plan, snapshot.files.len() as u64))
}

/// What `load` needs before its first pass.
struct Job {
    loader: Loader,
    request: Request,
    stop: Arc<Stop>,
    when: Option<When>,
    jitter: Duration,
}

/// Loads once, or keeps loading.
pub async fn load(args: LoadArgs, config: &Config) -> Result<()> {
    let began = Utc::now();
    let source = args.pass.source.as_ref().or(config.source.as_ref());
    let warehouse = args.pass.place.warehouse.as_ref().or(config.warehouse.as_ref());
    let mut operator = Operator::printing(&args.tell, config, source, warehouse)?;
    // The operator hears of what goes wrong here, too.
    let job = match prepare(&args, config, &mut operator) {
        Ok(job) => job,
        Err(error) => return operator.tell(began, Err(error)).await,
    };
    on_one_thread(passes(&job, &operator))
}

/// Does work on the thread that asks for it, to its end. A pass is the first of those that build, and the allocator keeps
/// memory for each thread: one pass after the other in turn on all threads, it would keep that of all their cells.
pub fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| Handle::current().block_on(work))
}

async fn passes(job: &Job, operator: &Operator) -> Result<()> {
    let Some(when) = &job.when else { return one_pass(&job.loader, &job.request, &job.stop, operator).await };
    loop {
        let began = Utc::now();
        if let Err(error) = one_pass(&job.loader, &job.request, &job.stop, operator).await {
            match error.kind() {
                Kind::Interrupted | Kind::Terminated | Kind::Usage => return Err(error),
                // The scheduler's work is to try again; the error is said and kept for `status`.
                _ => say::error(&error),
            }
        }
        let next = when.next(began, Utc::now())?;
        say::note(&format!("next pass at {}", next.format("%Y-%m-%d %H:%M:%S UTC")));
        if wait_until(next, job.jitter, &job.stop).await {
            return Err(stopped(&job.stop));
        }
    }
}

fn prepare(args: &LoadArgs, config: &Config, operator: &mut Operator) -> Result<Job> {
    operator.set(&args.tell, config)?;
    let when = match (args.every.as_ref().or(config.every.as_ref()), args.cron.as_ref().or(config.cron.as_ref())) {
        (None, None) => None,
        (Some(every), None) => Some(When::Every(config::duration("--every", every)?)),
        (None, Some(cron)) => Some(When::cron(cron)?),
        (Some(_), Some(_)) => return Err(Error::usage("`every` and `cron` are both set: keep one of them")),
    };
    let jitter = match args.jitter.as_ref().or(config.jitter.as_ref()) {
        Some(text) => config::duration("--jitter", text)?,
        None => Duration::ZERO,
    };
    let request = request(&args.pass, config)?;
    // A mistake in the options must not leave an empty warehouse behind.
    let loader = loader(&args.pass, config, crate::warehouse::Store::nothing())?;
    let store = args.pass.place.open(config, true)?;
    operator.opened(store.clone(), loader.definitions().clone());
    let loader = loader.writing_to(store);
    let stop = Arc::new(Stop::default());
    listen(stop.clone())?;
    Ok(Job { loader, request, stop, when, jitter })
}

/// One pass, shown while it runs and told when it ends.
pub async fn one_pass(loader: &Loader, request: &Request, stop: &Arc<Stop>, operator: &Operator) -> Result<()> {
    let began = operator.begins();
    let progress = Arc::new(Progress::default());
    let shown = show(progress.clone());
    let outcome = loader.pass(request, &Utc::now, stop.clone(), progress).await;
    shown.abort();
    let _ = shown.await;
    operator.tell(began, outcome).await
}

fn stopped(stop: &Stop) -> Error {
    Error::new(stop.requested().unwrap_or(Kind::Terminated), "stopped; the warehouse is consistent, run again to go on")
}

/// The loader the options describe.
pub fn loader(args: &PassArgs, config: &Config, store: crate::warehouse::Store) -> Result<Loader> {
    let patience = match args.lock_wait.as_ref().or(config.lock_wait.as_ref()) {
        Some(text) => config::duration("--lock-wait", text)?,
        None => PATIENCE,
    };
    Ok(Loader::new(store, args.bucket(config)?, args.place.definitions(config)?, args.settings(config)?, patience))
}

/// A loader with the usual patience, for commands without a pass's options.
pub fn loader_on(
    store: crate::warehouse::Store,
    bucket: crate::load::Bucket,
    definitions: Arc<crate::table::Definitions>,
    settings: crate::load::Settings,
) -> Loader {
    Loader::new(store, bucket, definitions, settings, PATIENCE)
}

/// What the options ask for.
fn request(args: &PassArgs, config: &Config) -> Result<Request> {
    let hour = |name: &str, text: &Option<String>, last: bool| -> Result<Option<QueueHour>> {
        let Some(text) = text else { return Ok(None) };
        let mut hour = QueueHour::parse(text).ok_or_else(|| {
            Error::usage(format!("{name}: `{text}` is not an hour")).hint("write 2026-03-01-14, or a day: 2026-03-01")
        })?;
        if last && text.len() == "2026-03-01".len() {
            hour.hour = 23;
        }
        Ok(Some(hour))
    };
    let types = match args.types.as_ref().or(config.types.as_ref()) {
        Some(text) => {
            let glob = globset::GlobBuilder::new(text).case_insensitive(true).build().map_err(|e| {
                Error::usage(format!("--types: `{text}` is not a pattern"))
                    .because(e)
                    .hint("such as 'users.messages.email.*'")
            })?;
            Some(glob.compile_matcher())
        }
        None => None,
    };
    Ok(Request {
        scope: Scope {
            from: hour("--from", &args.from, false)?,
            to: hour("--to", &args.to, true)?,
            types,
            retry_quarantined: args.retry_quarantined,
            rebuild: args.rebuild,
        },
        full: args.full,
        through: match args.through.as_ref().or(config.through.as_ref()) {
            Some(text) => Through::parse(text)?,
            None => Through::default(),
        },
    })
}

/// Turns SIGINT and SIGTERM into a request to stop; a second one ends the process at once.
fn listen(stop: Arc<Stop>) -> Result<()> {
    let mut signals = Signals::listen()?;
    tokio::spawn(async move {
        loop {
            let kind = signals.next().await;
            if stop.requested().is_some() {
                std::process::exit(kind.exit_code().into());
            }
            say::note("stopping after the file in hand; a second signal stops at once");
            stop.request(kind);
        }
    });
    Ok(())
}

/// A progress bar on a terminal, a line now and then in a log.
fn show(progress: Arc<Progress>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {msg}") {
            bar.set_style(style);
        }
        let _clear = Clear(bar.clone());
        let mut ticks = 0_u64;
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            ticks += 1;
            let at = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            let line = format!(
                "{} read, {} rows stored, {} cells",
                bytes(at(&progress.bytes)),
                number(at(&progress.rows)),
                number(at(&progress.cells))
            );
            bar.set_length(at(&progress.files));
            bar.set_position(at(&progress.files_done));
            bar.set_message(line.clone());
            if !terminal && ticks.is_multiple_of(50) {
                say::note(&format!(
                    "{}/{} files, {line}",
                    number(at(&progress.files_done)),
                    number(at(&progress.files))
                ));
            }
        }
    })
}

/// Takes the bar off the screen, however its task ends.
struct Clear(ProgressBar);

impl Drop for Clear {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
