//! What arrives: the names and the bytes of a Currents export, turned into record batches.
//!
//! This room is pure: no clock, no network, no environment. A key goes in and a [`SourceFile`] comes out, a file's
//! bytes go in and a [`Decoded`] or a [`Damage`] comes out, and the same input gives the same answer for ever.
//! Nothing a file holds can make it panic, hang or allocate beyond its [`Limits`].

mod avro;
mod coded_text;
mod damage;
mod decode;
mod event_type;
mod ignored;
mod inflate;
mod json;
mod limits;
mod queue_hour;
mod source_file;
#[cfg(test)]
mod tests;
mod text_column;

pub use avro::SchemaCache;
pub use coded_text::coded_type;
pub use damage::{Damage, Reason};
pub use decode::{
    Decoded, KIND_JSON, KIND_KEY, Part, Piece, Pieces, Reject, Together, decode, decode_together, peek, unpack,
};
pub use event_type::EventType;
pub use ignored::Ignored;
pub use limits::Limits;
pub use queue_hour::QueueHour;
pub use source_file::{Compression, Format, SourceFile, event_type_prefix};
