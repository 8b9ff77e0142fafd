//! An object store on a local folder that keeps the warehouse's two rules: nothing but final objects ever lies under
//! `tables/`, and what was acknowledged survives a power cut.
//!
//! Reads and listings are `object_store`'s own, but that a listing from some key on does not look into folders that lie
//! before it. Writes go to `meta/tmp/`, are synced, and reach their key in one
//! rename (or one hard link, which fails when the key exists). `PutMode::Update` compares the ETag and then renames;
//! between processes that is made safe by the writer's lock (see [`super::lock`]).

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path as FsPath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Where unfinished writes lie, relative to the root.
pub const STAGING: &str = "meta/tmp";

/// See the module.
#[derive(Debug)]
pub struct LocalDisk {
    root: PathBuf,
    reads: LocalFileSystem,
    staged: AtomicU64,
}

impl fmt::Display for LocalDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalDisk({})", self.root.display())
    }
}

impl LocalDisk {
    /// A store on an existing folder.
    pub fn new(root: &FsPath) -> Result<LocalDisk> {
        let root = fs::canonicalize(root).map_err(|e| failed(root, e))?;
        let reads = LocalFileSystem::new_with_prefix(&root)?;
        Ok(LocalDisk { root, reads, staged: AtomicU64::new(0) })
    }

    /// The folders right under `prefix` that may hold keys after `offset`; `prefix` itself when files lie there too.
    fn children_after(&self, prefix: Option<&Path>, offset: &Path) -> Result<Vec<Path>> {
        let whole = prefix.cloned().unwrap_or_default();
        let folder = self.reads.path_to_filesystem(&whole)?;
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(failed(&folder, e)),
        };
        let mut children = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| failed(&folder, e))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let name = entry.file_name().into_string().ok();
            let child = name.and_then(|name| Path::parse(format!("{whole}/{name}").trim_start_matches('/')).ok());
            match child.filter(|_| is_folder) {
                // Its keys begin with its name and a slash.
                Some(child) if child < *offset && !offset.prefix_matches(&child) => {}
                Some(child) => children.push(child),
                None => return Ok(vec![whole]),
            }
        }
        children.sort();
        Ok(children)
    }

    /// Writes a file that nobody sees yet: where it lies, and the ETag it will have.
    fn stage(&self, payload: &PutPayload) -> Result<(PathBuf, String)> {
        let folder = self.root.join(STAGING);
        fs::create_dir_all(&folder).map_err(|e| failed(&folder, e))?;
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}", std::process::id()));
        let write = || -> std::io::Result<String> {
            let mut file = File::create(&path)?;
            for part in payload.iter() {
                file.write_all(part)?;
            }
            file.sync_all()?;
            Ok(e_tag(&file.metadata()?))
        };
        match write() {
            Ok(e_tag) => Ok((path, e_tag)),
            Err(e) => {
                let _ = fs::remove_file(&path);
                Err(failed(&path, e))
            }
        }
    }

    async fn publish(&self, staged: &FsPath, location: &Path, mode: &PutMode) -> Result<()> {
        let target = self.reads.path_to_filesystem(location)?;
        let folder = target.parent().unwrap_or(&self.root).to_path_buf();
        make_folders(&folder).map_err(|e| failed(&folder, e))?;
        match mode {
            PutMode::Create => match fs::hard_link(staged, &target) {
                Ok(()) => {
                    let _ = fs::remove_file(staged);
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    return Err(Error::AlreadyExists { path: location.to_string(), source: e.into() });
                }
                Err(e) => return Err(failed(&target, e)),
            },
            PutMode::Overwrite => fs::rename(staged, &target).map_err(|e| failed(&target, e))?,
            PutMode::Update(version) => {
                let now = match self.reads.head(location).await {
                    Ok(meta) => meta.e_tag,
                    Err(Error::NotFound { .. }) => None,
                    Err(e) => return Err(e),
                };
                if now.is_none() || now != version.e_tag {
                    return Err(Error::Precondition {
                        path: location.to_string(),
                        source: "the object has another ETag".into(),
                    });
                }
                fs::rename(staged, &target).map_err(|e| failed(&target, e))?;
            }
        }
        File::open(&folder).and_then(|f| f.sync_all()).map_err(|e| failed(&folder, e))
    }
}

/// What `object_store` says of such a file, which it would ask by its path and on another thread. A rename changes none of
/// it.
fn e_tag(file: &fs::Metadata) -> String {
    let (inode, modified) = identity(file);
    format!("{inode:x}-{:x}-{:x}", modified.as_micros(), file.len())
}

/// What tells a file from another of its name and length: its inode, 0 where there are none, and when it was last modified,
/// since 1970.
pub fn identity(file: &fs::Metadata) -> (u64, Duration) {
    let modified = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(file);
    #[cfg(not(unix))]
    let inode = 0;
    (inode, modified)
}

/// Creates missing folders and syncs the parents that gained an entry.
fn make_folders(folder: &FsPath) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
        match fs::create_dir(folder) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn failed(path: &FsPath, error: std::io::Error) -> Error {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied => {
            Error::PermissionDenied { path: path.display().to_string(), source: text.into() }
        }
        _ => Error::Generic { store: "local disk", source: text.into() },
    }
}

