//! Turns what a file held into what the table stores: columns by name, types as the table has them, everything
//! else in `_extra`. Nothing is dropped: a value that does not fit its column is kept in `_extra` under its name.

use super::column::ColumnType;
use super::convert::{Converted, convert};
use super::extra::ExtraText;
use super::schema::{EXTRA, ID, NewColumn, TableSchema};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Field metadata key and value by which a decoder marks a column that holds JSON text of values.
pub const KIND_KEY: &str = "eddyline.kind";
/// See [`KIND_KEY`].
pub const KIND_JSON: &str = "json";

/// A batch in the table's schema, and what did not make it there.
#[derive(Debug)]
pub struct Conformed {
    /// The rows, in the table's schema.
    pub batch: RecordBatch,
    /// Rows without a usable `id`: (row number in the file, reason, the record as JSON text).
    pub rejects: Vec<(u64, &'static str, String)>,
    /// How many values went to `_extra` because they do not fit their column, by column.
    pub misfits: BTreeMap<String, u64>,
}

/// Whether a decoded column holds JSON text rather than values.
pub fn is_json(field: &Field) -> bool {
    field.metadata().get(KIND_KEY).is_some_and(|k| k == KIND_JSON)
}

/// The columns `batch` carries that the table does not have and could take.
pub fn discover(schema: &TableSchema, batch: &Schema) -> Vec<NewColumn> {
    let mut new: Vec<NewColumn> = Vec::new();
    for field in batch.fields() {
        if is_json(field) || !schema.may_add(field.name()) {
            continue;
        }
        let Some(kind) = ColumnType::for_decoded(field.data_type()) else { continue };
        if new.iter().all(|c| !c.name.eq_ignore_ascii_case(field.name())) {
            new.push(NewColumn { name: field.name().clone(), kind: kind.as_str().to_string() });
        }
    }
    new
}

/// Puts a decoded batch into the table's schema.
///
/// `positions` gives each row's number in the file, `source` the file's key.
pub fn conform(
    schema: &TableSchema,
    batch: &RecordBatch,
    positions: &[u64],
    source: &str,
) -> Result<Conformed, ArrowError> {
    let rows = batch.num_rows();
    let mut columns: Vec<Option<ArrayRef>> = vec![None; schema.columns().len()];
    let mut misfits = BTreeMap::new();
    let mut extra = ExtraText::new(rows);
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let position = schema.position(field.name());
        let slot = position.and_then(|at| Some((columns.get_mut(at)?, schema.columns().get(at)?)));
        match slot {
            // A second field for the same column (`User_ID` beside `user_id`) must not overwrite the first.
            Some((slot @ None, (name, kind))) => {
                let Converted { array: converted, misfit_rows } = convert(array, is_json(field), *kind)?;
                if !misfit_rows.is_empty() {
                    misfits.insert(name.clone(), misfit_rows.len() as u64);
                    for row in misfit_rows {
                        extra.add(row, field.name(), array, is_json(field));
                    }
                }
                *slot = Some(converted);
            }
            _ => extra.add_all(field.name(), array, is_json(field)),
        }
    }
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len() + 3);
    for (column, (_, kind)) in columns.into_iter().zip(schema.columns()) {
        arrays.push(column.unwrap_or_else(|| new_null_array(&kind.stored(), rows)));
    }
    arrays.push(extra.finish());
    arrays.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(source, rows))));
    arrays.push(Arc::new(Int64Array::from_iter_values(positions.iter().map(|p| *p as i64))));
    with_identity(schema, arrays, batch, positions, misfits)
}

/// Splits off the rows that have no identity: they cannot be stored once, so they cannot be stored.
fn with_identity(
    schema: &TableSchema,
    arrays: Vec<ArrayRef>,
    decoded: &RecordBatch,
    positions: &[u64],
    misfits: BTreeMap<String, u64>,
) -> Result<Conformed, ArrowError> {
    let nullable: Vec<Field> = schema.arrow().fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    let loose = RecordBatch::try_new(Arc::new(Schema::new(nullable)), arrays)?;
    let ids = loose.column_by_name(ID).and_then(|c| c.as_string_opt::<i32>());
    let usable: BooleanArray = match ids {
        Some(ids) => ids.iter().map(|id| Some(id.is_some_and(|id| !id.is_empty()))).collect(),
        None => BooleanArray::from(vec![false; loose.num_rows()]),
    };
    let mut rejects = Vec::new();
    let kept = if usable.true_count() == usable.len() {
        loose
    } else {
        for (row, usable) in usable.iter().enumerate() {
            if usable != Some(true) {
                let position = positions.get(row).copied().unwrap_or(row as u64);
                rejects.push((position, "no_id", super::extra::record_text(decoded, row)));
            }
        }
        filter_record_batch(&loose, &usable)?
    };
    let batch = RecordBatch::try_new(schema.arrow().clone(), kept.columns().to_vec())?;
    Ok(Conformed { batch, rejects, misfits })
}

/// A batch of an earlier schema of the same table in its schema of now: missing columns are null.
pub fn pad(schema: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    if batch.schema().fields() == schema.arrow().fields() {
        return RecordBatch::try_new(schema.arrow().clone(), batch.columns().to_vec());
    }
    let rows = batch.num_rows();
    let mut arrays = Vec::with_capacity(schema.arrow().fields().len());
    for field in schema.arrow().fields() {
        arrays.push(match batch.column_by_name(field.name()) {
            Some(array) if array.data_type() == field.data_type() => array.clone(),
            Some(array) => arrow::compute::cast(array, field.data_type())?,
            None => new_null_array(field.data_type(), rows),
        });
    }
    RecordBatch::try_new(schema.arrow().clone(), arrays)
}

/// Whether any row of a conformed batch carries an `_extra`.
pub fn has_extra(batch: &RecordBatch) -> bool {
    batch.column_by_name(EXTRA).is_some_and(|c| c.null_count() < c.len())
}
