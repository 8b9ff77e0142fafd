//! The threads that build tables, each one table after the other.
//!
//! A table is built on one thread from its first file to its last cell: what was decoded is still near when it is encoded,
//! and nothing is handed from thread to thread between two files. Measured beside tasks that may move: 0.98 times the
//! processor time, over one day and over ten.

use super::context::Context;
use super::plan::{DayPlan, Plan};
use super::table_build::{TableOutcome, build_table};
use super::turns::Turns;
use crate::currents::EventType;
use crate::error::Error;
use chrono::NaiveDate;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// What is to be done for one table.
struct Work {
    table: String,
    event_type: Option<EventType>,
    days: BTreeMap<NaiveDate, DayPlan>,
}

/// Builds every table, and gives the outcomes by name.
pub async fn build(ctx: &Arc<Context>, plan: &Plan, touched: &BTreeSet<String>) -> Vec<(String, TableOutcome)> {
    let work = work(ctx, plan, touched);
    // Of more workers than tables some would have nothing to do.
    let workers = ctx.settings.workers.clamp(1, work.len().max(1));
    let mut turns = Turns::new(work, workers);
    // Always the same threads: each keeps buffers, and the allocator keeps memory for each.
    let mut idle: BTreeMap<usize, Option<Builder>> = (0..workers).map(|number| (number, None)).collect();
    let mut at_work = FuturesUnordered::new();
    let mut outcomes = Vec::new();
    loop {
        for number in 0..workers {
            if idle.contains_key(&number)
                && let Some(work) = turns.next(number)
            {
                let builder = idle.remove(&number).flatten().unwrap_or_else(|| Builder::start(ctx.clone()));
                at_work.push(async move { (number, builder.build(work).await) });
            }
        }
        let Some((number, (outcome, builder))) = at_work.next().await else { break };
        outcomes.push(outcome);
        idle.insert(number, builder);
    }
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    outcomes
}

/// A thread that builds tables, until it is given up.
struct Builder {
    jobs: mpsc::UnboundedSender<(Work, oneshot::Sender<TableOutcome>)>,
    thread: JoinHandle<()>,
}

impl Builder {
    fn start(ctx: Arc<Context>) -> Builder {
        let (jobs, mut coming) = mpsc::unbounded_channel::<(Work, oneshot::Sender<TableOutcome>)>();
        let runtime = Handle::current();
        let thread = tokio::task::spawn_blocking(move || {
            while let Some((Work { table, event_type, days }, done)) = coming.blocking_recv() {
                let outcome = runtime.block_on(build_table(&ctx, &table, event_type.as_ref(), days));
                // Nobody waits for it any more: the pass was given up.
                let Ok(()) = done.send(outcome) else { return };
            }
        });
        Builder { jobs, thread }
    }

    /// Builds one table. Should that panic, only this table's work ends, and the thread.
    async fn build(self, work: Work) -> ((String, TableOutcome), Option<Builder>) {
        let table = work.table.clone();
        let (done, outcome) = oneshot::channel();
        // Where the thread has ended, the answer will say so.
        let _ = self.jobs.send((work, done));
        if let Ok(outcome) = outcome.await {
            return ((table, outcome), Some(self));
        }
        let Builder { jobs, thread } = self;
        drop(jobs);
        let error = Error::failed(format!("building {table} ended unexpectedly"));
        let error = match thread.await {
            Ok(()) => error,
            Err(panic) => error.because(panic),
        };
        ((table, TableOutcome { error: Some(error), ..TableOutcome::default() }), None)
    }
}

/// The tables, each with the bytes of its files and of those of its largest cell.
fn work(ctx: &Context, plan: &Plan, touched: &BTreeSet<String>) -> Vec<(u64, u64, Work)> {
    let mut tables: BTreeMap<String, BTreeMap<NaiveDate, DayPlan>> = BTreeMap::new();
    for ((table, day), work) in &plan.days {
        tables.entry(table.clone()).or_default().insert(*day, work.clone());
    }
    for table in touched {
        tables.entry(table.clone()).or_default();
    }
    // Tables without new files may have cells that still lack columns.
    for table in ctx.snapshot.behind_by_table(&ctx.definitions).into_keys() {
        tables.entry(table.to_string()).or_default();
    }
    let sized = |(table, days): (String, BTreeMap<NaiveDate, DayPlan>)| {
        let cells = || days.values().map(|day| day.files.iter().map(|file| file.listed.size).sum::<u64>());
        let (all, largest) = (cells().sum(), cells().max().unwrap_or(0));
        let event_type = plan.event_types.get(&table).cloned();
        (all, largest, Work { table, event_type, days })
    };
    tables.into_iter().map(sized).collect()
}
