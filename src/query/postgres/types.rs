//! Columns as PostgreSQL's clients can take them: what has no counterpart there becomes one that has.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::compute::{can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::format::DEFAULT_CAST_OPTIONS;
use std::sync::Arc;

/// The schema a client is told.
pub fn outward(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let kind = outward_type(field.data_type());
        Field::new(field.name(), kind, field.is_nullable()).with_metadata(field.metadata().clone())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn outward_type(kind: &DataType) -> DataType {
    match kind {
        // There are no unsigned numbers; counts fit.
        DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Null => DataType::Utf8,
        DataType::Dictionary(_, value) => outward_type(value),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            match outward_type(item.data_type()) {
                // Lists of lists and of records have no simple counterpart: text.
                DataType::List(_) | DataType::Utf8 if item.data_type().is_nested() => DataType::Utf8,
                inner => DataType::List(Arc::new(Field::new("item", inner, true))),
            }
        }
        DataType::Decimal256(..) => DataType::Utf8,
        // Records, maps and unions: their text.
        other if other.is_nested() || matches!(other, DataType::RunEndEncoded(..)) => DataType::Utf8,
        other => other.clone(),
    }
}

/// Puts rows into the schema the client was told. Times that are in UTC are shown in the client's zone.
pub fn outward_batch(batch: &RecordBatch, told: &SchemaRef, zone: Option<&str>) -> Result<RecordBatch> {
    let wrong = |e: ArrowError| {
        Error::failed("the result cannot be put into the types it was announced with")
            .because(super::super::complaint::without_values(&e.to_string()))
            .with_sqlstate("22003")
    };
    if batch.num_columns() != told.fields().len() {
        return Err(Error::failed("the columns changed since the statement was prepared")
            .hint("prepare it again")
            .with_sqlstate("0A000"));
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    let mut fields: Vec<Field> = Vec::with_capacity(batch.num_columns());
    for (column, field) in batch.columns().iter().zip(told.fields()) {
        let kind = in_zone(field.data_type(), zone);
        columns.push(as_type(column, &kind).map_err(wrong)?);
        fields.push(Field::new(field.name(), kind, true).with_metadata(field.metadata().clone()));
    }
    RecordBatch::try_new_with_options(
        Arc::new(Schema::new(fields)),
        columns,
        &arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )
    .map_err(wrong)
}

fn in_zone(kind: &DataType, zone: Option<&str>) -> DataType {
    match (kind, zone) {
        // Another zone than UTC was asked for in the statement itself.
        (DataType::Timestamp(unit, Some(own)), Some(zone)) if matches!(own.as_ref(), "UTC" | "+00:00" | "Etc/UTC") => {
            DataType::Timestamp(*unit, Some(zone.into()))
        }
        _ => kind.clone(),
    }
}

fn as_type(column: &ArrayRef, kind: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    if column.data_type() == kind {
        return Ok(column.clone());
    }
    if column.data_type().is_nested() && *kind == DataType::Utf8 || !can_cast_types(column.data_type(), kind) {
        return as_text(column, kind);
    }
    cast_with_options(column, kind, &DEFAULT_CAST_OPTIONS)
}

fn as_text(column: &ArrayRef, kind: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    let format = FormatOptions::default();
    let shown = ArrayFormatter::try_new(column.as_ref(), &format)?;
    let mut texts = StringBuilder::new();
    for row in 0..column.len() {
        match column.is_null(row) {
            true => texts.append_null(),
            false => texts.append_value(shown.value(row).try_to_string()?),
        }
    }
    let texts: ArrayRef = Arc::new(texts.finish());
    if *kind == DataType::Utf8 { Ok(texts) } else { cast_with_options(&texts, kind, &DEFAULT_CAST_OPTIONS) }
}

/// PostgreSQL's names of an outward type: in `data_type` and in `udt_name` of `information_schema.columns`.
pub fn reads_as(kind: &DataType) -> (&'static str, &'static str) {
    match kind {
        DataType::Boolean => ("boolean", "bool"),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => ("smallint", "int2"),
        DataType::Int32 | DataType::UInt16 => ("integer", "int4"),
        DataType::Int64 | DataType::UInt32 => ("bigint", "int8"),
        DataType::Float32 => ("real", "float4"),
        DataType::Float64 => ("double precision", "float8"),
        DataType::Decimal128(..) => ("numeric", "numeric"),
        DataType::Date32 | DataType::Date64 => ("date", "date"),
        DataType::Timestamp(_, Some(_)) => ("timestamp with time zone", "timestamptz"),
        DataType::Timestamp(_, None) => ("timestamp without time zone", "timestamp"),
        DataType::Time32(_) | DataType::Time64(_) => ("time without time zone", "time"),
        DataType::Interval(_) | DataType::Duration(_) => ("interval", "interval"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ("bytea", "bytea")
        }
        DataType::List(item) => ("ARRAY", array_of(reads_as(item.data_type()).1)),
        _ => ("text", "text"),
    }
}

fn array_of(item: &str) -> &'static str {
    match item {
        "bool" => "_bool",
        "int2" => "_int2",
        "int4" => "_int4",
        "int8" => "_int8",
        "float4" => "_float4",
        "float8" => "_float8",
        "date" => "_date",
        "timestamptz" => "_timestamptz",
        "timestamp" => "_timestamp",
        "numeric" => "_numeric",
        _ => "_text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;
    use arrow::array::{AsArray, Int64Array, ListArray, UInt64Array};
    use arrow::datatypes::{Int64Type, TimeUnit};

    #[test]
    fn what_clients_do_not_know_becomes_what_they_know() {
        assert_eq!(outward_type(&DataType::UInt64), DataType::Int64);
        assert_eq!(outward_type(&DataType::Null), DataType::Utf8);
        let lists = DataType::List(Arc::new(Field::new(
            "item",
            DataType::List(Arc::new(Field::new("item", DataType::Int64, true))),
            true,
        )));
        assert_eq!(outward_type(&lists), DataType::Utf8);
        let record = DataType::Struct(vec![Field::new("a", DataType::Int64, true)].into());
        assert_eq!(outward_type(&record), DataType::Utf8);
        let texts = DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true)));
        assert_eq!(reads_as(&outward_type(&texts)), ("ARRAY", "_text"));
    }

    #[test]
    fn a_count_too_large_is_an_error_and_not_another_number() {
        let of = |n: u64| {
            let column: ArrayRef = Arc::new(UInt64Array::from(vec![n]));
            RecordBatch::try_from_iter([("n", column)]).unwrap()
        };
        let told = outward(&of(1).schema());
        let batch = outward_batch(&of(7), &told, None).unwrap();
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), 7);
        let error = outward_batch(&of(u64::MAX), &told, None).unwrap_err();
        assert_eq!(error.sqlstate(), Some("22003"));
        assert!(!error.show().contains("18446744073709551615"), "{}", error.show());
    }

    #[test]
    fn utc_is_shown_in_the_clients_zone_and_another_zone_as_asked_for() {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let tokyo = DataType::Timestamp(TimeUnit::Microsecond, Some("Asia/Tokyo".into()));
        assert_eq!(in_zone(&utc, Some("Asia/Tokyo")), tokyo);
        assert_eq!(in_zone(&tokyo, Some("Europe/Vienna")), tokyo);
        assert_eq!(in_zone(&utc, None), utc);
    }

    #[test]
    fn lists_of_lists_are_text() {
        let inner = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1), None])]);
        let field = Arc::new(Field::new("item", inner.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([1]);
        let column: ArrayRef = Arc::new(ListArray::new(field, offsets, Arc::new(inner), None));
        let batch = RecordBatch::try_from_iter([("l", column)]).unwrap();
        let told = outward(&batch.schema());
        let shown = outward_batch(&batch, &told, None).unwrap();
        assert_eq!(shown.column(0).as_string::<i32>().value(0), "[[1, ]]");
        let other: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let two = RecordBatch::try_from_iter([("a", other.clone()), ("b", other)]).unwrap();
        assert_eq!(outward_batch(&two, &told, None).unwrap_err().sqlstate(), Some("0A000"));
    }
}
