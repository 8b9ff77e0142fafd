//! Trino: external tables of a Hive catalog, and the calls that tell it of new days.

use super::all_events;
use super::dialect::Dialect;
use super::place::Place;
use super::script::Script;
use super::sql_text::Engine;
use super::views::Views;
use super::warehouse::Warehouse;
use crate::error::Result;

const ENGINE: Engine = Engine::Trino;

/// The script.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let mut script = Script::new("--", "Trino", warehouse);
    script.note(
        "Run it with the catalog of a Hive connector: trino --catalog hive -f FILE. The catalog learns of new days by the \
         calls at the end: run those after each load. Run `eddyline connect` again when a load has brought the first \
         files of a table, or new columns (its report names both).\n\
         The tables are external: dropping one deletes no file. Moments have milliseconds, which is a Hive catalog's \
         default and all that Braze sends; with hive.timestamp-precision=MICROSECONDS write TIMESTAMP(6) for TIMESTAMP(3).",
    );
    script.note(match &warehouse.place {
        Place::Folder(_) => "The folder must be at the same path on every node (fs.hadoop.enabled, for trials on one).",
        Place::S3 { .. } => {
            "Credentials: the catalog's own (fs.native-s3.enabled, s3.region, and s3.iam-role or keys)."
        }
        Place::Gcs { .. } => "Credentials: the catalog's own (fs.native-gcs.enabled, gcs.json-key-file-path).",
        Place::Azure { .. } => "Credentials: the catalog's own (fs.native-azure.enabled, azure.auth-type).",
    });
    script.statement("CREATE SCHEMA IF NOT EXISTS eddyline");
    script.statement("USE eddyline");
    for table in &warehouse.tables {
        script.about(&table.meaning);
        for left_out in table.columns.iter().filter(|c| !ENGINE.takes(&c.name)) {
            script.note(&format!("Left out, for a Hive catalog cannot name it: {}", left_out.name.escape_debug()));
        }
        let name = ENGINE.name(&table.name);
        script.statement(&format!("DROP TABLE IF EXISTS {name}"));
        script.statement(&format!(
            "CREATE TABLE {name} (\n{},\n  queue_date DATE\n)\nWITH (\n  format = 'PARQUET',\n  external_location = \
             {},\n  partitioned_by = ARRAY['queue_date']\n)",
            ENGINE.definitions(&table.columns),
            ENGINE.text(&location(&warehouse.place, &table.folder()))
        ));
    }
    if warehouse.whole {
        // A branch is a stage, and Trino has a limit for them: only tables that have something.
        let all = all_events::select(ENGINE, "", warehouse.tables.iter().filter(|t| t.filled));
        let filled = warehouse.tables.iter().any(|t| t.filled);
        script.about(
            "Only the tables that have files. Should a query say it has too many stages: SET SESSION \
             query_max_stage_count = 500.",
        );
        let all = if filled { all } else { all_events::select(ENGINE, "", warehouse.tables.iter().take(1)) };
        script.statement(&format!("CREATE OR REPLACE VIEW all_events AS\n{all}"));
        Views {
            dialect: Dialect::Trino,
            system: false,
            schema: None,
            create: &|script, name, sql| script.statement(&ENGINE.view("", name, sql)),
        }
        .write(&mut script, warehouse);
    }
    script.about("After each load, from here on.");
    for table in warehouse.tables.iter().filter(|t| t.filled) {
        let name = ENGINE.text(&table.name);
        script.statement(&format!("CALL system.sync_partition_metadata('eddyline', {name}, 'FULL')"));
    }
    Ok(script.text())
}

/// Trino's own clients speak `s3://`, Hadoop's spelling is for the others.
fn location(place: &Place, path: &str) -> String {
    match place {
        Place::S3 { .. } => place.url(path),
        _ => place.hadoop(path),
    }
}
