//! `meta/dataset.json`: the warehouse's format and layout choices, created once.

use super::store::{Put, PutIf, Store};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

const DATASET: &str = "meta/dataset.json";
/// The format of warehouses this version reads and writes.
pub const FORMAT: u32 = 1;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// [`FORMAT`].
    pub format: u32,
    /// How `tables/` is laid out; there is one way so far.
    pub layout: String,
}

/// Reads it; `None` for a folder that is no warehouse, or one whose `meta/` is lost.
pub async fn read(store: &Store) -> Result<Option<Dataset>> {
    let Some(object) = store.get(DATASET).await? else { return Ok(None) };
    let dataset: Dataset = serde_json::from_slice(&object.bytes)
        .map_err(|e| Error::failed(format!("cannot read {DATASET} in {}", store.url())).because(e))?;
    if dataset.format != FORMAT {
        return Err(Error::failed(format!("{} is a warehouse of format {}", store.url(), dataset.format))
            .hint("a newer Eddyline made it: use that version"));
    }
    Ok(Some(dataset))
}

/// Reads it or creates it.
pub async fn open(store: &Store) -> Result<Dataset> {
    if let Some(dataset) = read(store).await? {
        return Ok(dataset);
    }
    let dataset = Dataset { format: FORMAT, layout: "tables/<table>/queue_date=<day>/part-<slot>.parquet".into() };
    let bytes =
        serde_json::to_vec_pretty(&dataset).map_err(|e| Error::failed("cannot write dataset.json").because(e))?;
    // A conflict without an object: two creates met, and neither took effect.
    for _ in 0..3 {
        match store.put(DATASET, bytes.clone(), PutIf::Absent).await? {
            Put::Written(_) => return Ok(dataset),
            Put::Conflict => {
                if let Some(theirs) = read(store).await? {
                    return Ok(theirs);
                }
            }
        }
    }
    Err(Error::failed(format!("cannot read {DATASET} in {}", store.url()))
        .because("it cannot be created and is not there: something is in the way that is no file")
        .hint("move it away, then run again"))
}
