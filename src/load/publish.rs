//! A cell's way into the store: checked as another reader sees it, then written under the condition that nobody else
//! wrote meanwhile.

use super::cell_build::{CellJob, TableInWork};
use super::context::Context;
use super::watch::Progress;
use crate::error::{Error, Result};
use crate::warehouse::encode::EncodedCell;
use crate::warehouse::{CellKey, CellState, Put, PutIf, StoredCell, Version};

/// What became of a cell that was to be published.
pub enum Published {
    /// It is in the store as this; and the bytes written, 0 when the same content was there already.
    Cell(CellState, u64),
    /// Another writer was faster.
    Conflict,
}

/// The accounting identity, and the footer as another reader sees it.
pub fn check(key: &CellKey, encoded: &EncodedCell, expected: u64) -> Result<()> {
    let wrong = |what: String| {
        Error::failed(format!("{key} was not published: {what}"))
            .hint("this is a bug in Eddyline; the warehouse is unchanged, please report it")
    };
    let metadata = encoded.parts.metadata().map_err(|e| wrong("its footer cannot be read back".into()).because(e))?;
    let rows = metadata.file_metadata().num_rows().max(0) as u64;
    if rows != encoded.rows || rows != expected {
        return Err(wrong(format!("{rows} rows in the footer, {} encoded, {expected} accounted for", encoded.rows)));
    }
    Ok(())
}

/// Writes a cell, in the place of `base` if there is one, on a condition. `new_rows` is for the progress display.
pub async fn publish(
    ctx: &Context,
    table: &TableInWork,
    job: &CellJob,
    (base, condition): (Option<&StoredCell>, PutIf),
    encoded: EncodedCell,
    new_rows: u64,
) -> Result<Published> {
    if let Some(base) = base
        && base.footer.fingerprint == encoded.fingerprint
    {
        return Ok(Published::Cell(state_of(ctx, table, job, base), 0));
    }
    let path = job.key.path();
    let put = ctx.store.put(&path, &encoded.parts, condition).await;
    let version = match put {
        Ok(Put::Written(version)) => version,
        Ok(Put::Conflict) => match ours(ctx, &path, &encoded).await? {
            Some(version) => version,
            None => return Ok(Published::Conflict),
        },
        // The outcome of a write that failed is unknown: it may have taken effect.
        Err(e) => match ours(ctx, &path, &encoded).await {
            Ok(Some(version)) => version,
            _ => return Err(e),
        },
    };
    let size = encoded.parts.length();
    Progress::add(&ctx.progress.cells, 1);
    Progress::add(&ctx.progress.rows, new_rows);
    let state = CellState {
        key: job.key.clone(),
        slots: job.slots,
        e_tag: version.e_tag,
        version: version.version,
        size,
        rows: encoded.rows,
        min_time: encoded.min_time,
        max_time: encoded.max_time,
        fingerprint: encoded.fingerprint,
        schema: table.schema.fingerprint(),
        written_at: ctx.now,
    };
    Ok(Published::Cell(state, size))
}

/// Whether what is stored is what we meant to store.
async fn ours(ctx: &Context, path: &str, encoded: &EncodedCell) -> Result<Option<Version>> {
    let Some(object) = ctx.store.get(path).await? else { return Ok(None) };
    let stored = StoredCell::open(path, object)?;
    Ok((stored.footer.fingerprint == encoded.fingerprint).then_some(stored.version))
}

/// A cell's state as read from its object.
pub fn state_of(ctx: &Context, table: &TableInWork, job: &CellJob, base: &StoredCell) -> CellState {
    let (min_time, max_time) = base.time_range();
    let known = ctx.snapshot.cells.get(&job.key).filter(|c| c.fingerprint == base.footer.fingerprint);
    let schema = if table.schema.same_as(base.schema()) { table.schema.fingerprint() } else { String::new() };
    CellState {
        key: job.key.clone(),
        slots: base.footer.slots,
        e_tag: base.version.e_tag.clone(),
        version: base.version.version.clone(),
        size: base.size(),
        rows: base.rows(),
        min_time,
        max_time,
        fingerprint: base.footer.fingerprint.clone(),
        schema,
        written_at: known.map_or(ctx.now, |c| c.written_at),
    }
}
