//! Text that repeats, under construction: each row a number, each value once. Most of Braze's columns are names and ids of
//! campaigns, Canvases and apps, the same for thousands of rows.

use super::text_column::{Bits, NotUtf8, TextColumn, TooLong, give_back};
use arrow::array::{ArrayRef, DictionaryArray, UInt16Array};
use arrow::datatypes::{DataType, UInt16Type};
use std::sync::Arc;

/// Values remembered by a hash of their ends. One that was forgotten is written again: a dictionary need not be without
/// repetition, and no look-up ever has a second step.
const REMEMBERED: usize = 1 << 10;

/// Codes there are. Two bytes a row: a cell keeps the codes of all its rows until it is written.
const CODES: usize = u16::MAX as usize;

/// Values after which it is asked whether they repeat, and again at the end.
const ASKED: usize = 512;

/// See the module.
pub(super) struct CodedText {
    keys: Vec<u16>,
    values: TextColumn,
    /// For each hash, the code of the last value that had it, plus one.
    last: Box<[u16; REMEMBERED]>,
    pub(super) valid: Bits,
}

impl Default for CodedText {
    fn default() -> CodedText {
        let last = Box::new([0; REMEMBERED]);
        CodedText { keys: Vec::new(), values: TextColumn::default(), last, valid: Bits::default() }
    }
}

impl CodedText {
    /// Room for `rows` more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.keys.reserve(rows);
    }

    /// False when no code is left for the value, or it is no use giving it one; then nothing was added.
    #[inline]
    pub(super) fn push(&mut self, value: &[u8]) -> Result<bool, TooLong> {
        let Some(last) = self.last.get_mut(hash(value)) else { return Ok(false) };
        let code = last.wrapping_sub(1);
        if *last == 0 || self.values.get(usize::from(code)) != Some(value) {
            if self.values.len() >= CODES || self.values.len() == ASKED && repeat_little(&self.values, &self.keys) {
                return Ok(false);
            }
            *last = self.values.len() as u16 + 1;
            self.values.push(value)?;
        }
        self.keys.push(last.wrapping_sub(1));
        Ok(true)
    }

    /// The same rows without codes; `valid`: which of them have a value, empty where all have. A null takes no bytes: the
    /// value whose code it has may be a large one.
    pub(super) fn into_plain(self, valid: &Bits) -> Result<TextColumn, TooLong> {
        let mut plain = TextColumn::default();
        // Rows to come have had their room.
        plain.reserve(self.keys.capacity());
        for (row, key) in self.keys.iter().enumerate() {
            let value = self.values.get(usize::from(*key)).filter(|_| valid.is_empty() || valid.get(row));
            plain.push(value.unwrap_or_default())?;
        }
        Ok(plain)
    }

    /// The place of a null.
    pub(super) fn push_null(&mut self) {
        self.keys.push(0);
    }

    /// Whether values repeat too little for this to be worth it.
    pub(super) fn hardly_repeats(&self) -> bool {
        repeat_little(&self.values, &self.keys)
    }

    /// The error names the row.
    pub(super) fn finish(self) -> Result<ArrayRef, NotUtf8> {
        let CodedText { mut keys, values, valid, .. } = self;
        give_back(&mut keys);
        if values.len() == 0 {
            return Ok(arrow::array::new_null_array(&coded_type(), keys.len()));
        }
        let values = values
            .finish()
            .map_err(|NotUtf8(code)| NotUtf8(keys.iter().position(|key| usize::from(*key) == code).unwrap_or(0)))?;
        let nulls = if valid.is_empty() { None } else { valid.finish_nulls() };
        let keys = UInt16Array::new(keys.into(), nulls);
        DictionaryArray::<UInt16Type>::try_new(keys, Arc::new(values))
            .map(|a| Arc::new(a) as ArrayRef)
            .map_err(|_| NotUtf8(0))
    }
}

fn repeat_little(values: &TextColumn, keys: &[u16]) -> bool {
    keys.len() >= 64 && values.len() * 2 > keys.len()
}

/// The arrow type of such a column: what decoded and conformed batches may have where a table has text.
pub fn coded_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8))
}

/// Of both ends, the middle and the length: enough to tell ids and names apart, and the same work for each.
#[inline]
fn hash(value: &[u8]) -> usize {
    let eight = |from: usize| {
        let bytes = value.get(from..).and_then(|rest| rest.first_chunk::<8>());
        bytes.map_or_else(
            || value.iter().fold(0, |all, byte| all << 7 ^ u64::from(*byte)),
            |bytes| u64::from_le_bytes(*bytes),
        )
    };
    let last = value.len().saturating_sub(8);
    let ends = eight(0) ^ eight(last / 2).rotate_left(19) ^ eight(last).rotate_left(37);
    ((ends ^ value.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};

    #[test]
    fn values_come_back_also_when_more_are_different_than_are_remembered() {
        // The last come once as they are and then one by one: when they are asked for, they have repeated.
        for (distinct, at_first) in [(1, 1), (200, 200), (5_000, 50)] {
            let mut column = CodedText::default();
            let number = |row: usize| if row < 1_024 { row * 7 % at_first } else { row * 7 % distinct };
            let text = |row: usize| format!("a name in the middle {} of it", number(row));
            for row in 0..6_000 {
                assert!(column.push(text(row).as_bytes()).unwrap());
            }
            assert_eq!(column.hardly_repeats(), distinct == 5_000);
            let array = column.finish().unwrap();
            let values = arrow::compute::cast(&array, &DataType::Utf8).unwrap();
            assert!(values.as_string::<i32>().iter().enumerate().all(|(row, got)| got == Some(&text(row))));
        }
    }

    #[test]
    fn values_that_hardly_repeat_are_given_up_early_and_none_is_lost() {
        let pushed = |value: &dyn Fn(usize) -> usize| {
            let (mut column, mut row) = (CodedText::default(), 0);
            while row < 4_000 && column.push(value(row).to_string().as_bytes()).unwrap() {
                row += 1;
            }
            let plain = column.into_plain(&Bits::default()).unwrap().finish().unwrap();
            assert!(plain.iter().enumerate().all(|(row, got)| got == Some(&value(row).to_string())));
            assert_eq!(plain.len(), row);
            row
        };
        assert_eq!(pushed(&|row| row), ASKED);
        assert_eq!(pushed(&|row| row * 3 / 4), ASKED * 4 / 3 + 1);
        assert_eq!(pushed(&|row| row / 3), 4_000);
    }

    #[test]
    fn a_null_is_no_value_and_the_first_bad_row_is_named() {
        let mut column = CodedText::default();
        for value in [Some("x"), None, Some("")] {
            column.valid.push(value.is_some());
            match value {
                Some(value) => assert!(column.push(value.as_bytes()).unwrap()),
                None => column.push_null(),
            }
        }
        let array = column.finish().unwrap();
        assert_eq!((array.null_count(), array.is_null(1), array.data_type()), (1, true, &coded_type()));
        let mut column = CodedText::default();
        for value in [b"ok".as_slice(), b"ok", b"\xff", b"ok"] {
            assert!(column.push(value).unwrap());
        }
        assert_eq!(column.finish().err(), Some(NotUtf8(2)));
        let mut nothing = CodedText::default();
        nothing.valid.push(false);
        nothing.push_null();
        assert_eq!(nothing.finish().unwrap().null_count(), 1);
    }
}
