//! The smallest and the largest value of a page or a chunk, as statistics and page indexes hold them.

/// How much of a text is kept where texts repeat: names and ids of campaigns are told apart. The stock writer keeps as
/// much.
pub(super) const NAMES: usize = 64;
/// How much is kept where they hardly do: no more bytes decide the order of rows, and ids that lie as far apart as a page
/// has rows differ in the first few. Whole ids would be 0.06 % of the objects.
pub(super) const MANY: usize = 16;

/// A text, and whether it is all of what it stands for.
pub(super) type Cut = (Vec<u8>, bool);

/// Bounds of texts, compared as bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct TextBounds<'a> {
    found: Option<Found<'a>>,
}

#[derive(Clone, Copy)]
struct Found<'a> {
    least: &'a [u8],
    most: &'a [u8],
    /// The first bytes of both, so that most comparisons are of two numbers.
    least_head: u64,
    most_head: u64,
}

impl<'a> TextBounds<'a> {
    #[inline]
    pub(super) fn take(&mut self, text: &'a [u8]) {
        let head = head(text);
        match &mut self.found {
            None => self.found = Some(Found { least: text, most: text, least_head: head, most_head: head }),
            Some(found) => {
                if head <= found.least_head && text < found.least {
                    (found.least, found.least_head) = (text, head);
                }
                if head >= found.most_head && text > found.most {
                    (found.most, found.most_head) = (text, head);
                }
            }
        }
    }

    pub(super) fn join(&mut self, other: &TextBounds<'a>) {
        if let Some(found) = &other.found {
            self.take(found.least);
            self.take(found.most);
        }
    }

    /// Both, cut short where they have more than `most` bytes; and whether each is exact.
    pub(super) fn cut(&self, most: usize) -> Option<(Cut, Cut)> {
        self.found.map(|found| (cut_down(found.least, most), cut_up(found.most, most)))
    }
}

#[inline]
fn head(text: &[u8]) -> u64 {
    match text.first_chunk::<8>() {
        Some(chunk) => u64::from_be_bytes(*chunk),
        None => {
            text.iter().fold((0u64, 56u32), |(all, at), byte| (all | u64::from(*byte) << at, at.saturating_sub(8))).0
        }
    }
}

/// A text that is no larger.
fn cut_down(text: &[u8], most: usize) -> Cut {
    let kept = whole_characters(text, most);
    (kept.to_vec(), kept.len() == text.len())
}

/// A text that is no smaller: the last character that has a successor of its own length gives way to it.
fn cut_up(text: &[u8], most: usize) -> Cut {
    let kept = whole_characters(text, most);
    if kept.len() == text.len() {
        return (text.to_vec(), true);
    }
    let mut kept = String::from_utf8_lossy(kept).into_owned();
    while let Some(last) = kept.pop() {
        let next = char::from_u32(last as u32 + 1).filter(|next| next.len_utf8() == last.len_utf8());
        if let Some(next) = next {
            kept.push(next);
            return (kept.into_bytes(), false);
        }
    }
    (text.to_vec(), true)
}

fn whole_characters(text: &[u8], most: usize) -> &[u8] {
    let mut end = text.len().min(most);
    // Bytes that begin with the bits 10 go on with a character.
    while end > 0 && end < text.len() && text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Bounds of numbers.
#[derive(Clone, Copy)]
pub(super) struct NumberBounds<T> {
    pub(super) found: Option<(T, T)>,
}

impl<T> Default for NumberBounds<T> {
    fn default() -> NumberBounds<T> {
        NumberBounds { found: None }
    }
}

impl<T: Copy + PartialOrd> NumberBounds<T> {
    #[inline]
    pub(super) fn take(&mut self, value: T) {
        match &mut self.found {
            None => self.found = Some((value, value)),
            Some((least, most)) => {
                if value < *least {
                    *least = value;
                }
                if value > *most {
                    *most = value;
                }
            }
        }
    }

    pub(super) fn join(&mut self, other: &NumberBounds<T>) {
        if let Some((least, most)) = other.found {
            self.take(least);
            self.take(most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_to_texts_that_still_bound_them() {
        let texts =
            ["é".repeat(40), "zebra".to_string(), "a".repeat(100), format!("{}~", "z".repeat(80)), String::new()];
        let mut bounds = TextBounds::default();
        for text in &texts[..4] {
            bounds.take(text.as_bytes());
        }
        let ((least, least_exact), (most, most_exact)) = bounds.cut(NAMES).unwrap();
        assert_eq!((least, least_exact), (vec![b'a'; 64], false));
        assert!(most.as_slice() > texts[0].as_bytes() && !most_exact && most.len() <= 64);
        assert_eq!(std::str::from_utf8(&most).unwrap().chars().last(), Some('ê'));
        let ((least, _), (most, _)) = bounds.cut(MANY).unwrap();
        assert_eq!((least, most), (vec![b'a'; 16], ["é".repeat(7), "ê".to_string()].concat().into_bytes()));
        bounds.take(texts[4].as_bytes());
        assert_eq!(bounds.cut(NAMES).unwrap().0, (Vec::new(), true));
    }

    #[test]
    fn short_texts_order_as_their_bytes_do() {
        let mut bounds = TextBounds::default();
        for text in ["b", "abc", "ab", "abcdefghij", "abcdefghia"] {
            bounds.take(text.as_bytes());
        }
        let ((least, _), (most, _)) = bounds.cut(NAMES).unwrap();
        assert_eq!((least.as_slice(), most.as_slice()), (b"ab".as_slice(), b"b".as_slice()));
        let highest = "\u{10ffff}".repeat(30);
        let mut bounds = TextBounds::default();
        bounds.take(highest.as_bytes());
        assert_eq!(bounds.cut(NAMES).unwrap().1, (highest.into_bytes(), true));
    }
}
