//! Small files of one schema decoded into the same columns. Most files hold a few records: what is done once a file and
//! column would cost more than reading them.

use super::super::decode::Together;
use super::super::{Limits, SourceFile};
use super::container::{Blocks, Head};
use super::plan::SchemaCache;
use super::rows::Rows;
use super::{MANY, MOST_EXPECTED, event_type, plan, unpacked};

/// Decodes the first of the files, as many as have the schema and the event type of the very first one, until they hold
/// `piece` bytes unpacked. `None` when anything about them is not as it should be: decoded one by one, each will say.
pub(in crate::currents) fn together(
    files: &[(&SourceFile, &[u8])],
    limits: &Limits,
    schemas: &SchemaCache,
    piece: usize,
) -> Option<Together> {
    let (first, bytes) = files.first()?;
    let plan = plan(&Head::read(bytes, true).ok()??, limits, schemas).ok()?;
    let event_type = event_type(first, &plan).ok()?;
    let all: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    // A guess: no schema of Braze's has fewer bytes a record.
    let many = all.min(piece) / plan.least.max(100) >= MANY;
    let mut rows = Rows::new(plan.clone(), limits, 0, many);
    let (mut records, mut scratch, mut taken) = (Vec::with_capacity(files.len()), Vec::new(), 0usize);
    for (file, bytes) in files {
        let head = Head::read(bytes, true).ok()??;
        if taken >= piece || !plan.is_of(head.schema) || self::event_type(file, &plan).ok()? != event_type {
            break;
        }
        let (before, start) = (rows.positions().end, taken);
        let mut blocks = Blocks::new(bytes.get(head.length..)?, head.sync, (head.length, 0), true);
        while let Some(block) = blocks.next_block().ok()? {
            let data = unpacked(head.codec, &block, &mut scratch, limits).ok()?;
            taken = taken.saturating_add(data.len());
            rows.block(&block, data).ok()?;
        }
        if taken - start > limits.file_bytes {
            return None;
        }
        if records.is_empty() {
            // The others hold as many records a byte, as far as one can know.
            let payload = |file: usize| file.saturating_sub(head.length);
            let others: usize = files.iter().skip(1).map(|(_, bytes)| payload(bytes.len())).sum();
            let here = usize::try_from(rows.positions().end).unwrap_or(usize::MAX);
            let expected = here.saturating_mul(others) / payload(bytes.len()).max(1);
            rows.make_room(expected.min(others).min(MOST_EXPECTED));
        }
        records.push(rows.positions().end - before);
    }
    Some(Together { event_type, batch: rows.finish().ok()?, records })
}
