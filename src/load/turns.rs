//! Which table is built next. The largest comes first, so that no worker ends long after the others; but beside a large
//! one a smaller is taken while there is enough other work, so that a pass holds one large cell and not one for each
//! worker.

/// Work that waits for its turn.
struct Turn<T> {
    work: u64,
    cell: u64,
    what: T,
}

/// See the module.
pub struct Turns<T> {
    /// The largest last.
    waiting: Vec<Turn<T>>,
    workers: u64,
    /// What the cells at work may weigh together.
    room: u64,
    at_work: u64,
}

impl<T> Turns<T> {
    /// Turns of several workers. Each piece of work comes with its size and that of its largest cell, in bytes; of two of
    /// one size the first given comes first.
    pub fn new(work: impl IntoIterator<Item = (u64, u64, T)>, workers: usize) -> Turns<T> {
        let mut waiting: Vec<Turn<T>> = work.into_iter().map(|(work, cell, what)| Turn { work, cell, what }).collect();
        waiting.reverse();
        waiting.sort_by_key(|turn| turn.work);
        let largest = waiting.iter().map(|turn| turn.cell).max().unwrap_or(0);
        Turns { waiting, workers: workers as u64, room: largest.saturating_add(largest / 4), at_work: 0 }
    }

    /// What is next, and its cell's size, to be given to [`Turns::done`] at its end.
    pub fn next(&mut self) -> Option<(T, u64)> {
        let all: u64 = self.waiting.iter().map(|turn| turn.work).sum();
        let is_next = |turn: &Turn<T>| {
            let fits = self.at_work.saturating_add(turn.cell) <= self.room;
            // Later it would be what the others wait for.
            fits || (all - turn.work) / self.workers.max(1) < turn.work
        };
        // Where nothing fits, what takes the least of the others' room.
        let least = || self.waiting.iter().enumerate().min_by_key(|(_, turn)| turn.cell).map(|(at, _)| at);
        let at = self.waiting.iter().rposition(is_next).or_else(least)?;
        let Turn { cell, what, .. } = self.waiting.remove(at);
        self.at_work = self.at_work.saturating_add(cell);
        Some((what, cell))
    }

    /// A worker is free again.
    pub fn done(&mut self, cell: u64) {
        self.at_work = self.at_work.saturating_sub(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When all is done, and the most that the cells at work weighed together, where work takes as long as it is large.
    fn play(sizes: &[u64], workers: usize) -> (u64, u64) {
        let mut turns = Turns::new(sizes.iter().map(|size| (*size, *size / 10, *size)), workers);
        let mut at_work: Vec<(u64, u64)> = Vec::new();
        let (mut now, mut most) = (0, 0);
        loop {
            while at_work.len() < workers
                && let Some((size, cell)) = turns.next()
            {
                at_work.push((now + size, cell));
            }
            most = most.max(at_work.iter().map(|(_, cell)| cell).sum());
            let Some(first) = (0..at_work.len()).min_by_key(|at| at_work[*at]) else { return (now, most) };
            let (end, cell) = at_work.remove(first);
            now = end;
            turns.done(cell);
        }
    }

    /// A few event types make up most of an export.
    fn export() -> Vec<u64> {
        let large = [950, 720, 680, 500, 470, 465, 365, 150, 140, 105, 105, 100, 95, 90, 75];
        large.into_iter().chain((1..80).map(|n| 720 / (n + 10))).collect()
    }

    #[test]
    fn one_large_cell_at_a_time_and_no_worker_ends_long_after_the_others() {
        let sizes = export();
        let all: u64 = sizes.iter().sum();
        let (end, most) = play(&sizes, 2);
        assert!(most <= 95 + 24, "{most}");
        assert!(end <= all / 2 + 10, "{end} of {all}");
    }

    #[test]
    fn many_workers_do_not_wait_for_room() {
        for workers in [4, 8, 16] {
            let (end, _) = play(&export(), workers);
            let best = 950.max(export().iter().sum::<u64>() / workers as u64);
            assert!(end <= best + best / 10, "{workers} workers: {end}, at best {best}");
        }
    }

    #[test]
    fn everything_has_its_turn_once_the_largest_first() {
        let mut turns = Turns::new([(1, 1, "a"), (5, 5, "b"), (0, 0, "c"), (5, 5, "d")], 1);
        let mut order = Vec::new();
        while let Some((what, cell)) = turns.next() {
            order.push(what);
            turns.done(cell);
        }
        assert_eq!(order, ["b", "d", "a", "c"]);
        assert!(Turns::<()>::new([], 2).next().is_none());
    }
}
