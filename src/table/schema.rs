//! The columns a table has now: the defined ones, those discovered in the data, and Eddyline's own three.

use super::column::ColumnType;
use super::definition::{Definitions, TableDef};
use arrow::datatypes::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// JSON text: the fields of a record that no column of its table takes.
pub const EXTRA: &str = "_extra";
/// The key of the file a row came from.
pub const SOURCE_FILE: &str = "_source_file";
/// The row's number in that file, from 0.
pub const SOURCE_ROW: &str = "_source_row";
/// The partition column: the UTC day Braze queued the event, in the path and not in the file.
pub const QUEUE_DATE: &str = "queue_date";

/// The event's identity.
pub const ID: &str = "id";
/// When the event happened.
pub const TIME: &str = "time";

/// How many columns may be discovered for one table. What comes beyond stays in `_extra`.
pub const DISCOVERED_COLUMNS_LIMIT: usize = 1000;
const NAME_BYTES_LIMIT: usize = 255;

/// A column that joined a table because the data carried it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// Its type's name, as in `table_defs/`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The columns of one table, in file order. Only grows: [`TableSchema::add`] is the only change.
#[derive(Debug, Clone)]
pub struct TableSchema {
    table: String,
    columns: Vec<(String, ColumnType)>,
    /// Position by lower-case name: most readers of Parquet do not tell `Name` from `name`.
    positions: HashMap<String, usize>,
    aliases: HashMap<String, String>,
    discovered: usize,
    arrow: SchemaRef,
}

impl TableSchema {
    /// The schema of a table before anything was discovered. A table without a definition starts with `id`,
    /// `user_id` and `time`, which every Braze event of a person has.
    pub fn defined(table: &str, definitions: &Definitions) -> TableSchema {
        let columns = match definitions.table(table) {
            Some(def) => def.columns.iter().map(|c| (c.name.clone(), c.kind)).collect(),
            None => vec![
                (ID.to_string(), ColumnType::String),
                ("user_id".to_string(), ColumnType::String),
                (TIME.to_string(), ColumnType::TimestampSeconds),
            ],
        };
        let mut schema = TableSchema {
            table: table.to_string(),
            columns,
            positions: HashMap::new(),
            aliases: definitions.aliases().map(|(a, c)| (a.to_lowercase(), c.to_lowercase())).collect(),
            discovered: 0,
            arrow: Arc::new(Schema::empty()),
        };
        schema.index();
        schema
    }

    /// The definition the schema started from.
    pub fn definition<'a>(&self, definitions: &'a Definitions) -> Option<&'a TableDef> {
        definitions.table(&self.table)
    }

    fn index(&mut self) {
        self.positions = self.columns.iter().enumerate().map(|(at, (name, _))| (name.to_lowercase(), at)).collect();
        let own = [
            Field::new(EXTRA, ColumnType::String.stored(), true),
            Field::new(SOURCE_FILE, ColumnType::String.stored(), true),
            Field::new(SOURCE_ROW, ColumnType::Long.stored(), true),
        ];
        let fields: Vec<Field> =
            self.columns.iter().map(|(name, kind)| Field::new(name, kind.stored(), name != ID)).chain(own).collect();
        self.arrow = Arc::new(Schema::new(fields));
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Braze's columns in order, without Eddyline's own.
    pub fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }

    /// The Arrow schema of every file of the table: its columns, then `_extra`, `_source_file`, `_source_row`.
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The position of the column a field of that name loads into.
    pub fn position(&self, field: &str) -> Option<usize> {
        let lower = field.to_lowercase();
        let lower = self.aliases.get(&lower).filter(|c| self.positions.contains_key(*c)).unwrap_or(&lower);
        self.positions.get(lower).copied()
    }

    /// Whether a field of that name may become a column: not one of ours, not absurdly long, not one too many.
    pub fn may_add(&self, name: &str) -> bool {
        !name.is_empty()
            && name.len() <= NAME_BYTES_LIMIT
            && !name.starts_with('_')
            && !name.eq_ignore_ascii_case(QUEUE_DATE)
            && !name.chars().any(char::is_control)
            && self.discovered < DISCOVERED_COLUMNS_LIMIT
            && self.position(name).is_none()
    }

    /// Adds a discovered column at the end. Returns whether it was new and could be added.
    pub fn add(&mut self, name: &str, kind: ColumnType) -> bool {
        if !self.may_add(name) {
            return false;
        }
        self.columns.push((name.to_string(), kind));
        self.discovered += 1;
        self.index();
        true
    }

    /// Adds columns recorded earlier, in their order.
    pub fn add_all(&mut self, columns: &[NewColumn]) {
        for column in columns {
            if let Some(kind) = ColumnType::parse(&column.kind) {
                self.add(&column.name, kind);
            }
        }
    }

    /// Whether a stored file has exactly this schema: same columns, same order, same types.
    pub fn same_as(&self, stored: &Schema) -> bool {
        let flat =
            |s: &Schema| s.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect::<Vec<_>>();
        flat(stored) == flat(&self.arrow)
    }

    /// A short text that differs when the columns differ; recorded per cell, so that older cells are found.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for (name, kind) in &self.columns {
            text.push_str(name);
            text.push('\0');
            text.push_str(&kind.stored().to_string());
            text.push('\0');
        }
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> TableSchema {
        TableSchema::defined("users_messages_email_open", &Definitions::builtin().unwrap())
    }

    #[test]
    fn own_columns_come_last_and_only_id_is_required() {
        let schema = schema();
        let names: Vec<&str> = schema.arrow().fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names[names.len() - 3..], [EXTRA, SOURCE_FILE, SOURCE_ROW]);
        assert!(schema.arrow().fields().iter().all(|f| f.is_nullable() == (f.name() != ID)));
    }

    #[test]
    fn a_name_that_differs_in_case_only_is_the_same_column() {
        let mut schema = schema();
        let before = schema.fingerprint();
        assert_eq!(schema.position("User_ID"), schema.position("user_id"));
        assert!(!schema.add("USER_ID", ColumnType::String));
        assert!(schema.add("brand_new", ColumnType::Long));
        assert!(!schema.add("Brand_New", ColumnType::Long));
        assert_ne!(schema.fingerprint(), before);
    }

    #[test]
    fn reserved_and_absurd_names_do_not_become_columns() {
        let mut schema = schema();
        for name in ["", "_extra", "_mine", "queue_date", "a\nb", &"x".repeat(300)] {
            assert!(!schema.add(name, ColumnType::String), "{name:?}");
        }
        for n in 0..DISCOVERED_COLUMNS_LIMIT {
            assert!(schema.add(&format!("c{n}"), ColumnType::String));
        }
        assert!(!schema.add("one_too_many", ColumnType::String));
    }

    #[test]
    fn an_alias_loads_into_its_column() {
        let schema = TableSchema::defined("users_messages_whatsapp_inboundreceive", &Definitions::builtin().unwrap());
        assert!(schema.position("medial_urls").is_some());
        assert_eq!(schema.position("medial_urls"), schema.position("media_urls"));
    }
}
