//! From shares to fates: puts together what each table says of a file into the file's line in the ledger.

use super::cell_build::FilePart;
use super::plan::{Plan, PlannedFile};
use crate::currents::EventType;
use crate::warehouse::{Fate, FileState};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// Files of a pass, and what is known of each so far.
pub struct Ledger {
    files: HashMap<Arc<str>, Entry>,
}

#[derive(Default)]
struct Entry {
    /// In how many tables' work the file is.
    expected: usize,
    parts: Vec<FilePart>,
}

impl Entry {
    fn add(&mut self, part: FilePart) {
        // Nearly every file has one share, and there may be very many files: a vector takes room for four by itself.
        self.parts.reserve_exact(1);
        self.parts.push(part);
    }
}

impl Ledger {
    /// A ledger that waits for every planned file.
    pub fn expecting(plan: &Plan) -> Ledger {
        let mut files: HashMap<Arc<str>, Entry> = HashMap::new();
        for file in plan.days.values().flat_map(|d| &d.files) {
            files.entry(file.listed.key.clone()).or_default().expected += 1;
        }
        Ledger { files }
    }

    /// Files that belong to no table.
    pub fn nowhere(&mut self, parts: Vec<FilePart>) {
        for part in parts {
            let entry = self.entry(part.file.key.clone());
            entry.expected += 1;
            entry.add(part);
        }
    }

    /// A table's shares.
    pub fn take(&mut self, parts: Vec<FilePart>) {
        for part in parts {
            self.entry(part.file.key.clone()).add(part);
        }
    }

    fn entry(&mut self, key: Arc<str>) -> &mut Entry {
        self.files.entry(key).or_default()
    }

    /// The lines of all files that are wholly done: every table has its share, all of the same version. And the keys of
    /// the others: those stay unknown, and the next pass finds them.
    pub fn files(self, plan: &Plan, now: DateTime<Utc>) -> (Vec<FileState>, Vec<Arc<str>>) {
        let mut planned: HashMap<&str, &PlannedFile> = HashMap::new();
        for file in plan.days.values().flat_map(|d| &d.files) {
            planned.insert(&file.listed.key, file);
        }
        let (mut done, mut undone) = (Vec::with_capacity(self.files.len()), Vec::new());
        for (key, entry) in self.files {
            let whole = entry.parts.len() == entry.expected && !plan.partial.contains(&*key);
            let state = if whole { state(&key, entry.parts, planned.get(&*key).copied(), now) } else { None };
            match state {
                Some(state) => done.push(state),
                None => undone.push(key),
            }
        }
        done.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        (done, undone)
    }
}

fn state(key: &Arc<str>, parts: Vec<FilePart>, planned: Option<&PlannedFile>, now: DateTime<Utc>) -> Option<FileState> {
    let first = parts.first()?;
    if parts.iter().any(|p| p.file.e_tag != first.file.e_tag || p.file.size != first.file.size) {
        return None;
    }
    let worst = parts.iter().find(|p| p.fate != Fate::Loaded).unwrap_or(first);
    let sum = |count: fn(&FilePart) -> u64| parts.iter().map(count).sum();
    Some(FileState {
        key: key.clone(),
        e_tag: first.file.e_tag.clone(),
        size: first.file.size,
        modified: first.modified,
        fate: worst.fate,
        reason: worst.reason.clone(),
        event_type: planned.and_then(|f| f.source.event_type.as_ref()).map(EventType::shared),
        hour: planned.map(|f| f.hour.to_string()).unwrap_or_default(),
        read: sum(|p| p.file.read),
        new: sum(|p| p.file.new),
        duplicates: sum(|p| p.file.duplicates),
        rejected: sum(|p| p.file.rejected),
        loaded_at: now,
    })
}
