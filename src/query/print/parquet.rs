//! A Parquet file any reader takes: text as plain UTF-8, no Arrow schema.

use super::unprintable;
use crate::error::Result;
use crate::query::answer::Answer;
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::sync::Arc;

/// Writes the file.
pub fn write(answer: &Answer, out: &mut (dyn Write + Send)) -> Result<()> {
    let schema = plain(&answer.schema);
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(out, schema.clone(), options).map_err(unprintable)?;
    for batch in answer.batches()? {
        let batch = batch?;
        let columns = batch.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>().map_err(unprintable)?;
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(unprintable)?;
        writer.write(&batch).map_err(unprintable)?;
    }
    writer.close().map_err(unprintable)?;
    Ok(())
}

fn plain(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
            DataType::Dictionary(_, value) => value.as_ref().clone(),
            other => other.clone(),
        };
        Field::new(field.name(), kind, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
