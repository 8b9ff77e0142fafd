//! Reading a stored cell back: its facts, its rows, its ids.

use super::footer::{CellFooter, FINGERPRINT};
use super::object_reader::{ObjectReader, read_error};
use super::row_groups::{RowGroups, time_statistics};
use super::store::{Object, Store, Version};
use crate::error::{Error, Result};
use crate::table::{ColumnType, ID, NewColumn, SOURCE_FILE};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use object_store::ObjectMeta;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

/// A cell's object, opened.
pub struct StoredCell {
    path: String,
    bytes: Bytes,
    /// The version the bytes have in the store.
    pub version: Version,
    metadata: ArrowReaderMetadata,
    /// What the footer says.
    pub footer: CellFooter,
}

impl StoredCell {
    /// Opens a cell from its whole object.
    pub fn open(path: &str, object: Object) -> Result<StoredCell> {
        let metadata = ArrowReaderMetadata::load(&object.bytes, ArrowReaderOptions::new())
            .map_err(|e| unreadable(path).because(e))?;
        let footer = footer_of(path, metadata.metadata())?;
        Ok(StoredCell { path: path.to_string(), bytes: object.bytes, version: object.version, metadata, footer })
    }

    /// Rows in the cell.
    pub fn rows(&self) -> u64 {
        self.metadata.metadata().file_metadata().num_rows().max(0) as u64
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Its columns as types of ours, without Eddyline's own.
    pub fn columns(&self) -> Vec<NewColumn> {
        columns_of(self.schema())
    }

    /// The earliest and latest `time` in microseconds, from the row groups' statistics.
    pub fn time_range(&self) -> (Option<i64>, Option<i64>) {
        time_range(self.metadata.metadata())
    }

    /// Its row groups, to be taken over into another version of the cell.
    pub fn row_groups(&self) -> RowGroups<'_> {
        RowGroups::of(&self.bytes, &self.metadata)
    }

    /// That it cannot be read; why.
    pub fn unreadable(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        unreadable(&self.path).because(cause)
    }

    /// Its rows, a row group or less at a time.
    pub fn batches(&self) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        self.read(None)
    }

    /// Its ids, in row order.
    pub fn ids(&self) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        self.read(Some(&[ID]))
    }

    /// Its ids, each with the file the row came from, in row order.
    pub fn lineage(&self) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        self.read(Some(&[ID, SOURCE_FILE]))
    }

    fn read(&self, columns: Option<&[&str]>) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone())
            .with_batch_size(super::encode::ROW_GROUP_ROWS);
        if let Some(columns) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
        }
        let path = self.path.clone();
        let reader = builder.build().map_err(|e| unreadable(&path).because(e))?;
        Ok(reader.map(move |batch| batch.map_err(|e| unreadable(&path).because(e))))
    }

    /// Whether the column data still is what the footer's fingerprint was taken of.
    pub fn is_intact(&self) -> Result<bool> {
        let files = self.pair(super::footer::FILES);
        let Ok(files) = super::footer::unpacked(&files) else { return Ok(false) };
        let Some(length) = self.footer.fingerprint.rsplit(':').next().and_then(|n| n.parse::<usize>().ok()) else {
            return Ok(false);
        };
        let Some(data) = self.bytes.get(..length) else { return Ok(false) };
        let now = super::footer::fingerprint(xxhash_rust::xxh3::xxh3_128(data), length as u64, &files);
        Ok(now == self.footer.fingerprint)
    }

    fn pair(&self, key: &str) -> String {
        let pairs = self.metadata.metadata().file_metadata().key_value_metadata();
        pairs.into_iter().flatten().find(|p| p.key == key).and_then(|p| p.value.clone()).unwrap_or_default()
    }
}

/// What a stored cell's footer says, read without the rest of the object.
pub struct CellFacts {
    /// Eddyline's own facts.
    pub footer: CellFooter,
    /// Rows.
    pub rows: u64,
    /// The earliest and latest `time`, microseconds since 1970.
    pub time_range: (Option<i64>, Option<i64>),
    /// The columns.
    pub schema: SchemaRef,
}

impl CellFacts {
    /// Reads the footer of a listed cell. An error of kind [`Conflict`](crate::error::Kind::Conflict): it was replaced
    /// since it was listed.
    pub async fn read(store: &Store, object: &ObjectMeta) -> Result<CellFacts> {
        let path = object.location.as_ref();
        let mut reader = ObjectReader::new(store, object);
        let metadata =
            ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await.map_err(|e| match e {
                ParquetError::External(_) => read_error(format!("cannot read the cell {path}"), e),
                damage => unreadable(path).because(damage),
            })?;
        Ok(CellFacts {
            footer: footer_of(path, metadata.metadata())?,
            rows: metadata.metadata().file_metadata().num_rows().max(0) as u64,
            time_range: time_range(metadata.metadata()),
            schema: metadata.schema().clone(),
        })
    }

    /// The columns as types of ours, without Eddyline's own.
    pub fn columns(&self) -> Vec<NewColumn> {
        columns_of(&self.schema)
    }
}

fn columns_of(schema: &SchemaRef) -> Vec<NewColumn> {
    let named = schema.fields().iter().filter(|f| !f.name().starts_with('_'));
    named
        .filter_map(|f| {
            let kind = ColumnType::for_stored(f.data_type())?;
            Some(NewColumn { name: f.name().clone(), kind: kind.as_str().to_string() })
        })
        .collect()
}

/// What a Parquet footer says about a cell.
pub fn footer_of(path: &str, metadata: &ParquetMetaData) -> Result<CellFooter> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let footer =
        CellFooter::from_pairs(path, pairs.into_iter().flatten().map(|p| (p.key.as_str(), p.value.as_deref())))?;
    if footer.fingerprint.is_empty() {
        return Err(Error::failed(format!("{path} has no {FINGERPRINT} in its footer")));
    }
    Ok(footer)
}

fn time_range(metadata: &ParquetMetaData) -> (Option<i64>, Option<i64>) {
    let mut range = (None, None);
    for known in metadata.row_groups().iter().filter_map(time_statistics) {
        range.0 = [range.0, known.min_opt().copied()].into_iter().flatten().min();
        range.1 = [range.1, known.max_opt().copied()].into_iter().flatten().max();
    }
    range
}

/// The texts of the `id` column of a batch.
pub fn ids_of(batch: &RecordBatch) -> impl Iterator<Item = &str> {
    let ids = batch.column_by_name(ID).and_then(|c| c.as_string_opt::<i32>());
    ids.into_iter().flat_map(|ids| ids.iter().flatten())
}

fn unreadable(path: &str) -> Error {
    Error::failed(format!("cannot read the cell {path}"))
        .hint("`eddyline verify --deep` says which cells are damaged; `eddyline load --rebuild` writes them again from the source")
}
