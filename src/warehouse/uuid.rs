//! Ids that are UUIDs, held as their 16 bytes from the moment they are compared until they are written: less than half of
//! what their text takes. Only the usual spelling, in lower case, comes back as it was; any other stays text.

use crate::table::{ID, uuid_type};
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, StringBuilder};
use arrow::buffer::Buffer;
use arrow::datatypes::Schema;
use std::sync::Arc;

/// Bytes of a UUID.
const BYTES: usize = 16;
/// Characters of its spelling.
pub const SPELLED: usize = 36;
const EACH: u64 = 0x0101_0101_0101_0101;

/// A UUID in its usual spelling. Only lower case: two spellings of one UUID are two texts, and ids are compared as text.
pub fn parsed(text: &[u8]) -> Option<u128> {
    let text: &[u8; SPELLED] = text.try_into().ok()?;
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

/// The number that eight hexadecimal digits in lower case are, all read at once. `text`: the first in the highest byte.
pub(super) fn eight_digits(text: u64) -> Option<u32> {
    // Letters have the bit 0x40 and count from 1, digits do not and count from 0.
    let values = (text & (0x0f * EACH)) + (text >> 6 & EACH) * 9;
    // No value above 15, and written out again they must be what was read.
    if values & (0xf0 * EACH) != 0 || as_digits(values) != text {
        return None;
    }
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) as u32)
}

/// Eight values from 0 to 15, a byte each, as digits.
fn as_digits(values: u64) -> u64 {
    let letters = (values + 0x06 * EACH) >> 4 & EACH;
    values + 0x30 * EACH + letters * 0x27
}

/// A number as eight digits.
fn digits_of(number: u32) -> [u8; 8] {
    let number = u64::from(number);
    let fours = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let pairs = (fours | fours << 8) & 0x00ff_00ff_00ff_00ff;
    as_digits((pairs | pairs << 4) & (0x0f * EACH)).to_be_bytes()
}

/// A UUID's usual spelling: what [`parsed`] takes.
pub fn spelled(uuid: u128) -> [u8; SPELLED] {
    let digits = |from: u32| digits_of((uuid >> from) as u32);
    let [a0, a1, a2, a3, a4, a5, a6, a7] = digits(96);
    let [b0, b1, b2, b3, c0, c1, c2, c3] = digits(64);
    let [d0, d1, d2, d3, e0, e1, e2, e3] = digits(32);
    let [f0, f1, f2, f3, f4, f5, f6, f7] = digits(0);
    [
        a0, a1, a2, a3, a4, a5, a6, a7, b'-', b0, b1, b2, b3, b'-', c0, c1, c2, c3, b'-', d0, d1, d2, d3, b'-', e0, e1,
        e2, e3, f0, f1, f2, f3, f4, f5, f6, f7,
    ]
}

