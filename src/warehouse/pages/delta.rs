//! Parquet's DELTA_BINARY_PACKED: whole numbers as differences, in blocks of 128 with the smallest difference first.

use super::hybrid::varint;

const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// Appends `values`.
pub(super) fn encode(values: &[i64], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint(MINIBLOCKS as u64, out);
    varint(values.len() as u64, out);
    let Some((first, rest)) = values.split_first() else {
        return varint(0, out);
    };
    varint(zigzag(*first), out);
    if are_alike(values) {
        // Nothing differs, in no bits: the lengths of ids, which are most of what comes here.
        out.resize(out.len() + rest.len().div_ceil(BLOCK) * (1 + MINIBLOCKS), 0);
        return;
    }
    let (mut before, mut differences) = (*first, [0i64; BLOCK]);
    for block in rest.chunks(BLOCK) {
        let (differences, least) = less_the_one_before(block, &mut before, &mut differences);
        varint(zigzag(least), out);
        let widths_at = out.len();
        out.extend_from_slice(&[0; MINIBLOCKS]);
        for (number, miniblock) in differences.chunks(MINIBLOCK).enumerate() {
            let width = width(miniblock, least);
            if let Some(slot) = out.get_mut(widths_at + number) {
                *slot = width as u8;
            }
            pack(miniblock, least, width, out);
        }
    }
}

/// Whether all are one value.
pub(super) fn are_alike(values: &[i64]) -> bool {
    let Some(first) = values.first() else { return true };
    // Without a way out in the middle, many are compared at once.
    values.iter().fold(0, |all, value| all | (value ^ first)) == 0
}

/// The bits `values` take, but for a few of the header.
pub(super) fn cost(values: &[i64]) -> u64 {
    let Some((first, rest)) = values.split_first() else { return 0 };
    let (mut before, mut differences) = (*first, [0i64; BLOCK]);
    let mut bits = 0;
    for block in rest.chunks(BLOCK) {
        let (differences, least) = less_the_one_before(block, &mut before, &mut differences);
        // The least difference, and a width for each miniblock.
        let least_bytes = (u64::BITS - (zigzag(least) | 1).leading_zeros()).div_ceil(7);
        bits += 8 * (u64::from(least_bytes) + MINIBLOCKS as u64);
        for miniblock in differences.chunks(MINIBLOCK) {
            bits += u64::from(width(miniblock, least)) * MINIBLOCK as u64;
        }
    }
    bits
}

/// What each value of a block is more than the one before it, and the least of that. `before`: the value before the block,
/// then its last.
fn less_the_one_before<'a>(block: &[i64], before: &mut i64, differences: &'a mut [i64; BLOCK]) -> (&'a [i64], i64) {
    let mut least = i64::MAX;
    for (to, value) in differences.iter_mut().zip(block) {
        *to = value.wrapping_sub(*before);
        least = least.min(*to);
        *before = *value;
    }
    (differences.get(..block.len()).unwrap_or_default(), least)
}

/// Bits that hold what each difference is more than the least.
fn width(miniblock: &[i64], least: i64) -> u32 {
    let all = miniblock.iter().fold(0, |all, d| all | d.wrapping_sub(least) as u64);
    u64::BITS - all.leading_zeros()
}

fn pack(differences: &[i64], least: i64, width: u32, out: &mut Vec<u8>) {
    let start = out.len();
    let (mut bits, mut held) = (0u128, 0u32);
    for difference in differences {
        bits |= u128::from(difference.wrapping_sub(least) as u64) << held;
        held += width;
        if held >= 64 {
            out.extend_from_slice(&(bits as u64).to_le_bytes());
            bits >>= 64;
            held -= 64;
        }
    }
    out.extend_from_slice(&(bits as u64).to_le_bytes());
    // A miniblock always has its full length.
    out.resize(start + MINIBLOCK / 8 * width as usize, 0);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_take_next_to_nothing_and_the_header_is_as_specified() {
        let mut out = Vec::new();
        encode(&[36; 1000], &mut out);
        // 128, 4, 1000 and 36 as varints, then 8 blocks of a difference and four widths.
        assert_eq!(&out[..6], &[0x80, 1, 4, 0xe8, 7, 72]);
        assert_eq!(out.len(), 6 + 8 * 5);
        let mut none = Vec::new();
        encode(&[], &mut none);
        assert_eq!(none, [0x80, 1, 4, 0, 0]);
    }

    #[test]
    fn the_cost_is_that_of_what_is_written() {
        let wild = |n: i64| n.wrapping_mul(0x5851_f42d_4c95_7f2d) >> (n % 60);
        for values in [vec![], vec![7], vec![36; 1_000], (0..129).collect(), (0..4_097).map(wild).collect::<Vec<_>>()] {
            let mut out = Vec::new();
            encode(&values, &mut out);
            let (cost, bits) = (cost(&values), out.len() as u64 * 8);
            // The header: the sizes of blocks, the count, the first value.
            assert!(cost <= bits && bits <= cost + 8 * 16, "{} values: {cost} of {bits}", values.len());
        }
    }
}
