//! One writer at a time on a local disk: an advisory lock on `meta/lock`, released by the system when the process ends,
//! however it ends. Remote stores need none: their conditional writes decide.

use super::refusal::disk_error;
use super::store::Store;
use crate::error::{Error, Kind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

const LOCK: &str = "meta/lock";

/// Held while a pass writes.
#[derive(Debug)]
pub struct WriterLock {
    _file: Option<File>,
}

impl WriterLock {
    /// Takes the lock, waiting up to `patience` for another writer to finish.
    pub async fn take(store: &Store, patience: Duration) -> Result<WriterLock> {
        let Some(folder) = store.folder() else { return Ok(WriterLock { _file: None }) };
        let path = folder.join(LOCK);
        let wrong = |e: std::io::Error| disk_error(format!("cannot lock {}", path.display()), e);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(wrong)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(wrong)?;
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
        Ok(WriterLock { _file: Some(file) })
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
}