/// The batch with `uuids`, one for each row, in the place of its ids' text.
pub fn instead_of_text(batch: RecordBatch, uuids: Vec<u128>) -> RecordBatch {
    let Ok(at) = batch.schema_ref().index_of(ID) else { return batch };
    // The bytes in the order the spelling has them. The list keeps its memory.
    let numbers: Vec<i128> = uuids.into_iter().map(|uuid| uuid.to_be() as i128).collect();
    let Ok(ids) = FixedSizeBinaryArray::try_new(BYTES as i32, Buffer::from_vec(numbers), None) else { return batch };
    let mut fields = batch.schema_ref().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    if let (Some(field), Some(column)) = (fields.get_mut(at), columns.get_mut(at)) {
        *field = Arc::new(field.as_ref().clone().with_data_type(uuid_type()));
        *column = Arc::new(ids);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap_or(batch)
}

/// The UUIDs of a column that holds them as bytes, none of them null.
pub fn held(column: &ArrayRef) -> Option<impl ExactSizeIterator<Item = u128> + Clone> {
    Some(bytes_of(column)?.iter().map(|bytes| u128::from_be_bytes(*bytes)))
}

/// The same, as bytes.
pub fn bytes_of(column: &ArrayRef) -> Option<&[[u8; BYTES]]> {
    let bytes = column.as_fixed_size_binary_opt().filter(|column| column.null_count() == 0)?;
    (bytes.value_length() == BYTES as i32).then(|| bytes.value_data().as_chunks().0)
}

/// The ids of such a column as text.
pub fn text_of(column: &ArrayRef) -> Option<ArrayRef> {
    let uuids = held(column)?;
    let mut texts = StringBuilder::with_capacity(uuids.len(), uuids.len() * SPELLED);
    for uuid in uuids {
        texts.append_value(std::str::from_utf8(&spelled(uuid)).ok()?);
    }
    Some(Arc::new(texts.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;

    const ONE: &str = "0f8b1c9e-1234-4abc-8def-0123456789ab";

    #[test]
    fn a_uuid_is_spelled_as_it_was_read() {
        for uuid in (0..1_000u128).map(|n| xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes())).chain([0, 1, u128::MAX]) {
            let text = spelled(uuid);
            let digits: String = std::str::from_utf8(&text).unwrap().replace('-', "");
            assert_eq!(digits, format!("{uuid:032x}"));
            assert_eq!(parsed(&text), Some(uuid));
        }
        assert_eq!(spelled(0x0f8b_1c9e_1234_4abc_8def_0123_4567_89ab), *ONE.as_bytes().as_array().unwrap());
    }

    #[test]
    fn texts_of_hexadecimal_digits_are_known_and_read() {
        for at in 0..8 {
            for byte in 0..=255u8 {
                let mut text = *b"09afc17e";
                text[at] = byte;
                let number = u64::from_be_bytes(text);
                assert_eq!(eight_digits(number).is_some(), matches!(byte, b'0'..=b'9' | b'a'..=b'f'), "{byte} at {at}");
            }
        }
        for number in (0..2_000u32).map(|n| n.wrapping_mul(0x9e37_79b9)).chain([0, u32::MAX]) {
            let text = u64::from_be_bytes(*format!("{number:08x}").as_bytes().as_array().unwrap());
            assert_eq!(eight_digits(text), Some(number));
        }
    }

    #[test]
    fn what_is_not_the_usual_spelling_is_none() {
        for at in 0..ONE.len() {
            for other in 0..=127u8 {
                let mut text = ONE.as_bytes().to_vec();
                text[at] = other;
                let is_one = if matches!(at, 8 | 13 | 18 | 23) {
                    other == b'-'
                } else {
                    matches!(other, b'0'..=b'9' | b'a'..=b'f')
                };
                assert_eq!(parsed(&text).is_some(), is_one, "{other} at {at}");
            }
        }
        assert_eq!(parsed(ONE.to_uppercase().as_bytes()), None);
        assert_eq!(parsed(&ONE.as_bytes()[1..]), None);
    }

    #[test]
    fn ids_take_the_place_of_their_text_and_come_back() {
        let ids: ArrayRef = Arc::new(StringArray::from(vec![ONE, "ffffffff-0000-4000-8000-000000000000"]));
        let other: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let batch = RecordBatch::try_from_iter([("other", other.clone()), (ID, ids.clone())]).unwrap();
        let keys = vec![parsed(ONE.as_bytes()).unwrap(), 0xffff_ffff_0000_4000_8000_0000_0000_0000];
        let with = instead_of_text(batch, keys.clone());
        assert_eq!(with.schema().field(1).data_type(), &uuid_type());
        assert_eq!(held(with.column(1)).unwrap().collect::<Vec<_>>(), keys);
        assert_eq!((with.column(0), &text_of(with.column(1)).unwrap()), (&other, &ids));
        // Part of a batch, and a column of something else.
        assert_eq!(held(with.slice(1, 1).column(1)).unwrap().collect::<Vec<_>>(), keys[1..]);
        assert!(held(&other).is_none() && text_of(&ids).is_none());
    }
}
