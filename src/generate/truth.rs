//! What was generated, written beside the export when it is complete: the yardstick of tests, and the proof that the
//! same export is there already.
//!
//! Checksums do not depend on any order and count each distinct `id` once. An `id` is a UUID, its first and its last 16
//! hexadecimal digits are one unsigned 64-bit number each (`high`, `low`): `id_xor` is the exclusive or of all `high`
//! and of all `low`, `id_sum` their sums modulo 2^64, as 32 hexadecimal digits, `high` first.

use super::dice::mix_text;
use super::kind::{Kind, Slots};
use super::options::{Codec, Layout, Options, OutFormat, Summary, TypeSpec};
use super::timeline::{BOT, FIRST, MACHINE, Stub};
use crate::error::{Error, Result};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Raised whenever the same options would give other bytes.
const GENERATOR: u32 = 2;

/// The whole of `truth.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Truth {
    /// The version of the generator.
    generator: u32,
    /// What was asked for.
    options: Asked,
    /// Files.
    files: u64,
    /// Bytes of all files.
    bytes: u64,
    /// Records, with those delivered twice.
    records: u64,
    /// Distinct events.
    events: u64,
    /// Per table.
    tables: BTreeMap<String, TableTruth>,
    /// Distinct events per channel and stage; beside the stages `unique_opens` (messages and recipients, for push and
    /// device, with at least one open), `machine_opens` and `suspected_bot_clicks`.
    lifecycle: BTreeMap<String, BTreeMap<String, u64>>,
}

/// The options, as far as they decide about the bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    events: u64,
    days: u32,
    start: NaiveDate,
    seed: u64,
    codec: Codec,
    layout: Layout,
    format: OutFormat,
    duplicates: f64,
    late: f64,
    files_per_hour: u32,
    types: Vec<String>,
    /// Changes with any field of any type.
    fields: String,
}

/// One table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TableTruth {
    /// The event type.
    event_type: String,
    /// Records in files, with those delivered twice.
    records: u64,
    /// Distinct ids.
    distinct_ids: u64,
    /// Files.
    files: u64,
    /// See the head of this file.
    id_xor: String,
    /// See the head of this file.
    id_sum: String,
}

impl Asked {
    fn of(options: &Options) -> Asked {
        let fields = |t: &TypeSpec| format!("{:?}{:?}{:?}{:?}", t.event_type, t.channel, t.stage, t.fields);
        let sum = options.types.iter().fold(0_u64, |sum, t| sum.rotate_left(1) ^ mix_text(&fields(t)));
        Asked {
            events: options.events,
            days: options.days,
            start: options.start,
            seed: options.seed,
            codec: options.codec,
            layout: options.layout,
            format: options.format,
            duplicates: options.duplicates,
            late: options.late,
            files_per_hour: options.files_per_hour,
            types: options.types.iter().map(|t| t.event_type.clone()).collect(),
            fields: format!("{sum:016x}"),
        }
    }
}

impl Truth {
    fn summary(&self, already_there: bool) -> Summary {
        Summary {
            files: self.files,
            bytes: self.bytes,
            records: self.records,
            events: self.events,
            tables: self.tables.iter().map(|(name, t)| (name.clone(), t.distinct_ids)).collect(),
            already_there,
        }
    }
}

/// The summary of an export that is complete and was made with the same options.
pub fn already_there(path: &Path, options: &Options) -> Option<Summary> {
    let truth: Truth = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (truth.generator == GENERATOR && truth.options == Asked::of(options)).then(|| truth.summary(true))
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    records: u64,
    distinct: u64,
    files: u64,
    xor: (u64, u64),
    sum: (u64, u64),
}

/// Counts while files are written.
#[derive(Debug)]
pub struct Tally {
    types: Vec<Counts>,
    bytes: u64,
    email_open: Option<u16>,
    email_click: Option<u16>,
    push_open: Option<u16>,
    filtering_from: u32,
    unique_email: u64,
    unique_push: u64,
    machine: u64,
    bots: u64,
}

