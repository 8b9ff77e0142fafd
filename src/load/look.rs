//! A look at the source: what may be new is listed from the watermarks on, and planned; everything is listed when that
//! is asked for or due.

use super::bucket::Listing;
use super::loader::{Loader, Request};
use super::plan::{Plan, plan};
use crate::currents::QueueHour;
use crate::error::Result;
use crate::warehouse::Snapshot;
use crate::warehouse::checkpoint_files::Wanted;
use chrono::{DateTime, Timelike, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What a look at the source gave.
pub struct Look {
    /// What is to be done.
    pub plan: Plan,
    /// What was seen.
    pub listing: Listing,
    /// For a look at everything: at everything of which event types.
    pub full: Option<String>,
    /// Whether that was due by itself.
    pub due: bool,
}

impl Loader {
    /// Lists what may be new, or everything when that is asked for or due, reads what the ledger says of it, and plans.
    pub(super) async fn look(
        &self,
        snapshot: &mut Snapshot,
        watermarks: &BTreeMap<String, QueueHour>,
        request: &Request,
        now: DateTime<Utc>,
    ) -> Result<Look> {
        let mut scope = request.scope.clone();
        scope.to = [scope.to, request.through.last_hour(now)].into_iter().flatten().min();
        let types = scope.types_text();
        let due = self.settings.full_scan.is_due(snapshot, self.bucket.address(), &types, now);
        let everything = request.full || scope.rebuild || scope.retry_quarantined || due;
        let undated = if everything { BTreeSet::new() } else { snapshot.undated_prefixes() };
        let bound = |prefix: &str| -> Option<QueueHour> {
            if everything || scope.from.is_some() || undated.contains(prefix) {
                return scope.from;
            }
            let newest = watermarks.get(&self.watermark_of(prefix))?;
            let moment = newest.date.and_hms_opt(newest.hour.into(), 0, 0)? - self.settings.lateness;
            Some(QueueHour { date: moment.date(), hour: moment.hour() as u8 })
        };
        let listing = match everything {
            true => self.bucket.list_everything(&bound).await?,
            false => self.bucket.list(&bound).await?,
        };
        // Every key is parsed for it: not when all of the ledger is here anyway.
        if snapshot.unread.is_some() {
            let wanted = match everything {
                true => Wanted::All,
                false => Wanted::of_keys(listing.objects.iter().map(|object| &*object.key)),
            };
            snapshot.read_files(&self.store, &wanted).await?;
        }
        let plan = plan(&listing.objects, snapshot, &scope, hour_of(now), self.settings.target_object_size);
        let unlimited = request.scope.from.is_none() && request.scope.to.is_none();
        Ok(Look { plan, listing, full: (everything && unlimited).then_some(types), due: due && unlimited })
    }

    /// The watermarks this pass moves: only forward, only where everything up to there was looked at. `held`: prefixes
    /// with files that are not done.
    pub(super) fn watermarks(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
        request: &Request,
        held: &BTreeSet<&str>,
    ) -> BTreeMap<String, String> {
        if request.scope.from.is_some() {
            return BTreeMap::new();
        }
        plan.newest
            .iter()
            .filter(|(prefix, _)| !held.contains(prefix.as_str()))
            .map(|(prefix, hour)| (self.watermark_of(prefix), *hour))
            .filter(|(name, hour)| snapshot.watermarks.get(name).is_none_or(|old| hour > old))
            .map(|(name, hour)| (name, hour.to_string()))
            .collect()
    }

    /// The name of a prefix's watermark. How far one source is loaded says nothing of another that has the same keys.
    fn watermark_of(&self, prefix: &str) -> String {
        format!("{}/{prefix}", self.bucket.address().trim_end_matches('/'))
    }
}

fn hour_of(now: DateTime<Utc>) -> QueueHour {
    QueueHour { date: now.date_naive(), hour: now.hour() as u8 }
}
