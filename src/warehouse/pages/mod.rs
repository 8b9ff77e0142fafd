//! Rows into Parquet's column chunks, our own way: values go from the decoded batches straight into pages, in the order
//! the cell wants them, without being put together or sorted as rows first. Dictionaries are kept only where values
//! repeat, all buffers and the compressor are used again for the next column, and nothing is hashed twice.
//!
//! Lists, the one shape that is not flat, are left to the parquet crate, which also writes the footer.

mod bounds;
mod chunk;
mod compress;
mod delta;
mod dictionary;
mod hybrid;
mod lists;
mod look_up;
mod number;
mod object;
mod ranks;
#[cfg(test)]
mod tests;
mod text;
mod uuids;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, SchemaRef, TimestampMicrosecondType};
pub use chunk::Chunk;
use chunk::Press;
pub use object::{ObjectWriter, Parts};
use parquet::errors::{ParquetError, Result};
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
    press: Press,
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
            press: Press::new()?,
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

/// One batch's columns in the order of the schema; `None` where it has no such column. Text may be dictionary encoded,
/// or UUIDs held as bytes.
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
    object: &mut ObjectWriter,
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
    let mut of_groups: Vec<Vec<Chunk>> = groups.iter().map(|_| Vec::new()).collect();
    TOOLS.with_borrow_mut(|tools| -> Result<()> {
        let tools = match tools {
            Some(tools) => tools,
            none => none.insert(Tools::new()?),
        };
        for number in 0..schema.fields().len() {
            let arrays = batches.iter_mut().map(|batch| batch.get_mut(number).and_then(Option::take));
            let arrays: Vec<Option<ArrayRef>> = arrays.collect();
            let chunks = column(object, schema, &arrays, &rows, number, tools, bloom(number))?;
            of_groups.iter_mut().zip(chunks).for_each(|(group, chunk)| group.push(chunk));
        }
        Ok(())
    })?;
    groups.iter().zip(of_groups).try_for_each(|(rows, chunks)| object.append(rows.len(), chunks))
}

/// One column's chunks, one for each row group.
fn column(
    object: &ObjectWriter,
    schema: &SchemaRef,
    arrays: &[Option<ArrayRef>],
    rows: &Rows<'_>,
    number: usize,
    tools: &mut Tools,
    bloom: Option<f64>,
) -> Result<Vec<Chunk>> {
    let missing = || ParquetError::General(format!("column {number} is not as its schema says"));
    let arrays: Vec<Option<&ArrayRef>> = arrays.iter().map(Option::as_ref).collect();
    let field = schema.fields().get(number).ok_or_else(missing)?;
    // Every field of ours has one leaf.
    let leaf = object.schema().columns().get(number).ok_or_else(missing)?;
    let numbers = |chunk: &mut dyn FnMut(&[RowAt], &mut Tools) -> Result<Chunk>, tools: &mut Tools| {
        rows.groups.iter().map(|group| chunk(group, tools)).collect::<Result<Vec<Chunk>>>()
    };
    if field.data_type().is_nested() {
        return lists::chunks(leaf, field, &arrays, rows);
    }
    if arrays.iter().all(|a| a.is_none_or(|a| a.null_count() == a.len())) {
        numbers(&mut |group, tools| number::nothing(leaf, group.len(), tools), tools)
    } else {
        match field.data_type() {
            DataType::Int64 => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<Int64Type>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)
            }
            DataType::Timestamp(..) => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<TimestampMicrosecondType>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)
            }
            DataType::Float64 => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<Float64Type>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)
            }
            DataType::Date32 => {
                let arrays = typed(&arrays, |a| a.as_primitive_opt::<Date32Type>())?;
                numbers(&mut |group, tools| number::chunk(leaf, &arrays, group, tools), tools)
            }
            DataType::Boolean => {
                let arrays = typed(&arrays, |a| a.as_boolean_opt())?;
                numbers(&mut |group, tools| number::booleans(leaf, &arrays, group, tools), tools)
            }
            _ => match uuids::sources(&arrays, rows) {
                Some(sources) => numbers(&mut |group, tools| uuids::chunk(leaf, &sources, group, tools, bloom), tools),
                None => text::chunks(leaf, &arrays, rows, tools, bloom),
            },
        }
    }
}

/// The arrays as what the schema says they are.
fn typed<'a, A>(
    arrays: &[Option<&'a ArrayRef>],
    downcast: impl Fn(&'a ArrayRef) -> Option<&'a A>,
) -> Result<Vec<Option<&'a A>>> {
    let wrong = || ParquetError::General("a column is not of the type its schema says".to_string());
    arrays.iter().map(|array| array.map(|array| downcast(array).ok_or_else(wrong)).transpose()).collect()
}
