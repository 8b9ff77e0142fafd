//! Whether what lies in a folder is there at once. Files in the page cache are: handing them to another thread and back
//! takes longer than reading them. Files on a disk or a network drive are not, and other threads read them ahead. Nothing
//! says which is which but how long it takes, so that is measured. Pure.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a file takes that is there at once, and then some.
const A_FILE: Duration = Duration::from_micros(30);
/// Nanoseconds a byte takes that is there at once, and then some: a third of that, in the page cache.
const A_BYTE: u64 = 1;
/// Reads that are handed over after one that took its time, before another tries.
const LEAST_WAIT: u32 = 8;
/// The most that are, however often the one that tried took its time.
const MOST_WAIT: u32 = 512;

/// See the module.
#[derive(Debug, Default)]
pub struct Pace {
    /// Reads still to be handed over.
    left: AtomicU32,
    /// Reads that were to be handed over the last time; 0 when the last read was quick.
    wait: AtomicU32,
}

impl Pace {
    /// Whether the next read is worth doing on the spot; how long it took is then to be told.
    pub fn is_quick(&self) -> bool {
        // Several threads may try at once: one read too many or too few is no harm.
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }

    /// So many files of so many bytes together were read on the spot, in that time.
    pub fn took(&self, files: usize, bytes: u64, time: Duration) {
        let at_once = A_FILE.saturating_mul(u32::try_from(files).unwrap_or(u32::MAX));
        let at_once = at_once.saturating_add(Duration::from_nanos(bytes.saturating_mul(A_BYTE)));
        let before = self.wait.load(Ordering::Relaxed);
        let wait = if time <= at_once { 0 } else { before.saturating_mul(2).clamp(LEAST_WAIT, MOST_WAIT) };
        self.wait.store(wait, Ordering::Relaxed);
        self.left.store(wait, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many reads, how many were done on the spot, each of one file in that time.
    fn on_the_spot(pace: &Pace, reads: usize, time: Duration) -> usize {
        let tried = (0..reads).filter(|_| pace.is_quick());
        tried.inspect(|_| pace.took(1, 100_000, time)).count()
    }

    #[test]
    fn what_is_quick_is_read_on_the_spot_and_what_is_slow_ever_less_often() {
        let (quick, slow) = (Duration::from_micros(50), Duration::from_millis(2));
        let pace = Pace::default();
        assert_eq!(on_the_spot(&pace, 1_000, quick), 1_000);
        // One, then one after 8, 16, 32, 64, 128, 256 and each 512.
        assert_eq!(on_the_spot(&pace, 1 + 8 + 1, slow), 2);
        assert_eq!(on_the_spot(&pace, 100_000, slow), 5 + (100_000 - 501) / 513);
        // A disk that was slow has it all in the page cache now.
        assert!(on_the_spot(&pace, 1_000, quick) >= 1_000 - 512);
        assert_eq!(on_the_spot(&pace, 1_000, quick), 1_000);
        assert_eq!(on_the_spot(&pace, 1 + 8, slow), 1);
    }
}
