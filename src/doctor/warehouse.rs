//! The checks of a warehouse. They write a few small objects under `meta/doctor/`, never under `tables/`, and delete
//! them again. Nothing else in the warehouse is touched.

use super::chart::Chart;
use super::finding::{Check, Finding, Seen, Side};
use super::permission::{Need, PROBES, permission};
use super::place::{Cloud, Place};
use super::race::{Race, race};
use crate::error::{Error, Kind, Result};
use crate::load::{Clock, count};
use crate::warehouse::lock::WriterLock;
use crate::warehouse::probe::ReadIf;
use crate::warehouse::{Put, PutIf, Store, Version};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Rounds of each race.
const ROUNDS: usize = 5;
/// From here on a difference between the clocks is worth a word.
const SKEW: TimeDelta = TimeDelta::seconds(60);
const ONE_LOADER: &str = "only one loader at a time may ever write to this store";
const AGAIN: &str = "run it again; if it stays so, this store cannot hold a warehouse";

/// A probe as it was first written.
struct Probe {
    version: Version,
    before: DateTime<Utc>,
    after: DateTime<Utc>,
}

/// Checks a warehouse.
pub async fn examine_warehouse(store: &Store, clock: Clock<'_>) -> Vec<Finding> {
    let mut chart = Chart::new(Side::Warehouse, store.url(), clock);
    let key = |name: &str| format!("{PROBES}/{name}-{}", some_name());
    let (probe, plain, replaced) = (key("probe"), key("plain"), key("replaced"));
    let created: Vec<String> = (1..=ROUNDS).map(|round| key(&format!("created-{round}"))).collect();

    chart.check(Check::List, Need::List, list(store)).await;
    chart.check(Check::Missing, Need::List, missing(store, &key("missing"))).await;
    // Held to the end: a load sweeps away unfinished writes, ours too.
    let _lock = match store.folder() {
        None => None,
        Some(_) => match chart.check(Check::Lock, Need::Create, lock(store)).await {
            Some(Some(held)) => Some(held),
            _ => return without_writing(chart),
        },
    };
    let writing = create(store, &probe, &plain, clock);
    let mut first = match chart.check(Check::Create, Need::Create, writing).await {
        Some(Some(first)) => first,
        Some(None) => {
            tidy_up(&mut chart, store, &[probe, plain]).await;
            return chart.finish();
        }
        // Nothing was written, and what comes next builds on it.
        None => return chart.finish(),
    };
    if let Some(Some(version)) = chart.check(Check::CreateAgain, Need::Create, create_again(store, &probe)).await {
        first.version = version;
    }
    chart.check(Check::Clock, Need::Read, clocks(store, &probe, &first)).await;
    if store.folder().is_none() {
        let seen = versions(&chart.place, &first.version);
        chart.check(Check::Versions, Need::Nothing, async { Ok((seen, ())) }).await;
    }
    chart.check(Check::ReadBack, Need::Read, read_back(store, &probe)).await;
    chart.check(Check::ReadIfMatch, Need::Read, read_if_match(store, &probe, &first.version)).await;
    let replacing = replace(store, &probe, &first.version);
    if chart.check(Check::Replace, Need::Replace, replacing).await == Some(true) {
        chart.check(Check::ReplaceStale, Need::Replace, replace_stale(store, &probe, &first.version)).await;
        chart.check(Check::ReadStale, Need::Read, read_stale(store, &probe, &first.version)).await;
    } else {
        for check in [Check::ReplaceStale, Check::ReadStale] {
            chart.skip(check, "not tried: nothing could be replaced");
        }
    }
    chart.check(Check::CreateRace, Need::Create, create_race(store, &created)).await;
    if store.folder().is_none() {
        chart.check(Check::ReplaceRace, Need::Replace, replace_race(store, &replaced)).await;
    }
    let probes: Vec<String> = [probe, replaced].into_iter().chain(created).collect();
    tidy_up(&mut chart, store, &probes).await;
    chart.finish()
}

fn without_writing(mut chart: Chart) -> Vec<Finding> {
    chart.skip(Check::Create, "not tried: the lock could not be taken");
    chart.finish()
}

