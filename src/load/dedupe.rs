//! Which ids are stored already, in this cell or in the cells around it.

use crate::error::{Error, Result};
use crate::warehouse::stored_cell::ids_of;
use crate::warehouse::{CellKey, ObjectReader, Store};
use arrow::array::{AsArray, RecordBatch};
use futures::TryStreamExt;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// An event's identity in 128 bits: the UUID itself when the id is one in its usual spelling, else a hash of the text.
pub fn id_key(id: &str) -> u128 {
    uuid(id.as_bytes()).unwrap_or_else(|| xxhash_rust::xxh3::xxh3_128(id.as_bytes()))
}

/// Only the canonical lower-case spelling: two spellings of one UUID are two texts, and ids are compared as text.
fn uuid(text: &[u8]) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    let mut value: u128 = 0;
    for (at, byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    Some(value)
}

/// Ids are random already: their low bits are hash enough.
#[derive(Default)]
pub struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u128(&mut self, value: u128) {
        // Multiplied so that ids that count up do not fall into neighbouring buckets.
        self.0 = ((value >> 64) as u64 ^ value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A set of ids.
pub type IdSet = HashSet<u128, BuildHasherDefault<Folded>>;

/// The cells of one table around the ones being built.
pub struct Neighbours {
    store: Store,
    window: i64,
    cells: BTreeMap<CellKey, Neighbour>,
    /// Ids held in memory, over all cells.
    held: usize,
    limit: usize,
}

enum Neighbour {
    /// In the store; and whether the log knows this version.
    Stored { committed: bool },
    /// Its ids, built or read in this pass; and whether the log knows this version.
    Ids(IdSet, bool),
}

impl Neighbours {
    /// The cells in `stored` (with whether the log knows their version), compared within `window` days. At most `limit` ids are
    /// held in memory; beyond it, cells are asked again through their bloom filters.
    pub fn new(store: Store, window: i64, stored: &BTreeMap<CellKey, bool>, limit: usize) -> Neighbours {
        let cells =
            stored.iter().map(|(key, committed)| (key.clone(), Neighbour::Stored { committed: *committed })).collect();
        Neighbours { store, window, cells, held: 0, limit }
    }

    /// Remembers the ids of a cell just built.
    pub fn built(&mut self, key: &CellKey, ids: IdSet) {
        // Cells are built day by day: what lies before the window is not asked for again.
        let before = key.queue_date - chrono::Duration::days(self.window);
        for (other, state) in &mut self.cells {
            if let Neighbour::Ids(old, committed) = state
                && (other.queue_date < before || self.held + ids.len() > self.limit)
            {
                self.held -= old.len();
                *state = Neighbour::Stored { committed: *committed };
            }
        }
        let state = if self.held + ids.len() <= self.limit {
            self.held += ids.len();
            Neighbour::Ids(ids, false)
        } else {
            Neighbour::Stored { committed: false }
        };
        if let Some(Neighbour::Ids(old, _)) = self.cells.insert(key.clone(), state) {
            self.held -= old.len();
        }
    }

    /// Of the ids of `rows`, those that a cell other than `cell` within the window stores. `committed_only`: ask
    /// only cells whose stored version the log knows.
    pub async fn stored(&mut self, cell: &CellKey, rows: &[RecordBatch], committed_only: bool) -> Result<IdSet> {
        let mut found = IdSet::default();
        let ids: Vec<u128> = rows.iter().flat_map(keys_of).collect();
        if ids.is_empty() {
            return Ok(found);
        }
        let near: Vec<CellKey> = self
            .cells
            .keys()
            .filter(|k| *k != cell && (k.queue_date - cell.queue_date).num_days().abs() <= self.window)
            .cloned()
            .collect();
        for key in near {
            match self.cells.get(&key) {
                Some(Neighbour::Ids(_, committed) | Neighbour::Stored { committed })
                    if committed_only && !committed => {}
                Some(Neighbour::Ids(set, _)) => found.extend(ids.iter().filter(|i| set.contains(i))),
                Some(Neighbour::Stored { committed }) => {
                    let committed = *committed;
                    if let Some(all) = ask(&self.store, &key, &ids, rows, &mut found).await?
                        && self.held + all.len() <= self.limit
                    {
                        self.held += all.len();
                        self.cells.insert(key, Neighbour::Ids(all, committed));
                    }
                }
                None => {}
            }
        }
        Ok(found)
    }
}

/// Asks one stored cell. Few ids go through the bloom filters, with an exact look at the row groups that may hold one;
/// many are compared with the whole `id` column, which is then returned.
async fn ask(
    store: &Store,
    key: &CellKey,
    ids: &[u128],
    batches: &[RecordBatch],
    found: &mut IdSet,
) -> Result<Option<IdSet>> {
    let path = key.path();
    let wrong =
        |e: parquet::errors::ParquetError| Error::failed(format!("cannot look for stored ids in {path}")).because(e);
    let Some(meta) = store.head(&path).await? else { return Ok(None) };
    let open = || ParquetRecordBatchStreamBuilder::new(ObjectReader::new(store, &meta));
    let mut builder = open().await.map_err(wrong)?;
    let rows = builder.metadata().file_metadata().num_rows().max(0) as usize;
    let whole = ids.len() >= rows / 20;
    if whole {
        let all = read_ids(builder, None).await.map_err(wrong)?;
        found.extend(ids.iter().filter(|i| all.contains(i)));
        return Ok(Some(all));
    }
    let column = builder.parquet_schema().columns().iter().position(|c| c.path().string() == crate::table::ID);
    let Some(column) = column else { return Ok(None) };
    let mut suspects = Vec::new();
    for group in 0..builder.metadata().num_row_groups() {
        let may_hold = match builder.get_row_group_column_bloom_filter(group, column).await.map_err(wrong)? {
            Some(filter) => batches.iter().flat_map(ids_of).any(|id| filter.check(&id)),
            None => true,
        };
        if may_hold {
            suspects.push(group);
        }
    }
    if !suspects.is_empty() {
        let some = read_ids(open().await.map_err(wrong)?, Some(suspects)).await.map_err(wrong)?;
        found.extend(ids.iter().filter(|i| some.contains(i)));
    }
    Ok(None)
}

async fn read_ids(
    builder: ParquetRecordBatchStreamBuilder<ObjectReader>,
    groups: Option<Vec<usize>>,
) -> parquet::errors::Result<IdSet> {
    let mask = ProjectionMask::columns(builder.parquet_schema(), [crate::table::ID]);
    let mut builder = builder.with_projection(mask);
    if let Some(groups) = groups {
        builder = builder.with_row_groups(groups);
    }
    let mut all = IdSet::default();
    let mut stream = builder.build()?;
    while let Some(batch) = stream.try_next().await? {
        all.extend(keys_of(&batch));
    }
    Ok(all)
}

/// The ids of a batch, in row order.
pub fn keys_of(batch: &RecordBatch) -> Vec<u128> {
    let ids = batch.column_by_name(crate::table::ID).and_then(|c| c.as_string_opt::<i32>());
    ids.map(|ids| ids.iter().map(|id| id.map_or(0, id_key)).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_itself_and_other_spellings_are_other_ids() {
        let id = "0f8b1c9e-1234-4abc-8def-0123456789ab";
        assert_eq!(id_key(id), 0x0f8b_1c9e_1234_4abc_8def_0123_4567_89ab);
        assert_ne!(id_key(id), id_key(&id.to_uppercase()));
        assert_ne!(id_key("a"), id_key("b"));
        assert_ne!(id_key("0f8b1c9e+1234-4abc-8def-0123456789ab"), id_key(id));
    }
}
