//! The set a cell is: ids it holds, rows that wait to be admitted. Pure.

use super::cell_ids::CellIds;
use super::dedupe::keys_of;
use crate::table::SOURCE_FILE;
use crate::warehouse::IdSet;
use crate::warehouse::order::Selected;
use crate::warehouse::uuid::instead_of_text;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use std::collections::HashMap;

/// See the module.
#[derive(Default)]
pub struct Mix {
    ids: CellIds,
    waiting: Vec<Selected>,
    /// From which of the ids on they are those of the rows that wait.
    waiting_from: usize,
    /// Whose the rows are that wait: file numbers, and how many rows of each follow each other.
    waiting_runs: Vec<(usize, usize)>,
    waiting_bytes: usize,
    /// Duplicates within the cell, by file, not yet reported.
    duplicates: HashMap<usize, u64>,
    admitted: u64,
}

/// What was admitted.
pub struct Admitted {
    /// The rows, in the order they were offered.
    pub batches: Vec<Selected>,
    /// Per file: (its number, rows admitted, duplicates).
    pub counts: Vec<(usize, u64, u64)>,
}

impl Mix {
    /// Ids the cell has already. They come before any row is offered.
    pub fn hold(&mut self, ids: impl Iterator<Item = u128>) {
        ids.for_each(|id| _ = self.ids.insert(id));
        self.waiting_from = self.ids.len();
    }

    /// Makes room for about so many rows: a table that grows is made anew each time.
    pub fn reserve(&mut self, rows: usize) {
        self.ids.reserve(rows);
    }

    /// Offers rows; `runs` say which file numbers they are of, and how many rows of each follow each other. Rows whose
    /// id the cell has are duplicates; the first of several wins.
    pub fn offer(&mut self, runs: &[(usize, usize)], batch: RecordBatch) {
        let (keys, are_uuids) = keys_of(&batch);
        let keep = self.ids.insert_all(&keys);
        let mut left = keep.as_slice();
        for (file, rows) in runs {
            let (here, rest) = left.split_at_checked(*rows).unwrap_or((left, &[]));
            left = rest;
            let kept = here.iter().filter(|kept| **kept).count();
            self.waiting_runs.push((*file, kept));
            *self.duplicates.entry(*file).or_default() += (here.len() - kept) as u64;
        }
        let batch = if are_uuids { instead_of_text(batch, keys) } else { batch };
        let selected = Selected::of(without_nulls(batch), &keep);
        if !selected.is_empty() {
            self.waiting_bytes += selected.batch.get_array_memory_size() + keep.len() * size_of::<u128>();
            self.waiting.push(selected);
        }
    }

    /// Bytes of rows that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Rows that wait.
    pub fn waiting(&self) -> &[Selected] {
        &self.waiting
    }

    /// Their ids.
    pub fn waiting_ids(&self) -> &[u128] {
        self.ids.since(self.waiting_from)
    }

    /// Admits what waits, except ids stored elsewhere.
    pub fn admit(&mut self, elsewhere: &IdSet) -> Admitted {
        let mut counts: HashMap<usize, (u64, u64)> =
            self.duplicates.drain().map(|(file, duplicates)| (file, (0, duplicates))).collect();
        // Asked once for each row, and not at all when there is nothing elsewhere.
        let ids = if elsewhere.is_empty() { &[] } else { self.ids.since(self.waiting_from) };
        let keep: Vec<bool> = ids.iter().map(|id| !elsewhere.contains(id)).collect();
        let mut left = keep.as_slice();
        for (file, rows) in self.waiting_runs.drain(..) {
            let (here, rest) = left.split_at_checked(rows).unwrap_or((left, &[]));
            left = rest;
            let known = here.iter().filter(|kept| !**kept).count();
            let count = counts.entry(file).or_default();
            count.0 += (rows - known) as u64;
            count.1 += known as u64;
            self.admitted += (rows - known) as u64;
        }
        let mut batches = std::mem::take(&mut self.waiting);
        if !elsewhere.is_empty() {
            let mut left = keep.as_slice();
            for batch in &mut batches {
                let (here, rest) = left.split_at_checked(batch.len()).unwrap_or((left, &[]));
                left = rest;
                batch.retain(here);
            }
            batches.retain(|batch| !batch.is_empty());
        }
        self.waiting_bytes = 0;
        self.waiting_from = self.ids.len();
        for id in elsewhere {
            // Stored elsewhere, so not here: neighbours built later must not think so.
            self.ids.remove(*id);
        }
        Admitted { batches, counts: counts.into_iter().map(|(file, (new, dup))| (file, new, dup)).collect() }
    }

