//! Records that could not be taken, kept with their reason: `meta/rejects/<table>/queue_date=…/<file's hash>.json`,
//! one JSON object a line. The same file gives the same object, so writing it again changes nothing.

use super::store::{PutIf, Store};
use crate::error::{Error, Result};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The folder of rejects.
pub const REJECTS: &str = "meta/rejects";

/// One rejected record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRecord {
    /// The file's key.
    pub file: String,
    /// The record's number in the file, from 0.
    pub position: u64,
    /// Its byte offset, where known.
    pub offset: Option<u64>,
    /// Why.
    pub reason: String,
    /// The record, as text.
    pub record: String,
}

/// Where the rejects of a file in a table lie.
pub fn path(table: &str, queue_date: NaiveDate, file: &str) -> String {
    format!("{REJECTS}/{table}/queue_date={queue_date}/{:016x}.json", xxhash_rust::xxh3::xxh3_64(file.as_bytes()))
}

/// Writes the rejects of one file in one table.
pub async fn write(store: &Store, path: &str, records: &[RejectedRecord]) -> Result<()> {
    let mut text = String::new();
    for record in records {
        let line =
            serde_json::to_string(record).map_err(|e| Error::failed(format!("cannot write {path}")).because(e))?;
        text.push_str(&line);
        text.push('\n');
    }
    store.put(path, text.into_bytes(), PutIf::Always).await?;
    Ok(())
}

/// One reject with the table and day it would have gone to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReject {
    /// The table.
    pub table: String,
    /// The queue day, as in the key.
    pub queue_date: String,
    /// The record.
    pub record: RejectedRecord,
}

/// Every reject in the warehouse, in key order.
pub async fn read_all(store: &Store) -> Result<Vec<StoredReject>> {
    let mut all = Vec::new();
    for object in store.list(REJECTS, None).await? {
        let path = object.location.as_ref();
        let mut parts = path.strip_prefix(REJECTS).unwrap_or(path).trim_start_matches('/').split('/');
        let (Some(table), Some(day)) = (parts.next(), parts.next()) else { continue };
        let Some(content) = store.get(path).await? else { continue };
        for line in String::from_utf8_lossy(&content.bytes).lines() {
            let record = serde_json::from_str(line)
                .map_err(|e| Error::failed(format!("cannot read the rejects in {path}")).because(e))?;
            let queue_date = day.strip_prefix("queue_date=").unwrap_or(day).to_string();
            all.push(StoredReject { table: table.to_string(), queue_date, record });
        }
    }
    Ok(all)
}
