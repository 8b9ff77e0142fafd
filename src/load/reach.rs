//! How far a pass looks: up to which queue hour it loads, and when it lists everything by itself. Pure.

use crate::currents::QueueHour;
use crate::error::{Error, Result};
use crate::warehouse::Snapshot;
use chrono::{DateTime, Duration, Timelike, Utc};

/// Files arrive up to about five minutes after their hour ends; this long after it, the hour counts as settled.
const HOUR_SETTLES: Duration = Duration::minutes(15);
/// The same for a day. A nightly job has the time to be sure.
const DAY_SETTLES: Duration = Duration::minutes(60);

/// Up to which queue hour a pass loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Through {
    /// Everything that is there.
    #[default]
    Now,
    /// Whole hours that are over and settled.
    Hour,
    /// Whole days that are over and settled, so that each cell is normally written once.
    Day,
}

impl Through {
    /// Reads `now`, `hour` or `day`.
    pub fn parse(text: &str) -> Result<Through> {
        match text {
            "now" => Ok(Through::Now),
            "hour" => Ok(Through::Hour),
            "day" => Ok(Through::Day),
            _ => Err(Error::usage(format!("--through: `{text}` is no extent"))
                .hint("now: everything; hour: hours that are over; day: queue days (UTC) that are over")),
        }
    }

    /// The last hour to load at `now`; `None` for no bound.
    pub fn last_hour(self, now: DateTime<Utc>) -> Option<QueueHour> {
        let settled = match self {
            Through::Now => return None,
            Through::Hour => now - HOUR_SETTLES,
            Through::Day => now - DAY_SETTLES,
        };
        let last = match self {
            Through::Day => QueueHour { date: settled.date_naive().pred_opt()?, hour: 23 },
            _ => {
                let before = settled - Duration::hours(1);
                QueueHour { date: before.date_naive(), hour: before.hour() as u8 }
            }
        };
        Some(last)
    }
}

/// How often a pass lists everything by itself, to find files in hours long past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FullScan {
    /// Only when asked.
    Never,
    /// Once a day.
    Daily,
    /// Once a week.
    #[default]
    Weekly,
    /// Every thirty days.
    Monthly,
}

impl FullScan {
    /// Reads `never`, `daily`, `weekly` or `monthly`.
    pub fn parse(text: &str) -> Result<FullScan> {
        match text {
            "never" => Ok(FullScan::Never),
            "daily" => Ok(FullScan::Daily),
            "weekly" => Ok(FullScan::Weekly),
            "monthly" => Ok(FullScan::Monthly),
            _ => {
                Err(Error::usage(format!("--full-scan: `{text}` is no frequency"))
                    .hint("never, daily, weekly or monthly"))
            }
        }
    }

    /// Whether the source at `address` was not listed whole for that long, for these event types or for all.
    pub fn is_due(self, snapshot: &Snapshot, address: &str, types: &str, now: DateTime<Utc>) -> bool {
        let period = match self {
            FullScan::Never => return false,
            FullScan::Daily => Duration::days(1),
            FullScan::Weekly => Duration::days(7),
            FullScan::Monthly => Duration::days(30),
        };
        // A nightly job is a little early now and then; that must not cost another night.
        let slack = Duration::hours(2);
        let covers = |full: &Option<String>| full.as_deref().is_some_and(|full| full == "*" || full == types);
        let last = snapshot.loads.iter().rev().find(|load| covers(&load.full) && load.source == address);
        last.is_none_or(|load| now - load.started >= period - slack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::{Counters, LoadSummary};

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn only_settled_hours_and_days_are_loaded() {
        let last = |through: &str, now: &str| {
            Through::parse(through).unwrap().last_hour(at(now)).map(|h| h.to_string()).unwrap_or_default()
        };
        assert_eq!(last("now", "2026-03-02T02:00:00Z"), "");
        assert_eq!(last("hour", "2026-03-02T02:10:00Z"), "2026-03-02-00");
        assert_eq!(last("hour", "2026-03-02T02:15:00Z"), "2026-03-02-01");
        assert_eq!(last("hour", "2026-03-02T00:05:00Z"), "2026-03-01-22");
        assert_eq!(last("day", "2026-03-02T00:59:00Z"), "2026-02-28-23");
        assert_eq!(last("day", "2026-03-02T01:00:00Z"), "2026-03-01-23");
        assert_eq!(last("day", "2026-03-02T23:59:00Z"), "2026-03-01-23");
        assert_eq!(Through::parse("week").unwrap_err().kind().exit_code(), 2);
    }

    #[test]
    fn a_full_scan_is_due_after_its_period_and_per_source() {
        let load = |started: &str, full: Option<&str>| LoadSummary {
            seq: 1,
            started: at(started),
            finished: at(started),
            source: "s3://a".into(),
            eddyline: String::new(),
            counters: Counters::default(),
            full: full.map(str::to_string),
        };
        let loads = vec![load("2026-03-01T02:00:00Z", Some("*")), load("2026-03-07T02:00:00Z", None)];
        let snapshot = Snapshot { loads, ..Snapshot::default() };
        let due = |scan: FullScan, address: &str, now: &str| scan.is_due(&snapshot, address, "users.*", at(now));
        assert!(!due(FullScan::Weekly, "s3://a", "2026-03-07T02:00:00Z"));
        assert!(due(FullScan::Weekly, "s3://a", "2026-03-08T01:59:00Z"));
        assert!(due(FullScan::Daily, "s3://a", "2026-03-07T02:00:00Z"));
        assert!(due(FullScan::Weekly, "s3://b", "2026-03-07T02:00:00Z"));
        let narrow = Snapshot { loads: vec![load("2026-03-06T02:00:00Z", Some("users.*"))], ..Snapshot::default() };
        let now = at("2026-03-07T02:00:00Z");
        assert!(!FullScan::Weekly.is_due(&narrow, "s3://a", "users.*", now));
        assert!(FullScan::Weekly.is_due(&narrow, "s3://a", "*", now));
        assert!(!due(FullScan::Never, "s3://b", "2036-03-07T02:00:00Z"));
    }
}
