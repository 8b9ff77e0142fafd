//! BigQuery: external tables with Hive partitions in the path.

use super::dialect::Dialect;
use super::place::Place;
use super::script::Script;
use super::sql_text::Engine;
use super::views::Views;
use super::warehouse::{Table, Warehouse};
use super::{all_events, only};
use crate::error::Result;

const ENGINE: Engine = Engine::BigQuery;

/// The script.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let Place::Gcs { .. } = &warehouse.place else {
        return Err(only("BigQuery", "Google Cloud Storage", &warehouse.place));
    };
    let mut script = Script::new("--", "BigQuery", warehouse);
    script.note(
        "Paste it into the query editor, or: bq query --use_legacy_sql=false < FILE. The dataset must be in the bucket's \
         location; make it beforehand where that is not the default. New files and days are seen by themselves. A table \
         without files is an empty view, for BigQuery refuses an external table without any: when a load has brought the \
         first files of a table, or new columns (its report names both), run DROP SCHEMA eddyline CASCADE (nothing but \
         what this text makes is in it) and what `eddyline connect` prints then.\nCredentials: those of who asks, who also \
         needs to read the bucket.",
    );
    script.statement("CREATE SCHEMA IF NOT EXISTS eddyline");
    for table in &warehouse.tables {
        script.about(&table.meaning);
        for left_out in table.columns.iter().filter(|c| !ENGINE.takes(&c.name)) {
            script.note(&format!("Left out, for BigQuery cannot name it: {}", left_out.name.escape_debug()));
        }
        script.statement(&create(&warehouse.place, table));
    }
    if warehouse.whole {
        let all = all_events::select(ENGINE, "eddyline.", warehouse.tables.iter());
        script.statement(&format!("CREATE OR REPLACE VIEW eddyline.all_events AS\n{all}"));
        Views {
            dialect: Dialect::BigQuery,
            system: false,
            schema: Some("eddyline"),
            create: &|script, name, sql| script.statement(&ENGINE.view("eddyline.", name, sql)),
        }
        .write(&mut script, warehouse);
    }
    Ok(script.text())
}

fn create(place: &Place, table: &Table) -> String {
    // In full everywhere: a view does not remember the dataset it was made in.
    let name = format!("eddyline.{}", ENGINE.name(&table.name));
    if !table.filled {
        return ENGINE.view("eddyline.", &table.name, &ENGINE.nothing(&table.columns));
    }
    let folder = place.url(&table.folder());
    format!(
        "CREATE OR REPLACE EXTERNAL TABLE {name} (\n{}\n)\nWITH PARTITION COLUMNS (queue_date DATE)\nOPTIONS (\n  format = \
         'PARQUET',\n  uris = [{}],\n  hive_partition_uri_prefix = {},\n  require_hive_partition_filter = FALSE,\n  \
         enable_list_inference = TRUE\n)",
        ENGINE.definitions(&table.columns),
        ENGINE.text(&format!("{folder}/*")),
        ENGINE.text(&folder)
    )
}
