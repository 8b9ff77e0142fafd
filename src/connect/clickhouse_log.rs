//! What Eddyline knows itself, for ClickHouse: the newest checkpoint of this moment, and the log entries after it.

use super::clickhouse::source;
use super::script::Script;
use super::sql_text::Engine;
use super::warehouse::Warehouse;

const ENGINE: Engine = Engine::ClickHouse;

const FILES: &str = "Array(Tuple(key String, e_tag Nullable(String), size Int64, modified Int64, fate String, reason \
    String, event_type Nullable(String), hour String, read Int64, new Int64, duplicates Int64, rejected Int64, loaded_at \
    String))";
const CELLS: &str = "Array(Tuple(table String, queue_date Date32, slot UInt8, slots UInt8, e_tag Nullable(String), version \
    Nullable(String), size Int64, rows Int64, min_time Nullable(Int64), max_time Nullable(Int64), fingerprint String, \
    schema String, written_at String))";
const FILE_COLUMNS: &str = "`key` Nullable(String), `e_tag` Nullable(String), `size` Nullable(Int64), `modified` \
    Nullable(DateTime64(6, 'UTC')), `fate` Nullable(String), `reason` Nullable(String), `event_type` Nullable(String), \
    `queue_hour` Nullable(String), `records` Nullable(Int64), `new` Nullable(Int64), `duplicates` Nullable(Int64), \
    `rejected` Nullable(Int64), `loaded_at` Nullable(DateTime64(6, 'UTC'))";
const CELL_COLUMNS: &str = "`table_name` Nullable(String), `queue_date` Nullable(Date32), `slot` Nullable(UInt8), `slots` \
    Nullable(UInt8), `path` Nullable(String), `e_tag` Nullable(String), `version` Nullable(String), `size` \
    Nullable(Int64), `rows` Nullable(Int64), `min_time` Nullable(DateTime64(6, 'UTC')), `max_time` \
    Nullable(DateTime64(6, 'UTC')), `fingerprint` Nullable(String), `schema` Nullable(String), `written_at` \
    Nullable(DateTime64(6, 'UTC'))";

/// `system_files`, `system_cells`, `system_columns`.
pub fn views(script: &mut Script, warehouse: &Warehouse) {
    script.about("What Eddyline knows itself: the ledger of source files, the Parquet objects, the columns.");
    let after = warehouse.checkpoint.unwrap_or(0);
    let entries = source(
        &warehouse.place,
        "meta/log/*.json",
        "JSONEachRow",
        &format!("files {FILES}, cells {CELLS}, restates Bool"),
    );
    // Entries before one that states everything anew are void.
    script.statement(&format!(
        "CREATE OR REPLACE VIEW system_log AS\nSELECT seq, files, cells, restates FROM (\nSELECT *, max(if(restates, seq, \
         0)) OVER () AS anew FROM (\nSELECT toInt64(extract(_path, '([0-9]{{20}})[.]json')) AS seq, files, cells, \
         restates\nFROM {entries}\n) WHERE seq > {after}\n) WHERE seq >= anew"
    ));
    let newest = |name: &str, file: &str, columns: &str, item: &str, list: &str, key: &str| {
        let stored = match warehouse.checkpoint {
            None => String::new(),
            Some(seq) => format!(
                "SELECT toInt64({seq}) AS seq, * FROM {} WHERE {seq} >= (SELECT max(if(restates, seq, 0)) FROM \
                 system_log)\nUNION ALL\n",
                source(&warehouse.place, &format!("meta/checkpoint/{seq:020}/{file}.parquet"), "Parquet", columns)
            ),
        };
        format!(
            "CREATE OR REPLACE VIEW {name} AS\nSELECT * EXCEPT (seq) FROM (\n{stored}SELECT seq, {item}\nFROM system_log \
             ARRAY JOIN {list} AS x\n) ORDER BY seq DESC LIMIT 1 BY {key}"
        )
    };
    let moment = |value: &str| format!("parseDateTime64BestEffortOrNull({value}, 6, 'UTC')");
    script.statement(&newest(
        "system_files",
        "files",
        FILE_COLUMNS,
        &format!(
            "x.key AS `key`, x.e_tag AS e_tag, x.size AS size, CAST(fromUnixTimestamp64Milli(x.modified, 'UTC') AS \
             DateTime64(6, 'UTC')) AS modified, x.fate AS fate, nullIf(x.reason, '') AS reason, x.event_type AS \
             event_type, x.hour AS queue_hour, x.read AS records, x.new AS `new`, x.duplicates AS duplicates, x.rejected \
             AS rejected, {} AS loaded_at",
            moment("x.loaded_at")
        ),
        "files",
        "`key`",
    ));
    script.statement(&newest(
        "system_cells",
        "cells",
        CELL_COLUMNS,
        &format!(
            "x.table AS table_name, x.queue_date AS queue_date, x.slot AS slot, x.slots AS slots, concat('tables/', \
             x.table, '/queue_date=', toString(x.queue_date), '/part-', leftPad(toString(x.slot), 2, '0'), '.parquet') AS \
             path, x.e_tag AS e_tag, x.version AS version, x.size AS size, x.rows AS rows, \
             fromUnixTimestamp64Micro(x.min_time, 'UTC') AS min_time, fromUnixTimestamp64Micro(x.max_time, 'UTC') AS \
             max_time, x.fingerprint AS fingerprint, x.schema AS schema, {} AS written_at",
            moment("x.written_at")
        ),
        "cells",
        "path",
    ));
    script.statement(&columns_view(warehouse));
}

/// A row a table, opened to one a column.
fn columns_view(warehouse: &Warehouse) -> String {
    let each = warehouse.tables.iter().map(|table| {
        let names = table.columns.iter().map(|c| ENGINE.text(&c.name)).chain(["'queue_date'".to_string()]);
        let discovered = table.columns.iter().filter(|c| c.discovered).map(|c| ENGINE.text(&c.name));
        format!(
            "  ({}, [{}], [{}])",
            ENGINE.text(&table.name),
            names.collect::<Vec<_>>().join(", "),
            discovered.collect::<Vec<_>>().join(", ")
        )
    });
    format!(
        "CREATE OR REPLACE VIEW system_columns AS\nSELECT table_name, column_name, toInt64(place) AS position, has(found, \
         column_name) AS discovered\nFROM values('table_name String, names Array(String), found Array(String)',\n{}\n) \
         ARRAY JOIN names AS column_name, arrayEnumerate(names) AS place",
        each.collect::<Vec<_>>().join(",\n")
    )
}
