//! Builds one cell: old rows united with the rows of new files, each id once, published in one conditional write.
//!
//! Files are read in order and their rows admitted against the ids the cell has and the cells around it. Rows are
//! gathered up to a chunk; a cell that fits one chunk is sorted as a whole, a larger one chunk by chunk.

use super::context::Context;
use super::damaged::There;
use super::dedupe::Neighbours;
use super::gather::{Again, Gathered, Interrupted};
use super::old_rows::take_over;
use super::plan::PlannedFile;
use super::publish::{Published, check, publish, state_of};
use super::settle::{ids_to_drop, is_committed};
use crate::currents::Format;
use crate::error::{Error, Kind, Result};
use crate::table::{Fit, NewColumn, TableSchema};
use crate::warehouse::encode::{CellWriter, EncodedCell};
use crate::warehouse::footer::CellFile;
use crate::warehouse::id::{IdSet, id_key};
use crate::warehouse::order::Selected;
use crate::warehouse::stored_cell::ids_of;
use crate::warehouse::{CellKey, CellState, Fate, PutIf, StoredCell, rejects};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Tries to publish against other writers before giving up.
const ATTEMPTS: usize = 8;

/// A table while its cells are built.
pub struct TableInWork {
    /// Its columns so far.
    pub schema: TableSchema,
    /// Columns that joined in this pass.
    pub joined: Vec<NewColumn>,
    /// The cells around the one being built.
    pub neighbours: Neighbours,
    /// How decoded schemas fit the table as it is now.
    pub fits: Vec<Arc<Fit>>,
    /// Cells that hold an id which a cell of a lower key, seen in another writer's version, keeps.
    pub unsettled: BTreeSet<CellKey>,
    /// Damaged cells that a rebuild writes again from the source, each with what is to be said of it.
    pub damaged: BTreeMap<CellKey, String>,
}

/// What to build.
pub struct CellJob {
    /// Which cell.
    pub key: CellKey,
    /// How many slots its day has, if the cell does not say.
    pub slots: u8,
    /// The files for it, in order.
    pub files: Vec<Arc<PlannedFile>>,
    /// Whether it was not in the store when the table was listed: then it is not looked for before it is written, and
    /// if another writer made it meanwhile the store refuses ours.
    pub is_new: bool,
}

/// One file's share in one cell.
#[derive(Debug, Clone)]
pub struct FilePart {
    /// Its accounting; the version that was read.
    pub file: CellFile,
    /// Last modified, milliseconds since 1970.
    pub modified: i64,
    /// What became of it.
    pub fate: Fate,
    /// Why it is quarantined.
    pub reason: String,
    /// Whether the stored cell had it already, with this accounting.
    pub held: bool,
}

/// What building a cell gave.
pub struct BuiltCell {
    /// The cell as it is in the store now; `None` when there is none.
    pub state: Option<CellState>,
    /// Bytes written; 0 when nothing changed.
    pub written: u64,
    /// The files.
    pub parts: Vec<FilePart>,
    /// Values kept in `_extra`, by column.
    pub misfits: BTreeMap<String, u64>,
    /// Its ids, if they are to be remembered.
    pub ids: Option<Vec<u128>>,
    /// Rows that left the stored cell, by source file.
    pub left_out: HashMap<String, u64>,
}

enum Outcome {
    Done(Box<BuiltCell>),
    Again(Again),
    Conflict,
}

/// Builds and publishes a cell; tries again when another writer was faster.
pub async fn build_cell(ctx: &Context, table: &mut TableInWork, job: &CellJob) -> Result<BuiltCell> {
    let (mut attempts, mut doubtful) = (0, false);
    let (schema, joined) = (table.schema.clone(), table.joined.len());
    while attempts < ATTEMPTS {
        let look = !job.is_new || attempts > 0;
        match attempt(ctx, table, job, (doubtful, look)).await? {
            Outcome::Done(built) => return Ok(*built),
            Outcome::Again(Again::SchemaGrew) => {}
            Outcome::Again(Again::Doubt) => {
                // The columns of a damaged file are nothing to go by either.
                table.schema = schema.clone();
                table.joined.truncate(joined);
                table.fits.clear();
                doubtful = true;
            }
            Outcome::Conflict => attempts += 1,
        }
    }
    Err(Error::new(Kind::Conflict, format!("another writer keeps replacing {}", job.key.path()))
        .hint("let one loader at a time write a table; nothing was lost, run again"))
}

