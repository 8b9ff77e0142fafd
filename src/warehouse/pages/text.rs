//! Columns of text: a dictionary where values repeat, else lengths and bytes.

use super::bounds::{MANY, NAMES, TextBounds};
use super::chunk::{Chunk, ChunkBuilder, PageBounds, levels};
use super::compress::Look;
use super::look_up::{ABSENT, Source, all_differ, look_up, repeats};
use super::{PAGE_ROWS, RowAt, Rows, Tools, delta, hybrid};
use crate::warehouse::uuid::text_of;
use arrow::array::ArrayRef;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

/// Bytes of values from where on a page ends before its rows are full.
const PAGE_BYTES: usize = 1 << 20;
/// Room before a page's text, for levels and lengths, which are known later: seldom more, and then the text is copied.
const BEFORE: usize = 32 << 10;
/// Values that are fetched from memory together.
pub(super) const FEW: usize = 64;

/// The chunks of a column, one for each group of rows. `arrays` are the batches' values; where a batch has no such
/// column, its rows have no value.
///
/// Values are looked up in the dictionary batch by batch, as they lie in memory; only their codes are then put in the
/// order of the rows. Looking them up in that order took three times as long: every value was a cache miss.
pub(super) fn chunks(
    column: &ColumnDescPtr,
    arrays: &[Option<&ArrayRef>],
    rows: &Rows<'_>,
    tools: &mut Tools,
    bloom: Option<f64>,
) -> Result<Vec<Chunk>> {
    // Beside rows that a cell had before, whose ids are text.
    let spelled: Vec<Option<ArrayRef>> = arrays.iter().map(|array| array.and_then(text_of)).collect();
    let texts = arrays.iter().zip(&spelled).map(|(array, spelled)| spelled.as_ref().or(*array));
    let sources: Vec<Option<Source<'_>>> = texts.map(|array| array.and_then(Source::of)).collect();
    let coded = !all_differ(&sources, rows, tools) && look_up(&sources, rows, tools);
    let group = |(rows_of, places): (&&[RowAt], &Vec<u32>)| -> Result<Chunk> {
        if coded && let Some(chunk) = from_codes(column, places, tools, bloom)? {
            return Ok(chunk);
        }
        from_values(column, &sources, rows_of, tools, bloom)
    };
    rows.groups.iter().zip(&rows.places).map(group).collect()
}

/// The chunk of one group of rows from the codes of all; `places`: the rows' numbers among all. `None`: within the group
/// hardly any value repeats.
fn from_codes(column: &ColumnDescPtr, places: &[u32], tools: &mut Tools, bloom: Option<f64>) -> Result<Option<Chunk>> {
    let Tools { press, texts, codes, own_codes, own, mine, present, body, data, .. } = tools;
    // Every group has a dictionary of its own: codes are counted anew.
    own_codes.clear();
    own_codes.resize(texts.len(), ABSENT);
    own.clear();
    mine.clear();
    // First the codes alone, from all over memory; then what is to be done with each.
    mine.extend(places.iter().map(|place| codes.get(*place as usize).copied().unwrap_or(ABSENT)));
    present.clear();
    present.extend(mine.iter().map(|code| u8::from(*code != ABSENT)));
    close_ranks(mine, present);
    for code in mine.iter_mut() {
        let Some(slot) = own_codes.get_mut(*code as usize) else { continue };
        if *slot == ABSENT {
            *slot = own.len() as u32;
            own.push(*code);
        }
        *code = *slot;
    }
    if !repeats(own.len(), mine.len()) {
        return Ok(None);
    }
    let mut out = ChunkBuilder::new(column.clone(), press);
    data.clear();
    own.iter().for_each(|code| data.extend_from_slice(texts.entry(*code)));
    out.dictionary(data, own.len(), Look::Far)?;
    let bloom = bloom.map(|fpp| {
        let mut filter = bloom_filter(own.len(), fpp);
        own.iter().for_each(|code| filter.insert(texts.text(*code)));
        filter
    });
    let width = hybrid::bit_width(own.len().saturating_sub(1) as u32);
    let mut whole = TextBounds::default();
    let mut seen = vec![false; own.len()];
    let mut left = mine.as_slice();
    for page in present.chunks(PAGE_ROWS) {
        let here: usize = page.iter().map(|p| usize::from(*p)).sum();
        let (mine, rest) = left.split_at_checked(here).unwrap_or((left, &[]));
        left = rest;
        body.clear();
        if column.max_def_level() > 0 {
            levels((here < page.len()).then_some(page), page.len(), body);
        }
        body.push(width);
        hybrid::encode(mine, width, body);
        for code in mine {
            if let Some(seen) = seen.get_mut(*code as usize) {
                *seen = true;
            }
        }
        let mut bounds = TextBounds::default();
        own.iter().zip(&seen).filter(|(_, seen)| **seen).for_each(|(code, _)| bounds.take(texts.text(*code)));
        seen.fill(false);
        whole.join(&bounds);
        out.data(body, page.len(), page.len() - here, Encoding::RLE_DICTIONARY, page_bounds(&bounds, NAMES))?;
    }
    out.close(statistics((&whole, NAMES), places.len() - mine.len()), bloom, <[u8]>::cmp).map(Some)
}

/// Takes out the codes of rows that have no value. Which those are nobody can guess, so each is moved, and where a row has
/// none the next is put into its place.
fn close_ranks(codes: &mut Vec<u32>, present: &[u8]) {
    let mut left = 0;
    for (at, is_there) in present.iter().enumerate() {
        let code = codes.get(at).copied().unwrap_or(ABSENT);
        if let Some(place) = codes.get_mut(left) {
            *place = code;
        }
        left += usize::from(*is_there);
    }
    codes.truncate(left);
}

