//! A cell: the one Parquet object of a table, a queue day and a slot of that day's hours.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The folder all cells lie in.
pub const TABLES: &str = "tables";
/// The folder of objects that were damaged.
const DAMAGED: &str = "meta/damaged";

/// How many slots a day may have: ranges of equal length in whole hours.
pub const SLOT_COUNTS: [u8; 8] = [1, 2, 3, 4, 6, 8, 12, 24];

/// Which cell. Ordered by table, then day, then slot, as the keys are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellKey {
    /// The table's name.
    pub table: String,
    /// The UTC day Braze queued the events.
    pub queue_date: NaiveDate,
    /// The slot, from 0.
    pub slot: u8,
}

impl CellKey {
    /// Its object's key: `tables/<table>/queue_date=YYYY-MM-DD/part-<slot>.parquet`.
    pub fn path(&self) -> String {
        format!("{}/part-{:02}.parquet", CellKey::day_folder(&self.table, self.queue_date), self.slot)
    }

    /// Where an object that was damaged is kept: the same bytes have the same name, so finding them again adds nothing.
    pub fn damaged_path(&self, bytes: &[u8]) -> String {
        let CellKey { table, queue_date, slot } = self;
        let mark = xxhash_rust::xxh3::xxh3_64(bytes);
        format!("{DAMAGED}/{table}/queue_date={queue_date}/part-{slot:02}-{mark:016x}.parquet")
    }

    /// The cell an object's key names; `None` for any other key.
    pub fn from_path(path: &str) -> Option<CellKey> {
        let mut parts = path.split('/');
        if parts.next()? != TABLES {
            return None;
        }
        let table = parts.next()?.to_string();
        let day = parts.next()?.strip_prefix("queue_date=")?;
        let slot = parts.next()?.strip_prefix("part-")?.strip_suffix(".parquet")?;
        if parts.next().is_some() || slot.len() != 2 {
            return None;
        }
        let queue_date = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
        Some(CellKey { table, queue_date, slot: slot.parse().ok()? })
    }

    /// The folder of a table's day.
    pub fn day_folder(table: &str, day: NaiveDate) -> String {
        format!("{TABLES}/{table}/queue_date={day}")
    }

    /// The folder of a table.
    pub fn table_folder(table: &str) -> String {
        format!("{TABLES}/{table}")
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} slot {}", self.table, self.queue_date, self.slot)
    }
}

/// The slot an hour of the day falls in, when the day has that many slots.
pub fn slot_of(hour: u8, slots: u8) -> u8 {
    let slots = u16::from(slots.clamp(1, 24));
    (u16::from(hour.min(23)) * slots / 24) as u8
}

/// The smallest number of slots that keeps each object of a day of `bytes` at or under `target` bytes.
pub fn slots_for(bytes: u64, target: u64) -> u8 {
    let target = target.max(1);
    SLOT_COUNTS.into_iter().find(|n| bytes.div_ceil(u64::from(*n)) <= target).unwrap_or(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip_and_strangers_are_not_cells() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 9).unwrap();
        let cell = CellKey { table: "users_messages_email_open".into(), queue_date: day, slot: 3 };
        assert_eq!(cell.path(), "tables/users_messages_email_open/queue_date=2026-03-09/part-03.parquet");
        assert_eq!(CellKey::from_path(&cell.path()), Some(cell));
        for stranger in
            ["tables/t/part-00.parquet", "tables/t/queue_date=2026-13-01/part-00.parquet", "meta/log/1.json"]
        {
            assert_eq!(CellKey::from_path(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn slots_are_equal_ranges_of_hours() {
        for slots in SLOT_COUNTS {
            let mut hours = vec![0; slots as usize];
            (0..24).for_each(|h| hours[slot_of(h, slots) as usize] += 1);
            assert!(hours.iter().all(|n| *n == 24 / slots as usize), "{slots}: {hours:?}");
        }
        assert_eq!(slots_for(100, 100), 1);
        assert_eq!(slots_for(101, 50), 3);
        assert_eq!(slots_for(u64::MAX, 1), 24);
    }
}
