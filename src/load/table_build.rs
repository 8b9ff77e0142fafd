//! All the work of one table in one pass: its cells, day by day, then older cells that lack newer columns.

use super::cell_build::{BuiltCell, CellJob, FilePart, TableInWork, build_cell};
use super::context::{ColumnPolicy, Context};
use super::damaged::set_aside;
use super::dedupe::Neighbours;
use super::plan::DayPlan;
use super::read::frozen;
use crate::currents::EventType;
use crate::error::Result;
use crate::table::NewColumn;
use crate::warehouse::{CellKey, CellState, SchemaChange, StoredCell};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What became of a table.
#[derive(Default)]
pub struct TableOutcome {
    /// Files, with the day of their cell; a file with several event types is in several tables' outcomes.
    pub parts: Vec<FilePart>,
    /// Cells as they are now in the store, those the log does not know yet.
    pub cells: Vec<CellState>,
    /// Columns that joined.
    pub change: Option<SchemaChange>,
    /// Cells written, of those only to gain columns, and bytes.
    pub written: (u64, u64, u64),
    /// Values kept in `_extra`, by column.
    pub misfits: BTreeMap<String, u64>,
    /// Things to know.
    pub warnings: Vec<String>,
    /// What ended the table's work early.
    pub error: Option<crate::error::Error>,
}

/// Builds what is planned for a table. An error ends this table's work; what was published before it is returned.
pub async fn build_table(
    ctx: &Context,
    name: &str,
    event_type: Option<&EventType>,
    days: BTreeMap<NaiveDate, DayPlan>,
) -> TableOutcome {
    let mut outcome = TableOutcome::default();
    outcome.parts.reserve_exact(days.values().map(|day| day.files.len()).sum());
    tracing::info!(table = name, days = days.len(), "building");
    if let Err(error) = work(ctx, name, event_type, days, &mut outcome).await {
        tracing::error!(table = name, error = %error, "the table's work ended early");
        outcome.error = Some(error);
    }
    tracing::info!(table = name, files = outcome.parts.len(), cells = outcome.written.0, "built");
    outcome
}

async fn work(
    ctx: &Context,
    name: &str,
    event_type: Option<&EventType>,
    mut days: BTreeMap<NaiveDate, DayPlan>,
    outcome: &mut TableOutcome,
) -> Result<()> {
    let window = i64::from(ctx.settings.dedupe_window);
    let around = Around::of(&days, window).filter(|_| !ctx.whole_tables);
    let mut stored = stored_cells(ctx, name, around).await?;
    // A folder that somebody else made is no table.
    if days.is_empty() && stored.is_empty() {
        return Ok(());
    }
    let is_new = ctx.definitions.table(name).is_none() && !ctx.snapshot.tables.contains_key(name);
    if is_new && ctx.settings.columns == ColumnPolicy::Freeze {
        return Err(frozen(name, "no definition knows this event type"));
    }
    let damaged = set_aside(ctx, name, &days, &mut stored).await?;
    adopt_slots(ctx, name, &stored, &mut days).await?;
    let mut table = TableInWork {
        schema: ctx.snapshot.schema(name, &ctx.definitions),
        joined: Vec::new(),
        neighbours: Neighbours::new(ctx.store.clone(), window, stored.keys(), ctx.settings.ids_held()),
        fits: Vec::new(),
        unsettled: BTreeSet::new(),
        damaged,
    };
    let result = build_days(ctx, &mut table, name, &days, &stored, outcome).await;
    let result = match result {
        Ok(()) => adopt_cells(ctx, &mut table, &days, &stored, outcome).await,
        failed => failed,
    };
    let result = match result {
        Ok(()) => settle(ctx, &mut table, outcome).await,
        failed => failed,
    };
    let result = match result {
        Ok(()) => realign(ctx, &mut table, name, outcome).await,
        failed => failed,
    };
    if is_new || !table.joined.is_empty() {
        outcome.change = Some(SchemaChange {
            table: name.to_string(),
            event_type: event_type.map(|t| t.as_str().to_string()),
            columns: std::mem::take(&mut table.joined) as Vec<NewColumn>,
        });
    }
    result
}

