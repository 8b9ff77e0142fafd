//! Parquet footers read before, by path and ETag: a cell never changes under one ETag, so they never grow stale.

use parquet::file::metadata::ParquetMetaData;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes of footers are kept.
const BYTES_KEPT: usize = 64 << 20;

type Key = (String, String);

/// Footers; the oldest leave first.
#[derive(Debug, Default)]
pub struct Footers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<Key, (Arc<ParquetMetaData>, usize)>,
    oldest_first: VecDeque<Key>,
    bytes: usize,
}

impl Footers {
    /// The footer of that version of a cell.
    pub fn get(&self, path: &str, e_tag: &str) -> Option<Arc<ParquetMetaData>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_key.get(&(path.to_string(), e_tag.to_string())).map(|(footer, _)| footer.clone())
    }

    /// Keeps a footer, in place of an earlier one of the same version.
    pub fn put(&self, path: &str, e_tag: &str, footer: Arc<ParquetMetaData>) {
        let key = (path.to_string(), e_tag.to_string());
        let bytes = footer.memory_size();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.by_key.insert(key.clone(), (footer, bytes)) {
            Some((_, before)) => kept.bytes = kept.bytes.saturating_sub(before),
            None => kept.oldest_first.push_back(key),
        }
        kept.bytes = kept.bytes.saturating_add(bytes);
        while kept.bytes > BYTES_KEPT {
            let Some(oldest) = kept.oldest_first.pop_front() else { break };
            if let Some((_, bytes)) = kept.by_key.remove(&oldest) {
                kept.bytes = kept.bytes.saturating_sub(bytes);
            }
        }
    }
}
