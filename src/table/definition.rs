//! What each column means, what each event type carries: the files of `table_defs/`, embedded in the binary, overlaid by
//! a user's own files of the same shape.

use super::column::ColumnType;
use crate::currents::EventType;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// One column of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// What the source sends.
    pub kind: ColumnType,
    /// What it means, in a sentence or two.
    pub meaning: String,
    /// Whether it can identify or describe a person: never shown in a message, log or report.
    pub pii: bool,
}

/// One table: an event type, its columns and its place in a message's lifecycle.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDef {
    /// The event type, spelled as Braze spells it.
    pub event_type: EventType,
    /// What happened when such an event is sent.
    pub meaning: String,
    /// `email`, `push`, ...; `row.channel` when the row's own `channel` column says; `None` without one.
    pub channel: Option<String>,
    /// `send`, `open`, ...; `None` when the event is not part of a message's life.
    pub stage: Option<String>,
    /// False for types Braze no longer sends.
    pub current: bool,
    /// True when the field list is not public.
    pub incomplete: bool,
    /// Fields the writer schema does not let be null. Documentation, not a promise: only `id` is enforced.
    pub required: Vec<String>,
    /// The columns, in the table's order.
    pub columns: Vec<ColumnDef>,
}

impl TableDef {
    /// The table's name.
    pub fn table(&self) -> String {
        self.event_type.table()
    }
}

