//! A large object, read a range at a time: it is never in memory whole, and all ranges are of one version of it.

use super::{Listed, folder};
use crate::error::{Error, Result};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// See the module.
pub struct Ranges {
    source: Source,
    /// Bytes behind the ranges read so far.
    left: u64,
}

enum Source {
    /// The file, how many bytes a range has, and what the file was when it was opened.
    File { file: Option<File>, path: PathBuf, range: u64, opened: Listed },
    /// The ranges; `None` for one that is there in another version only.
    Objects(BoxStream<'static, Result<Option<Bytes>>>),
}

impl Ranges {
    /// Of an open file.
    pub(super) fn of_file(file: File, path: PathBuf, range: u64, opened: Listed) -> Ranges {
        let left = opened.size;
        Ranges { source: Source::File { file: Some(file), path, range, opened }, left }
    }

    /// Of an object of `size` bytes.
    pub(super) fn of_object(size: u64, ranges: BoxStream<'static, Result<Option<Bytes>>>) -> Ranges {
        Ranges { source: Source::Objects(ranges), left: size }
    }

    /// Whether the last range was read.
    pub fn is_end(&self) -> bool {
        self.left == 0
    }

    /// Reads the next range and puts it behind `bytes`. `None`: the object is no longer the one whose first range was
    /// read. That a file has changed may only be seen with its last range.
    pub async fn read(&mut self, mut bytes: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let before = bytes.len() as u64;
        match &mut self.source {
            Source::File { file, path, range, opened } => {
                let wrong = |e: String| Error::failed(format!("cannot read {}", path.display())).because(e);
                let Some(mut open) = file.take() else {
                    return Err(wrong("an earlier read was cut short".to_string()));
                };
                // As much as the room that is there takes; a whole range, when what is left over fills more than half of it,
                // and as much again, when it is more than that: a block may be larger than many ranges.
                let free = range.checked_sub(before).filter(|free| *free > *range / 2);
                let free = free.unwrap_or(before.max(*range));
                let most = self.left.min(free);
                bytes.reserve_exact(usize::try_from(most).unwrap_or(0).saturating_add(folder::SPARE));
                let read = move || {
                    let result = open.by_ref().take(most).read_to_end(&mut bytes);
                    (open, bytes, result)
                };
                let (open, filled, result) =
                    tokio::task::spawn_blocking(read).await.map_err(|e| wrong(e.to_string()))?;
                let read = result.map_err(|e| wrong(e.to_string()))? as u64;
                (*file, bytes) = (Some(open), filled);
                self.left = self.left.saturating_sub(read);
                let changed = self.left == 0 && !folder::is_still(path, opened);
                if read == 0 || changed {
                    return Ok(None);
                }
            }
            Source::Objects(ranges) => {
                let Some(range) = ranges.next().await.transpose()?.flatten() else { return Ok(None) };
                bytes.reserve_exact(range.len());
                bytes.extend_from_slice(&range);
                let read = bytes.len() as u64 - before;
                self.left = self.left.saturating_sub(read);
            }
        }
        Ok(Some(bytes))
    }
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ranges with {} bytes left", self.left)
    }
}