async fn list(store: &Store) -> Result<(Seen, ())> {
    // Every pass lists this folder, and it stays short.
    let found = store.list("meta/log", None).await?;
    Ok((Seen::ok(format!("{} in meta/log", count(found.len() as u64, "object"))), ()))
}

async fn missing(store: &Store, key: &str) -> Result<(Seen, ())> {
    let seen = match store.get(key).await {
        Ok(None) => Seen::ok(""),
        Ok(Some(_)) => Seen::failed("an object came back that nobody wrote", AGAIN),
        Err(e) if e.kind() == Kind::Denied => {
            return Err(e.hint("without permission to list, a store does not say that an object is missing"));
        }
        Err(e) => return Err(e),
    };
    Ok((seen, ()))
}

async fn lock(store: &Store) -> Result<(Seen, Option<WriterLock>)> {
    let held = match WriterLock::take(store, Duration::ZERO).await {
        Ok(held) => held,
        Err(e) if e.kind() == Kind::Conflict => {
            return Ok((Seen::unknown("another eddyline is writing to it now: run the doctor when it is done"), None));
        }
        Err(e) => return Err(e.hint("some network file systems have no locks; a warehouse needs them")),
    };
    match WriterLock::take(store, Duration::ZERO).await {
        Err(e) if e.kind() == Kind::Conflict => Ok((Seen::ok(""), Some(held))),
        Err(e) => Err(e),
        Ok(_) => Ok((Seen::failed("two took the writer's lock at once", ONE_LOADER), Some(held))),
    }
}

async fn create(store: &Store, key: &str, plain: &str, clock: Clock<'_>) -> Result<(Seen, Option<Probe>)> {
    let before = clock();
    match store.put(key, Bytes::from_static(b"eddyline doctor"), PutIf::Absent).await {
        Ok(Put::Written(version)) => Ok((Seen::ok(""), Some(Probe { version, before, after: clock() }))),
        Ok(Put::Conflict) => Ok((Seen::failed("a key that does not exist was said to exist", AGAIN), None)),
        Err(e) => Ok((unconditional(store, plain, e).await?, None)),
    }
}

/// Tells a store that lacks conditional writes from one that cannot be written to at all: an error of a conditional
/// write stands, unless the same write without a condition works.
async fn unconditional(store: &Store, key: &str, error: Error) -> Result<Seen> {
    if error.kind() == Kind::Denied {
        return Err(error);
    }
    match store.put(key, Bytes::from_static(b"eddyline doctor"), PutIf::Always).await {
        Err(_) => Err(error),
        Ok(_) => Ok(Seen::failed(
            format!("a write with a condition fails and one without works: {}", error.what()),
            format!("the store, or a gateway before it, does not know conditional writes: {ONE_LOADER}"),
        )),
    }
}

/// Gives the version that is there when the store let the second write through.
async fn create_again(store: &Store, key: &str) -> Result<(Seen, Option<Version>)> {
    Ok(match store.put(key, Bytes::from_static(b"eddyline doctor, again"), PutIf::Absent).await? {
        Put::Conflict => (Seen::ok(""), None),
        Put::Written(version) => {
            (Seen::failed("the store wrote over an object that was to be created", ONE_LOADER), Some(version))
        }
    })
}

async fn clocks(store: &Store, key: &str, probe: &Probe) -> Result<(Seen, ())> {
    let Some(meta) = store.head(key).await? else {
        return Ok((Seen::failed("what was just written is not there", AGAIN), ()));
    };
    Ok((clock_seen(skew(probe.before, probe.after, meta.last_modified)), ()))
}

/// How far the store's clock is ahead, as far as a write between two moments can tell. Stores round down to seconds.
fn skew(before: DateTime<Utc>, after: DateTime<Utc>, modified: DateTime<Utc>) -> TimeDelta {
    let latest = modified + TimeDelta::seconds(1);
    if modified > after {
        modified - after
    } else if latest < before {
        latest - before
    } else {
        TimeDelta::zero()
    }
}

