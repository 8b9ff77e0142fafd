//! What the views read: the columns of every relation with their types, and what the relation is called in the engine.

use super::kind::Kind;
use crate::query::all_events;
use crate::table::{Definitions, EXTRA, QUEUE_DATE, SOURCE_FILE, SOURCE_ROW, TIME};
use std::collections::BTreeMap;

/// The columns of a relation, in order.
pub type Columns = Vec<(String, Kind)>;

/// Eddyline's own tables that views read, with their columns: `t` text, `i` integer, `b` boolean, `d` day, `m` moment.
const SYSTEM: [(&str, &str); 3] = [
    (
        "system.files",
        "key:t e_tag:t size:i modified:m fate:t reason:t event_type:t queue_hour:t records:i new:i duplicates:i \
         rejected:i loaded_at:m",
    ),
    (
        "system.cells",
        "table_name:t queue_date:d slot:i slots:i path:t e_tag:t version:t size:i rows:i min_time:m max_time:m \
         fingerprint:t schema:t written_at:m",
    ),
    ("system.columns", "table_name:t column_name:t type:t position:i pii:b meaning:t discovered:b"),
];

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    found: BTreeMap<String, (String, Columns)>,
    within: Vec<String>,
}

impl Relations {
    /// No relation yet but Eddyline's own tables, each called `system_files` and so on: `system` is taken in most engines.
    pub fn new() -> Relations {
        let mut relations = Relations::default();
        for (name, columns) in SYSTEM {
            let columns = columns.split_whitespace().filter_map(|c| c.split_once(':')).map(|(column, kind)| {
                let kind = match kind {
                    "t" => Kind::Text,
                    "i" => Kind::Integer,
                    "b" => Kind::Boolean,
                    "d" => Kind::Date,
                    _ => Kind::Timestamp,
                };
                (column.to_string(), kind)
            });
            relations.found.insert(name.to_string(), (name.replace('.', "_"), columns.collect()));
        }
        let shared = all_events::columns().into_iter().map(|name| {
            let kind = match name.as_str() {
                TIME => Kind::Timestamp,
                QUEUE_DATE => Kind::Date,
                SOURCE_ROW => Kind::Integer,
                _ => Kind::Text,
            };
            (name, kind)
        });
        relations.add(all_events::ALL_EVENTS, shared.collect());
        relations
    }

    /// The same, and every table of the definitions.
    pub fn of(definitions: &Definitions) -> Relations {
        let mut relations = Relations::new();
        for (name, table) in definitions.tables() {
            let theirs = table.columns.iter().map(|c| (c.name.clone(), Kind::from(c.kind)));
            relations.add(name, theirs.chain(own_columns()).collect());
        }
        relations
    }

    /// Says every relation with the names of what it lies in before its own: a catalog, a schema, a data set. Some
    /// engines want that of a view.
    pub fn lie_within(mut self, names: &[&str]) -> Relations {
        self.within = names.iter().map(|n| n.to_string()).collect();
        self
    }

    /// What all relations lie in.
    pub fn within(&self) -> &[String] {
        &self.within
    }

    /// A table or a view, under its own name.
    pub fn add(&mut self, name: &str, columns: Columns) {
        self.found.insert(name.to_string(), (name.to_string(), columns));
    }

    /// What a relation is called in the engine, and its columns.
    pub fn get(&self, name: &str) -> Option<&(String, Columns)> {
        self.found.get(name)
    }
}

/// The columns that every table has besides those of its definition.
fn own_columns() -> impl Iterator<Item = (String, Kind)> {
    let own = [(EXTRA, Kind::Text), (SOURCE_FILE, Kind::Text), (SOURCE_ROW, Kind::Integer), (QUEUE_DATE, Kind::Date)];
    own.into_iter().map(|(name, kind)| (name.to_string(), kind))
}
