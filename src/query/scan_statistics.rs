//! What the log tells the optimizer about a scan: exact rows, the range of `time`, the partition values.

use super::holdings::Cell;
use crate::table::{TIME, UTC};
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use std::sync::Arc;

/// Statistics per file hold an entry per column; beyond this many entries only those of the whole scan are given.
const ENTRIES_LIMIT: usize = 200_000;

type Kept<'a> = (Cell<'a>, Vec<ScalarValue>);

fn moment(micros: i64) -> Precision<ScalarValue> {
    Precision::Exact(ScalarValue::TimestampMicrosecond(Some(micros), Some(UTC.into())))
}

/// Statistics of each file, in order; none at all when there are too many files.
pub fn file_statistics(schema: &SchemaRef, cells: &[Kept<'_>]) -> Vec<Arc<Statistics>> {
    if cells.len().saturating_mul(schema.fields().len()) > ENTRIES_LIMIT {
        return Vec::new();
    }
    cells.iter().map(|cell| Arc::new(total(schema, std::slice::from_ref(cell)))).collect()
}

/// Statistics of all files together. What is not known of one cell is not known of the whole.
pub fn total(schema: &SchemaRef, cells: &[Kept<'_>]) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema);
    let rows = cells.iter().map(|(cell, _)| cell.rows()).try_fold(0usize, |sum, rows| sum.checked_add(rows?));
    let Some(rows) = rows else { return statistics };
    statistics.num_rows = Precision::Exact(rows);
    let times: Option<Vec<(i64, i64)>> = cells.iter().map(|(cell, _)| cell.times()).collect();
    if let (Some(times), Some((at, _))) = (times, schema.fields().find(TIME))
        && let Some(column) = statistics.column_statistics.get_mut(at)
    {
        let (from, to) = (times.iter().map(|t| t.0).min(), times.iter().map(|t| t.1).max());
        column.min_value = from.map_or(Precision::Absent, moment);
        column.max_value = to.map_or(Precision::Absent, moment);
    }
    let partitions = cells.first().map_or(0, |(_, values)| values.len());
    let first = schema.fields().len().saturating_sub(partitions);
    for (at, column) in statistics.column_statistics.iter_mut().skip(first).enumerate() {
        *column = constant(cells, at);
    }
    statistics
}

/// The statistics of one partition column. A constant may be null for some tables.
fn constant(cells: &[Kept<'_>], at: usize) -> ColumnStatistics {
    let mut column = ColumnStatistics::new_unknown();
    let mut nulls = 0usize;
    let (mut least, mut most): (Option<&ScalarValue>, Option<&ScalarValue>) = (None, None);
    for (cell, values) in cells {
        let Some(value) = values.get(at) else { return column };
        if value.is_null() {
            nulls = nulls.saturating_add(cell.rows().unwrap_or(0));
            continue;
        }
        least = Some(least.map_or(value, |l| if value < l { value } else { l }));
        most = Some(most.map_or(value, |m| if value > m { value } else { m }));
    }
    column.null_count = Precision::Exact(nulls);
    column.min_value = least.map_or(Precision::Absent, |v| Precision::Exact(v.clone()));
    column.max_value = most.map_or(Precision::Absent, |v| Precision::Exact(v.clone()));
    column
}
