//! What a running pass shows and hears: counters for a progress display, and the request to stop.

use crate::error::{Error, Kind, Result};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// Counters of a running pass. Written by the pass, read by whoever displays it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files to read.
    pub files: AtomicU64,
    /// Files read so far; a file that holds several event types counts once for each.
    pub files_done: AtomicU64,
    /// Bytes fetched.
    pub bytes: AtomicU64,
    /// Rows stored.
    pub rows: AtomicU64,
    /// Cells written.
    pub cells: AtomicU64,
}

impl Progress {
    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// A request to stop, set by a signal handler and looked at between files and cells and while waiting for a store.
#[derive(Debug, Default)]
pub struct Stop(AtomicU8);

impl Stop {
    /// Asks the pass to stop: 130 for SIGINT, 143 for SIGTERM.
    pub fn request(&self, kind: Kind) {
        self.0.store(kind.exit_code(), Ordering::SeqCst);
    }

    /// Which stop was asked for, if any.
    pub fn requested(&self) -> Option<Kind> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            130 => Some(Kind::Interrupted),
            _ => Some(Kind::Terminated),
        }
    }

    /// Waits for work that may be dropped at any moment, such as a read, unless asked to stop meanwhile: a store that
    /// says to slow down can make it wait for minutes. `doing`: what is stopped.
    pub async fn or<T>(&self, doing: &str, work: impl Future<Output = T>) -> Result<T> {
        const LOOK: Duration = Duration::from_millis(200);
        tokio::pin!(work);
        loop {
            if let Ok(done) = tokio::time::timeout(LOOK, &mut work).await {
                return Ok(done);
            }
            if let Some(kind) = self.requested() {
                return Err(Error::new(kind, format!("stopped {doing}")));
            }
        }
    }
}
