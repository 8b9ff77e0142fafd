//! Numbers put in order digit by digit, so that no two are ever compared (LSD radix sort). Pure.
//!
//! Only the bits in which the numbers differ count, and of these only the first 32: ids as text have many that never change,
//! and what is alike in the others is compared by the caller anyway. Where all are eight hexadecimal digits each, as nearly
//! all ids are, these are the bits.

use super::uuid::eight_digits;

/// Bits of a digit: its counts fit the processor's nearest cache.
const DIGIT: u32 = 11;
/// Bits that count.
const BITS: u32 = 32;
/// So few are compared after all: the counts of digits would take longer.
const FEW: usize = 1 << 10;

/// A number's first bits that differ from others', and its place among the numbers.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Key {
    /// Orders as the numbers do, as far as they are told apart.
    pub head: u32,
    /// The place.
    pub place: u32,
}

/// The keys of `numbers`, in order; those that are alike in their first bits in the order they came. At most 2³² numbers.
pub fn by_digits(numbers: &[u64]) -> Vec<Key> {
    let places = || numbers.iter().zip(0..=u32::MAX);
    let mut keys: Vec<Key> = Vec::with_capacity(numbers.len());
    keys.extend(places().map_while(|(number, place)| Some(Key { head: eight_digits(*number)?, place })));
    let mut count = BITS;
    if keys.len() < numbers.len() {
        let bits = Bits::that_differ(numbers);
        count = bits.count;
        keys.clear();
        keys.extend(places().map(|(number, place)| Key { head: bits.of(*number), place }));
    }
    if keys.len() < FEW {
        keys.sort_by_key(|key| key.head);
        return keys;
    }
    let mut sorted = vec![Key::default(); keys.len()];
    // The digits begin with the last bit that is taken: those below are 0 in all.
    let mut shift = BITS - count;
    while shift < BITS {
        let digit = |key: &Key| (key.head >> shift) as usize & ((1 << DIGIT) - 1);
        let mut ends = [0u32; 1 << DIGIT];
        for key in &keys {
            if let Some(count) = ends.get_mut(digit(key)) {
                *count += 1;
            }
        }
        let mut at = 0;
        for end in &mut ends {
            at += std::mem::replace(end, at);
        }
        for key in &keys {
            if let Some(at) = ends.get_mut(digit(key)) {
                if let Some(place) = sorted.get_mut(*at as usize) {
                    *place = *key;
                }
                *at += 1;
            }
        }
        std::mem::swap(&mut keys, &mut sorted);
        shift += DIGIT;
    }
    keys
}

/// Which bits of the numbers count, as runs of neighbouring ones.
#[derive(Default)]
struct Bits {
    runs: Vec<Run>,
    /// How many they are together.
    count: u32,
}

struct Run {
    from: u32,
    mask: u64,
    to: u32,
}

impl Bits {
    fn that_differ(numbers: &[u64]) -> Bits {
        let first = numbers.first().copied().unwrap_or(0);
        let mut left = numbers.iter().fold(0, |all, number| all | (number ^ first));
        let mut bits = Bits::default();
        while left != 0 && bits.count < BITS {
            let above = left.leading_zeros();
            let length = (left << above).leading_ones().min(BITS - bits.count);
            let from = u64::BITS - above - length;
            bits.count += length;
            bits.runs.push(Run { from, mask: (1 << length) - 1, to: BITS - bits.count });
            left &= (1 << from) - 1;
        }
        bits
    }

    fn of(&self, number: u64) -> u32 {
        self.runs.iter().fold(0, |all, run| all | (((number >> run.from) & run.mask) << run.to) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_and_those_that_are_alike_as_they_came() {
        let wild = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hex = |n: u64| u64::from_be_bytes(*format!("{:08x}", wild(n) >> 40).as_bytes().first_chunk().unwrap());
        let kinds: [&dyn Fn(u64) -> u64; 8] = [
            &|_| 7,
            &|n| n % 2,
            &|n| 1 << (n % 64),
            &|n| wild(n) >> 60 << 60 | 5,
            &|n| wild(n) >> 33,
            &hex,
            &|n| if n == 3 { 0 } else { hex(n) },
            &|n| wild(n % 300),
        ];
        for kind in kinds {
            for count in [0, 1, 2, 500, 5_000] {
                let numbers: Vec<u64> = (0..count).map(kind).collect();
                let keys = by_digits(&numbers);
                let mut rows: Vec<u32> = keys.iter().map(|key| key.place).collect();
                for pair in keys.windows(2) {
                    let (one, next) = (numbers[pair[0].place as usize], numbers[pair[1].place as usize]);
                    assert!(pair[0].head != pair[1].head || pair[0].place < pair[1].place);
                    assert!(pair[0].head >= pair[1].head || one < next, "{one} is told to be less than {next}");
                    assert!(pair[0].head == pair[1].head || one <= next);
                }
                rows.sort_unstable();
                assert!(rows.iter().copied().eq(0..count as u32));
            }
        }
    }

    #[test]
    fn numbers_that_differ_in_few_bits_are_told_apart_entirely() {
        let numbers: Vec<u64> = (0..4_096u64).rev().map(|n| (n & 63) | (n >> 6) << 40 | 0xab << 20).collect();
        let keys = by_digits(&numbers);
        let sorted: Vec<u64> = keys.iter().map(|key| numbers[key.place as usize]).collect();
        assert!(sorted.is_sorted() && keys.windows(2).all(|pair| pair[0].head < pair[1].head));
    }
}
