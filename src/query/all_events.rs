//! `all_events`: every event of every table under the columns most types share; what the views are built on.
//!
//! A column a table does not have is null. Tables whose channel stands in each row (subscription changes) form a part
//! of their own, because there `channel` is read from the file instead of being a constant.

use super::table_provider::{CellTable, Part, Source, queue_date_field, scan_schema};
use crate::table::{ColumnType, Definitions, ID, QUEUE_DATE, SOURCE_FILE, SOURCE_ROW, TIME};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use std::sync::Arc;

/// The relation's name.
pub const ALL_EVENTS: &str = "all_events";
/// What it is, in a line.
pub const MEANING: &str =
    "Every event of every table, with the columns most types share; a column a table lacks is null.";

/// The columns in order. The second to fifth, and `queue_date`, do not come from the files.
const COLUMNS: [&str; 32] = [
    ID,
    "event_type",
    "table_name",
    "channel",
    "stage",
    TIME,
    QUEUE_DATE,
    "app_group_id",
    "user_id",
    "external_user_id",
    "app_id",
    "device_id",
    "dispatch_id",
    "send_id",
    "campaign_id",
    "campaign_name",
    "message_variation_id",
    "message_variation_name",
    "canvas_id",
    "canvas_name",
    "canvas_variation_id",
    "canvas_variation_name",
    "canvas_step_id",
    "canvas_step_name",
    "canvas_step_message_variation_id",
    "email_address",
    "to_phone_number",
    "platform",
    "timezone",
    "content_card_id",
    SOURCE_FILE,
    SOURCE_ROW,
];

/// Constants of a table.
const CONSTANTS: [&str; 4] = ["event_type", "table_name", "stage", "channel"];
/// How a definition says that the row's own `channel` column holds the channel.
pub const ROW_CHANNEL: &str = "row.channel";

fn field(name: &str) -> FieldRef {
    match name {
        QUEUE_DATE => queue_date_field(),
        TIME => Arc::new(Field::new(name, ColumnType::TimestampSeconds.stored(), true)),
        SOURCE_ROW => Arc::new(Field::new(name, DataType::Int64, true)),
        _ => Arc::new(Field::new(name, DataType::Utf8View, true)),
    }
}

/// The relation over every table there is.
pub fn all_events(tables: &[String], definitions: &Definitions, source: Arc<Source>) -> CellTable {
    let (mut constant, mut by_row) = (Vec::new(), Vec::new());
    for table in tables {
        let definition = definitions.table(table);
        let seen = source.holdings.snapshot.tables.get(table).and_then(|t| t.event_type.clone());
        let event_type = definition.map(|d| d.event_type.to_string()).or(seen);
        let channel = definition.and_then(|d| d.channel.clone());
        let stage = definition.and_then(|d| d.stage.clone());
        let text = ScalarValue::Utf8View;
        let mut constants = vec![text(event_type), text(Some(table.clone())), text(stage)];
        if channel.as_deref() == Some(ROW_CHANNEL) {
            by_row.push((table.clone(), constants));
        } else {
            constants.push(text(channel));
            constant.push((table.clone(), constants));
        }
    }
    let schema = Arc::new(Schema::new(COLUMNS.map(field).to_vec()));
    let parts = vec![part(constant, &CONSTANTS), part(by_row, &CONSTANTS[..3])];
    CellTable::of_parts(schema, parts, source)
}

/// Its columns' names, in order.
pub fn columns() -> Vec<String> {
    COLUMNS.iter().map(|c| c.to_string()).collect()
}

fn part(tables: Vec<(String, Vec<ScalarValue>)>, constants: &[&str]) -> Part {
    let in_files: Vec<FieldRef> =
        COLUMNS.iter().filter(|c| **c != QUEUE_DATE && !constants.contains(c)).map(|c| field(c)).collect();
    let partitions = std::iter::once(queue_date_field()).chain(constants.iter().map(|c| field(c))).collect();
    let schema = scan_schema(&Schema::new(in_files), partitions);
    let columns = COLUMNS.iter().filter_map(|c| schema.table_schema().index_of(c).ok()).collect();
    Part { schema, tables, columns }
}
