//! Operations that only a check of the store needs: reading one exact version, and deleting. A pass never deletes.

use super::refusal::store_error;
use super::store::{Store, Version};
use crate::error::Result;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt};

/// The outcome of reading one exact version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadIf {
    /// It is there; its bytes.
    Bytes(Bytes),
    /// The object is another version now.
    Changed,
    /// There is no object.
    Missing,
}

impl Store {
    /// Reads an object if it still is this version (`If-Match`).
    pub async fn get_if(&self, path: &str, version: &Version) -> Result<ReadIf> {
        let wrong = |e| store_error(format!("cannot read {path} in {} with If-Match", self.url()), e);
        let options = GetOptions { if_match: version.e_tag.clone(), ..GetOptions::default() };
        match self.objects().get_opts(&Path::from(path), options).await {
            Ok(result) => Ok(ReadIf::Bytes(result.bytes().await.map_err(wrong)?)),
            Err(Error::Precondition { .. }) => Ok(ReadIf::Changed),
            Err(Error::NotFound { .. }) => Ok(ReadIf::Missing),
            Err(e) => Err(wrong(e)),
        }
    }

    /// Deletes an object; one that is gone already is no error.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.objects().delete(&Path::from(path)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(store_error(format!("cannot delete {path} in {}", self.url()), e)),
        }
    }
}
