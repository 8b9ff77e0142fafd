//! What the Python modules share: literals, the columns of each table, the tables without files.

use super::warehouse::{Kind, Warehouse};
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

/// `TABLES`: for each table its columns and types, `queue_date` not among them. The types are variables of these names.
pub fn tables(warehouse: &Warehouse) -> String {
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
pub fn variable(kind: Kind) -> &'static str {
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
pub fn unfilled(warehouse: &Warehouse) -> String {
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
pub fn constants(warehouse: &Warehouse) -> String {
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
