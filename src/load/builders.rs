//! The threads that build tables, each one table after the other. One of them is the pass's own.
//!
//! A table is built on one thread from its first file to its last cell: what was decoded is still near when it is encoded,
//! and nothing is handed from thread to thread between two files. Measured beside tasks that may move: 0.98 times the
//! processor time, over one day and over ten.
//!
//! The allocator keeps for each thread what its largest cell took. What a pass needs before and after it builds finds room
//! there, because the first of the threads is the one that plans and commits: measured with 26,000 files, that is a tenth of
//! all memory.

use super::context::Context;
use super::plan::{DayPlan, Plan};
use super::table_build::{TableOutcome, build_table};
use super::turns::Turns;
use crate::currents::EventType;
use crate::error::Error;
use chrono::NaiveDate;
use futures::FutureExt;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::runtime::Handle;

/// What is to be done for one table.
struct Work {
    table: String,
    event_type: Option<EventType>,
    days: BTreeMap<NaiveDate, DayPlan>,
}

/// Builds every table, and gives the outcomes by name. Should the caller give up, the other threads end with the table at
/// hand.
pub async fn build(ctx: &Arc<Context>, plan: &Plan, touched: &BTreeSet<String>) -> Vec<(String, TableOutcome)> {
    let work = work(ctx, plan, touched);
    let tables: Vec<String> = work.iter().map(|(_, _, work)| work.table.clone()).collect();
    // Of more workers than tables some would have nothing to do.
    let workers = ctx.settings.workers.clamp(1, work.len().max(1));
    let turns = Arc::new(Mutex::new(Turns::new(work, workers)));
    let runtime = Handle::current();
    let start = |number: usize| {
        let (ctx, turns, runtime) = (ctx.clone(), Arc::downgrade(&turns), runtime.clone());
        tokio::task::spawn_blocking(move || runtime.block_on(build_in_turn(&ctx, &turns, number)))
    };
    let others: Vec<_> = (1..workers).map(start).collect();
    let mut outcomes = build_in_turn(ctx, &Arc::downgrade(&turns), 0).await;
    let mut cause = String::new();
    for other in others {
        match other.await {
            Ok(more) => outcomes.extend(more),
            Err(error) => cause = error.to_string(),
        }
    }
    let unsaid = |table: &String| !outcomes.iter().any(|(of, _)| of == table);
    let unsaid: Vec<_> = tables.into_iter().filter(unsaid).map(|table| (table.clone(), lost(&table, &cause))).collect();
    outcomes.extend(unsaid);
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    outcomes
}

/// Builds tables as long as there is one for the worker with this number. Should that panic, only this table's work ends.
async fn build_in_turn(
    ctx: &Arc<Context>,
    turns: &Weak<Mutex<Turns<Work>>>,
    number: usize,
) -> Vec<(String, TableOutcome)> {
    let next = || turns.upgrade()?.lock().unwrap_or_else(PoisonError::into_inner).next(number);
    let mut outcomes = Vec::new();
    while let Some(Work { table, event_type, days }) = next() {
        let building = AssertUnwindSafe(build_table(ctx, &table, event_type.as_ref(), days)).catch_unwind();
        let outcome = building.await.unwrap_or_else(|panic| lost(&table, said(&*panic)));
        outcomes.push((table, outcome));
    }
    outcomes
}

/// What is known of a table whose work broke off.
fn lost(table: &str, cause: &str) -> TableOutcome {
    let error = Error::failed(format!("building {table} ended unexpectedly")).because(cause.to_string());
    TableOutcome { error: Some(error), ..TableOutcome::default() }
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked")
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
