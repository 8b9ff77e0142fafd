//! `eddyline plan` and `eddyline load`: one pass, or pass after pass.

use super::options::PassArgs;
use super::print;
use crate::config::{self, Config};
use crate::currents::QueueHour;
use crate::error::{Error, Kind, Result};
use crate::load::schedule::{When, wait_until};
use crate::load::{LoadReport, Loader, Progress, Request, Scope, Stop, Through, bytes, count, number, plan_text};
use crate::warehouse::last_error;
use chrono::Utc;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
    /// End with exit code 6 when files are quarantined or records rejected
    #[arg(long, env = "EDDYLINE_STRICT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    strict: Option<bool>,
    /// How the pass reports: text or json [default: text]
    #[arg(long, env = "EDDYLINE_REPORT", value_name = "FORMAT")]
    report: Option<String>,
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

/// Loads once, or keeps loading.
pub async fn load(args: LoadArgs, config: &Config) -> Result<()> {
    let json = match args.report.as_ref().or(config.report.as_ref()).map(String::as_str) {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => return Err(Error::usage(format!("--report: `{other}` is neither text nor json"))),
    };
    let strict = args.strict.or(config.strict).unwrap_or(false);
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
    loader(&args.pass, config, crate::warehouse::Store::nothing())?;
    let store = args.pass.place.open(config, true)?;
    let loader = loader(&args.pass, config, store.clone())?;
    let stop = Arc::new(Stop::default());
    listen(stop.clone())?;
    let Some(when) = when else {
        return one_pass(&loader, &store, &request, &stop, json, strict).await;
    };
    loop {
        let began = Utc::now();
        if let Err(error) = one_pass(&loader, &store, &request, &stop, json, strict).await {
            match error.kind() {
                Kind::Interrupted | Kind::Terminated | Kind::Usage => return Err(error),
                // The scheduler's work is to try again; the error is said and kept for `status`.
                _ => eprintln!("{}", error.show()),
            }
        }
        let next = when.next(began, Utc::now())?;
        eprintln!("next pass at {}", next.format("%Y-%m-%d %H:%M:%S UTC"));
        if wait_until(next, jitter, &stop).await {
            return Err(stopped(&stop));
        }
    }
}

/// One pass, shown while it runs and reported when it ends.
pub async fn one_pass(
    loader: &Loader,
    store: &crate::warehouse::Store,
    request: &Request,
    stop: &Arc<Stop>,
    json: bool,
    strict: bool,
) -> Result<()> {
    let progress = Arc::new(Progress::default());
    let shown = show(progress.clone());
    let outcome = loader.pass(request, &Utc::now, stop.clone(), progress).await;
    shown.abort();
    let _ = shown.await;
    let outcome = outcome.and_then(|report| {
        print(&if json { as_json(&report)? } else { report.text() })?;
        judge(report, strict)
    });
    // Best effort: the error itself is what matters, and the store may be what failed.
    let _ = last_error::keep(store, outcome.as_ref().err(), Utc::now()).await;
    outcome
}

fn as_json(report: &LoadReport) -> Result<String> {
    serde_json::to_string(report).map(|t| t + "\n").map_err(|e| Error::failed("cannot write the report").because(e))
}

/// What a finished pass means for the exit code.
fn judge(report: LoadReport, strict: bool) -> Result<()> {
    if let Some(error) = report.error {
        return Err(match error.kind() {
            Kind::Interrupted | Kind::Terminated => error.hint("what was finished is committed; run again to go on"),
            _ => error,
        });
    }
    let quarantined = report.quarantined.len() as u64 + report.still_quarantined;
    let rejected = report.counters.rejected;
    if quarantined == 0 && rejected == 0 {
        return Ok(());
    }
    let files = if quarantined == 1 { "file is" } else { "files are" };
    let what = match (quarantined, rejected) {
        (0, _) => format!("{} rejected", count(rejected, "record")),
        (_, 0) => format!("{} {files} quarantined", number(quarantined)),
        _ => format!("{} {files} quarantined and {} rejected", number(quarantined), count(rejected, "record")),
    };
    if strict {
        return Err(Error::new(Kind::Strict, what)
            .hint("everything else is loaded; system.quarantine and system.rejects give each one's reason"));
    }
    eprintln!("warning: {what}");
    Ok(())
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
    use tokio::signal::unix::{SignalKind, signal};
    let wrong = |e| Error::failed("cannot listen for signals").because(e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(wrong)?;
    tokio::spawn(async move {
        loop {
            let kind = tokio::select! {
                _ = interrupt.recv() => Kind::Interrupted,
                _ = terminate.recv() => Kind::Terminated,
            };
            if stop.requested().is_some() {
                std::process::exit(kind.exit_code().into());
            }
            eprintln!("stopping after the file in hand; a second signal stops at once");
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
                eprintln!("{}/{} files, {line}", number(at(&progress.files_done)), number(at(&progress.files)));
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
