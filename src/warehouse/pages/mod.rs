//! Rows into Parquet's column chunks, our own way: values go from the decoded batches straight into pages, in the order
//! the cell wants them, without being put together or sorted as rows first. Dictionaries are kept only where values
//! repeat, all buffers and the compressor are used again for the next column, and nothing is hashed twice.
//!
//! Lists, the one shape that is not flat, are left to the parquet crate; its file writer also writes the footer.

mod bounds;
mod chunk;
mod compress;
mod delta;
mod dictionary;
mod hybrid;
mod number;
mod ranks;
#[cfg(test)]
mod tests;
mod text;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, SchemaRef, TimestampMicrosecondType};
use chunk::Chunk;
use compress::Zstd;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedFileWriter;
use std::cell::RefCell;

/// Rows of a page.
const PAGE_ROWS: usize = 16_384;
/// After how many values a dictionary is looked at again: is it worth keeping?
const SAMPLE: usize = 4_096;

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
    zstd: Zstd,
    texts: dictionary::Texts,
    numbers: dictionary::Numbers,
    ranks: ranks::Ranks,
    codes: Vec<u32>,
    /// A group's own codes by those of all, and the other way.
    own_codes: Vec<u32>,
    own: Vec<u32>,
    mine: Vec<u32>,
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
            zstd: Zstd::new().map_err(|e| ParquetError::External(Box::new(e)))?,
            texts: dictionary::Texts::new(),
            numbers: dictionary::Numbers::new(),
            ranks: ranks::Ranks::default(),
            codes: Vec::new(),
            own_codes: Vec::new(),
            own: Vec::new(),
            mine: Vec::new(),
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

impl Column {
    fn bytes_written(&self) -> u64 {
        match self {
            Column::Ours(chunk) => &chunk.close,
            Column::Stock(chunk) => chunk.close(),
        }
        .bytes_written
    }
}

/// One batch's columns in the order of the schema; `None` where it has no such column. Text may be dictionary encoded.
pub type Aligned = Vec<Option<ArrayRef>>;

/// Which rows go where.
struct Rows<'a> {
    /// Rows of each batch.
    lengths: &'a [usize],
    /// The rows of each row group, in order.
    groups: &'a [&'a [RowAt]],
    /// The same as numbers counted over all batches: worked out once, and not for every column.
    places: Vec<Vec<u32>>,
}

/// Appends row groups: of each, its rows in order. `lengths`: how many rows each batch has. `bloom`: false positives of
/// the filter a column is to have, by the column's number. What was written of the batches is given up column by column,
/// so that rows and pages are not held whole side by side.
pub fn write_row_groups(
    file: &mut SerializedFileWriter<Vec<u8>>,
    schema: &SchemaRef,
    (mut batches, lengths): (Vec<Aligned>, &[usize]),
    groups: &[&[RowAt]],
    bloom: impl Fn(usize) -> Option<f64>,
) -> Result<()> {
    let starts: Vec<u32> =
        lengths.iter().scan(0, |at, length| Some(std::mem::replace(at, *at + *length as u32))).collect();
    let place = |at: &RowAt| starts.get(at.batch as usize).map_or(u32::MAX, |start| start + at.row);
    let places = groups.iter().map(|group| group.iter().map(place).collect()).collect();
    let rows = Rows { lengths, groups, places };
    let mut of_groups: Vec<Vec<Column>> = groups.iter().map(|_| Vec::new()).collect();
    TOOLS.with_borrow_mut(|tools| -> Result<()> {
        let tools = match tools {
            Some(tools) => tools,
            none => none.insert(Tools::new()?),
        };
        for number in 0..schema.fields().len() {
            let arrays = batches.iter_mut().map(|batch| batch.get_mut(number).and_then(Option::take));
            let arrays: Vec<Option<ArrayRef>> = arrays.collect();
            let chunks = column(file, schema, &arrays, &rows, number, tools, bloom(number))?;
            of_groups.iter_mut().zip(chunks).for_each(|(group, chunk)| group.push(chunk));
        }
        Ok(())
    })?;
    // Room for all of it at once, with filters and footer: a file that grows is copied, and for a moment is there twice.
    let bytes = of_groups.iter().flatten().map(Column::bytes_written).sum::<u64>();
    file.inner_mut().reserve(usize::try_from(bytes + bytes / 8).unwrap_or(0));
    for columns in of_groups {
        let mut group = file.next_row_group()?;
        for column in columns {
            match column {
                Column::Ours(chunk) => group.append_column(&chunk.bytes, chunk.close)?,
                Column::Stock(chunk) => chunk.append_to_row_group(&mut group)?,
            }
        }
        group.close()?;
    }
    Ok(())
}

