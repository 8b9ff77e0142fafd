//! Which of two cells keeps an id that both hold. Two writers that did not see each other may both have published it;
//! the log decides, and where it says nothing of either, the lower key does, so that no two writers decide differently.

use super::cell_build::TableInWork;
use super::context::Context;
use super::dedupe::keys_of;
use crate::error::{Error, Kind, Result};
use crate::table::SOURCE_FILE;
use crate::warehouse::footer::CellFooter;
use crate::warehouse::id::{IdSet, id_key};
use crate::warehouse::log::entry_path;
use crate::warehouse::stored_cell::ids_of;
use crate::warehouse::{CellKey, Fate, FileState, StoredCell};
use arrow::array::{AsArray, RecordBatch};
use std::collections::HashMap;
use std::sync::Arc;

/// Whether the log knows this very content of a cell.
pub fn is_committed(ctx: &Context, key: &CellKey, footer: &CellFooter) -> bool {
    ctx.snapshot.cells.get(key).is_some_and(|known| known.fingerprint == footer.fingerprint)
}

/// The ids that `cell`, in a version the log does not know, has to give up because a cell around it keeps them.
///
/// A row is committed when its cell's version is, or when the ledger says that its file is loaded. Rows of `cell` that
/// are committed stay. Of the others those leave that a neighbour holds committed, or that a neighbour of a lower key
/// holds at all. A neighbour of a higher key that holds one uncommitted is noted: it gives the id up when it is visited
/// next, and this pass must do that when it has built that cell already, or it would commit both.
pub async fn ids_to_drop(ctx: &Context, table: &mut TableInWork, key: &CellKey, cell: &StoredCell) -> Result<IdSet> {
    let mut suspects = IdSet::default();
    let mut ledger = None;
    for batch in cell.lineage()? {
        let batch = batch?;
        let near = table.neighbours.stored(key, &keys_of(&batch).0, &[batch.clone().into()]).await?;
        if near.is_empty() {
            continue;
        }
        let ledger = match ledger {
            Some(known) => known,
            None => *ledger.insert(ctx.ledger().await?),
        };
        let loose = rows(&batch).filter(|(_, file)| !is_loaded(ledger, &cell.footer, file)).map(|(id, _)| id);
        suspects.extend(loose.filter(|id| near.contains(id)));
    }
    let mut dropped = IdSet::default();
    let mut by_key_alone = false;
    let Some(ledger) = ledger.filter(|_| !suspects.is_empty()) else { return Ok(dropped) };
    for near in table.neighbours.around(key) {
        let path = near.path();
        let Some(object) = ctx.store.get(&path).await? else { continue };
        let other = StoredCell::open(&path, object)?;
        let committed = is_committed(ctx, &near, &other.footer);
        for batch in other.lineage()? {
            for (id, file) in rows(&batch?).filter(|(id, _)| suspects.contains(id)) {
                if committed || is_loaded(ledger, &other.footer, file) {
                    dropped.insert(id);
                } else if near < *key {
                    by_key_alone = true;
                    dropped.insert(id);
                } else {
                    table.unsettled.insert(near.clone());
                }
            }
        }
    }
    // The log said nothing of either row. When it has grown meanwhile it may say something now.
    if by_key_alone && ctx.store.head(&entry_path(ctx.snapshot.seq + 1)).await?.is_some() {
        return Err(Error::new(Kind::Conflict, format!("another writer is at work on {}", key.table))
            .hint("nothing was lost, run again"));
    }
    Ok(dropped)
}

/// Whether the ledger has the version of a file that the footer of a cell names, and has it with rows.
///
/// Without rows, all it brought were duplicates to the pass that committed it; another pass that did not see their
/// originals may have stored them, and those rows are its own, committed by nobody.
fn is_loaded(ledger: &HashMap<Arc<str>, FileState>, footer: &CellFooter, file: &str) -> bool {
    ledger.get(file).is_some_and(|known| {
        known.fate == Fate::Loaded && known.new > 0 && footer.holds(file, known.e_tag.as_deref(), known.size)
    })
}

fn rows(batch: &RecordBatch) -> impl Iterator<Item = (u128, &str)> {
    let files = batch.column_by_name(SOURCE_FILE).and_then(|c| c.as_string_opt::<i32>());
    let files = files.into_iter().flat_map(|f| f.iter().map(Option::unwrap_or_default));
    ids_of(batch).map(id_key).zip(files)
}
