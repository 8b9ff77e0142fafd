//! The `_extra` column: one JSON object per row, holding what no column takes.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType,
};
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;

/// Collects fields per row; rows without any stay null.
pub struct ExtraText {
    rows: usize,
    /// Allocated at the first field: most batches have none.
    texts: Vec<String>,
}

impl ExtraText {
    /// For a batch of that many rows.
    pub fn new(rows: usize) -> ExtraText {
        ExtraText { rows, texts: Vec::new() }
    }

    /// Adds one row's value under `name`, unless it is null.
    pub fn add(&mut self, row: usize, name: &str, array: &ArrayRef, json: bool) {
        if array.is_null(row) {
            return;
        }
        if self.texts.is_empty() {
            self.texts = vec![String::new(); self.rows];
        }
        if let Some(text) = self.texts.get_mut(row) {
            text.push(if text.is_empty() { '{' } else { ',' });
            let _ = write!(text, "{}:", Value::from(name));
            value_text(text, array, row, json);
        }
    }

    /// Adds every row's value under `name`.
    pub fn add_all(&mut self, name: &str, array: &ArrayRef, json: bool) {
        if array.null_count() == array.len() {
            return;
        }
        for row in 0..array.len() {
            self.add(row, name, array, json);
        }
    }

    /// The finished column.
    pub fn finish(self) -> ArrayRef {
        let mut builder = StringBuilder::new();
        if self.texts.is_empty() {
            builder.append_nulls(self.rows);
        }
        for mut text in self.texts {
            if text.is_empty() {
                builder.append_null();
            } else {
                text.push('}');
                builder.append_value(text);
            }
        }
        Arc::new(builder.finish())
    }
}

/// One decoded record as a JSON object, for the rejects.
pub fn record_text(batch: &RecordBatch, row: usize) -> String {
    let mut text = String::from("{");
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if text.len() > 1 {
            text.push(',');
        }
        let _ = write!(text, "{}:", Value::from(field.name().as_str()));
        if array.is_null(row) {
            text.push_str("null");
        } else {
            value_text(&mut text, array, row, super::conform::is_json(field));
        }
    }
    text.push('}');
    text
}

/// Writes one non-null value as JSON text.
pub fn value_text(out: &mut String, array: &ArrayRef, row: usize, json: bool) {
    let value = match array.data_type() {
        DataType::Utf8 if json => {
            out.push_str(array.as_string::<i32>().value(row));
            return;
        }
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::Boolean => Value::from(array.as_boolean().value(row)),
        DataType::Int32 => Value::from(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => Value::from(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            float(super::convert::shortest(value), value.to_string())
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            float(value, value.to_string())
        }
        DataType::Date32 => Value::from(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Value::from(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Value::from(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            out.push('[');
            for at in 0..items.len() {
                if at > 0 {
                    out.push(',');
                }
                if items.is_null(at) {
                    out.push_str("null");
                } else {
                    value_text(out, &items, at, false);
                }
            }
            out.push(']');
            return;
        }
        DataType::Dictionary(_, _) => {
            if let Ok(plain) = arrow::compute::cast(&array.slice(row, 1), &DataType::Utf8) {
                value_text(out, &plain, 0, json);
            }
            return;
        }
        other => Value::from(format!("(a value of type {other})")),
    };
    let _ = write!(out, "{value}");
}

/// JSON has no NaN and no infinities; those are kept as text.
fn float(value: f64, text: String) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::from(text), Value::Number)
}
