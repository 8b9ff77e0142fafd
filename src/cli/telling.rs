//! How a pass is told: options, what its outcome means for the exit code, and everyone who hears of it.

use super::{print, say};
use crate::config::{self, Config};
use crate::error::{Error, Kind, Result};
use crate::load::{LoadReport, count, number};
use crate::table::Definitions;
use crate::tell::{Channels, Latest, PassReport, Teller, keep, latest};
use crate::warehouse::gaps::GapAlert;
use crate::warehouse::status::{Status, status};
use crate::warehouse::{Snapshot, Store};
use chrono::{DateTime, Duration, Utc};
use std::path::PathBuf;
use std::sync::Arc;

/// What `load` is told about telling.
#[derive(clap::Args)]
pub struct TellArgs {
    /// End with exit code 6 when files are quarantined or records rejected
    #[arg(long, env = "EDDYLINE_STRICT", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    strict: Option<bool>,
    /// Warn when an event type that always had files has had none for this long, such as 3h
    #[arg(long, env = "EDDYLINE_GAP_ALERT", value_name = "DURATION")]
    gap_alert: Option<String>,
    /// End with exit code 7 when there is a gap alert
    #[arg(long, env = "EDDYLINE_CHECK", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    check: Option<bool>,
    /// How the pass reports: text or json [default: text]
    #[arg(long, env = "EDDYLINE_REPORT", value_name = "FORMAT")]
    report: Option<String>,
    /// Write Prometheus metrics to this file after each pass, whole or not at all
    #[arg(long, env = "EDDYLINE_METRICS_FILE", value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    /// Send the metrics to this Prometheus push gateway after each pass
    #[arg(long, env = "EDDYLINE_PUSH_GATEWAY", hide_env_values = true, value_name = "URL")]
    push_gateway: Option<String>,
    /// Post JSON to this address when a pass fails or a gap alert begins; it is never printed
    #[arg(long, env = "EDDYLINE_WEBHOOK", hide_env_values = true, value_name = "URL")]
    webhook: Option<String>,
}

/// The time of silence that makes a gap alert, when one is asked for.
pub fn gap_alert(flag: Option<&String>, config: &Config) -> Result<Option<Duration>> {
    let Some(text) = flag.or(config.gap_alert.as_ref()) else { return Ok(None) };
    let after = config::duration("--gap-alert", text)?;
    Ok(Some(Duration::from_std(after).map_err(|e| Error::usage("--gap-alert is too long").because(e))?))
}

/// Hears how passes end, and tells everyone who asked.
#[derive(Default)]
pub struct Operator {
    json: bool,
    strict: bool,
    check: bool,
    gap_alert: Option<Duration>,
    teller: Teller,
    source: String,
    warehouse: String,
    /// Once it is open.
    place: Option<(Store, Arc<Definitions>)>,
}

/// What the warehouse says after a pass.
#[derive(Default)]
struct Standing {
    earlier: Option<Latest>,
    status: Option<Status>,
    /// Whether the warehouse answers.
    answers: bool,
    troubles: Vec<Error>,
}

impl Operator {
    /// One that can print what happens in passes from `source` to `warehouse`, as far as these are known.
    pub fn printing(
        args: &TellArgs,
        config: &Config,
        source: Option<&String>,
        warehouse: Option<&String>,
    ) -> Result<Operator> {
        let json = match args.report.as_ref().or(config.report.as_ref()).map(String::as_str) {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => return Err(Error::usage(format!("--report: `{other}` is neither text nor json"))),
        };
        let known = |address: Option<&String>| address.cloned().unwrap_or_default();
        Ok(Operator { json, source: known(source), warehouse: known(warehouse), ..Operator::default() })
    }

    /// Takes the other options.
    pub fn set(&mut self, args: &TellArgs, config: &Config) -> Result<()> {
        let tell = &config.tell;
        self.teller = Teller::new(Channels {
            metrics_file: args.metrics_file.clone().or_else(|| tell.metrics_file.clone()),
            push_gateway: args.push_gateway.clone().or_else(|| tell.push_gateway.clone()),
            webhook: args.webhook.clone().or_else(|| tell.webhook.clone()),
        })?;
        self.strict = args.strict.or(config.strict).unwrap_or(false);
        self.check = args.check.or(config.check).unwrap_or(false);
        self.gap_alert = gap_alert(args.gap_alert.as_ref(), config)?;
        if self.check && self.gap_alert.is_none() {
            return Err(Error::usage("--check has nothing to check")
                .hint("say how long an event type may be without files, such as --gap-alert 3h"));
        }
        Ok(())
    }

