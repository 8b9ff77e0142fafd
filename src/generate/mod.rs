//! The room that makes exports up: the same options give the same bytes, in the exact keys and shapes of Braze Currents,
//! with lives of messages one can believe. Tests, benches and `quickstart` feed on it. See `README.md` beside this file.

mod account;
mod avro_file;
mod avro_record;
mod behavior;
mod calendar;
mod canvas;
mod catalog;
mod chat;
mod content;
mod dice;
mod email;
mod json_record;
mod kind;
mod layout;
mod onsite;
mod options;
mod plot;
mod population;
mod push;
mod schema;
mod specs;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
mod truth;
mod value;
mod webhook;
mod words;
mod writer;

pub use options::{AvroType, Codec, FieldSpec, Layout, Options, OutFormat, Summary, TypeSpec};
pub use specs::type_specs;

use crate::error::{Error, Result};
use calendar::Calendar;
use dice::Dice;
use kind::Slots;
use plot::Plot;
use population::Population;
use std::io::ErrorKind;
use std::path::Path;
use story::Story;
use timeline::Timeline;
use truth::Tally;
use value::World;
use writer::Writer;

/// The export's folder within `out`.
const EXPORT: &str = "currents";
/// Exports with fewer events an hour on average have few hours for what is rare.
const SMALL_HOUR: u64 = 20_000;
/// What was generated, within `out`, outside the export.
const TRUTH: &str = "truth.json";

/// Writes an export into `<out>/currents` and, last, `<out>/truth.json`; exactly `events` distinct events.
///
/// When the same export is there already, returns its summary at once. A folder that holds anything else is refused.
/// `progress` is called after every hour of the export with the number of records written so far.
pub fn generate(options: &Options, progress: &mut dyn FnMut(u64)) -> Result<Summary> {
    options.check()?;
    let root = options.out.join(EXPORT);
    let truth = options.out.join(TRUTH);
    if !is_empty(&root)? {
        return truth::already_there(&truth, options).ok_or_else(|| {
            Error::usage(format!("{} is not empty and not what these options generate", root.display()))
                .hint("choose another folder, or delete it first")
        });
    }
    // A truth without its export would vouch for the next one before it is complete.
    match std::fs::remove_file(&truth) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            return Err(Error::failed(format!("cannot replace {}", truth.display())).because(e));
        }
        _ => {}
    }
    std::fs::create_dir_all(&root)
        .map_err(|e| Error::failed(format!("cannot create {}", root.display())).because(e))?;

    let calendar = Calendar::new(options);
    let (start, hours) = (calendar.start(), calendar.hours());
    let population = Population::new(options.seed, options.events, start, hours);
    let world = World::new(options.seed, population, start, calendar.filtering_from());
    let slots = Slots::find(&options.types);
    let tally = Tally::new(options.types.len(), &slots, calendar.filtering_from());
    let mut writer = Writer::new(options, &world, schema::plan(options), root, tally)?;
    let line = Timeline::new(start, hours, dice::threshold(options.late));
    let small = options.events / u64::from(hours) < SMALL_HOUR;
    let mut story = Story { world: &world, slots: &slots, dice: Dice::new(options.seed), line, small };
    let mut plot = Plot::new(Calendar::new(options), &options.types, &story);
    plot.promise(&mut story, options.events);
    account::departures(&mut story);
    let mut written = 0;
    for hour in 0..hours {
        plot.hour(&mut story, written);
        let (mut events, copies) = story.line.take();
        let room = options.events.saturating_sub(written + plot.promised_after(hour));
        events.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        written += events.len() as u64;
        writer.hour(&calendar, hour, &events, &copies, &mut story.line)?;
        progress(writer.tally.records());
    }
    writer.tally.finish(&truth, options)
}

fn is_empty(folder: &Path) -> Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(true),
        Err(e) => Err(Error::failed(format!("cannot read the folder {}", folder.display())).because(e)),
    }
}
