//! Parquet's hybrid of run-length encoding and bit packing: dictionary codes and definition levels.
//!
//! Written from the format's specification: a run is `varint(length << 1)` and the value in whole bytes; packed values
//! are `varint(groups << 1 | 1)` and groups of eight values, lowest bits first.

/// A run has to be this long to interrupt packed values.
const RUN: usize = 8;

/// Bits that hold every value up to `max`.
pub(super) fn bit_width(max: u32) -> u8 {
    (u32::BITS - max.leading_zeros()) as u8
}

/// Appends `values`, each of at most `width` bits.
pub(super) fn encode<T: Copy + PartialEq + Into<u32>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    let (mut packed_from, mut at) = (0, 0);
    while let Some(rest) = values.get(at..).filter(|rest| !rest.is_empty()) {
        // Looked at in steps of eight from where packing began: packed values come in groups of eight.
        let length = run_length(rest);
        if length >= RUN {
            pack(values.get(packed_from..at).unwrap_or_default(), width, out);
            if let Some(value) = rest.first() {
                repeat(*value, length, width, out);
            }
            at += length;
            packed_from = at;
        } else {
            at += RUN.min(rest.len());
        }
    }
    pack(values.get(packed_from..).unwrap_or_default(), width, out);
}

/// How many of the first values are the same; 0 for any number below [`RUN`].
fn run_length<T: Copy + PartialEq>(values: &[T]) -> usize {
    let Some((eight, rest)) = values.split_first_chunk::<RUN>() else { return 0 };
    let [first, others @ ..] = eight;
    // Without a way out in the middle, they are compared all at once.
    if !others.iter().fold(true, |all, value| all & (value == first)) {
        return 0;
    }
    RUN + rest.iter().take_while(|value| *value == first).count()
}

/// `count` times the same value.
pub(super) fn repeat<T: Into<u32>>(value: T, count: usize, width: u8, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.extend(value.into().to_le_bytes().into_iter().take(usize::from(width).div_ceil(8)));
}

fn pack<T: Copy + Into<u32>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    let start = out.len();
    let width = u32::from(width);
    out.reserve(groups * width as usize + 4);
    let mut left = values;
    if width <= 8 {
        // A group fits a number, and no value waits for the one before it.
        let (eights, rest) = values.as_chunks::<8>();
        for eight in eights {
            let shifted = eight.iter().zip(0u32..).map(|(value, at)| u64::from((*value).into()) << (at * width));
            let bits = shifted.fold(0, |all, bits| all | bits).to_le_bytes();
            out.extend_from_slice(bits.get(..width as usize).unwrap_or_default());
        }
        left = rest;
    }
    let (mut bits, mut held) = (0u64, 0u32);
    for value in left {
        let value: u32 = (*value).into();
        bits |= u64::from(value) << held;
        held += width;
        if held >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            held -= 32;
        }
    }
    out.extend_from_slice(&(bits as u32).to_le_bytes());
    // The last group is filled with zeros.
    out.resize(start + groups * width as usize, 0);
}

/// A number in groups of seven bits.
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification read the other way.
    fn decode(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        fn number(bytes: &mut &[u8]) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return value;
                }
            }
        }
        let mut values = Vec::new();
        while values.len() < count {
            let head = number(&mut bytes);
            if head & 1 == 0 {
                let mut value = [0; 4];
                let length = usize::from(width).div_ceil(8);
                value[..length].copy_from_slice(&bytes[..length]);
                bytes = &bytes[length..];
                values.extend(std::iter::repeat_n(u32::from_le_bytes(value), (head >> 1) as usize));
            } else {
                let length = (head >> 1) as usize * usize::from(width);
                for at in 0..(head >> 1) as usize * 8 {
                    let bit = |n: usize| {
                        u32::from(bytes[(at * usize::from(width) + n) / 8] >> ((at * usize::from(width) + n) % 8) & 1)
                    };
                    values.push((0..usize::from(width)).map(|n| bit(n) << n).sum());
                }
                bytes = &bytes[length..];
            }
        }
        assert!(bytes.is_empty());
        values.truncate(count);
        values
    }

    #[test]
    fn runs_and_packed_values_come_back() {
        let mut dice = 1u64;
        for width in 0..=20u8 {
            for count in [0, 1, 7, 8, 9, 63, 500, 2_000] {
                let mut values = Vec::new();
                while values.len() < count {
                    dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let value = if width == 0 { 0 } else { (dice >> 33) as u32 & ((1 << width) - 1) };
                    let times = if dice >> 60 < 3 { 30 } else { 1 };
                    values.extend(std::iter::repeat_n(value, times));
                }
                values.truncate(count);
                let mut out = Vec::new();
                encode(&values, width, &mut out);
                assert_eq!(decode(&out, width, count), values, "width {width}, {count} values");
            }
        }
        assert_eq!([bit_width(0), bit_width(1), bit_width(255), bit_width(256)], [0, 1, 8, 9]);
    }
}
