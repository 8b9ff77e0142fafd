//! A query seen from outside while it runs: what it has read so far, for a progress bar, and which tables it reads, for
//! a line on how fresh the result is.

use super::reader::Trace;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Hand one to [`Session::run_watched`](super::Session::run_watched) and ask it at any time, from any thread.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Option<Arc<Trace>>>);

/// What a query has read so far. A query that starts again, because a cell was replaced, starts again here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Cells its scans will read.
    pub cells: usize,
    /// Of these, the cells that were opened.
    pub opened: usize,
    /// Bytes fetched from cells, footers included.
    pub bytes: u64,
}

impl Watch {
    pub(super) fn follow(&self, trace: Arc<Trace>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trace);
    }

    fn trace(&self) -> Option<Arc<Trace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read so far.
    pub fn reading(&self) -> Reading {
        self.trace().map_or(Reading::default(), |trace| trace.reading())
    }

    /// The tables whose cells it reads.
    pub fn tables(&self) -> BTreeSet<String> {
        self.trace().map(|trace| trace.planned().into_iter().map(|cell| cell.table).collect()).unwrap_or_default()
    }
}
