//! Which cells a query needs, from what the log says of them: partition values exactly, `time` by its range.

use super::holdings::Cell;
use crate::table::{QUEUE_DATE, TIME, UTC};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use std::collections::HashSet;
use std::sync::Arc;

/// Whether a filter can be decided from those columns' values alone.
pub fn decided_by(filter: &Expr, columns: &[&str]) -> bool {
    expr_applicable_for_cols(columns, filter)
}

/// The cells to read, as a mask.
///
/// `partitions` holds one row per cell: its partition values. `schema` is the whole table's. Filters that only name
/// partition columns are evaluated and so are exact; the others only leave out cells whose `time` cannot match.
pub fn needed(
    state: &dyn Session,
    schema: &SchemaRef,
    partitions: &RecordBatch,
    cells: &[Cell<'_>],
    filters: &[Expr],
) -> Result<Vec<bool>> {
    let mut keep = vec![true; cells.len()];
    let names: Vec<&str> = partitions.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
    let partition_schema = DFSchema::try_from(partitions.schema())?;
    let (exact, others): (Vec<&Expr>, Vec<&Expr>) = filters.iter().partition(|f| decided_by(f, &names));
    for filter in exact {
        let decided = state.create_physical_expr(filter.clone(), &partition_schema)?.evaluate(partitions)?;
        let decided = decided.into_array(cells.len())?;
        let Some(decided) = decided.as_boolean_opt() else { continue };
        for (row, keep) in keep.iter_mut().enumerate() {
            *keep &= decided.is_valid(row) && decided.value(row);
        }
    }
    if let Some(filter) = conjunction(others.into_iter().cloned()) {
        let whole = DFSchema::try_from(Arc::clone(schema))?;
        let expr = state.create_physical_expr(filter, &whole)?;
        // A filter the pruning rules do not understand leaves every cell in.
        if let Ok(predicate) = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).try_build(expr) {
            let kept = predicate.prune(&Known { cells, partitions })?;
            keep.iter_mut().zip(kept).for_each(|(keep, kept)| *keep &= kept);
        }
    }
    Ok(keep)
}

struct Known<'a> {
    cells: &'a [Cell<'a>],
    partitions: &'a RecordBatch,
}

impl Known<'_> {
    fn bound(&self, column: &Column, time: impl Fn((i64, i64)) -> i64) -> Option<ArrayRef> {
        if column.name == TIME {
            let values: TimestampMicrosecondArray = self.cells.iter().map(|c| c.times().map(&time)).collect();
            return Some(Arc::new(values.with_timezone(UTC)));
        }
        self.partitions.column_by_name(&column.name).cloned()
    }
}

impl PruningStatistics for Known<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |t| t.0)
    }
    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |t| t.1)
    }
    fn num_containers(&self) -> usize {
        self.cells.len()
    }
    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let none = || UInt64Array::from(vec![0; self.cells.len()]);
        (column.name == QUEUE_DATE).then(|| Arc::new(none()) as ArrayRef)
    }
    fn row_counts(&self) -> Option<ArrayRef> {
        let rows: UInt64Array = self.cells.iter().map(|c| c.rows().map(|r| r as u64)).collect();
        Some(Arc::new(rows))
    }
    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// Partition values as a batch: one row per cell.
pub fn partition_batch(fields: &Schema, rows: &[Vec<ScalarValue>]) -> Result<RecordBatch> {
    let columns = (0..fields.fields().len())
        .map(|at| ScalarValue::iter_to_array(rows.iter().filter_map(|row| row.get(at).cloned())))
        .collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::new(fields.clone()), columns)?)
}
