//! What every part of a pass shares.

use super::bucket::Bucket;
use super::plan::PlannedFile;
use super::reach::FullScan;
use super::watch::{Progress, Stop};
use crate::currents::{Limits, SchemaCache};
use crate::error::Result;
use crate::table::Definitions;
use crate::warehouse::checkpoint_files::Wanted;
use crate::warehouse::{FileState, Snapshot, Store};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OnceCell, Semaphore};

/// What to do with columns and event types that no definition knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColumnPolicy {
    /// They become columns and tables.
    #[default]
    Evolve,
    /// Their values stay in `_extra`.
    Rescue,
    /// Nothing of that event type is loaded, and the pass ends with exit code 7.
    Freeze,
}

/// How a pass behaves; every field can be set in the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// See [`ColumnPolicy`].
    pub columns: ColumnPolicy,
    /// Days on either side of a cell's day in which an id is looked for.
    pub dedupe_window: u32,
    /// Bytes a pass may rewrite to give older cells newer columns.
    pub schema_budget: u64,
    /// Bytes an object should stay under.
    pub target_object_size: u64,
    /// Bytes of memory a pass may use, about.
    pub memory: usize,
    /// Tables built at once.
    pub workers: usize,
    /// Files fetched ahead per table.
    pub prefetch: usize,
    /// How far behind a prefix's newest hour its listing begins.
    pub lateness: chrono::Duration,
    /// How often a pass lists everything by itself.
    pub full_scan: FullScan,
    /// Log entries between checkpoints.
    pub checkpoint_every: u64,
    /// What a file may hold at most.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            columns: ColumnPolicy::default(),
            dedupe_window: 7,
            schema_budget: 1 << 30,
            target_object_size: 512 << 20,
            memory: 2 << 30,
            workers: std::thread::available_parallelism().map_or(2, |n| n.get()),
            prefetch: 8,
            lateness: chrono::Duration::hours(48),
            full_scan: FullScan::default(),
            checkpoint_every: crate::warehouse::checkpoint::EVERY,
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// Bytes of decoded rows one cell may gather before they are sorted and written.
    pub fn chunk_bytes(&self) -> usize {
        // Putting them together copies them, sorting copies them again, and encoding holds a row group; measured, all
        // that and a decoded file beside it take up to eight times a chunk. Above 64 MiB objects grow no smaller.
        self.share().clamp(1 << 20, 64 << 20)
    }

    /// Bytes of an unpacked file that are decoded into one record batch, and the most of a large file that is read at once.
    pub fn piece_bytes(&self) -> usize {
        // Decoded and conformed, a piece takes some four times its bytes, beside the chunk it is gathered into. Each
        // has dictionaries of its own, so that smaller ones are more work when they are put together.
        (self.share() / 2).clamp(1 << 20, 8 << 20)
    }

    /// Whether a file is read a range at a time: one that can be decoded that way and is larger than a range.
    pub fn in_ranges(&self, file: &PlannedFile) -> bool {
        file.source.is_plain_avro() && file.listed.size > self.piece_bytes() as u64
    }

    /// Bytes of a file that are held at once.
    pub fn held(&self, file: &PlannedFile) -> u64 {
        match self.in_ranges(file) {
            true => self.piece_bytes() as u64,
            false => file.weight(),
        }
    }

    /// An eighth of the memory one table has.
    fn share(&self) -> usize {
        self.memory / self.workers.max(1) / 8
    }

    /// The limits of a file, no larger than the memory allows: the file itself, its largest block and, for JSON, its
    /// columns are held whole.
    pub fn effective_limits(&self) -> Limits {
        let mut limits = self.limits.clone();
        limits.file_bytes = limits.file_bytes.min(self.memory / 4 * 3);
        limits.block_bytes = limits.block_bytes.min(self.memory / 8);
        limits.column_bytes = limits.column_bytes.min(self.memory / 3);
        limits
    }

    /// How many files of up to `largest` bytes to fetch ahead: [`Settings::prefetch`], or as many as fit in a chunk.
    pub fn files_ahead(&self, largest: u64) -> usize {
        let fit = self.chunk_bytes() as u64 / largest.max(1);
        usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, self.prefetch.max(1))
    }

    /// Ids one table may remember.
    pub fn ids_held(&self) -> usize {
        // 16 bytes each and what finds them, see `KeptIds` and `IdFilter`.
        self.share() / 20
    }
}

/// What every part of one pass shares.
pub struct Context {
    pub(super) store: Store,
    pub(super) bucket: Bucket,
    pub(super) definitions: Arc<Definitions>,
    pub(super) settings: Settings,
    pub(super) snapshot: Arc<Snapshot>,
    /// The whole ledger, once someone had to ask for more of it than was listed.
    pub(super) ledger: OnceCell<HashMap<Arc<str>, FileState>>,
    pub(super) schemas: Arc<SchemaCache>,
    pub(super) progress: Arc<Progress>,
    pub(super) stop: Arc<Stop>,
    pub(super) now: DateTime<Utc>,
    pub(super) rebuild: bool,
    /// Whether to look for cells that the log knows nothing of in whole tables, or only around the days at work.
    pub(super) whole_tables: bool,
    /// MiB of memory not in use.
    pub(super) memory: Semaphore,
    /// What is left of [`Settings::schema_budget`].
    pub(super) realign_budget: AtomicU64,
}

impl Context {
    /// The whole ledger. The snapshot of a pass has what the pass listed, and that is all that is asked for normally.
    pub(super) async fn ledger(&self) -> Result<&HashMap<Arc<str>, FileState>> {
        if self.snapshot.unread.is_none() {
            return Ok(&self.snapshot.files);
        }
        let read = async || {
            let mut whole = (*self.snapshot).clone();
            whole.read_files(&self.store, &Wanted::All).await?;
            Ok(whole.files)
        };
        self.ledger.get_or_try_init(read).await
    }

    /// Waits until memory for decoding about `bytes` of files and cells is free; it is given back on drop.
    /// `largest`: what of one of them is held at once, at most.
    pub(super) async fn reserve(&self, bytes: u64, largest: u64) -> Option<tokio::sync::SemaphorePermit<'_>> {
        /// Decoded rows and their encoding take about this many times the bytes of their files.
        const SWELLS: u64 = 6;
        // One chunk at a time is held of a large cell, beside the object being written.
        let share = (self.settings.memory / self.settings.workers.max(1)) as u64;
        let most = share.max(share / 2 + largest * 2);
        let mib = ((bytes * SWELLS).min(most) >> 20).clamp(1, (self.settings.memory as u64 >> 20).max(1));
        self.memory.acquire_many(mib as u32).await.ok()
    }

    /// Takes `bytes` out of the budget for rewriting older cells; false when it does not reach.
    pub(super) fn may_realign(&self, bytes: u64) -> bool {
        self.realign_budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(bytes)).is_ok()
    }
}
