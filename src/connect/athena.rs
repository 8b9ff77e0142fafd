//! Athena: external tables whose partitions are projected, so that new days need nothing.

use super::dialect::Dialect;
use super::place::Place;
use super::script::Script;
use super::sql_text::Engine;
use super::views::Views;
use super::warehouse::{Column, Kind, Table, Warehouse};
use super::{all_events, only};
use crate::error::Result;
use crate::query::all_events::{ROW_CHANNEL, columns};
use crate::table::QUEUE_DATE;
use chrono::Datelike;
use std::fmt::Write as _;

/// Tables are created in Hive's SQL, everything else is Trino's.
const TABLES: Engine = Engine::Hive;
const QUERIES: Engine = Engine::Trino;
/// The table behind `all_events`.
const EVERY_FILE: &str = "all_events_files";

/// The script.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let Place::S3 { .. } = &warehouse.place else { return Err(only("Athena", "S3", &warehouse.place)) };
    let mut script = Script::new("--", "Athena", warehouse);
    let first = warehouse.first_day.map_or(2017, |day| day.year());
    script.note(&format!(
        "Athena runs one statement at a time: docs/connect.md has a few lines of Python that run a file of them. Files and days are seen by themselves, from {first}-01-01 on; run `eddyline connect` \
         again when a load has brought older days, new columns, or a table of a type nobody knew (its report names \
         them).\nThe tables are external: dropping one deletes no file. Credentials: those of who asks, who also needs to \
         read the bucket."
    ));
    script.statement("CREATE DATABASE IF NOT EXISTS eddyline");
    for table in &warehouse.tables {
        script.about(&table.meaning);
        let location = warehouse.place.url(&table.folder());
        let properties = format!("  {}", projected_days(first));
        create(&mut script, &table.name, &table.columns, "queue_date DATE", &location, &properties);
    }
    if warehouse.whole {
        every_event(&mut script, warehouse, first);
        Views {
            dialect: Dialect::Trino,
            system: false,
            schema: Some("eddyline"),
            create: &|script, name, sql| script.statement(&QUERIES.view("eddyline.", name, sql)),
        }
        .write(&mut script, warehouse);
    }
    Ok(script.text())
}

fn create(script: &mut Script, name: &str, columns: &[Column], partitions: &str, location: &str, properties: &str) {
    for left_out in columns.iter().filter(|c| !TABLES.takes(&c.name)) {
        script.note(&format!("Left out, for Athena cannot name it: {}", left_out.name.escape_debug()));
    }
    let name = TABLES.name(name);
    script.statement(&format!("DROP TABLE IF EXISTS eddyline.{name}"));
    script.statement(&format!(
        "CREATE EXTERNAL TABLE eddyline.{name} (\n{}\n)\nPARTITIONED BY ({partitions})\nSTORED AS PARQUET\nLOCATION \
         {}\nTBLPROPERTIES (\n  'projection.enabled' = 'true',\n{properties}\n)",
        TABLES.definitions(columns),
        TABLES.text(&format!("{location}/")),
    ));
}

fn projected_days(first: i32) -> String {
    format!(
        "'projection.queue_date.type' = 'date',\n  'projection.queue_date.format' = 'yyyy-MM-dd',\n  \
         'projection.queue_date.range' = '{first}-01-01,NOW',\n  'projection.queue_date.interval' = '1',\n  \
         'projection.queue_date.interval.unit' = 'DAYS'"
    )
}

/// `all_events` over one table of all folders: a UNION ALL of a hundred tables has more stages than Athena allows.
fn every_event(script: &mut Script, warehouse: &Warehouse, first: i32) {
    let constants = ["event_type", "table_name", "stage", QUEUE_DATE];
    let in_files: Vec<String> = columns().into_iter().filter(|c| !constants.contains(&c.as_str())).collect();
    let shared: Vec<Column> = in_files
        .iter()
        .map(|name| Column { name: name.clone(), kind: all_events::kind(name), discovered: false })
        .collect();
    let names: Vec<&str> = warehouse.tables.iter().map(|t| t.name.as_str()).collect();
    let properties = format!(
        "  'projection.table_name.type' = 'enum',\n  'projection.table_name.values' = {},\n  {},\n  \
         'storage.location.template' = {}",
        TABLES.text(&names.join(",")),
        projected_days(first),
        TABLES.text(&format!("{}/${{table_name}}/queue_date=${{queue_date}}/", warehouse.place.url("tables")))
    );
    script.about(
        "All tables as one, for the columns most of them share; the view after it adds what is the same in each.",
    );
    let partitions = "table_name STRING, queue_date DATE";
    create(script, EVERY_FILE, &shared, partitions, &warehouse.place.url("tables"), &properties);
    let word = |value: &Option<String>| value.as_ref().map_or_else(|| QUERIES.null(Kind::Text), |v| QUERIES.text(v));
    let constants: Vec<String> = warehouse
        .tables
        .iter()
        .map(|table: &Table| {
            let values = [word(&table.event_type), word(&table.channel), word(&table.stage)];
            format!("  ({}, {})", QUERIES.text(&table.name), values.join(", "))
        })
        .collect();
    let mut select = String::from("SELECT\n");
    for name in columns() {
        let quoted = QUERIES.name(&name);
        let value = match name.as_str() {
            "event_type" | "stage" => format!("c.{quoted}"),
            "channel" => {
                let by_row = QUERIES.text(ROW_CHANNEL);
                format!("CASE WHEN c.channel = {by_row} THEN f.channel ELSE c.channel END AS channel")
            }
            _ => format!("f.{quoted}"),
        };
        let _ = writeln!(select, "  {value},");
    }
    let select = select.trim_end().trim_end_matches(',');
    script.gap();
    script.statement(&format!(
        "CREATE OR REPLACE VIEW eddyline.all_events AS\n{select}\nFROM eddyline.{EVERY_FILE} f\nJOIN (VALUES\n{}\n) AS c \
         (table_name, event_type, channel, stage) ON c.table_name = f.table_name",
        constants.join(",\n")
    ));
}
