//! Columns of text: a dictionary where values repeat, else lengths and bytes.

use super::bounds::TextBounds;
use super::chunk::{Chunk, ChunkBuilder, PageBounds, levels};
use super::{PAGE_ROWS, RowAt, SAMPLE, Tools, delta, hybrid};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int32Type;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

/// Bytes of a dictionary from where on it is no gain any more.
const DICTIONARY_BYTES: usize = 1 << 20;
/// Bytes of values from where on a page ends before its rows are full.
const PAGE_BYTES: usize = 1 << 20;

/// One batch's values.
#[derive(Clone, Copy)]
struct Source<'a> {
    offsets: &'a [i32],
    data: &'a [u8],
    nulls: Option<&'a NullBuffer>,
    /// Where the batch has a dictionary: which of its values each row has.
    keys: Option<&'a [i32]>,
}

impl<'a> Source<'a> {
    fn of(array: &'a ArrayRef) -> Option<Source<'a>> {
        let (texts, keys) = match array.as_dictionary_opt::<Int32Type>() {
            Some(coded) => (coded.values().as_string_opt::<i32>()?, Some(coded.keys().values().as_ref())),
            None => (array.as_string_opt::<i32>()?, None),
        };
        Some(Source { offsets: texts.value_offsets(), data: texts.value_data(), nulls: array.nulls(), keys })
    }

    #[inline]
    fn get(&self, row: u32) -> Option<&'a [u8]> {
        let mut row = row as usize;
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        if let Some(keys) = self.keys {
            row = *keys.get(row)? as usize;
        }
        let (from, to) = (self.offsets.get(row)?, self.offsets.get(row + 1)?);
        self.data.get(*from as usize..*to as usize)
    }
}

/// The chunk of a column whose batches are `arrays`, with its rows in the order of `rows`. Where a batch has no such
/// column, its rows have no value.
pub(super) fn chunk(
    column: ColumnDescPtr,
    arrays: &[Option<&ArrayRef>],
    rows: &[RowAt],
    tools: &mut Tools,
    bloom: Option<f64>,
) -> Result<Chunk> {
    let sources: Vec<Option<Source<'_>>> = arrays.iter().map(|array| array.and_then(Source::of)).collect();
    let value = |at: &RowAt| sources.get(at.batch as usize)?.as_ref()?.get(at.row);
    let Tools { zstd, texts, codes, present, lengths, body, .. } = tools;
    let nullable = column.max_def_level() > 0;
    let mut out = ChunkBuilder::new(column, zstd);
    let mut bloom = bloom.map(|fpp| bloom_filter(rows.len(), fpp));

    // One look at all rows: which are there, and, as long as it pays, their codes.
    texts.clear();
    codes.clear();
    present.clear();
    let mut pays = true;
    let mut there = 0usize;
    for at in rows {
        let Some(text) = value(at) else {
            present.push(0);
            continue;
        };
        present.push(1);
        there += 1;
        if pays {
            codes.push(texts.code(text));
            if there.is_multiple_of(SAMPLE) {
                pays = texts.len() * 10 <= there * 6 && texts.page().len() <= DICTIONARY_BYTES;
            }
        }
        if let Some(bloom) = &mut bloom {
            bloom.insert(text);
        }
    }
    pays = pays && (texts.len() * 10 <= there * 6 || there <= 16);

    let mut whole = TextBounds::default();
    if pays && there > 0 {
        out.dictionary(texts.page(), texts.len())?;
        let width = hybrid::bit_width(texts.len() as u32 - 1);
        let mut seen = vec![false; texts.len()];
        let mut codes = codes.as_slice();
        for page in present.chunks(PAGE_ROWS) {
            let here = count(page);
            let (mine, rest) = codes.split_at_checked(here).unwrap_or((codes, &[]));
            codes = rest;
            body.clear();
            if nullable {
                levels((here < page.len()).then_some(page), page.len(), body);
            }
            body.push(width);
            hybrid::encode(mine, width, body);
            let mut bounds = TextBounds::default();
            for code in mine {
                if let Some(seen) = seen.get_mut(*code as usize).filter(|seen| !**seen) {
                    *seen = true;
                    bounds.take(texts.text(*code));
                }
            }
            seen.fill(false);
            whole.join(&bounds);
            out.data(body, page.len(), page.len() - here, Encoding::RLE_DICTIONARY, page_bounds(&bounds))?;
        }
        return out.close(statistics(&whole, rows.len() - there), bloom, <[u8]>::cmp);
    }

    let mut left = rows;
    while !left.is_empty() {
        lengths.clear();
        let data = &mut tools.data;
        data.clear();
        let mut bounds = TextBounds::default();
        let mut taken = 0;
        for at in left.iter().take(PAGE_ROWS) {
            taken += 1;
            if let Some(text) = value(at) {
                lengths.push(text.len() as i64);
                data.extend_from_slice(text);
                bounds.take(text);
                if data.len() >= PAGE_BYTES {
                    break;
                }
            }
        }
        let from = rows.len() - left.len();
        let page = present.get(from..from + taken).unwrap_or_default();
        body.clear();
        if nullable {
            levels((lengths.len() < taken).then_some(page), taken, body);
        }
        let encoding = if lengths.is_empty() { Encoding::PLAIN } else { Encoding::DELTA_LENGTH_BYTE_ARRAY };
        if !lengths.is_empty() {
            delta::encode(lengths, body);
            body.extend_from_slice(data);
        }
        whole.join(&bounds);
        out.data(body, taken, taken - lengths.len(), encoding, page_bounds(&bounds))?;
        left = left.get(taken..).unwrap_or_default();
    }
    out.close(statistics(&whole, rows.len() - there), bloom, <[u8]>::cmp)
}

fn count(present: &[u8]) -> usize {
    present.iter().map(|p| usize::from(*p)).sum()
}

fn page_bounds(bounds: &TextBounds<'_>) -> PageBounds {
    bounds.cut().map(|((least, _), (most, _))| (least, most))
}

fn statistics(bounds: &TextBounds<'_>, nulls: usize) -> Statistics {
    let nulls = Some(nulls as u64);
    match bounds.cut() {
        None => Statistics::byte_array(None, None, None, nulls, false),
        Some(((least, least_exact), (most, most_exact))) => Statistics::ByteArray(
            ValueStatistics::new(Some(ByteArray::from(least)), Some(ByteArray::from(most)), None, nulls, false)
                .with_min_is_exact(least_exact)
                .with_max_is_exact(most_exact),
        ),
    }
}

/// A filter for `values` values, as large as `fpp` needs and no larger: the crate's own rounds up to a power of two.
fn bloom_filter(values: usize, fpp: f64) -> Sbbf {
    const BLOCK: usize = 32;
    // Parquet's specification: bits = -8 n / ln(1 - p^(1/8)).
    let bits = -8.0 * values as f64 / (1.0 - fpp.powf(0.125)).ln();
    let blocks = ((bits / 8.0) as usize).div_ceil(BLOCK).max(1);
    Sbbf::new(&vec![0; blocks * BLOCK])
}
