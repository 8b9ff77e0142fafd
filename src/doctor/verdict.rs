//! From findings to one line and an exit code, as text and as JSON. Pure.

use super::finding::{Check, Finding, Outcome, Side};
use super::place::Place;
use crate::error::Kind;
use crate::load::count;
use serde::Serialize;
use std::fmt::Write as _;

/// Everything a run of the doctor found.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// The source's address, when it was looked at.
    pub source: Option<String>,
    /// The warehouse's address, when it was looked at.
    pub warehouse: Option<String>,
    /// What it comes to.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// One for each check, in the order they were made.
    pub findings: Vec<Finding>,
}

/// What the findings come to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// In one line.
    pub verdict: String,
    /// The exit code.
    pub exit_code: u8,
    /// The kind of failure behind the exit code.
    #[serde(skip)]
    pub kind: Option<Kind>,
}

impl Diagnosis {
    /// Judges findings.
    pub fn new(source: Option<String>, warehouse: Option<String>, findings: Vec<Finding>) -> Diagnosis {
        let verdict = judge(warehouse.as_deref().unwrap_or_default(), &findings);
        Diagnosis { source, warehouse, verdict, findings }
    }

    /// How many checks failed.
    pub fn failed(&self) -> u64 {
        self.findings.iter().filter(|f| f.outcome == Outcome::Failed).count() as u64
    }

    /// The report for a person: a line for each check, and the verdict in the last line.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (side, name, address) in
            [(Side::Source, "source", &self.source), (Side::Warehouse, "warehouse", &self.warehouse)]
        {
            let Some(address) = address else { continue };
            let _ = writeln!(out, "{name} {address} ({})", Place::of(address).cloud.name());
            for finding in self.findings.iter().filter(|f| f.side == side) {
                line(&mut out, finding);
            }
            out.push('\n');
        }
        let _ = writeln!(out, "verdict: {}", self.verdict.verdict);
        out
    }
}

fn line(out: &mut String, finding: &Finding) {
    let outcome = match finding.outcome {
        Outcome::Ok => "ok",
        Outcome::Warning => "warning",
        Outcome::Unknown => "unknown",
        Outcome::Failed => "FAILED",
    };
    let took = match finding.milliseconds {
        ms if ms < 10_000 => format!("{ms} ms"),
        ms => format!("{} s", ms / 1000),
    };
    let text = format!("  {outcome:<7}  {:<38}  {took:>7}  {}", finding.check.title(), flat(&finding.detail));
    let _ = writeln!(out, "{}", text.trim_end());
    if let Some(because) = &finding.because {
        let _ = writeln!(out, "           because: {}", flat(because));
    }
    if let Some(permission) = &finding.permission {
        let _ = writeln!(out, "           missing permission: {permission}");
    }
    for hint in &finding.hints {
        let _ = writeln!(out, "           hint: {}", flat(hint));
    }
}

