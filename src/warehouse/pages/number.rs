//! Columns of numbers, moments, days and truth values: a dictionary where values repeat, else differences or as they are.

use super::bounds::NumberBounds;
use super::chunk::{Chunk, ChunkBuilder, PageBounds, absent, levels};
use super::compress::Look;
use super::dictionary::Numbers;
use super::ranks::Ranks;
use super::{PAGE_ROWS, RowAt, SAMPLE, Tools, delta, hybrid};
use arrow::array::{Array, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use parquet::basic::{Encoding, Type};
use parquet::errors::Result;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;
use std::cmp::Ordering;

/// A number as Parquet stores it.
pub(super) trait Number: Copy + PartialOrd {
    /// The encoding where a dictionary does not pay.
    const ENCODING: Encoding;
    /// Whether it is a whole number of 64 bits: such may have ranks.
    const IS_WHOLE: bool;
    /// Its bits, which tell it from every other number.
    fn bits(self) -> u64;
    fn of_bits(bits: u64) -> Self;
    /// Appends it plain encoded.
    fn plain(self, out: &mut Vec<u8>);
    /// Orders two of them, plain encoded.
    fn compare(a: &[u8], b: &[u8]) -> Ordering;
    /// Whether it can be put in order: NaN cannot.
    fn is_ordered(self) -> bool {
        true
    }
    /// Bounds as they are written: both zeros are within them.
    fn bounds(least: Self, most: Self) -> (Self, Self) {
        (least, most)
    }
    fn statistics(bounds: Option<(Self, Self)>, nulls: u64) -> Statistics;
}

impl Number for i64 {
    const ENCODING: Encoding = Encoding::DELTA_BINARY_PACKED;
    const IS_WHOLE: bool = true;
    fn bits(self) -> u64 {
        self as u64
    }
    fn of_bits(bits: u64) -> i64 {
        bits as i64
    }
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn compare(a: &[u8], b: &[u8]) -> Ordering {
        let read = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
        read(a).cmp(&read(b))
    }
    fn statistics(bounds: Option<(i64, i64)>, nulls: u64) -> Statistics {
        Statistics::int64(bounds.map(|b| b.0), bounds.map(|b| b.1), None, Some(nulls), false)
    }
}

impl Number for i32 {
    const ENCODING: Encoding = Encoding::PLAIN;
    const IS_WHOLE: bool = false;
    fn bits(self) -> u64 {
        u64::from(self as u32)
    }
    fn of_bits(bits: u64) -> i32 {
        bits as i32
    }
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn compare(a: &[u8], b: &[u8]) -> Ordering {
        let read = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
        read(a).cmp(&read(b))
    }
    fn statistics(bounds: Option<(i32, i32)>, nulls: u64) -> Statistics {
        Statistics::int32(bounds.map(|b| b.0), bounds.map(|b| b.1), None, Some(nulls), false)
    }
}

impl Number for f64 {
    const ENCODING: Encoding = Encoding::PLAIN;
    const IS_WHOLE: bool = false;
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn of_bits(bits: u64) -> f64 {
        f64::from_bits(bits)
    }
    fn plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn is_ordered(self) -> bool {
        !self.is_nan()
    }
    fn bounds(least: f64, most: f64) -> (f64, f64) {
        (if least == 0.0 { -0.0 } else { least }, if most == 0.0 { 0.0 } else { most })
    }
    fn compare(a: &[u8], b: &[u8]) -> Ordering {
        let read = |bytes: &[u8]| bytes.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes));
        read(a).total_cmp(&read(b))
    }
    fn statistics(bounds: Option<(f64, f64)>, nulls: u64) -> Statistics {
        Statistics::double(bounds.map(|b| b.0), bounds.map(|b| b.1), None, Some(nulls), false)
    }
}

