//! The bytes of a file that are not decoded yet: all that are left, or as far as ranges of it were read.

use super::bucket::Ranges;
use crate::error::Result;
use std::borrow::Cow;

/// See the module.
pub struct Unread<'a> {
    held: Cow<'a, [u8]>,
    /// How many of the held bytes are done with.
    used: usize,
    ranges: Option<Ranges>,
}

impl<'a> Unread<'a> {
    /// A file that is there whole.
    pub fn whole(bytes: Cow<'a, [u8]>) -> Unread<'a> {
        Unread { held: bytes, used: 0, ranges: None }
    }

    /// A file that is read a range at a time.
    pub fn ranges(ranges: Ranges) -> Unread<'a> {
        Unread { held: Cow::Owned(Vec::new()), used: 0, ranges: Some(ranges) }
    }

    /// Whether the file is there whole.
    pub fn is_whole(&self) -> bool {
        self.ranges.is_none()
    }

    /// The next bytes, and whether the file ends with them.
    pub fn rest(&self) -> (&[u8], bool) {
        let is_end = self.ranges.as_ref().is_none_or(Ranges::is_end);
        (self.held.get(self.used..).unwrap_or_default(), is_end)
    }

    /// So many of the next bytes are done with.
    pub fn advance(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes);
    }

    /// Reads the next range, behind what is left. False when there is none: the file is no longer what it was.
    pub async fn read_on(&mut self) -> Result<bool> {
        let Some(ranges) = &mut self.ranges else { return Ok(false) };
        let mut bytes = std::mem::take(&mut self.held).into_owned();
        bytes.drain(..self.used.min(bytes.len()));
        self.used = 0;
        match ranges.read(bytes).await? {
            Some(bytes) => self.held = Cow::Owned(bytes),
            None => return Ok(false),
        }
        Ok(true)
    }
}