async fn attempt(
    ctx: &Context,
    table: &mut TableInWork,
    job: &CellJob,
    (doubtful, look): (bool, bool),
) -> Result<Outcome> {
    let path = job.key.path();
    let stored = if look { ctx.store.get(&path).await? } else { None };
    let (base, condition) = match stored {
        Some(object) => match There::open(table, &job.key, object)? {
            There::Sound(base) => {
                let condition = PutIf::Unchanged(base.version.clone());
                (Some(*base), condition)
            }
            There::Damaged(version) => (None, PutIf::Unchanged(version)),
        },
        // Begun anew it would hold the new rows alone, and the log would forget that there were others.
        None if !ctx.rebuild && ctx.snapshot.cells.contains_key(&job.key) => return gone(job),
        None => (None, PutIf::Absent),
    };
    if let Some(base) = &base {
        adopt_columns(table, base);
    }
    let mut gathered = Gathered::new(base.as_ref().map_or(0, StoredCell::size));
    let mut dropped = IdSet::default();
    let mut to_read = job.files.clone();
    if let Some(base) = &base
        && !ctx.rebuild
    {
        for batch in base.ids()? {
            gathered.mix.hold(ids_of(&batch?).map(id_key));
        }
        // Another pass died after it published this, or is at work.
        if !is_committed(ctx, &job.key, &base.footer) {
            dropped = ids_to_drop(ctx, table, &job.key, base).await?;
        }
        // An earlier pass got as far as publishing: those files are in, with their accounting.
        to_read.retain(|file| match held(base, file) {
            Some(part) => {
                gathered.parts.push(part);
                false
            }
            None => true,
        });
    }
    // The ledger counts a file's rows over all tables. Where it may be in several, the cell's footer has to say that it
    // brought nothing here, or a pass that thinks otherwise could take rows of its own for committed.
    let in_several = to_read.iter().any(|file| file.source.format == Format::Json);
    match gathered.read(ctx, table, &job.key, to_read, doubtful).await {
        Ok(()) => {}
        Err(Interrupted::Again(again)) => return Ok(Outcome::Again(again)),
        Err(Interrupted::Failed(error)) => return Err(error),
    }
    gathered.must_be_listed = in_several && gathered.parts.iter().any(|part| !part.held && part.file.read > 0);
    let admitted = gathered.admit(table, &job.key).await?;
    for (path, records) in &gathered.rejects {
        rejects::write(&ctx.store, path, records).await?;
    }

    let aligned = base.as_ref().is_none_or(|b| table.schema.same_as(b.schema()));
    let nothing_new = gathered.mix.admitted() == 0 && dropped.is_empty() && !gathered.must_be_listed;
    if base.is_some() && aligned && nothing_new && !ctx.rebuild {
        let state = base.as_ref().map(|b| state_of(ctx, table, job, b));
        return Ok(Outcome::Done(Box::new(gathered.into_cell(state, 0))));
    }
    let Some(encoded) = encode(ctx, table, job, base.as_ref(), &mut gathered, admitted, &dropped)? else {
        return Ok(Outcome::Done(Box::new(gathered.into_cell(None, 0))));
    };
    let new_rows = gathered.parts.iter().map(|p| p.file.new).sum();
    Ok(match publish(ctx, table, job, (base.as_ref(), condition), encoded, new_rows).await? {
        Published::Conflict => Outcome::Conflict,
        Published::Cell(state, written) => Outcome::Done(Box::new(gathered.into_cell(Some(state), written))),
    })
}