async fn build_days(
    ctx: &Context,
    table: &mut TableInWork,
    name: &str,
    days: &BTreeMap<NaiveDate, DayPlan>,
    stored: &BTreeMap<CellKey, (u64, bool)>,
    outcome: &mut TableOutcome,
) -> Result<()> {
    let window = i64::from(ctx.settings.dedupe_window);
    // Days with damaged cells first: nobody can ask those for their ids, and no other cell may take rows they still have.
    let is_damaged = |day: &NaiveDate| table.damaged.keys().any(|key| key.queue_date == *day);
    let (first, then): (Vec<_>, Vec<_>) = days.iter().partition(|(day, _)| is_damaged(day));
    let days: Vec<_> = first.into_iter().chain(then).collect();
    for (number, (day, plan)) in days.iter().enumerate() {
        let slots = plan.by_slot();
        let near = |(later, _): &(&NaiveDate, _)| (**later - **day).num_days().abs() <= window;
        let are_asked_for = slots.len() > 1 || days.iter().skip(number + 1).any(near);
        for (slot, files) in slots {
            if let Some(kind) = ctx.stop.requested() {
                return Err(crate::error::Error::new(kind, format!("stopped before {name} {day}")));
            }
            let key = CellKey { table: name.to_string(), queue_date: **day, slot };
            let there = stored.get(&key).copied();
            let bytes = files.iter().map(|file| file.weight()).sum::<u64>() + there.map_or(0, |c| c.0 * 2);
            let largest = files.iter().map(|file| ctx.settings.held(file)).max().unwrap_or(0);
            let _memory = ctx.reserve(bytes, largest).await;
            let is_known = ctx.snapshot.cells.contains_key(&key) || table.damaged.contains_key(&key);
            let job = CellJob { key, slots: plan.slots, files, is_new: there.is_none() && !is_known };
            let mut built = build_cell(ctx, table, &job).await?;
            built.ids = built.ids.filter(|_| are_asked_for);
            take(ctx, table, outcome, &job.key, built, false);
            outcome.warnings.extend(table.damaged.remove(&job.key));
        }
    }
    Ok(())
}

fn take(
    ctx: &Context,
    table: &mut TableInWork,
    outcome: &mut TableOutcome,
    key: &CellKey,
    built: BuiltCell,
    realigned: bool,
) {
    let (held, read): (Vec<_>, Vec<_>) = built.parts.into_iter().partition(|part| part.held);
    outcome.parts.extend(held);
    if !ctx.rebuild {
        take_back(&mut outcome.parts, built.left_out);
    }
    outcome.parts.extend(read);
    for (column, count) in built.misfits {
        *outcome.misfits.entry(column).or_default() += count;
    }
    if built.written > 0 {
        outcome.written.0 += 1;
        outcome.written.1 += u64::from(realigned);
        outcome.written.2 += built.written;
    }
    if let Some(state) = built.state {
        if ctx.snapshot.cells.get(key).is_none_or(|known| *known != state) {
            outcome.cells.retain(|c| c.key != state.key);
            outcome.cells.push(state);
        }
        if !realigned {
            table.neighbours.built(key, built.ids);
        }
    }
}

/// Rows that left a cell after they were counted are no new ones of their files.
fn take_back(parts: &mut [FilePart], mut left_out: HashMap<String, u64>) {
    if left_out.is_empty() {
        return;
    }
    for part in parts {
        if let Some(gone) = left_out.remove(&*part.file.key) {
            let less = part.file.new.min(gone);
            part.file.new -= less;
            part.file.duplicates += less;
        }
    }
}

/// The days at work and those that their ids are compared with: from the first to the last.
#[derive(Clone, Copy)]
struct Around(NaiveDate, NaiveDate);

impl Around {
    fn of(days: &BTreeMap<NaiveDate, DayPlan>, window: i64) -> Option<Around> {
        let (first, last) = (days.keys().next()?, days.keys().next_back()?);
        let window = chrono::Duration::days(window);
        Some(Around(first.checked_sub_signed(window)?, last.checked_add_signed(window)?))
    }
}

