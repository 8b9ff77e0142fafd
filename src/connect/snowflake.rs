//! Snowflake: external tables over a stage, each column an expression on `VALUE`, the day one on the file's name.

use super::dialect::Dialect;
use super::place::Place;
use super::script::Script;
use super::sql_text::Engine;
use super::views::Views;
use super::warehouse::{Column, Kind, Table, Warehouse};
use super::{all_events, only};
use crate::error::Result;

const ENGINE: Engine = Engine::Snowflake;

const DAY: &str =
    "  queue_date DATE AS (TO_DATE(SPLIT_PART(SPLIT_PART(METADATA$FILENAME, 'queue_date=', 2), '/', 1), 'YYYY-MM-DD'))";

/// The script.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let (url, provider) = match &warehouse.place {
        Place::Folder(_) => return Err(only("Snowflake", "S3, Google Cloud Storage or Azure Blob", &warehouse.place)),
        Place::S3 { .. } => (warehouse.place.url(""), "'S3' STORAGE_AWS_ROLE_ARN = '…'"),
        Place::Gcs { .. } => (warehouse.place.url("").replacen("gs://", "gcs://", 1), "'GCS'"),
        Place::Azure { account, container, folder } => {
            let folder = if folder.is_empty() { String::new() } else { format!("/{folder}") };
            (format!("azure://{account}.blob.core.windows.net/{container}{folder}"), "'AZURE' AZURE_TENANT_ID = '…'")
        }
    };
    let url = ENGINE.text(&format!("{}/", url.trim_end_matches('/')));
    let mut script = Script::new("--", "Snowflake", warehouse);
    script.note(&format!(
        "Paste it into a worksheet, in a database of yours. An administrator makes the integration that holds the \
         permission once:\n  CREATE STORAGE INTEGRATION eddyline TYPE = EXTERNAL_STAGE ENABLED = TRUE STORAGE_PROVIDER = \
         {provider} STORAGE_ALLOWED_LOCATIONS = ({url});\nNew files and days are seen after the ALTER statements at the \
         end: run those after each load. Run `eddyline connect` again when a load has brought new columns or a table of a \
         type nobody knew (its report names both).",
    ));
    script.statement("CREATE SCHEMA IF NOT EXISTS eddyline");
    script.statement("USE SCHEMA eddyline");
    script.statement(&format!(
        "CREATE OR REPLACE STAGE eddyline_warehouse URL = {url} STORAGE_INTEGRATION = eddyline FILE_FORMAT = (TYPE = \
         PARQUET)"
    ));
    for table in &warehouse.tables {
        script.about(&table.meaning);
        script.statement(&create(table));
    }
    if warehouse.whole {
        let all = all_events::select(ENGINE, "", warehouse.tables.iter());
        script.statement(&format!("CREATE OR REPLACE VIEW all_events AS\n{all}"));
        Views {
            dialect: Dialect::Snowflake,
            system: false,
            schema: None,
            create: &|script, name, sql| script.statement(&ENGINE.view("", name, sql)),
        }
        .write(&mut script, warehouse);
    }
    script.about("After each load, from here on.");
    for table in &warehouse.tables {
        script.statement(&format!("ALTER EXTERNAL TABLE {} REFRESH", ENGINE.name(&table.name)));
    }
    Ok(script.text())
}

fn create(table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(column).chain([DAY.to_string()]).collect();
    format!(
        "CREATE OR REPLACE EXTERNAL TABLE {} (\n{}\n)\nPARTITION BY (queue_date)\nLOCATION = \
         @eddyline_warehouse/{}/\nAUTO_REFRESH = FALSE\nREFRESH_ON_CREATE = TRUE\nFILE_FORMAT = (TYPE = PARQUET)",
        ENGINE.name(&table.name),
        columns.join(",\n"),
        table.folder()
    )
}

fn column(column: &Column) -> String {
    let value = format!("VALUE:\"{}\"", column.name.replace('"', "\"\""));
    let value = match column.kind {
        // By text, for the value is a moment or a number of microseconds, as the session reads Parquet's logical types.
        // A number so large is taken as microseconds.
        Kind::Moment => format!("TO_TIMESTAMP_NTZ({value}::VARCHAR)"),
        kind => format!("{value}::{}", ENGINE.kind(kind)),
    };
    format!("  {} {} AS ({value})", ENGINE.name(&column.name), ENGINE.kind(column.kind))
}
