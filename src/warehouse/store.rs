//! The warehouse's object store: opening it by address, and the few operations a pass needs, each with its outcome as
//! a value.

use super::clouds;
use super::local_disk::LocalDisk;
use super::refusal::{Refusal, disk_error, store_error};
use super::wire::{Requests, Traffic};
use crate::error::{Error, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

/// An open store and the folder in it that is ours. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    url: String,
    folder: Option<PathBuf>,
    traffic: Option<Arc<Traffic>>,
}

/// An object read whole.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its version, for a conditional replacement and for `If-Match`.
    pub version: Version,
}

/// What a store says identifies one version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Version {
    /// The ETag.
    pub e_tag: Option<String>,
    /// The generation or version, where the store has one (GCS conditions on it).
    pub version: Option<String>,
}

/// The condition of a write.
#[derive(Clone, Debug)]
pub enum PutIf {
    /// The key must not exist.
    Absent,
    /// The key must hold exactly this version.
    Unchanged(Version),
    /// No condition: for objects that are the same whoever writes them.
    Always,
}

/// The outcome of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there, as this version.
    Written(Version),
    /// The condition did not hold: someone else wrote, or our own earlier attempt whose response was lost.
    Conflict,
}

impl Store {
    /// Opens a warehouse by address: a path, `file://`, or a cloud URL with its options by `object_store`'s names.
    ///
    /// `create`: make a missing local folder. Without it a missing folder is an error.
    pub fn open(address: &str, options: &[(String, String)], create: bool) -> Result<Store> {
        if let Some(folder) = local_folder(address) {
            if create {
                std::fs::create_dir_all(&folder)
                    .map_err(|e| disk_error(format!("cannot create the folder {}", folder.display()), e))?;
            } else if !folder.is_dir() {
                return Err(Error::usage(format!("there is no folder {}", folder.display()))
                    .hint("give the address of an existing one, or load something first: `eddyline load --help`"));
            }
            let disk = LocalDisk::new(&folder)
                .map_err(|e| store_error(format!("cannot open the folder {}", folder.display()), e))?;
            return Ok(Store {
                objects: Arc::new(disk),
                url: address.to_string(),
                folder: Some(folder),
                traffic: None,
            });
        }
        let remote = clouds::open(address, options)?;
        let prefix = Path::parse(&remote.prefix).map_err(|e| {
            Error::usage(format!("a warehouse cannot lie at {address}"))
                .because(e)
                .hint("name a folder without empty, `.` or `..` parts")
        })?;
        let objects: Arc<dyn ObjectStore> = match prefix.is_root() {
            true => remote.objects,
            false => Arc::new(PrefixStore::new(remote.objects, prefix)),
        };
        Ok(Store { objects, url: address.to_string(), folder: None, traffic: Some(remote.traffic) })
    }

    /// A store on given objects; what tests on memory use.
    pub fn on(objects: Arc<dyn ObjectStore>, url: &str) -> Store {
        Store { objects, url: url.to_string(), folder: None, traffic: None }
    }

    /// A warehouse that does not exist yet: empty, in memory.
    pub fn nothing() -> Store {
        Store::on(Arc::new(object_store::memory::InMemory::new()), "(a new warehouse)")
    }

    /// The address it was opened by.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder, when it is on this machine.
    pub fn folder(&self) -> Option<&FsPath> {
        self.folder.as_deref()
    }

    /// The requests made so far, for a store behind a network.
    pub fn requests(&self) -> Option<Requests> {
        self.traffic.as_ref().map(|t| t.requests())
    }

    /// The objects themselves, for readers such as DataFusion.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// Reads a whole object; `None` when there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Object>> {
        let wrong = |e| store_error(format!("cannot read {path} in {}", self.url), e);
        let result = match self.objects.get(&Path::from(path)).await {
            Ok(result) => result,
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(wrong(e)),
        };
        let version = Version { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
        let bytes = result.bytes().await.map_err(wrong)?;
        Ok(Some(Object { bytes, version }))
    }

    /// Size and version of an object; `None` when there is none.
    pub async fn head(&self, path: &str) -> Result<Option<ObjectMeta>> {
        match self.objects.head(&Path::from(path)).await {
            // Below a prefix the library gives the key with the prefix; nobody would find it there.
            Ok(meta) => Ok(Some(ObjectMeta { location: Path::from(path), ..meta })),
            Err(e) if is_absent(&e) => Ok(None),
            Err(e) => Err(store_error(format!("cannot look up {path} in {}", self.url), e)),
        }
    }

    /// Writes an object under a condition.
    pub async fn put(&self, path: &str, bytes: impl Into<PutPayload>, condition: PutIf) -> Result<Put> {
        let mode = match condition {
            PutIf::Absent => PutMode::Create,
            PutIf::Always => PutMode::Overwrite,
            PutIf::Unchanged(v) => PutMode::Update(UpdateVersion { e_tag: v.e_tag, version: v.version }),
        };
        match self.objects.put_opts(&Path::from(path), bytes.into(), mode.into()).await {
            Ok(put) => Ok(Put::Written(Version { e_tag: put.e_tag, version: put.version })),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Put::Conflict)
            }
            Err(e) => Err(store_error(format!("cannot write {path} in {}", self.url), e)),
        }
    }

    /// The names of the folders right under a folder, sorted.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let wrong = |e| store_error(format!("cannot list {folder} in {}", self.url), e);
        let listing = self.objects.list_with_delimiter(Some(&Path::from(folder))).await.map_err(wrong)?;
        let mut names: Vec<String> =
            listing.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_string)).collect();
        names.sort();
        Ok(names)
    }

    /// Everything under a folder, sorted by key; only keys after `after` when given.
    pub async fn list(&self, folder: &str, after: Option<&str>) -> Result<Vec<ObjectMeta>> {
        let prefix = Path::from(folder);
        let stream = match after {
            Some(after) => self.objects.list_with_offset(Some(&prefix), &Path::from(after)),
            None => self.objects.list(Some(&prefix)),
        };
        let mut found: Vec<ObjectMeta> =
            stream.try_collect().await.map_err(|e| store_error(format!("cannot list {folder} in {}", self.url), e))?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(found)
    }
}

/// Whether there is no such object, in a bucket that is there.
fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && Refusal::of(error) != Some(Refusal::NoBucket)
}

/// The folder an address names when it is on this machine.
pub fn local_folder(address: &str) -> Option<PathBuf> {
    match address.split_once("://") {
        None => Some(PathBuf::from(address)),
        Some(("file", _)) => url::Url::parse(address).ok().and_then(|u| u.to_file_path().ok()),
        Some(_) => None,
    }
}
