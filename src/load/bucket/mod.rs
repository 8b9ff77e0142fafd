//! The source: listing what lies in the bucket and reading it. Never writes.

mod folder;
mod objects;
mod pace;
mod ranges;

use crate::currents::{QueueHour, event_type_prefix};
use crate::error::{Error, Result};
use crate::warehouse::Requests;
use crate::warehouse::clouds;
use crate::warehouse::store::local_folder;
use bytes::Bytes;
use folder::Folder;
use object_store::ObjectStore;
use objects::Objects;
pub use ranges::Ranges;
use std::sync::Arc;

/// The source of a pass.
#[derive(Debug, Clone)]
pub struct Bucket {
    address: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(Folder),
    Objects(Objects),
}

/// Gives, for a prefix that ends in `event_type=…/`, the earliest hour of interest; `None` for all of them.
pub type Bound<'a> = &'a (dyn Fn(&str) -> Option<QueueHour> + Sync);

/// One listed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key, relative to the source's address. What a pass knows of a file names it by this one copy.
    pub key: Arc<str>,
    /// Its ETag.
    pub e_tag: Option<Arc<str>>,
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
    /// Keys that are there and that no client can ask for: names that are no UTF-8 (shown with replacement
    /// characters), `.` and `..` between slashes, control characters, a slash at the beginning.
    pub unaskable: Vec<String>,
    /// Folders of other exports of Braze that were not looked into.
    pub passed_over: Vec<String>,
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
    /// Permission to read it was refused; the reason.
    Refused(String),
    /// It has more bytes than may be read; how many.
    TooLarge(u64),
}

/// What opening an object gave that is to be read in ranges.
#[derive(Debug)]
pub enum Opened {
    /// Its ranges, and the version they are of, which may be newer than the listed one.
    Ranges(Ranges, Listed),
    /// It was read whole instead, or cannot be read.
    Instead(Fetched),
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
            Some(folder) => Place::Folder(Folder::new(folder)),
            None => Place::Objects(Objects::remote(clouds::open(address, options)?)),
        };
        Ok(Bucket { address: address.to_string(), place })
    }

    /// A source on given objects; what tests on memory use.
    pub fn on(objects: Arc<dyn ObjectStore>, address: &str) -> Bucket {
        Bucket { address: address.to_string(), place: Place::Objects(Objects::on(objects)) }
    }

    /// The address it was opened by.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The requests made so far, for a source behind a network.
    pub fn requests(&self) -> Option<Requests> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Objects(objects) => objects.requests(),
        }
    }

    /// Lists what may be new: under each `event_type=…/` from its bound on. Keys that lie elsewhere are always listed,
    /// except those of Braze's other exports.
    pub async fn list(&self, bound: Bound<'_>) -> Result<Listing> {
        self.look(bound, false).await
    }

    /// The same, and Braze's other exports too: every key that is there, but for what the bound leaves out.
    pub async fn list_everything(&self, bound: Bound<'_>) -> Result<Listing> {
        self.look(bound, true).await
    }

    async fn look(&self, bound: Bound<'_>, everything: bool) -> Result<Listing> {
        let mut listing = match &self.place {
            Place::Folder(folder) => folder.list(bound)?,
            Place::Objects(objects) => objects.list(&self.address, bound, everything).await?,
        };
        listing.objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(listing)
    }

    /// The first keys of the source, at most one page; what `doctor` reads to see that listing works.
    pub async fn first_page(&self) -> Result<Listing> {
        match &self.place {
            Place::Folder(folder) => folder.list(&|_| None),
            Place::Objects(objects) => objects.first_page(&self.address).await,
        }
    }

    /// Reads an object whole, unless it has more than `most` bytes.
    pub async fn fetch(&self, listed: &Listed, most: u64) -> Result<Fetched> {
        match &self.place {
            Place::Folder(folder) => {
                let fetched = folder.read_aside(&self.address, std::slice::from_ref(listed), most).await;
                let cut_short = || Err(Error::failed(format!("reading {} was cut short", listed.key)));
                fetched.into_iter().next().unwrap_or_else(cut_short)
            }
            Place::Objects(objects) => objects.fetch(&self.address, listed, most).await,
        }
    }

    /// Opens an object to be read a range of so many bytes at a time, unless it has more than `most`. Where its store
    /// does not say which version a range is of, it is read whole.
    pub async fn open_in_ranges(&self, listed: &Listed, most: u64, range: u64) -> Result<Opened> {
        match &self.place {
            Place::Folder(folder) => folder.open_in_ranges(&self.address, listed, most, range).await,
            Place::Objects(objects) => objects.open_in_ranges(&self.address, listed, most, range).await,
        }
    }

    /// Reads several objects, one outcome each. From a folder they are read in one go, and on the spot where they are
    /// there at once: that holds up the thread that asks.
    pub async fn fetch_all(&self, listed: &[Listed], most: u64) -> Vec<Result<Fetched>> {
        match &self.place {
            Place::Folder(folder) => folder.read_together(&self.address, listed, most).await,
            Place::Objects(_) => futures::future::join_all(listed.iter().map(|one| self.fetch(one, most))).await,
        }
    }

    /// How many of such reads to begin ahead, when so many are allowed. A disk answers at once: what is read early only
    /// lies in memory.
    pub fn ahead(&self, allowed: usize) -> usize {
        match &self.place {
            Place::Folder(_) => allowed.min(2),
            Place::Objects(_) => allowed,
        }
    }

    /// How many files, and of how many bytes together, are best read in one go.
    pub fn bundle(&self) -> (usize, u64) {
        match &self.place {
            Place::Folder(_) => (64, 1 << 20),
            Place::Objects(_) => (1, u64::MAX),
        }
    }
}

