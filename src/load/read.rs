//! One fetched file, or a piece of it, into the rows of one table.

use super::bucket::{Fetched, Listed};
use super::context::{ColumnPolicy, Context};
use super::plan::PlannedFile;
use super::watch::Progress;
use crate::currents::{self, Damage, Decoded, EventType, Reason};
use crate::error::{Error, Kind, Result};
use crate::table::{NewColumn, TableSchema, conform, discover};
use crate::warehouse::rejects::RejectedRecord;
use arrow::array::RecordBatch;
use bytes::Bytes;
use std::collections::BTreeMap;

/// How the reason begins of a file that the store did not let us read.
pub const REFUSED: &str = "refused";

/// What fetching a file gave.
pub enum FileRead {
    /// Its bytes, and the version that was read.
    Bytes(Bytes, Listed),
    /// Nothing of it can be trusted; why.
    Damaged(String, Listed),
    /// It is gone.
    Vanished,
}

/// Takes a fetched file in hand.
pub fn take_in_hand(ctx: &Context, file: &PlannedFile, fetched: Fetched) -> FileRead {
    match fetched {
        Fetched::Vanished => FileRead::Vanished,
        Fetched::Unreadable(reason) => FileRead::Damaged(format!("unreadable: {reason}"), file.listed.clone()),
        Fetched::Refused(reason) => FileRead::Damaged(format!("{REFUSED}: {reason}"), file.listed.clone()),
        Fetched::TooLarge(size) => FileRead::Damaged(too_large(size), file.listed.clone()),
        Fetched::Bytes(bytes, listed) => {
            Progress::add(&ctx.progress.bytes, bytes.len() as u64);
            FileRead::Bytes(bytes, listed)
        }
    }
}

fn too_large(size: u64) -> String {
    let what = format!("the file has {size} bytes, more than may be read at once");
    damage_text(&Damage::new(Reason::LimitExceeded, what))
}

/// Why a file is damaged, as its line in the ledger says it.
pub fn damage_text(damage: &Damage) -> String {
    let hint = match damage.reason {
        Reason::LimitExceeded => "; --memory, --max-file-bytes and --max-block-bytes set the limits",
        _ => "",
    };
    format!("{}: {}{hint}", damage.reason.as_str(), damage.detail)
}

/// The event types a file holds, for files whose key does not say. The first is the one that accounts for strays.
pub async fn event_types_in(
    ctx: &Context,
    file: &PlannedFile,
) -> Result<std::result::Result<Vec<EventType>, Unroutable>> {
    let limits = ctx.settings.effective_limits();
    let (bytes, listed) = match ctx.bucket.fetch(&file.listed, limits.file_bytes as u64).await? {
        Fetched::Bytes(bytes, listed) => (bytes, listed),
        Fetched::Vanished => return Ok(Err(Unroutable::Vanished)),
        Fetched::Unreadable(reason) => {
            return Ok(Err(Unroutable::Damaged(format!("unreadable: {reason}"), file.listed.clone())));
        }
        Fetched::TooLarge(size) => return Ok(Err(Unroutable::Damaged(too_large(size), file.listed.clone()))),
        Fetched::Refused(reason) => {
            return Ok(Err(Unroutable::Damaged(format!("{REFUSED}: {reason}"), file.listed.clone())));
        }
    };
    Ok(match currents::peek(&file.source, &bytes, &limits, &ctx.schemas) {
        Ok(types) => {
            let known: Vec<EventType> = types.into_iter().flatten().collect();
            match (known.is_empty(), file.source.event_type.clone()) {
                (false, _) => Ok(known),
                (true, Some(event_type)) => Ok(vec![event_type]),
                (true, None) => {
                    Err(Unroutable::Damaged("no_event_type: neither key nor records name one".into(), listed))
                }
            }
        }
        Err(damage) => Err(Unroutable::Damaged(damage_text(&damage), listed)),
    })
}

