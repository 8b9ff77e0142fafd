//! A stored cell's row groups, one at a time: their rows decoded, text as it is stored, or the whole group as the bytes
//! it is.

use super::encode::ROW_GROUP_ROWS;
use super::pages::{Chunk, ObjectWriter};
use crate::currents::coded_type;
use crate::table::{ID, TIME};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Encoding;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::{Statistics, ValueStatistics};
use std::sync::Arc;

/// Earliest and latest `time` of a row group, microseconds since 1970; `None` where no row has one.
pub type Times = (Option<i64>, Option<i64>);

/// See the module.
pub struct RowGroups<'a> {
    bytes: &'a Bytes,
    plain: &'a ArrowReaderMetadata,
    /// The same footer with its page indexes, once a group was copied.
    indexed: Option<ParquetMetaData>,
}

impl<'a> RowGroups<'a> {
    /// The row groups of an object.
    pub fn of(bytes: &'a Bytes, metadata: &'a ArrowReaderMetadata) -> RowGroups<'a> {
        RowGroups { bytes, plain: metadata, indexed: None }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.plain.metadata().num_row_groups()
    }

    /// Rows of one.
    pub fn rows(&self, group: usize) -> usize {
        self.group(group).map_or(0, |g| g.num_rows().max(0) as usize)
    }

    fn group(&self, group: usize) -> Option<&RowGroupMetaData> {
        self.plain.metadata().row_groups().get(group)
    }

    /// The rows of one, in order. Text that the group has a dictionary for comes as a dictionary, so that each value is
    /// looked at once; ids are always plain text.
    pub fn decode(&self, group: usize) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let options = ArrowReaderOptions::new().with_schema(Arc::new(self.coded_schema(group)));
        let metadata = ArrowReaderMetadata::try_new(self.plain.metadata().clone(), options)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), metadata);
        let reader = builder.with_batch_size(ROW_GROUP_ROWS).with_row_groups(vec![group]).build()?;
        Ok(reader.map(|batch| batch.map_err(ParquetError::from)))
    }

    fn coded_schema(&self, group: usize) -> Schema {
        let schema = self.plain.schema();
        let has_dictionary = |name: &str| {
            let columns = self.group(group).map(RowGroupMetaData::columns).unwrap_or_default();
            let column = columns.iter().find(|column| column.column_path().string() == name);
            column.is_some_and(|column| column.encodings().any(|e| e == Encoding::RLE_DICTIONARY))
        };
        let coded = |field: &Arc<Field>| {
            let text = field.data_type() == &DataType::Utf8 && field.name() != ID;
            match text && has_dictionary(field.name()) {
                true => Arc::new(field.as_ref().clone().with_data_type(coded_type())),
                false => field.clone(),
            }
        };
        Schema::new_with_metadata(schema.fields().iter().map(coded).collect::<Vec<_>>(), schema.metadata().clone())
    }

    /// The earliest and latest `time` of one. `None`: its statistics do not say.
    pub fn times(&self, group: usize) -> Option<Times> {
        let group = self.group(group)?;
        let known = time_statistics(group)?;
        match (known.min_opt(), known.max_opt()) {
            (Some(least), Some(most)) => Some((Some(*least), Some(*most))),
            _ if known.null_count_opt() == u64::try_from(group.num_rows()).ok() => Some((None, None)),
            _ => None,
        }
    }

    /// Whether a group can be appended to `object` as it is: its columns are the object's.
    pub fn fit(&self, object: &ObjectWriter) -> bool {
        self.plain.metadata().file_metadata().schema_descr().columns() == object.schema().columns()
    }

    /// Appends one to `object` as it is: pages, statistics, page indexes and bloom filters. False: the footer does not
    /// say where its pages are, and nothing was appended.
    pub fn copy(&mut self, group: usize, object: &mut ObjectWriter) -> Result<bool> {
        let indexed = match self.indexed.take() {
            Some(indexed) => indexed,
            None => ParquetMetaDataReader::new()
                .with_page_index_policy(PageIndexPolicy::Optional)
                .parse_and_finish(self.bytes)?,
        };
        let indexed = self.indexed.insert(indexed);
        let filters = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.plain.clone());
        let mut chunks = Vec::new();
        for column in 0..object.schema().num_columns() {
            let filter = filters.get_row_group_column_bloom_filter(group, column)?;
            match Chunk::stored(self.bytes, indexed, (group, column), filter)? {
                Some(chunk) => chunks.push(chunk),
                None => return Ok(false),
            }
        }
        object.append(self.rows(group), chunks)?;
        Ok(true)
    }
}

/// What a row group's statistics say of `time`.
pub fn time_statistics(group: &RowGroupMetaData) -> Option<&ValueStatistics<i64>> {
    let time = group.columns().iter().find(|column| column.column_path().string() == TIME)?;
    match time.statistics()? {
        Statistics::Int64(known) => Some(known),
        _ => None,
    }
}
