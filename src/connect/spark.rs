//! Spark: a Python script of `spark.sql` statements, a temporary view for each table.

use super::dialect::Dialect;
use super::place::Place;
use super::python_text::text;
use super::script::Script;
use super::sql_text::Engine;
use super::views::Views;
use super::warehouse::{Table, Warehouse};
use super::{all_events, spark_log};
use crate::error::Result;

const ENGINE: Engine = Engine::Spark;

const SESSION: &str = r#"
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("eddyline").getOrCreate()
# Days are reckoned in this zone.
spark.conf.set("spark.sql.session.timeZone", "UTC")
"#;

/// The script.
pub fn script(warehouse: &Warehouse) -> Result<String> {
    let mut script = Script::new("#", "Spark", warehouse);
    script.note(
        "Paste it into a notebook, or begin a program with it: it makes temporary views in the session it finds or \
         starts. Spark lists a table's files when its view is made, so run it again in a session that is to see files a \
         load has brought since. Run `eddyline connect` again when a load has brought the first files of a table, or new \
         columns (its report names both).",
    );
    match &warehouse.place {
        Place::Folder(_) => {}
        Place::S3 { .. } => script.note(
            "Credentials: those of Hadoop's s3a (package org.apache.hadoop:hadoop-aws), which finds AWS_ACCESS_KEY_ID and \
             the like, or a role.",
        ),
        Place::Gcs { .. } => script.note(
            "Credentials: those of the Cloud Storage connector for Hadoop, which finds GOOGLE_APPLICATION_CREDENTIALS, or \
             the machine's service account.",
        ),
        Place::Azure { account, .. } => script.note(&format!(
            "Credentials: those of Hadoop's abfs (package org.apache.hadoop:hadoop-azure): \
             fs.azure.account.auth.type.{account}.dfs.core.windows.net and what belongs to it."
        )),
    }
    script.lines(SESSION);
    for table in &warehouse.tables {
        script.about(&table.meaning);
        script.lines(&run(&view(warehouse, table)));
    }
    if warehouse.whole {
        let all = all_events::select(ENGINE, "", warehouse.tables.iter());
        script.gap();
        script.lines(&run(&format!("CREATE OR REPLACE TEMPORARY VIEW all_events AS\n{all}")));
        script.about("What Eddyline knows itself: the ledger of source files, the Parquet objects, the columns.");
        for statement in spark_log::statements(warehouse) {
            script.lines(&run(&statement));
        }
        Views {
            dialect: Dialect::Spark,
            system: true,
            schema: None,
            create: &|script, name, sql| {
                script.lines(&run(&format!("CREATE OR REPLACE TEMPORARY VIEW {} AS\n{sql}", ENGINE.name(name))))
            },
        }
        .write(&mut script, warehouse);
    }
    Ok(script.text())
}

fn view(warehouse: &Warehouse, table: &Table) -> String {
    let name = ENGINE.name(&table.name);
    if !table.filled {
        return format!("CREATE OR REPLACE TEMPORARY VIEW {name} AS\n{}", ENGINE.nothing(&table.columns));
    }
    let folder = ENGINE.text(&warehouse.place.hadoop(&table.folder()));
    let columns = ENGINE.definitions(&table.columns);
    format!(
        "CREATE OR REPLACE TEMPORARY VIEW {name} (\n{columns},\n  queue_date DATE\n)\nUSING parquet\nOPTIONS (path \
         {folder})"
    )
}

/// A statement as a call. What a raw literal cannot hold is written as an escaped one.
fn run(sql: &str) -> String {
    match sql.contains("\"\"\"") || sql.ends_with(['\\', '"']) {
        true => format!("spark.sql({})\n", text(sql)),
        false => format!("spark.sql(r\"\"\"{sql}\"\"\")\n"),
    }
}
