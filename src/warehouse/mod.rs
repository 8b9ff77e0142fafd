//! What is kept: cells and the log that says what is in them, on any object store. Knows nothing of Braze's files
//! beyond their keys, and nothing of SQL.

pub mod cell;
pub mod checkpoint;
pub mod checkpoint_files;
pub mod clouds;
pub mod dataset;
mod digits;
pub mod encode;
pub mod footer;
pub mod gaps;
pub mod id;
pub mod local_disk;
pub mod lock;
pub mod log;
pub mod object_reader;
pub mod odd_names;
pub mod order;
pub mod pages;
pub mod probe;
pub mod refusal;
pub mod rejects;
pub mod row_groups;
mod shared_text;
pub mod snapshot;
pub mod status;
pub mod store;
pub mod stored_cell;
pub mod uuid;
pub mod verify;
pub mod wire;

pub use cell::CellKey;
pub use id::{IdSet, id_key};
pub use log::{CellState, Counters, Fate, FileState, LoadSummary, LogEntry, SchemaChange};
pub use object_reader::ObjectReader;
pub use refusal::Refusal;
pub use snapshot::Snapshot;
pub use store::{Put, PutIf, Store, Version};
pub use stored_cell::StoredCell;
pub use wire::Requests;
