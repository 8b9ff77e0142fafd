//! Which columns of text have a dictionary, and their codes: values are looked up batch by batch, as they lie in memory.

use super::{Rows, SAMPLE, Tools};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::UInt16Type;

/// Bytes of a dictionary from where on it is no gain any more.
const DICTIONARY_BYTES: usize = 4 << 20;
/// Places where a column is looked at first, and rows of each.
const SPOTS: usize = 16;
const SPOT: usize = 64;
/// So few values have a dictionary, whatever they are.
pub(super) const FEW_VALUES: usize = 16;
/// The code of a row without a value.
pub(super) const ABSENT: u32 = u32::MAX;

/// One batch's values.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    offsets: &'a [i32],
    data: &'a [u8],
    nulls: Option<&'a NullBuffer>,
    /// Where the batch has a dictionary: which of its values each row has.
    keys: Option<&'a [u16]>,
    /// The length of every value, where all have one: ids have, and then no offset need be fetched.
    each: Option<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn of(array: &'a ArrayRef) -> Option<Source<'a>> {
        let (texts, keys) = match array.as_dictionary_opt::<UInt16Type>() {
            Some(coded) => (coded.values().as_string_opt::<i32>()?, Some(coded.keys().values().as_ref())),
            None => (array.as_string_opt::<i32>()?, None),
        };
        let offsets = texts.value_offsets();
        let each = if keys.is_none() { even(offsets) } else { None };
        Some(Source { offsets, data: texts.value_data(), nulls: array.nulls(), keys, each })
    }

    /// The texts of its dictionary, or of its rows.
    fn values(&self) -> impl Iterator<Item = &'a [u8]> {
        let data = self.data;
        let ends = self.offsets.iter().zip(self.offsets.iter().skip(1));
        ends.map(move |(from, to)| data.get(*from as usize..*to as usize).unwrap_or_default())
    }

    #[inline]
    pub(super) fn get(&self, row: u32) -> Option<&'a [u8]> {
        let mut row = row as usize;
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        if let Some(keys) = self.keys {
            row = usize::from(*keys.get(row)?);
        }
        if let Some(each) = self.each {
            return self.data.get(row * each..(row + 1) * each);
        }
        let (from, to) = (self.offsets.get(row)?, self.offsets.get(row + 1)?);
        self.data.get(*from as usize..*to as usize)
    }
}

/// What all values have for length, when they lie from the start of their bytes.
fn even(offsets: &[i32]) -> Option<usize> {
    let [0, each, ..] = offsets else { return None };
    let all = offsets.iter().zip(offsets.iter().skip(1)).all(|(from, to)| to - from == *each);
    all.then_some(usize::try_from(*each).ok()?)
}

