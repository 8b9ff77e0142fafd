//! A place in a block's bytes, and the few shapes that Avro is made of.

use super::super::Reason;
use super::super::text_column::TooLong;

/// What can be wrong with a value. Never carries the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The bytes end inside the value.
    End,
    Varint,
    IntRange,
    Length,
    Branch,
    Symbol,
    Boolean,
    ItemBlock,
    Utf8,
    TooDeep,
    TooLarge,
}

impl Fault {
    pub(super) fn reason(self) -> Reason {
        match self {
            Fault::TooDeep | Fault::TooLarge => Reason::LimitExceeded,
            _ => Reason::BadRecord,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Fault::End => "the bytes end inside the value",
            Fault::Varint => "a number has more than 64 bits",
            Fault::IntRange => "an int has more than 32 bits",
            Fault::Length => "a length is negative",
            Fault::Branch => "the union has no such branch",
            Fault::Symbol => "the enum has no such symbol",
            Fault::Boolean => "a boolean is neither 0 nor 1",
            Fault::ItemBlock => "the size of a block of items is wrong",
            Fault::Utf8 => "text is not UTF-8",
            Fault::TooDeep => "the value is nested too deep",
            Fault::TooLarge => "the value or its column grows too large",
        }
    }
}

impl From<TooLong> for Fault {
    fn from(_: TooLong) -> Fault {
        Fault::TooLarge
    }
}

/// Reads forward through `bytes`.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// A zigzag varint. One byte nearly always: that case is worth its own branch.
    #[inline(always)]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(unzigzag(u64::from(byte)))
            }
            _ => self.long_of_many_bytes(),
        }
    }

    fn long_of_many_bytes(&mut self) -> Result<i64, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut value = 0u64;
        for (index, &byte) in rest.iter().take(10).enumerate() {
            let low = u64::from(byte & 0x7f);
            if index == 9 && low > 1 {
                return Err(Fault::Varint);
            }
            value |= low << (7 * index);
            if byte < 0x80 {
                self.at += index + 1;
                return Ok(unzigzag(value));
            }
        }
        Err(if rest.len() < 10 { Fault::End } else { Fault::Varint })
    }

    #[inline(always)]
    pub(super) fn int(&mut self) -> Result<i32, Fault> {
        i32::try_from(self.long()?).map_err(|_| Fault::IntRange)
    }

    #[inline(always)]
    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        let &[byte] = self.array::<1>()?;
        match byte {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Fault::Boolean),
        }
    }

    #[inline]
    pub(super) fn float(&mut self) -> Result<f32, Fault> {
        self.array().map(|bytes| f32::from_le_bytes(*bytes))
    }

    #[inline]
    pub(super) fn double(&mut self) -> Result<f64, Fault> {
        self.array().map(|bytes| f64::from_le_bytes(*bytes))
    }

    /// A length, then that many bytes.
    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.long()?;
        let length = usize::try_from(length).map_err(|_| if length < 0 { Fault::Length } else { Fault::End })?;
        self.take(length)
    }

    #[inline(always)]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(length).ok_or(Fault::End)?;
        let taken = self.bytes.get(self.at..end).ok_or(Fault::End)?;
        self.at = end;
        Ok(taken)
    }

    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Fault> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(Fault::End)?;
        self.at += N;
        Ok(found)
    }

    /// The head of a block of array items or map entries; `None` ends the array or map.
    pub(super) fn items(&mut self) -> Result<Option<Items>, Fault> {
        let count = self.long()?;
        if count == 0 {
            return Ok(None);
        }
        if count > 0 {
            return Ok(Some(Items { count: count.unsigned_abs(), end: None }));
        }
        let size = self.long()?;
        let size = usize::try_from(size).map_err(|_| Fault::Length)?;
        if size > self.left() {
            return Err(Fault::End);
        }
        Ok(Some(Items { count: count.unsigned_abs(), end: self.at.checked_add(size) }))
    }
}

/// One block of items. A negative count is followed by the block's size, which must be true.
pub(super) struct Items {
    pub(super) count: u64,
    end: Option<usize>,
}

impl Items {
    /// Checks the announced size once the items were read.
    pub(super) fn close(&self, cursor: &Cursor<'_>) -> Result<(), Fault> {
        match self.end {
            Some(end) if end != cursor.at => Err(Fault::ItemBlock),
            _ => Ok(()),
        }
    }
}

#[inline(always)]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
