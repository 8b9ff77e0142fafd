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
    let bytes = inflate::unpack(file.compression, bytes, limits)?;
    match file.format {
        Format::Avro => avro::decode(file, &bytes, limits, schemas, &mut avro::Mark::default(), usize::MAX, false),
        Format::Json => json::decode(file, &bytes, limits),
    }
}

/// A file decoded piece by piece, so that a large one is never in memory as columns all at once. Nothing of a damaged
/// file may load, so all of it is decoded before the first piece is given; that one is kept, the others are decoded
/// again. JSON comes in one piece: what a column's type is, its last record may decide.
///
/// Text that repeats may come as `Dictionary<Int32, Utf8>`.
pub struct Pieces<'a> {
    file: &'a SourceFile,
    limits: &'a Limits,
    schemas: &'a SchemaCache,
    bytes: Cow<'a, [u8]>,
    piece: usize,
    first: Option<Decoded>,
    mark: avro::Mark,
}

impl<'a> Pieces<'a> {
    /// Pieces of about `piece` bytes of the unpacked file, and no less than a block. An error means that nothing of the
    /// file may load.
    pub fn of(
        file: &'a SourceFile,
        bytes: &'a [u8],
        limits: &'a Limits,
        schemas: &'a SchemaCache,
        piece: usize,
    ) -> Result<Pieces<'a>, Damage> {
        let bytes = inflate::unpack(file.compression, bytes, limits)?;
        let mut mark = avro::Mark::default();
        let first = match file.format {
            Format::Avro => avro::decode(file, &bytes, limits, schemas, &mut mark, piece, true)?,
            Format::Json => {
                mark.done = true;
                json::decode(file, &bytes, limits)?
            }
        };
        let mut ahead = mark;
        while !ahead.done {
            avro::decode(file, &bytes, limits, schemas, &mut ahead, piece, true)?;
        }
        Ok(Pieces { file, limits, schemas, bytes, piece, first: Some(first), mark })
    }

    /// The next piece. A file without records has one, empty piece.
    pub fn next_piece(&mut self) -> Result<Option<Decoded>, Damage> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.mark.done {
            return Ok(None);
        }
        avro::decode(self.file, &self.bytes, self.limits, self.schemas, &mut self.mark, self.piece, true).map(Some)
    }
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