/// Whether a few rows from everywhere say that the look-up would give up: most columns that hardly repeat are of ids, and
/// have many thousands of values. Where most batches have dictionaries, it repeats.
pub(super) fn all_differ(sources: &[Option<Source<'_>>], rows: &Rows<'_>, tools: &mut Tools) -> bool {
    let all: usize = rows.lengths.iter().sum();
    let is_coded = |source: &Option<Source<'_>>| source.as_ref().is_some_and(|source| source.keys.is_some());
    let coded: usize =
        sources.iter().zip(rows.lengths).filter(|(source, _)| is_coded(source)).map(|(_, rows)| rows).sum();
    if all < 2 * SPOTS * SPOT || coded * 2 > all {
        return false;
    }
    let texts = &mut tools.texts;
    texts.clear();
    let (mut there, mut before, mut next) = (0, 0, 0);
    for (source, length) in sources.iter().zip(rows.lengths) {
        while next < before + length {
            // Neighbours may be of one user: they are looked at together.
            let from = next - before;
            let spot = from..(from + SPOT).min(*length);
            let values = spot.filter_map(|row| source.as_ref()?.get(row as u32));
            there += values.map(|text| texts.code(text)).count();
            next += all / SPOTS;
        }
        before += length;
    }
    // Of V values, so many drawn at random have there * there / 2 V pairs that are the same.
    const VALUES: usize = 16_384;
    there * 2 >= SPOTS * SPOT && (there - texts.len()) * 2 * VALUES < there * there
}

/// Gives every row of every batch its code. False: too many values are different.
pub(super) fn look_up(sources: &[Option<Source<'_>>], rows: &Rows<'_>, tools: &mut Tools) -> bool {
    let Tools { texts, codes, own_codes, .. } = tools;
    texts.clear();
    codes.clear();
    let (mut there, mut look_again) = (0usize, SAMPLE);
    // Neighbouring rows often have the same value.
    let mut last: (&[u8], u32) = (&[], ABSENT);
    for (source, length) in sources.iter().zip(rows.lengths) {
        let Some(source) = source else {
            codes.resize(codes.len() + length, ABSENT);
            continue;
        };
        if let Some(keys) = source.keys {
            // Each of the batch's own values is looked up once; then a row's code is a step away.
            own_codes.clear();
            own_codes.extend(source.values().map(|text| texts.code(text)));
            let code = |key: &u16| own_codes.get(usize::from(*key)).copied().unwrap_or(ABSENT);
            match source.nulls {
                None => codes.extend(keys.iter().map(code)),
                Some(nulls) => {
                    let each = keys.iter().zip(nulls.iter());
                    codes.extend(each.map(|(key, is_there)| if is_there { code(key) } else { ABSENT }));
                }
            }
            there += length - source.nulls.map_or(0, NullBuffer::null_count);
        } else {
            for row in 0..*length as u32 {
                let Some(text) = source.get(row) else {
                    codes.push(ABSENT);
                    continue;
                };
                if last.1 == ABSENT || last.0 != text {
                    last = (text, texts.code(text));
                }
                codes.push(last.1);
                there += 1;
            }
        }
        if there >= look_again {
            if !repeats(texts.len(), there) || texts.page().len() > DICTIONARY_BYTES {
                return false;
            }
            look_again = there + SAMPLE;
        }
    }
    repeats(texts.len(), there)
}

/// Whether so few of so many values are different that a dictionary pays.
pub(super) fn repeats(distinct: usize, values: usize) -> bool {
    distinct * 10 <= values * 6 || values <= FEW_VALUES
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;
    use std::sync::Arc;

    #[test]
    fn values_of_one_length_are_found_without_offsets_and_others_with_them() {
        let of = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let even: Vec<Option<&str>> = vec![Some("abc"), Some("déf"), Some("ghi")];
        for (values, each) in [
            (vec![Some("abc"), Some("def"), Some("ghi")], Some(3)),
            (even, None),
            (vec![Some("abc"), None, Some("ghi")], None),
            (vec![None, None], Some(0)),
            (vec![Some(""), Some("")], Some(0)),
            (vec![], None),
        ] {
            let array = of(values.clone());
            let source = Source::of(&array).unwrap();
            assert_eq!(source.each, each, "{values:?}");
            let got: Vec<_> = (0..values.len() as u32).map(|row| source.get(row)).collect();
            assert_eq!(got, values.iter().map(|value| value.map(str::as_bytes)).collect::<Vec<_>>());
        }
        // A slice does not begin where its bytes do.
        let array = of(vec![Some("abc"), Some("def"), Some("ghi")]).slice(1, 2);
        let source = Source::of(&array).unwrap();
        assert_eq!((source.get(0), source.get(1)), (Some(b"def".as_slice()), Some(b"ghi".as_slice())));
    }

    #[test]
    fn only_columns_of_many_values_are_said_to_differ() {
        let says = |batches: usize, value: &dyn Fn(usize) -> Option<usize>| {
            let lengths = vec![5_000; batches];
            let batch = |number: usize| -> ArrayRef {
                let values = (0..5_000).map(|row| Some(format!("value {}", value(number * 5_000 + row)?)));
                Arc::new(StringArray::from_iter(values))
            };
            let arrays: Vec<ArrayRef> = (0..batches).map(batch).collect();
            let sources: Vec<Option<Source<'_>>> = arrays.iter().map(Source::of).collect();
            let rows = Rows { lengths: &lengths, groups: &[], places: Vec::new() };
            all_differ(&sources, &rows, &mut Tools::new().unwrap())
        };
        // As good as random.
        let mixed = |row: usize| xxhash_rust::xxh3::xxh3_64(&row.to_le_bytes()) as usize;
        assert!(says(4, &Some));
        assert!(says(4, &|row| Some(mixed(row))));
        assert!(says(4, &|row| (row % 2 == 0).then_some(row)));
        assert!(!says(4, &|row| Some(mixed(row) % 7_000)));
        // The same thousand users every hour, and users who do three things at once.
        assert!(!says(4, &|row| Some(row % 1_000)));
        assert!(!says(4, &|row| Some(row / 3)));
        // Too little is known of these.
        assert!(!says(4, &|row| (row % 20 == 0).then_some(row)));
        assert!(!says(0, &Some));
    }
}
