//! DuckDB: a view over `read_parquet` for each table; the log read as JSON for what Eddyline knows itself.

use super::dialect::Dialect;
use super::place::Place;
use super::script::Script;
use super::sql_text::Engine;
use super::views::Views;
use super::warehouse::{Table, Warehouse};
use super::{all_events, duckdb_log};
use crate::error::Result;
use std::fmt::Write as _;

const ENGINE: Engine = Engine::DuckDb;

/// The script.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let mut script = Script::new("--", "DuckDB", warehouse);
    script.note(
        "Paste it into a session, or make a database of it: duckdb eddyline.duckdb < FILE. New files and days are seen by \
         themselves. A table without files is an empty view: run `eddyline connect` again when a load has brought the \
         first files of a table, or new columns (its report names both).\n\
         DuckDB reckons days in the session's time zone. Say SET TimeZone = 'UTC' in every session (~/.duckdbrc) to get \
         those that Eddyline counts.",
    );
    script.statement("SET TimeZone = 'UTC'");
    access(&mut script, &warehouse.place);
    for table in &warehouse.tables {
        script.about(&table.meaning);
        script.statement(&ENGINE.view("", &table.name, &select(warehouse, table)));
    }
    if warehouse.whole {
        let all = all_events::select(ENGINE, "", warehouse.tables.iter());
        script.statement(&format!("CREATE OR REPLACE VIEW all_events AS\n{all}"));
        duckdb_log::views(&mut script, warehouse);
        Views {
            dialect: Dialect::DuckDb,
            system: true,
            schema: None,
            create: &|script, name, sql| script.statement(&ENGINE.view("", name, sql)),
        }
        .write(&mut script, warehouse);
    }
    Ok(script.text())
}

/// How DuckDB reaches the place. Names of settings only.
fn access(script: &mut Script, place: &Place) {
    match place {
        Place::Folder(_) => {}
        Place::S3 { bucket, region, endpoint, .. } => {
            script.note(
                "Credentials: what the AWS tools find (AWS_PROFILE, AWS_ACCESS_KEY_ID, a role), looked up when this runs. \
                 Run it again when they have expired.",
            );
            script.statement("INSTALL httpfs");
            script.statement("LOAD httpfs");
            script.statement("INSTALL aws");
            script.statement("LOAD aws");
            let mut secret = format!(
                "CREATE OR REPLACE SECRET eddyline (TYPE s3, PROVIDER credential_chain, SCOPE {}",
                ENGINE.text(&format!("s3://{bucket}"))
            );
            if let Some(region) = region {
                let _ = write!(secret, ", REGION {}", ENGINE.text(region));
            }
            if let Some(endpoint) = endpoint {
                let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
                let host = ENGINE.text(host.trim_end_matches('/'));
                let _ = write!(secret, ", ENDPOINT {host}, URL_STYLE 'path', USE_SSL {}", scheme != "http");
            }
            script.statement(&(secret + ")"));
        }
        Place::Gcs { bucket, .. } => {
            script.note(&format!(
                "Credentials: DuckDB needs an HMAC key for Google Cloud Storage. Give it once, not in this file:\n  CREATE \
                 PERSISTENT SECRET eddyline (TYPE gcs, SCOPE {}, KEY_ID '…', SECRET '…');",
                ENGINE.text(&format!("gs://{bucket}"))
            ));
            script.statement("INSTALL httpfs");
            script.statement("LOAD httpfs");
        }
        Place::Azure { account, .. } => {
            script.note(
                "Credentials: what the Azure tools find (az login, AZURE_CLIENT_ID and the like, a managed identity).",
            );
            script.statement("INSTALL azure");
            script.statement("LOAD azure");
            script.statement(&format!(
                "CREATE OR REPLACE SECRET eddyline (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME {})",
                ENGINE.text(account)
            ));
        }
    }
}

fn select(warehouse: &Warehouse, table: &Table) -> String {
    if !table.filled {
        return ENGINE.nothing(&table.columns);
    }
    let glob = warehouse.place.url(&format!("{}/queue_date=*/*.parquet", table.folder()));
    let read = |more: &str| {
        format!(
            "read_parquet({}, hive_partitioning = true, hive_types = {{'queue_date': DATE}}{more})",
            ENGINE.text(&glob)
        )
    };
    let names: Vec<String> = table.columns.iter().map(|c| ENGINE.name(&c.name)).collect();
    let names = format!("{}, queue_date", names.join(", "));
    if !table.uneven {
        return format!("SELECT {names}\nFROM {}", read(""));
    }
    // Uniting costs a look into every file. The empty branch has the columns that no file has yet.
    format!(
        "SELECT {names}\nFROM (\nSELECT * FROM {}\nUNION ALL BY NAME\n{}\n)",
        read(", union_by_name = true"),
        ENGINE.nothing(&table.columns)
    )
}
