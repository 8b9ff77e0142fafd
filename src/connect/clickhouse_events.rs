//! `all_events` for ClickHouse: one glob over every table. A UNION ALL of a hundred of them, in views upon views, is more
//! than it cares to plan.

use super::all_events::{kind, select};
use super::clickhouse::source;
use super::sql_text::Engine;
use super::warehouse::{Table, Warehouse};
use crate::query::all_events::{ROW_CHANNEL, columns};
use crate::table::QUEUE_DATE;

const ENGINE: Engine = Engine::ClickHouse;
/// What is the same in all rows of a table.
const CONSTANTS: [&str; 4] = ["event_type", "table_name", "stage", QUEUE_DATE];
const TABLE: &str = "extract(_path, 'tables/([^/]+)/queue_date=')";

/// The SELECT. Constants are found by the path, so that a filter on them leaves out files.
pub fn every_event(warehouse: &Warehouse) -> String {
    let in_files: Vec<String> = columns().into_iter().filter(|c| !CONSTANTS.contains(&c.as_str())).collect();
    let structure: Vec<String> =
        in_files.iter().map(|c| format!("{} {}", ENGINE.name(c), ENGINE.kind(kind(c)))).collect();
    let (even, odd): (Vec<&Table>, Vec<&Table>) = warehouse
        .tables
        .iter()
        .partition(|t| t.columns.iter().all(|c| !in_files.contains(&c.name) || c.kind == kind(&c.name)));
    let constant = |of: fn(&Table) -> &Option<String>| {
        let known: Vec<(&str, &str)> = even.iter().filter_map(|t| Some((t.name.as_str(), of(t).as_deref()?))).collect();
        let list = |texts: Vec<&str>| texts.into_iter().map(|t| ENGINE.text(t)).collect::<Vec<_>>().join(", ");
        let (from, to) = known.into_iter().unzip();
        format!(
            "nullIf(transform({TABLE}, CAST([{}] AS Array(String)), CAST([{}] AS Array(String)), ''), '')",
            list(from),
            list(to)
        )
    };
    let each: Vec<String> = columns()
        .iter()
        .map(|name| {
            let value = match name.as_str() {
                "event_type" => constant(|t| &t.event_type),
                "stage" => constant(|t| &t.stage),
                "table_name" => TABLE.to_string(),
                QUEUE_DATE => "toDate32(extract(_path, 'queue_date=([0-9-]+)'))".to_string(),
                "channel" => {
                    let channel = constant(|t| &t.channel);
                    format!("if(ifNull({channel}, '') = {}, f.channel, {channel})", ENGINE.text(ROW_CHANNEL))
                }
                _ => format!("f.{}", ENGINE.name(name)),
            };
            format!("  {value} AS {}", ENGINE.name(name))
        })
        .collect();
    let mut sql = format!(
        "SELECT\n{}\nFROM {} AS f",
        each.join(",\n"),
        source(&warehouse.place, "tables/*/queue_date=*/*.parquet", "Parquet", &structure.join(", "))
    );
    // A column that has another type in a table is put right in a branch of the table's own.
    if !odd.is_empty() {
        let names: Vec<String> = odd.iter().map(|t| ENGINE.text(&t.name)).collect();
        sql.push_str(&format!("\nWHERE {TABLE} NOT IN ({})\nUNION ALL\n", names.join(", ")));
        sql.push_str(&select(ENGINE, "", odd.into_iter()));
    }
    sql
}
