//! The UTC hour in which Braze queued a file's events: the `date=` of a key.

use chrono::{Days, NaiveDate};
use std::fmt;

/// An hour of a day, UTC. Shown and read as `YYYY-MM-DD-HH`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueHour {
    /// The day; it is the `queue_date` of the file's rows.
    pub date: NaiveDate,
    /// 0 to 23.
    pub hour: u8,
}

impl QueueHour {
    /// Reads `YYYY-MM-DD-HH`, or `YYYY-MM-DD` as that day's first hour. Strict: every digit must be there.
    pub fn parse(text: &str) -> Option<QueueHour> {
        let bytes = text.as_bytes();
        let dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
        let year = number(bytes.get(0..4)?)?;
        let (month, day) = (number(bytes.get(5..7)?)?, number(bytes.get(8..10)?)?);
        let hour = match bytes.get(10..)? {
            [] => 0,
            [b'-', rest @ ..] if rest.len() == 2 => number(rest)?,
            _ => return None,
        };
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        (dashes && hour < 24).then_some(QueueHour { date, hour: u8::try_from(hour).ok()? })
    }

    /// The hour after this one, or `None` at the end of the calendar.
    pub fn next(self) -> Option<QueueHour> {
        match self.hour {
            0..=22 => Some(QueueHour { date: self.date, hour: self.hour + 1 }),
            _ => Some(QueueHour { date: self.date.checked_add_days(Days::new(1))?, hour: 0 }),
        }
    }

    /// The hour before this one, or `None` at the beginning of the calendar.
    pub fn previous(self) -> Option<QueueHour> {
        match self.hour {
            0 => Some(QueueHour { date: self.date.checked_sub_days(Days::new(1))?, hour: 23 }),
            _ => Some(QueueHour { date: self.date, hour: self.hour - 1 }),
        }
    }
}

impl fmt::Display for QueueHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.date.format("%Y-%m-%d"), self.hour)
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hours_and_days_and_nothing_else() {
        let hour = QueueHour::parse("2018-04-26-20").unwrap();
        assert_eq!((hour.to_string().as_str(), hour.hour), ("2018-04-26-20", 20));
        assert_eq!(QueueHour::parse("2018-04-26").unwrap().to_string(), "2018-04-26-00");
        assert_eq!(QueueHour::parse("2018-12-31-23").unwrap().next().unwrap().to_string(), "2019-01-01-00");
        assert_eq!(QueueHour::parse("2019-01-01-00").unwrap().previous().unwrap().to_string(), "2018-12-31-23");
        assert_eq!(QueueHour::parse("2019-01-01-10").unwrap().previous().unwrap().to_string(), "2019-01-01-09");
        for bad in [
            "",
            "2018",
            "2018-4-26-20",
            "2018-04-26-24",
            "2018-02-30-01",
            "2018-04-26-2",
            "2018-04-26-020",
            "2018/04/26-01",
            "2018-04-26T01",
            "+018-04-26-01",
            "２018-04-26-01",
            "2018-04-26-",
        ] {
            assert_eq!(QueueHour::parse(bad), None, "{bad:?}");
        }
    }
}
