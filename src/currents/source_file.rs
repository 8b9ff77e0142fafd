//! What a key says about its file. Braze has changed the layout before and says it will again, so a key is read by
//! meaning (`event_type=`, `date=`, the ending), never by position.

use super::{EventType, Ignored, QueueHour};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The shape of a file's records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// An Avro object container file.
    Avro,
    /// JSON: one record a line, concatenated, pretty-printed, or one array.
    Json,
}

/// How the whole file is wrapped. Avro's own codecs work inside the container and are not meant here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`, one or more members.
    Gzip,
    /// `.zst`, one or more frames.
    Zstd,
}

/// One file of the export, as its key describes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SourceFile {
    /// From `event_type=`; without it the file's records have to tell.
    pub event_type: Option<EventType>,
    /// From `date=`; `None` where there is none or it cannot be read, and the file takes its last-modified day.
    pub queue_hour: Option<QueueHour>,
    /// From the ending.
    pub format: Format,
    /// From the ending. The bytes decide in the end: stores may unpack what they hand out.
    pub compression: Compression,
}

/// Folders in which processing jobs keep what is not data.
const SCRATCH: [&str; 3] = ["_temporary", "_spark_metadata", "_delta_log"];

impl SourceFile {
    /// Reads a key of either layout, under any prefix, also URL-encoded (decoded only to be read).
    ///
    /// - The last `event_type=` and the last `date=` folder count.
    /// - A stray `.avro` is taken, its schema tells the rest; a stray `.json` only if a segment begins with
    ///   `event_type=` or `dataexport.`, or a folder is a `date=` with an hour: anyone puts JSON in a bucket.
    pub fn from_key(key: &str) -> Result<SourceFile, Ignored> {
        let plain: Cow<'_, str> =
            if key.contains('%') { percent_decode_str(key).decode_utf8_lossy() } else { Cow::Borrowed(key) };
        let (folders, name) = plain.rsplit_once('/').unwrap_or(("", &plain));
        let folders = || folders.split('/');
        if name.is_empty() || name.ends_with("_$folder$") {
            return Err(Ignored::FolderMarker);
        }
        if name.starts_with(['_', '.']) || folders().any(|folder| SCRATCH.contains(&folder)) {
            return Err(Ignored::Hidden);
        }
        let event_type = folders().filter_map(|folder| folder.strip_prefix("event_type=")).next_back();
        let date = folders().filter_map(|folder| folder.strip_prefix("date=")).next_back();
        let queue_hour = date.and_then(QueueHour::parse);
        let exported = folders().chain([name]).any(|segment| segment.starts_with("dataexport."));
        if event_type.is_none() && !exported {
            foreign(folders())?;
        }
        let (format, compression) = ending(name)?;
        let dated = queue_hour.is_some() && date.is_some_and(|date| date.len() > 10);
        if format == Format::Json && event_type.is_none() && !exported && !dated {
            return Err(Ignored::NotCurrents);
        }
        let event_type = event_type.map(|name| EventType::parse(name).ok_or(Ignored::BadEventType)).transpose()?;
        Ok(SourceFile { event_type, queue_hour, format, compression })
    }
}

impl SourceFile {
    /// Whether its bytes are an Avro container as they stand: block after block, each of which can be read by itself.
    pub fn is_plain_avro(&self) -> bool {
        self.format == Format::Avro && self.compression == Compression::None
    }
}

/// The part of a key up to and including its `event_type=…/` segment, and the rest.
pub fn event_type_prefix(key: &str) -> Option<(&str, &str)> {
    let at = key.find("event_type=")?;
    let rest = key.get(at..)?;
    let end = at + rest.find('/')? + 1;
    Some((key.get(..end)?, key.get(end..)?))
}

/// The other things Braze writes to the same bucket. Asked only of keys without any sign of Currents.
fn foreign<'a>(mut folders: impl Iterator<Item = &'a str>) -> Result<(), Ignored> {
    let cause = folders.find_map(|folder| match folder {
        "segment-export" => Some(Ignored::SegmentExport),
        "sent_messages" => Some(Ignored::MessageArchive),
        "redshift-manifests" => Some(Ignored::RedshiftManifest),
        _ => None,
    });
    cause.map_or(Ok(()), Err)
}

fn ending(name: &str) -> Result<(Format, Compression), Ignored> {
    let name = name.to_ascii_lowercase();
    let (stem, compression) = [(".gz", Compression::Gzip), (".gzip", Compression::Gzip), (".zst", Compression::Zstd)]
        .into_iter()
        .chain([(".zstd", Compression::Zstd)])
        .find_map(|(end, compression)| Some((name.strip_suffix(end)?, compression)))
        .unwrap_or((&name, Compression::None));
    let format = match stem.rsplit_once('.').map(|(_, end)| end) {
        Some("avro") => Format::Avro,
        Some("json" | "jsonl" | "ndjson") => Format::Json,
        Some("csv") => return Err(Ignored::ReportCsv),
        _ => return Err(Ignored::UnknownExtension),
    };
    Ok((format, compression))
}
