//! Polars: a Python module that gives a lazy frame for each table.

use super::place::Place;
use super::python_text::{contents, text};
use super::script::Script;
use super::warehouse::Warehouse;
use crate::error::Result;

const IMPORTS: &str = r#"
import polars as pl

TEXT = pl.String
INTEGER = pl.Int64
DOUBLE = pl.Float64
BOOLEAN = pl.Boolean
MOMENT = pl.Datetime("us", "UTC")
DAY = pl.Date
TEXTS = pl.List(pl.String)
"#;

const FUNCTIONS: &str = r#"

def table(name):
    """A lazy frame of a table. A filter on queue_date leaves out whole files."""
    schema = TABLES[name]
    if name in WITHOUT_FILES:
        return pl.LazyFrame(schema=schema | {"queue_date": DAY})
    return pl.scan_parquet(
        f"{WAREHOUSE}/tables/{name}/queue_date=*/*.parquet",
        hive_partitioning=True,
        hive_schema={"queue_date": DAY},
        schema=schema,
        missing_columns="insert",
        extra_columns="ignore",
        storage_options=STORAGE_OPTIONS,
    )


def __getattr__(name):
    if name in TABLES:
        return table(name)
    raise AttributeError(f"there is no table {name}")


def sql_context():
    """A pl.SQLContext that knows every table by name."""
    return pl.SQLContext({name: table(name) for name in TABLES})
"#;

const ALL_EVENTS: &str = r#"

def all_events():
    """A lazy frame of every event of every table, with the columns most types share."""
    frames = []
    for name, (event_type, channel, stage) in CONSTANTS.items():
        constants = {"event_type": event_type, "table_name": name, "stage": stage}
        if channel != ROW_CHANNEL:
            constants["channel"] = channel
        has = TABLES[name] | {"queue_date": DAY}

        def value(column, kind):
            if column in constants or column not in has or has[column] == TEXTS:
                return pl.lit(constants.get(column), dtype=kind).alias(column)
            return pl.col(column).cast(kind)

        frames.append(table(name).select([value(column, kind) for column, kind in ALL_EVENTS.items()]))
    return pl.concat(frames)
"#;

/// The module.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let mut script = Script::new("#", "Polars", warehouse);
    script.note(
        "Save it as eddyline_polars.py, then:\n\n  import eddyline_polars as warehouse\n  \
         warehouse.users_messages_email_open.filter(pl.col(\"queue_date\") >= date(2026, 3, 1)).collect()\n  \
         warehouse.sql_context().execute(\"SELECT count(*) FROM users_messages_email_open\").collect()\n\n\
         Nothing is read before collect(). New files and days are seen by themselves. A table without files is an empty \
         frame: run `eddyline connect` again when a load has brought the first files of a table, or new columns. The \
         views are SQL of a kind Polars does not have: `eddyline sql` or `eddyline connect duckdb` has them.",
    );
    access(&mut script, &warehouse.place);
    script.lines(IMPORTS);
    script.gap();
    script.lines(&format!("WAREHOUSE = {}", text(&warehouse.place.url(""))));
    script.lines(&storage_options(&warehouse.place));
    script.gap();
    contents(&mut script, warehouse, FUNCTIONS, ALL_EVENTS);
    Ok(script.text())
}

fn access(script: &mut Script, place: &Place) {
    let text = match place {
        Place::Folder(_) => return,
        Place::S3 { .. } => "Credentials: AWS_ACCESS_KEY_ID and the like, or a profile or role that boto3 finds.",
        Place::Gcs { .. } => "Credentials: GOOGLE_APPLICATION_CREDENTIALS, or those of gcloud.",
        Place::Azure { .. } => "Credentials: AZURE_STORAGE_ACCOUNT_KEY, or what azure.identity finds.",
    };
    script.note(text);
}

/// Settings that are no secrets.
fn storage_options(place: &Place) -> String {
    let mut options: Vec<(&str, String)> = Vec::new();
    match place {
        Place::S3 { region, endpoint, .. } => {
            options.extend(region.iter().map(|region| ("aws_region", region.clone())));
            if let Some(endpoint) = endpoint {
                options.push(("aws_endpoint_url", endpoint.clone()));
                if endpoint.starts_with("http://") {
                    options.push(("aws_allow_http", "true".to_string()));
                }
            }
        }
        Place::Azure { account, .. } => options.push(("azure_storage_account_name", account.clone())),
        Place::Folder(_) | Place::Gcs { .. } => {}
    }
    let each: Vec<String> = options.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect();
    match each.is_empty() {
        true => "STORAGE_OPTIONS = None".to_string(),
        false => format!("STORAGE_OPTIONS = {{{}}}", each.join(", ")),
    }
}
