//! Cells whose data is not what was written, in a pass that rebuilds: they are written again from the source alone, and
//! the damaged objects are kept under `meta/damaged/`, for whatever can still be read out of them.

use super::cell_build::TableInWork;
use super::context::Context;
use super::plan::DayPlan;
use super::report::count;
use crate::error::Result;
use crate::warehouse::store::Object;
use crate::warehouse::{CellKey, PutIf, StoredCell, Version};
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashSet};

/// A cell's object, in a pass that may write it anew.
pub enum There {
    /// Its rows stay, unless the source brings them again.
    Sound(Box<StoredCell>),
    /// It was set aside, and is to be replaced.
    Damaged(Version),
}

impl There {
    /// Opens an object. Damage is an error, unless [`set_aside`] found it.
    pub fn open(table: &TableInWork, key: &CellKey, object: Object) -> Result<There> {
        let path = key.path();
        if !table.damaged.contains_key(key) {
            return Ok(There::Sound(Box::new(StoredCell::open(&path, object)?)));
        }
        let version = object.version.clone();
        match sound(&path, object) {
            Some(cell) => Ok(There::Sound(Box::new(cell))),
            None => {
                tracing::warn!(cell = %key, "damaged: writing it again from the source");
                Ok(There::Damaged(version))
            }
        }
    }
}

/// Keeps the damaged ones among the stored cells that the source has files for, and gives what is to be said of each.
/// They leave `stored`: nobody can ask them which ids they have, and the source brings all of those again.
pub async fn set_aside(
    ctx: &Context,
    name: &str,
    days: &BTreeMap<NaiveDate, DayPlan>,
    stored: &mut BTreeMap<CellKey, (u64, bool)>,
) -> Result<BTreeMap<CellKey, String>> {
    let mut found = BTreeMap::new();
    if !ctx.rebuild {
        return Ok(found);
    }
    for (day, plan) in days {
        for (slot, files) in plan.by_slot() {
            let key = CellKey { table: name.to_string(), queue_date: *day, slot };
            if !stored.contains_key(&key) {
                continue;
            }
            let path = key.path();
            let Some(object) = ctx.store.get(&path).await? else { continue };
            if sound(&path, object.clone()).is_some() {
                continue;
            }
            let kept = key.damaged_path(&object.bytes);
            ctx.store.put(&kept, object.bytes.clone(), PutIf::Always).await?;
            let brought: HashSet<&str> = files.iter().map(|file| &*file.listed.key).collect();
            found.insert(key.clone(), told(&path, &kept, object, &brought));
            stored.remove(&key);
        }
    }
    Ok(found)
}

fn sound(path: &str, object: Object) -> Option<StoredCell> {
    StoredCell::open(path, object).ok().filter(|cell| cell.is_intact().unwrap_or(false))
}

fn told(path: &str, kept: &str, object: Object, brought: &HashSet<&str>) -> String {
    let mut text = format!("{path} was damaged and is written again from the source; it is kept as {kept}");
    let Ok(cell) = StoredCell::open(path, object) else {
        return text + ", with the rows of any file that is no longer in the source";
    };
    let gone: Vec<u64> =
        cell.footer.files.iter().filter(|file| !brought.contains(&*file.key)).map(|file| file.new).collect();
    if !gone.is_empty() {
        let (rows, files) = (count(gone.iter().sum(), "row"), count(gone.len() as u64, "file"));
        let are = if gone.len() == 1 { "is" } else { "are" };
        text += &format!(", with {rows} of {files} that {are} no longer in the source");
    }
    text
}
