//! Avro object container files: all or nothing. The framing is checked to the byte, the rows are decoded by a plan
//! compiled once per schema, and any damage refuses the whole file.

mod as_json;
mod column;
mod container;
mod cursor;
mod plan;
mod rows;
mod schema;
mod together;

pub use plan::SchemaCache;
pub(super) use together::together;

use super::decode::{Decoded, Part, Piece};
use super::inflate::{self, Codec};
use super::{Damage, EventType, Limits, Reason, SourceFile};
use container::{Block, Blocks, Head, SYNC, block_damage};
use plan::Plan;
use rows::Rows;
use std::sync::Arc;

/// A file that is being decoded: what its header said, and how far it is read.
#[derive(Default)]
pub(super) struct Reading<'a> {
    /// `None` before the header.
    header: Option<Header>,
    /// The piece that needs more of the file.
    begun: Option<Begun<'a>>,
    /// Bytes of the file.
    at: usize,
    blocks: u64,
    unpacked: usize,
    /// Whether no block is left.
    pub(super) done: bool,
}

/// Records of a piece so far, and the bytes of their blocks.
struct Begun<'a> {
    rows: Rows<'a>,
    unpacked: usize,
}

struct Header {
    plan: Arc<Plan>,
    event_type: Option<EventType>,
    /// Records of the pieces before.
    records: u64,
    codec: Codec,
    sync: [u8; SYNC],
}

/// Records from where on text that repeats is worth a dictionary.
const MANY: usize = 256;
/// Room is made for no more records than this before they are seen.
const MOST_EXPECTED: usize = 1 << 16;

/// Decodes blocks from where the reading stands until those of a piece hold `piece` bytes unpacked, at least one. `rest`
/// are the file's bytes from there on; `is_end`: all of them. `may_code`: text that repeats may come as a dictionary.
///
/// A piece that is not full when the bytes end, and the file does not, goes on with the next ones.
pub(super) fn decode<'a>(
    (file, limits, schemas): (&SourceFile, &'a Limits, &SchemaCache),
    reading: &mut Reading<'a>,
    (rest, is_end): (&[u8], bool),
    piece: usize,
    may_code: bool,
) -> Result<Piece, Damage> {
    let mut before = 0;
    if reading.header.is_none() {
        let Some(head) = Head::read(rest, is_end)? else { return Ok(Piece { decoded: None, used: 0 }) };
        let plan = plan(&head, limits, schemas)?;
        let event_type = event_type(file, &plan)?;
        before = head.length;
        reading.at = before;
        reading.header = Some(Header { plan, event_type, records: 0, codec: head.codec, sync: head.sync });
    }
    let Some(Header { plan, event_type, records, codec, sync }) = &mut reading.header else {
        return Ok(Piece { decoded: None, used: 0 });
    };
    let mut blocks = Blocks::new(rest.get(before..).unwrap_or_default(), *sync, (reading.at, reading.blocks), is_end);
    let expected = blocks.expected(piece).min(MOST_EXPECTED);
    let Begun { mut rows, unpacked: mut taken } = reading.begun.take().unwrap_or_else(|| Begun {
        rows: Rows::new(plan.clone(), limits, *records, may_code && expected >= MANY),
        unpacked: 0,
    });
    let mut scratch = Vec::new();
    while taken < piece {
        let Some(block) = blocks.next_block()? else { break };
        let data = unpacked(*codec, &block, &mut scratch, limits)?;
        reading.unpacked = reading.unpacked.saturating_add(data.len());
        if reading.unpacked > limits.file_bytes {
            let detail = format!("the file unpacks to more than {} bytes", limits.file_bytes);
            return Err(Damage::new(Reason::LimitExceeded, detail));
        }
        if taken == 0 {
            rows.make_room(expected.min(data.len()));
        }
        taken = taken.saturating_add(data.len());
        rows.block(&block, data)?;
    }
    let used = before.saturating_add(blocks.used());
    reading.at = reading.at.saturating_add(blocks.used());
    reading.blocks = blocks.number();
    reading.done = blocks.is_done();
    if taken < piece && !reading.done {
        reading.begun = Some(Begun { rows, unpacked: taken });
        return Ok(Piece { decoded: None, used });
    }
    let positions = rows.positions();
    *records = positions.end;
    let read = positions.end - positions.start;
    let part = Part { event_type: event_type.clone(), batch: rows.finish()?, positions: positions.collect() };
    let decoded = Decoded {
        parts: if read == 0 { Vec::new() } else { vec![part] },
        rejects: Vec::new(),
        records: read,
        record_name: Some(plan.record_name.clone()),
        schema_fingerprint: Some(plan.fingerprint),
    };
    Ok(Piece { decoded: Some(decoded), used })
}

/// A block's records, without the codec.
fn unpacked<'a>(
    codec: Codec,
    block: &Block<'a>,
    scratch: &'a mut Vec<u8>,
    limits: &Limits,
) -> Result<&'a [u8], Damage> {
    let data = match codec {
        Codec::Null => block.data,
        codec => {
            let length = inflate::inflate(codec, block.data, scratch, limits.block_bytes)
                .map_err(|fault| block_damage(block, fault, limits))?;
            scratch.get(..length).unwrap_or_default()
        }
    };
    if data.len() > limits.block_bytes {
        return Err(block_damage(block, inflate::Fault::TooLarge, limits));
    }
    Ok(data)
}

/// The event type of a file, from its key and its schema, without decoding a row.
pub(super) fn peek(
    file: &SourceFile,
    bytes: &[u8],
    limits: &Limits,
    schemas: &SchemaCache,
) -> Result<Option<EventType>, Damage> {
    match Head::read(bytes, true)? {
        Some(head) => event_type(file, &*plan(&head, limits, schemas)?),
        None => Ok(file.event_type.clone()),
    }
}

fn plan(head: &Head<'_>, limits: &Limits, schemas: &SchemaCache) -> Result<Arc<Plan>, Damage> {
    schemas.plan(head.schema, limits).map_err(|(reason, what)| Damage::new(reason, what))
}

/// The key's event type, or else the schema's. Where both tell, they must agree (compared as tables).
fn event_type(file: &SourceFile, plan: &Plan) -> Result<Option<EventType>, Damage> {
    match (&file.event_type, &plan.event_type) {
        (Some(key), Some(schema)) if key.table() != schema.table() => {
            Err(Damage::new(Reason::EventTypeMismatch, format!("the key says {key}, the schema says {schema}")))
        }
        (Some(known), _) | (None, Some(known)) => Ok(Some(known.clone())),
        (None, None) => Ok(None),
    }
}
