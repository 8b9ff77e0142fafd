//! The door of this room: a file's bytes in, record batches and rejects out.

use super::{Damage, EventType, Format, Limits, SchemaCache, SourceFile, avro, inflate, json};
use arrow::array::RecordBatch;
use std::borrow::Cow;
use std::collections::HashMap;

/// Metadata key of a field that says what its text is.
pub const KIND_KEY: &str = "eddyline.kind";
/// Value of [`KIND_KEY`]: each cell holds one JSON value as text.
pub const KIND_JSON: &str = "json";

/// Rows of one event type, columns named and ordered as they came, every column nullable.
///
/// Types are the natural ones (`Boolean`, `Int32`, `Int64`, `Float32`, `Float64`, `Utf8`, `Date32`, `Timestamp(ms|µs,
/// "UTC")`, `List<Utf8>`); whatever has none of these is `Utf8` with the field metadata `eddyline.kind = json`.
#[derive(Clone, Debug)]
pub struct Part {
    /// `None` where neither the key nor the records tell it.
    pub event_type: Option<EventType>,
    /// The rows, never none.
    pub batch: RecordBatch,
    /// For each row, its record's number in the file, from 0. Ascending.
    pub positions: Vec<u64>,
}

/// One record that could not be taken while the others were.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    /// The record's number in the file, from 0, rejected ones counted.
    pub position: u64,
    /// Where it starts, in bytes of the unpacked file.
    pub offset: Option<u64>,
    /// Why; never a value.
    pub reason: String,
    /// The text itself, cut at 64 KiB, bytes that are no UTF-8 replaced. For the rejects store only.
    pub record: String,
    /// What the record or the key says it is.
    pub event_type: Option<EventType>,
}

/// Everything a file held.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// One per event type, in order of first appearance; a file without rows has none.
    pub parts: Vec<Part>,
    /// In order of position.
    pub rejects: Vec<Reject>,
    /// Records found: always the rows of all parts plus the rejects.
    pub records: u64,
    /// Full name of the Avro record.
    pub record_name: Option<String>,
    /// xxh3 of the writer's schema text. The same schema in other words has another fingerprint.
    pub schema_fingerprint: Option<u64>,
}

/// Decodes a whole file. An error means that nothing of it may load.
pub fn decode(file: &SourceFile, bytes: &[u8], limits: &Limits, schemas: &SchemaCache) -> Result<Decoded, Damage> {
    let bytes = unpack(file, bytes, limits)?;
    match file.format {
        Format::Avro => {
            let mut reading = avro::Reading::default();
            let with = (file, limits, schemas);
            let whole = avro::decode(with, &mut reading, (&bytes, true), usize::MAX, false)?;
            Ok(whole.decoded.unwrap_or_default())
        }
        Format::Json => json::decode(file, &bytes, limits),
    }
}

/// A file's bytes without the gzip or zstd it may be wrapped in as a whole. An error means that nothing of it may load.
pub fn unpack<'a>(file: &SourceFile, bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Damage> {
    inflate::unpack(file.compression, bytes, limits)
}

/// A file decoded piece by piece, so that a large one is never in memory as columns all at once, nor need its bytes be.
///
/// Nothing of a damaged file may load: who takes rows of a piece has to give them back when a later piece is an error.
/// JSON comes in one piece: what a column's type is, its last record may decide.
///
/// Text that repeats may come as `Dictionary<UInt16, Utf8>`.
pub struct Pieces<'a> {
    file: &'a SourceFile,
    limits: &'a Limits,
    schemas: &'a SchemaCache,
    piece: usize,
    reading: avro::Reading<'a>,
}

/// A piece of a file.
pub struct Piece {
    /// `None` when the bytes do not make a whole piece and the file goes on: more of it is needed.
    pub decoded: Option<Decoded>,
    /// How many of the bytes that were given are done with.
    pub used: usize,
}

impl<'a> Pieces<'a> {
    /// Pieces of about `piece` bytes of the unpacked file, and no less than a block.
    pub fn of(file: &'a SourceFile, limits: &'a Limits, schemas: &'a SchemaCache, piece: usize) -> Pieces<'a> {
        Pieces { file, limits, schemas, piece, reading: avro::Reading::default() }
    }

    /// Whether the whole file is decoded.
    pub fn is_done(&self) -> bool {
        self.reading.done
    }

    /// Decodes a piece. `rest`: the file's bytes (see [`unpack`]) behind those that are done with; `is_end`: all of
    /// them, and not only the next ones. A file without records has one piece, which is empty.
    pub fn decode(&mut self, rest: &[u8], is_end: bool) -> Result<Piece, Damage> {
        match self.file.format {
            Format::Avro => {
                let with = (self.file, self.limits, self.schemas);
                avro::decode(with, &mut self.reading, (rest, is_end), self.piece, true)
            }
            Format::Json if !is_end => Ok(Piece { decoded: None, used: 0 }),
            Format::Json => {
                self.reading.done = true;
                Ok(Piece { decoded: Some(json::decode(self.file, rest, self.limits)?), used: rest.len() })
            }
        }
    }

    /// Decodes what is left and keeps nothing of it.
    pub fn check(mut self, bytes: &[u8]) -> Result<(), Damage> {
        let mut rest = bytes;
        while !self.is_done() {
            let used = self.decode(rest, true)?.used;
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(())
    }
}

/// Small files decoded as if they were one.
pub struct Together {
    /// `None` where neither the keys nor the schema tell it.
    pub event_type: Option<EventType>,
    /// The rows of all of them, file after file; see [`Part::batch`].
    pub batch: RecordBatch,
    /// How many of the files were taken, and how many records each has.
    pub records: Vec<u64>,
}

/// Decodes the first of some small Avro files together, as many as are alike and hold no more than `piece` bytes, each
/// of them whole and wrapped in nothing. `None` when one of them is damaged, or seems so: [`Pieces`] says which.
///
/// Text that repeats may come as `Dictionary<UInt16, Utf8>`.
pub fn decode_together(
    files: &[(&SourceFile, &[u8])],
    limits: &Limits,
    schemas: &SchemaCache,
    piece: usize,
) -> Option<Together> {
    avro::together(files, limits, schemas, piece)
}

/// The event types a file holds, in order of first appearance; `None` stands for records that do not tell.
///
/// For files whose key has no `event_type=`. Avro: the header is read, the rows are not. JSON: all records are read.
pub fn peek(
    file: &SourceFile,
    bytes: &[u8],
    limits: &Limits,
    schemas: &SchemaCache,
) -> Result<Vec<Option<EventType>>, Damage> {
    let bytes = inflate::unpack(file.compression, bytes, limits)?;
    match file.format {
        Format::Avro => avro::peek(file, &bytes, limits, schemas).map(|event_type| vec![event_type]),
        Format::Json => json::peek(file, &bytes, limits),
    }
}

/// Field metadata that marks a column of JSON text.
pub(super) fn json_metadata() -> HashMap<String, String> {
    HashMap::from([(KIND_KEY.to_string(), KIND_JSON.to_string())])
}