/// The chunk of a column whose batches are `arrays`, with its rows in the order of `rows`. Where a batch has no such
/// column, its rows have no value.
pub(super) fn chunk<T>(
    column: &ColumnDescPtr,
    arrays: &[Option<&PrimitiveArray<T>>],
    rows: &[RowAt],
    tools: &mut Tools,
) -> Result<Chunk>
where
    T: ArrowPrimitiveType,
    T::Native: Number,
{
    let Tools { press, numbers, ranks, codes, present, body, values, lengths, .. } = tools;
    let nullable = column.max_def_level() > 0;
    let mut out = ChunkBuilder::new(column.clone(), press);
    present.clear();
    values.clear();
    // The values lie far apart: a loop that does nothing else fetches many at once.
    for at in rows {
        let array = arrays.get(at.batch as usize).copied().flatten();
        let value = array.filter(|array| array.is_valid(at.row as usize)).map(|array| array.value(at.row as usize));
        present.push(u8::from(value.is_some()));
        values.extend(value.map(Number::bits));
    }
    let there = values.len();
    body.clear();
    codes.clear();
    let (distinct, look) = if T::Native::IS_WHOLE && ranks.take_all(values) {
        (by_rank(ranks, values, codes, lengths, body), Look::Numbers)
    } else {
        (by_look_up::<T::Native>(numbers, values, codes, body), Look::Far)
    };
    let mut whole = NumberBounds::default();
    let mut width = 0;
    if let Some(distinct) = distinct {
        out.dictionary(body, distinct, look)?;
        width = hybrid::bit_width(distinct.saturating_sub(1) as u32);
    }
    let (mut codes, mut values) = (codes.as_slice(), values.as_slice());
    for page in present.chunks(PAGE_ROWS) {
        let here: usize = page.iter().map(|p| usize::from(*p)).sum();
        let (mine, rest) = values.split_at_checked(here).unwrap_or((values, &[]));
        values = rest;
        body.clear();
        if nullable {
            levels((here < page.len()).then_some(page), page.len(), body);
        }
        let mut encoding = T::Native::ENCODING;
        if distinct.is_some() {
            let (of_page, rest) = codes.split_at_checked(here).unwrap_or((codes, &[]));
            codes = rest;
            encoding = Encoding::RLE_DICTIONARY;
            body.push(width);
            hybrid::encode(of_page, width, body);
        } else if encoding == Encoding::DELTA_BINARY_PACKED && here > 0 {
            lengths.clear();
            lengths.extend(mine.iter().map(|bits| *bits as i64));
            delta::encode(lengths, body);
        } else {
            encoding = Encoding::PLAIN;
            mine.iter().for_each(|bits| T::Native::of_bits(*bits).plain(body));
        }
        let mut bounds = NumberBounds::default();
        mine.iter().map(|bits| T::Native::of_bits(*bits)).filter(|n| n.is_ordered()).for_each(|n| bounds.take(n));
        whole.join(&bounds);
        out.data(body, page.len(), page.len() - here, encoding, page_bounds(bounds.found))?;
    }
    let bounds = whole.found.map(|(least, most)| T::Native::bounds(least, most));
    out.close(T::Native::statistics(bounds, (rows.len() - there) as u64), None, T::Native::compare)
}

/// Codes and dictionary of numbers that have ranks, where that is shorter than their differences. Gives how many
/// there are.
///
/// A dictionary in order is itself made of small differences, which zstd finds.
fn by_rank(
    ranks: &Ranks,
    values: &[u64],
    codes: &mut Vec<u32>,
    some: &mut Vec<i64>,
    dictionary: &mut Vec<u8>,
) -> Option<usize> {
    // The first page stands for all: the order is the same everywhere.
    some.clear();
    some.extend(values.iter().take(PAGE_ROWS).map(|bits| *bits as i64));
    let differences = delta::cost(some) * values.len() as u64 / some.len().max(1) as u64;
    // Few numbers have long runs, too, which the codes take out.
    let are_few = ranks.distinct() * 32 <= values.len();
    if !are_few && ranks.cost(values.len()) > differences {
        return None;
    }
    codes.extend(values.iter().map(|bits| ranks.rank(*bits)));
    ranks.values().for_each(|bits| (bits as i64).plain(dictionary));
    Some(ranks.distinct())
}

