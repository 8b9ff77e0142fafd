//! An event's identity in 128 bits, for sets that hold millions of them.

use super::uuid;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// An event's identity in 128 bits: the UUID itself when the id is one in its usual spelling, else a hash of the text.
pub fn id_key(id: &str) -> u128 {
    uuid::parsed(id.as_bytes()).unwrap_or_else(|| xxhash_rust::xxh3::xxh3_128(id.as_bytes()))
}

/// The keys of ids in the order of their rows, and whether every id is the UUID that is its key.
pub fn id_keys<'a>(ids: impl Iterator<Item = Option<&'a str>>) -> (Vec<u128>, bool) {
    let mut are_uuids = true;
    let key = |id: Option<&str>| {
        let uuid = id.and_then(|id| uuid::parsed(id.as_bytes()));
        are_uuids &= uuid.is_some();
        uuid.unwrap_or_else(|| id.map_or(0, id_key))
    };
    (ids.map(key).collect(), are_uuids)
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
        IdFilter { words: vec![0; (ids * Self::BITS).div_ceil(64).max(16)], held: 0 }
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
        // The low half as a fraction of all words.
        (((u64::from(mixed as u32) * self.words.len() as u64) >> 32) as usize, bits)
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
        let of = |ids: &[Option<&str>]| id_keys(ids.iter().copied());
        assert_eq!(of(&[Some(id), Some(id)]), (vec![id_key(id); 2], true));
        assert_eq!(of(&[Some(id), Some("a")]), (vec![id_key(id), id_key("a")], false));
        assert_eq!(of(&[None, Some(id)]), (vec![0, id_key(id)], false));
    }
}
