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
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// What is to be done for one table.
struct Work {
    table: String,
    event_type: Option<EventType>,
    days: BTreeMap<NaiveDate, DayPlan>,
}

/// Builds every table, and gives the outcomes by name.
pub async fn build(ctx: &Arc<Context>, plan: &Plan, touched: &BTreeSet<String>) -> Vec<(String, TableOutcome)> {
    let workers = ctx.settings.workers.max(1);
    let work = work(ctx, plan, touched);
    let threads = workers.min(work.len());
    let turns = Arc::new(Mutex::new(Turns::new(work, workers)));
    let builder = |_| {
        let (ctx, turns, runtime) = (ctx.clone(), turns.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let turns = || turns.lock().unwrap_or_else(PoisonError::into_inner);
            let mut outcomes = Vec::new();
            loop {
                // The turns must not stay locked while the table is built.
                let next = turns().next();
                let Some((work, cell)) = next else { return outcomes };
                outcomes.push(runtime.block_on(outcome(&ctx, work)));
                turns().done(cell);
            }
        })
    };
    let builders: Vec<_> = (0..threads).map(builder).collect();
    let mut outcomes: Vec<(String, TableOutcome)> = Vec::new();
    for builder in builders {
        // It does not panic, and nobody cancels it.
        outcomes.extend(builder.await.unwrap_or_default());
    }
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    outcomes
}

/// Builds one table. Should that panic, only this table's work ends.
async fn outcome(ctx: &Context, work: Work) -> (String, TableOutcome) {
    let Work { table, event_type, days } = work;
    let built = AssertUnwindSafe(build_table(ctx, &table, event_type.as_ref(), days)).catch_unwind().await;
    let outcome = built.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let error = Error::failed(format!("building {table} ended unexpectedly"));
        TableOutcome { error: Some(error.because(text.unwrap_or("it panicked"))), ..TableOutcome::default() }
    });
    (table, outcome)
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
