//! What a caller asks for, and what it gets told.

use crate::error::{Error, Result};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How an export is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that gets `currents/` and `truth.json`.
    pub out: PathBuf,
    /// How many distinct events; exactly so many are written.
    pub events: u64,
    /// How many days, from `start`.
    pub days: u32,
    /// The first UTC day.
    pub start: NaiveDate,
    /// Everything random follows from it.
    pub seed: u64,
    /// The codec of Avro blocks.
    pub codec: Codec,
    /// The shape of keys.
    pub layout: Layout,
    /// The format of files.
    pub format: OutFormat,
    /// How many of the records are delivered a second time, 0 to 1.
    pub duplicates: f64,
    /// How many of the events are queued 1 to 72 hours after they happened, 0 to 1.
    pub late: f64,
    /// Into how many files, at most, an hour's events of one type are split.
    pub files_per_hour: u32,
    /// The event types to write. Any list works; those with an unknown name get plain fillers.
    pub types: Vec<TypeSpec>,
}

/// The codec of an Avro object container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Not compressed, as every file Braze was seen to write.
    Null,
    /// Raw deflate.
    Deflate,
    /// Snappy with the CRC-32 that Avro adds.
    Snappy,
    /// Zstandard.
    Zstandard,
}

impl Codec {
    /// The name in the container's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Codec::Null => "null",
            Codec::Deflate => "deflate",
            Codec::Snappy => "snappy",
            Codec::Zstandard => "zstandard",
        }
    }
}

/// The shape of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `date=…/<schema-id>/<zone>/…+<partition>+<10 digits>`, as until early 2026.
    Classic,
    /// `date=…/version=<n>/<environment>/…+<partition>+<digits>`, as since.
    Versioned,
}

/// The format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutFormat {
    /// Avro object containers.
    Avro,
    /// One JSON object a line; fields without a value are left out.
    Json,
}

/// One event type and its fields, in the order the newest writer schema has them.
#[derive(Debug, Clone)]
pub struct TypeSpec {
    /// Such as `users.messages.email.Open`.
    pub event_type: String,
    /// The message channel, where the type belongs to one.
    pub channel: Option<String>,
    /// The stage of a message's life, where it has one.
    pub stage: Option<String>,
    /// Every field.
    pub fields: Vec<FieldSpec>,
}

impl TypeSpec {
    /// The table's name: the event type in lower case, dots as underscores.
    pub fn table(&self) -> String {
        self.event_type.to_lowercase().replace('.', "_")
    }
}

/// One field of an event type.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    /// Its name.
    pub name: String,
    /// Its type without the union with null.
    pub avro: AvroType,
    /// Whether the writer schema forbids null.
    pub required: bool,
}

/// The types Braze uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvroType {
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// 32-bit floating point.
    Float,
    /// True or false.
    Boolean,
    /// UTF-8 text.
    String,
    /// An array of text.
    StringArray,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Records, with those delivered twice.
    pub records: u64,
    /// Distinct events.
    pub events: u64,
    /// Distinct events per table.
    pub tables: BTreeMap<String, u64>,
    /// Whether the same export was there already and nothing was written.
    pub already_there: bool,
}

/// The longest period; hours and seconds stay well within their types.
const MOST_DAYS: u32 = 3_660;

impl Options {
    /// Refuses what cannot be written.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::usage(format!("cannot generate an export: {what}")));
        if self.events == 0 {
            return wrong("the number of events is 0");
        }
        if self.days == 0 || self.days > MOST_DAYS {
            return wrong("the number of days is not between 1 and 3,660");
        }
        if !(1971..=2090).contains(&self.start.year()) {
            return wrong("the first day is not between 1971 and 2090");
        }
        if self.files_per_hour == 0 {
            return wrong("the number of files per hour is 0");
        }
        if !(0.0..=1.0).contains(&self.duplicates) || !(0.0..=1.0).contains(&self.late) {
            return wrong("a rate is not between 0 and 1");
        }
        if self.types.is_empty() {
            return wrong("no event type is asked for");
        }
        if self.types.len() >= usize::from(u16::MAX) {
            return wrong("more than 65,534 event types are asked for");
        }
        if self.format == OutFormat::Json && self.codec != Codec::Null {
            return wrong("JSON files have no codec");
        }
        let mut names = std::collections::HashSet::new();
        for spec in &self.types {
            if !spec.fields.iter().any(|f| f.name == "id" && f.avro == AvroType::String) {
                return wrong(&format!("the event type {} has no field `id`", spec.event_type));
            }
            if !names.insert(spec.table()) {
                return wrong(&format!("the event type {} is there twice", spec.event_type));
            }
        }
        Ok(())
    }
}
