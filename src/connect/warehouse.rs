//! What is to be shown: the tables with their columns, what the log says of them, and where they lie.

use super::place::Place;
use crate::error::{Error, Result};
use crate::query::Session;
use crate::query::views::View;
use crate::table::{ColumnType, EXTRA, SOURCE_FILE, SOURCE_ROW};
use crate::warehouse::{CellKey, checkpoint};
use chrono::NaiveDate;

/// A column's type, as far as readers of the files can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// 64-bit integer.
    Integer,
    /// 64-bit float.
    Double,
    /// True or false.
    Boolean,
    /// Microseconds in UTC.
    Moment,
    /// A calendar day.
    Day,
    /// A list of text.
    Texts,
}

impl From<ColumnType> for Kind {
    fn from(kind: ColumnType) -> Kind {
        match kind {
            ColumnType::String => Kind::Text,
            ColumnType::Int | ColumnType::Long => Kind::Integer,
            ColumnType::Float | ColumnType::Double => Kind::Double,
            ColumnType::Boolean => Kind::Boolean,
            ColumnType::StringArray => Kind::Texts,
            ColumnType::TimestampSeconds | ColumnType::TimestampMillis => Kind::Moment,
            ColumnType::Date => Kind::Day,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the files.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it joined the table because the data carried it.
    pub discovered: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What a row of it is, in a line; empty where nobody said.
    pub meaning: String,
    /// The columns its files have, in order; `queue_date` is in the path and not among them.
    pub columns: Vec<Column>,
    /// Whether there are files.
    pub filled: bool,
    /// Whether some files lack columns, so that a reader has to unite what they have.
    pub uneven: bool,
    /// The event type.
    pub event_type: Option<String>,
    /// The channel of all its rows, or [`crate::query::all_events::ROW_CHANNEL`].
    pub channel: Option<String>,
    /// The stage of all its rows.
    pub stage: Option<String>,
}

impl Table {
    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Its folder below the warehouse.
    pub fn folder(&self) -> String {
        CellKey::table_folder(&self.name)
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Warehouse {
    /// Where it lies, for the tool.
    pub place: Place,
    /// The tables asked for, by name.
    pub tables: Vec<Table>,
    /// Whether that is every table, so that `all_events` and the views can be made.
    pub whole: bool,
    /// The views, each after those it reads.
    pub views: Vec<View>,
    /// The first queue day of all.
    pub first_day: Option<NaiveDate>,
    /// The newest entry of the log; 0 without one.
    pub seq: u64,
    /// The newest checkpoint.
    pub checkpoint: Option<u64>,
}

impl Warehouse {
    /// What a session has, or of that the tables named.
    pub async fn of(session: &Session, place: Place, names: &[String]) -> Result<Warehouse> {
        let (snapshot, definitions) = (session.snapshot(), session.definitions());
        let all = snapshot.table_names(definitions);
        let names: Vec<String> = names.iter().map(|n| n.to_lowercase()).collect();
        if let Some(unknown) = names.iter().find(|n| !all.contains(n)) {
            let error = Error::usage(format!("there is no table `{unknown}`"));
            return Err(match session.views().iter().any(|v| v.name == *unknown) {
                true => error.hint("that is a view: without --table every table and every view is printed"),
                false => error.hint("`eddyline tables` lists them"),
            });
        }
        let behind = snapshot.behind_by_table(definitions);
        let table = |name: &String| {
            let definition = definitions.table(name);
            let seen = snapshot.tables.get(name);
            let discovered = |column: &str| definition.is_none_or(|d| d.columns.iter().all(|c| c.name != column));
            let schema = snapshot.schema(name, definitions);
            let theirs = schema.columns().iter().map(|(name, kind)| Column {
                name: name.clone(),
                kind: Kind::from(*kind),
                discovered: discovered(name),
            });
            let ours = [(EXTRA, Kind::Text), (SOURCE_FILE, Kind::Text), (SOURCE_ROW, Kind::Integer)];
            let ours = ours.map(|(name, kind)| Column { name: name.to_string(), kind, discovered: false });
            let event_type = definition.map(|d| d.event_type.to_string());
            Table {
                name: name.clone(),
                meaning: definition.map_or_else(String::new, |d| d.meaning.clone()),
                columns: theirs.chain(ours).collect(),
                filled: snapshot.cells_of(name).next().is_some(),
                uneven: behind.contains_key(name.as_str()),
                event_type: event_type.or_else(|| seen.and_then(|t| t.event_type.clone())),
                channel: definition.and_then(|d| d.channel.clone()),
                stage: definition.and_then(|d| d.stage.clone()),
            }
        };
        let whole = names.is_empty();
        let tables = all.iter().filter(|name| whole || names.contains(name)).map(table).collect();
        Ok(Warehouse {
            place,
            tables,
            whole,
            views: if whole { session.views().to_vec() } else { Vec::new() },
            first_day: snapshot.cells.keys().map(|c| c.queue_date).min(),
            seq: snapshot.seq,
            checkpoint: checkpoint::newest_seq(session.store()).await?,
        })
    }

    /// The names of tables without files, in order.
    pub fn unfilled(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter(|t| !t.filled).map(|t| t.name.as_str())
    }
}