/// Why a file belongs to no table.
pub enum Unroutable {
    /// It is gone.
    Vanished,
    /// Nothing of it can be trusted, or it names no event type; why.
    Damaged(String, Listed),
}

/// The part of a decoded file that belongs to one table.
#[derive(Default)]
pub struct TablePart {
    /// Its rows, in the table's schema.
    pub batches: Vec<RecordBatch>,
    /// Its rejected records.
    pub rejects: Vec<RejectedRecord>,
    /// Records: rows and rejects.
    pub read: u64,
    /// Values kept in `_extra` because they do not fit their column, by column.
    pub misfits: BTreeMap<String, u64>,
}

/// Takes a table's part out of a decoded file. Columns the table does not have join it, when the policy lets them;
/// they are added to `joined`.
pub fn take_part(
    ctx: &Context,
    schema: &mut TableSchema,
    joined: &mut Vec<NewColumn>,
    file: &PlannedFile,
    decoded: &Decoded,
) -> Result<TablePart> {
    let mut part = TablePart::default();
    let key = &file.listed.key;
    let of_key = file.source.event_type.as_ref();
    for decoded_part in &decoded.parts {
        let event_type = decoded_part.event_type.as_ref().or(of_key);
        match event_type {
            Some(event_type) if event_type.table() != schema.table() => continue,
            None if !file.owns_strays => continue,
            _ => {}
        }
        part.read += decoded_part.batch.num_rows() as u64;
        if event_type.is_none() {
            // Records of a file that names event types elsewhere, but not here: they belong to no table.
            for position in &decoded_part.positions {
                part.rejects.push(reject(key, *position, None, "no_event_type", String::new()));
            }
            continue;
        }
        admit(ctx, schema, joined, decoded_part.batch.schema_ref())?;
        let conformed = conform(schema, &decoded_part.batch, &decoded_part.positions, key)
            .map_err(|e| Error::failed(format!("cannot convert the columns of {key}")).because(e))?;
        for (position, reason, record) in conformed.rejects {
            part.rejects.push(reject(key, position, None, reason, record));
        }
        for (column, count) in conformed.misfits {
            *part.misfits.entry(column).or_default() += count;
        }
        part.batches.push(conformed.batch);
    }
    for rejected in &decoded.rejects {
        let ours = match rejected.event_type.as_ref().or(of_key) {
            Some(event_type) => event_type.table() == schema.table(),
            None => file.owns_strays,
        };
        if ours {
            part.read += 1;
            part.rejects.push(reject(
                key,
                rejected.position,
                rejected.offset,
                &rejected.reason,
                rejected.record.clone(),
            ));
        }
    }
    Ok(part)
}

fn reject(file: &str, position: u64, offset: Option<u64>, reason: &str, record: String) -> RejectedRecord {
    RejectedRecord { file: file.to_string(), position, offset, reason: reason.to_string(), record }
}

/// Lets new columns join, keeps them out, or refuses, as the policy says.
fn admit(
    ctx: &Context,
    schema: &mut TableSchema,
    joined: &mut Vec<NewColumn>,
    batch: &arrow::datatypes::Schema,
) -> Result<()> {
    if ctx.settings.columns == ColumnPolicy::Rescue {
        return Ok(());
    }
    let new = discover(schema, batch);
    if new.is_empty() {
        return Ok(());
    }
    if ctx.settings.columns == ColumnPolicy::Freeze {
        let names: Vec<&str> = new.iter().map(|c| c.name.as_str()).collect();
        return Err(frozen(schema.table(), &format!("its files carry new columns: {}", names.join(", "))));
    }
    schema.add_all(&new);
    joined.extend(new);
    Ok(())
}

/// The refusal of a frozen schema.
pub fn frozen(table: &str, why: &str) -> Error {
    Error::new(Kind::Check, format!("{table} was not loaded: columns = \"freeze\" and {why}"))
        .hint("describe them in a definitions folder (--defs), or load with --columns evolve")
}
