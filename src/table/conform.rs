//! Turns what a file held into what the table stores: columns by name, types as the table has them, everything
//! else in `_extra`. Nothing is dropped: a value that does not fit its column is kept in `_extra` under its name.

use super::column::{ColumnType, uuid_type};
use super::convert::{Converted, convert};
use super::extra::ExtraText;
use super::schema::{EXTRA, ID, NewColumn, SOURCE_FILE, SOURCE_ROW, TableSchema};
use crate::currents::coded_type;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int64Array, RecordBatch, StringArray, UInt16Array,
};
use arrow::compute::{cast, filter};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt16Type};
use arrow::error::ArrowError;
use std::collections::{BTreeMap, HashMap};
use std::iter::repeat_n;
use std::sync::Arc;

/// Field metadata key and value by which a decoder marks a column that holds JSON text of values.
pub const KIND_KEY: &str = "eddyline.kind";
/// See [`KIND_KEY`].
pub const KIND_JSON: &str = "json";

/// A batch in the table's schema, and what did not make it there.
#[derive(Debug)]
pub struct Conformed {
    /// The rows: the table's columns that the records have, with its types, in its order.
    pub batch: RecordBatch,
    /// Rows without a usable `id`.
    pub rejects: Vec<NoIdentity>,
    /// How many values went to `_extra` because they do not fit their column, by column.
    pub misfits: BTreeMap<String, u64>,
}

/// A record that no table can hold, for want of an `id`.
#[derive(Debug)]
pub struct NoIdentity {
    /// The number of the run it came in.
    pub run: usize,
    /// Its number in the file.
    pub position: u64,
    /// What is wrong with it.
    pub reason: &'static str,
    /// All of it, as JSON text.
    pub record: String,
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

/// Rows that lie together in a batch and come from one file.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The file's key.
    pub source: &'a str,
    /// Each row's number in the file.
    pub positions: &'a [u64],
}

/// How records of one decoded schema fit a table: worked out once, used for all their batches.
#[derive(Debug)]
pub struct Fit {
    decoded: SchemaRef,
    /// For each decoded field, the column it goes to: its place in `arrow`, and its type. `None`: to `_extra`.
    places: Vec<Option<(usize, ColumnType)>>,
    /// The conformed batches' columns: those of the table that the records have, in its order, then Eddyline's own.
    arrow: SchemaRef,
}

