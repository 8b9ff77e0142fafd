//! Where each record of a JSON text starts and ends, without parsing it.
//!
//! Only quotes, brackets and line ends are looked at, so that one broken record cannot take the next ones along:
//! - A record whose brackets close is one item, whatever is inside; the next begins behind it.
//! - A record that is not closed (a string runs over a line end, the text ends, or the next record begins where JSON
//!   allows none) ends before the next line that starts with `{`: in the first column, or as far in as the record
//!   itself starts (arrays are often indented). Where there is no such line, the rest of the text is that one item;
//!   so an unclosed record in an array written on one line takes the rest of the line along.
//! - Anything else ends in the same place; in an array, a value that is no object ends at its comma.
//! - One comma between records is allowed anywhere, and missing commas in an array are forgiven.
//!
//! A line is scanned at most once for each level of nesting, so the time is linear in the text.

const NOT_CLOSED: &str = "the record is not closed before the next one starts";

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Text from `{` to the bracket that closes it, nested no deeper than the limit.
    Object,
    /// Something else, and why.
    Bad(&'static str),
}

/// A piece of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Item {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) found: Found,
}

/// The items of a text, in order.
pub(super) struct Items<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    in_array: bool,
    /// A value was just read, so that a comma may follow.
    after_value: bool,
}

/// How following the brackets from an opening one ends.
enum Brackets {
    Closed { end: usize, too_deep: bool },
    Open { at_end_of_text: bool, too_deep: bool, reason: &'static str },
}

impl<'a> Items<'a> {
    pub(super) fn new(text: &'a [u8], at: usize, depth: usize) -> Items<'a> {
        // One bit of a u128 a level.
        Items { text, at, depth: depth.min(127), in_array: false, after_value: false }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn object(&mut self, start: usize) -> Item {
        let (end, found) = match self.follow(start) {
            Brackets::Closed { end, too_deep: false } => (end, Found::Object),
            Brackets::Closed { end, too_deep: true } => (end, Found::Bad("nested too deep")),
            Brackets::Open { at_end_of_text, too_deep, reason } => {
                let end = self.next_record(start);
                let cut_off = at_end_of_text && end == self.text.len();
                if cut_off {
                    self.in_array = false;
                }
                let reason = match (too_deep, cut_off) {
                    (true, _) => "nested too deep",
                    (false, true) => "cut off: the text ends inside the record",
                    (false, false) => reason,
                };
                (end, Found::Bad(reason))
            }
        };
        Item { start, end, found }
    }

    /// Something that is no object.
    fn garbage(&self, start: usize) -> Item {
        let reason = "not a JSON object";
        let end = match (self.in_array, self.byte(start)) {
            (true, Some(b'[')) => match self.follow(start) {
                Brackets::Closed { end, .. } => end,
                Brackets::Open { .. } => self.next_record(start),
            },
            (true, _) => self.scalar(start),
            (false, _) => self.next_record(start),
        };
        Item { start, end: end.max(start + 1).min(self.text.len()), found: Found::Bad(reason) }
    }

    /// The end of a value without brackets, in an array.
    fn scalar(&self, start: usize) -> usize {
        if self.byte(start) == Some(b'"') {
            return self.string(start).unwrap_or_else(|| self.next_record(start));
        }
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b',' | b']' | b'{' | b'\n'));
        length.map_or(self.text.len(), |length| start + length)
    }

    /// The position behind the string that opens at `start`; `None` if it does not close on its line.
    fn string(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            let rest = self.text.get(at..)?;
            at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | b'\n'))?;
            match self.byte(at)? {
                b'"' => return Some(at + 1),
                // The escaped byte is skipped, unless it is a line end, which no string may hold.
                b'\\' if self.byte(at + 1) != Some(b'\n') => at += 2,
                _ => return None,
            }
        }
    }

    /// Follows brackets from `start` to the one that closes it.
    fn follow(&self, start: usize) -> Brackets {
        let indent = self.indent(start);
        let (mut depth, mut too_deep) = (0usize, false);
        // The kinds of the open brackets, innermost in the lowest bit: 1 for an array.
        let mut kinds = 0u128;
        let mut before = 0u8;
        let mut at = start;
        while let Some(byte) = self.byte(at) {
            let mut next = at + 1;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    at = next;
                    continue;
                }
                b'"' => match self.string(at) {
                    Some(end) => next = end,
                    None => {
                        let at_end_of_text = !self.text.get(at..).unwrap_or_default().contains(&b'\n');
                        return Brackets::Open {
                            at_end_of_text,
                            too_deep,
                            reason: "a string is not closed on its line",
                        };
                    }
                },
                b'{' | b'[' => {
                    let allowed = matches!(before, b':' | b'[') || (before == b',' && kinds & 1 == 1);
                    if byte == b'{' && depth > 0 && (!allowed || too_deep) && self.starts_line(at, indent) {
                        return Brackets::Open { at_end_of_text: false, too_deep, reason: NOT_CLOSED };
                    }
                    depth += 1;
                    too_deep |= depth > self.depth;
                    kinds = kinds << 1 | u128::from(byte == b'[');
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    kinds >>= 1;
                    if depth == 0 {
                        return Brackets::Closed { end: next, too_deep };
                    }
                }
                _ => {}
            }
            before = byte;
            at = next;
        }
        Brackets::Open { at_end_of_text: true, too_deep, reason: NOT_CLOSED }
    }

    /// The white space between the line's start and `start`; empty where something else stands there too.
    fn indent(&self, start: usize) -> &'a [u8] {
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let indent = before.get(line..).unwrap_or_default();
        if indent.iter().all(|byte| matches!(byte, b' ' | b'\t')) { indent } else { &[] }
    }

    fn starts_line(&self, at: usize, indent: &[u8]) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        let line_ends = |rest: &[u8]| rest.is_empty() || rest.ends_with(b"\n");
        line_ends(before) || before.strip_suffix(indent).is_some_and(line_ends)
    }

    /// The first line behind `start` that starts with `{`, in the first column or indented as `start` is.
    fn next_record(&self, start: usize) -> usize {
        let indent = self.indent(start);
        let mut at = start;
        while let Some(length) = self.text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
            at += length + 1;
            let line = self.text.get(at..).unwrap_or_default();
            if line.starts_with(b"{") {
                return at;
            }
            if line.strip_prefix(indent).is_some_and(|line| line.starts_with(b"{")) {
                return at + indent.len();
            }
        }
        self.text.len()
    }
}

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let item = loop {
            match self.byte(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                None if self.in_array => {
                    self.in_array = false;
                    let found = Found::Bad("cut off: the array is not closed");
                    return Some(Item { start: self.at, end: self.at, found });
                }
                None => return None,
                Some(b',') if self.after_value => {
                    self.after_value = false;
                    self.at += 1;
                }
                Some(b'[') if !self.in_array => {
                    (self.in_array, self.after_value) = (true, false);
                    self.at += 1;
                }
                Some(b']') if self.in_array => {
                    (self.in_array, self.after_value) = (false, false);
                    self.at += 1;
                }
                Some(b'{') => break self.object(self.at),
                Some(_) => break self.garbage(self.at),
            }
        };
        // The white space behind a broken record is not part of it.
        self.at = item.end.max(item.start + 1);
        self.after_value = true;
        let text = self.text.get(item.start..item.end).unwrap_or_default();
        Some(Item { end: item.start + text.trim_ascii_end().len(), ..item })
    }
}