/// The chunk of one group of rows whose values hardly repeat.
fn from_values(
    column: &ColumnDescPtr,
    sources: &[Option<Source<'_>>],
    rows: &[RowAt],
    tools: &mut Tools,
    bloom: Option<f64>,
) -> Result<Chunk> {
    let Tools { press, present, lengths, body, data, .. } = tools;
    let mut bloom = bloom.map(|fpp| bloom_filter(rows.len(), fpp));
    let mut out = ChunkBuilder::new(column.clone(), press);
    let mut whole = TextBounds::default();
    let mut nulls = 0;
    let mut left = rows;
    while !left.is_empty() {
        lengths.clear();
        data.clear();
        data.resize(BEFORE, 0);
        present.clear();
        let mut bounds = TextBounds::default();
        for few in left.get(..PAGE_ROWS.min(left.len())).unwrap_or_default().chunks(FEW) {
            // The values lie far apart. Both ends of many are touched before the first is copied, in a loop so short that
            // the processor fetches them all at once.
            let mut values: [Option<&[u8]>; FEW] = [None; FEW];
            for (value, at) in values.iter_mut().zip(few) {
                *value = sources.get(at.batch as usize).and_then(|source| source.as_ref()?.get(at.row));
            }
            let ends = |text: &&[u8]| text.first().zip(text.last()).map(|(first, last)| first ^ last);
            std::hint::black_box(values.iter().flatten().filter_map(ends).fold(0, |all, end| all ^ end));
            let values = values.get(..few.len()).unwrap_or_default();
            present.extend(values.iter().map(|value| u8::from(value.is_some())));
            lengths.extend(values.iter().flatten().map(|text| text.len() as i64));
            for text in values.iter().flatten() {
                data.extend_from_slice(text);
                bounds.take(text);
                if let Some(bloom) = &mut bloom {
                    bloom.insert(*text);
                }
            }
            if data.len() >= BEFORE + PAGE_BYTES {
                break;
            }
        }
        let taken = present.len();
        body.clear();
        if column.max_def_level() > 0 {
            levels((lengths.len() < taken).then_some(present), taken, body);
        }
        let encoding = if lengths.is_empty() { Encoding::PLAIN } else { Encoding::DELTA_LENGTH_BYTE_ARRAY };
        if !lengths.is_empty() {
            delta::encode(lengths, body);
        }
        // Ids have one length. What repeats in other texts, such as the domains of addresses, may lie further back.
        out.look(if delta::are_alike(lengths) { Look::Near } else { Look::Far });
        whole.join(&bounds);
        nulls += taken - lengths.len();
        let page = behind_each_other(body, data);
        out.data(page, taken, taken - lengths.len(), encoding, page_bounds(&bounds, MANY))?;
        left = left.get(taken..).unwrap_or_default();
    }
    out.close(statistics((&whole, MANY), nulls), bloom, <[u8]>::cmp)
}

/// What comes before a page's text, and the text, which lies behind so much room.
fn behind_each_other<'a>(before: &'a mut Vec<u8>, text: &'a mut [u8]) -> &'a [u8] {
    if let Some(begins) = BEFORE.checked_sub(before.len())
        && let Some(room) = text.get_mut(begins..BEFORE)
    {
        room.copy_from_slice(before);
        return text.get(begins..).unwrap_or_default();
    }
    before.extend_from_slice(text.get(BEFORE..).unwrap_or_default());
    before
}

pub(super) fn page_bounds(bounds: &TextBounds<'_>, most: usize) -> PageBounds {
    bounds.cut(most).map(|((least, _), (most, _))| (least, most))
}

pub(super) fn statistics((bounds, most): (&TextBounds<'_>, usize), nulls: usize) -> Statistics {
    let nulls = Some(nulls as u64);
    match bounds.cut(most) {
        None => Statistics::byte_array(None, None, None, nulls, false),
        Some(((least, least_exact), (most, most_exact))) => Statistics::ByteArray(
            ValueStatistics::new(Some(ByteArray::from(least)), Some(ByteArray::from(most)), None, nulls, false)
                .with_min_is_exact(least_exact)
                .with_max_is_exact(most_exact),
        ),
    }
}

/// A filter for `values` values, as large as `fpp` needs and no larger: the crate's own rounds up to a power of two.
pub(super) fn bloom_filter(values: usize, fpp: f64) -> Sbbf {
    const BLOCK: usize = 32;
    // Parquet's specification: bits = -8 n / ln(1 - p^(1/8)).
    let bits = -8.0 * values as f64 / (1.0 - fpp.powf(0.125)).ln();
    let blocks = ((bits / 8.0) as usize).div_ceil(BLOCK).max(1);
    Sbbf::new(&vec![0; blocks * BLOCK])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_rows_without_a_value_leave_no_gap() {
        for rows in [vec![], vec![1, 2, 3], vec![1, ABSENT], vec![ABSENT, ABSENT, 4, ABSENT, 5, 6], vec![ABSENT]] {
            let present: Vec<u8> = rows.iter().map(|code| u8::from(*code != ABSENT)).collect();
            let mut codes = rows.clone();
            close_ranks(&mut codes, &present);
            assert!(codes.iter().eq(rows.iter().filter(|code| **code != ABSENT)), "{rows:?}: {codes:?}");
        }
    }

    #[test]
    fn text_follows_what_comes_before_it_however_much_that_is() {
        for length in [0, 1, BEFORE - 1, BEFORE, BEFORE + 1] {
            let (mut before, mut text) = (vec![1; length], vec![0; BEFORE]);
            text.extend_from_slice(b"text");
            let page = behind_each_other(&mut before, &mut text);
            assert_eq!((page.len(), page.ends_with(b"\x01text")), (length + 4, length > 0));
        }
    }
}
