//! Which ids are stored already, in this cell or in the cells around it.

use crate::error::{Kind, Result};
use crate::warehouse::id::{IdFilter, IdSet, KeptIds, id_keys};
use crate::warehouse::object_reader::read_error;
use crate::warehouse::order::Selected;
use crate::warehouse::stored_cell::ids_of;
use crate::warehouse::{CellKey, ObjectReader, Store, uuid};
use arrow::array::{AsArray, RecordBatch};
use futures::TryStreamExt;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use std::collections::BTreeMap;

/// The cells of one table around the ones being built.
pub struct Neighbours {
    store: Store,
    window: i64,
    cells: BTreeMap<CellKey, Neighbour>,
    /// Ids held in memory, over all cells.
    held: usize,
    limit: usize,
    /// Knows every id held in memory.
    filter: IdFilter,
}

enum Neighbour {
    /// In the store.
    Stored,
    /// Its ids, built or read in this pass.
    Ids(KeptIds),
}

impl Neighbours {
    /// The cells in `stored`, compared within `window` days. At most `limit` ids are held in memory; beyond it, cells
    /// are asked again through their bloom filters.
    pub fn new<'a>(store: Store, window: i64, stored: impl Iterator<Item = &'a CellKey>, limit: usize) -> Neighbours {
        let cells = stored.map(|key| (key.clone(), Neighbour::Stored)).collect();
        Neighbours { store, window, cells, held: 0, limit, filter: IdFilter::for_ids(0) }
    }

    /// A cell was just built. Its ids are remembered when others are to be compared with them in this pass; whoever
    /// compares nevertheless finds them in the store.
    pub fn built(&mut self, key: &CellKey, ids: Option<Vec<u128>>) {
        if let Some(Neighbour::Ids(old)) = self.cells.insert(key.clone(), Neighbour::Stored) {
            self.held -= old.len();
        }
        let Some(ids) = ids else { return };
        let ids = KeptIds::of(&ids);
        // Cells are built day by day: what lies before the window is not asked for again.
        let before = key.queue_date - chrono::Duration::days(self.window);
        for (other, state) in &mut self.cells {
            if let Neighbour::Ids(old) = state
                && (other.queue_date < before || self.held + ids.len() > self.limit)
            {
                self.held -= old.len();
                *state = Neighbour::Stored;
            }
        }
        if self.held + ids.len() <= self.limit {
            self.hold(key.clone(), ids);
        }
    }

    /// The cells within the window around `cell`, in order.
    pub fn around(&self, cell: &CellKey) -> Vec<CellKey> {
        let near = |k: &&CellKey| *k != cell && (k.queue_date - cell.queue_date).num_days().abs() <= self.window;
        self.cells.keys().filter(near).cloned().collect()
    }

    /// Of `ids`, the ids of `rows`, those that a cell other than `cell` within the window stores.
    pub async fn stored(&mut self, cell: &CellKey, ids: &[u128], rows: &[Selected]) -> Result<IdSet> {
        let mut found = IdSet::default();
        if ids.is_empty() {
            return Ok(found);
        }
        // Hardly any id is known: one look at the filter spares a look at every set.
        let maybe: Vec<u128> = ids.iter().copied().filter(|id| self.filter.may_hold(*id)).collect();
        for key in self.around(cell) {
            match self.cells.get(&key) {
                Some(Neighbour::Ids(set)) => found.extend(maybe.iter().filter(|id| set.contains(**id))),
                Some(Neighbour::Stored) => {
                    if let Some(all) = ask(&self.store, &key, ids, rows, &mut found).await?
                        && self.held + all.len() <= self.limit
                    {
                        self.hold(key, KeptIds::of(&all.into_iter().collect::<Vec<_>>()));
                    }
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// Keeps a cell's ids in memory.
    fn hold(&mut self, key: CellKey, ids: KeptIds) {
        self.held += ids.len();
        if self.filter.takes(ids.len()) {
            self.filter.extend(ids.iter());
        } else {
            // Grown too small, and full of ids of days long past: made anew of those that are held.
            self.filter = IdFilter::for_ids(self.held / 2 * 3);
            let sets = self.cells.values().filter_map(|n| if let Neighbour::Ids(set) = n { Some(set) } else { None });
            sets.chain([&ids]).for_each(|set| self.filter.extend(set.iter()));
        }
        self.cells.insert(key, Neighbour::Ids(ids));
    }
}

/// Asks one stored cell. Another writer may replace it meanwhile: then what is there now counts.
async fn ask(
    store: &Store,
    key: &CellKey,
    ids: &[u128],
    batches: &[Selected],
    found: &mut IdSet,
) -> Result<Option<IdSet>> {
    /// More often than that a cell is not replaced while one reads it.
    const ATTEMPTS: usize = 8;
    let mut attempts = 1;
    loop {
        match ask_one_version(store, key, ids, batches, found).await {
            Err(e) if e.kind() == Kind::Conflict && attempts < ATTEMPTS => attempts += 1,
            done => return done,
        }
    }
}

/// Few ids go through the bloom filters, with an exact look at the row groups that may hold one;
/// many are compared with the whole `id` column, which is then returned.
async fn ask_one_version(
    store: &Store,
    key: &CellKey,
    ids: &[u128],
    batches: &[Selected],
    found: &mut IdSet,
) -> Result<Option<IdSet>> {
    let path = key.path();
    let wrong = |e| read_error(format!("cannot look for stored ids in {path}"), e);
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
            Some(filter) => batches.iter().any(|b| any_id(&b.batch, |id| filter.check(id))),
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
        all.extend(keys_of(&batch).0);
    }
    Ok(all)
}

/// The keys of a batch's ids, in row order, and whether every id is the UUID that is its key.
pub fn keys_of(batch: &RecordBatch) -> (Vec<u128>, bool) {
    let ids = batch.column_by_name(crate::table::ID).and_then(|c| c.as_string_opt::<i32>());
    ids.map(|ids| id_keys(ids.iter())).unwrap_or_default()
}

/// Whether one of a batch's ids is, by its text, what is looked for.
fn any_id(batch: &RecordBatch, is_it: impl Fn(&[u8]) -> bool) -> bool {
    match batch.column_by_name(crate::table::ID).and_then(uuid::held) {
        Some(mut uuids) => uuids.any(|uuid| is_it(&uuid::spelled(uuid))),
        None => ids_of(batch).any(|id| is_it(id.as_bytes())),
    }
}
