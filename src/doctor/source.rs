//! The checks of a source: it is listed and read, and nothing is written.

use super::chart::Chart;
use super::finding::{Check, Finding, Seen, Side};
use super::permission::Need;
use crate::currents::SourceFile;
use crate::error::{Error, Kind, Result};
use crate::load::{Bucket, Clock, Fetched, Listed, bytes, count, one_line};

/// Checks a source.
pub async fn examine_source(bucket: &Bucket, clock: Clock<'_>) -> Vec<Finding> {
    let mut chart = Chart::new(Side::Source, bucket.address(), clock);
    let listed = async {
        let page = bucket.first_page().await?.objects;
        let is_ours = |object: &&Listed| SourceFile::from_key(&object.key).is_ok();
        let ours = page.iter().filter(is_ours).count() as u64;
        // The newest: old exports may lie in cold storage.
        let one = page.iter().filter(is_ours).max_by_key(|object| object.modified).or(page.first()).cloned();
        let seen = count(page.len() as u64, "object");
        let seen = match ours {
            0 => Seen::warning(
                format!("{seen}, none of them a Currents file"),
                "the source is the folder or prefix that holds the export, e.g. s3://bucket/currents",
            ),
            ours => Seen::ok(format!("{seen}, {}", count(ours, "Currents file"))),
        };
        Ok((seen, one))
    };
    let listed = chart.check(Check::List, Need::List, listed).await;
    match listed {
        Some(Some(one)) => {
            chart.check(Check::ReadOne, Need::Read, read_one(bucket, &one)).await;
        }
        Some(None) => chart.skip(Check::ReadOne, "not tried: there is nothing to read"),
        None => chart.skip(Check::ReadOne, "not tried: nothing could be listed"),
    }
    chart.finish()
}

async fn read_one(bucket: &Bucket, one: &Listed) -> Result<(Seen, ())> {
    let key = one_line(&one.key);
    /// More is not read only to see whether it can be.
    const MOST: u64 = 64 << 20;
    match bucket.fetch(one, MOST).await? {
        Fetched::Bytes(read, _) => Ok((Seen::ok(format!("{}: {key}", bytes(read.len() as u64))), ())),
        Fetched::Vanished => Ok((Seen::unknown(format!("{key} is gone since it was listed: run it again")), ())),
        // It was answered: the size came with the first bytes.
        Fetched::TooLarge(size) => Ok((Seen::ok(format!("begun, {}: {key}", bytes(size))), ())),
        // A folder says so of a single file.
        Fetched::Unreadable(why) | Fetched::Refused(why) if why.contains("permission") => {
            Err(Error::new(Kind::Denied, format!("cannot read {key}")).because(why))
        }
        Fetched::Refused(why) => Err(Error::new(Kind::Denied, format!("cannot read {key}")).because(why)),
        Fetched::Unreadable(why) => Ok((Seen::warning(format!("{key}: {why}"), "a load would quarantine it"), ())),
    }
}