    /// Says where the warehouse is, once it is open.
    pub fn opened(&mut self, store: Store, definitions: Arc<Definitions>) {
        self.place = Some((store, definitions));
    }

    /// Notes that a pass begins; returns when.
    pub fn begins(&self) -> DateTime<Utc> {
        tracing::info!(source = self.source, warehouse = self.warehouse, "pass started");
        Utc::now()
    }

    /// Tells how a pass ended that began at `began`; returns the error it ends with.
    pub async fn tell(&self, began: DateTime<Utc>, outcome: Result<LoadReport>) -> Result<()> {
        let text = outcome.as_ref().ok().map(LoadReport::text);
        let (pass, mut error, warning) = match outcome {
            Ok(pass) => self.judged(pass),
            Err(error) => (self.nothing(began), Some(resumable(error)), None),
        };
        // Who asked to stop does not wait for a look at the tables.
        let stopped = error.as_ref().is_some_and(|e| matches!(e.kind(), Kind::Interrupted | Kind::Terminated));
        let mut standing = self.look(pass.finished, !stopped).await;
        let gaps = match (&standing.status, &standing.earlier) {
            (Some(status), _) => status.gap_alerts.clone(),
            // What cannot be looked at has not ended.
            (None, Some(earlier)) if self.gap_alert.is_some() => earlier.gap_alerts.clone(),
            _ => Vec::new(),
        };
        if self.check && error.is_none() {
            error = match standing.status {
                Some(_) => silence(&gaps),
                None => standing.troubles.pop(),
            };
        }
        let last_success = standing.earlier.as_ref().and_then(|l| l.last_success);
        let mut report = PassReport::new(pass, error.as_ref(), gaps, last_success);
        self.teller.remember(&mut report);

        log(&report);
        let printed = if self.json {
            report.json().and_then(|json| print(&(json + "\n")))
        } else {
            text.map_or(Ok(()), |text| print(&text))
        };
        warning.iter().for_each(|w| say::warning(w));
        report.gap_alerts.iter().for_each(|gap| say::warning(&gap.to_string()));
        self.keep(&report, &mut standing).await;
        let begun: Vec<GapAlert> = match &standing.status {
            Some(_) => begun(&report.gap_alerts, standing.earlier.as_ref()),
            None => Vec::new(),
        };
        for trouble in self.teller.tell(&report, standing.status.as_ref(), &begun).await {
            say::warning(&trouble);
        }
        error.map_or(printed, Err)
    }

    /// What a pass that ended means for the exit code, and what to warn of.
    fn judged(&self, mut pass: LoadReport) -> (LoadReport, Option<Error>, Option<String>) {
        if let Some(error) = pass.error.take() {
            return (pass, Some(resumable(error)), None);
        }
        let quarantined = pass.quarantined.len() as u64 + pass.still_quarantined;
        let rejected = pass.counters.rejected;
        let files = if quarantined == 1 { "file is" } else { "files are" };
        let what = match (quarantined, rejected) {
            (0, 0) => return (pass, None, None),
            (0, _) => format!("{} rejected", count(rejected, "record")),
            (_, 0) => format!("{} {files} quarantined", number(quarantined)),
            _ => format!("{} {files} quarantined and {} rejected", number(quarantined), count(rejected, "record")),
        };
        if !self.strict {
            return (pass, None, Some(what));
        }
        let error = Error::new(Kind::Strict, what)
            .hint("everything else is loaded; system.quarantine and system.rejects give each one's reason");
        (pass, Some(error), None)
    }

    /// The report of a pass that ended before it could do anything.
    fn nothing(&self, began: DateTime<Utc>) -> LoadReport {
        LoadReport {
            started: began,
            finished: Utc::now(),
            source: self.source.clone(),
            warehouse: self.warehouse.clone(),
            ..LoadReport::default()
        }
    }

