//! How DataFusion's Parquet scan reads a cell: through the pinned store, with footers remembered per version, noting
//! which cells turned out to have been replaced.

use super::footers::Footers;
use super::pinned::Pinned;
use super::watch::Reading;
use crate::warehouse::CellKey;
use bytes::Bytes;
use datafusion::common::Result as DfResult;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What one query touched. Travels with the query as an extension of its configuration.
#[derive(Debug, Default)]
pub struct Trace {
    planned: Mutex<BTreeSet<CellKey>>,
    moved: Mutex<BTreeSet<CellKey>>,
    opened: Mutex<BTreeSet<String>>,
    bytes: AtomicU64,
}

impl Trace {
    /// Notes the cells a scan will read.
    pub fn plan(&self, cells: impl Iterator<Item = CellKey>) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).extend(cells);
    }

    /// The cells the query's scans were to read.
    pub fn planned(&self) -> BTreeSet<CellKey> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The cells that were no longer the version the query wanted.
    pub fn moved(&self) -> BTreeSet<CellKey> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far the query has come.
    pub fn reading(&self) -> Reading {
        Reading {
            cells: self.planned.lock().unwrap_or_else(PoisonError::into_inner).len(),
            opened: self.opened.lock().unwrap_or_else(PoisonError::into_inner).len(),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn open(&self, path: &Path) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_string());
    }

    fn note(&self, path: &Path, error: &object_store::Error) {
        if let Some(cell) = CellKey::from_path(path.as_ref()).filter(|_| Pinned::has_moved(error)) {
            self.moved.lock().unwrap_or_else(PoisonError::into_inner).insert(cell);
        }
    }
}

/// Makes readers for one scan.
#[derive(Debug)]
pub struct CellReaders {
    /// Where cells are.
    pub store: Arc<Pinned>,
    /// Footers read before.
    pub footers: Arc<Footers>,
    /// The query the scan belongs to.
    pub trace: Arc<Trace>,
}

impl ParquetFileReaderFactory for CellReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DfResult<Box<dyn AsyncFileReader + Send>> {
        self.trace.open(&file.object_meta.location);
        Ok(Box::new(CellReader {
            metrics: ParquetFileMetrics::new(partition_index, file.object_meta.location.as_ref(), metrics),
            store: self.store.clone(),
            footers: self.footers.clone(),
            trace: self.trace.clone(),
            path: file.object_meta.location,
            e_tag: file.object_meta.e_tag,
            size: file.object_meta.size,
            metadata_size_hint,
        }))
    }
}

struct CellReader {
    metrics: ParquetFileMetrics,
    store: Arc<Pinned>,
    footers: Arc<Footers>,
    trace: Arc<Trace>,
    path: Path,
    e_tag: Option<String>,
    size: u64,
    metadata_size_hint: Option<usize>,
}

impl CellReader {
    fn wrong(&self, error: object_store::Error) -> ParquetError {
        self.trace.note(&self.path, &error);
        ParquetError::External(Box::new(error))
    }

    async fn footer(&mut self, policy: PageIndexPolicy) -> Result<Arc<ParquetMetaData>> {
        let known = self.e_tag.as_deref().and_then(|e_tag| self.footers.get(self.path.as_ref(), e_tag));
        let footer = match known {
            Some(known) if policy == PageIndexPolicy::Skip || has_page_index(&known) => return Ok(known),
            Some(known) => {
                let mut reader =
                    ParquetMetaDataReader::new_with_metadata((*known).clone()).with_page_index_policy(policy);
                reader.load_page_index(&mut *self).await?;
                reader.finish()?
            }
            None => {
                let (hint, size) = (self.metadata_size_hint, self.size);
                let reader = ParquetMetaDataReader::new().with_page_index_policy(policy).with_prefetch_hint(hint);
                reader.load_and_finish(&mut *self, size).await?
            }
        };
        let footer = Arc::new(footer);
        if let Some(e_tag) = self.e_tag.as_deref() {
            self.footers.put(self.path.as_ref(), e_tag, footer.clone());
        }
        Ok(footer)
    }
}

fn has_page_index(footer: &ParquetMetaData) -> bool {
    // Where no chunk has several pages there is nothing but the places of the pages.
    footer.offset_index().is_some()
}

impl AsyncFileReader for CellReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let mut all = self.get_byte_ranges(vec![range]).await?;
            all.pop().ok_or_else(|| ParquetError::General("the store answered without bytes".into()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            let bytes: u64 = ranges.iter().map(|r| r.end.saturating_sub(r.start)).sum();
            self.metrics.bytes_scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
            self.trace.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.store.get_ranges(&self.path, &ranges).await.map_err(|e| self.wrong(e))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let policy = options.map_or(PageIndexPolicy::Optional, |o| o.column_index_policy());
        async move {
            let path = self.path.clone();
            // A damaged file must say its name: DataFusion's message does not.
            self.footer(policy)
                .await
                .map_err(|e| ParquetError::General(format!("cannot read the Parquet footer of {path}: {e}")))
        }
        .boxed()
    }
}