/// On one line: answers of stores come with line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the findings come to. Two loaders losing each other's work is the worst, and not mended by a permission.
fn judge(warehouse: &str, findings: &[Finding]) -> Verdict {
    let failed = |kind: Kind| findings.iter().filter(move |f| f.kind == Some(kind));
    let verdict =
        |kind: Option<Kind>, verdict: String| Verdict { verdict, exit_code: kind.map_or(0, Kind::exit_code), kind };
    if failed(Kind::Check).any(|f| f.check.keeps_loaders_apart()) {
        let why = format!(
            "{warehouse} does not keep conditional writes: only ONE loader at a time may ever write to it, because \
             two would overwrite each other's work and neither would notice"
        );
        return verdict(Some(Kind::Check), why);
    }
    if failed(Kind::Denied).next().is_some() {
        let mut missing: Vec<&str> = Vec::new();
        for permission in failed(Kind::Denied).filter_map(|f| f.permission.as_deref()) {
            if !missing.contains(&permission) {
                missing.push(permission);
            }
        }
        let words = match failed(Kind::Denied).find(|f| f.permission.is_none()) {
            Some(finding) if missing.is_empty() => flat(&finding.sentence()),
            _ => format!("not allowed: {} (`eddyline doctor --print-policy`)", missing.join("; ")),
        };
        return verdict(Some(Kind::Denied), words);
    }
    if let Some(finding) = failed(Kind::Unreachable).next() {
        return verdict(Some(Kind::Unreachable), flat(&finding.sentence()));
    }
    let broken: Vec<&Finding> = findings.iter().filter(|f| f.outcome == Outcome::Failed).collect();
    if !broken.is_empty() {
        let checks: Vec<&str> = broken.iter().map(|f| f.check.title()).collect();
        return verdict(Some(Kind::Check), format!("something does not work: {}", checks.join("; ")));
    }
    // What the store cannot tell about its versions is nothing to try again.
    let open = findings.iter().filter(|f| f.outcome == Outcome::Unknown && f.check != Check::Versions).count() as u64;
    let warnings = findings.iter().filter(|f| f.outcome == Outcome::Warning).count() as u64;
    let and = match (open, warnings) {
        (0, 0) => return verdict(None, "what Eddyline needs works here".to_string()),
        (0, warnings) => count(warnings, "warning"),
        (open, 0) => format!("{} could not be made", count(open, "check")),
        (open, warnings) => format!("{} could not be made, {}", count(open, "check"), count(warnings, "warning")),
    };
    verdict(None, format!("what was checked works here; {and}"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Seen;
    use super::super::permission::Need;
    use super::*;
    use crate::error::Error;

    fn seen(check: Check, seen: Seen) -> Finding {
        Finding::seen(Side::Warehouse, check, 12, seen)
    }

    fn error(check: Check, need: Need, kind: Kind) -> Finding {
        let error = Error::new(kind, "cannot do it").because("403\nAccess Denied".to_string()).hint("ask for it");
        Finding::error(&Place::of("s3://acme/w"), Side::Warehouse, check, 12, need, &error)
    }

    fn judged(findings: Vec<Finding>) -> (u8, String) {
        let found = Diagnosis::new(None, Some("s3://acme/w".into()), findings).verdict;
        (found.exit_code, found.verdict)
    }

    #[test]
    fn the_worst_finding_decides() {
        let works = || seen(Check::List, Seen::ok(""));
        let denied = || error(Check::Create, Need::Create, Kind::Denied);
        let silent = || error(Check::List, Need::List, Kind::Unreachable);
        let unsafe_ = || seen(Check::CreateAgain, Seen::failed("written over", "one loader"));
        let odd = || seen(Check::ReadStale, Seen::failed("other bytes", "hm"));

        assert_eq!(judged(vec![works()]), (0, "what Eddyline needs works here".into()));
        assert_eq!(judged(vec![odd(), silent()]).0, 4);
        assert_eq!(judged(vec![odd(), silent(), denied()]).0, 3);
        let (code, words) = judged(vec![denied(), unsafe_()]);
        assert!(code == 7 && words.contains("only ONE loader at a time") && words.contains("s3://acme/w"), "{words}");
        let (code, words) = judged(vec![odd()]);
        assert!(code == 7 && words.contains("a stale read is refused") && !words.contains("ONE"), "{words}");
        assert!(judged(vec![denied()]).1.contains("s3:PutObject on arn:aws:s3:::acme/w/*"));
    }

    #[test]
    fn warnings_and_open_checks_are_counted_and_fail_nothing() {
        let warning = || seen(Check::TidyUp, Seen::warning("cannot delete", "left"));
        let open = || seen(Check::Lock, Seen::unknown("another eddyline"));
        let quiet = || seen(Check::Versions, Seen::unknown("GCS does not tell"));
        assert_eq!(judged(vec![quiet()]), (0, "what Eddyline needs works here".into()));
        assert_eq!(judged(vec![warning()]), (0, "what was checked works here; 1 warning".into()));
        assert_eq!(
            judged(vec![warning(), open(), open()]),
            (0, "what was checked works here; 2 checks could not be made, 1 warning".into())
        );
    }

    #[test]
    fn text_and_json_say_the_same() {
        let findings = vec![seen(Check::List, Seen::ok("3 objects")), error(Check::Create, Need::Create, Kind::Denied)];
        let diagnosis = Diagnosis::new(None, Some("s3://acme/w".into()), findings);
        insta::assert_snapshot!(diagnosis.text(), @r#"
        warehouse s3://acme/w (Amazon S3)
          ok       list the keys                             12 ms  3 objects
          FAILED   create an object                          12 ms  cannot do it
                   because: 403 Access Denied
                   missing permission: s3:PutObject on arn:aws:s3:::acme/w/*
                   hint: ask for it

        verdict: not allowed: s3:PutObject on arn:aws:s3:::acme/w/* (`eddyline doctor --print-policy`)
        "#);
        let json = serde_json::to_value(&diagnosis).unwrap();
        assert_eq!(json["exit_code"], 3);
        assert_eq!(json["findings"][1]["check"], "create");
        assert_eq!(json["findings"][1]["outcome"], "failed");
        assert_eq!(json["findings"][1]["permission"], "s3:PutObject on arn:aws:s3:::acme/w/*");
    }
}