fn clock_seen(ahead: TimeDelta) -> Seen {
    let seconds = ahead.num_seconds().abs();
    let words = if ahead > TimeDelta::zero() { "behind" } else { "ahead of" };
    if ahead.abs() <= SKEW {
        return Seen::ok(if seconds == 0 { String::new() } else { format!("within {seconds} s") });
    }
    Seen::warning(
        format!("this machine's clock is {seconds} s {words} the store's"),
        "set it by NTP: which hours are settled, gap alerts and the signatures of requests go by it",
    )
}

/// Whether replaced objects stay, as far as the answer to a write tells.
fn versions(place: &Place, version: &Version) -> Seen {
    let rule = |how: &str| format!("each replaced cell keeps its old version and costs: {how}");
    match (place.cloud, version.version.as_deref()) {
        (Cloud::Gcs, _) => Seen::unknown(format!(
            "every write has a generation: `gcloud storage buckets describe gs://{}` says whether old ones are kept",
            place.bucket
        )),
        // S3 says "null" where versioning was on and is suspended.
        (_, None | Some("null")) => Seen::ok("versioning is off, or the store does not tell"),
        (Cloud::Azure, Some(_)) => Seen::warning(
            "blob versioning is on",
            rule("a lifecycle management policy can delete previous versions after some days"),
        ),
        (_, Some(_)) => Seen::warning(
            "bucket versioning is on",
            rule("a lifecycle rule with NoncurrentVersionExpiration deletes them after some days"),
        ),
    }
}

async fn read_back(store: &Store, key: &str) -> Result<(Seen, ())> {
    let seen = match store.get(key).await? {
        Some(object) if object.bytes.starts_with(b"eddyline doctor") => Seen::ok(""),
        Some(_) => Seen::failed("other bytes came back than were written", AGAIN),
        None => Seen::failed("what was just written is not there", AGAIN),
    };
    Ok((seen, ()))
}

async fn read_if_match(store: &Store, key: &str, version: &Version) -> Result<(Seen, ())> {
    let hint = "SQL asks for the version the log names; a gateway that changes ETags stands in its way";
    let seen = match store.get_if(key, version).await? {
        ReadIf::Bytes(_) => Seen::ok(""),
        ReadIf::Changed => Seen::failed("the ETag that came with the write is not the object's", hint),
        ReadIf::Missing => Seen::failed("what was just written is not there", AGAIN),
    };
    Ok((seen, ()))
}

async fn replace(store: &Store, key: &str, version: &Version) -> Result<(Seen, bool)> {
    let condition = PutIf::Unchanged(version.clone());
    match store.put(key, Bytes::from_static(b"eddyline doctor, replaced"), condition).await {
        Ok(Put::Written(_)) => Ok((Seen::ok(""), true)),
        Ok(Put::Conflict) => Ok((Seen::failed("a replacement of the version that is there was refused", AGAIN), false)),
        Err(e) => Ok((unconditional(store, key, e).await?, false)),
    }
}

async fn replace_stale(store: &Store, key: &str, stale: &Version) -> Result<(Seen, ())> {
    let condition = PutIf::Unchanged(stale.clone());
    let seen = match store.put(key, Bytes::from_static(b"eddyline doctor, stale"), condition).await? {
        Put::Conflict => Seen::ok(""),
        Put::Written(_) => {
            Seen::failed("the store replaced an object that was no longer the version named", ONE_LOADER)
        }
    };
    Ok((seen, ()))
}

async fn read_stale(store: &Store, key: &str, stale: &Version) -> Result<(Seen, ())> {
    let seen = match store.get_if(key, stale).await? {
        ReadIf::Changed => Seen::ok(""),
        ReadIf::Bytes(_) => Seen::failed(
            "a read of a version that is gone gave another one's bytes",
            "the store ignores If-Match: a query that runs while a load replaces cells may fail or mix two versions",
        ),
        ReadIf::Missing => Seen::failed("what was just written is not there", AGAIN),
    };
    Ok((seen, ()))
}

async fn create_race(store: &Store, keys: &[String]) -> Result<(Seen, ())> {
    let mut rounds = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        rounds.push(race(store, key, &PutIf::Absent, at + 1).await?);
    }
    Ok((race_seen(&rounds), ()))
}

