//! Runs `.slt` files against a session: every value as text, so that expected rows can be written by hand.
//!
//! Null is `NULL`, an empty text is `(empty)`, floats are shortest, timestamps ISO with their zone, lists as JSON.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use eddyline::query::Session;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use std::path::Path;
use std::sync::Arc;

/// A session as the test runner sees it.
pub struct Sql(pub Arc<Session>);

/// What a statement failed with, as users read it.
#[derive(Debug)]
pub struct Complaint(String);

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Complaint {}

#[async_trait]
impl AsyncDB for Sql {
    type Error = Complaint;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Complaint> {
        let answer = self.0.run(sql).await.map_err(|e| Complaint(e.show()))?;
        let types = answer.schema.fields().iter().map(|f| kind(f.data_type())).collect();
        let mut rows = Vec::with_capacity(answer.rows);
        for batch in answer.batches().map_err(|e| Complaint(e.show()))? {
            rows.extend(texts(&batch.map_err(|e| Complaint(e.show()))?));
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "eddyline"
    }
}

fn kind(kind: &DataType) -> DefaultColumnType {
    match kind {
        k if k.is_integer() => DefaultColumnType::Integer,
        k if k.is_floating() => DefaultColumnType::FloatingPoint,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let columns: Vec<Vec<String>> = batch.columns().iter().map(column).collect();
    (0..batch.num_rows()).map(|row| columns.iter().map(|c| c[row].clone()).collect()).collect()
}

fn column(column: &ArrayRef) -> Vec<String> {
    let format = FormatOptions::new();
    let shown = ArrayFormatter::try_new(column.as_ref(), &format).expect("every type can be shown");
    let text = |row: usize| match (column.is_null(row), shown.value(row).to_string()) {
        (true, _) => "NULL".to_string(),
        (false, text) if text.is_empty() => "(empty)".to_string(),
        (false, text) => text,
    };
    (0..column.len()).map(text).collect()
}

/// Runs one file; a failure names the file, the line and the difference.
pub async fn run_file(session: Arc<Session>, file: &Path) -> Result<(), String> {
    let mut runner = Runner::new(|| {
        let session = session.clone();
        async move { Ok::<_, Complaint>(Sql(session)) }
    });
    runner.run_file_async(file).await.map_err(|e| e.display(false).to_string())
}