    /// Looks at the warehouse, as far as somebody wants to know. It may be what failed: each look has its time.
    async fn look(&self, now: DateTime<Utc>, closely: bool) -> Standing {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
        let mut standing = Standing::default();
        let Some((store, definitions)) = &self.place else { return standing };
        match latest(store).await {
            Ok(earlier) => (standing.earlier, standing.answers) = (earlier, true),
            Err(e) => {
                // A report that cannot be read is replaced; a warehouse that does not answer is left alone.
                standing.answers = e.kind() == Kind::Failed;
                standing.troubles.push(e);
            }
        }
        if closely && standing.answers && (self.gap_alert.is_some() || self.teller.has_metrics()) {
            let opened = tokio::time::timeout(PATIENCE, Snapshot::open(store)).await;
            match opened {
                Ok(Ok(snapshot)) => standing.status = Some(status(&snapshot, definitions, now, self.gap_alert)),
                Ok(Err(e)) => standing.troubles.push(e),
                Err(_) => standing.troubles.push(Error::failed("the warehouse's log takes too long to read")),
            }
        }
        standing
    }

    /// Keeps the report in the warehouse, and says what could not be done there.
    async fn keep(&self, report: &PassReport, standing: &mut Standing) {
        if let (Some((store, _)), true) = (&self.place, standing.answers)
            && let Err(error) = keep(store, report).await
        {
            standing.troubles.push(error);
        }
        for trouble in &standing.troubles {
            // The error the pass ends with says why already.
            if report.error.is_none() {
                let causes: String = trouble.causes().iter().map(|c| format!(": {c}")).collect();
                say::warning(&format!("{}{causes}", trouble.what()));
            }
        }
    }
}

/// With a word for whoever asked to stop.
fn resumable(error: Error) -> Error {
    match error.kind() {
        Kind::Interrupted | Kind::Terminated => error.hint("what was finished is committed; run again to go on"),
        _ => error,
    }
}

/// The error for tables that fell silent.
pub fn silence(gaps: &[GapAlert]) -> Option<Error> {
    let first = gaps.first()?;
    let more = gaps.len() - 1;
    let more = if more > 0 { format!("; and {}", count(more as u64, "more table")) } else { String::new() };
    let mut error = Error::new(Kind::Check, format!("{first}{more}"));
    error = error.hint("look whether the export still runs; `eddyline status` shows every table's newest hour");
    Some(error)
}

/// Alerts the pass before did not have.
fn begun(gaps: &[GapAlert], earlier: Option<&Latest>) -> Vec<GapAlert> {
    let known = |gap: &&GapAlert| earlier.is_some_and(|e| e.gap_alerts.iter().any(|g| g.table == gap.table));
    gaps.iter().filter(|gap| !known(gap)).cloned().collect()
}

/// The pass as events.
fn log(report: &PassReport) {
    let (pass, c) = (&report.pass, &report.pass.counters);
    for (table, counts) in &pass.tables {
        let (rows, duplicates, rejected) = (counts.new, counts.duplicates, counts.rejected);
        tracing::info!(table, files = counts.files, rows, duplicates, rejected, "table loaded");
    }
    for change in &pass.schema_changes {
        let columns: Vec<&str> = change.columns.iter().map(|c| c.name.as_str()).collect();
        tracing::info!(table = change.table, columns = columns.join(","), "new columns");
    }
    for (key, reason) in &pass.quarantined {
        tracing::warn!(key, reason, "quarantined");
    }
    for warning in &pass.warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!(
        exit_code = report.exit_code,
        kind = report.kind,
        seq = pass.seq,
        seconds = report.seconds(),
        listed = c.listed,
        known = pass.known,
        files = c.files,
        records = c.read,
        rows = c.new,
        duplicates = c.duplicates,
        rejected = c.rejected,
        quarantined = c.quarantined,
        vanished = c.vanished,
        cells = c.cells,
        read_bytes = c.bytes,
        written_bytes = c.written,
        gap_alerts = report.gap_alerts.len(),
        "pass finished"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(table: &str) -> GapAlert {
        GapAlert { table: table.into(), newest: "2026-03-01-02".into(), silent_hours: 4 }
    }

    #[test]
    fn a_gap_begins_once() {
        let earlier = Latest { gap_alerts: vec![gap("a")], ..Latest::default() };
        assert_eq!(begun(&[gap("a"), gap("b")], Some(&earlier)), [gap("b")]);
        assert_eq!(begun(&[gap("a")], None), [gap("a")]);
        assert!(begun(&[], Some(&earlier)).is_empty());
    }

    #[test]
    fn silent_tables_are_one_error() {
        assert!(silence(&[]).is_none());
        let error = silence(&[gap("a"), gap("b"), gap("c")]).unwrap();
        assert_eq!(error.kind().exit_code(), 7);
        assert!(error.what().ends_with("silent for 4 h; and 2 more tables"), "{}", error.what());
    }
}