/// The cell's object: the stored rows that stay, and those admitted. `None` when there are no rows and never were.
fn encode(
    ctx: &Context,
    table: &TableInWork,
    job: &CellJob,
    base: Option<&StoredCell>,
    gathered: &mut Gathered,
    admitted: Vec<Selected>,
    dropped: &IdSet,
) -> Result<Option<EncodedCell>> {
    let small = gathered.writer.is_none() && gathered.base_bytes <= ctx.settings.chunk_bytes();
    let mut out = gathered.writer.take().unwrap_or_else(|| CellWriter::new(table.schema.clone(), job.key.queue_date));
    let mut last_chunk = match base {
        Some(base) => take_over(ctx, table, base, small, dropped, gathered, &mut out)?,
        None => Vec::new(),
    };
    last_chunk.extend(admitted);
    // What is put in order and written next takes room.
    gathered.mix.rest();
    out.write_chunk(last_chunk)?;
    let mut slots = job.slots;
    if let Some(base) = base {
        slots = base.footer.slots;
    }
    // When every row has to leave, an empty cell takes the place of the one that would count them twice.
    if base.is_some() || gathered.must_be_listed {
        out.even_when_empty()?;
    }
    let files = file_list(base, &gathered.parts, &gathered.left_out);
    let expected = files.iter().map(|f| f.new).sum::<u64>();
    let Some(encoded) = out.finish(&files, slots)? else { return Ok(None) };
    check(&job.key, &encoded, expected)?;
    Ok(Some(encoded))
}

/// What to do about a cell that the log has and the store has not. Without a file to load there is nothing to spoil.
fn gone(job: &CellJob) -> Result<Outcome> {
    if job.files.is_empty() {
        return Ok(Outcome::Done(Box::new(BuiltCell {
            state: None,
            written: 0,
            parts: Vec::new(),
            misfits: BTreeMap::new(),
            ids: None,
            left_out: HashMap::new(),
        })));
    }
    Err(Error::failed(format!("{} is in the log and not in the store", job.key.path())).hint(
        "`eddyline load --rebuild` writes it again from the source; `eddyline state rebuild` makes the log forget it",
    ))
}

/// A pass that published and never committed may have given the cell columns the log knows nothing of: they join the
/// table now, or writing the cell again would drop their values.
fn adopt_columns(table: &mut TableInWork, base: &StoredCell) {
    for column in base.columns() {
        if table.schema.may_add(&column.name) {
            table.schema.add_all(std::slice::from_ref(&column));
            table.joined.push(column);
            table.fits.clear();
        }
    }
}

fn held(base: &StoredCell, file: &PlannedFile) -> Option<FilePart> {
    let listed = &file.listed;
    let known =
        base.footer.files.iter().find(|f| *f.key == *listed.key && f.e_tag == listed.e_tag && f.size == listed.size)?;
    // Its rejects may not have been written: only reading it again makes sure.
    (known.rejected == 0).then(|| FilePart {
        file: known.clone(),
        modified: listed.modified,
        fate: Fate::Loaded,
        reason: String::new(),
        held: true,
    })
}

impl FilePart {
    /// A file of which nothing was read.
    pub fn unread(file: &PlannedFile, e_tag: Option<Arc<str>>, size: u64, fate: Fate, reason: String) -> FilePart {
        let key = file.listed.key.clone();
        let accounting = CellFile { key, e_tag, size, read: 0, new: 0, duplicates: 0, rejected: 0 };
        FilePart { file: accounting, modified: file.listed.modified, fate, reason, held: false }
    }
}

/// The footer's file list: those of before, less rows that left, and those of now.
fn file_list(base: Option<&StoredCell>, parts: &[FilePart], left_out: &HashMap<String, u64>) -> Vec<CellFile> {
    let mut left = left_out.clone();
    let mut files: Vec<CellFile> = Vec::new();
    for old in base.into_iter().flat_map(|b| &b.footer.files) {
        let mut old = old.clone();
        if let Some(gone) = left.get_mut(&*old.key) {
            let less = old.new.min(*gone);
            old.new -= less;
            old.duplicates += less;
            *gone -= less;
        }
        files.push(old);
    }
    for part in parts.iter().filter(|p| p.fate == Fate::Loaded && !p.held) {
        let same = |f: &&mut CellFile| f.key == part.file.key && f.e_tag == part.file.e_tag && f.size == part.file.size;
        match files.iter_mut().find(same) {
            // Read again: what it brought now, beside what of it had stayed.
            Some(old) => {
                let stayed = old.new;
                *old = part.file.clone();
                old.new += stayed;
                old.duplicates = old.read.saturating_sub(old.new + old.rejected);
            }
            None => files.push(part.file.clone()),
        }
    }
    files.retain(|f| f.new > 0 || f.read > 0);
    files.sort_by(|a, b| (&a.key, &a.e_tag).cmp(&(&b.key, &b.e_tag)));
    files
}
