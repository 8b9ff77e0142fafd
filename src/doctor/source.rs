//! The checks of a source: it is listed and read, and nothing is written.

use super::chart::Chart;
use super::finding::{Check, Finding, Seen, Side};
use super::permission::Need;
use crate::currents::SourceFile;
use crate::error::{Error, Kind, Result};
use crate::load::{Bucket, Clock, Fetched, Listed, bytes, count, one_line};

/// Keys looked at.
const PAGE: usize = 1000;

/// Checks a source.
pub async fn examine_source(bucket: &Bucket, clock: Clock<'_>) -> Vec<Finding> {
    let mut chart = Chart::new(Side::Source, bucket.address(), clock);
    let listed = async {
        let page = first_page(bucket).await?;
        let is_ours = |object: &&Listed| SourceFile::from_key(&object.key).is_ok();
        let ours = page.iter().filter(is_ours).count() as u64;
        let one = page.iter().find(is_ours).or(page.first()).cloned();
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

/// What one page of a listing shows.
async fn first_page(bucket: &Bucket) -> Result<Vec<Listed>> {
    let mut page = bucket.list(&|_| None).await?.objects;
    page.truncate(PAGE);
    Ok(page)
}

async fn read_one(bucket: &Bucket, one: &Listed) -> Result<(Seen, ())> {
    let key = one_line(&one.key);
    match bucket.fetch(one).await? {
        Fetched::Bytes(read, _) => Ok((Seen::ok(format!("{}: {key}", bytes(read.len() as u64))), ())),
        Fetched::Vanished => Ok((Seen::unknown(format!("{key} is gone since it was listed: run it again")), ())),
        Fetched::Unreadable(why) => Err(Error::new(Kind::Denied, format!("cannot read {key}")).because(why)),
    }
}
