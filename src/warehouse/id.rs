//! An event's identity in 128 bits, for sets that hold millions of them.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// An event's identity in 128 bits: the UUID itself when the id is one in its usual spelling, else a hash of the text.
pub fn id_key(id: &str) -> u128 {
    uuid(id.as_bytes()).unwrap_or_else(|| xxhash_rust::xxh3::xxh3_128(id.as_bytes()))
}

/// Only the canonical lower-case spelling: two spellings of one UUID are two texts, and ids are compared as text.
fn uuid(text: &[u8]) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    let mut value: u128 = 0;
    for (at, byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    Some(value)
}

/// Ids are random already: their low bits are hash enough.
#[derive(Default)]
pub struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u128(&mut self, value: u128) {
        // Multiplied so that ids that count up do not fall into neighbouring buckets.
        self.0 = ((value >> 64) as u64 ^ value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A set of ids.
pub type IdSet = HashSet<u128, BuildHasherDefault<Folded>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_itself_and_other_spellings_are_other_ids() {
        let id = "0f8b1c9e-1234-4abc-8def-0123456789ab";
        assert_eq!(id_key(id), 0x0f8b_1c9e_1234_4abc_8def_0123_4567_89ab);
        assert_ne!(id_key(id), id_key(&id.to_uppercase()));
        assert_ne!(id_key("a"), id_key("b"));
        assert_ne!(id_key("0f8b1c9e+1234-4abc-8def-0123456789ab"), id_key(id));
    }
}
