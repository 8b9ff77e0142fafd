//! One fetched file, or a piece of it, into the rows of one table.

use super::bucket::{Fetched, Listed};
use super::context::{ColumnPolicy, Context};
use super::plan::PlannedFile;
use super::watch::Progress;
use crate::currents::{self, Damage, Decoded, EventType, Part, Reason, Reject};
use crate::error::{Error, Kind, Result};
use crate::table::{NewColumn, TableSchema, discover};
use crate::warehouse::rejects::RejectedRecord;
use bytes::Bytes;

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

/// What of a decoded file, or of a piece of it, belongs to one table.
#[derive(Default)]
pub struct TableShare<'a> {
    /// Its rows, as they were decoded.
    pub parts: Vec<&'a Part>,
    /// Records that belong to no table, or could not be decoded.
    pub rejects: Vec<RejectedRecord>,
    /// Records: rows and rejects.
    pub read: u64,
}

/// Takes a table's share out of a decoded file.
pub fn take_share<'a>(table: &str, file: &PlannedFile, decoded: &'a Decoded) -> TableShare<'a> {
    let mut share = TableShare::default();
    let key = &file.listed.key;
    let of_key = file.source.event_type.as_ref();
    for part in &decoded.parts {
        let event_type = part.event_type.as_ref().or(of_key);
        match event_type {
            Some(event_type) if event_type.table() != table => continue,
            None if !file.owns_strays => continue,
            _ => {}
        }
        share.read += part.batch.num_rows() as u64;
        if event_type.is_some() {
            share.parts.push(part);
            continue;
        }
        // Records of a file that names event types elsewhere, but not here: they belong to no table.
        for position in &part.positions {
            share.rejects.push(reject(key, *position, None, "no_event_type", String::new()));
        }
    }
    for rejected in &decoded.rejects {
        let ours = match rejected.event_type.as_ref().or(of_key) {
            Some(event_type) => event_type.table() == table,
            None => file.owns_strays,
        };
        if ours {
            share.read += 1;
            let Reject { position, offset, reason, record, .. } = rejected.clone();
            share.rejects.push(reject(key, position, offset, &reason, record));
        }
    }
    share
}

/// A record's line among the rejects.
pub fn reject(file: &str, position: u64, offset: Option<u64>, reason: &str, record: String) -> RejectedRecord {
    RejectedRecord { file: file.to_string(), position, offset, reason: reason.to_string(), record }
}

/// Lets new columns join, keeps them out, or refuses, as the policy says. Those that join are added to `joined`.
pub fn admit(
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
