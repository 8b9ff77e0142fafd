//! Whole numbers that lie close together: which there are, in order, and the rank of each among them. A bit for every
//! number that could be there takes the place of a look-up: the seconds of a day fit into 11 KiB.

/// What moments are multiples of, as microseconds: seconds, milliseconds, nothing.
const STEPS: [u64; 3] = [1_000_000, 1_000, 1];
/// So many numbers may be possible for each that is there; where they lie wider apart, a dictionary hardly pays.
const SPREAD: usize = 16;

/// See the module. All buffers are used again.
#[derive(Default)]
pub(super) struct Ranks {
    least: i64,
    step: u64,
    /// A bit for every possible number.
    there: Vec<u64>,
    /// For each 64 of them, how many of those before are there.
    before: Vec<u32>,
    distinct: usize,
}

impl Ranks {
    /// Looks at all of `values`. False: they lie too far apart.
    pub(super) fn take_all(&mut self, values: &[u64]) -> bool {
        let all = || values.iter().map(|bits| *bits as i64);
        let (least, most) = all().fold((i64::MAX, i64::MIN), |(least, most), v| (least.min(v), most.max(v)));
        if least > most {
            return false;
        }
        let above = |value: i64| value.wrapping_sub(least) as u64;
        let Some(step) = STEPS.into_iter().find(|step| divides(*step, all().map(above))) else { return false };
        let possible = above(most) / step;
        if possible >= (values.len() * SPREAD) as u64 {
            return false;
        }
        (self.least, self.step) = (least, step);
        self.there.clear();
        self.there.resize(possible as usize / 64 + 1, 0);
        for value in all() {
            let (word, bit) = self.place(value);
            if let Some(word) = self.there.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        self.before.clear();
        let mut before = 0;
        for word in &self.there {
            self.before.push(before);
            before += word.count_ones();
        }
        self.distinct = before as usize;
        true
    }

    fn place(&self, value: i64) -> (usize, u32) {
        let above = value.wrapping_sub(self.least) as u64;
        // Divisors the compiler knows.
        let number = match self.step {
            1_000_000 => above / 1_000_000,
            1_000 => above / 1_000,
            _ => above,
        };
        (number as usize / 64, number as u32 % 64)
    }

    /// How many different numbers there are.
    pub(super) fn distinct(&self) -> usize {
        self.distinct
    }

    /// All of them as their bits, from the least to the largest.
    pub(super) fn values(&self) -> impl Iterator<Item = u64> {
        let ones = |(at, word): (usize, &u64)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(at as u64 * 64 + u64::from(bit))
            })
        };
        let numbers = self.there.iter().enumerate().flat_map(ones);
        numbers.map(|number| self.least.wrapping_add((number * self.step) as i64) as u64)
    }

    /// The rank of a number that is there, from 0.
    #[inline]
    pub(super) fn rank(&self, bits: u64) -> u32 {
        let (word, bit) = self.place(bits as i64);
        let smaller = self.there.get(word).map_or(0, |there| there & ((1 << bit) - 1)).count_ones();
        self.before.get(word).map_or(0, |before| before + smaller)
    }

    /// About how many bits a dictionary takes and the codes of `count` values.
    pub(super) fn cost(&self, count: usize) -> u64 {
        let (distinct, possible) = (self.distinct.max(1) as u64, self.there.len() as u64 * 64);
        // In order, each is told from the one before by the bits of the gap and about a byte. Measured: compressed, moments
        // of a day take 3 bytes each and numbers of records little more than one.
        let gap = (possible * self.step / distinct).max(1);
        let value = 8 + u64::from(gap.ilog2());
        count as u64 * u64::from(u64::BITS - (distinct - 1).leading_zeros()) + distinct * value
    }
}

/// Whether all are multiples of `step`.
fn divides(step: u64, mut values: impl Iterator<Item = u64>) -> bool {
    match step {
        1_000_000 => values.all(|value| value.is_multiple_of(1_000_000)),
        1_000 => values.all(|value| value.is_multiple_of(1_000)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(values: &[i64]) -> Option<Ranks> {
        let mut ranks = Ranks::default();
        // What was there before is forgotten.
        ranks.take_all(&(0..1_000).collect::<Vec<u64>>());
        let bits: Vec<u64> = values.iter().map(|v| *v as u64).collect();
        ranks.take_all(&bits).then_some(ranks)
    }

    #[test]
    fn every_value_has_its_rank_among_those_that_are_there() {
        let noon = 1_767_607_200_000_000;
        let seconds: Vec<i64> = (0..500).map(|n| noon + n * 7_919 % 1_000 * 1_000_000).collect();
        let millis: Vec<i64> = (0..500).map(|n| noon + n * 7_919 % 1_000 * 1_000).collect();
        let around_zero: Vec<i64> = (0..500).map(|n| n * 31 % 700 - 350).collect();
        let wide: Vec<i64> = vec![i64::MAX - 3, i64::MAX, i64::MAX - 1];
        for values in
            [seconds, millis, around_zero, wide, vec![64], vec![-1, 0, 1, 62, 63, 64, 100, 126, 127], vec![5, 5]]
        {
            let ranks = ranks(&values).unwrap();
            let mut sorted = values.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(ranks.values().map(|bits| bits as i64).collect::<Vec<_>>(), sorted);
            assert_eq!(ranks.distinct(), sorted.len());
            for value in values {
                assert_eq!(ranks.rank(value as u64) as usize, sorted.binary_search(&value).unwrap());
            }
        }
    }

    #[test]
    fn numbers_that_lie_far_apart_have_no_ranks() {
        assert!(ranks(&[]).is_none());
        assert!(ranks(&[i64::MIN, i64::MAX]).is_none());
        assert!(ranks(&[0, 1, 40]).is_some() && ranks(&[0, 1, 48]).is_none());
        // A microsecond among seconds.
        assert!(ranks(&[0, 20_000_000, 40_000_000]).is_some() && ranks(&[0, 20_000_001, 40_000_000]).is_none());
    }
}
