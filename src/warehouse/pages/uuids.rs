//! Columns of UUIDs that are held as their 16 bytes: fetched in the order of the rows as what they are, and spelled out
//! where the page wants their text. The pages are those their text would have.

use super::bounds::{MANY, NumberBounds, TextBounds};
use super::chunk::{Chunk, ChunkBuilder, levels};
use super::compress::Look;
use super::look_up::FEW_VALUES;
use super::text::{FEW, bloom_filter, page_bounds, statistics};
use super::{PAGE_ROWS, RowAt, Rows, Tools, delta};
use crate::warehouse::uuid::{SPELLED, bytes_of, spelled};
use arrow::array::ArrayRef;
use parquet::basic::Encoding;
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;

/// The batches' UUIDs, if all of them hold nothing else, and enough that they are not worth a dictionary.
pub(super) fn sources<'a>(arrays: &[Option<&'a ArrayRef>], rows: &Rows<'_>) -> Option<Vec<&'a [[u8; 16]]>> {
    let enough = rows.lengths.iter().sum::<usize>() > FEW_VALUES;
    enough.then(|| arrays.iter().map(|array| bytes_of((*array)?)).collect())?
}

/// The chunk of one group of rows.
pub(super) fn chunk(
    column: &ColumnDescPtr,
    sources: &[&[[u8; 16]]],
    rows: &[RowAt],
    tools: &mut Tools,
    bloom: Option<f64>,
) -> Result<Chunk> {
    let Tools { press, lengths, body, .. } = tools;
    let mut bloom = bloom.map(|fpp| bloom_filter(rows.len(), fpp));
    let mut out = ChunkBuilder::new(column.clone(), press);
    out.look(Look::Near);
    let mut whole = NumberBounds::default();
    for page in rows.chunks(PAGE_ROWS) {
        body.clear();
        if column.max_def_level() > 0 {
            levels(None, page.len(), body);
        }
        lengths.clear();
        lengths.resize(page.len(), SPELLED as i64);
        delta::encode(lengths, body);
        let mut bounds = NumberBounds::default();
        for few in page.chunks(FEW) {
            // They lie far apart: many are fetched at once, and nothing else is done meanwhile.
            let mut uuids = [0; FEW];
            for (uuid, at) in uuids.iter_mut().zip(few) {
                let bytes = sources.get(at.batch as usize).and_then(|source| source.get(at.row as usize));
                *uuid = u128::from_be_bytes(*bytes.ok_or_else(missing)?);
            }
            for uuid in uuids.iter().take(few.len()) {
                bounds.take(*uuid);
                let text = spelled(*uuid);
                body.extend_from_slice(&text);
                if let Some(bloom) = &mut bloom {
                    bloom.insert(text.as_slice());
                }
            }
        }
        whole.join(&bounds);
        let bounds = page_bounds(&bounds_of(&ends(&bounds)), MANY);
        out.data(body, page.len(), 0, Encoding::DELTA_LENGTH_BYTE_ARRAY, bounds)?;
    }
    out.close(statistics((&bounds_of(&ends(&whole)), MANY), 0), bloom, <[u8]>::cmp)
}

fn missing() -> ParquetError {
    ParquetError::General("a row is in none of the batches".to_string())
}

/// The least and the most, spelled out. Their text has the order of their bytes.
fn ends(bounds: &NumberBounds<u128>) -> Option<[[u8; SPELLED]; 2]> {
    bounds.found.map(|(least, most)| [spelled(least), spelled(most)])
}

fn bounds_of(ends: &Option<[[u8; SPELLED]; 2]>) -> TextBounds<'_> {
    let mut bounds = TextBounds::default();
    ends.iter().flatten().for_each(|text| bounds.take(text));
    bounds
}