/// Codes and dictionary of numbers that repeat, as they come. Gives how many there are.
fn by_look_up<N: Number>(
    numbers: &mut Numbers,
    values: &[u64],
    codes: &mut Vec<u32>,
    dictionary: &mut Vec<u8>,
) -> Option<usize> {
    numbers.clear();
    for some in values.chunks(SAMPLE) {
        codes.extend(some.iter().map(|bits| numbers.code(*bits)));
        if numbers.values().len() * 2 > codes.len() {
            return None;
        }
    }
    let distinct = numbers.values().len();
    numbers.values().iter().for_each(|bits| N::of_bits(*bits).plain(dictionary));
    (distinct > 0).then_some(distinct)
}

fn page_bounds<N: Number>(found: Option<(N, N)>) -> PageBounds {
    found.map(|(least, most)| {
        let (least, most) = N::bounds(least, most);
        let (mut from, mut to) = (Vec::with_capacity(8), Vec::with_capacity(8));
        least.plain(&mut from);
        most.plain(&mut to);
        (from, to)
    })
}

/// The chunk of a column of truth values: a bit each.
pub(super) fn booleans(
    column: &ColumnDescPtr,
    arrays: &[Option<&BooleanArray>],
    rows: &[RowAt],
    tools: &mut Tools,
) -> Result<Chunk> {
    let Tools { press, present, body, .. } = tools;
    let nullable = column.max_def_level() > 0;
    let mut out = ChunkBuilder::new(column.clone(), press);
    let mut whole = NumberBounds::default();
    let mut nulls = 0;
    let mut truths: Vec<bool> = Vec::new();
    for page in rows.chunks(PAGE_ROWS) {
        present.clear();
        truths.clear();
        let mut bounds = NumberBounds::default();
        for at in page {
            let array = arrays.get(at.batch as usize).copied().flatten();
            let there = array.filter(|array| array.is_valid(at.row as usize));
            present.push(u8::from(there.is_some()));
            if let Some(array) = there {
                let truth = array.value(at.row as usize);
                bounds.take(truth);
                truths.push(truth);
            }
        }
        body.clear();
        if nullable {
            levels((truths.len() < page.len()).then_some(present), page.len(), body);
        }
        body.extend(
            truths.chunks(8).map(|eight| eight.iter().rev().fold(0u8, |byte, truth| byte << 1 | u8::from(*truth))),
        );
        whole.join(&bounds);
        nulls += page.len() - truths.len();
        let bounds = bounds.found.map(|(least, most)| (vec![u8::from(least)], vec![u8::from(most)]));
        out.data(body, page.len(), page.len() - truths.len(), Encoding::PLAIN, bounds)?;
    }
    let (least, most) = whole.found.unzip();
    out.close(Statistics::boolean(least, most, None, Some(nulls as u64), false), None, <[u8]>::cmp)
}

/// The chunk of a column that no row has a value of.
pub(super) fn nothing(column: &ColumnDescPtr, rows: usize, tools: &mut Tools) -> Result<Chunk> {
    let nulls = Some(rows as u64);
    let statistics = match column.physical_type() {
        Type::BOOLEAN => Statistics::boolean(None, None, None, nulls, false),
        Type::INT32 => Statistics::int32(None, None, None, nulls, false),
        Type::INT64 => Statistics::int64(None, None, None, nulls, false),
        Type::DOUBLE => Statistics::double(None, None, None, nulls, false),
        _ => Statistics::byte_array(None, None, None, nulls, false),
    };
    let mut out = ChunkBuilder::new(column.clone(), &mut tools.press);
    let mut left = rows;
    while left > 0 {
        let here = left.min(PAGE_ROWS);
        left -= here;
        tools.body.clear();
        absent(here, &mut tools.body);
        out.data(&tools.body, here, here, Encoding::PLAIN, None)?;
    }
    out.close(statistics, None, <[u8]>::cmp)
}
