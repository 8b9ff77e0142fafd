//! One pass, top to bottom: snapshot, list, plan, build, publish, commit.

use super::bucket::Bucket;
use super::builders::build;
use super::context::{Context, Settings};
use super::ledger::Ledger;
use super::look::Look;
use super::plan::{Plan, Scope, is_refused};
use super::reach::Through;
use super::report::LoadReport;
use super::restate::restate;
use super::route::route;
use super::tally::{behind, note_files, note_outcome, note_plan};
use super::watch::{Progress, Stop};
use crate::currents::{QueueHour, SchemaCache, event_type_prefix};
use crate::error::{Error, Kind, Result};
use crate::table::Definitions;
use crate::warehouse::lock::{Before, WriterLock};
use crate::warehouse::log::{self, FORMAT};
use crate::warehouse::refusal::disk_error;
use crate::warehouse::{
    Fate, FileState, LoadSummary, LogEntry, Refusal, Requests, Snapshot, Store, cell::TABLES, checkpoint, dataset,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// How often a pass plans again after losing the race for the log.
const RACES: usize = 8;

/// What one pass is asked to do.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which files.
    pub scope: Scope,
    /// List everything, not only what may be new.
    pub full: bool,
    /// Up to which hour, by the clock.
    pub through: Through,
}

/// A source, a warehouse, and how to get from one to the other.
pub struct Loader {
    pub(super) store: Store,
    pub(super) bucket: Bucket,
    definitions: Arc<Definitions>,
    pub(super) settings: Settings,
    schemas: Arc<SchemaCache>,
    patience: Duration,
}

/// What a pass knows before it looks, and keeps for its next attempt when it loses a race.
struct SoFar {
    /// Where its first listing began: what the winner loaded from its own source says nothing of ours.
    watermarks: Option<BTreeMap<String, QueueHour>>,
    /// Tables it wrote to. They may have no file to load any more and need a look still.
    touched: BTreeSet<String>,
    /// Whether cells that the log knows nothing of may lie anywhere in a table.
    whole_tables: bool,
}

/// Reads the clock; given by the caller, so that a pass can be replayed.
pub type Clock<'a> = &'a (dyn Fn() -> DateTime<Utc> + Sync);

impl Loader {
    /// A loader. `patience`: how long to wait for another writer on a local disk.
    pub fn new(
        store: Store,
        bucket: Bucket,
        definitions: Arc<Definitions>,
        settings: Settings,
        patience: Duration,
    ) -> Loader {
        Loader { store, bucket, definitions, settings, schemas: Arc::new(SchemaCache::default()), patience }
    }

    /// The same loader with another warehouse.
    pub fn writing_to(self, store: Store) -> Loader {
        Loader { store, ..self }
    }

    /// The definitions it goes by.
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// What a pass would do. Writes nothing.
    pub async fn plan(&self, request: &Request, now: DateTime<Utc>) -> Result<(Snapshot, Plan)> {
        dataset::read(&self.store).await?;
        let mut snapshot = Snapshot::open(&self.store).await?;
        let watermarks = snapshot.watermarks.clone();
        let look = self.look(&mut snapshot, &watermarks, request, now).await?;
        Ok((snapshot, look.plan))
    }

    /// Does it.
    pub async fn pass(
        &self,
        request: &Request,
        clock: Clock<'_>,
        stop: Arc<Stop>,
        progress: Arc<Progress>,
    ) -> Result<LoadReport> {
        let mut lock = self.lock(&stop).await?;
        lock.sweep(&self.store);
        let before =
            lock.begin().map_err(|e| disk_error(format!("cannot write to the lock of {}", self.store.url()), e))?;
        let started = clock();
        let requests_before = self.requests();
        let mut warnings = Vec::new();
        if stop.or("before anything was done", dataset::read(&self.store)).await??.is_none() {
            self.recover(started, &mut warnings).await?;
        }
        dataset::open(&self.store).await?;
        // What a pass left that ended in the middle may be in any table.
        let left_behind = match before {
            Before::InTheMiddle => self.store.folders(TABLES).await?.into_iter().collect(),
            Before::Done | Before::Unknown => BTreeSet::new(),
        };
        let mut so_far = SoFar { watermarks: None, touched: left_behind, whole_tables: before != Before::Done };
        for race in 1..=RACES {
            let opened = stop.or("while reading the log", Snapshot::open_without_files(&self.store)).await??;
            let mut snapshot = Arc::new(opened);
            let mut report = LoadReport {
                started,
                source: self.bucket.address().to_string(),
                warehouse: self.store.url().to_string(),
                warnings: warnings.clone(),
                ..LoadReport::default()
            };
            let entry = self.work(&mut snapshot, request, &stop, &progress, &mut so_far, &mut report).await?;
            // From here on someone else is at work too.
            so_far.whole_tables = true;
            report.finished = clock();
            report.requests = self.requests().map(|now| now.since(&requests_before.unwrap_or_default()));
            // What was built is found again, with what the other writer did.
            if race < RACES && report.error.as_ref().is_some_and(|e| e.kind() == Kind::Conflict) {
                continue;
            }
            let Some(mut entry) = entry else { return Ok(ended(report, lock)) };
            entry.load.finished = report.finished;
            if let Some(seq) = self.commit(&snapshot, &entry).await? {
                report.seq = Some(seq);
                let due = seq.is_multiple_of(self.settings.checkpoint_every.max(1));
                if due || entry.files.len() >= checkpoint::MANY_FILES {
                    let after = self.after(snapshot, seq, entry).await?;
                    checkpoint::write(&self.store, &after).await?;
                }
                return Ok(ended(report, lock));
            }
        }
        Err(Error::new(Kind::Conflict, format!("other writers keep committing to {}", self.store.url()))
            .hint("let one loader at a time write; what this pass built is kept and found by the next"))
    }

