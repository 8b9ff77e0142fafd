//! Why a whole file cannot be taken. A damaged file is quarantined; nothing from it loads.

use std::fmt;

/// The kind of damage. The names are stored in the ledger, so they never change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// Zero bytes, or nothing but white space.
    EmptyFile,
    /// The first bytes are not those of an Avro object container.
    NotAvro,
    /// The file ends in the middle of something.
    Truncated,
    /// The container's header is malformed.
    BadHeader,
    /// The writer's schema cannot be read, or does not describe a record.
    BadSchema,
    /// The codec is not one of Avro's.
    UnknownCodec,
    /// A block's count or length is wrong, or its bytes do not match its count.
    BadBlock,
    /// A block does not end with the file's sync marker.
    BadSyncMarker,
    /// A block does not decompress.
    BadCodecData,
    /// A record does not follow the schema.
    BadRecord,
    /// A JSON file without one usable record.
    BadJson,
    /// The gzip or zstd wrapping of the whole file is broken.
    BadCompression,
    /// The file asks for more than the limits allow.
    LimitExceeded,
    /// The key names one event type and the schema another.
    EventTypeMismatch,
}

impl Reason {
    /// The stored name of this reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::EmptyFile => "empty_file",
            Reason::NotAvro => "not_avro",
            Reason::Truncated => "truncated",
            Reason::BadHeader => "bad_header",
            Reason::BadSchema => "bad_schema",
            Reason::UnknownCodec => "unknown_codec",
            Reason::BadBlock => "bad_block",
            Reason::BadSyncMarker => "bad_sync_marker",
            Reason::BadCodecData => "bad_codec_data",
            Reason::BadRecord => "bad_record",
            Reason::BadJson => "bad_json",
            Reason::BadCompression => "bad_compression",
            Reason::LimitExceeded => "limit_exceeded",
            Reason::EventTypeMismatch => "event_type_mismatch",
        }
    }
}

/// Why a file is refused: the reason, and where (byte offsets, record numbers, field names; never a value).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The kind of damage.
    pub reason: Reason,
    /// Where and what, for a person to read.
    pub detail: String,
}

impl Damage {
    /// Damage of the given kind.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Damage {
        Damage { reason, detail: detail.into() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.detail)
    }
}

impl std::error::Error for Damage {}
