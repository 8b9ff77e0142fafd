//! What Eddyline knows itself, for Spark: the newest checkpoint of this moment, and the log entries after it.

use super::sql_text::Engine;
use super::warehouse::Warehouse;

const ENGINE: Engine = Engine::Spark;

const FILES: &str = "ARRAY<STRUCT<`key`: STRING, e_tag: STRING, size: BIGINT, modified: BIGINT, fate: STRING, reason: \
    STRING, event_type: STRING, hour: STRING, `read`: BIGINT, `new`: BIGINT, duplicates: BIGINT, rejected: BIGINT, \
    loaded_at: STRING>>";
const CELLS: &str = "ARRAY<STRUCT<`table`: STRING, queue_date: STRING, slot: INT, slots: INT, e_tag: STRING, version: \
    STRING, size: BIGINT, `rows`: BIGINT, min_time: BIGINT, max_time: BIGINT, fingerprint: STRING, schema: STRING, \
    written_at: STRING>>";

/// The statements that make `system_files`, `system_cells` and `system_columns`.
pub fn statements(warehouse: &Warehouse) -> Vec<String> {
    let url = |path: &str| warehouse.place.hadoop(path);
    let after = warehouse.checkpoint.unwrap_or(0);
    let mut all = Vec::new();
    let entries = match warehouse.seq {
        0 => format!(
            "SELECT CAST(NULL AS {FILES}) AS files, CAST(NULL AS {CELLS}) AS cells, false AS restates WHERE 1 = 0"
        ),
        _ => {
            all.push(format!(
                "CREATE OR REPLACE TEMPORARY VIEW system_log_entries (\n  files {FILES},\n  cells {CELLS},\n  restates \
                 BOOLEAN\n)\nUSING json\nOPTIONS (path {})",
                ENGINE.text(&url("meta/log"))
            ));
            "SELECT * FROM system_log_entries".to_string()
        }
    };
    // Entries before one that states everything anew are void.
    all.push(format!(
        "CREATE OR REPLACE TEMPORARY VIEW system_log AS\nSELECT seq, files, cells, restates FROM (\nSELECT *, max(CASE WHEN \
         restates THEN seq END) OVER () AS anew FROM (\nSELECT CAST(regexp_extract(input_file_name(), '([0-9]{{20}})', 1) \
         AS BIGINT) AS seq, files, cells, coalesce(restates, false) AS restates FROM ({entries})\n) WHERE seq > \
         {after}\n) WHERE seq >= coalesce(anew, 0)"
    ));
    let base = |name: &str, columns: &str| match warehouse.checkpoint {
        None => String::new(),
        Some(seq) => format!(
            "SELECT {seq} AS seq, {columns} FROM parquet.`{}` WHERE NOT EXISTS (SELECT 1 FROM system_log WHERE \
             restates)\nUNION ALL\n",
            url(&format!("meta/checkpoint/{seq:020}/{name}.parquet"))
        ),
    };
    let newest = |name: &str, columns: &str, key: &str, stored: &str, item: &str, list: &str| {
        format!(
            "CREATE OR REPLACE TEMPORARY VIEW {name} AS\nSELECT {columns} FROM (\nSELECT *, row_number() OVER (PARTITION \
             BY {key} ORDER BY seq DESC) AS age FROM (\n{stored}SELECT seq, {item} FROM (SELECT seq, explode({list}) AS x \
             FROM system_log)\n)\n) WHERE age = 1"
        )
    };
    all.push(newest(
        "system_files",
        "`key`, e_tag, size, modified, fate, reason, event_type, queue_hour, records, `new`, duplicates, rejected, \
         loaded_at",
        "`key`",
        &base(
            "files",
            "`key`, e_tag, CAST(size AS BIGINT) AS size, modified, fate, reason, event_type, queue_hour, CAST(records AS \
             BIGINT) AS records, CAST(`new` AS BIGINT) AS `new`, CAST(duplicates AS BIGINT) AS duplicates, CAST(rejected \
             AS BIGINT) AS rejected, loaded_at",
        ),
        "x.`key`, x.e_tag, x.size, timestamp_millis(x.modified) AS modified, x.fate, nullif(x.reason, '') AS reason, \
         x.event_type, x.hour AS queue_hour, x.`read` AS records, x.`new`, x.duplicates, x.rejected, CAST(x.loaded_at AS \
         TIMESTAMP) AS loaded_at",
        "files",
    ));
    all.push(newest(
        "system_cells",
        "table_name, queue_date, slot, slots, path, e_tag, version, size, `rows`, min_time, max_time, fingerprint, \
         schema, written_at",
        "path",
        &base(
            "cells",
            "table_name, queue_date, CAST(slot AS INT) AS slot, CAST(slots AS INT) AS slots, path, e_tag, version, \
             CAST(size AS BIGINT) AS size, CAST(`rows` AS BIGINT) AS `rows`, min_time, max_time, fingerprint, schema, \
             written_at",
        ),
        "x.`table` AS table_name, CAST(x.queue_date AS DATE) AS queue_date, x.slot, x.slots, \
         format_string('tables/%s/queue_date=%s/part-%02d.parquet', x.`table`, x.queue_date, x.slot) AS path, x.e_tag, \
         x.version, x.size, x.`rows`, timestamp_micros(x.min_time) AS min_time, timestamp_micros(x.max_time) AS max_time, \
         x.fingerprint, x.schema, CAST(x.written_at AS TIMESTAMP) AS written_at",
        "cells",
    ));
    all.push(columns_view(warehouse));
    all
}

/// A row a table, opened to one a column.
fn columns_view(warehouse: &Warehouse) -> String {
    let list = |names: Vec<String>| match names.is_empty() {
        true => "CAST(array() AS ARRAY<STRING>)".to_string(),
        false => format!("array({})", names.join(", ")),
    };
    let each = warehouse.tables.iter().map(|table| {
        let names = table.columns.iter().map(|c| ENGINE.text(&c.name)).chain(["'queue_date'".to_string()]).collect();
        let discovered = table.columns.iter().filter(|c| c.discovered).map(|c| ENGINE.text(&c.name)).collect();
        format!("  ({}, {}, {})", ENGINE.text(&table.name), list(names), list(discovered))
    });
    format!(
        "CREATE OR REPLACE TEMPORARY VIEW system_columns AS\nSELECT table_name, column_name, CAST(place + 1 AS BIGINT) AS \
         position, array_contains(found, column_name) AS discovered\nFROM (SELECT table_name, found, posexplode(names) AS \
         (place, column_name) FROM VALUES\n{}\nAS listed(table_name, names, found))",
        each.collect::<Vec<_>>().join(",\n")
    )
}
