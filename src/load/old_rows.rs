//! The rows a cell has already, on their way into its next version.

use super::cell_build::TableInWork;
use super::context::Context;
use super::gather::Gathered;
use crate::error::Result;
use crate::warehouse::encode::{CellWriter, ROW_GROUP_ROWS};
use crate::warehouse::order::Selected;
use crate::warehouse::{IdSet, StoredCell};

/// Brings the rows of `base` that stay into `out`, and gives those that are to be sorted with the new ones.
///
/// A small cell is sorted anew as a whole. Of a large one, full row groups are copied as they are; the others, which
/// every pass leaves a few of, are sorted with the new rows as far as they fit in memory, so that they become full ones.
pub fn take_over(
    ctx: &Context,
    table: &TableInWork,
    base: &StoredCell,
    small: bool,
    dropped: &IdSet,
    gathered: &mut Gathered,
    out: &mut CellWriter,
) -> Result<Vec<Selected>> {
    // A new fingerprint would declare damage sound. A rebuild has the source to look to.
    if !ctx.rebuild && !base.is_intact()? {
        return Err(base.unreadable("its data is not what its fingerprint was taken of"));
    }
    let may_copy = !small && !ctx.rebuild && dropped.is_empty() && table.schema.same_as(base.schema());
    let mut room = ctx.settings.chunk_bytes() / 2;
    let mut to_sort = Vec::new();
    let mut groups = base.row_groups();
    for group in 0..groups.count() {
        let sort = small || (groups.rows(group) * 2 <= ROW_GROUP_ROWS && room > 0);
        if may_copy && !sort && out.copy(&mut groups, group)? {
            continue;
        }
        for batch in groups.decode(group).map_err(|e| base.unreadable(e))? {
            let batch = batch.map_err(|e| base.unreadable(e))?;
            let kept = gathered.mix.keep_of_base(batch, ctx.rebuild, dropped, &mut gathered.left_out);
            if sort {
                room = room.saturating_sub(kept.batch.get_array_memory_size());
                to_sort.push(kept);
            } else {
                out.append(kept)?;
            }
        }
    }
    Ok(to_sort)
}
