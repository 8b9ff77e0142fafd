//! Text under construction: one buffer, one list of offsets, one bit a row. No allocation per value.
//!
//! Both formats build their text here. UTF-8 is checked once over the whole buffer when the column is finished.

use arrow::array::{ArrayRef, ListArray, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use std::sync::Arc;

/// One bit a row.
#[derive(Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    current: u64,
    len: usize,
    ones: usize,
}

impl Bits {
    #[inline]
    pub(super) fn push(&mut self, bit: bool) {
        self.current |= u64::from(bit) << (self.len & 63);
        self.ones += usize::from(bit);
        self.len += 1;
        if self.len & 63 == 0 {
            self.words.push(self.current.to_le());
            self.current = 0;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bit with this number; false where none was pushed.
    pub(super) fn get(&self, at: usize) -> bool {
        let word = self.words.get(at / 64).map_or(self.current, |word| u64::from_le(*word));
        at < self.len && word >> (at & 63) & 1 == 1
    }

    pub(super) fn finish(mut self) -> BooleanBuffer {
        if self.len & 63 != 0 {
            self.words.push(self.current.to_le());
        }
        BooleanBuffer::new(Buffer::from_vec(self.words), 0, self.len)
    }

    /// As validity; `None` where every bit is set.
    pub(super) fn finish_nulls(self) -> Option<NullBuffer> {
        (self.ones != self.len).then(|| NullBuffer::new(self.finish()))
    }
}

/// The buffer would pass what 32-bit offsets can address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooLong;

/// The value with this number, counting nulls, is not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotUtf8(pub(super) usize);

/// Text values; `valid` is only filled by callers that have nulls.
pub(super) struct TextColumn {
    pub(super) data: Vec<u8>,
    offsets: Vec<i32>,
    pub(super) valid: Bits,
}

impl Default for TextColumn {
    fn default() -> TextColumn {
        TextColumn { data: Vec::new(), offsets: vec![0], valid: Bits::default() }
    }
}

impl TextColumn {
    /// Room for `rows` more values.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.offsets.reserve(rows);
    }

    #[inline]
    pub(super) fn push(&mut self, value: &[u8]) -> Result<(), TooLong> {
        if self.data.len() + value.len() > self.data.capacity() {
            self.make_room(value.len());
        }
        self.data.extend_from_slice(value);
        self.close()
    }

    /// Room for the rows that are expected: by the one length, then by what those that came had on average.
    #[cold]
    fn make_room(&mut self, length: usize) {
        /// No more than this by the first value's length: it may be the longest by far.
        const AT_FIRST: usize = 1 << 16;
        /// No more than this, or than is there already: what is not used is given back.
        const THEN: usize = 1 << 22;
        let rows = self.offsets.capacity() - self.offsets.len();
        let guess = match self.data.len() / self.len().max(1) {
            0 => rows.saturating_mul(length).min(AT_FIRST),
            average => rows.saturating_mul(average + 1).min(self.data.len().max(THEN)),
        };
        // What is little beside what is there is taken as it comes, or every few values would copy all of them.
        if guess >= self.data.len() / 4 {
            self.data.reserve_exact(guess.max(length));
        } else {
            self.data.reserve(length);
        }
    }

    /// Ends the value whose bytes were appended to `data`; without any it is empty (or the place of a null).
    #[inline]
    pub(super) fn close(&mut self) -> Result<(), TooLong> {
        self.offsets.push(i32::try_from(self.data.len()).map_err(|_| TooLong)?);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The bytes of a value.
    #[inline]
    pub(super) fn get(&self, value: usize) -> Option<&[u8]> {
        let (from, to) = (*self.offsets.get(value)?, *self.offsets.get(value + 1)?);
        self.data.get(from as usize..to as usize)
    }

    pub(super) fn finish(self) -> Result<StringArray, NotUtf8> {
        let TextColumn { mut data, mut offsets, valid } = self;
        give_back(&mut data);
        give_back(&mut offsets);
        let data = Buffer::from_vec(data);
        let nulls = if valid.len == 0 { None } else { valid.finish_nulls() };
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        StringArray::try_new(offsets.clone(), data.clone(), nulls).map_err(|_| NotUtf8(first_bad(&offsets, &data)))
    }
}

/// Gives back room that was made and not used, when it is much: many pieces wait to become one cell. Of a tiny file it is
/// not worth a word with the allocator.
pub(super) fn give_back<T>(room: &mut Vec<T>) {
    let unused = (room.capacity() - room.len()) * size_of::<T>();
    if unused > (room.len() * size_of::<T>() / 8).max(4 << 10) {
        room.shrink_to_fit();
    }
}

fn first_bad(offsets: &[i32], data: &[u8]) -> usize {
    let edges = offsets.iter().zip(offsets.iter().skip(1));
    let value = |(from, to): (&i32, &i32)| data.get(usize::try_from(*from).ok()?..usize::try_from(*to).ok()?);
    edges.map(value).position(|text| text.is_none_or(|text| simdutf8::basic::from_utf8(text).is_err())).unwrap_or(0)
}

/// Lists of text: `items` holds all items, `offsets` where each row's begin.
pub(super) struct ListColumn {
    offsets: Vec<i32>,
    pub(super) items: TextColumn,
    pub(super) valid: Bits,
}

impl Default for ListColumn {
    fn default() -> ListColumn {
        ListColumn { offsets: vec![0], items: TextColumn::default(), valid: Bits::default() }
    }
}

impl ListColumn {
    /// Ends the list whose items were pushed; without any it is empty (or the place of a null).
    pub(super) fn close(&mut self) -> Result<(), TooLong> {
        self.offsets.push(i32::try_from(self.items.len()).map_err(|_| TooLong)?);
        Ok(())
    }

    /// The error names the ROW, not the item.
    pub(super) fn finish(self) -> Result<ArrayRef, NotUtf8> {
        let ListColumn { offsets, items, valid } = self;
        let nulls = if valid.len == 0 { None } else { valid.finish_nulls() };
        let items = items.finish().map_err(|NotUtf8(item)| {
            let behind = offsets.partition_point(|offset| usize::try_from(*offset).is_ok_and(|o| o <= item));
            NotUtf8(behind.saturating_sub(1))
        })?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::new(list_item(), offsets, Arc::new(items), nulls)))
    }
}

/// `List<Utf8>` whose items may be null.
pub(super) fn list_type() -> DataType {
    DataType::List(list_item())
}

fn list_item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Utf8, true))
}
