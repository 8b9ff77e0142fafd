//! Which table is built next, and by which worker. The largest cells come first: what is small fits into the memory they
//! leave, and no worker ends long after the others.
//!
//! Each worker has cells up to a size of its own: the allocator keeps for a thread what its largest cell took, so a pass
//! needs room for one large cell and smaller ones, and not for a large one of each worker. The first worker builds what
//! no other may, the second what may be built by it and the first, and so on.

/// Work that waits for its turn.
struct Turn<T> {
    work: u64,
    cell: u64,
    what: T,
}

/// See the module.
pub struct Turns<T> {
    /// Those with the largest cells last.
    waiting: Vec<Turn<T>>,
    /// The largest cell each worker is given.
    most: Vec<u64>,
    all: u64,
}

impl<T> Turns<T> {
    /// Turns of several workers. Each piece of work comes with its size and that of its largest cell, in bytes; of two of
    /// one size the first given comes first.
    pub fn new(work: impl IntoIterator<Item = (u64, u64, T)>, workers: usize) -> Turns<T> {
        let mut waiting: Vec<Turn<T>> = work.into_iter().map(|(work, cell, what)| Turn { work, cell, what }).collect();
        waiting.reverse();
        waiting.sort_by_key(|turn| (turn.cell, turn.work));
        let all = waiting.iter().map(|turn| turn.work).sum();
        let mut most: Vec<u64> = (0..workers).map(|worker| most(&waiting, all, (workers - worker, workers))).collect();
        // Whatever the sizes say: one worker has everything, and nothing is left over.
        if let (Some(first), Some(largest)) = (most.first_mut(), waiting.last()) {
            *first = largest.cell;
        }
        Turns { waiting, most, all }
    }

    /// What is next for the worker with this number. `None`: nothing is left that it should do.
    pub fn next(&mut self, worker: usize) -> Option<T> {
        /// Less of all the work than one in so many is left to the workers it is meant for.
        const LITTLE: u64 = 10;
        let most = self.most.get(worker).copied().unwrap_or(0);
        let of_next = self.most.get(worker + 1).copied().unwrap_or(0);
        // First what the workers behind it may not do; where only that of those before it is left, the least of it.
        let own = || self.waiting.iter().rposition(|turn| turn.cell > of_next && turn.cell <= most);
        let any = || self.waiting.iter().rposition(|turn| turn.cell <= most);
        let least = || {
            let left: u64 = self.waiting.iter().map(|turn| turn.work).sum();
            (left > self.all / LITTLE).then_some(0)
        };
        let at = own().or_else(any).or_else(least)?;
        Some(self.waiting.remove(at).what)
    }
}

/// The smallest size of cell such that work with cells up to it is the given share of all. `waiting`: by cell.
fn most<T>(waiting: &[Turn<T>], all: u64, (share, of): (usize, usize)) -> u64 {
    let wanted = u128::from(all) * share as u128 / of.max(1) as u128;
    let mut so_far = 0;
    let reaches = |turn: &&Turn<T>| {
        so_far += u128::from(turn.work);
        so_far >= wanted
    };
    waiting.iter().find(reaches).or(waiting.last()).map_or(0, |turn| turn.cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When all is done, and the largest cells of each worker, where work takes as long as it is large.
    fn play(sizes: &[u64], workers: usize) -> (u64, Vec<u64>) {
        let mut turns = Turns::new(sizes.iter().map(|size| (*size, *size / 10, *size)), workers);
        let mut at_work: Vec<Option<u64>> = vec![None; workers];
        let (mut now, mut most) = (0, vec![0; workers]);
        loop {
            for worker in 0..workers {
                if at_work[worker].is_none()
                    && let Some(size) = turns.next(worker)
                {
                    at_work[worker] = Some(now + size);
                    most[worker] = size.max(most[worker]);
                }
            }
            let Some(end) = at_work.iter().flatten().min().copied() else { return (now, most) };
            now = end;
            at_work.iter_mut().for_each(|work| *work = work.filter(|other| *other > end));
        }
    }

    /// A few event types make up most of an export.
    fn export() -> Vec<u64> {
        let large = [950, 720, 680, 500, 470, 465, 365, 150, 140, 105, 105, 100, 95, 90, 75];
        large.into_iter().chain((1..80).map(|n| 720 / (n + 10))).collect()
    }

    #[test]
    fn one_worker_has_the_large_cells_and_none_ends_long_after_the_others() {
        let sizes = export();
        let all: u64 = sizes.iter().sum();
        let (end, most) = play(&sizes, 2);
        assert!(most[0] == 950 && most[1] <= 500, "{most:?}");
        assert!(end <= all / 2 + 10, "{end} of {all}");
    }

    #[test]
    fn many_workers_do_not_wait_for_each_other() {
        for workers in [4, 8, 16] {
            let (end, most) = play(&export(), workers);
            let best = 950.max(export().iter().sum::<u64>() / workers as u64);
            assert!(end <= best + best / 10, "{workers} workers: {end}, at best {best}");
            assert!(most.is_sorted_by(|more, less| more >= less), "{most:?}");
        }
    }

    #[test]
    fn what_is_meant_for_others_is_not_left_to_them_when_it_is_much() {
        // All cells are as large, but for one: whoever is free takes the next.
        let (end, _) = play(&[100, 100, 100, 100, 100, 100, 1], 3);
        assert!(end <= 201, "{end}");
        assert_eq!(play(&[1_000, 10], 2).0, 1_000);
    }

    #[test]
    fn everything_has_its_turn_once_the_largest_first() {
        let mut turns = Turns::new([(1, 1, "a"), (5, 5, "b"), (0, 0, "c"), (5, 5, "d"), (9, 3, "e")], 1);
        let order: Vec<&str> = std::iter::from_fn(|| turns.next(0)).collect();
        assert_eq!(order, ["b", "d", "e", "a", "c"]);
        // Also what takes no time and a large cell.
        let mut turns = Turns::new([(0, 7, "a"), (2, 2, "b")], 2);
        assert_eq!([turns.next(0), turns.next(0), turns.next(0)], [Some("a"), Some("b"), None]);
        assert!(Turns::<()>::new([], 2).next(0).is_none());
    }
}
