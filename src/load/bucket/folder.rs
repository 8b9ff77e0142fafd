//! A source on this machine: the walk is ours. It leaves out whole days by their folder's name, and survives any file
//! name. Files are read on the spot as long as that is quick.

use super::pace::Pace;
use super::{Bound, Fetched, Listed, Listing, Opened, Ranges, is_before};
use crate::error::{Error, Result};
use crate::warehouse::local_disk::identity;
use crate::warehouse::refusal::disk_error;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a range: what is read is decoded while it is in the processor's cache, and there is no request to save.
const RANGE: u64 = 1 << 20;

/// See the module.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    pace: Arc<Pace>,
}

impl Folder {
    /// A folder by its path.
    pub fn new(root: PathBuf) -> Folder {
        Folder { root, pace: Arc::default() }
    }

    /// See [`super::Bucket::list`].
    pub fn list(&self, bound: Bound<'_>) -> Result<Listing> {
        let mut listing = Listing::default();
        walk(&self.root, "", bound, &mut Vec::new(), &mut listing)?;
        Ok(listing)
    }

    /// See [`super::Bucket::open_in_ranges`].
    pub async fn open_in_ranges(&self, address: &str, listed: &Listed, most: u64, range: u64) -> Result<Opened> {
        let wrong = |e: String| Error::failed(format!("cannot read {} in {address}", listed.key)).because(e);
        let (path, key) = (self.root.join(&*listed.key), listed.key.clone());
        let range = range.min(RANGE);
        let opened = tokio::task::spawn_blocking(move || open(path, key, most, range)).await;
        opened.map_err(|e| wrong(e.to_string()))?.map_err(|e| wrong(e.to_string()))
    }

    /// Reads files in one go, one outcome each: on the spot where they are there at once, or else by another thread.
    pub async fn read_together(&self, address: &str, listed: &[Listed], most: u64) -> Vec<Result<Fetched>> {
        if !self.pace.is_quick() {
            return self.read_aside(address, listed, most).await;
        }
        let begun = Instant::now();
        let fetched = listed.iter().map(|file| read_from(&self.root, address, file, most, room(file, most))).collect();
        self.pace.took(listed.len(), listed.iter().map(|file| file.size).sum(), begun.elapsed());
        fetched
    }

