//! Rows into Parquet's column chunks, our own way: values go from the decoded batches straight into pages, in the order
//! the cell wants them, without being put together or sorted as rows first. Dictionaries are kept only where values
//! repeat, all buffers and the compressor are used again for the next column, and nothing is hashed twice.
//!
//! Lists, the one shape that is not flat, are left to the parquet crate; its file writer also writes the footer.

mod bounds;
mod chunk;
mod delta;
mod dictionary;
mod hybrid;
mod number;
#[cfg(test)]
mod tests;
mod text;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, SchemaRef, TimestampMicrosecondType};
use chunk::Chunk;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedFileWriter;
use std::cell::RefCell;
use zstd::bulk::Compressor;

/// Rows of a page.
const PAGE_ROWS: usize = 16_384;
/// After how many values a dictionary is looked at again: is it worth keeping?
const SAMPLE: usize = 4_096;
/// Measured: higher levels take longer and the files grow.
const ZSTD_LEVEL: i32 = 1;

/// One row: its batch's number and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowAt {
    /// Which batch.
    pub batch: u32,
    /// Which of its rows.
    pub row: u32,
}

/// What is used again from column to column: fresh memory costs the kernel more than filling it costs us.
struct Tools {
    zstd: Compressor<'static>,
    texts: dictionary::Texts,
    numbers: dictionary::Numbers,
    codes: Vec<u32>,
    /// For each row, 1 if it has a value.
    present: Vec<u8>,
    values: Vec<u64>,
    lengths: Vec<i64>,
    data: Vec<u8>,
    body: Vec<u8>,
}

thread_local! {
    static TOOLS: RefCell<Option<Tools>> = const { RefCell::new(None) };
}

impl Tools {
    fn new() -> Result<Tools> {
        Ok(Tools {
            zstd: Compressor::new(ZSTD_LEVEL).map_err(|e| ParquetError::External(Box::new(e)))?,
            texts: dictionary::Texts::new(),
            numbers: dictionary::Numbers::new(),
            codes: Vec::new(),
            present: Vec::new(),
            values: Vec::new(),
            lengths: Vec::new(),
            data: Vec::new(),
            body: Vec::new(),
        })
    }
}

enum Column {
    Ours(Chunk),
    Stock(ArrowColumnChunk),
}

/// One batch's columns in the order of the schema; `None` where it has no such column. Text may be dictionary encoded.
pub type Aligned = Vec<Option<ArrayRef>>;

/// Appends a row group: `rows` of `batches`, in that order. `bloom`: false positives of the filter a column is to have,
/// by the column's number.
pub fn write_row_group(
    file: &mut SerializedFileWriter<Vec<u8>>,
    schema: &SchemaRef,
    batches: &[Aligned],
    rows: &[RowAt],
    bloom: impl Fn(usize) -> Option<f64>,
) -> Result<()> {
    let mut stock = stock_writers(file, schema)?;
    let mut columns = Vec::with_capacity(schema.fields().len());
    TOOLS.with_borrow_mut(|tools| -> Result<()> {
        let tools = match tools {
            Some(tools) => tools,
            none => none.insert(Tools::new()?),
        };
        for number in 0..schema.fields().len() {
            columns.push(column(file, schema, batches, rows, number, tools, &mut stock, bloom(number))?);
        }
        Ok(())
    })?;
    let mut group = file.next_row_group()?;
    for column in columns {
        match column {
            Column::Ours(chunk) => group.append_column(&chunk.bytes, chunk.close)?,
            Column::Stock(chunk) => chunk.append_to_row_group(&mut group)?,
        }
    }
    group.close().map(|_| ())
}

/// The parquet crate's writers of all columns, if there is one that we leave to it.
fn stock_writers(file: &SerializedFileWriter<Vec<u8>>, schema: &SchemaRef) -> Result<Vec<Option<ArrowColumnWriter>>> {
    if schema.fields().iter().all(|field| !field.data_type().is_nested()) {
        return Ok(Vec::new());
    }
    let factory = ArrowRowGroupWriterFactory::new(file, schema.clone());
    Ok(factory.create_column_writers(file.flushed_row_groups().len())?.into_iter().map(Some).collect())
}

#[expect(clippy::too_many_arguments, reason = "one column's part of `write_row_group`")]
fn column(
    file: &SerializedFileWriter<Vec<u8>>,
    schema: &SchemaRef,
    batches: &[Aligned],
    rows: &[RowAt],
    number: usize,
    tools: &mut Tools,
    stock: &mut [Option<ArrowColumnWriter>],
    bloom: Option<f64>,
) -> Result<Column> {
    let missing = || ParquetError::General(format!("column {number} is not as its schema says"));
    let arrays: Vec<Option<&ArrayRef>> =
        batches.iter().map(|batch| batch.get(number).and_then(Option::as_ref)).collect();
    let field = schema.fields().get(number).ok_or_else(missing)?;
    // Every field of ours has one leaf.
    let leaf = file.schema_descr().columns().get(number).cloned().ok_or_else(missing)?;
    if !field.data_type().is_nested() && arrays.iter().all(|a| a.is_none_or(|a| a.null_count() == a.len())) {
        return Ok(Column::Ours(number::nothing(leaf, rows.len(), tools)?));
    }
    Ok(Column::Ours(match field.data_type() {
        DataType::Utf8 => text::chunk(leaf, &arrays, rows, tools, bloom)?,
        DataType::Int64 => number::chunk(leaf, &typed(&arrays, |a| a.as_primitive_opt::<Int64Type>())?, rows, tools)?,
        DataType::Timestamp(..) => {
            number::chunk(leaf, &typed(&arrays, |a| a.as_primitive_opt::<TimestampMicrosecondType>())?, rows, tools)?
        }
        DataType::Float64 => {
            number::chunk(leaf, &typed(&arrays, |a| a.as_primitive_opt::<Float64Type>())?, rows, tools)?
        }
        DataType::Date32 => number::chunk(leaf, &typed(&arrays, |a| a.as_primitive_opt::<Date32Type>())?, rows, tools)?,
        DataType::Boolean => number::booleans(leaf, &typed(&arrays, |a| a.as_boolean_opt())?, rows, tools)?,
        _ => {
            let none = new_null_array(field.data_type(), batches_longest(rows));
            let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array.unwrap_or(&none).as_ref()).collect();
            let places: Vec<(usize, usize)> = rows.iter().map(|at| (at.batch as usize, at.row as usize)).collect();
            let together = interleave(&arrays, &places)?;
            let mut writer = stock.get_mut(number).and_then(Option::take).ok_or_else(missing)?;
            for leaf in compute_leaves(field, &together)? {
                writer.write(&leaf)?;
            }
            return Ok(Column::Stock(writer.close()?));
        }
    }))
}

/// The arrays as what the schema says they are.
fn typed<'a, A>(
    arrays: &[Option<&'a ArrayRef>],
    downcast: impl Fn(&'a ArrayRef) -> Option<&'a A>,
) -> Result<Vec<Option<&'a A>>> {
    let wrong = || ParquetError::General("a column is not of the type its schema says".to_string());
    arrays.iter().map(|array| array.map(|array| downcast(array).ok_or_else(wrong)).transpose()).collect()
}

/// Rows that the longest batch has at least.
fn batches_longest(rows: &[RowAt]) -> usize {
    rows.iter().map(|at| at.row as usize + 1).max().unwrap_or(0)
}
