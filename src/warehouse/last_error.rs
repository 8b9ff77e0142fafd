//! `meta/last_error.json`: the error of the last pass, kept for `status` while it stands.

use super::store::{PutIf, Store};
use crate::error::{Error, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

const PATH: &str = "meta/last_error.json";

#[derive(Serialize, Deserialize)]
struct LastError {
    at: Option<DateTime<Utc>>,
    error: Option<String>,
}

/// Notes the outcome of a pass: an error replaces the one kept, a success takes it away.
pub async fn keep(store: &Store, error: Option<&Error>, now: DateTime<Utc>) -> Result<()> {
    if error.is_none() && read(store).await?.is_none() {
        return Ok(());
    }
    let kept = LastError { at: error.map(|_| now), error: error.map(Error::show) };
    let bytes = serde_json::to_vec(&kept).map_err(|e| Error::failed(format!("cannot write {PATH}")).because(e))?;
    store.put(PATH, bytes.into(), PutIf::Always).await?;
    Ok(())
}

/// The error of the last pass, with its moment; `None` when that went well.
pub async fn read(store: &Store) -> Result<Option<String>> {
    let Some(object) = store.get(PATH).await? else { return Ok(None) };
    let kept: LastError = serde_json::from_slice(&object.bytes).map_err(|e| {
        Error::failed(format!("cannot read {PATH}")).because(e).hint("delete it: it only tells of the past")
    })?;
    let at = kept.at.map(|t| t.format("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default();
    Ok(kept.error.map(|e| format!("{at}\n{e}")))
}
