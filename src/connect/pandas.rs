//! pandas: a Python module that reads a table, or the part of it asked for, through PyArrow.

use super::place::Place;
use super::python_text::{contents, text};
use super::script::Script;
use super::warehouse::Warehouse;
use crate::error::Result;

const IMPORTS: &str = r#"
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

TEXT = pa.string()
INTEGER = pa.int64()
DOUBLE = pa.float64()
BOOLEAN = pa.bool_()
MOMENT = pa.timestamp("us", "UTC")
DAY = pa.date32()
TEXTS = pa.list_(pa.string())
"#;

const FUNCTIONS: &str = r#"
PARTITION = ds.partitioning(pa.schema([("queue_date", DAY)]), flavor="hive")


def dataset(name):
    """A PyArrow dataset of a table: nothing is read yet."""
    schema = pa.schema(list(TABLES[name].items()) + [("queue_date", DAY)])
    if name in WITHOUT_FILES:
        return ds.dataset(pa.table({f.name: pa.array([], f.type) for f in schema}, schema=schema))
    return ds.dataset(
        f"{FOLDER}/tables/{name}", filesystem=FILESYSTEM, format="parquet", schema=schema, partitioning=PARTITION
    )


def arrow(name, columns=None, filter=None):
    """A PyArrow table of a table. `filter` is an expression such as ds.field("queue_date") >= date(2026, 3, 1)."""
    return dataset(name).to_table(columns=columns, filter=filter)


def table(name, columns=None, filter=None):
    """A data frame of a table, with the columns and rows asked for. Its types are Arrow's, so an integer column with
    gaps stays one of integers."""
    return arrow(name, columns, filter).to_pandas(types_mapper=pd.ArrowDtype)
"#;

const ALL_EVENTS: &str = r#"

def all_events(filter=None):
    """A data frame of every event of every table, with the columns most types share. `filter` may name columns that
    every table has: id, time, queue_date, _source_file, _source_row."""
    parts = []
    for name, (event_type, channel, stage) in CONSTANTS.items():
        constants = {"event_type": event_type, "table_name": name, "stage": stage}
        if channel != ROW_CHANNEL:
            constants["channel"] = channel
        has = TABLES[name] | {"queue_date": DAY}
        wanted = {}
        for column, kind in ALL_EVENTS.items():
            if column in constants or column not in has or has[column] == TEXTS:
                wanted[column] = ds.scalar(pa.scalar(constants.get(column), kind))
            else:
                wanted[column] = ds.field(column).cast(kind)
        parts.append(dataset(name).to_table(columns=wanted, filter=filter))
    return pa.concat_tables(parts).to_pandas(types_mapper=pd.ArrowDtype)
"#;

/// The module.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let mut script = Script::new("#", "pandas", warehouse);
    script.note(
        "Save it as eddyline_pandas.py, then:\n\n  import eddyline_pandas as warehouse\n  \
         warehouse.table(\"users_messages_email_open\", columns=[\"user_id\", \"time\"], \
         filter=warehouse.ds.field(\"queue_date\") >= date(2026, 3, 1))\n\n\
         It needs pyarrow. New files and days are seen by themselves. A table without files is an empty frame: run \
         `eddyline connect` again when a load has brought the first files of a table, or new columns. The views are SQL, \
         which pandas does not have: `eddyline sql` or `eddyline connect duckdb` has them.",
    );
    script.lines(IMPORTS);
    script.gap();
    access(&mut script, &warehouse.place);
    script.gap();
    contents(&mut script, warehouse, FUNCTIONS, ALL_EVENTS);
    Ok(script.text())
}

/// How PyArrow reaches the place, and the folder within.
fn access(script: &mut Script, place: &Place) {
    let url = place.url("");
    let folder = url.split_once("://").map_or(url.as_str(), |(_, folder)| folder);
    let filesystem = match place {
        Place::Folder(_) => "fs.LocalFileSystem()".to_string(),
        Place::S3 { region, endpoint, .. } => {
            script.note("Credentials: AWS_ACCESS_KEY_ID and the like, AWS_PROFILE, or the machine's role.");
            let mut options: Vec<String> = region.iter().map(|r| format!("region={}", text(r))).collect();
            if let Some(endpoint) = endpoint {
                let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
                options.push(format!("endpoint_override={}", text(host.trim_end_matches('/'))));
                options.push(format!("scheme={}", text(scheme)));
            }
            format!("fs.S3FileSystem({})", options.join(", "))
        }
        Place::Gcs { .. } => {
            script.note("Credentials: GOOGLE_APPLICATION_CREDENTIALS, or those of gcloud.");
            "fs.GcsFileSystem()".to_string()
        }
        Place::Azure { account, .. } => {
            script.note("Credentials: those of the Azure tools (az login, AZURE_CLIENT_ID, a managed identity).");
            format!("fs.AzureFileSystem(account_name={})", text(account))
        }
    };
    script.lines(&format!("FILESYSTEM = {filesystem}\nFOLDER = {}", text(folder)));
}
