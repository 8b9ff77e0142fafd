//! Where chance comes from: a seeded generator for the story, and pure mixing for everything that must come out the
//! same whenever it is asked for (an id, a device, the text of a field).
//!
//! Only integer steps, so that a seed gives the same export on every machine and with every version of `rand`.

use rand::{RngCore, SeedableRng};
use rand_pcg::Pcg64Mcg;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A bijection of 64 bits that leaves no pattern.
#[inline(always)]
pub fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number that belongs to `salt` under `seed`.
#[inline(always)]
pub fn draw(seed: u64, salt: u64) -> u64 {
    mix(seed ^ salt.wrapping_mul(GOLDEN))
}

/// A stable number for a text.
pub fn mix_text(text: &str) -> u64 {
    text.bytes().fold(GOLDEN, |sum, byte| mix(sum ^ u64::from(byte)))
}

/// Scales a drawn number down to `0..n`; 0 when `n` is 0.
#[inline(always)]
pub fn scale(drawn: u64, n: u32) -> u32 {
    (((drawn >> 32) * u64::from(n)) >> 32) as u32
}

/// One of `items` by a drawn number; `None` only when there are none.
#[inline(always)]
pub fn pick<T>(items: &[T], drawn: u64) -> Option<&T> {
    items.get(scale(drawn, items.len() as u32) as usize)
}

/// Writes a whole number in decimal digits.
pub fn number(to: &mut Vec<u8>, value: i64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        to.push(b'-');
    }
    to.extend_from_slice(&digits[at..]);
}

/// The dice of the story: what happens, and when.
#[derive(Debug)]
pub struct Dice(Pcg64Mcg);

impl Dice {
    /// The dice that a seed stands for.
    pub fn new(seed: u64) -> Dice {
        Dice(Pcg64Mcg::seed_from_u64(mix(seed)))
    }

    /// 64 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// `0..n`; 0 when `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        scale(self.0.next_u64(), n)
    }

    /// `low..high`; `low` when the range is empty.
    #[inline]
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low))
    }

    /// True so many times in a thousand.
    #[inline]
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// Seconds with the given median and a long tail, cut off at `most`.
    pub fn tail(&mut self, median: u32, most: u32) -> u32 {
        let u = u64::from(self.below(10_000)) + 1;
        let seconds = u64::from(median) * u / (10_001 - u.min(10_000));
        seconds.clamp(1, u64::from(most.max(1))) as u32
    }
}

/// A rate of 0 to 1 as a number out of 2^32.
pub fn threshold(rate: f64) -> u64 {
    (rate.clamp(0.0, 1.0) * 4_294_967_296.0) as u64
}

/// Eight lower-case hexadecimal digits, without a branch.
#[inline(always)]
pub fn hex8(value: u32) -> [u8; 8] {
    let v = u64::from(value);
    let v = ((v & 0xffff_0000) << 16) | (v & 0xffff);
    let v = ((v & 0x0000_ff00_0000_ff00) << 8) | (v & 0x0000_00ff_0000_00ff);
    let v = ((v & 0x00f0_00f0_00f0_00f0) << 4) | (v & 0x000f_000f_000f_000f);
    let letters = ((v + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (v + 0x3030_3030_3030_3030 + letters * 0x27).to_be_bytes()
}

/// The 32 hexadecimal digits of two numbers.
#[inline(always)]
pub fn hex32(high: u64, low: u64) -> [u8; 32] {
    let mut text = [0; 32];
    text[0..8].copy_from_slice(&hex8((high >> 32) as u32));
    text[8..16].copy_from_slice(&hex8(high as u32));
    text[16..24].copy_from_slice(&hex8((low >> 32) as u32));
    text[24..32].copy_from_slice(&hex8(low as u32));
    text
}

/// The text of a UUID from its two halves.
#[inline(always)]
pub fn uuid_text(high: u64, low: u64) -> [u8; 36] {
    let hex = hex32(high, low);
    let mut text = [b'-'; 36];
    text[0..8].copy_from_slice(&hex[0..8]);
    text[9..13].copy_from_slice(&hex[8..12]);
    text[14..18].copy_from_slice(&hex[12..16]);
    text[19..23].copy_from_slice(&hex[16..20]);
    text[24..36].copy_from_slice(&hex[20..32]);
    text
}

/// The two halves of a UUID of version 4 that belongs to `number` under `seed`.
#[inline(always)]
pub fn uuid(seed: u64, number: u64) -> (u64, u64) {
    let high = draw(seed, number);
    let low = mix(high ^ seed.rotate_left(17) ^ number);
    ((high & !0xf000) | 0x4000, (low >> 2) | 0x8000_0000_0000_0000)
}

/// The same as text, for what is made once.
pub fn uuid_string(seed: u64, number: u64) -> String {
    let (high, low) = uuid(seed, number);
    String::from_utf8_lossy(&uuid_text(high, low)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_those_of_format() {
        for value in [0, 1, 0x9a9a_9a9a, 0xdead_beef, 0x0123_4567, 0x89ab_cdef, u32::MAX] {
            assert_eq!(std::str::from_utf8(&hex8(value)).unwrap(), format!("{value:08x}"));
        }
    }

    #[test]
    fn a_uuid_has_version_4_and_its_variant() {
        for number in 0..100 {
            let text = uuid_string(7, number);
            assert_eq!((text.len(), &text[14..15]), (36, "4"), "{text}");
            assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
            assert_eq!(text.matches('-').count(), 4);
        }
    }

    #[test]
    fn the_tail_keeps_its_median_and_its_limit() {
        let mut dice = Dice::new(3);
        let mut drawn: Vec<u32> = (0..9_999).map(|_| dice.tail(600, 86_400)).collect();
        drawn.sort_unstable();
        assert!((500..700).contains(&drawn[5_000]), "{}", drawn[5_000]);
        assert!(drawn[0] >= 1 && drawn[9_998] <= 86_400);
    }
}
