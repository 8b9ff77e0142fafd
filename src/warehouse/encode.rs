//! Rows into the bytes of a cell. The same rows give the same bytes: no clock, no random names.

use super::footer::{CellFile, FILES, FINGERPRINT, FORMAT, FORMAT_VERSION, SLOTS, fingerprint, packed};
use super::order::{Selected, in_order};
use super::pages::{ObjectWriter, Parts, RowAt, write_row_groups};
use super::row_groups::RowGroups;
use crate::error::{Error, Result};
use crate::table::{ID, TIME, TableSchema, align};
use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use chrono::NaiveDate;
use parquet::arrow::ArrowSchemaConverter;
use parquet::file::metadata::KeyValue;

/// Rows in a row group. Measured: the same size as larger ones, with less memory for writers and readers.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// False positives of the `id` bloom filters: a nightly pass asks a week's cells about each new id, and every false
/// hit reads a row group. A tenth of this makes the objects 1 % larger.
const BLOOM_FPP: f64 = 0.001;

const CREATED_BY: &str = concat!("eddyline ", env!("CARGO_PKG_VERSION"));

/// A finished object.
pub struct EncodedCell {
    /// Its bytes.
    pub parts: Parts,
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
    writer: Option<ObjectWriter>,
    rows: u64,
    min_time: Option<i64>,
    max_time: Option<i64>,
}

impl CellWriter {
    /// A writer for a cell of that day.
    pub fn new(schema: TableSchema, queue_date: NaiveDate) -> CellWriter {
        CellWriter { schema, queue_date, writer: None, rows: 0, min_time: None, max_time: None }
    }

    /// Sorts the rows of `batches` together and appends them.
    pub fn write_chunk(&mut self, batches: Vec<Selected>) -> Result<()> {
        let (rows, on_time) = in_order(&batches, self.queue_date);
        let (rows, late) = rows.split_at_checked(on_time).unwrap_or((&rows, &[]));
        let groups: Vec<&[RowAt]> = rows.chunks(ROW_GROUP_ROWS).chain(late.chunks(ROW_GROUP_ROWS)).collect();
        self.write(batches, &groups)
    }

    /// Appends rows that are in order already, as row groups of their own.
    pub fn append(&mut self, rows: Selected) -> Result<()> {
        let order: Vec<RowAt> = rows.numbers().map(|row| RowAt { batch: 0, row }).collect();
        let groups: Vec<&[RowAt]> = order.chunks(ROW_GROUP_ROWS).collect();
        self.write(vec![rows], &groups)
    }

    /// Appends a row group of a stored cell as it is. False: it has to be decoded, and nothing was appended.
    pub fn copy(&mut self, groups: &mut RowGroups<'_>, group: usize) -> Result<bool> {
        let Some((least, most)) = groups.times(group) else { return Ok(false) };
        self.even_when_empty()?;
        let Some(writer) = self.writer.as_mut().filter(|writer| groups.fit(writer)) else { return Ok(false) };
        let copied = groups.copy(group, writer);
        if !copied.map_err(|e| self.failed("cannot copy rows", e))? {
            return Ok(false);
        }
        self.rows += groups.rows(group) as u64;
        self.min_time = [self.min_time, least].into_iter().flatten().min();
        self.max_time = [self.max_time, most].into_iter().flatten().max();
        Ok(true)
    }

    fn write(&mut self, batches: Vec<Selected>, groups: &[&[RowAt]]) -> Result<()> {
        if groups.is_empty() {
            return Ok(());
        }
        for selected in &batches {
            let times =
                selected.batch.column_by_name(TIME).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
            let Some(times) = times else { continue };
            for row in selected.numbers().map(|row| row as usize).filter(|row| times.is_valid(*row)) {
                let time = times.value(row);
                self.min_time = Some(self.min_time.map_or(time, |least| least.min(time)));
                self.max_time = Some(self.max_time.map_or(time, |most| most.max(time)));
            }
        }
        let aligned = batches.iter().map(|b| align(&self.schema, &b.batch)).collect::<std::result::Result<Vec<_>, _>>();
        let aligned = aligned.map_err(|e| self.failed("cannot align columns", e))?;
        let lengths: Vec<usize> = batches.iter().map(|b| b.batch.num_rows()).collect();
        // Each column is given up once it is written.
        drop(batches);
        self.rows += groups.iter().map(|rows| rows.len() as u64).sum::<u64>();
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.open()?,
        };
        let schema = self.schema.arrow();
        let id = schema.index_of(ID).ok();
        let bloom = |column: usize| (Some(column) == id).then_some(BLOOM_FPP);
        write_row_groups(&mut writer, schema, (aligned, &lengths), groups, bloom)
            .map_err(|e| self.failed("cannot encode rows", e))?;
        self.writer = Some(writer);
        Ok(())
    }

    fn open(&self) -> Result<ObjectWriter> {
        let columns = ArrowSchemaConverter::new().convert(self.schema.arrow());
        let columns = columns.map_err(|e| self.failed("cannot start a Parquet file", e))?;
        Ok(ObjectWriter::new(columns.into()))
    }

    /// Lets the cell be written even if no row comes.
    pub fn even_when_empty(&mut self) -> Result<()> {
        if self.writer.is_none() {
            self.writer = Some(self.open()?);
        }
        Ok(())
    }

    /// Writes the footer. Without a row there is nothing to finish, unless [`CellWriter::even_when_empty`] was asked.
    pub fn finish(self, files: &[CellFile], slots: u8) -> Result<Option<EncodedCell>> {
        let CellWriter { schema, writer, rows, min_time, max_time, .. } = self;
        let Some(writer) = writer else { return Ok(None) };
        let wrong = |e: parquet::errors::ParquetError| {
            Error::failed(format!("cannot finish a Parquet file of {}", schema.table())).because(e)
        };
        let unlisted = || Error::failed(format!("cannot write the file list of {}", schema.table()));
        let files = serde_json::to_string(files).map_err(|e| unlisted().because(e))?;
        let (hash, length) = writer.hash();
        let mark = fingerprint(hash, length, &files);
        let pairs = [
            (FORMAT, FORMAT_VERSION.to_string()),
            (SLOTS, slots.to_string()),
            (FILES, packed(files).map_err(|e| unlisted().because(e))?),
            (FINGERPRINT, mark.clone()),
        ];
        let pairs = pairs.map(|(key, value)| KeyValue::new(key.to_string(), value));
        let parts = writer.finish(CREATED_BY, pairs.into()).map_err(wrong)?;
        Ok(Some(EncodedCell { parts, rows, min_time, max_time, fingerprint: mark }))
    }

    fn failed(&self, what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::failed(format!("{what} of {} {}", self.schema.table(), self.queue_date)).because(cause)
    }
}
