//! A Parquet object under construction, in parts: column chunks stay the bytes they are, and only what is small is put
//! together. Made in one piece it would be copied once more, and for a moment be there twice.

use super::chunk::{Chunk, start_of};
use bytes::Bytes;
use object_store::PutPayload;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, PageIndexPolicy, ParquetColumnIndex, ParquetMetaData,
    ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter, ParquetOffsetIndex, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::writer::TrackedWrite;
use parquet::schema::types::SchemaDescPtr;
use std::io::{self, Write};

/// What Parquet files begin with.
const MAGIC: &[u8] = b"PAR1";
/// The version of the format as the parquet crate counts it, for files that every reader knows.
const VERSION: i32 = 1;
/// Bytes from where on a chunk is a part of its own.
const LARGE: usize = 64 << 10;

/// See the module.
pub struct ObjectWriter {
    schema: SchemaDescPtr,
    parts: Vec<Bytes>,
    /// What is small, until something large follows.
    tail: Vec<u8>,
    length: u64,
    groups: Vec<RowGroupMetaData>,
    column_indexes: ParquetColumnIndex,
    offset_indexes: ParquetOffsetIndex,
}

impl ObjectWriter {
    /// An object without rows.
    pub fn new(schema: SchemaDescPtr) -> ObjectWriter {
        let mut writer = ObjectWriter {
            schema,
            parts: Vec::new(),
            tail: Vec::new(),
            length: 0,
            groups: Vec::new(),
            column_indexes: Vec::new(),
            offset_indexes: Vec::new(),
        };
        writer.push(Bytes::from_static(MAGIC));
        writer
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaDescPtr {
        &self.schema
    }

    /// Appends a row group: a chunk for each column, of `rows` rows each.
    pub fn append(&mut self, rows: usize, chunks: Vec<Chunk>) -> Result<()> {
        let too_many = |_| ParquetError::General("there are too many row groups".to_string());
        let ordinal = i16::try_from(self.groups.len()).map_err(too_many)?;
        let begins = self.length as i64;
        if chunks.iter().all(|chunk| chunk.bytes.len() < LARGE) {
            // Room for all of it at once, with filters: what grows is copied, and for a moment is there twice.
            let bytes = chunks.iter().map(|chunk| chunk.bytes.len()).sum::<usize>();
            self.tail.reserve(bytes + bytes / 8);
        }
        let mut placed = Vec::with_capacity(chunks.len());
        let (mut column_index, mut offset_index) = (Vec::new(), Vec::new());
        for Chunk { bytes, close } in chunks {
            let missing = || ParquetError::General("a column does not say where its pages are".to_string());
            let from = start_of(&close.metadata);
            // A stored footer may say anything.
            let moved = |offset: i64| offset.saturating_sub(from).saturating_add(self.length as i64);
            let mut pages = close.offset_index.ok_or_else(missing)?;
            pages.page_locations.iter_mut().for_each(|page| page.offset = moved(page.offset));
            offset_index.push(pages);
            column_index.push(close.column_index.unwrap_or(ColumnIndexMetaData::NONE));
            let (data, dictionary) = (close.metadata.data_page_offset(), close.metadata.dictionary_page_offset());
            // Where indexes and filters lie in the object it may come from means nothing here.
            let here = close.metadata.into_builder().set_column_index_offset(None).set_column_index_length(None);
            let here = here.set_bloom_filter_offset(None).set_bloom_filter_length(None);
            let here = here.set_data_page_offset(moved(data)).set_dictionary_page_offset(dictionary.map(moved));
            placed.push((here, close.bloom_filter));
            self.push(bytes);
        }
        let mut columns = Vec::with_capacity(placed.len());
        for (mut column, filter) in placed {
            if let Some(filter) = filter {
                let (mut bytes, at) = (Vec::new(), self.length as i64);
                filter.write(&mut bytes)?;
                column = column.set_bloom_filter_offset(Some(at)).set_bloom_filter_length(Some(bytes.len() as i32));
                self.push(bytes.into());
            }
            columns.push(column.build()?);
        }
        let group = RowGroupMetaData::builder(self.schema.clone())
            .set_total_byte_size(
                columns.iter().map(ColumnChunkMetaData::uncompressed_size).fold(0, i64::saturating_add),
            )
            .set_column_metadata(columns)
            .set_num_rows(rows as i64)
            .set_ordinal(ordinal)
            .set_file_offset(begins);
        self.groups.push(group.build()?);
        self.column_indexes.push(column_index);
        self.offset_indexes.push(offset_index);
        Ok(())
    }

    fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len() as u64;
        if bytes.len() < LARGE {
            self.tail.extend_from_slice(&bytes);
            return;
        }
        self.end_part();
        self.parts.push(bytes);
    }

    fn end_part(&mut self) {
        if !self.tail.is_empty() {
            self.parts.push(std::mem::take(&mut self.tail).into());
        }
    }

    /// The hash (XXH3, 128 bits) of all that was written, and how many bytes that is.
    pub fn hash(&self) -> (u128, u64) {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        self.parts.iter().for_each(|part| hash.update(part));
        hash.update(&self.tail);
        (hash.digest128(), self.length)
    }

    /// Ends the object: page indexes and footer behind the rows. `pairs`: what the footer is to say beside.
    pub fn finish(mut self, created_by: &str, pairs: Vec<KeyValue>) -> Result<Parts> {
        self.end_part();
        let rows = self.groups.iter().map(RowGroupMetaData::num_rows).sum();
        let (created_by, pairs) = (Some(created_by.to_string()), Some(pairs));
        let about = FileMetaData::new(VERSION, rows, created_by, pairs, self.schema, None);
        let metadata = ParquetMetaDataBuilder::new(about)
            .set_row_groups(self.groups)
            .set_column_index(Some(self.column_indexes))
            .set_offset_index(Some(self.offset_indexes))
            .build();
        let mut footer = Behind { left: self.length, bytes: Vec::new() };
        let mut counted = TrackedWrite::new(&mut footer);
        self.parts.iter().try_for_each(|part| counted.write_all(part))?;
        ParquetMetaDataWriter::new_with_tracked(counted, &metadata).finish()?;
        self.parts.push(footer.bytes.into());
        Ok(Parts(self.parts))
    }
}

/// Keeps what is written behind so many bytes: those lie elsewhere, and only count.
struct Behind {
    left: u64,
    bytes: Vec<u8>,
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return self.bytes.write(bytes);
        }
        let passed = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.left -= passed as u64;
        Ok(passed)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of a finished object, in order; the last part is its footer.
pub struct Parts(Vec<Bytes>);

impl Parts {
    /// Bytes of all of them.
    pub fn length(&self) -> u64 {
        self.0.iter().map(|part| part.len() as u64).sum()
    }

    /// What the footer says, read as any reader would.
    pub fn metadata(&self) -> Result<ParquetMetaData> {
        let footer = self.0.last().cloned().unwrap_or_default();
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        reader.try_parse_sized(&footer, self.length())?;
        reader.finish()
    }
}

impl From<&Parts> for PutPayload {
    fn from(parts: &Parts) -> PutPayload {
        parts.0.iter().cloned().collect()
    }
}
