//! One column chunk under construction: pages compressed and put one behind the other, with their places and bounds.

use super::compress::{Look, Zstd};
use super::hybrid;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, CompressionCodec, Encoding};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, ParquetMetaData};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::cmp::Ordering;

/// A finished chunk.
pub struct Chunk {
    /// Its pages.
    pub bytes: Bytes,
    /// What the footer is to say of it. Offsets count from wherever its first page is said to lie.
    pub close: ColumnCloseResult,
}

/// Where a chunk's first page is said to lie.
pub(super) fn start_of(column: &ColumnChunkMetaData) -> i64 {
    column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset())
}

impl Chunk {
    /// One of a stored file, by the numbers of its row group and column. `None`: the file's indexes do not say where its
    /// pages are.
    pub fn stored(
        file: &Bytes,
        about: &ParquetMetaData,
        (group, column): (usize, usize),
        bloom_filter: Option<Sbbf>,
    ) -> Result<Option<Chunk>> {
        let missing = || ParquetError::General(format!("there is no column {column} in row group {group}"));
        let of_group = about.row_groups().get(group).ok_or_else(missing)?;
        let metadata = of_group.columns().get(column).ok_or_else(missing)?.clone();
        let Some(offset_index) = about.offset_index().and_then(|index| index.get(group)?.get(column)).cloned() else {
            return Ok(None);
        };
        let column_index = about.column_index().and_then(|index| index.get(group)?.get(column)).cloned();
        let length = u64::try_from(metadata.compressed_size()).map_err(|_| missing())?;
        let from = usize::try_from(start_of(&metadata)).map_err(|_| missing())?;
        let to = usize::try_from(length).ok().and_then(|length| from.checked_add(length)).ok_or_else(missing)?;
        if to > file.len() {
            return Err(missing());
        }
        let close = ColumnCloseResult {
            bytes_written: length,
            rows_written: u64::try_from(of_group.num_rows()).unwrap_or(0),
            metadata,
            bloom_filter,
            column_index,
            offset_index: Some(offset_index),
        };
        Ok(Some(Chunk { bytes: file.slice(from..to), close }))
    }
}

/// The smallest and largest value of a page, plain encoded; `None` where no value is there.
pub(super) type PageBounds = Option<(Vec<u8>, Vec<u8>)>;

/// Bytes of a chunk from where on its memory is given away with it: kept by every thread, it would be too much.
const KEPT: usize = 1 << 20;

/// What pages go through and where they come together, used again for the next chunk: what grows anew for each costs as
/// much as compressing it.
pub(super) struct Press {
    zstd: Zstd,
    page: Vec<u8>,
    chunk: Vec<u8>,
}

impl Press {
    pub(super) fn new() -> Result<Press> {
        let zstd = Zstd::new().map_err(|e| ParquetError::External(Box::new(e)))?;
        Ok(Press { zstd, page: Vec::new(), chunk: Vec::new() })
    }
}

/// See the module.
pub(super) struct ChunkBuilder<'a> {
    column: ColumnDescPtr,
    zstd: &'a mut Zstd,
    page: &'a mut Vec<u8>,
    look: Look,
    sink: TrackedWrite<&'a mut Vec<u8>>,
    places: OffsetIndexBuilder,
    index: ColumnIndexBuilder,
    bounds: Vec<(Vec<u8>, Vec<u8>)>,
    encodings: Vec<Encoding>,
    dictionary_at: Option<i64>,
    data_at: Option<i64>,
    pages: usize,
    rows: u64,
    bytes: (u64, u64),
}

