//! How many events each hour of the period gets: a believable day, a believable week, slow growth.

use super::dice::{draw, scale};
use super::options::Options;
use chrono::{Datelike, Duration, NaiveDate, NaiveTime};

/// Volume by UTC hour: quiet at night, peaks before noon and in the evening.
const HOURS: [u64; 24] =
    [22, 15, 11, 9, 10, 15, 28, 45, 66, 80, 88, 84, 78, 72, 68, 66, 70, 80, 92, 96, 88, 70, 50, 34];
/// Volume by weekday from Monday.
const WEEKDAYS: [u64; 7] = [96, 100, 102, 104, 108, 88, 82];

/// The plan of volume.
#[derive(Debug)]
pub struct Calendar {
    first_day: NaiveDate,
    start: u32,
    cumulative: Vec<u64>,
}

impl Calendar {
    /// Spreads the events over the hours.
    pub fn new(options: &Options) -> Calendar {
        let mut weights = Vec::with_capacity(options.days as usize * 24);
        let mut day = options.start;
        for number in 0..u64::from(options.days) {
            let weekday = WEEKDAYS.get(day.weekday().num_days_from_monday() as usize).copied().unwrap_or(100);
            let mood = 90 + u64::from(scale(draw(options.seed ^ 0xda7, number), 21));
            for hour in HOURS {
                weights.push(hour * weekday * mood * (1000 + number.min(2000)) / 1000);
            }
            day = day.succ_opt().unwrap_or(day);
        }
        let total: u128 = weights.iter().map(|w| u128::from(*w)).sum();
        let mut sum: u128 = 0;
        let cumulative = weights
            .iter()
            .map(|weight| {
                sum += u128::from(*weight);
                (u128::from(options.events) * sum / total.max(1)) as u64
            })
            .collect();
        let start = options.start.and_time(NaiveTime::MIN).and_utc().timestamp();
        Calendar { first_day: options.start, start: u32::try_from(start).unwrap_or(0), cumulative }
    }

    /// Seconds since 1970 of the first hour.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// Hours in the period.
    pub fn hours(&self) -> u32 {
        self.cumulative.len() as u32
    }

    /// How many events there should be by the end of an hour.
    pub fn by_end_of(&self, hour: u32) -> u64 {
        let last = self.cumulative.len().saturating_sub(1);
        self.cumulative.get((hour as usize).min(last)).copied().unwrap_or(0)
    }

    /// An hour as keys name it: `YYYY-MM-DD-HH`.
    pub fn key(&self, hour: u32) -> String {
        let day = self.first_day + Duration::days(i64::from(hour / 24));
        format!("{}-{:02}", day.format("%Y-%m-%d"), hour % 24)
    }

    /// The release of the writer schemas in an hour: 0, 1 or 2, a third of the period each.
    pub fn release(&self, hour: u32) -> u8 {
        (u64::from(hour) * 3 / u64::from(self.hours().max(1))) as u8
    }

    /// From when on the customer had bot filtering switched on, seconds since 1970.
    pub fn filtering_from(&self) -> u32 {
        self.start + self.hours() / 4 * 3600
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::{Codec, Layout, OutFormat};
    use super::*;

    #[test]
    fn every_event_has_its_hour_and_nights_are_quiet() {
        let options = Options {
            out: "unused".into(),
            events: 100_000,
            days: 7,
            start: NaiveDate::from_ymd_opt(2024, 2, 27).unwrap(),
            seed: 1,
            codec: Codec::Null,
            layout: Layout::Classic,
            format: OutFormat::Avro,
            duplicates: 0.0,
            late: 0.0,
            files_per_hour: 1,
            types: Vec::new(),
        };
        let calendar = Calendar::new(&options);
        assert_eq!(calendar.hours(), 168);
        assert_eq!(calendar.by_end_of(167), 100_000);
        let of = |hour: u32| calendar.by_end_of(hour) - calendar.by_end_of(hour - 1);
        assert!(of(24 + 19) > 5 * of(24 + 3));
        assert_eq!(calendar.key(2 * 24 + 5), "2024-02-29-05");
        assert_eq!((calendar.release(0), calendar.release(56), calendar.release(167)), (0, 1, 2));
    }
}
