//! Rows into the bytes of a cell. The same rows give the same bytes: no clock, no random names.

use super::footer::{CellFile, FILES, FINGERPRINT, FORMAT, FORMAT_VERSION, SLOTS, fingerprint};
use super::order::in_order;
use crate::error::{Error, Result};
use crate::table::{ID, TIME, TableSchema, pad};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, max, min};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use bytes::Bytes;
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::collections::HashSet;

/// Rows in a row group. Measured: the same size as larger ones, with less memory for writers and readers.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// Rows looked at to decide whether a column repeats itself enough for a dictionary.
const SAMPLE_ROWS: usize = 4_000;
/// False positives of the `id` bloom filters: a nightly pass asks a week's cells about each new id, and every false
/// hit reads a row group.
const BLOOM_FPP: f64 = 0.000_1;

/// A finished object.
pub struct EncodedCell {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its rows.
    pub rows: u64,
    /// The earliest `time`, in microseconds since 1970.
    pub min_time: Option<i64>,
    /// The latest.
    pub max_time: Option<i64>,
    /// See [`super::footer`].
    pub fingerprint: String,
}

/// Writes one cell: chunks of rows, each sorted in itself, then the footer.
pub struct CellWriter {
    schema: TableSchema,
    queue_date: NaiveDate,
    writer: Option<ArrowWriter<Vec<u8>>>,
    rows: u64,
    min_time: Option<i64>,
    max_time: Option<i64>,
}

impl CellWriter {
    /// A writer for a cell of that day.
    pub fn new(schema: TableSchema, queue_date: NaiveDate) -> CellWriter {
        CellWriter { schema, queue_date, writer: None, rows: 0, min_time: None, max_time: None }
    }

    /// Sorts `batches` together and appends them.
    pub fn write_chunk(&mut self, batches: &[RecordBatch]) -> Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        let padded = batches.iter().map(|b| pad(&self.schema, b)).collect::<std::result::Result<Vec<_>, _>>();
        let sorted = padded
            .and_then(|b| concat_batches(self.schema.arrow(), &b))
            .and_then(|all| in_order(&all, self.queue_date));
        let (rows, on_time) = sorted.map_err(|e| self.failed("cannot sort rows", e))?;
        self.append(&rows.slice(0, on_time))?;
        self.append(&rows.slice(on_time, rows.num_rows() - on_time))
    }

    /// Appends rows that are in order already, as row groups of their own.
    pub fn append(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = pad(&self.schema, rows).map_err(|e| self.failed("cannot align columns", e))?;
        if let Some(times) = rows.column_by_name(TIME).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>()) {
            self.min_time = [self.min_time, min(times)].into_iter().flatten().min();
            self.max_time = [self.max_time, max(times)].into_iter().flatten().max();
        }
        self.rows += rows.num_rows() as u64;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.open(&rows)?,
        };
        for from in (0..rows.num_rows()).step_by(ROW_GROUP_ROWS) {
            let group = rows.slice(from, ROW_GROUP_ROWS.min(rows.num_rows() - from));
            writer.write(&group).and_then(|()| writer.flush()).map_err(|e| self.failed("cannot encode rows", e))?;
        }
        self.writer = Some(writer);
        Ok(())
    }

    fn open(&self, sample: &RecordBatch) -> Result<ArrowWriter<Vec<u8>>> {
        let options = ArrowWriterOptions::new().with_properties(properties(sample)).with_skip_arrow_metadata(true);
        ArrowWriter::try_new_with_options(Vec::new(), self.schema.arrow().clone(), options)
            .map_err(|e| self.failed("cannot start a Parquet file", e))
    }

    /// Lets the cell be written even if no row comes.
    pub fn even_when_empty(&mut self) -> Result<()> {
        if self.writer.is_none() {
            self.writer = Some(self.open(&RecordBatch::new_empty(self.schema.arrow().clone()))?);
        }
        Ok(())
    }

    /// Writes the footer. Without a row there is nothing to finish, unless [`CellWriter::even_when_empty`] was asked.
    pub fn finish(self, files: &[CellFile], slots: u8) -> Result<Option<EncodedCell>> {
        let CellWriter { schema, writer, rows, min_time, max_time, .. } = self;
        let Some(mut writer) = writer else { return Ok(None) };
        let wrong = |e: parquet::errors::ParquetError| {
            Error::failed(format!("cannot finish a Parquet file of {}", schema.table())).because(e)
        };
        let files = serde_json::to_string(files)
            .map_err(|e| Error::failed(format!("cannot write the file list of {}", schema.table())).because(e))?;
        writer.sync().map_err(|e| Error::failed("cannot write to memory").because(e))?;
        let data = writer.inner();
        let mark = fingerprint(xxhash_rust::xxh3::xxh3_128(data), data.len() as u64, &files);
        let pairs = [
            (FORMAT, FORMAT_VERSION.to_string()),
            (SLOTS, slots.to_string()),
            (FILES, files),
            (FINGERPRINT, mark.clone()),
        ];
        for (key, value) in pairs {
            writer.append_key_value_metadata(KeyValue::new(key.to_string(), value));
        }
        let bytes = writer.into_inner().map_err(wrong)?;
        Ok(Some(EncodedCell { bytes: bytes.into(), rows, min_time, max_time, fingerprint: mark }))
    }

    fn failed(&self, what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::failed(format!("{what} of {} {}", self.schema.table(), self.queue_date)).because(cause)
    }
}

/// Writer settings that fit the columns: text that hardly repeats is written as lengths and bytes, which measured
/// both smaller and faster than a dictionary that is given up later.
fn properties(sample: &RecordBatch) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(concat!("eddyline ", env!("CARGO_PKG_VERSION")).to_string())
        .set_column_bloom_filter_enabled(ColumnPath::from(ID), true)
        .set_column_bloom_filter_fpp(ColumnPath::from(ID), BLOOM_FPP)
        .set_column_bloom_filter_max_ndv(ColumnPath::from(ID), ROW_GROUP_ROWS as u64);
    for (field, array) in sample.schema().fields().iter().zip(sample.columns()) {
        if field.data_type() == &DataType::Utf8 && hardly_repeats(array.as_string::<i32>()) {
            let path = ColumnPath::from(field.name().as_str());
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY);
        }
    }
    builder.build()
}

fn hardly_repeats(texts: &arrow::array::StringArray) -> bool {
    let seen: Vec<&str> = texts.iter().take(SAMPLE_ROWS).flatten().collect();
    let distinct: HashSet<&str> = seen.iter().copied().collect();
    seen.len() > 16 && distinct.len() * 10 > seen.len() * 6
}
