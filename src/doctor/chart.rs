//! The chart that checks are written on: runs one after the other, times each, and stops where every further question
//! would end the same: nobody answers, or does not know us.

use super::finding::{Check, Finding, Seen, Side};
use super::permission::Need;
use super::place::Place;
use crate::error::{Error, Kind, Result};
use crate::load::Clock;
use std::future::Future;
use std::time::Duration;

/// How long one check may take; the store's own retries take most of it when nobody answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Chart<'a> {
    pub place: Place,
    side: Side,
    clock: Clock<'a>,
    patience: Duration,
    stopped: bool,
    findings: Vec<Finding>,
}

impl<'a> Chart<'a> {
    pub fn new(side: Side, address: &str, clock: Clock<'a>) -> Chart<'a> {
        Chart { place: Place::of(address), side, clock, patience: PATIENCE, stopped: false, findings: Vec::new() }
    }

    /// Runs a check and writes down what it saw. `need` names the permission to ask for when it is refused. Gives what
    /// later checks build on, unless an error ended it.
    pub async fn check<T>(
        &mut self,
        check: Check,
        need: Need,
        work: impl Future<Output = Result<(Seen, T)>>,
    ) -> Option<T> {
        if self.stopped {
            self.skip(check, "not tried, for the same reason");
            return None;
        }
        let began = (self.clock)();
        let done = tokio::time::timeout(self.patience, work).await.unwrap_or_else(|_| {
            let what = format!("{} gave no answer in {} s", self.place.address, self.patience.as_secs());
            Err(Error::new(Kind::Unreachable, what).hint("check the address, the endpoint and the network"))
        });
        let took = ((self.clock)() - began).num_milliseconds().max(0).unsigned_abs();
        match done {
            Ok((seen, value)) => {
                self.findings.push(Finding::seen(self.side, check, took, seen));
                Some(value)
            }
            Err(error) => {
                let finding = Finding::error(&self.place, self.side, check, took, need, &error);
                self.stopped = finding.stops_all();
                self.findings.push(finding);
                None
            }
        }
    }

    /// Writes down a check that was not made.
    pub fn skip(&mut self, check: Check, why: &str) {
        self.findings.push(Finding::seen(self.side, check, 0, Seen::unknown(why)));
    }

    pub fn finish(self) -> Vec<Finding> {
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_not_asked_again() {
        let clock = || chrono::DateTime::UNIX_EPOCH;
        let mut chart = Chart::new(Side::Source, "s3://acme/w", &clock);
        let silence = async { Err::<(Seen, ()), _>(Error::new(Kind::Unreachable, "cannot list")) };
        assert!(chart.check(Check::List, Need::List, silence).await.is_none());
        let asked = async { Ok((Seen::ok("asked"), ())) };
        assert!(chart.check(Check::ReadOne, Need::Read, asked).await.is_none());
        let outcomes: Vec<Outcome> = chart.finish().iter().map(|f| f.outcome).collect();
        assert_eq!(outcomes, [Outcome::Failed, Outcome::Unknown]);
    }

    #[tokio::test]
    async fn patience_ends() {
        let clock = || chrono::DateTime::UNIX_EPOCH;
        let mut chart = Chart::new(Side::Source, "s3://acme/w", &clock);
        chart.patience = Duration::from_millis(10);
        chart.check(Check::List, Need::List, std::future::pending::<Result<(Seen, ())>>()).await;
        let found = chart.finish();
        assert_eq!(found.first().and_then(|f| f.kind), Some(Kind::Unreachable), "{found:?}");
    }
}
