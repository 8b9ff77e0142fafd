//! A webhook that hears of failures and of event types that fell silent. `text` is one line, as Slack and those who
//! speak like it show it; the other fields are for programs.

use super::call;
use super::pass_report::PassReport;
use crate::error::{Error, Result};
use crate::load::one_line;
use crate::warehouse::gaps::GapAlert;
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Serialize;
use url::Url;

/// How many silent tables the line names before it says how many more there are.
const NAMED: usize = 5;

/// Whom to call. The address is a secret.
pub struct Webhook(Url);

/// What is posted.
#[derive(Debug, Serialize)]
struct Post<'a> {
    /// One line for people.
    text: String,
    /// `pass_failed` or `gap_began`.
    event: &'static str,
    exit_code: u8,
    kind: Option<&'static str>,
    /// What could not be done.
    what: Option<&'a str>,
    /// Why, outermost first.
    because: &'a [String],
    /// What to do about it.
    hints: &'a [String],
    /// Every table that is silent now, not only since this pass.
    gap_alerts: &'a [GapAlert],
    warehouse: &'a str,
    source: &'a str,
    started: DateTime<Utc>,
    finished: DateTime<Utc>,
    /// The log entry the pass made, if it made one.
    seq: Option<u64>,
    eddyline: &'static str,
}

impl Webhook {
    /// The webhook at an address.
    pub fn at(address: &str) -> Result<Webhook> {
        call::address("--webhook", address).map(Webhook)
    }

    /// Calls, if the pass failed or a gap alert began; a pass that was stopped did not fail.
    pub async fn call(&self, report: &PassReport, begun: &[GapAlert]) -> Result<()> {
        let Some(post) = post(report, begun) else { return Ok(()) };
        let body = serde_json::to_string(&post).map_err(|e| Error::failed("cannot write the webhook").because(e))?;
        call::send("the webhook", Method::POST, &self.0, "application/json", &body).await
    }
}

fn post<'a>(report: &'a PassReport, begun: &[GapAlert]) -> Option<Post<'a>> {
    let failure = report.failure.as_ref().filter(|f| !f.stopped);
    let (event, said) = match failure {
        Some(failure) => {
            let kind = report.kind.unwrap_or_default();
            let because: String = failure.because.iter().map(|b| format!(": {b}")).collect();
            (
                "pass_failed",
                format!("load failed with exit code {} ({kind}): {}{because}", report.exit_code, failure.what),
            )
        }
        None if begun.is_empty() || report.failure.is_some() => return None,
        None => {
            let named: Vec<String> = begun.iter().take(NAMED).map(GapAlert::to_string).collect();
            let more = begun.len().saturating_sub(NAMED);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            ("gap_began", format!("gap alert: {}{more}", named.join("; ")))
        }
    };
    Some(Post {
        text: plain(&format!("eddyline: {said} [warehouse {}]", report.pass.warehouse)),
        event,
        exit_code: report.exit_code,
        kind: report.kind,
        what: failure.map(|f| f.what.as_str()),
        because: failure.map_or(&[], |f| &f.because),
        hints: failure.map_or(&[], |f| &f.hints),
        gap_alerts: &report.gap_alerts,
        warehouse: &report.pass.warehouse,
        source: &report.pass.source,
        started: report.pass.started,
        finished: report.pass.finished,
        seq: report.pass.seq,
        eddyline: report.eddyline,
    })
}

/// Text that stays one line and that Slack takes as text: a key could otherwise call everyone in the channel.
fn plain(text: &str) -> String {
    one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::load::LoadReport;

    fn report(error: Option<Error>) -> PassReport {
        let pass = LoadReport { warehouse: "s3://w".into(), source: "s3://c".into(), ..LoadReport::default() };
        PassReport::new(pass, error.as_ref(), Vec::new(), None)
    }

    fn silent(table: &str) -> GapAlert {
        GapAlert { table: table.into(), newest: "2026-03-01-02".into(), silent_hours: 4 }
    }

    #[test]
    fn a_failure_is_one_line_and_its_parts() {
        let inner = Error::failed("no answer\nfrom <!channel>").hint("look at it");
        let report = report(Some(Error::new(Kind::Unreachable, "cannot list a & b").because(inner)));
        let post = serde_json::to_value(post(&report, &[silent("t")]).unwrap()).unwrap();
        assert_eq!(
            post["text"],
            "eddyline: load failed with exit code 4 (unreachable): cannot list a &amp; b: \
             no answer\\nfrom &lt;!channel&gt; [warehouse s3://w]"
        );
        assert_eq!((&post["event"], &post["exit_code"]), (&"pass_failed".into(), &4.into()));
        assert_eq!((&post["what"], &post["hints"][0]), (&"cannot list a & b".into(), &"look at it".into()));
        assert_eq!(post["because"][0], "no answer\nfrom <!channel>");
    }

    #[test]
    fn who_was_stopped_or_went_well_is_quiet_until_a_gap_begins() {
        assert!(post(&report(None), &[]).is_none());
        assert!(post(&report(Some(Error::new(Kind::Terminated, "stopped"))), &[silent("t")]).is_none());
        let good = report(None);
        let gap = post(&good, &[silent("t")]).unwrap();
        assert_eq!((gap.event, gap.exit_code, gap.what), ("gap_began", 0, None));
        assert_eq!(
            gap.text,
            "eddyline: gap alert: t had a file nearly every hour and has none after 2026-03-01-02: silent for 4 h \
             [warehouse s3://w]"
        );
        let many: Vec<GapAlert> = (0..7).map(|n| silent(&format!("t{n}"))).collect();
        let text = post(&good, &many).unwrap().text;
        assert!(text.contains("t4 had") && !text.contains("t5") && text.contains("; and 2 more"), "{text}");
    }
}