impl Tally {
    /// Nothing yet; clicks have a bot flag from `filtering_from` on.
    pub fn new(types: usize, slots: &Slots, filtering_from: u32) -> Tally {
        Tally {
            types: vec![Counts::default(); types],
            bytes: 0,
            email_open: slots.get(Kind::EmailOpen),
            email_click: slots.get(Kind::EmailClick),
            push_open: slots.get(Kind::PushOpen),
            filtering_from,
            unique_email: 0,
            unique_push: 0,
            machine: 0,
            bots: 0,
        }
    }

    /// One distinct event.
    #[inline]
    pub fn event(&mut self, stub: &Stub, id: (u64, u64)) {
        let Some(counts) = self.types.get_mut(usize::from(stub.slot)) else { return };
        counts.distinct += 1;
        counts.xor = (counts.xor.0 ^ id.0, counts.xor.1 ^ id.1);
        counts.sum = (counts.sum.0.wrapping_add(id.0), counts.sum.1.wrapping_add(id.1));
        if stub.flags & (FIRST | MACHINE | BOT) == 0 {
            return;
        }
        let slot = Some(stub.slot);
        if slot == self.email_open {
            self.unique_email += u64::from(stub.flags & FIRST != 0);
            self.machine += u64::from(stub.flags & MACHINE != 0);
        } else if slot == self.push_open {
            self.unique_push += u64::from(stub.flags & FIRST != 0);
        } else if slot == self.email_click && stub.time >= self.filtering_from {
            self.bots += u64::from(stub.flags & BOT != 0);
        }
    }

    /// One file of a type.
    pub fn file(&mut self, slot: usize, records: u64, bytes: u64) {
        if let Some(counts) = self.types.get_mut(slot) {
            counts.files += 1;
            counts.records += records;
        }
        self.bytes += bytes;
    }

    /// Records in files so far.
    pub fn records(&self) -> u64 {
        self.types.iter().map(|c| c.records).sum()
    }

    /// Writes `truth.json`.
    pub fn finish(&self, path: &Path, options: &Options) -> Result<Summary> {
        let mut tables = BTreeMap::new();
        let mut lifecycle: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (spec, counts) in options.types.iter().zip(&self.types) {
            tables.insert(
                spec.table(),
                TableTruth {
                    event_type: spec.event_type.clone(),
                    records: counts.records,
                    distinct_ids: counts.distinct,
                    files: counts.files,
                    id_xor: format!("{:016x}{:016x}", counts.xor.0, counts.xor.1),
                    id_sum: format!("{:016x}{:016x}", counts.sum.0, counts.sum.1),
                },
            );
            // `row.channel` and its like: the channel is in the rows, not in the type.
            let channel = spec.channel.as_ref().filter(|c| !c.contains('.'));
            if let (Some(channel), Some(stage)) = (channel, &spec.stage) {
                *lifecycle.entry(channel.clone()).or_default().entry(stage.clone()).or_default() += counts.distinct;
            }
        }
        for (slot, channel, name, count) in [
            (self.email_open, "email", "unique_opens", self.unique_email),
            (self.email_open, "email", "machine_opens", self.machine),
            (self.email_click, "email", "suspected_bot_clicks", self.bots),
            (self.push_open, "push", "unique_opens", self.unique_push),
        ] {
            if slot.is_some() {
                lifecycle.entry(channel.into()).or_default().insert(name.into(), count);
            }
        }
        let truth = Truth {
            generator: GENERATOR,
            options: Asked::of(options),
            files: self.types.iter().map(|c| c.files).sum(),
            bytes: self.bytes,
            records: self.records(),
            events: self.types.iter().map(|c| c.distinct).sum(),
            tables,
            lifecycle,
        };
        let broken = |cause: std::io::Error| Error::failed(format!("cannot write {}", path.display())).because(cause);
        let mut text = serde_json::to_vec_pretty(&truth).map_err(|e| broken(e.into()))?;
        text.push(b'\n');
        std::fs::write(path, text).map_err(broken)?;
        Ok(truth.summary(false))
    }
}
