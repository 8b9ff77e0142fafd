//! Avro object container files: all or nothing. The framing is checked to the byte, the rows are decoded by a plan
//! compiled once per schema, and any damage refuses the whole file.

mod as_json;
mod column;
mod container;
mod cursor;
mod plan;
mod rows;
mod schema;

pub use plan::SchemaCache;

use super::decode::{Decoded, Part};
use super::inflate::{self, Codec};
use super::{Damage, EventType, Limits, Reason, SourceFile};
use container::{Container, block_damage};
use plan::Plan;
use rows::Rows;
use std::sync::Arc;

/// How far a file is decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// The next block's place and number; `None` before the first.
    block: Option<(usize, u64)>,
    records: u64,
    unpacked: usize,
    /// Whether no block is left.
    pub(super) done: bool,
}

/// Records from where on text that repeats is worth a dictionary.
const MANY: usize = 256;
/// Room is made for no more records than this before they are seen.
const MOST_EXPECTED: usize = 1 << 16;

/// Decodes blocks from the mark on until they hold `piece` bytes unpacked, at least one, and moves the mark. `may_code`:
/// text that repeats may come as a dictionary.
pub(super) fn decode(
    file: &SourceFile,
    bytes: &[u8],
    limits: &Limits,
    schemas: &SchemaCache,
    mark: &mut Mark,
    piece: usize,
    may_code: bool,
) -> Result<Decoded, Damage> {
    let (mut container, plan) = open(bytes, limits, schemas)?;
    let event_type = event_type(file, &plan)?;
    if let Some(position) = mark.block {
        container.go_on(position);
    }
    let expected = container.expected(piece).min(MOST_EXPECTED);
    let mut rows = Rows::new(&plan, limits, mark.records, may_code && expected >= MANY);
    let mut scratch = Vec::new();
    let mut taken = 0usize;
    while taken < piece {
        let Some(block) = container.next_block()? else { break };
        let data = match container.codec {
            Codec::Null => block.data,
            codec => {
                let length = inflate::inflate(codec, block.data, &mut scratch, limits.block_bytes)
                    .map_err(|fault| block_damage(&block, fault, limits))?;
                scratch.get(..length).unwrap_or_default()
            }
        };
        if data.len() > limits.block_bytes {
            return Err(block_damage(&block, inflate::Fault::TooLarge, limits));
        }
        taken = taken.saturating_add(data.len());
        if mark.unpacked.saturating_add(taken) > limits.file_bytes {
            let detail = format!("the file unpacks to more than {} bytes", limits.file_bytes);
            return Err(Damage::new(Reason::LimitExceeded, detail));
        }
        if taken == data.len() {
            rows.make_room(expected.min(data.len()));
        }
        rows.block(&block, data)?;
    }
    let positions = rows.positions();
    *mark = Mark {
        block: Some(container.position()),
        records: positions.end,
        unpacked: mark.unpacked.saturating_add(taken),
        done: container.is_done(),
    };
    let records = positions.end - positions.start;
    let batch = rows.finish()?;
    let parts =
        if records == 0 { Vec::new() } else { vec![Part { event_type, batch, positions: positions.collect() }] };
    Ok(Decoded {
        parts,
        rejects: Vec::new(),
        records,
        record_name: Some(plan.record_name.clone()),
        schema_fingerprint: Some(plan.fingerprint),
    })
}

/// The event type of a file, from its key and its schema, without decoding a row.
pub(super) fn peek(
    file: &SourceFile,
    bytes: &[u8],
    limits: &Limits,
    schemas: &SchemaCache,
) -> Result<Option<EventType>, Damage> {
    let (_, plan) = open(bytes, limits, schemas)?;
    event_type(file, &plan)
}

fn open<'a>(bytes: &'a [u8], limits: &Limits, schemas: &SchemaCache) -> Result<(Container<'a>, Arc<Plan>), Damage> {
    let container = Container::open(bytes)?;
    let plan = schemas.plan(container.schema, limits).map_err(|(reason, what)| Damage::new(reason, what))?;
    Ok((container, plan))
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
