//! What there is to read: a snapshot's cells, and for cells that were replaced while their pass had not committed yet,
//! the object the store holds now.

use crate::warehouse::{CellKey, CellState, Snapshot};
use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use object_store::path::Path;
use std::collections::HashMap;
use std::sync::Arc;

/// Cells as they are to be read. Immutable.
#[derive(Debug, Default)]
pub struct Holdings {
    /// The folded log.
    pub snapshot: Arc<Snapshot>,
    /// Objects that differ from what the log says: published by a pass that has not committed. Each is a correct set.
    pub ahead: HashMap<CellKey, ObjectMeta>,
}

impl Holdings {
    /// The cells of one table, in order.
    pub fn cells<'a>(&'a self, table: &'a str) -> impl Iterator<Item = Cell<'a>> {
        self.snapshot.cells_of(table).map(|state| Cell { state, ahead: self.ahead.get(&state.key) })
    }

    /// The ETag an object must have to be read; `None` for what is no cell of ours or has no ETag.
    pub fn e_tag(&self, path: &Path) -> Option<&str> {
        let key = CellKey::from_path(path.as_ref())?;
        Cell { state: self.snapshot.cells.get(&key)?, ahead: self.ahead.get(&key) }.e_tag()
    }

    /// Whether the path is one of our cells.
    pub fn has(&self, path: &Path) -> bool {
        CellKey::from_path(path.as_ref()).is_some_and(|key| self.snapshot.cells.contains_key(&key))
    }
}

/// One cell to read. What is known of a cell that is ahead of the log is its key, size and ETag only.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// What the log says.
    pub state: &'a CellState,
    ahead: Option<&'a ObjectMeta>,
}

impl<'a> Cell<'a> {
    /// Its ETag.
    pub fn e_tag(&self) -> Option<&'a str> {
        self.ahead.map_or(self.state.e_tag.as_deref(), |o| o.e_tag.as_deref())
    }

    /// Its rows, where known.
    pub fn rows(&self) -> Option<usize> {
        self.ahead.is_none().then(|| usize::try_from(self.state.rows).ok())?
    }

    /// The earliest and latest `time` in microseconds, where known and where it has any.
    pub fn times(&self) -> Option<(i64, i64)> {
        self.state.min_time.zip(self.state.max_time).filter(|_| self.ahead.is_none())
    }

    /// Its object, as a listing would show it.
    pub fn object(&self) -> ObjectMeta {
        let last_modified: DateTime<Utc> = self.state.written_at;
        self.ahead.cloned().unwrap_or_else(|| ObjectMeta {
            location: Path::from(self.state.key.path()),
            last_modified,
            size: self.state.size,
            e_tag: self.state.e_tag.clone(),
            version: self.state.version.clone(),
        })
    }
}
