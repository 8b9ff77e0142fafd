//! The bundled scheduler: pass after pass, never two at once, each a little off the round moment.

use super::watch::Stop;
use crate::error::{Error, Result};
use chrono::{DateTime, Utc};
use croner::Cron;
use rand::{Rng, SeedableRng};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// When passes begin.
#[derive(Debug, Clone)]
pub enum When {
    /// That long after the last one began, or at once when it took longer.
    Every(Duration),
    /// At the moments of a cron expression, in UTC.
    Cron(Box<Cron>),
}

impl When {
    /// A cron expression of five fields.
    pub fn cron(text: &str) -> Result<When> {
        let cron = Cron::from_str(text).map_err(|e| {
            Error::usage(format!("--cron: `{text}` is not a cron expression"))
                .because(e)
                .hint("five fields, in UTC: minute hour day month weekday, such as \"0 2 * * *\"")
        })?;
        Ok(When::Cron(Box::new(cron)))
    }

    /// When the next pass begins, given when the last one did.
    pub fn next(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        match self {
            When::Every(period) => {
                let period = chrono::Duration::from_std(*period).unwrap_or(chrono::Duration::MAX);
                Ok(last.checked_add_signed(period).unwrap_or(DateTime::<Utc>::MAX_UTC).max(now))
            }
            When::Cron(cron) => cron
                .find_next_occurrence(&now, false)
                .map_err(|e| Error::usage("the cron expression has no next moment").because(e)),
        }
    }
}

/// Waits until `moment` plus up to `jitter`, or until asked to stop. Returns whether it was.
pub async fn wait_until(moment: DateTime<Utc>, jitter: Duration, stop: &Arc<Stop>) -> bool {
    let now = Utc::now();
    let mut random = rand_pcg::Pcg32::seed_from_u64(now.timestamp_micros() as u64 ^ u64::from(std::process::id()));
    let extra = jitter.mul_f64(random.random::<f64>());
    let mut left = (moment - now).to_std().unwrap_or_default() + extra;
    let look = Duration::from_millis(200);
    while !left.is_zero() {
        if stop.requested().is_some() {
            return true;
        }
        let pause = left.min(look);
        tokio::time::sleep(pause).await;
        left -= pause;
    }
    stop.requested().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_pass_is_never_in_the_past() {
        let at = |s: &str| DateTime::parse_from_rfc3339(s).unwrap().to_utc();
        let last = at("2026-03-01T02:00:00Z");
        let every = When::Every(Duration::from_secs(900));
        assert_eq!(every.next(last, at("2026-03-01T02:05:00Z")).unwrap(), at("2026-03-01T02:15:00Z"));
        assert_eq!(every.next(last, at("2026-03-01T03:00:00Z")).unwrap(), at("2026-03-01T03:00:00Z"));
        let nightly = When::cron("0 2 * * *").unwrap();
        assert_eq!(nightly.next(last, at("2026-03-01T02:00:30Z")).unwrap(), at("2026-03-02T02:00:00Z"));
        assert_eq!(When::cron("every night").unwrap_err().kind().exit_code(), 2);
    }
}
