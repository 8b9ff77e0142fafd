//! The source: listing what lies in the bucket and reading it. Never writes.
//!
//! On a local folder the walk is ours: it leaves out whole days by their folder's name, and survives any file name.

use crate::currents::QueueHour;
use crate::error::{Error, Kind, Result};
use crate::warehouse::store::{local_folder, open_remote, store_error};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The source of a pass.
#[derive(Debug, Clone)]
pub struct Bucket {
    address: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Objects(Arc<dyn ObjectStore>),
}

/// One listed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key, relative to the source's address.
    pub key: String,
    /// Its ETag.
    pub e_tag: Option<String>,
    /// Bytes.
    pub size: u64,
    /// When it was last modified, milliseconds since 1970.
    pub modified: i64,
}

/// What a listing found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The objects, sorted by key.
    pub objects: Vec<Listed>,
    /// Names that are no UTF-8, shown with replacement characters; they cannot be keys.
    pub unreadable: Vec<String>,
}

/// What reading an object gave.
#[derive(Debug)]
pub enum Fetched {
    /// Its bytes, and the version they are of, which may be newer than the listed one.
    Bytes(Bytes, Listed),
    /// It is gone.
    Vanished,
    /// It is there and refuses to be read; the reason.
    Unreadable(String),
}

impl Bucket {
    /// Opens a source by address.
    pub fn open(address: &str, options: &[(String, String)]) -> Result<Bucket> {
        let place = match local_folder(address) {
            Some(folder) if !folder.is_dir() => {
                return Err(Error::usage(format!("there is no folder {}", folder.display())).hint(
                    "--source is the folder or bucket that holds the export, e.g. ./currents or s3://bucket/currents",
                ));
            }
            Some(folder) => Place::Folder(folder),
            None => Place::Objects(open_remote(address, options)?.0),
        };
        Ok(Bucket { address: address.to_string(), place })
    }

    /// A source on given objects; what tests on memory use.
    pub fn on(objects: Arc<dyn ObjectStore>, address: &str) -> Bucket {
        Bucket { address: address.to_string(), place: Place::Objects(objects) }
    }

    /// The address it was opened by.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Lists everything, or what may be new: `bound(prefix)` gives, for a prefix that ends in `event_type=…/`, the
    /// earliest hour of interest. Keys without such a prefix are always listed.
    pub async fn list(&self, bound: &(dyn Fn(&str) -> Option<QueueHour> + Sync)) -> Result<Listing> {
        match &self.place {
            Place::Folder(root) => {
                let mut listing = Listing::default();
                walk(root, "", bound, &mut Vec::new(), &mut listing)?;
                listing.objects.sort_by(|a, b| a.key.cmp(&b.key));
                Ok(listing)
            }
            Place::Objects(objects) => {
                let found: Vec<_> = objects
                    .list(None)
                    .try_collect()
                    .await
                    .map_err(|e| store_error(format!("cannot list {}", self.address), e))?;
                let mut objects: Vec<Listed> = found
                    .into_iter()
                    .map(|meta| Listed {
                        key: meta.location.to_string(),
                        e_tag: meta.e_tag,
                        size: meta.size,
                        modified: meta.last_modified.timestamp_millis(),
                    })
                    .filter(|o| !is_before(&o.key, bound))
                    .collect();
                objects.sort_by(|a, b| a.key.cmp(&b.key));
                Ok(Listing { objects, unreadable: Vec::new() })
            }
        }
    }

    /// Reads an object whole.
    pub async fn fetch(&self, listed: &Listed) -> Result<Fetched> {
        match &self.place {
            Place::Folder(root) => {
                let path = root.join(&listed.key);
                let key = listed.key.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&path, &key)).await;
                match read {
                    Ok(Ok(fetched)) => Ok(fetched),
                    Ok(Err(e)) => {
                        Err(Error::failed(format!("cannot read {} in {}", listed.key, self.address)).because(e))
                    }
                    Err(e) => Err(Error::failed(format!("reading {} was cut short", listed.key)).because(e)),
                }
            }
            Place::Objects(objects) => {
                let wrong = |e| store_error(format!("cannot read {} in {}", listed.key, self.address), e);
                let result = match objects.get(&Path::from(listed.key.as_str())).await {
                    Ok(result) => result,
                    Err(object_store::Error::NotFound { .. }) => return Ok(Fetched::Vanished),
                    Err(e) => return Err(wrong(e)),
                };
                let now = Listed {
                    key: listed.key.clone(),
                    e_tag: result.meta.e_tag.clone(),
                    size: result.meta.size,
                    modified: result.meta.last_modified.timestamp_millis(),
                };
                Ok(Fetched::Bytes(result.bytes().await.map_err(wrong)?, now))
            }
        }
    }
}

/// The part of a key up to and including its `event_type=…/` segment, and the rest.
pub fn event_type_prefix(key: &str) -> Option<(&str, &str)> {
    let at = key.find("event_type=")?;
    let rest = key.get(at..)?;
    let end = at + rest.find('/')? + 1;
    Some((key.get(..end)?, key.get(end..)?))
}

fn is_before(key: &str, bound: &(dyn Fn(&str) -> Option<QueueHour> + Sync)) -> bool {
    let Some((prefix, rest)) = event_type_prefix(key) else { return false };
    let hour = rest.split('/').next().and_then(|s| s.strip_prefix("date=")).and_then(QueueHour::parse);
    matches!((hour, bound(prefix)), (Some(hour), Some(bound)) if hour < bound)
}

