//! Reports kept in the warehouse: `meta/reports/latest.json` of every pass, and a file of its own for each pass that
//! changed something or failed. No pass ever decides anything by them; `status` and the next report read the latest.

use super::pass_report::PassReport;
use crate::error::{Error, Kind, Result};
use crate::warehouse::gaps::GapAlert;
use crate::warehouse::{PutIf, Store};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::time::Duration;

const REPORTS: &str = "meta/reports";
const LATEST: &str = "meta/reports/latest.json";
/// How long the warehouse may take: it may be what failed, and its own retries go on for minutes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The latest report, as far as anyone asks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Latest {
    /// When that pass ended.
    pub finished: DateTime<Utc>,
    /// How.
    pub exit_code: u8,
    /// The failure as shown; absent when all went well.
    pub error: Option<String>,
    /// Tables that had fallen silent.
    pub gap_alerts: Vec<GapAlert>,
    /// When a pass last ended with exit code 0.
    pub last_success: Option<DateTime<Utc>>,
    /// The whole report.
    #[serde(skip)]
    pub whole: serde_json::Value,
}

impl Latest {
    /// Whether that pass failed; one that was stopped did not.
    pub fn failed(&self) -> bool {
        (1..128).contains(&self.exit_code)
    }
}

/// Reads the latest report; `None` when no pass has ended yet.
pub async fn latest(store: &Store) -> Result<Option<Latest>> {
    let Some(object) = within(store.get(LATEST)).await? else { return Ok(None) };
    let wrong =
        |e| Error::failed(format!("cannot read {LATEST}")).because(e).hint("delete it: it only tells of the past");
    let mut latest: Latest = serde_json::from_slice(&object.bytes).map_err(wrong)?;
    latest.whole = serde_json::from_slice(&object.bytes).map_err(wrong)?;
    Ok(Some(latest))
}

/// Keeps a report.
pub async fn keep(store: &Store, report: &PassReport) -> Result<()> {
    let bytes = bytes::Bytes::from(report.json()?);
    if report.is_notable() {
        put(store, &own_path(report), &bytes, PutIf::Absent).await?;
    }
    put(store, LATEST, &bytes, PutIf::Always).await
}

fn own_path(report: &PassReport) -> String {
    let began = report.pass.started;
    format!("{REPORTS}/{}-{}.json", began.format("%Y-%m-%d/%H%M%S%.6f"), std::process::id())
}

async fn put(store: &Store, path: &str, bytes: &bytes::Bytes, condition: PutIf) -> Result<()> {
    // On a local disk the next writer, who has the lock by now, sweeps unfinished writes away: once, hence twice.
    match within(store.put(path, bytes.clone(), condition.clone())).await {
        Err(e) if e.kind() == Kind::Failed => within(store.put(path, bytes.clone(), condition)).await.map(|_| ()),
        done => done.map(|_| ()),
    }
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(Error::new(Kind::Unreachable, format!("the warehouse did not answer within {} s", PATIENCE.as_secs())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::LoadReport;

    fn report(at: &str, seq: Option<u64>, error: Option<Error>, before: Option<&Latest>) -> PassReport {
        let at = DateTime::parse_from_rfc3339(at).unwrap().to_utc();
        let pass =
            LoadReport { seq, started: at, finished: at + chrono::Duration::seconds(1), ..LoadReport::default() };
        PassReport::new(pass, error.as_ref(), Vec::new(), before.and_then(|l| l.last_success))
    }

    #[tokio::test]
    async fn every_pass_is_the_latest_and_only_notable_ones_have_a_file() {
        let store = Store::nothing();
        assert!(latest(&store).await.unwrap().is_none());
        keep(&store, &report("2026-03-01T02:15:00.25Z", Some(1), None, None)).await.unwrap();
        keep(&store, &report("2026-03-02T02:15:00Z", None, None, None)).await.unwrap();
        let good = latest(&store).await.unwrap().unwrap();
        assert_eq!((good.exit_code, good.failed(), good.error), (0, false, None));
        assert_eq!(good.last_success.unwrap().to_rfc3339(), "2026-03-02T02:15:01+00:00");

        let good = latest(&store).await.unwrap();
        let failed = report("2026-03-03T02:15:00Z", None, Some(Error::new(Kind::Denied, "no")), good.as_ref());
        keep(&store, &failed).await.unwrap();
        let kept = latest(&store).await.unwrap().unwrap();
        assert_eq!((kept.exit_code, kept.failed(), kept.error.as_deref()), (3, true, Some("error: no")));
        assert_eq!(kept.last_success, good.unwrap().last_success);
        assert_eq!((&kept.whole["kind"], &kept.whole["seq"]), (&"denied".into(), &serde_json::Value::Null));

        let kept: Vec<String> =
            store.list(REPORTS, None).await.unwrap().into_iter().map(|o| o.location.to_string()).collect();
        let pid = std::process::id();
        let expected = [
            format!("meta/reports/2026-03-01/021500.250000-{pid}.json"),
            format!("meta/reports/2026-03-03/021500.000000-{pid}.json"),
            LATEST.to_string(),
        ];
        assert_eq!(kept, expected);
    }

    #[test]
    fn whoever_was_stopped_did_not_fail() {
        for (code, failed) in [(0, false), (1, true), (7, true), (130, false), (143, false)] {
            assert_eq!(Latest { exit_code: code, ..Latest::default() }.failed(), failed, "{code}");
        }
    }
}
