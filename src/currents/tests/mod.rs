//! What this room promises, tried on small files made here: every shape, every kind of damage, every limit.

mod avro_damage;
mod avro_shapes;
mod bombs;
mod encoder;
mod json_rejects;
mod json_shapes;
mod keys;
mod random;

use super::*;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type};

/// An Avro file under a key without event type.
fn avro_file() -> SourceFile {
    SourceFile::from_key("in/some.avro").unwrap()
}

/// A JSON file of email opens.
fn json_file() -> SourceFile {
    SourceFile::from_key("in/event_type=users.messages.email.Open/date=2024-05-06-07/some.json").unwrap()
}

fn decode_avro(bytes: &[u8]) -> Result<Decoded, Damage> {
    let decoded = decode(&avro_file(), bytes, &Limits::default(), &SchemaCache::new());
    check_counts(&decoded);
    decoded
}

fn decode_json(text: impl AsRef<[u8]>) -> Result<Decoded, Damage> {
    let decoded = decode(&json_file(), text.as_ref(), &Limits::default(), &SchemaCache::new());
    check_counts(&decoded);
    decoded
}

/// Every record is a row or a reject, once.
fn check_counts(decoded: &Result<Decoded, Damage>) {
    let Ok(decoded) = decoded else { return };
    let mut seen: Vec<u64> = decoded.rejects.iter().map(|reject| reject.position).collect();
    for part in &decoded.parts {
        assert_eq!(part.batch.num_rows(), part.positions.len());
        assert!(part.batch.num_rows() > 0);
        assert!(part.positions.is_sorted());
        seen.extend(&part.positions);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..decoded.records).collect::<Vec<_>>());
}

/// A cell as text, `∅` for null: enough to compare by.
fn cell(batch: &RecordBatch, column: &str, row: usize) -> String {
    show(batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}")).as_ref(), row)
}

fn show(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "∅".to_string();
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => format!("{:?}", array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let items: Vec<String> = (0..items.len()).map(|item| show(&items, item)).collect();
            format!("[{}]", items.join("|"))
        }
        other => panic!("no text for {other}"),
    }
}

/// A whole column, cells joined with `;`.
fn column(batch: &RecordBatch, name: &str) -> String {
    (0..batch.num_rows()).map(|row| cell(batch, name, row)).collect::<Vec<_>>().join(";")
}

fn is_json(batch: &RecordBatch, name: &str) -> bool {
    let schema = batch.schema();
    let kind = schema.field_with_name(name).unwrap().metadata().get(KIND_KEY).cloned();
    kind.as_deref() == Some(KIND_JSON)
}

fn type_of(batch: &RecordBatch, name: &str) -> DataType {
    batch.schema().field_with_name(name).unwrap().data_type().clone()
}
