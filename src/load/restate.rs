//! The log lost: what the warehouse holds, stated anew from the footers of its cells.

use crate::currents::{Format, SourceFile};
use crate::error::Result;
use crate::table::{Definitions, TableSchema};
use crate::warehouse::log::FORMAT;
use crate::warehouse::stored_cell::CellFacts;
use crate::warehouse::{
    CellKey, CellState, Counters, Fate, FileState, LoadSummary, LogEntry, SchemaChange, Store, cell::TABLES,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Reads every cell's footer and makes one log entry that says it all.
///
/// The ledger gets the files whose loading the footers prove whole: those that belong to one table by their key and
/// had no rejects. All others are read again by the next pass, which changes no row: a cell is a set.
pub async fn restate(store: &Store, definitions: &Definitions, now: DateTime<Utc>) -> Result<LogEntry> {
    let mut cells = Vec::new();
    let mut files: HashMap<Arc<str>, FileState> = HashMap::new();
    let mut columns: BTreeMap<String, TableSchema> = BTreeMap::new();
    let mut changes: BTreeMap<String, SchemaChange> = BTreeMap::new();
    let mut schemas = Vec::new();
    for object in store.list(TABLES, None).await? {
        let path = object.location.as_ref();
        let Some(key) = CellKey::from_path(path) else { continue };
        let facts = CellFacts::read(store, &object).await?;
        let schema = columns.entry(key.table.clone()).or_insert_with(|| TableSchema::defined(&key.table, definitions));
        for column in facts.columns() {
            if schema.may_add(&column.name) {
                let change = changes.entry(key.table.clone()).or_insert_with(|| SchemaChange {
                    table: key.table.clone(),
                    event_type: None,
                    columns: Vec::new(),
                });
                schema.add_all(std::slice::from_ref(&column));
                change.columns.push(column);
            }
        }
        for file in &facts.footer.files {
            let Some(state) = provable(&key, file, now) else { continue };
            files.insert(file.key.clone(), state);
        }
        schemas.push(facts.schema);
        cells.push(CellState {
            slots: facts.footer.slots,
            e_tag: object.e_tag,
            version: object.version,
            size: object.size,
            rows: facts.rows,
            min_time: facts.time_range.0,
            max_time: facts.time_range.1,
            fingerprint: facts.footer.fingerprint,
            schema: String::new(),
            written_at: now,
            key,
        });
    }
    for (cell, stored) in cells.iter_mut().zip(&schemas) {
        if let Some(schema) = columns.get(&cell.key.table).filter(|s| s.same_as(stored)) {
            cell.schema = schema.fingerprint();
        }
    }
    let mut files: Vec<FileState> = files.into_values().collect();
    files.sort_by(|a, b| a.key.cmp(&b.key));
    let load = LoadSummary {
        seq: 0,
        started: now,
        finished: now,
        source: "(the cells' footers)".into(),
        eddyline: env!("CARGO_PKG_VERSION").into(),
        counters: Counters { files: files.len() as u64, ..Counters::default() },
        full: None,
    };
    Ok(LogEntry {
        format: FORMAT,
        id: format!("restate-{}", now.timestamp_micros()),
        load,
        files,
        cells,
        schema_changes: changes.into_values().collect(),
        watermarks: BTreeMap::new(),
        restates: true,
    })
}

fn provable(cell: &CellKey, file: &crate::warehouse::footer::CellFile, now: DateTime<Utc>) -> Option<FileState> {
    let source = SourceFile::from_key(&file.key).ok()?;
    let event_type = source.event_type.filter(|t| t.table() == cell.table)?;
    if source.format != Format::Avro || file.rejected > 0 {
        return None;
    }
    Some(FileState {
        key: file.key.clone(),
        e_tag: file.e_tag.clone(),
        size: file.size,
        modified: 0,
        fate: Fate::Loaded,
        reason: String::new(),
        event_type: Some(event_type.shared()),
        hour: source.queue_hour.map_or_else(|| format!("{}-00", cell.queue_date), |h| h.to_string()),
        read: file.read,
        new: file.new,
        duplicates: file.duplicates,
        rejected: 0,
        loaded_at: now,
    })
}
