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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Definitions, SOURCE_ROW};
    use arrow::array::{Float32Array, Float64Array, Int32Array, ListArray, TimestampMillisecondArray};
    use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};

    fn json(name: &str) -> Field {
        let kind = [(KIND_KEY.to_string(), KIND_JSON.to_string())];
        Field::new(name, DataType::Utf8, true).with_metadata(kind.into_iter().collect())
    }

    fn plain(name: &str, array: &ArrayRef) -> Field {
        Field::new(name, array.data_type().clone(), true)
    }

    fn batch(columns: Vec<(&str, ArrayRef)>, json_columns: Vec<(&str, Vec<Option<&str>>)>) -> RecordBatch {
        let mut fields: Vec<Field> = columns.iter().map(|(n, a)| plain(n, a)).collect();
        let mut arrays: Vec<ArrayRef> = columns.into_iter().map(|(_, a)| a).collect();
        for (name, texts) in json_columns {
            fields.push(json(name));
            arrays.push(Arc::new(StringArray::from(texts)));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    }

    fn ids(texts: &[Option<&str>]) -> (&'static str, ArrayRef) {
        ("id", Arc::new(StringArray::from(texts.to_vec())))
    }

    fn purchase() -> TableSchema {
        TableSchema::defined("users_behaviors_purchase", &Definitions::builtin().unwrap())
    }

    fn extra(batch: &RecordBatch, row: usize) -> Option<String> {
        let column = batch.column_by_name(EXTRA).unwrap().as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_string())
    }

    #[test]
    fn a_price_keeps_its_shortest_decimal_and_time_becomes_a_timestamp() {
        let rows = batch(
            vec![
                ids(&[Some("a"), Some("b"), Some("c")]),
                ("price", Arc::new(Float32Array::from(vec![12.34, 0.1, 3.0]))),
                ("time", Arc::new(Int32Array::from(vec![Some(1_700_000_000), None, Some(-1)]))),
            ],
            vec![],
        );
        let done = conform(&purchase(), &rows, &[0, 1, 2], "f").unwrap();
        let prices = done.batch.column_by_name("price").unwrap().as_primitive::<Float64Type>();
        assert_eq!(prices.values(), &[12.34, 0.1, 3.0]);
        let times = done.batch.column_by_name("time").unwrap().as_primitive::<TimestampMicrosecondType>();
        assert_eq!(times.iter().collect::<Vec<_>>(), [Some(1_700_000_000_000_000), None, Some(-1_000_000)]);
        assert!(done.misfits.is_empty() && done.rejects.is_empty() && !has_extra(&done.batch));
    }

    #[test]
    fn what_does_not_fit_goes_to_extra_and_the_row_is_kept() {
        let rows = batch(
            vec![ids(&[Some("a"), Some("b")]), ("price", Arc::new(StringArray::from(vec![Some("12.34"), None])))],
            vec![("new_thing", vec![Some(r#"{"deep":[1,2]}"#), None]), ("time", vec![Some("\"noon\""), Some("17")])],
        );
        let done = conform(&purchase(), &rows, &[4, 5], "f").unwrap();
        assert_eq!(done.batch.num_rows(), 2);
        assert_eq!(extra(&done.batch, 0).unwrap(), r#"{"price":"12.34","new_thing":{"deep":[1,2]},"time":"noon"}"#);
        assert_eq!(extra(&done.batch, 1), None);
        assert_eq!(done.misfits, BTreeMap::from([("price".to_string(), 1), ("time".to_string(), 1)]));
        let positions = done.batch.column_by_name(SOURCE_ROW).unwrap().as_primitive::<Int64Type>();
        assert_eq!(positions.values(), &[4, 5]);
    }

    #[test]
    fn a_moment_no_reader_can_hold_is_a_misfit() {
        let millis: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![1_700_000_000_000, 1_700_000_000]));
        let done =
            conform(&purchase(), &batch(vec![ids(&[Some("a"), Some("b")]), ("time", millis)], vec![]), &[0, 1], "f")
                .unwrap();
        assert_eq!(done.misfits["time"], 1);
        assert_eq!(extra(&done.batch, 0).unwrap(), r#"{"time":1700000000000}"#);
    }

    #[test]
    fn text_columns_take_numbers_and_json_as_their_text() {
        let rows = batch(
            vec![ids(&[Some("a"), Some("b")]), ("app_id", Arc::new(Int32Array::from(vec![7, 8])))],
            vec![("properties", vec![Some(r#"{"k":1}"#), Some("\"{}\"")])],
        );
        let done = conform(&purchase(), &rows, &[0, 1], "f").unwrap();
        let text = |name: &str| {
            let column = done.batch.column_by_name(name).unwrap().as_string::<i32>().clone();
            column.iter().map(|t| t.unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(text("properties"), [r#"{"k":1}"#, "{}"]);
        assert_eq!(text("app_id"), ["7", "8"]);
        assert!(done.misfits.is_empty());
    }

    #[test]
    fn a_record_without_an_id_is_rejected_with_its_position() {
        let rows = batch(
            vec![ids(&[Some("a"), None, Some("")]), ("price", Arc::new(Float64Array::from(vec![1.5, 2.5, 3.5])))],
            vec![],
        );
        let done = conform(&purchase(), &rows, &[10, 11, 12], "f").unwrap();
        assert_eq!(done.batch.num_rows(), 1);
        assert_eq!(done.rejects[0], (11, "no_id", r#"{"id":null,"price":2.5}"#.to_string()));
        assert_eq!(done.rejects[1].0, 12);
    }

    #[test]
    fn a_second_spelling_of_a_column_does_not_overwrite_the_first() {
        let text = |t: &str| -> ArrayRef { Arc::new(StringArray::from(vec![t])) };
        let rows = batch(vec![ids(&[Some("a")]), ("user_id", text("first")), ("User_ID", text("second"))], vec![]);
        let done = conform(&purchase(), &rows, &[0], "f").unwrap();
        assert_eq!(done.batch.column_by_name("user_id").unwrap().as_string::<i32>().value(0), "first");
        assert_eq!(extra(&done.batch, 0).unwrap(), r#"{"User_ID":"second"}"#);
    }

    #[test]
    fn discovered_columns_are_those_with_a_plain_type_and_a_free_name() {
        let list: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>([Some([Some(1)])]));
        let rows = batch(
            vec![
                ids(&[Some("a")]),
                ("flag", Arc::new(BooleanArray::from(vec![true]))),
                ("numbers", list),
                ("seen_at", Arc::new(TimestampMillisecondArray::from(vec![5]).with_timezone("UTC"))),
                ("_mine", Arc::new(StringArray::from(vec!["x"]))),
            ],
            vec![("mixed", vec![Some("1")])],
        );
        let names: Vec<(String, String)> =
            discover(&purchase(), rows.schema_ref()).into_iter().map(|c| (c.name, c.kind)).collect();
        let expected = [("flag", "boolean"), ("seen_at", "timestamp_ms")].map(|(n, k)| (n.to_string(), k.to_string()));
        assert_eq!(names, expected);
    }

    #[test]
    fn rows_of_an_earlier_schema_are_padded_with_nulls() {
        let mut schema = purchase();
        let done = conform(&schema, &batch(vec![ids(&[Some("a")])], vec![]), &[0], "f").unwrap();
        schema.add("new_one", ColumnType::Long);
        let padded = pad(&schema, &done.batch).unwrap();
        assert_eq!(padded.schema().fields(), schema.arrow().fields());
        assert_eq!(padded.column_by_name("new_one").unwrap().null_count(), 1);
    }
}