async fn replace_race(store: &Store, key: &str) -> Result<(Seen, ())> {
    let start = store.put(key, Bytes::from_static(b"eddyline doctor, start"), PutIf::Always).await?;
    let Put::Written(mut version) = start else {
        return Ok((Seen::failed("a write without a condition was refused", AGAIN), ()));
    };
    let mut rounds = Vec::new();
    for round in 1..=ROUNDS {
        let ended = race(store, key, &PutIf::Unchanged(version.clone()), round).await?;
        version = match (&ended, store.get(key).await?) {
            (Race::One(version), _) => version.clone(),
            (_, Some(object)) => object.version,
            (_, None) => break,
        };
        rounds.push(ended);
    }
    Ok((race_seen(&rounds), ()))
}

fn race_seen(rounds: &[Race]) -> Seen {
    let ended = |is: fn(&Race) -> bool| rounds.iter().filter(|r| is(r)).count();
    let one = ended(|r| matches!(r, Race::One(_)));
    let (both, torn) = (ended(|r| *r == Race::Both), ended(|r| *r == Race::Torn));
    if both > 0 {
        Seen::failed(format!("both of two writers were let in, in {both} of {} rounds", rounds.len()), ONE_LOADER)
    } else if torn > 0 {
        Seen::failed(format!("the winner's work was not there, in {torn} of {} rounds", rounds.len()), ONE_LOADER)
    } else if one == 0 {
        Seen::unknown("no writer was told that it won: run it again")
    } else {
        Seen::ok(count(one as u64, "round"))
    }
}

async fn tidy_up(chart: &mut Chart<'_>, store: &Store, keys: &[String]) {
    let needed = permission(&chart.place, Need::Delete);
    let tidying = async {
        for key in keys {
            if let Err(e) = store.delete(key).await {
                let takes = needed.map(|needed| format!("; to delete them takes {needed}")).unwrap_or_default();
                let left =
                    format!("a few small objects stay there; Eddyline itself deletes nothing in a bucket{takes}");
                return Ok((Seen::warning(e.what(), left), ()));
            }
        }
        if let Some(folder) = store.folder() {
            // Only when it is empty; another doctor may be at work.
            let _ = std::fs::remove_dir(folder.join(PROBES));
        }
        Ok((Seen::ok(""), ()))
    };
    chart.check(Check::TidyUp, Need::Delete, tidying).await;
}

/// A name no other doctor makes.
fn some_name() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn a_clock_is_off_only_as_far_as_a_write_can_tell() {
        // Written at .400, and the store says the whole second.
        assert_eq!(skew(at(300), at(500), at(0)), TimeDelta::zero());
        assert_eq!(skew(at(0), at(500), at(90_500)), TimeDelta::seconds(90));
        assert_eq!(skew(at(90_000), at(90_500), at(0)), TimeDelta::seconds(-89));
        assert_eq!(clock_seen(TimeDelta::seconds(60)).outcome, Outcome::Ok);
        assert!(clock_seen(TimeDelta::seconds(61)).detail.contains("61 s behind"));
        assert!(clock_seen(TimeDelta::seconds(-61)).detail.contains("61 s ahead of"));
    }

    #[test]
    fn versioning_is_told_by_the_answer_to_a_write() {
        let with = |address: &str, version: Option<&str>| {
            versions(&Place::of(address), &Version { e_tag: None, version: version.map(str::to_string) }).outcome
        };
        assert_eq!(with("s3://b/w", None), Outcome::Ok);
        assert_eq!(with("s3://b/w", Some("null")), Outcome::Ok);
        assert_eq!(with("s3://b/w", Some("x1")), Outcome::Warning);
        assert_eq!(with("az://b/w", Some("x1")), Outcome::Warning);
        assert_eq!(with("gs://b/w", Some("17")), Outcome::Unknown);
    }

    #[test]
    fn one_bad_round_fails_the_race() {
        let one = || Race::One(Version::default());
        assert_eq!(race_seen(&[one(), one(), Race::Neither]).outcome, Outcome::Ok);
        assert_eq!(race_seen(&[one(), Race::Both, one()]).outcome, Outcome::Failed);
        assert_eq!(race_seen(&[one(), Race::Torn]).outcome, Outcome::Failed);
        assert_eq!(race_seen(&[Race::Neither]).outcome, Outcome::Unknown);
    }
}
