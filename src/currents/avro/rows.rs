//! Blocks of records into columns, and the columns into one record batch.

use super::super::text_column::NotUtf8;
use super::super::{Damage, Limits, Reason};
use super::column::{Budget, Column, Context};
use super::container::Block;
use super::cursor::{Cursor, Fault};
use super::plan::{Plan, Read};
use arrow::array::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The records of one file, or of a piece of it, so far.
pub(super) struct Rows<'a> {
    plan: Arc<Plan>,
    limits: &'a Limits,
    budget: Budget,
    columns: Vec<Column>,
    /// Records of the file before these.
    before: u64,
    /// Records of the file, with those before.
    records: u64,
    /// Whether a record reads anything at all; a record of nulls is only a count.
    reads: bool,
}

impl<'a> Rows<'a> {
    /// Rows that come after `before` others of the same file. `coded`: text that repeats may be kept as a dictionary.
    pub(super) fn new(plan: Arc<Plan>, limits: &'a Limits, before: u64, coded: bool) -> Rows<'a> {
        Rows {
            limits,
            budget: Budget { left: limits.column_bytes },
            columns: plan.columns.iter().map(|column| Column::new(column, coded)).collect(),
            before,
            records: before,
            reads: plan.columns.iter().any(|column| column.union.is_some() || column.read != Read::Null),
            plan,
        }
    }

    /// The numbers of these records in the file.
    pub(super) fn positions(&self) -> std::ops::Range<u64> {
        self.before..self.records
    }

    /// Makes room for about so many records.
    pub(super) fn make_room(&mut self, records: usize) {
        // Where a guess falls short by one record, every column is copied to twice its room.
        let records = records.saturating_add(records / 16);
        if self.reads {
            self.columns.iter_mut().for_each(|column| column.reserve(records));
        }
    }

    /// Reads a block's records; they must use up its bytes exactly.
    pub(super) fn block(&mut self, block: &Block<'_>, data: &[u8]) -> Result<(), Damage> {
        let damage = |reason, what: String| {
            Err(Damage::new(reason, format!("block {} at byte {}: {what}", block.number, block.offset)))
        };
        let limits = self.limits;
        if self.records.saturating_add(block.count) > limits.records {
            // A count that its bytes cannot hold is a broken block rather than a large one.
            let reason = if self.fits(block.count, data) { Reason::LimitExceeded } else { Reason::BadBlock };
            return damage(reason, format!("the block announces {} records", block.count));
        }
        if !self.fits(block.count, data) {
            return damage(
                Reason::BadBlock,
                format!("{} records cannot lie in {} bytes of data", block.count, data.len()),
            );
        }
        let count = usize::try_from(block.count).unwrap_or(usize::MAX);
        // One byte a row for its position, which the part will list.
        let fixed = count.saturating_mul(self.plan.row_bytes.saturating_add(8));
        if self.budget.spend(fixed).is_err() {
            return damage(Reason::LimitExceeded, format!("the columns take more than {} bytes", limits.column_bytes));
        }
        let mut cursor = Cursor::new(data);
        if self.reads {
            for column in &mut self.columns {
                column.reserve(count);
            }
            let mut context = Context { schema: &self.plan.schema, limits, budget: &mut self.budget };
            for row in 0..block.count {
                for (index, column) in self.columns.iter_mut().enumerate() {
                    if let Err(fault) = column.read(&mut cursor, &mut context) {
                        let what = self.describe(self.records.saturating_add(row), index, cursor.at, fault);
                        return damage(fault.reason(), what);
                    }
                }
            }
        }
        if cursor.left() > 0 {
            let what = format!("{} records end {} bytes before the block does", block.count, cursor.left());
            return damage(Reason::BadBlock, what);
        }
        self.records = self.records.saturating_add(block.count);
        Ok(())
    }

    fn fits(&self, count: u64, data: &[u8]) -> bool {
        let least = u64::try_from(self.plan.least).unwrap_or(u64::MAX);
        count.checked_mul(least).is_some_and(|bytes| bytes <= u64::try_from(data.len()).unwrap_or(u64::MAX))
    }

    fn describe(&self, record: u64, column: usize, at: usize, fault: Fault) -> String {
        let name = self.plan.columns.get(column).map_or("", |column| column.name.as_str());
        format!("record {record}, field `{name}`, byte {at} of the block's data: {}", fault.text())
    }

    /// One batch of these records.
    pub(super) fn finish(self) -> Result<RecordBatch, Damage> {
        let before = self.before;
        let rows = usize::try_from(self.records - before).unwrap_or(usize::MAX);
        let coded: Vec<bool> = self.columns.iter().map(Column::is_coded).collect();
        for (column, plan) in self.columns.iter().zip(&self.plan.columns) {
            if column.hardly_repeats() {
                plan.plain.store(true, Ordering::Relaxed);
            }
        }
        let schema = self.plan.arrow(&coded);
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.into_iter().zip(schema.fields()) {
            arrays.push(column.finish(rows, field.data_type()).map_err(|NotUtf8(row)| {
                let row = before.saturating_add(u64::try_from(row).unwrap_or(u64::MAX));
                let what = format!("record {row}, field `{}`: {}", field.name(), Fault::Utf8.text());
                Damage::new(Reason::BadRecord, what)
            })?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, arrays, &options)
            .map_err(|_| Damage::new(Reason::BadRecord, "the columns do not make a batch"))
    }
}
