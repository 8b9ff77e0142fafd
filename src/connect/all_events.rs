//! `all_events` for engines that have no such relation: one UNION ALL over the tables, the constants of each written
//! into its branch.

use super::sql_text::Engine;
use super::warehouse::{Kind, Table};
use crate::query::all_events::{ROW_CHANNEL, columns};
use crate::table::{QUEUE_DATE, SOURCE_ROW, TIME};

/// The SELECT. `schema` is what every table's name is written with, dot and all; mostly nothing.
pub fn select<'a>(engine: Engine, schema: &str, tables: impl Iterator<Item = &'a Table>) -> String {
    let columns = columns();
    let branches = tables.map(|table| {
        let each = columns.iter().map(|name| format!("{} AS {}", value(engine, table, name), engine.name(name)));
        format!("SELECT {} FROM {schema}{}", each.collect::<Vec<_>>().join(", "), engine.name(&table.name))
    });
    branches.collect::<Vec<_>>().join("\nUNION ALL\n")
}

/// The type of one of its columns.
pub fn kind(column: &str) -> Kind {
    match column {
        TIME => Kind::Moment,
        QUEUE_DATE => Kind::Day,
        SOURCE_ROW => Kind::Integer,
        _ => Kind::Text,
    }
}

/// What a table has for a column: a constant of the table, its own column, or nothing.
fn value(engine: Engine, table: &Table, name: &str) -> String {
    let kind = kind(name);
    let constant = |text: &Option<String>| text.as_ref().map_or_else(|| engine.null(kind), |t| engine.text(t));
    match name {
        "event_type" => constant(&table.event_type),
        "table_name" => engine.text(&table.name),
        "stage" => constant(&table.stage),
        "channel" if table.channel.as_deref() != Some(ROW_CHANNEL) => constant(&table.channel),
        QUEUE_DATE => engine.name(name),
        _ => match table.column(name) {
            Some(column) if column.kind == kind => engine.name(name),
            Some(column) if column.kind != Kind::Texts => {
                format!("CAST({} AS {})", engine.name(name), engine.kind(kind))
            }
            _ => engine.null(kind),
        },
    }
}