/// Every known table and column.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    tables: BTreeMap<String, TableDef>,
    columns: BTreeMap<String, ColumnEntry>,
    /// Raw table entries, kept so that an overlaid column changes the tables that use it.
    entries: BTreeMap<String, (String, TableEntry)>,
    aliases: HashMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnEntry {
    #[serde(rename = "type")]
    kind: String,
    meaning: String,
    #[serde(default)]
    pii: bool,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableEntry {
    event_type: String,
    meaning: String,
    channel: Option<String>,
    stage: Option<String>,
    #[serde(default = "yes")]
    current: bool,
    #[serde(default)]
    incomplete: bool,
    #[serde(default)]
    required: Vec<String>,
    columns: Vec<String>,
    #[serde(default)]
    types: BTreeMap<String, String>,
    #[serde(default)]
    meanings: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    table: Vec<TableEntry>,
}

fn yes() -> bool {
    true
}

/// The file that defines columns; every other `.toml` file defines tables.
pub const COLUMNS_FILE: &str = "columns.toml";

/// The files of `table_defs/` in one document, put together when the program is built (`table_defs/embed.rs`).
const BUILTIN: &str = include_str!(concat!(env!("OUT_DIR"), "/definitions.json"));

#[derive(Deserialize)]
struct Builtin {
    columns: BTreeMap<String, ColumnEntry>,
    /// By file.
    tables: BTreeMap<String, TableFile>,
}

impl Definitions {
    /// The definitions compiled into the binary.
    pub fn builtin() -> Result<Definitions> {
        Definitions::with_overlay(Vec::new())
    }

    /// The built-in definitions, with `files` (name, text) replacing tables and columns of the same name.
    pub fn with_overlay(files: Vec<(String, String)>) -> Result<Definitions> {
        let wrong = |e| Error::failed("cannot read the built-in table definitions").because(e);
        let Builtin { columns, tables } = serde_json::from_str(BUILTIN).map_err(wrong)?;
        let mut all = Definitions { columns, ..Definitions::default() };
        for (name, file) in tables {
            all.add(&name, file);
        }
        for (name, text) in files {
            let wrong =
                |e: toml::de::Error| Error::usage(format!("cannot read table definitions in {name}")).because(e);
            if name.rsplit(['/', '\\']).next() == Some(COLUMNS_FILE) {
                all.columns.extend(toml::from_str::<BTreeMap<String, ColumnEntry>>(&text).map_err(wrong)?);
            } else {
                all.add(&name, toml::from_str(&text).map_err(wrong)?);
            }
        }
        all.resolve()
    }

    fn add(&mut self, name: &str, file: TableFile) {
        for entry in file.table {
            self.entries.insert(entry.event_type.to_lowercase(), (name.to_string(), entry));
        }
    }

    fn resolve(mut self) -> Result<Definitions> {
        for (name, column) in &self.columns {
            for alias in &column.aliases {
                self.aliases.insert(alias.clone(), name.clone());
            }
        }
        for (file, entry) in self.entries.values() {
            let event_type = EventType::parse(&entry.event_type).ok_or_else(|| {
                Error::usage(format!("{file}: `{}` is not an event type", entry.event_type))
                    .hint("an event type is a dotted name such as users.messages.email.Open")
            })?;
            let mut columns = Vec::with_capacity(entry.columns.len());
            for name in &entry.columns {
                columns.push(self.column_of(file, entry, name)?);
            }
            if !entry.columns.iter().any(|c| c == "id") {
                return Err(Error::usage(format!("{file}: {} has no column `id`", entry.event_type))
                    .hint("`id` is what makes loading a file twice harmless; every table has it"));
            }
            let table = TableDef {
                event_type,
                meaning: entry.meaning.clone(),
                channel: entry.channel.clone(),
                stage: entry.stage.clone(),
                current: entry.current,
                incomplete: entry.incomplete,
                required: entry.required.clone(),
                columns,
            };
            self.tables.insert(table.table(), table);
        }
        Ok(self)
    }

    fn column_of(&self, file: &str, entry: &TableEntry, name: &str) -> Result<ColumnDef> {
        let shared = self.columns.get(name).ok_or_else(|| {
            Error::usage(format!(
                "{file}: {} uses the column `{name}`, which {COLUMNS_FILE} does not define",
                entry.event_type
            ))
            .hint(format!("add [{name}] with type and meaning to {COLUMNS_FILE}"))
        })?;
        let mut kind = self.kind_of(file, name, &shared.kind)?;
        if let Some(own) = entry.types.get(name) {
            let own = self.kind_of(file, name, own)?;
            // `time = "long"` only says how wide the source writes it; the column keeps its meaning.
            if kind.stored() != super::column::timestamp() {
                kind = own;
            }
        }
        let meaning = entry.meanings.get(name).unwrap_or(&shared.meaning).clone();
        Ok(ColumnDef { name: name.to_string(), kind, meaning, pii: shared.pii })
    }

    fn kind_of(&self, file: &str, column: &str, name: &str) -> Result<ColumnType> {
        ColumnType::parse(name).ok_or_else(|| {
            Error::usage(format!("{file}: the column `{column}` has the unknown type `{name}`"))
                .hint(format!("types are {}", ColumnType::names()))
        })
    }

    /// The definition of a table, by table name.
    pub fn table(&self, table: &str) -> Option<&TableDef> {
        self.tables.get(table)
    }

    /// Every defined table, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &TableDef)> {
        self.tables.iter().map(|(n, t)| (n.as_str(), t))
    }

    /// The column a spelling loads into: aliases and typos resolve, any other name is itself.
    pub fn spelling<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// Every other spelling with the column it loads into.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.aliases.iter().map(|(a, c)| (a.as_str(), c.as_str()))
    }

    /// The type an event type's writer schema declares for a column: what the table's own `types` say, else the
    /// column's. `None` for columns nobody defined.
    pub fn written_as(&self, event_type: &EventType, column: &str) -> Option<ColumnType> {
        let own = self.entries.get(&event_type.as_str().to_lowercase()).and_then(|(_, entry)| entry.types.get(column));
        ColumnType::parse(own.or_else(|| self.columns.get(column).map(|c| &c.kind))?)
    }

    /// What a column of that name means and whether it is personal, whichever table it is in.
    pub fn shared_column(&self, name: &str) -> Option<(&str, bool)> {
        self.columns.get(name).map(|c| (c.meaning.as_str(), c.pii))
    }
}