/// Whether a key lies before the bound of its prefix. A `date=` without an hour stands for its whole day.
fn is_before(key: &str, bound: Bound<'_>) -> bool {
    let Some((prefix, rest)) = event_type_prefix(key) else { return false };
    let Some(date) = rest.split('/').next().and_then(|s| s.strip_prefix("date=")) else { return false };
    match (QueueHour::parse(date), bound(prefix)) {
        (Some(hour), Some(bound)) if date.len() == "2026-03-01".len() => hour.date < bound.date,
        (Some(hour), Some(bound)) => hour < bound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path as FsPath;

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
        let keys: Vec<String> =
            bucket.list(&bound).await.unwrap().objects.into_iter().map(|o| o.key.to_string()).collect();
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
        let keys: Vec<String> =
            bucket.list(&|_| None).await.unwrap().objects.into_iter().map(|o| o.key.to_string()).collect();
        assert_eq!(keys, ["p/a.avro", "p/linked/b.avro"]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_linked_file_is_what_it_names() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        touch(other.path(), "elsewhere.avro");
        std::os::unix::fs::symlink(other.path().join("elsewhere.avro"), dir.path().join("here.avro")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("broken.avro")).unwrap();
        let bucket = Bucket::open(dir.path().to_str().unwrap(), &[]).unwrap();
        let listed = bucket.list(&|_| None).await.unwrap().objects;
        assert_eq!(listed.iter().map(|o| (&*o.key, o.size)).collect::<Vec<_>>(), [("here.avro", 14)]);
        let fetched = bucket.fetch(&listed[0], u64::MAX).await.unwrap();
        assert!(matches!(fetched, Fetched::Bytes(bytes, version) if bytes == "elsewhere.avro" && version == listed[0]));
    }

    #[tokio::test]
    async fn many_folders_are_listed_once_each() {
        let dir = tempfile::tempdir().unwrap();
        let mut expected = Vec::new();
        for event_type in 0..40 {
            for hour in 0..event_type % 5 {
                let key = format!("p/event_type=t{event_type}/date=2026-01-02-{hour:02}/1/x/{hour}.avro");
                touch(dir.path(), &key);
                if event_type != 4 || hour >= 2 {
                    expected.push(key);
                }
            }
        }
        expected.sort();
        let bucket = Bucket::open(dir.path().to_str().unwrap(), &[]).unwrap();
        let bound = |prefix: &str| (prefix == "p/event_type=t4/").then(|| QueueHour::parse("2026-01-02-02").unwrap());
        let listing = bucket.list(&bound).await.unwrap();
        assert_eq!(listing.objects.into_iter().map(|o| o.key.to_string()).collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn a_file_that_vanished_is_a_value_not_an_error() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), "x.avro");
        let bucket = Bucket::open(dir.path().to_str().unwrap(), &[]).unwrap();
        let listed = bucket.list(&|_| None).await.unwrap().objects.remove(0);
        fs::remove_file(dir.path().join("x.avro")).unwrap();
        assert!(matches!(bucket.fetch(&listed, u64::MAX).await.unwrap(), Fetched::Vanished));
    }
}
