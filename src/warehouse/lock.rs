//! One writer at a time on a local disk: an advisory lock on `meta/lock`, released by the system when the process ends,
//! however it ends. Remote stores need none: their conditional writes decide.
//!
//! While a pass is at work the lock file has a word in it. Found there by the next one, it says that the pass before
//! ended in the middle, and that cells may lie in `tables/` that the log knows nothing of.

use super::refusal::disk_error;
use super::store::Store;
use crate::error::{Error, Kind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::time::Duration;

const LOCK: &str = "meta/lock";
const AT_WORK: &str = "at work\n";
const DONE: &str = "done\n";

/// Held while a pass writes.
#[derive(Debug)]
pub struct WriterLock {
    file: Option<File>,
    before: Before,
}

/// How the pass before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Everything it wrote is in the log.
    Done,
    /// In the middle: cells may lie in the warehouse that the log knows nothing of.
    InTheMiddle,
    /// Nobody can tell: a remote store has no lock, and others may be at work there now.
    Unknown,
}

impl WriterLock {
    /// Takes the lock, waiting up to `patience` for another writer to finish.
    pub async fn take(store: &Store, patience: Duration) -> Result<WriterLock> {
        let Some(folder) = store.folder() else { return Ok(WriterLock { file: None, before: Before::Unknown }) };
        let path = folder.join(LOCK);
        let wrong = |e: std::io::Error| disk_error(format!("cannot lock {}", path.display()), e);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(wrong)?;
        }
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(wrong)?;
        let pause = Duration::from_millis(100);
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(wrong(e)),
                Err(TryLockError::WouldBlock) if waited >= patience => {
                    return Err(Error::new(Kind::Conflict, format!("another eddyline is writing to {}", store.url()))
                        .hint("wait for it to finish; nothing was changed by this one"));
                }
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(pause).await;
                    waited += pause;
                }
            }
        }
        let mut left = String::new();
        file.read_to_string(&mut left).map_err(wrong)?;
        let before = if left == DONE { Before::Done } else { Before::InTheMiddle };
        Ok(WriterLock { file: Some(file), before })
    }

    /// Notes that a pass is at work, and says how the one before ended.
    pub fn begin(&mut self) -> std::io::Result<Before> {
        self.write(AT_WORK)?;
        Ok(self.before)
    }

    /// Notes that everything this pass wrote is in the log. When that does not work, the next pass looks at more than
    /// it need.
    pub fn done(mut self) {
        let _ = self.write(DONE);
    }

    fn write(&mut self, word: &str) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(word.as_bytes())?;
        file.sync_data()
    }

    /// Removes what a killed writer left in the staging folder. Only the holder may: nobody else is writing.
    pub fn sweep(&self, store: &Store) {
        let Some(folder) = store.folder() else { return };
        let Ok(left) = std::fs::read_dir(folder.join(super::local_disk::STAGING)) else { return };
        for entry in left.flatten() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_writer_waits_and_then_gives_up() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), &[], true).unwrap();
        let held = WriterLock::take(&store, Duration::ZERO).await.unwrap();
        let refused = WriterLock::take(&store, Duration::from_millis(150)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Conflict);
        drop(held);
        WriterLock::take(&store, Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn a_pass_knows_whether_the_one_before_came_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().to_str().unwrap(), &[], true).unwrap();
        let take = async || WriterLock::take(&store, Duration::ZERO).await.unwrap();
        // Whatever lies there, no pass said that it was done.
        let mut first = take().await;
        assert_eq!(first.begin().unwrap(), Before::InTheMiddle);
        first.done();
        let mut second = take().await;
        assert_eq!(second.begin().unwrap(), Before::Done);
        drop(second);
        // Who only looks leaves it as it is.
        drop(take().await);
        assert_eq!(take().await.begin().unwrap(), Before::InTheMiddle);
        let elsewhere = WriterLock::take(&Store::nothing(), Duration::ZERO).await.unwrap().begin().unwrap();
        assert_eq!(elsewhere, Before::Unknown);
    }
}