impl<'a> ChunkBuilder<'a> {
    pub(super) fn new(column: ColumnDescPtr, press: &'a mut Press) -> ChunkBuilder<'a> {
        let index = ColumnIndexBuilder::new(column.physical_type());
        let Press { zstd, page, chunk } = press;
        chunk.clear();
        ChunkBuilder {
            column,
            zstd,
            page,
            look: Look::Far,
            sink: TrackedWrite::new(chunk),
            places: OffsetIndexBuilder::new(),
            index,
            bounds: Vec::new(),
            encodings: vec![Encoding::RLE],
            dictionary_at: None,
            data_at: None,
            pages: 0,
            rows: 0,
            bytes: (0, 0),
        }
    }

    /// Where what repeats lies in the data pages to come.
    pub(super) fn look(&mut self, look: Look) {
        self.look = look;
    }

    /// Writes the dictionary: `count` values, plain encoded. `look`: where what repeats lies among them.
    pub(super) fn dictionary(&mut self, page: &[u8], count: usize, look: Look) -> Result<()> {
        let (num_values, encoding) = (count as u32, Encoding::PLAIN);
        let page_of = |buf| Page::DictionaryPage { buf, num_values, encoding, is_sorted: false };
        let (at, _) = self.write(page, look, page_of)?;
        self.dictionary_at = Some(at);
        self.encoded(encoding);
        Ok(())
    }

    /// Writes a page of `rows` rows, `nulls` of them absent. `body`: levels and values.
    pub(super) fn data(
        &mut self,
        body: &[u8],
        rows: usize,
        nulls: usize,
        encoding: Encoding,
        bounds: PageBounds,
    ) -> Result<()> {
        let page_of = |buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (at, length) = self.write(body, self.look, page_of)?;
        self.data_at.get_or_insert(at);
        self.encoded(encoding);
        self.places.append_row_count(rows as i64);
        self.places.append_offset_and_size(at, length as i32);
        match bounds {
            Some((least, most)) => {
                self.bounds.push((least.clone(), most.clone()));
                self.index.append(false, least, most, nulls as i64);
            }
            None => {
                // A page of nothing but NaN has values and no bounds: then no page has any.
                if nulls < rows {
                    self.index.to_invalid();
                }
                self.index.append(true, Vec::new(), Vec::new(), nulls as i64);
            }
        }
        self.pages += 1;
        self.rows += rows as u64;
        Ok(())
    }

    fn write(&mut self, body: &[u8], look: Look, page_of: impl FnOnce(Bytes) -> Page) -> Result<(i64, usize)> {
        self.zstd.compress(body, look, self.page).map_err(|e| ParquetError::External(Box::new(e)))?;
        let compressed = Bytes::from(std::mem::take(self.page));
        let page = CompressedPage::new(page_of(compressed.clone()), body.len());
        let spec = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        // Nobody else holds it any more, so that this is the same memory.
        *self.page = compressed.into();
        self.bytes.0 += spec.uncompressed_size as u64;
        self.bytes.1 += spec.compressed_size as u64;
        Ok((spec.offset as i64, spec.compressed_size))
    }

    fn encoded(&mut self, encoding: Encoding) {
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
    }

    /// Ends the chunk. `compare` orders plain encoded values.
    pub(super) fn close(
        mut self,
        statistics: Statistics,
        bloom_filter: Option<Sbbf>,
        compare: impl Fn(&[u8], &[u8]) -> Ordering,
    ) -> Result<Chunk> {
        let rows = self.rows;
        self.index.set_boundary_order(boundary_order(&self.bounds, compare));
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression_codec(CompressionCodec::ZSTD)
            .set_encodings(self.encodings)
            .set_total_uncompressed_size(self.bytes.0 as i64)
            .set_total_compressed_size(self.bytes.1 as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(self.data_at.unwrap_or(0))
            .set_dictionary_page_offset(self.dictionary_at)
            .set_statistics(statistics)
            .build()?;
        // Of a single page the chunk's statistics say the same.
        let column_index = if self.pages > 1 && self.index.valid() { Some(self.index.build()?) } else { None };
        let close = ColumnCloseResult {
            bytes_written: self.bytes.1,
            rows_written: rows,
            metadata,
            bloom_filter,
            column_index,
            offset_index: Some(self.places.build()),
        };
        // The chunks of all columns wait until the last is done: none has room it does not need.
        let made = self.sink.into_inner()?;
        if made.len() <= KEPT {
            return Ok(Chunk { bytes: Bytes::copy_from_slice(made), close });
        }
        let mut bytes = std::mem::take(made);
        bytes.shrink_to_fit();
        Ok(Chunk { bytes: bytes.into(), close })
    }
}

/// Whether pages follow each other in order, so that readers may search them by halves.
fn boundary_order(pages: &[(Vec<u8>, Vec<u8>)], compare: impl Fn(&[u8], &[u8]) -> Ordering) -> BoundaryOrder {
    let all = |not: Ordering| {
        let pairs = pages.iter().zip(pages.iter().skip(1));
        pairs.into_iter().all(|(a, b)| compare(&a.0, &b.0) != not && compare(&a.1, &b.1) != not)
    };
    if all(Ordering::Greater) {
        BoundaryOrder::ASCENDING
    } else if all(Ordering::Less) {
        BoundaryOrder::DESCENDING
    } else {
        BoundaryOrder::UNORDERED
    }
}

/// Appends definition levels: which of a page's rows have a value. `None`: all of them.
pub(super) fn levels(present: Option<&[u8]>, rows: usize, out: &mut Vec<u8>) {
    behind_length(out, |out| match present {
        Some(present) => hybrid::encode(present, 1, out),
        None => hybrid::repeat(1u32, rows, 1, out),
    });
}

/// Appends the definition levels of rows that all have no value.
pub(super) fn absent(rows: usize, out: &mut Vec<u8>) {
    behind_length(out, |out| hybrid::repeat(0u32, rows, 1, out));
}

fn behind_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = (out.len() - at - 4) as u32;
    if let Some(slot) = out.get_mut(at..at + 4) {
        slot.copy_from_slice(&length.to_le_bytes());
    }
}
