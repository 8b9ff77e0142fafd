//! Columns of lists, the one shape that is not flat: left to the parquet crate. Each chunk is written as a file of one
//! column, and taken out of it.

use super::chunk::Chunk;
use super::{RowAt, Rows};
use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{FieldRef, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;
use std::sync::Arc;

/// The chunks of a column of lists, one for each group of rows.
pub(super) fn chunks(
    leaf: &ColumnDescPtr,
    field: &FieldRef,
    arrays: &[Option<&ArrayRef>],
    rows: &Rows<'_>,
) -> Result<Vec<Chunk>> {
    let none = new_null_array(field.data_type(), rows.lengths.iter().max().copied().unwrap_or(0));
    let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array.unwrap_or(&none).as_ref()).collect();
    let schema = Arc::new(Schema::new(vec![field.clone()]));
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let chunk = |group: &&[RowAt]| {
        let places: Vec<(usize, usize)> = group.iter().map(|at| (at.batch as usize, at.row as usize)).collect();
        let mut bytes = Vec::new();
        let mut file = ArrowWriter::try_new(&mut bytes, schema.clone(), Some(properties.clone()))?;
        file.write(&RecordBatch::try_new(schema.clone(), vec![interleave(&arrays, &places)?])?)?;
        let about = file.close()?;
        Chunk::stored(&bytes.into(), &about, (0, 0), None)?
            .ok_or_else(|| ParquetError::General(format!("{} has no pages", leaf.path())))
    };
    rows.groups.iter().map(chunk).collect()
}
