//! Checks the warehouse against itself: objects against the log, footers against objects, accounts against rows and,
//! deep, every byte and every id.

use super::cell::{CellKey, TABLES};
use super::id::Folded;
use super::log::CellState;
use super::snapshot::Snapshot;
use super::store::Store;
use super::stored_cell::{CellFacts, StoredCell, ids_of};
use crate::error::{Kind, Result};
use crate::table::Definitions;
use object_store::ObjectMeta;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

/// What a check found.
#[derive(Debug, Default, Serialize)]
pub struct Verification {
    /// Cells looked at.
    pub cells: u64,
    /// Rows in them.
    pub rows: u64,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
    /// What is odd and harmless.
    pub notes: Vec<String>,
}

/// The ids of a table, each with the cell it was seen in.
#[derive(Default)]
struct Ids {
    seen: HashMap<u128, u32, BuildHasherDefault<Folded>>,
    cells: Vec<String>,
}

/// How often a cell may be replaced while it is looked at.
const ATTEMPTS: usize = 8;

/// Checks every cell. `deep`: reads all data, compares fingerprints, and looks for ids stored twice in a table.
pub async fn verify(store: &Store, snapshot: &Snapshot, definitions: &Definitions, deep: bool) -> Result<Verification> {
    let mut found = Verification::default();
    let listed: BTreeMap<CellKey, ObjectMeta> = list(store, &mut found).await?;
    for (key, cell) in &snapshot.cells {
        if !listed.contains_key(key) {
            found.problems.push(format!(
                "{} is in the log and not in the store: {} rows are missing",
                key.path(),
                cell.rows
            ));
        }
    }
    let mut ids = Ids::default();
    let mut table = String::new();
    for (key, object) in &listed {
        if *table != key.table {
            table.clone_from(&key.table);
            ids = Ids::default();
        }
        found.cells += 1;
        check_cell(store, snapshot, definitions, key, object, &mut found).await?;
        if deep {
            check_data(store, key, &mut ids, &mut found).await?;
        }
    }
    Ok(found)
}

async fn list(store: &Store, found: &mut Verification) -> Result<BTreeMap<CellKey, ObjectMeta>> {
    let mut cells = BTreeMap::new();
    for object in store.list(TABLES, None).await? {
        match CellKey::from_path(object.location.as_ref()) {
            Some(key) => {
                cells.insert(key, object);
            }
            None => found.problems.push(format!("{} does not belong in tables/: a glob may read it", object.location)),
        }
    }
    Ok(cells)
}

async fn check_cell(
    store: &Store,
    snapshot: &Snapshot,
    definitions: &Definitions,
    key: &CellKey,
    object: &ObjectMeta,
    found: &mut Verification,
) -> Result<()> {
    let path = key.path();
    let mut object = object.clone();
    let mut attempts = 1;
    let facts = loop {
        match CellFacts::read(store, &object).await {
            Ok(facts) => break facts,
            // A pass at work replaced it since it was listed: what is there now is looked at.
            Err(e) if e.kind() == Kind::Conflict && attempts < ATTEMPTS => {
                attempts += 1;
                let Some(now) = store.head(&path).await? else { continue };
                object = now;
            }
            // The store's trouble is none of the cell's.
            Err(e) if matches!(e.kind(), Kind::Denied | Kind::Unreachable | Kind::Conflict) => return Err(e),
            Err(e) => {
                found.problems.push(format!("{path} cannot be read: {}", reason(&e)));
                return Ok(());
            }
        }
    };
    let object = &object;
    found.rows += facts.rows;
    let accounted: u64 = facts.footer.files.iter().map(|f| f.new).sum();
    if accounted != facts.rows {
        found.problems.push(format!("{path} has {} rows and its file list accounts for {accounted}", facts.rows));
    }
    for file in &facts.footer.files {
        if file.read != file.new + file.duplicates + file.rejected {
            found.problems.push(format!("{path}: the account of {} does not add up", file.key));
        }
    }
    match snapshot.cells.get(key) {
        None => found
            .notes
            .push(format!("{path} is not in the log yet: a pass stopped before its commit; the next one takes it in")),
        Some(known) => compare(&path, known, object, &facts, found),
    }
    if !snapshot.schema(&key.table, definitions).same_as(&facts.schema) {
        found.notes.push(format!("{path} lacks newer columns; coming passes rewrite it"));
    }
    Ok(())
}

fn compare(path: &str, known: &CellState, object: &ObjectMeta, facts: &CellFacts, found: &mut Verification) {
    if known.fingerprint == facts.footer.fingerprint {
        if known.rows != facts.rows {
            found.problems.push(format!("{path} has {} rows and the log says {}", facts.rows, known.rows));
        }
        if known.e_tag != object.e_tag {
            found
                .notes
                .push(format!("{path} was copied or restored: same content, another ETag; the next pass notes it"));
        }
    } else if facts.rows >= known.rows {
        found
            .notes
            .push(format!("{path} is newer than the log: a pass stopped before its commit; the next one takes it in"));
    } else {
        found.problems.push(format!(
            "{path} has {} rows and the log says {}: it was replaced by something else",
            facts.rows, known.rows
        ));
    }
}

async fn check_data(store: &Store, key: &CellKey, ids: &mut Ids, found: &mut Verification) -> Result<()> {
    let path = key.path();
    let Some(object) = store.get(&path).await? else { return Ok(()) };
    let opened = match StoredCell::open(&path, object) {
        Ok(cell) => cell,
        // Said already, when its footer was read.
        Err(_) => return Ok(()),
    };
    if !opened.is_intact()? {
        found.problems.push(format!("{path} is damaged: its data is not what its fingerprint was taken of"));
        return Ok(());
    }
    let mut rows = 0;
    let this = ids.cells.len() as u32;
    ids.cells.push(path.clone());
    for batch in opened.batches()? {
        let batch = match batch {
            Ok(batch) => batch,
            Err(e) => {
                found.problems.push(format!("{path} cannot be read through: {}", reason(&e)));
                return Ok(());
            }
        };
        rows += batch.num_rows() as u64;
        for id in ids_of(&batch) {
            if let Some(first) = ids.seen.insert(crate::warehouse::id_key(id), this) {
                let first = ids.cells.get(first as usize).map_or("", String::as_str);
                found.problems.push(format!("an id is stored twice: in {first} and in {path}"));
            }
        }
    }
    if rows != opened.rows() {
        found.problems.push(format!("{path} holds {rows} rows and its footer says {}", opened.rows()));
    }
    Ok(())
}

fn reason(error: &crate::error::Error) -> String {
    error.show().lines().find_map(|l| l.strip_prefix("because: ")).unwrap_or(error.what()).to_string()
}