fn walk(
    root: &FsPath,
    under: &str,
    bound: &(dyn Fn(&str) -> Option<QueueHour> + Sync),
    links: &mut Vec<PathBuf>,
    listing: &mut Listing,
) -> Result<()> {
    let folder = root.join(under);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        // The folder was there a moment ago: someone is tidying up.
        Err(e) if e.kind() == ErrorKind::NotFound && !under.is_empty() => return Ok(()),
        Err(e) => {
            let kind = if e.kind() == ErrorKind::PermissionDenied { Kind::Denied } else { Kind::Failed };
            return Err(Error::new(kind, format!("cannot list the folder {}", folder.display())).because(e));
        }
    };
    for entry in entries {
        let wrong = |e| Error::failed(format!("cannot list the folder {}", folder.display())).because(e);
        let entry = entry.map_err(wrong)?;
        let Some(name) = entry.file_name().to_str().map(str::to_string) else {
            listing.unreadable.push(format!("{under}{}", entry.file_name().to_string_lossy()));
            continue;
        };
        let key = format!("{under}{name}");
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            let key = format!("{key}/");
            if !is_before(&key, bound) {
                walk(root, &key, bound, links, listing)?;
            }
        } else if let Ok(meta) = fs::metadata(entry.path()) {
            if meta.is_file() {
                listing.objects.push(of_file(key, &meta));
            } else if meta.is_dir() {
                follow(root, &format!("{key}/"), bound, links, listing)?;
            }
        }
    }
    Ok(())
}

/// Walks a folder that a symbolic link names, unless that leads back to where the walk came from.
fn follow(
    root: &FsPath,
    key: &str,
    bound: &(dyn Fn(&str) -> Option<QueueHour> + Sync),
    links: &mut Vec<PathBuf>,
    listing: &mut Listing,
) -> Result<()> {
    let (Ok(target), Ok(top)) = (fs::canonicalize(root.join(key)), fs::canonicalize(root)) else { return Ok(()) };
    // What lies in the source is listed anyway, and what contains it would list it again.
    if target.starts_with(&top) || top.starts_with(&target) || links.contains(&target) || is_before(key, bound) {
        return Ok(());
    }
    links.push(target);
    walk(root, key, bound, links, listing)?;
    links.pop();
    Ok(())
}

fn of_file(key: String, meta: &fs::Metadata) -> Listed {
    let modified = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(meta);
    #[cfg(not(unix))]
    let inode = 0;
    let e_tag = format!("{inode:x}-{:x}-{:x}", modified.as_nanos(), meta.len());
    Listed { key, e_tag: Some(e_tag), size: meta.len(), modified: modified.as_millis() as i64 }
}

fn read_file(path: &FsPath, key: &str) -> std::io::Result<Fetched> {
    // A file that is being rewritten while it is read gives a mixture: read until two looks agree.
    for _ in 0..5 {
        let read = fs::metadata(path).and_then(|before| Ok((before, fs::read(path)?, fs::metadata(path)?)));
        match read {
            Ok((before, bytes, after)) => {
                let (before, after) = (of_file(key.to_string(), &before), of_file(key.to_string(), &after));
                if before == after && bytes.len() as u64 == after.size {
                    return Ok(Fetched::Bytes(bytes.into(), after));
                }
            }
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Fetched::Vanished),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                return Ok(Fetched::Unreadable("permission denied".to_string()));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Fetched::Unreadable("it is being written while it is read".to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &FsPath, key: &str) {
        let path = root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, key).unwrap();
    }

    #[tokio::test]
    async fn old_hours_are_left_out_by_name_and_strangers_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for key in
            ["p/event_type=a.B/date=2026-01-01-00/1/x.avro", "p/event_type=a.B/date=2026-01-02-05/1/x.avro", "odd.csv"]
        {
            touch(dir.path(), key);
        }
        let bucket = Bucket::open(dir.path().to_str().unwrap(), &[]).unwrap();
        let bound = |prefix: &str| (prefix == "p/event_type=a.B/").then(|| QueueHour::parse("2026-01-02-00").unwrap());
        let keys: Vec<String> = bucket.list(&bound).await.unwrap().objects.into_iter().map(|o| o.key).collect();
        assert_eq!(keys, ["odd.csv", "p/event_type=a.B/date=2026-01-02-05/1/x.avro"]);
    }

    #[tokio::test]
    async fn names_that_object_stores_refuse_do_not_stop_a_listing() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), "a\nb.avro");
        touch(dir.path(), "fine.avro");
        let bucket = Bucket::open(dir.path().to_str().unwrap(), &[]).unwrap();
        assert_eq!(bucket.list(&|_| None).await.unwrap().objects.len(), 2);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn linked_folders_are_followed_and_circles_are_not() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        touch(dir.path(), "p/a.avro");
        touch(other.path(), "b.avro");
        std::os::unix::fs::symlink(other.path(), dir.path().join("p/linked")).unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("p/circle")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("p"), other.path().join("back")).unwrap();
        let bucket = Bucket::open(dir.path().to_str().unwrap(), &[]).unwrap();
        let keys: Vec<String> = bucket.list(&|_| None).await.unwrap().objects.into_iter().map(|o| o.key).collect();
        assert_eq!(keys, ["p/a.avro", "p/linked/b.avro"]);
    }

    #[tokio::test]
    async fn a_file_that_vanished_is_a_value_not_an_error() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), "x.avro");
        let bucket = Bucket::open(dir.path().to_str().unwrap(), &[]).unwrap();
        let listed = bucket.list(&|_| None).await.unwrap().objects.remove(0);
        fs::remove_file(dir.path().join("x.avro")).unwrap();
        assert!(matches!(bucket.fetch(&listed).await.unwrap(), Fetched::Vanished));
    }
}
