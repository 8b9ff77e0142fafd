//! Reads parts of one stored cell: footer, bloom filters, single columns. Every read demands the version it was opened
//! on, so that a cell replaced in between is an error and never a mixture.

use super::refusal::store_error;
use super::store::Store;
use crate::error::Error;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;

/// What the footer, its length and the page indexes usually fit in.
const FOOTER_GUESS: usize = 64 << 10;

/// One version of one cell's object.
#[derive(Clone, Debug)]
pub struct ObjectReader {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
    e_tag: Option<String>,
}

impl ObjectReader {
    /// A reader of the version that `meta` describes.
    pub fn new(store: &Store, meta: &ObjectMeta) -> ObjectReader {
        ObjectReader {
            objects: store.objects().clone(),
            path: meta.location.clone(),
            size: meta.size,
            e_tag: meta.e_tag.clone(),
        }
    }
}

/// What went wrong while a cell was read: the store's trouble in its own words, with
/// [`Conflict`](crate::error::Kind::Conflict) when the cell was replaced meanwhile, or the object's.
pub fn read_error(what: impl Into<String>, error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<object_store::Error>() {
            Ok(of_store) => store_error(what, *of_store),
            Err(cause) => Error::failed(what).because(cause),
        },
        error => Error::failed(what).because(error),
    }
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range)),
                if_match: self.e_tag.clone(),
                ..GetOptions::default()
            };
            let wrong = |e: object_store::Error| ParquetError::External(Box::new(e));
            self.objects.get_opts(&self.path, options).await.map_err(wrong)?.bytes().await.map_err(wrong)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_GUESS));
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}
