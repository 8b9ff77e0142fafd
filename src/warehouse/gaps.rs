//! Hours without a file: those missed within a table's history, and tables that fell silent. Pure.

use crate::currents::QueueHour;
use chrono::{DateTime, Duration, NaiveDate, Timelike, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// How many days back hours without a file are looked for.
const GAP_DAYS: i64 = 7;
/// On how many other days an hour must have had a file for its absence to mean something.
const USUAL: usize = 3;
/// How many hours a table's habit is read from at most, its newest hour included.
const WEEK: i64 = GAP_DAYS * 24;
/// How many hours of history make a habit.
const HABIT: i64 = 24;

/// A table that had a file nearly every hour and has had none for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapAlert {
    /// The table.
    pub table: String,
    /// The newest queue hour that has a file, `YYYY-MM-DD-HH`.
    pub newest: String,
    /// Whole hours since that hour ended.
    pub silent_hours: i64,
}

impl fmt::Display for GapAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GapAlert { table, newest, silent_hours } = self;
        write!(f, "{table} had a file nearly every hour and has none after {newest}: silent for {silent_hours} h")
    }
}

/// When an hour begins.
pub fn start(hour: QueueHour) -> DateTime<Utc> {
    hour.date.and_hms_opt(hour.hour.into(), 0, 0).unwrap_or_default().and_utc()
}

/// The hour a moment lies in.
fn hour_of(moment: DateTime<Utc>) -> QueueHour {
    QueueHour { date: moment.date_naive(), hour: moment.hour() as u8 }
}

/// Whether a table fell silent: in the week that ends with its newest hour (or since its first, if that is a day ago
/// or more) at least 9 of 10 hours had a file, and the newest hour ended more than `after` before `now`. Tables that
/// miss hours as a habit never alert. Hours after `now` do not count: a misdated key must not hide a gap.
pub fn alert(table: &str, seen: &BTreeSet<QueueHour>, now: DateTime<Utc>, after: Duration) -> Option<GapAlert> {
    let newest = *seen.range(..=hour_of(now)).next_back()?;
    let oldest = start(*seen.first()?).max(start(newest) - Duration::hours(WEEK - 1));
    let hours = (start(newest) - oldest).num_hours() + 1;
    let with_file = seen.range(hour_of(oldest)..=newest).count() as i64;
    let silent = now - (start(newest) + Duration::hours(1));
    (hours >= HABIT && with_file * 10 >= hours * 9 && silent > after).then(|| GapAlert {
        table: table.to_string(),
        newest: newest.to_string(),
        silent_hours: silent.num_hours(),
    })
}

/// Hours without a file in the last week, where at least three other days of that week, and four of five, have one at
/// that hour of the day: rare event types miss most hours and mean nothing by it.
pub fn missing(seen: &BTreeSet<QueueHour>) -> Vec<String> {
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Vec::new() };
    let from = start(*last) - Duration::days(GAP_DAYS);
    let days: BTreeSet<NaiveDate> = seen.iter().filter(|h| start(**h) >= from).map(|h| h.date).collect();
    let mut gaps = Vec::new();
    let mut at = from.max(start(*first));
    while at < start(*last) {
        let hour = hour_of(at);
        let others = days.iter().filter(|d| **d != hour.date);
        let usual = others.clone().filter(|d| seen.contains(&QueueHour { date: **d, hour: hour.hour })).count();
        if !seen.contains(&hour) && usual >= USUAL && usual * 5 >= others.count() * 4 {
            gaps.push(hour.to_string());
        }
        at += Duration::hours(1);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Datelike;

    fn hour(text: &str) -> QueueHour {
        QueueHour::parse(text).unwrap()
    }

    /// `count` hours in a row, up to and with `last`.
    fn hours(last: &str, count: i64) -> BTreeSet<QueueHour> {
        (0..count).map(|n| hour_of(start(hour(last)) - Duration::hours(n))).collect()
    }

    fn silent_at(seen: &BTreeSet<QueueHour>, now: &str, after: i64) -> Option<i64> {
        let now = DateTime::parse_from_rfc3339(now).unwrap().to_utc();
        alert("t", seen, now, Duration::hours(after)).map(|a| a.silent_hours)
    }

    #[test]
    fn an_hour_that_other_days_have_is_missed_and_a_quiet_night_is_not() {
        let mut seen = BTreeSet::new();
        for day in 1..=5 {
            for hour in 8..20 {
                let date = NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
                if (day, hour) != (3, 12) {
                    seen.insert(QueueHour { date, hour });
                }
            }
        }
        assert_eq!(missing(&seen), ["2026-03-03-12"]);
        // Two days are no habit.
        seen.retain(|h| h.date.day() <= 3);
        assert!(missing(&seen).is_empty());
    }

    #[test]
    fn a_table_that_fell_silent_alerts_once_its_time_is_over() {
        let seen = hours("2026-03-09-10", 24);
        assert_eq!(silent_at(&seen, "2026-03-09T10:30:00Z", 3), None);
        // The newest hour ended at 11:00.
        assert_eq!(silent_at(&seen, "2026-03-09T14:00:00Z", 3), None);
        assert_eq!(silent_at(&seen, "2026-03-09T14:00:01Z", 3), Some(3));
        assert_eq!(silent_at(&seen, "2026-03-11T11:00:00Z", 3), Some(48));
        let said = alert("t", &seen, start(hour("2026-03-09-20")), Duration::hours(3)).unwrap().to_string();
        assert_eq!(said, "t had a file nearly every hour and has none after 2026-03-09-10: silent for 9 h");
    }

    #[test]
    fn less_than_a_day_of_history_is_no_habit() {
        assert_eq!(silent_at(&hours("2026-03-09-10", 23), "2026-03-10T10:00:00Z", 3), None);
        assert_eq!(silent_at(&BTreeSet::new(), "2026-03-10T10:00:00Z", 3), None);
    }

    #[test]
    fn nine_hours_of_ten_are_a_habit_and_fewer_are_none() {
        let mut seen = hours("2026-03-09-10", 168);
        // 16 of 168 missed are less than a tenth, 17 are more.
        for missed in 1..=16 {
            seen.remove(&hour_of(start(hour("2026-03-09-10")) - Duration::hours(missed * 7)));
        }
        assert!(silent_at(&seen, "2026-03-10T10:00:00Z", 3).is_some());
        seen.remove(&hour("2026-03-09-09"));
        assert_eq!(silent_at(&seen, "2026-03-10T10:00:00Z", 3), None);
        // What was missed more than a week before does not matter any more.
        let mut seen = hours("2026-03-09-10", 168);
        seen.insert(hour("2025-01-01-00"));
        assert!(silent_at(&seen, "2026-03-10T10:00:00Z", 3).is_some());
    }

    #[test]
    fn a_key_dated_ahead_hides_no_gap() {
        let mut seen = hours("2026-03-09-10", 48);
        seen.insert(hour("2030-01-01-00"));
        assert_eq!(silent_at(&seen, "2026-03-09T20:00:00Z", 3), Some(9));
    }
}
