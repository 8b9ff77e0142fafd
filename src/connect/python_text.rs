//! What the Python modules share: literals, the columns of each table, the tables without files.

use super::all_events;
use super::script::Script;
use super::warehouse::{Kind, Warehouse};
use crate::query::all_events::{ROW_CHANNEL, columns};
use std::fmt::Write as _;

/// Text as a literal.
pub fn text(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(literal, "\\x{:02x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal + "\""
}

/// What a module holds once it can reach the warehouse: the tables, its functions over them, and with the whole
/// warehouse `all_events`.
pub fn contents(script: &mut Script, warehouse: &Warehouse, functions: &str, all_events: &str) {
    script.lines(&unfilled(warehouse));
    script.gap();
    script.lines(&tables(warehouse));
    script.lines(functions);
    if warehouse.whole {
        script.gap();
        script.lines(&constants(warehouse));
        script.lines(&shared_columns());
        script.lines(all_events);
    }
}

/// `TABLES`: for each table its columns and types, `queue_date` not among them. The types are variables of these names.
fn tables(warehouse: &Warehouse) -> String {
    let mut lines = String::from("# The columns of every table; queue_date is not in the files.\nTABLES = {\n");
    for table in &warehouse.tables {
        let _ = writeln!(lines, "    {}: {{", text(&table.name));
        let mut line = String::new();
        for column in &table.columns {
            let entry = format!("{}: {}, ", text(&column.name), variable(column.kind));
            if line.len() + entry.len() > 100 {
                let _ = writeln!(lines, "        {}", line.trim_end());
                line.clear();
            }
            line.push_str(&entry);
        }
        let _ = writeln!(lines, "        {}\n    }},", line.trim_end());
    }
    lines + "}\n"
}

/// The variable that stands for a type.
fn variable(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "TEXT",
        Kind::Integer => "INTEGER",
        Kind::Double => "DOUBLE",
        Kind::Boolean => "BOOLEAN",
        Kind::Moment => "MOMENT",
        Kind::Day => "DAY",
        Kind::Texts => "TEXTS",
    }
}

/// `WITHOUT_FILES`: tables that have none yet.
fn unfilled(warehouse: &Warehouse) -> String {
    let mut lines = String::from("# These have no files yet.\nWITHOUT_FILES = {\n");
    for name in warehouse.unfilled() {
        let _ = writeln!(lines, "    {},", text(name));
    }
    match warehouse.unfilled().next() {
        Some(_) => lines + "}\n",
        None => "WITHOUT_FILES = set()\n".to_string(),
    }
}

/// `CONSTANTS`: for each table its event type, channel and stage, for `all_events`.
fn constants(warehouse: &Warehouse) -> String {
    let mut lines = String::from("# Event type, channel and stage of each table.\nCONSTANTS = {\n");
    let word = |value: &Option<String>| value.as_deref().map_or_else(|| "None".to_string(), text);
    for table in &warehouse.tables {
        let _ = writeln!(
            lines,
            "    {}: ({}, {}, {}),",
            text(&table.name),
            word(&table.event_type),
            word(&table.channel),
            word(&table.stage)
        );
    }
    lines + "}\n"
}

/// `ALL_EVENTS`: the columns of that relation with their types.
fn shared_columns() -> String {
    let mut lines = format!("ROW_CHANNEL = {}\nALL_EVENTS = {{\n", text(ROW_CHANNEL));
    for column in columns() {
        let _ = writeln!(lines, "    {}: {},", text(&column), variable(all_events::kind(&column)));
    }
    lines + "}\n"
}