#[async_trait]
impl ObjectStore for LocalDisk {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let (staged, e_tag) = self.stage(&payload)?;
        if let Err(e) = self.publish(&staged, location, &opts.mode).await {
            let _ = fs::remove_file(&staged);
            return Err(e);
        }
        Ok(PutResult { e_tag: Some(e_tag), version: None })
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "multipart upload".into(), implementer: self.to_string() })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.reads.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.reads.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.reads.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        let children = match self.children_after(prefix, &offset) {
            Ok(children) => children,
            Err(e) => return futures::stream::once(async { Err(e) }).boxed(),
        };
        // Streams are lazy: a folder is read when its turn comes.
        let listings: Vec<_> = children.iter().map(|child| self.reads.list(Some(child))).collect();
        let after = move |found: &Result<ObjectMeta>| {
            std::future::ready(found.as_ref().map_or(true, |object| object.location > offset))
        };
        futures::stream::iter(listings).flatten().filter(after).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reads.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copy".into(), implementer: self.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::UpdateVersion;

    #[tokio::test]
    async fn create_refuses_an_existing_key_and_update_a_changed_one() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalDisk::new(dir.path()).unwrap();
        let key = Path::from("tables/t/queue_date=2026-01-01/part-00.parquet");
        let first = store.put_opts(&key, "one".into(), PutMode::Create.into()).await.unwrap();
        let again = store.put_opts(&key, "two".into(), PutMode::Create.into()).await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
        let version = UpdateVersion { e_tag: first.e_tag, version: None };
        store.put_opts(&key, "two!".into(), PutMode::Update(version.clone()).into()).await.unwrap();
        let stale = store.put_opts(&key, "three".into(), PutMode::Update(version).into()).await;
        assert!(matches!(stale, Err(Error::Precondition { .. })), "{stale:?}");
        assert_eq!(store.get(&key).await.unwrap().bytes().await.unwrap(), "two!");
        let missing = Path::from("tables/t/none");
        let gone = UpdateVersion { e_tag: Some("x".into()), version: None };
        assert!(store.put_opts(&missing, "x".into(), PutMode::Update(gone).into()).await.is_err());
    }

    #[tokio::test]
    async fn a_write_says_the_etag_that_reads_say_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalDisk::new(dir.path()).unwrap();
        let key = Path::from("tables/t/part-00.parquet");
        for (text, mode) in [("one", PutMode::Create), ("two!", PutMode::Overwrite)] {
            let written = store.put_opts(&key, text.into(), mode.into()).await.unwrap();
            assert_eq!(written.e_tag, store.head(&key).await.unwrap().e_tag);
        }
    }

    #[tokio::test]
    async fn nothing_unfinished_is_left_anywhere() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalDisk::new(dir.path()).unwrap();
        let key = Path::from("tables/t/part-00.parquet");
        store.put_opts(&key, "one".into(), PutMode::Create.into()).await.unwrap();
        let _ = store.put_opts(&key, "two".into(), PutMode::Create.into()).await;
        assert_eq!(fs::read_dir(dir.path().join(STAGING)).unwrap().count(), 0);
        assert_eq!(fs::read_dir(dir.path().join("tables/t")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_listing_from_a_key_on_is_what_is_left_of_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalDisk::new(dir.path()).unwrap();
        let days = ["2026-01-01", "2026-01-02", "2026-01-03"];
        let parts =
            days.iter().flat_map(|day| (0..2).map(move |n| format!("tables/t/queue_date={day}/part-0{n}.parquet")));
        let keys: Vec<String> = parts.chain(["meta/log/1.json".into(), "meta/log/2.json".into()]).collect();
        for key in &keys {
            store.put(&Path::from(key.as_str()), "x".into()).await.unwrap();
        }
        // Beside folders, a file: then nothing is left out by name.
        store.put(&Path::from("tables/mixed/a/1"), "x".into()).await.unwrap();
        store.put(&Path::from("tables/mixed/b"), "x".into()).await.unwrap();
        let found = async |prefix: &str, offset: &str| -> Vec<String> {
            let listing = store.list_with_offset(Some(&Path::from(prefix)), &Path::from(offset));
            let mut found: Vec<String> = listing.map(|object| object.unwrap().location.to_string()).collect().await;
            found.sort();
            found
        };
        for (prefix, offset) in [
            ("tables/t", "tables/t/queue_date=2026-01-02"),
            ("tables/t", "tables/t/queue_date=2026-01-02/part-00.parquet"),
            ("tables/t", "tables/t/queue_date=2025"),
            ("tables/t", "tables/u"),
            ("meta/log", "meta/log/1.json"),
            ("tables/none", "tables/none/x"),
        ] {
            let wanted = keys.iter().filter(|key| key.starts_with(&format!("{prefix}/")) && key.as_str() > offset);
            assert_eq!(found(prefix, offset).await, wanted.cloned().collect::<Vec<_>>(), "{prefix} after {offset}");
        }
        assert_eq!(found("tables/mixed", "tables/mixed/a").await, ["tables/mixed/a/1", "tables/mixed/b"]);
    }
}