impl Fit {
    /// Works it out.
    pub fn new(schema: &TableSchema, decoded: &SchemaRef) -> Fit {
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, field) in decoded.fields().iter().enumerate() {
            if let Some(position) = schema.position(field.name()) {
                // A second field for the same column (`User_ID` beside `user_id`) must not overwrite the first.
                taken.entry(position).or_insert(number);
            }
        }
        let mut places = vec![None; decoded.fields().len()];
        let mut fields: Vec<Arc<Field>> = Vec::with_capacity(taken.len() + 3);
        for (position, number) in taken {
            let column = schema.columns().get(position).zip(schema.arrow().fields().get(position));
            if let (Some(((name, kind), field)), Some(place)) = (column, places.get_mut(number)) {
                *place = Some((fields.len(), *kind));
                // Ids are looked at one by one: they are plain text.
                let keeps =
                    *kind == ColumnType::String && name != ID && decoded.field(number).data_type() == &coded_type();
                fields.push(if keeps { coded(field) } else { field.clone() });
            }
        }
        fields.push(Arc::new(Field::new(EXTRA, DataType::Utf8, true)));
        // A key is long, and the same for many rows.
        fields.push(Arc::new(Field::new(SOURCE_FILE, coded_type(), true)));
        fields.push(Arc::new(Field::new(SOURCE_ROW, DataType::Int64, true)));
        Fit { decoded: decoded.clone(), places, arrow: Arc::new(Schema::new(fields)) }
    }

    /// Whether it was worked out for this very schema.
    pub fn is_of(&self, decoded: &SchemaRef) -> bool {
        Arc::ptr_eq(&self.decoded, decoded)
    }

    /// Puts a decoded batch into the table's columns. `runs` say where its rows come from, in order.
    pub fn conform(&self, batch: &RecordBatch, runs: &[Run<'_>]) -> Result<Conformed, ArrowError> {
        let rows = batch.num_rows();
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.arrow.fields().len()];
        let mut misfits = BTreeMap::new();
        let mut extra = ExtraText::new(rows);
        for ((field, array), place) in self.decoded.fields().iter().zip(batch.columns()).zip(&self.places) {
            let target = place.and_then(|(at, kind)| Some((arrays.get_mut(at)?, self.arrow.fields().get(at)?, kind)));
            let stays = target.as_ref().is_some_and(|(_, column, _)| column.data_type() == &coded_type());
            let is_coded = array.data_type() == &coded_type();
            let plain = (is_coded && !stays).then(|| cast(array, &DataType::Utf8)).transpose()?;
            let array = plain.as_ref().unwrap_or(array);
            let Some((slot, column, kind)) = target else {
                extra.add_all(field.name(), array, is_json(field));
                continue;
            };
            if stays {
                *slot = Some(array.clone());
                continue;
            }
            let Converted { array: converted, misfit_rows } = convert(array, is_json(field), kind)?;
            if !misfit_rows.is_empty() {
                misfits.insert(column.name().clone(), misfit_rows.len() as u64);
                for row in misfit_rows {
                    extra.add(row, field.name(), array, is_json(field));
                }
            }
            *slot = Some(converted);
        }
        let own = [extra.finish(), sources(runs)?, source_rows(runs)];
        let arrays: Vec<ArrayRef> = arrays.into_iter().flatten().chain(own).collect();
        self.with_identity(arrays, batch, runs, misfits)
    }

    /// Splits off the rows that have no identity: they cannot be stored once, so they cannot be stored.
    fn with_identity(
        &self,
        mut arrays: Vec<ArrayRef>,
        decoded: &RecordBatch,
        runs: &[Run<'_>],
        misfits: BTreeMap<String, u64>,
    ) -> Result<Conformed, ArrowError> {
        let id = self.arrow.index_of(ID).ok().and_then(|at| arrays.get(at)).and_then(|c| c.as_string_opt::<i32>());
        let has_id = |ids: &StringArray, row: usize| ids.is_valid(row) && !ids.value(row).is_empty();
        let usable: Vec<bool> = (0..decoded.num_rows()).map(|row| id.is_some_and(|ids| has_id(ids, row))).collect();
        let mut rejects = Vec::new();
        if usable.contains(&false) {
            let places = runs.iter().enumerate().flat_map(|(run, r)| r.positions.iter().map(move |p| (run, *p)));
            for ((row, usable), (run, position)) in usable.iter().enumerate().zip(places) {
                if !usable {
                    let record = super::extra::record_text(decoded, row);
                    rejects.push(NoIdentity { run, position, reason: "no_id", record });
                }
            }
            let usable = BooleanArray::from(usable);
            arrays = arrays.iter().map(|array| filter(array, &usable)).collect::<Result<_, _>>()?;
        }
        let batch = RecordBatch::try_new(self.arrow.clone(), arrays)?;
        Ok(Conformed { batch, rejects, misfits })
    }
}

fn coded(field: &Field) -> Arc<Field> {
    Arc::new(field.clone().with_data_type(coded_type()))
}