    /// Rows admitted so far.
    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    /// The rows of the stored cell that stay: all but `dropped`; when rebuilding, those no file brought again.
    /// Rows that leave are counted by their source file. It comes when nothing waits any more.
    pub fn keep_of_base(
        &mut self,
        batch: RecordBatch,
        rebuild: bool,
        dropped: &IdSet,
        left_out: &mut HashMap<String, u64>,
    ) -> Selected {
        if !rebuild && dropped.is_empty() {
            return batch.into();
        }
        let (keys, _) = keys_of(&batch);
        let keep: Vec<bool> =
            keys.into_iter().map(|id| if rebuild { self.ids.insert(id) } else { !dropped.contains(&id) }).collect();
        // It may come as a dictionary.
        let sources = batch.column_by_name(SOURCE_FILE).and_then(|column| cast(column, &DataType::Utf8).ok());
        let sources = sources.as_ref().and_then(|column| column.as_string_opt::<i32>());
        for (row, _) in keep.iter().enumerate().filter(|(_, kept)| !**kept) {
            let source = sources.map_or("", |s| s.value(row));
            *left_out.entry(source.to_string()).or_default() += 1;
        }
        self.waiting_from = self.ids.len();
        for id in dropped {
            self.ids.remove(*id);
        }
        Selected::of(batch, &keep)
    }

    /// Holds only what is asked for once no more rows are expected, until some are.
    pub fn rest(&mut self) {
        self.ids.rest();
    }

    /// The ids of the cell.
    pub fn into_ids(self) -> Vec<u128> {
        self.ids.into_ids()
    }
}

/// A batch without the columns that are null throughout: that is what a column is that the batch has not.
fn without_nulls(batch: RecordBatch) -> RecordBatch {
    let has_values = |column: &ArrayRef| column.null_count() < column.len();
    let kept: Vec<usize> =
        (0..).zip(batch.columns()).filter(|(_, column)| has_values(column)).map(|(at, _)| at).collect();
    if kept.len() == batch.num_columns() {
        return batch;
    }
    batch.project(&kept).unwrap_or(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::id_key;
    use arrow::array::StringArray;
    use std::sync::Arc;

    fn batch(ids: &[&str]) -> RecordBatch {
        let files = StringArray::from(vec!["f"; ids.len()]);
        RecordBatch::try_from_iter([
            ("id", Arc::new(StringArray::from(ids.to_vec())) as _),
            (SOURCE_FILE, Arc::new(files) as _),
        ])
        .unwrap()
    }

    #[test]
    fn the_first_of_several_wins_and_every_record_is_counted() {
        let mut mix = Mix::default();
        mix.hold(["old"].into_iter().map(id_key));
        mix.offer(&[(0, 4), (1, 2)], batch(&["a", "old", "b", "a", "b", "c"]));
        let elsewhere: IdSet = [id_key("c")].into_iter().collect();
        let mut admitted = mix.admit(&elsewhere);
        admitted.counts.sort();
        assert_eq!(admitted.counts, [(0, 2, 2), (1, 0, 2)]);
        assert_eq!(admitted.batches.iter().map(Selected::len).sum::<usize>(), 2);
        assert_eq!(mix.admitted(), 2);
        assert!(!mix.into_ids().contains(&id_key("c")));
    }

    #[test]
    fn columns_that_are_null_throughout_do_not_wait() {
        let nothing: ArrayRef = Arc::new(StringArray::new_null(2));
        let some: ArrayRef = Arc::new(StringArray::from(vec![None, Some("x")]));
        let ids: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let batch = |columns: Vec<(&str, &ArrayRef)>| {
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, c)| (name, c.clone(), true)))
                .unwrap()
        };
        let with = batch(vec![("nothing", &nothing), ("id", &ids), ("too", &nothing), ("some", &some)]);
        let without = batch(vec![("id", &ids), ("some", &some)]);
        assert_eq!(without_nulls(with), without);
        assert_eq!(without_nulls(without.clone()), without);
        assert_eq!(without_nulls(batch(vec![("nothing", &nothing)])).num_rows(), 2);
    }

    #[test]
    fn when_rebuilding_rows_nobody_brings_again_stay() {
        let mut mix = Mix::default();
        mix.offer(&[(0, 1)], batch(&["a"]));
        mix.admit(&IdSet::default());
        let mut left = HashMap::new();
        let kept = mix.keep_of_base(batch(&["a", "gone"]), true, &IdSet::default(), &mut left);
        assert_eq!(kept.len(), 1);
        assert_eq!(left["f"], 1);
    }
}
