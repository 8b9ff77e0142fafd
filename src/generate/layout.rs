//! Keys: where a file of a type, an hour and a writer schema lies.

use super::dice::{draw, hex32};
use super::options::{Layout, OutFormat};
use std::fmt::Write as _;

/// How many partitions a type is written from; a file's number modulo this is its partition.
pub const PARTITIONS: usize = 3;
/// The first release's number in keys of the newer layout.
const FIRST_VERSION: u32 = 6;

/// Makes keys.
#[derive(Debug)]
pub struct Keys {
    layout: Layout,
    extension: &'static str,
    /// `dataexport.<cluster>.S3.integration.<id>`.
    integration: String,
}

impl Keys {
    /// The keys of one integration, whose id follows from the seed.
    pub fn new(seed: u64, layout: Layout, format: OutFormat) -> Keys {
        let id = hex32(draw(seed, 0x5a9e), draw(seed, 0x5a9f));
        let extension = match format {
            OutFormat::Avro => "avro",
            OutFormat::Json => "json",
        };
        let integration = format!("dataexport.prod-03.S3.integration.{}", String::from_utf8_lossy(&id[..24]));
        Keys { layout, extension, integration }
    }

    /// The folder of a type's hour, relative to `currents/`.
    pub fn folder(&self, event_type: &str, date: &str, schema_id: u32, release: u8) -> String {
        let start = format!("{}/event_type={event_type}/date={date}", self.integration);
        match self.layout {
            Layout::Classic => format!("{start}/{schema_id}/prod-03"),
            Layout::Versioned => format!("{start}/version={}/us-01", FIRST_VERSION + u32::from(release)),
        }
    }

    /// Appends a file's name; `offset` is how many records its partition had before.
    pub fn file(&self, to: &mut String, partition: usize, offset: u64) {
        // Writing to a string cannot fail.
        let _ = match self.layout {
            Layout::Classic => write!(to, "{}+{partition}+{offset:010}.{}", self.integration, self.extension),
            Layout::Versioned => write!(to, "{}+{partition}+{offset}.{}", self.integration, self.extension),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_shape_of_their_layout() {
        let key = |layout| {
            let keys = Keys::new(4, layout, OutFormat::Avro);
            let mut key = keys.folder("users.messages.email.Open", "2024-05-01-07", 320, 2);
            key.push('/');
            keys.file(&mut key, 1, 4711);
            key.replace(&keys.integration, "I")
        };
        let start = "I/event_type=users.messages.email.Open/date=2024-05-01-07";
        assert_eq!(key(Layout::Classic), format!("{start}/320/prod-03/I+1+0000004711.avro"));
        assert_eq!(key(Layout::Versioned), format!("{start}/version=8/us-01/I+1+4711.avro"));
    }
}