    /// The same by another thread, however long it takes. One thread for all of them: handing a tiny file to another
    /// thread costs more than reading it.
    pub async fn read_aside(&self, address: &str, listed: &[Listed], most: u64) -> Vec<Result<Fetched>> {
        let (root, files, to) = (self.root.clone(), listed.to_vec(), address.to_string());
        // The memory is taken here: the allocator keeps what a thread took for that thread, and there are many readers.
        let rooms: Vec<Vec<u8>> = listed.iter().map(|file| room(file, most)).collect();
        let read = move || {
            let each = files.iter().zip(rooms);
            each.map(|(file, room)| read_from(&root, &to, file, most, room)).collect()
        };
        let cut_short = |e: tokio::task::JoinError| {
            let text = e.to_string();
            let each =
                |one: &Listed| Err(Error::failed(format!("reading {} was cut short", one.key)).because(text.clone()));
            listed.iter().map(each).collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(cut_short)
    }
}

fn read_from(root: &FsPath, address: &str, file: &Listed, most: u64, room: Vec<u8>) -> Result<Fetched> {
    read(&root.join(&*file.key), &file.key, most, room)
        .map_err(|e| Error::failed(format!("cannot read {} in {address}", file.key)).because(e))
}

fn walk(root: &FsPath, under: &str, bound: Bound<'_>, links: &mut Vec<PathBuf>, listing: &mut Listing) -> Result<()> {
    let folder = root.join(under);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        // The folder was there a moment ago: someone is tidying up.
        Err(e) if e.kind() == ErrorKind::NotFound && !under.is_empty() => return Ok(()),
        Err(e) => return Err(disk_error(format!("cannot list the folder {}", folder.display()), e)),
    };
    for entry in entries {
        let wrong = |e| Error::failed(format!("cannot list the folder {}", folder.display())).because(e);
        let entry = entry.map_err(wrong)?;
        let Some(name) = entry.file_name().to_str().map(str::to_string) else {
            listing.unaskable.push(format!("{under}{}", entry.file_name().to_string_lossy()));
            continue;
        };
        let key = format!("{under}{name}");
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            let key = format!("{key}/");
            if !is_before(&key, bound) {
                walk(root, &key, bound, links, listing)?;
            }
        } else {
            // Asked by its name in the open folder: the way through all folders above costs more than the answer.
            let meta = if kind.is_file() { entry.metadata() } else { fs::metadata(entry.path()) };
            let Ok(meta) = meta else { continue };
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
fn follow(root: &FsPath, key: &str, bound: Bound<'_>, links: &mut Vec<PathBuf>, listing: &mut Listing) -> Result<()> {
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

fn of_file(key: impl Into<Arc<str>>, meta: &fs::Metadata) -> Listed {
    let (inode, modified) = identity(meta);
    let e_tag = format!("{inode:x}-{:x}-{:x}", modified.as_nanos(), meta.len());
    Listed { key: key.into(), e_tag: Some(e_tag.into()), size: meta.len(), modified: modified.as_millis() as i64 }
}

/// Bytes of room beyond a file's own, so that its end is seen without asking for more.
pub const SPARE: usize = 32;

/// Room for a listed file.
fn room(file: &Listed, most: u64) -> Vec<u8> {
    Vec::with_capacity(usize::try_from(file.size.min(most)).unwrap_or(0).saturating_add(SPARE))
}

/// Whether a file is what it was.
pub fn is_still(path: &FsPath, was: &Listed) -> bool {
    fs::metadata(path).is_ok_and(|now| of_file(was.key.clone(), &now) == *was)
}

/// Opens a file to be read in ranges, unless it has more than `most` bytes.
fn open(path: PathBuf, key: Arc<str>, most: u64, range: u64) -> std::io::Result<Opened> {
    let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((now, _)) if now.len() > most => Ok(Opened::Instead(Fetched::TooLarge(now.len()))),
        Ok((now, file)) => {
            let now = of_file(key, &now);
            Ok(Opened::Ranges(Ranges::of_file(file, path, range, now.clone()), now))
        }
        Err(e) => not_read(e).map(Opened::Instead),
    }
}

/// What a file is that cannot be opened or read.
fn not_read(error: std::io::Error) -> std::io::Result<Fetched> {
    match error.kind() {
        ErrorKind::NotFound => Ok(Fetched::Vanished),
        ErrorKind::PermissionDenied => Ok(Fetched::Unreadable("permission denied".to_string())),
        _ => Err(error),
    }
}

/// Reads a file whole into `bytes`, unless it has more than `most` bytes.
fn read(path: &FsPath, key: &Arc<str>, most: u64, mut bytes: Vec<u8>) -> std::io::Result<Fetched> {
    // A file that is being rewritten while it is read gives a mixture: read until two looks agree. One that is replaced by
    // another stays what it was for whoever has it open, and the next listing has the other.
    for _ in 0..5 {
        bytes.clear();
        let mut read = || -> std::io::Result<std::result::Result<_, u64>> {
            let mut file = File::open(path)?;
            let before = file.metadata()?;
            if before.len() > most {
                return Ok(Err(before.len()));
            }
            // By itself a file is asked for its length and place first; there is room already.
            file.by_ref().take(u64::MAX).read_to_end(&mut bytes)?;
            Ok(Ok((before, file.metadata()?)))
        };
        match read() {
            Ok(Err(size)) => return Ok(Fetched::TooLarge(size)),
            Ok(Ok((before, after))) => {
                let (before, after) = (of_file(key.clone(), &before), of_file(key.clone(), &after));
                if before == after && bytes.len() as u64 == after.size {
                    return Ok(Fetched::Bytes(bytes.into(), after));
                }
            }
            Err(e) => return not_read(e),
        }
    }
    Ok(Fetched::Unreadable("it is being written while it is read".to_string()))
}
