//! Distinct values and their codes, in order of first appearance. The values lie as a dictionary page wants them.

use xxhash_rust::xxh3::xxh3_64;

const FIRST_SLOTS: usize = 512;

/// Open addressing: a slot holds the upper half of the value's hash and its code plus one; 0 is free.
struct Slots {
    slots: Vec<u64>,
    used: usize,
    /// Room for the next size, kept: fresh memory costs more than the growing itself.
    spare: Vec<u64>,
}

impl Slots {
    fn new() -> Slots {
        Slots { slots: vec![0; FIRST_SLOTS], used: 0, spare: Vec::new() }
    }

    fn clear(&mut self) {
        self.slots.truncate(FIRST_SLOTS);
        self.slots.fill(0);
        self.used = 0;
    }

    /// The code of the value with that hash for which `same` holds, else a new one.
    #[inline]
    fn code(&mut self, hash: u64, same: impl Fn(u32) -> bool) -> (u32, bool) {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        let tag = hash >> 32;
        let mask = self.slots.len() - 1;
        let mut at = tag as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 {
                let code = self.used as u32;
                *slot = tag << 32 | u64::from(code + 1);
                self.used += 1;
                return (code, true);
            }
            let code = (*slot as u32).wrapping_sub(1);
            if *slot >> 32 == tag && same(code) {
                return (code, false);
            }
            at = (at + 1) & mask;
        }
        (0, false)
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 4;
        std::mem::swap(&mut self.slots, &mut self.spare);
        self.slots.clear();
        self.slots.resize(size, 0);
        for slot in self.spare.iter().filter(|slot| **slot != 0) {
            let mut at = (*slot >> 32) as usize & (size - 1);
            while self.slots.get(at).is_some_and(|taken| *taken != 0) {
                at = (at + 1) & (size - 1);
            }
            if let Some(free) = self.slots.get_mut(at) {
                *free = *slot;
            }
        }
    }
}

/// Distinct texts.
pub(super) struct Texts {
    slots: Slots,
    /// Each value behind its length in four bytes: a dictionary page, plain encoded.
    page: Vec<u8>,
    /// Where each value's bytes begin and end in `page`.
    places: Vec<(u32, u32)>,
}

impl Texts {
    pub(super) fn new() -> Texts {
        Texts { slots: Slots::new(), page: Vec::new(), places: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.page.clear();
        self.places.clear();
    }

    #[inline]
    pub(super) fn code(&mut self, text: &[u8]) -> u32 {
        let Texts { slots, page, places } = self;
        let same =
            |code: u32| places.get(code as usize).is_some_and(|p| page.get(p.0 as usize..p.1 as usize) == Some(text));
        let (code, is_new) = slots.code(xxh3_64(text), same);
        if is_new {
            page.extend_from_slice(&(text.len() as u32).to_le_bytes());
            let from = page.len() as u32;
            page.extend_from_slice(text);
            places.push((from, page.len() as u32));
        }
        code
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn text(&self, code: u32) -> &[u8] {
        self.places.get(code as usize).and_then(|p| self.page.get(p.0 as usize..p.1 as usize)).unwrap_or_default()
    }

    /// The value behind its length, as a dictionary page has it.
    pub(super) fn entry(&self, code: u32) -> &[u8] {
        let place = self.places.get(code as usize);
        place.and_then(|p| self.page.get((p.0 as usize).saturating_sub(4)..p.1 as usize)).unwrap_or_default()
    }

    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }
}

/// Distinct numbers, as their bits.
pub(super) struct Numbers {
    slots: Slots,
    values: Vec<u64>,
}

impl Numbers {
    pub(super) fn new() -> Numbers {
        Numbers { slots: Slots::new(), values: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.values.clear();
    }

    #[inline]
    pub(super) fn code(&mut self, bits: u64) -> u32 {
        let Numbers { slots, values } = self;
        let mixed = (bits ^ bits >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (code, is_new) = slots.code(mixed, |code| values.get(code as usize) == Some(&bits));
        if is_new {
            values.push(bits);
        }
        code
    }

    pub(super) fn values(&self) -> &[u64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_up_and_come_back_also_after_growing() {
        let mut texts = Texts::new();
        for round in 0..2 {
            for n in 0..5_000u32 {
                assert_eq!(texts.code(format!("value {n}").as_bytes()), n, "round {round}");
            }
        }
        assert_eq!((texts.len(), texts.text(17)), (5_000, "value 17".as_bytes()));
        assert_eq!(&texts.page()[..11], b"\x07\0\0\0value 0");
        texts.clear();
        assert_eq!((texts.code(b""), texts.code(b"x"), texts.len()), (0, 1, 2));

        let mut numbers = Numbers::new();
        for round in 0..2 {
            for n in 0..5_000u64 {
                assert_eq!(numbers.code(n * 1_000_000), n as u32, "round {round}");
            }
        }
        assert_eq!(numbers.values()[3], 3_000_000);
    }
}