    /// Requests made so far, to source and warehouse.
    fn requests(&self) -> Option<Requests> {
        match (self.bucket.requests(), self.store.requests()) {
            (Some(source), Some(warehouse)) => Some(source.and(&warehouse)),
            (one, other) => one.or(other),
        }
    }

    /// The writer's lock, waited for in short turns: whoever asks to stop must not wait for another loader's pass.
    async fn lock(&self, stop: &Stop) -> Result<WriterLock> {
        const TURN: Duration = Duration::from_millis(500);
        let mut left = self.patience;
        loop {
            let turn = left.min(TURN);
            left -= turn;
            match WriterLock::take(&self.store, turn).await {
                Err(e) if e.kind() == Kind::Conflict && !left.is_zero() => {}
                taken => return taken,
            }
            if let Some(kind) = stop.requested() {
                return Err(Error::new(kind, "stopped while waiting for another writer to finish"));
            }
        }
    }

    /// Without `meta/` but with cells: the log is made anew from their footers.
    async fn recover(&self, now: DateTime<Utc>, warnings: &mut Vec<String>) -> Result<()> {
        if self.store.list(TABLES, None).await?.is_empty() {
            return Ok(());
        }
        // A new warehouse gets its dataset.json before its first cell: another loader may just have begun.
        if dataset::read(&self.store).await?.is_some() {
            return Ok(());
        }
        let entry = restate(&self.store, &self.definitions, now).await?;
        warnings
            .push(format!("meta/ was missing: the log was made anew from the footers of {} cells", entry.cells.len()));
        let seq = Snapshot::open(&self.store).await?.seq + 1;
        log::append(&self.store, seq, &entry).await?;
        Ok(())
    }

