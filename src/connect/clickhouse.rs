//! ClickHouse: a view over a table function for each table.

use super::dialect::Dialect;
use super::place::Place;
use super::script::Script;
use super::sql_text::Engine;
use super::views::Views;
use super::warehouse::{Table, Warehouse};
use super::{clickhouse_events, clickhouse_log};
use crate::error::Result;

const ENGINE: Engine = Engine::ClickHouse;

/// The script.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let mut script = Script::new("--", "ClickHouse", warehouse);
    script.note(
        "Run it with clickhouse client --multiquery, clickhouse local, or chDB. New files, days and first files of a table \
         are seen by themselves. Run `eddyline connect` again when a load has brought new columns or a table of a type \
         nobody knew (its report names both).\n\
         A list that is null is an empty one here: ClickHouse has no other.",
    );
    script.note(match &warehouse.place {
        Place::Folder(_) => {
            "A server reads files below its user_files_path only: the folder must lie or be linked there. clickhouse \
             local and chDB read any."
        }
        Place::S3 { .. } => {
            "Credentials: the server's own. Set use_environment_credentials (or keys) under <s3> in its configuration; \
             clickhouse local and chDB take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        }
        Place::Gcs { .. } => {
            "Credentials: an HMAC key for Google Cloud Storage, under <s3> in the server's configuration for the endpoint \
             https://storage.googleapis.com/."
        }
        Place::Azure { .. } => {
            "Credentials: the server's own identity (workload or managed identity, AZURE_CLIENT_ID and the like)."
        }
    });
    script.statement("CREATE DATABASE IF NOT EXISTS eddyline");
    script.statement("USE eddyline");
    for table in &warehouse.tables {
        script.about(&table.meaning);
        script.statement(&ENGINE.view("", &table.name, &select(&warehouse.place, table)));
    }
    if warehouse.whole {
        let all = clickhouse_events::every_event(warehouse);
        script.statement(&format!("CREATE OR REPLACE VIEW all_events AS\n{all}"));
        clickhouse_log::views(&mut script, warehouse);
        Views {
            dialect: Dialect::ClickHouse,
            system: true,
            schema: None,
            create: &|script, name, sql| script.statement(&ENGINE.view("", name, sql)),
        }
        .write(&mut script, warehouse);
    }
    Ok(script.text())
}

fn select(place: &Place, table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|c| ENGINE.name(&c.name)).collect();
    let structure: Vec<String> =
        table.columns.iter().map(|c| format!("{} {}", ENGINE.name(&c.name), ENGINE.kind(c.kind))).collect();
    // A filter on what is made of `_path` alone leaves out files.
    format!(
        "SELECT {}, toDate32(extract(_path, 'queue_date=([0-9-]+)')) AS queue_date\nFROM {}",
        names.join(", "),
        source(place, &format!("{}/queue_date=*/*.parquet", table.folder()), "Parquet", &structure.join(", "))
    )
}

/// The table function that reads a glob as columns of these types.
pub fn source(place: &Place, glob: &str, format: &str, structure: &str) -> String {
    let structure = ENGINE.text(structure);
    let path = |folder: &str| match folder {
        "" => glob.to_string(),
        folder => format!("{folder}/{glob}"),
    };
    match place {
        Place::Folder(_) => format!("file({}, '{format}', {structure})", ENGINE.text(&place.url(glob))),
        Place::S3 { bucket, folder, region, endpoint } => {
            let path = path(folder);
            let url = match (endpoint, region) {
                (Some(endpoint), _) => format!("{}/{bucket}/{path}", endpoint.trim_end_matches('/')),
                (None, Some(region)) => format!("https://{bucket}.s3.{region}.amazonaws.com/{path}"),
                (None, None) => format!("https://{bucket}.s3.amazonaws.com/{path}"),
            };
            format!("s3({}, '{format}', {structure})", ENGINE.text(&url))
        }
        Place::Gcs { bucket, folder } => {
            let url = format!("https://storage.googleapis.com/{bucket}/{}", path(folder));
            format!("gcs({}, '{format}', {structure})", ENGINE.text(&url))
        }
        Place::Azure { account, container, folder } => format!(
            "azureBlobStorage('https://{account}.blob.core.windows.net', {}, {}, '{format}', 'auto', {structure})",
            ENGINE.text(container),
            ENGINE.text(&path(folder))
        ),
    }
}
