//! `eddyline quickstart`: from nothing to an answer. Generates an export, loads it, asks a question, says what is next.

use super::generate::{FIRST_DAY, said, with_bar};
use super::load::{loader_on, on_one_thread, one_pass};
use super::print;
use super::telling::Operator;
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::generate::{Codec, Layout, Options, OutFormat, type_specs};
use crate::load::{Bucket, Request, Settings, Stop};
use crate::query::{self, OutputFormat, Session};
use crate::table::Definitions;
use crate::warehouse::Store;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `eddyline quickstart`
#[derive(clap::Args)]
pub struct Args {
    /// The folder to work in
    #[arg(default_value = "quickstart")]
    dir: PathBuf,
    /// Distinct events in the sample
    #[arg(long, default_value_t = 200_000, value_name = "N")]
    events: u64,
}

const QUESTION: &str = "\
SELECT campaign_name, sum(sends) AS sends, sum(deliveries) AS delivered,
       sum(unique_opens) AS opened, sum(unique_human_opens) AS by_people, sum(unique_clicks) AS clicked,
       round(100.0 * sum(unique_clicks) / nullif(sum(deliveries), 0), 1) AS click_rate
FROM campaign_daily
WHERE channel = 'email' AND campaign_name IS NOT NULL
GROUP BY campaign_name ORDER BY sends DESC, campaign_name LIMIT 10";

/// Runs it. Safe to run twice: the export is the same, and the second load finds nothing new.
pub async fn run(args: Args, _: &Config) -> Result<()> {
    let definitions = Arc::new(Definitions::builtin()?);
    let options = Options {
        out: args.dir.clone(),
        events: args.events,
        days: 14,
        start: FIRST_DAY.parse().map_err(|e| Error::failed("the first day is no day").because(e))?,
        seed: 1,
        codec: Codec::Null,
        layout: Layout::Classic,
        format: OutFormat::Avro,
        duplicates: 0.005,
        late: 0.01,
        files_per_hour: 1,
        types: type_specs(&definitions, None)?,
    };
    print("1. a sample export, as Braze Currents writes it\n")?;
    let summary = with_bar(&options)?;
    print(&said(&options, &summary))?;

    let export = args.dir.join("currents");
    let warehouse = args.dir.join("warehouse");
    print(&format!("\n2. eddyline load --source {} --warehouse {}\n", export.display(), warehouse.display()))?;
    let store = Store::open(&warehouse.display().to_string(), &[], true)?;
    let bucket = Bucket::open(&export.display().to_string(), &[])?;
    let loader = loader_on(store.clone(), bucket, definitions.clone(), Settings::default());
    let mut operator = Operator::default();
    operator.opened(store.clone(), definitions.clone());
    on_one_thread(one_pass(&loader, &Request::default(), &Arc::new(Stop::default()), &operator))?;

    print(&format!("\n3. what became of the emails each campaign sent\n\n{QUESTION};\n\n"))?;
    let session = Session::open(store, definitions, query::Options::default()).await?;
    let answer = session.run(QUESTION).await?;
    let width = terminal_size::terminal_size().map(|(w, _)| usize::from(w.0));
    query::print::write(&answer, OutputFormat::Table, &mut std::io::stdout(), width, None)?;
    print(&next(&warehouse))
}

fn next(warehouse: &Path) -> String {
    let shown = std::path::absolute(warehouse).unwrap_or_else(|_| warehouse.to_path_buf());
    let (path, opens) = (shown.display(), "tables/users_messages_email_open/queue_date=*/*.parquet");
    let eddyline = config::program();
    format!(
        "
What next
  a SQL shell     {eddyline} sql --warehouse {path}
  what is there   {eddyline} tables --warehouse {path}
  DuckDB          duckdb -c \"SELECT queue_date, count(*) FROM read_parquet('{path}/{opens}', hive_partitioning = true) GROUP BY ALL ORDER BY ALL\"
  pandas          python3 -c \"import pandas; print(pandas.read_parquet('{path}/tables/users_messages_email_open').groupby('queue_date').size())\"
"
    )
}