fn sources(runs: &[Run<'_>]) -> Result<ArrayRef, ArrowError> {
    let with_rows = || runs.iter().filter(|run| !run.positions.is_empty());
    let keys = StringArray::from_iter_values(with_rows().map(|run| run.source));
    let mut codes: Vec<u16> = Vec::with_capacity(with_rows().map(|run| run.positions.len()).sum());
    for (number, run) in with_rows().enumerate() {
        let code = u16::try_from(number).map_err(|_| ArrowError::DictionaryKeyOverflowError)?;
        codes.extend(repeat_n(code, run.positions.len()));
    }
    Ok(Arc::new(DictionaryArray::<UInt16Type>::try_new(UInt16Array::from(codes), Arc::new(keys))?))
}

fn source_rows(runs: &[Run<'_>]) -> ArrayRef {
    let rows = runs.iter().flat_map(|run| run.positions);
    Arc::new(Int64Array::from_iter_values(rows.map(|position| *position as i64)))
}

/// A batch's columns in the order of a table's schema of now. A column the batch has not is `None`: it is null
/// throughout. Text may be dictionary encoded, ids may be UUIDs held as bytes.
pub fn align(schema: &TableSchema, batch: &RecordBatch) -> Result<Vec<Option<ArrayRef>>, ArrowError> {
    let mut numbers: HashMap<&str, usize> = HashMap::with_capacity(batch.num_columns());
    for (number, field) in batch.schema_ref().fields().iter().enumerate() {
        numbers.insert(field.name(), number);
    }
    let column = |field: &Arc<Field>| {
        let Some(array) = numbers.get(field.name().as_str()).and_then(|at| batch.columns().get(*at)) else {
            return Ok(None);
        };
        let held_as = array.data_type();
        let fits = held_as == field.data_type() || *held_as == coded_type() || *held_as == uuid_type();
        Ok(Some(if fits { array.clone() } else { cast(array, field.data_type())? }))
    };
    schema.arrow().fields().iter().map(column).collect()
}

/// Whether any row of a conformed batch carries an `_extra`.
pub fn has_extra(batch: &RecordBatch) -> bool {
    batch.column_by_name(EXTRA).is_some_and(|c| c.null_count() < c.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Definitions;
    use arrow::array::{Float32Array, Float64Array, Int32Array, ListArray, TimestampMillisecondArray};
    use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};

    fn conform(
        schema: &TableSchema,
        batch: &RecordBatch,
        positions: &[u64],
        source: &str,
    ) -> Result<Conformed, ArrowError> {
        Fit::new(schema, batch.schema_ref()).conform(batch, &[Run { source, positions }])
    }

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
        let first = &done.rejects[0];
        let expected = (11, "no_id", r#"{"id":null,"price":2.5}"#);
        assert_eq!((first.position, first.reason, first.record.as_str()), expected);
        assert_eq!(done.rejects[1].position, 12);
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
    fn columns_that_rows_do_not_have_are_absent_and_the_others_in_order() {
        let mut schema = purchase();
        let done = conform(&schema, &batch(vec![ids(&[Some("a")])], vec![]), &[0], "f").unwrap();
        assert_eq!(done.batch.num_columns(), 4);
        schema.add("new_one", ColumnType::Long);
        let aligned = align(&schema, &done.batch).unwrap();
        let there = |name: &str| aligned[schema.arrow().index_of(name).unwrap()].as_ref().map(|a| a.len());
        assert_eq!(aligned.len(), schema.arrow().fields().len());
        assert_eq!([there(ID), there("new_one"), there("price"), there(SOURCE_FILE)], [Some(1), None, None, Some(1)]);
    }

    #[test]
    fn rows_of_several_files_keep_their_origin() {
        let rows = batch(vec![ids(&[Some("a"), Some("b"), None, Some("c")])], vec![]);
        let runs = [
            Run { source: "f", positions: &[0, 2] },
            Run { source: "none", positions: &[] },
            Run { source: "g", positions: &[7, 8] },
        ];
        let done = Fit::new(&purchase(), rows.schema_ref()).conform(&rows, &runs).unwrap();
        let sources = arrow::compute::cast(done.batch.column_by_name(SOURCE_FILE).unwrap(), &DataType::Utf8).unwrap();
        let positions = done.batch.column_by_name(SOURCE_ROW).unwrap().as_primitive::<Int64Type>().clone();
        let got: Vec<_> = sources.as_string::<i32>().iter().flatten().zip(positions.iter().flatten()).collect();
        assert_eq!(got, [("f", 0), ("f", 2), ("g", 8)]);
        assert_eq!((done.rejects[0].run, done.rejects[0].position), (2, 7));
    }
}
