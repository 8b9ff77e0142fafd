//! The store a query reads: only the cells of its snapshot, and each only while it still is that version.
//!
//! Every GET carries `If-Match`, so a query can never mix two versions of a cell: one that was replaced answers with a
//! failed precondition, and the session starts the query again.

use super::holdings::Holdings;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, OBJECT_STORE_COALESCE_DEFAULT, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, coalesce_ranges,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// See the module. Cannot write, list or delete.
#[derive(Debug)]
pub struct Pinned {
    objects: Arc<dyn ObjectStore>,
    holdings: Arc<Holdings>,
}

impl Pinned {
    /// The cells of `holdings` in a store.
    pub fn new(objects: Arc<dyn ObjectStore>, holdings: Arc<Holdings>) -> Pinned {
        Pinned { objects, holdings }
    }

    /// Whether an error means that the object is no longer the pinned version.
    pub fn has_moved(error: &Error) -> bool {
        matches!(error, Error::Precondition { .. } | Error::NotFound { .. })
    }

    async fn range(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        self.get_opts(location, options).await?.bytes().await
    }
}

fn refused(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.into(), implementer: "Pinned".into() }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned({})", self.objects)
    }
}

#[async_trait]
impl ObjectStore for Pinned {
    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        if !self.holdings.has(location) {
            return Err(refused("reading an object that is no cell of the snapshot"));
        }
        options.if_match = self.holdings.e_tag(location).map(str::to_string);
        self.objects.get_opts(location, options).await
    }

    /// Not the inner store's own: a local disk's ignores conditions.
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        coalesce_ranges(ranges, |range| self.range(location, range), OBJECT_STORE_COALESCE_DEFAULT).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("multipart upload"))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(refused("delete")) }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::once(async { Err(refused("list")) }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(refused("list"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("copy"))
    }
}