/// One column's chunks, one for each row group.
fn column(
    file: &SerializedFileWriter<Vec<u8>>,
    schema: &SchemaRef,
    arrays: &[Option<ArrayRef>],
    rows: &Rows<'_>,
    number: usize,
    tools: &mut Tools,
    bloom: Option<f64>,
) -> Result<Vec<Column>> {
    let missing = || ParquetError::General(format!("column {number} is not as its schema says"));
    let arrays: Vec<Option<&ArrayRef>> = arrays.iter().map(Option::as_ref).collect();
    let field = schema.fields().get(number).ok_or_else(missing)?;
    // Every field of ours has one leaf.
    let leaf = file.schema_descr().columns().get(number).ok_or_else(missing)?;
    let numbers = |chunk: &mut dyn FnMut(&[RowAt], &mut Tools) -> Result<Chunk>, tools: &mut Tools| {
        rows.groups.iter().map(|group| chunk(group, tools)).collect::<Result<Vec<Chunk>>>()
    };
    let chunks = if field.data_type().is_nested() {
        return lists(file, schema, &arrays, rows, number);
    } else if arrays.iter().all(|a| a.is_none_or(|a| a.null_count() == a.len())) {
        numbers(&mut |group, tools| number::nothing(leaf, group.len(), tools), tools)?
    } else {
        match field.data_type() {
            DataType::Int64 => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<Int64Type>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)?
            }
            DataType::Timestamp(..) => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<TimestampMicrosecondType>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)?
            }
            DataType::Float64 => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<Float64Type>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)?
            }
            DataType::Date32 => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<Date32Type>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)?
            }
            DataType::Boolean => {
                let arrays = typed(&arrays, |a| a.as_boolean_opt())?;
                numbers(&mut |group, tools| number::booleans(leaf, &arrays, group, tools), tools)?
            }
            _ => text::chunks(leaf, &arrays, rows, tools, bloom)?,
        }
    };
    Ok(chunks.into_iter().map(Column::Ours).collect())
}

/// Lists are left to the parquet crate.
fn lists(
    file: &SerializedFileWriter<Vec<u8>>,
    schema: &SchemaRef,
    arrays: &[Option<&ArrayRef>],
    rows: &Rows<'_>,
    number: usize,
) -> Result<Vec<Column>> {
    let missing = || ParquetError::General(format!("column {number} is not as its schema says"));
    let field = schema.fields().get(number).ok_or_else(missing)?;
    let none = new_null_array(field.data_type(), rows.lengths.iter().max().copied().unwrap_or(0));
    let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array.unwrap_or(&none).as_ref()).collect();
    let factory = ArrowRowGroupWriterFactory::new(file, schema.clone());
    let chunk = |(at, group): (usize, &&[RowAt])| {
        let places: Vec<(usize, usize)> = group.iter().map(|at| (at.batch as usize, at.row as usize)).collect();
        let together = interleave(&arrays, &places)?;
        let writers = factory.create_column_writers(file.flushed_row_groups().len() + at)?;
        let mut writer = writers.into_iter().nth(number).ok_or_else(missing)?;
        for leaf in compute_leaves(field, &together)? {
            writer.write(&leaf)?;
        }
        writer.close().map(Column::Stock)
    };
    rows.groups.iter().enumerate().map(chunk).collect()
}

/// The arrays as what the schema says they are.
fn typed<'a, A>(
    arrays: &[Option<&'a ArrayRef>],
    downcast: impl Fn(&'a ArrayRef) -> Option<&'a A>,
) -> Result<Vec<Option<&'a A>>> {
    let wrong = || ParquetError::General("a column is not of the type its schema says".to_string());
    arrays.iter().map(|array| array.map(|array| downcast(array).ok_or_else(wrong)).transpose()).collect()
}