/// The table's cells in the store: size, and whether the log knows that version. All of them, or those around the days
/// at work: the rest are as the log says when the pass before ended well.
async fn stored_cells(ctx: &Context, name: &str, around: Option<Around>) -> Result<BTreeMap<CellKey, (u64, bool)>> {
    // Keys of a day sort after its folder's name.
    let after = around.map(|Around(first, _)| CellKey::day_folder(name, first));
    let found = ctx.store.list(&CellKey::table_folder(name), after.as_deref()).await?;
    Ok(found
        .into_iter()
        .filter_map(|object| {
            let key = CellKey::from_path(object.location.as_ref())?;
            if around.is_some_and(|Around(_, last)| key.queue_date > last) {
                return None;
            }
            let known = ctx.snapshot.cells.get(&key);
            let committed = known.is_some_and(|c| c.e_tag == object.e_tag && c.size == object.size);
            Some((key, (object.size, committed)))
        })
        .collect())
}

/// A day that a pass began and never committed has its slots decided already: by the footer of what it wrote.
async fn adopt_slots(
    ctx: &Context,
    name: &str,
    stored: &BTreeMap<CellKey, (u64, bool)>,
    days: &mut BTreeMap<NaiveDate, DayPlan>,
) -> Result<()> {
    for (day, plan) in days {
        if ctx.snapshot.cells_of(name).any(|c| c.key.queue_date == *day) {
            continue;
        }
        let Some(path) = stored.keys().find(|key| key.queue_date == *day).map(CellKey::path) else { continue };
        if let Some(object) = ctx.store.get(&path).await? {
            plan.slots = StoredCell::open(&path, object)?.footer.slots;
        }
    }
    Ok(())
}

/// Takes in cells in versions the log does not know, though no file of this pass belongs there: another pass wrote
/// them, and the files it did that for are in the ledger by now, or gone.
async fn adopt_cells(
    ctx: &Context,
    table: &mut TableInWork,
    days: &BTreeMap<NaiveDate, DayPlan>,
    stored: &BTreeMap<CellKey, (u64, bool)>,
    outcome: &mut TableOutcome,
) -> Result<()> {
    for (key, (size, committed)) in stored {
        let built = days.get(&key.queue_date).is_some_and(|day| day.by_slot().contains_key(&key.slot));
        if *committed || built {
            continue;
        }
        let _memory = ctx.reserve(size * 2, 0).await;
        let job = CellJob { key: key.clone(), slots: 1, files: Vec::new(), is_new: false };
        let built = build_cell(ctx, table, &job).await?;
        take(ctx, table, outcome, key, built, false);
    }
    Ok(())
}

/// Visits cells again that were built before this pass learned that a cell of a lower key keeps one of their ids.
async fn settle(ctx: &Context, table: &mut TableInWork, outcome: &mut TableOutcome) -> Result<()> {
    // A visit may find more, of higher keys only.
    while let Some(key) = table.unsettled.pop_first() {
        let job = CellJob { key, slots: 1, files: Vec::new(), is_new: false };
        let built = build_cell(ctx, table, &job).await?;
        take(ctx, table, outcome, &job.key, built, false);
    }
    Ok(())
}

/// Rewrites cells that lack columns the table has gained, newest first, within the pass's budget.
async fn realign(ctx: &Context, table: &mut TableInWork, name: &str, outcome: &mut TableOutcome) -> Result<()> {
    let now = table.schema.fingerprint();
    let mut cells: BTreeMap<CellKey, CellState> =
        ctx.snapshot.cells_of(name).map(|c| (c.key.clone(), c.clone())).collect();
    cells.extend(outcome.cells.iter().map(|c| (c.key.clone(), c.clone())));
    let mut behind: Vec<CellState> = cells.into_values().filter(|c| c.schema != now).collect();
    behind.sort_by(|a, b| b.key.cmp(&a.key));
    for cell in behind {
        if ctx.stop.requested().is_some() || !ctx.may_realign(cell.size) {
            break;
        }
        let _memory = ctx.reserve(cell.size * 2, 0).await;
        let job = CellJob { key: cell.key, slots: cell.slots, files: Vec::new(), is_new: false };
        let built = build_cell(ctx, table, &job).await?;
        take(ctx, table, outcome, &job.key, built, true);
    }
    Ok(())
}
