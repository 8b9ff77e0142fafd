//! What Eddyline knows itself, for DuckDB: the newest checkpoint of this moment, and the log entries after it, folded as
//! Eddyline folds them.

use super::script::Script;
use super::sql_text::Engine;
use super::warehouse::{Kind, Warehouse};
use std::fmt::Write as _;

const ENGINE: Engine = Engine::DuckDb;
/// The largest log entry DuckDB is to read. It keeps a buffer of twice this for each thread that reads.
const ENTRY_BYTES: u32 = 64 << 20;

const FILES: &str = "STRUCT(\"key\" VARCHAR, e_tag VARCHAR, size UBIGINT, modified BIGINT, fate VARCHAR, reason VARCHAR, \
    event_type VARCHAR, hour VARCHAR, \"read\" UBIGINT, \"new\" UBIGINT, duplicates UBIGINT, rejected UBIGINT, \
    loaded_at TIMESTAMPTZ)[]";
const CELLS: &str = "STRUCT(\"table\" VARCHAR, queue_date DATE, slot UTINYINT, slots UTINYINT, e_tag VARCHAR, version \
    VARCHAR, size UBIGINT, \"rows\" UBIGINT, min_time BIGINT, max_time BIGINT, fingerprint VARCHAR, schema VARCHAR, \
    written_at TIMESTAMPTZ)[]";

/// `system_files`, `system_cells`, `system_columns`.
pub fn views(script: &mut Script, warehouse: &Warehouse) {
    script.about("What Eddyline knows itself: the ledger of source files, the Parquet objects, the columns.");
    log(script, warehouse);
    let checkpoint = warehouse.checkpoint.unwrap_or(0);
    // A restated log begins anew: a checkpoint before it is void.
    let base = |name: &str, columns: &str| match warehouse.checkpoint {
        None => String::new(),
        Some(seq) => {
            let path = warehouse.place.url(&format!("meta/checkpoint/{seq:020}/{name}.parquet"));
            format!(
                "SELECT {seq} AS seq, {columns} FROM read_parquet({}) WHERE NOT EXISTS (SELECT 1 FROM system_log WHERE \
                 restates AND seq > {checkpoint})\nUNION ALL\n",
                ENGINE.text(&path)
            )
        }
    };
    let columns = "\"key\", e_tag, size, modified, fate, reason, event_type, queue_hour, records, \"new\", duplicates, \
                   rejected, loaded_at";
    script.statement(&format!(
        "CREATE OR REPLACE VIEW system_files AS\nSELECT {columns} FROM (\n{}SELECT seq, f.\"key\", f.e_tag, f.size, \
         make_timestamptz(f.modified * 1000), f.fate, nullif(f.reason, ''), f.event_type, f.hour, f.\"read\", f.\"new\", \
         f.duplicates, f.rejected, f.loaded_at\nFROM (SELECT seq, unnest(files) AS f FROM system_log)\n) AS file(seq, \
         {columns})\nQUALIFY row_number() OVER (PARTITION BY \"key\" ORDER BY seq DESC) = 1",
        base("files", columns)
    ));
    let columns = "table_name, queue_date, slot, slots, path, e_tag, version, size, \"rows\", min_time, max_time, \
                   fingerprint, schema, written_at";
    script.statement(&format!(
        "CREATE OR REPLACE VIEW system_cells AS\nSELECT {columns} FROM (\n{}SELECT seq, c.\"table\", c.queue_date, \
         c.slot, c.slots, format('tables/{{}}/queue_date={{}}/part-{{:02d}}.parquet', c.\"table\", \
         CAST(c.queue_date AS VARCHAR), c.slot), c.e_tag, c.version, c.size, c.\"rows\", make_timestamptz(c.min_time), \
         make_timestamptz(c.max_time), c.fingerprint, c.schema, c.written_at\nFROM (SELECT seq, unnest(cells) AS c FROM \
         system_log)\n) AS cell(seq, {columns})\nQUALIFY row_number() OVER (PARTITION BY path ORDER BY seq DESC) = 1",
        base("cells", columns)
    ));
    script.statement(&columns_view(warehouse));
}

/// The entries after the checkpoint, and of those none before the last that states everything anew.
fn log(script: &mut Script, warehouse: &Warehouse) {
    let after = warehouse.place.url(&format!("meta/log/{:020}.json", warehouse.checkpoint.unwrap_or(0)));
    let entries = match warehouse.seq {
        0 => format!("SELECT 0 AS seq, CAST([] AS {FILES}) AS files, CAST([] AS {CELLS}) AS cells, false AS restates"),
        _ => format!(
            "SELECT CAST(parse_filename(filename, true) AS BIGINT) AS seq, files, cells, coalesce(restates, false) AS \
             restates\nFROM read_json({}, filename = true, maximum_object_size = {ENTRY_BYTES}, columns = {{'files': \
             {}, 'cells': {}, 'restates': 'BOOLEAN'}})\nWHERE filename > {}",
            ENGINE.text(&warehouse.place.url("meta/log/*.json")),
            ENGINE.text(FILES),
            ENGINE.text(CELLS),
            ENGINE.text(&after)
        ),
    };
    script.statement(&format!(
        "CREATE OR REPLACE VIEW system_log AS\nSELECT * FROM (\n{entries}\n)\nQUALIFY seq >= coalesce(max(seq) FILTER \
         (WHERE restates) OVER (), 0)"
    ));
}

/// DuckDB knows the columns of the views made above; only which were discovered is not to be seen there.
fn columns_view(warehouse: &Warehouse) -> String {
    let text = |kind: Kind| match kind {
        Kind::Text => "text",
        Kind::Integer => "bigint",
        Kind::Double => "double",
        Kind::Boolean => "boolean",
        Kind::Moment => "timestamp",
        Kind::Day => "date",
        Kind::Texts => "text[]",
    };
    let kinds = [Kind::Text, Kind::Integer, Kind::Double, Kind::Boolean, Kind::Moment, Kind::Day, Kind::Texts];
    let mut of_type = String::new();
    for kind in kinds {
        let theirs = match kind {
            Kind::Moment => "TIMESTAMP WITH TIME ZONE",
            other => ENGINE.kind(other),
        };
        let _ = write!(of_type, " WHEN {} THEN '{}'", ENGINE.text(theirs), text(kind));
    }
    let tables: Vec<String> = warehouse.tables.iter().map(|t| ENGINE.text(&t.name)).collect();
    let discovered: Vec<String> = warehouse
        .tables
        .iter()
        .flat_map(|t| t.columns.iter().filter(|c| c.discovered).map(move |c| (t, c)))
        .map(|(t, c)| format!("({}, {})", ENGINE.text(&t.name), ENGINE.text(&c.name)))
        .collect();
    let discovered = match discovered.is_empty() {
        true => "false".to_string(),
        false => format!("(table_name, column_name) IN ({})", discovered.join(", ")),
    };
    format!(
        "CREATE OR REPLACE VIEW system_columns AS\nSELECT table_name, column_name, CASE data_type{of_type} END AS type, \
         CAST(column_index AS BIGINT) AS position, {discovered} AS discovered\nFROM duckdb_columns()\nWHERE \
         database_name = current_database() AND schema_name = current_schema() AND table_name IN ({})",
        tables.join(", ")
    )
}
