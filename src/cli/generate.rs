//! `eddyline generate`: a synthetic export, the same for the same options.

use super::print;
use crate::config::Config;
use crate::error::Result;
use crate::generate::{Codec, Layout, Options, OutFormat, Summary, generate, type_specs};
use crate::load::{bytes, count};
use crate::table::Definitions;
use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// The first day of a generated export unless told otherwise; fixed, so that a seed means the same for ever.
pub const FIRST_DAY: &str = "2026-03-02";

/// `eddyline generate`
#[derive(clap::Args)]
pub struct Args {
    /// The folder that gets currents/ (the export) and truth.json (what is in it)
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Distinct events
    #[arg(long, default_value_t = 200_000, value_name = "N")]
    events: u64,
    /// Days
    #[arg(long, default_value_t = 14, value_name = "D")]
    days: u32,
    /// The first day
    #[arg(long, default_value = FIRST_DAY, value_name = "DATE")]
    start: NaiveDate,
    /// Everything random follows from it
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// The codec of Avro blocks
    #[arg(long, value_enum, default_value_t = CodecArg::Null)]
    codec: CodecArg,
    /// The shape of keys: classic (2018 to early 2026) or versioned (since)
    #[arg(long, value_enum, default_value_t = LayoutArg::Classic)]
    layout: LayoutArg,
    /// The format of files
    #[arg(long, value_enum, default_value_t = FormatArg::Avro)]
    format: FormatArg,
    /// Share of records delivered a second time, in another file, hour or day
    #[arg(long, default_value_t = 0.005, value_name = "RATE")]
    duplicates: f64,
    /// Share of events queued 1 to 72 hours after they happened
    #[arg(long, default_value_t = 0.01, value_name = "RATE")]
    late: f64,
    /// Files an hour's events of one type are split into, at most
    #[arg(long, default_value_t = 1, value_name = "K")]
    files_per_hour: u32,
    /// Only event types that match, such as 'users.messages.*'
    #[arg(long, value_name = "GLOB")]
    types: Option<String>,
}

#[derive(clap::ValueEnum, Clone, Copy)]
enum CodecArg {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

#[derive(clap::ValueEnum, Clone, Copy)]
enum LayoutArg {
    Classic,
    Versioned,
}

#[derive(clap::ValueEnum, Clone, Copy)]
enum FormatArg {
    Avro,
    Json,
}

/// Generates an export.
pub fn run(args: Args, _: &Config) -> Result<()> {
    let types = type_specs(&Definitions::builtin()?, args.types.as_deref())?;
    let options = Options {
        out: args.out.clone(),
        events: args.events,
        days: args.days,
        start: args.start,
        seed: args.seed,
        codec: match args.codec {
            CodecArg::Null => Codec::Null,
            CodecArg::Deflate => Codec::Deflate,
            CodecArg::Snappy => Codec::Snappy,
            CodecArg::Zstandard => Codec::Zstandard,
        },
        layout: match args.layout {
            LayoutArg::Classic => Layout::Classic,
            LayoutArg::Versioned => Layout::Versioned,
        },
        format: match args.format {
            FormatArg::Avro => OutFormat::Avro,
            FormatArg::Json => OutFormat::Json,
        },
        duplicates: args.duplicates,
        late: args.late,
        files_per_hour: args.files_per_hour,
        types,
    };
    let summary = with_bar(&options)?;
    print(&said(&options, &summary))
}

/// What was generated, in two lines.
pub fn said(options: &Options, summary: &Summary) -> String {
    let how = if summary.already_there { "is there already" } else { "generated" };
    format!(
        "{}/currents {how}: {} of {} over {}, {} in {} ({})\n",
        options.out.display(),
        count(summary.events, "event"),
        count(summary.tables.values().filter(|n| **n > 0).count() as u64, "type"),
        count(options.days.into(), "day"),
        count(summary.records, "record"),
        count(summary.files, "file"),
        bytes(summary.bytes),
    )
}

/// Generates with a progress bar.
pub fn with_bar(options: &Options) -> Result<Summary> {
    let bar = ProgressBar::new(options.events);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} events") {
        bar.set_style(style);
    }
    let summary = generate(options, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    summary
}