    async fn work(
        &self,
        snapshot: &mut Arc<Snapshot>,
        request: &Request,
        stop: &Arc<Stop>,
        progress: &Arc<Progress>,
        so_far: &mut SoFar,
        report: &mut LoadReport,
    ) -> Result<Option<LogEntry>> {
        // Nobody else has it yet.
        let watermarks = so_far.watermarks.get_or_insert_with(|| snapshot.watermarks.clone());
        let looking = self.look(Arc::make_mut(snapshot), watermarks, request, report.started);
        let Look { mut plan, listing, full, due } = stop.or("while listing", looking).await??;
        let ctx = Arc::new(Context {
            store: self.store.clone(),
            bucket: self.bucket.clone(),
            definitions: self.definitions.clone(),
            settings: self.settings.clone(),
            snapshot: snapshot.clone(),
            ledger: OnceCell::new(),
            schemas: self.schemas.clone(),
            progress: progress.clone(),
            stop: stop.clone(),
            now: report.started,
            rebuild: request.scope.rebuild,
            whole_tables: so_far.whole_tables || full.is_some(),
            memory: Semaphore::new((self.settings.memory >> 20).clamp(1, Semaphore::MAX_PERMITS)),
            realign_budget: AtomicU64::new(self.settings.schema_budget),
        });
        let nowhere = route(&ctx, &mut plan, &request.scope).await?;
        progress.files.store(plan.file_count() as u64, Ordering::Relaxed);
        note_plan(&plan, &listing, report);
        drop(listing);
        tracing::info!(listed = plan.listed, known = plan.known, files = plan.file_count(), "planned");

        so_far.touched.extend(plan.days.keys().map(|(table, _)| table.clone()));
        let outcomes = build(&ctx, &plan, &so_far.touched).await;
        let mut ledger = Ledger::expecting(&plan);
        ledger.nowhere(nowhere);
        let mut error = None;
        let mut cells = Vec::new();
        for (table, outcome) in outcomes {
            note_outcome(&table, &outcome, report);
            ledger.take(outcome.parts);
            cells.extend(outcome.cells);
            report.schema_changes.extend(outcome.change);
            report.warnings.extend(outcome.warnings);
            error = error.or(outcome.error);
        }
        let (mut files, mut undone) = ledger.files(&plan, report.started);
        let mut held: Vec<Arc<str>> = leave_out_known(&mut files, snapshot);
        report.still_quarantined += held.len() as u64;
        error = error.or(take_back_refused(&mut files, &mut undone, self.bucket.address()));
        note_files(&files, progress, report);
        held.extend(files.iter().filter(|f| is_refused(f)).map(|f| f.key.clone()));
        let held = undone.iter().chain(&held).filter_map(|key| Some(event_type_prefix(key)?.0)).collect();
        let watermarks = self.watermarks(&plan, snapshot, request, &held);
        let scanned = full.filter(|_| error.is_none() && undone.is_empty());
        report.error = error;
        report.behind = behind(snapshot, &cells, &report.schema_changes, &self.definitions);
        let nothing = files.is_empty() && cells.is_empty() && report.schema_changes.is_empty();
        // That everything was listed is worth an entry once it was due; else every pass would do it again.
        if nothing && watermarks.is_empty() && !(scanned.is_some() && due) {
            return Ok(None);
        }
        Ok(Some(LogEntry {
            format: FORMAT,
            id: format!("{}-{:x}", report.started.timestamp_micros(), std::process::id()),
            load: LoadSummary {
                seq: 0,
                started: report.started,
                finished: report.started,
                source: report.source.clone(),
                eddyline: env!("CARGO_PKG_VERSION").into(),
                counters: report.counters.clone(),
                full: scanned,
            },
            files,
            cells,
            schema_changes: report.schema_changes.clone(),
            watermarks,
            restates: false,
        }))
    }

    /// Appends the entry and gives its number. `None`: another writer touched the same tables, so everything must be
    /// planned again.
    async fn commit(&self, snapshot: &Snapshot, entry: &LogEntry) -> Result<Option<u64>> {
        let mut seq = snapshot.seq + 1;
        while !log::append(&self.store, seq, entry).await? {
            let theirs = log::read_entry(&self.store, seq).await?;
            let same_table = |c: &crate::warehouse::CellState| entry.cells.iter().any(|o| o.key.table == c.key.table);
            if theirs.restates || theirs.cells.iter().any(same_table) {
                return Ok(None);
            }
            seq += 1;
        }
        Ok(Some(seq))
    }

    /// The snapshot after a commit, with its whole ledger.
    async fn after(&self, before: Arc<Snapshot>, seq: u64, entry: LogEntry) -> Result<Snapshot> {
        // The log is folded again when others committed in between, or when not all of the ledger is in memory.
        if before.seq + 1 != seq || before.unread.is_some() {
            return Snapshot::open(&self.store).await;
        }
        let mut after = Arc::unwrap_or_clone(before);
        after.fold(seq, entry);
        Ok(after)
    }
}

/// A pass that came to its end; the lock is told when all of it went well.
fn ended(report: LoadReport, lock: WriterLock) -> LoadReport {
    if report.error.is_none() {
        lock.done();
    }
    report
}

/// Leaves out files that were refused before and are again: the ledger has them. Gives their keys.
fn leave_out_known(files: &mut Vec<FileState>, snapshot: &Snapshot) -> Vec<Arc<str>> {
    let again = |file: &mut FileState| {
        let known = snapshot.files.get(&file.key).filter(|known| is_refused(known));
        is_refused(file) && known.is_some_and(|known| known.is(file.e_tag.as_deref(), file.size))
    };
    files.extract_if(.., again).map(|file| file.key).collect()
}

/// When the store let us read none of the files, none is at fault: they stay unknown to the ledger, and the pass fails.
/// Single ones that are refused while others are read are quarantined, and tried again by every pass that lists them.
fn take_back_refused(files: &mut Vec<FileState>, undone: &mut Vec<Arc<str>>, source: &str) -> Option<Error> {
    let count = files.iter().filter(|file| is_refused(file)).count();
    if count == 0 || files.iter().any(|file| file.fate == Fate::Loaded) {
        return None;
    }
    undone.extend(files.extract_if(.., |file| is_refused(file)).map(|file| file.key));
    let files = if count == 1 { "one file" } else { "files" };
    let refusal = Refusal::Forbidden;
    Some(
        Error::new(refusal.kind(), format!("cannot read {files} in {source}, though it can be listed"))
            .because(refusal.sentence())
            .hint(refusal.hint()),
    )
}
