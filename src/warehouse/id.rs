//! An event's identity in 128 bits, for sets that hold millions of them.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// An event's identity in 128 bits: the UUID itself when the id is one in its usual spelling, else a hash of the text.
pub fn id_key(id: &str) -> u128 {
    uuid(id.as_bytes()).unwrap_or_else(|| xxhash_rust::xxh3::xxh3_128(id.as_bytes()))
}

/// Only the canonical lower-case spelling: two spellings of one UUID are two texts, and ids are compared as text.
fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let [a0, a1, a2, a3, a4, a5, a6, a7, b'-', b0, b1, b2, b3, b'-', c0, c1, c2, c3, b'-', rest @ ..] = text else {
        return None;
    };
    let [d0, d1, d2, d3, b'-', e0, e1, e2, e3, f0, f1, f2, f3, f4, f5, f6, f7] = rest else { return None };
    let mut value = 0u128;
    for digits in [
        [*a0, *a1, *a2, *a3, *a4, *a5, *a6, *a7],
        [*b0, *b1, *b2, *b3, *c0, *c1, *c2, *c3],
        [*d0, *d1, *d2, *d3, *e0, *e1, *e2, *e3],
        [*f0, *f1, *f2, *f3, *f4, *f5, *f6, *f7],
    ] {
        value = value << 32 | u128::from(eight_digits(u64::from_be_bytes(digits))?);
    }
    Some(value)
}

/// Eight hexadecimal digits in lower case, all at once.
fn eight_digits(text: u64) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Letters have the bit 0x40 and count from 1, digits do not and count from 0.
    let values = (text & (0x0f * EACH)) + (text >> 6 & EACH) * 9;
    let letters = (values + 0x06 * EACH) >> 4 & EACH;
    // No value above 15, and written out again they must be what was read.
    if values & (0xf0 * EACH) != 0 || values + 0x30 * EACH + letters * 0x27 != text {
        return None;
    }
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) as u32)
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
        self.0 = mixed(value);
    }
}

/// A set of ids.
pub type IdSet = HashSet<u128, BuildHasherDefault<Folded>>;

/// Multiplied so that ids that count up do not fall into neighbouring buckets.
pub(crate) fn mixed(id: u128) -> u64 {
    ((id >> 64) as u64 ^ id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Ids of a finished cell: no room between them, so half of what a set takes. Looked into rarely, see [`IdFilter`].
pub struct KeptIds {
    ids: Vec<u128>,
    /// Where each bucket begins; a bucket holds the ids whose mixed bits begin alike.
    starts: Vec<u32>,
}

impl KeptIds {
    /// These ids.
    pub fn of(all: &[u128]) -> KeptIds {
        let buckets = (all.len() / 8).next_power_of_two();
        let bucket = |id: u128| (mixed(id) >> 32) as usize & (buckets - 1);
        let mut starts = vec![0u32; buckets + 1];
        for id in all {
            if let Some(count) = starts.get_mut(bucket(*id) + 1) {
                *count += 1;
            }
        }
        let mut before = 0;
        for start in &mut starts {
            before += *start;
            *start = before;
        }
        let mut next = starts.clone();
        let mut ids = vec![0; all.len()];
        for id in all {
            if let Some(at) = next.get_mut(bucket(*id)) {
                if let Some(place) = ids.get_mut(*at as usize) {
                    *place = *id;
                }
                *at += 1;
            }
        }
        KeptIds { ids, starts }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &u128> {
        self.ids.iter()
    }

    /// Whether this is one of them.
    pub fn contains(&self, id: u128) -> bool {
        let bucket = (mixed(id) >> 32) as usize & (self.starts.len() - 2);
        let (from, to) = (self.starts.get(bucket), self.starts.get(bucket + 1));
        let range = from.zip(to).and_then(|(from, to)| self.ids.get(*from as usize..*to as usize));
        range.is_some_and(|ids| ids.contains(&id))
    }
}

/// Says of most ids that it does not hold them, with one look at memory: bits set in one word each.
pub struct IdFilter {
    words: Vec<u64>,
    held: usize,
}

impl IdFilter {
    /// Bits an id may take on average before the filter counts as full.
    const BITS: usize = 16;

    /// A filter that takes `ids` ids.
    pub fn for_ids(ids: usize) -> IdFilter {
        IdFilter { words: vec![0; (ids * Self::BITS / 64).next_power_of_two().max(16)], held: 0 }
    }

    /// Whether that many more ids leave it of use.
    pub fn takes(&self, more: usize) -> bool {
        (self.held + more) * Self::BITS <= self.words.len() * 64
    }

    /// Adds ids.
    pub fn extend<'a>(&mut self, ids: impl Iterator<Item = &'a u128>) {
        for id in ids {
            let (at, bits) = self.place(*id);
            if let Some(word) = self.words.get_mut(at) {
                *word |= bits;
            }
            self.held += 1;
        }
    }

    /// False only for ids that were not added.
    pub fn may_hold(&self, id: u128) -> bool {
        let (at, bits) = self.place(id);
        self.words.get(at).is_some_and(|word| word & bits == bits)
    }

    fn place(&self, id: u128) -> (usize, u64) {
        let mixed = mixed(id);
        let bits = 1 << (mixed >> 58) | 1 << (mixed >> 52 & 63) | 1 << (mixed >> 46 & 63);
        (mixed as usize & (self.words.len() - 1), bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_knows_what_it_was_given_and_little_else() {
        let id = |n: u128| xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes());
        let mut filter = IdFilter::for_ids(10_000);
        assert!(filter.takes(10_000) && !filter.may_hold(id(1)));
        let kept = KeptIds::of(&(0..10_000).map(id).collect::<Vec<u128>>());
        filter.extend(kept.iter());
        assert!((0..10_000).all(|n| filter.may_hold(id(n))));
        let wrong = (10_000..20_000).filter(|n| filter.may_hold(id(*n))).count();
        assert!(wrong < 500, "{wrong}");
        assert!(!filter.takes(20_000));
        assert_eq!(kept.len(), 10_000);
        assert!((0..10_000).all(|n| kept.contains(id(n))) && !(10_000..20_000).any(|n| kept.contains(id(n))));
        for few in 0..20 {
            let kept = KeptIds::of(&(0..few).collect::<Vec<u128>>());
            assert!((0..few).all(|n| kept.contains(n)) && !kept.contains(few));
        }
    }

    #[test]
    fn a_uuid_is_itself_and_other_spellings_are_other_ids() {
        let id = "0f8b1c9e-1234-4abc-8def-0123456789ab";
        assert_eq!(id_key(id), 0x0f8b_1c9e_1234_4abc_8def_0123_4567_89ab);
        assert_ne!(id_key(id), id_key(&id.to_uppercase()));
        assert_ne!(id_key("a"), id_key("b"));
        assert_ne!(id_key("0f8b1c9e+1234-4abc-8def-0123456789ab"), id_key(id));
        for at in 0..id.len() {
            for other in 0..=127u8 {
                let mut text = id.as_bytes().to_vec();
                text[at] = other;
                let is_one = if matches!(at, 8 | 13 | 18 | 23) {
                    other == b'-'
                } else {
                    matches!(other, b'0'..=b'9' | b'a'..=b'f')
                };
                assert_eq!(uuid(&text).is_some(), is_one, "{other} at {at}");
            }
        }
    }
}
