//! JSON exports: record by record. A bad record is rejected with its reason and the others load.
//!
//! Shapes taken: one record a line, records one after the other, pretty-printed records, one array (or several); plain
//! fields, values wrapped in Avro's union branches (`{"string": "x"}`), and the envelope `{event_type, id, time,
//! user{}, properties{}}`, whose two objects are flattened. A record's own `event_type` wins over the key's.

mod collect;
mod record;
mod scalar;
mod split;

use super::decode::{Decoded, Reject};
use super::{Damage, EventType, Limits, Reason, SourceFile};
use collect::Collector;
use record::{Record, read};
use split::{Found, Items};

/// Bytes of a rejected record's text that are kept.
const REJECT_BYTES: usize = 64 << 10;

/// Decodes every record of the unpacked text.
pub(super) fn decode(file: &SourceFile, text: &[u8], limits: &Limits) -> Result<Decoded, Damage> {
    let mut collector = Collector::new(limits);
    let mut rejects = Vec::new();
    let mut record = Record::default();
    let records = each(text, limits, |position, start, bytes, found| {
        let known = file.event_type.clone();
        let result = found.and_then(|()| read(bytes, &mut record)).map_err(|reason| (reason, known.clone()));
        let result = result.and_then(|()| {
            let event_type = record_type(&record, file).map_err(|reason| (reason, None))?;
            collector.add(event_type.clone(), position, &record.fields).map_err(|reason| (reason, event_type))
        });
        if let Err((reason, event_type)) = result {
            let reject =
                Reject { position, offset: u64::try_from(start).ok(), reason, record: kept(bytes), event_type };
            collector
                .count(size_of::<Reject>().saturating_add(reject.record.len()).saturating_add(reject.reason.len()));
            rejects.push(reject);
        }
        collector.within_budget()
    })?;
    refuse_without_records(records, &rejects)?;
    Ok(Decoded { parts: collector.finish()?, rejects, records, record_name: None, schema_fingerprint: None })
}

/// The event types in the text, in order of first appearance.
pub(super) fn peek(file: &SourceFile, text: &[u8], limits: &Limits) -> Result<Vec<Option<EventType>>, Damage> {
    let mut types = Vec::new();
    let mut rejects = Vec::new();
    let mut record = Record::default();
    let records = each(text, limits, |position, start, bytes, found| {
        let result = found.and_then(|()| read(bytes, &mut record)).and_then(|()| record_type(&record, file));
        match result {
            Ok(event_type) if !types.contains(&event_type) => types.push(event_type),
            Ok(_) => {}
            Err(reason) if rejects.is_empty() => {
                let offset = u64::try_from(start).ok();
                rejects.push(Reject { position, offset, reason, record: String::new(), event_type: None });
            }
            Err(_) => {}
        }
        Ok(())
    })?;
    if types.is_empty() {
        refuse_without_records(records.min(1), &rejects)?;
    }
    Ok(types)
}

/// Calls `take` with each record's number, offset and text, or with what is wrong with it; returns how many.
fn each<'a>(
    text: &'a [u8],
    limits: &Limits,
    mut take: impl FnMut(u64, usize, &'a [u8], Result<(), String>) -> Result<(), Damage>,
) -> Result<u64, Damage> {
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return Err(Damage::new(Reason::BadJson, "the text is UTF-16, not UTF-8"));
    }
    let start = if text.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
    if text.iter().skip(start).all(u8::is_ascii_whitespace) {
        return Err(Damage::new(Reason::EmptyFile, "the file holds nothing but white space"));
    }
    let mut count = 0u64;
    for item in Items::new(text, start, limits.depth) {
        if count >= limits.records {
            let what = format!("more than {} records (byte {})", limits.records, item.start);
            return Err(Damage::new(Reason::LimitExceeded, what));
        }
        let bytes = text.get(item.start..item.end).unwrap_or_default();
        let found = match item.found {
            Found::Object => Ok(()),
            Found::Bad(reason) => Err(reason.to_string()),
        };
        take(count, item.start, bytes, found)?;
        count += 1;
    }
    Ok(count)
}

fn record_type(record: &Record<'_>, file: &SourceFile) -> Result<Option<EventType>, String> {
    match &record.event_type {
        None => Ok(file.event_type.clone()),
        Some(name) => match EventType::parse(name) {
            Some(event_type) => Ok(Some(event_type)),
            None => Err("event_type is not an event type's name".to_string()),
        },
    }
}

/// A file in which nothing can be used is damaged as a whole: it is probably no export at all.
fn refuse_without_records(records: u64, rejects: &[Reject]) -> Result<(), Damage> {
    match rejects.first() {
        Some(first) if u64::try_from(rejects.len()).is_ok_and(|rejected| rejected == records) => {
            let offset = first.offset.unwrap_or_default();
            let what = format!("no usable record; the first fails at byte {offset}: {}", first.reason);
            Err(Damage::new(Reason::BadJson, what))
        }
        _ => Ok(()),
    }
}

/// The text of a rejected record, at most 64 KiB of it.
fn kept(bytes: &[u8]) -> String {
    let mut cut = bytes.len().min(REJECT_BYTES);
    // Not in the middle of a character.
    while cut > 0 && cut < bytes.len() && bytes.get(cut).is_some_and(|byte| byte & 0xc0 == 0x80) {
        cut -= 1;
    }
    let mut text = String::from_utf8_lossy(bytes.get(..cut).unwrap_or_default()).into_owned();
    // A replaced byte takes three: cut again.
    while text.len() > REJECT_BYTES {
        text.truncate((REJECT_BYTES - 3..=REJECT_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    }
    text
}
