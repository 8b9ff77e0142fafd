//! How the operators of queries share the memory they may use.
//!
//! DataFusion has two ways. Greedy: whoever comes first takes all, and a join, which cannot spill, finds nothing left.
//! Fair: everyone that can spill gets the same share, needed or not; a view of six lifecycles registers some two hundred
//! of them, and an aggregate then fails for want of ten MiB while nine tenths of the memory lie unused. This one lets
//! everyone take what is there, makes those spill that can and hold much once three quarters are taken, and keeps the
//! rest for those that hold little or cannot spill.

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation, human_readable_size};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// See the module.
#[derive(Debug)]
pub struct SharedPool {
    size: usize,
    used: AtomicUsize,
}

impl SharedPool {
    /// A pool of so many bytes.
    pub fn new(size: usize) -> SharedPool {
        SharedPool { size, used: AtomicUsize::new(0) }
    }

    /// What may be taken by those that could spill what they hold instead.
    fn open_to_spillers(&self) -> usize {
        self.size / 4 * 3
    }

    /// What everyone may hold without being made to spill: a batch of rows and some.
    fn little(&self) -> usize {
        self.size / 64
    }
}

impl fmt::Display for SharedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} taken", human_readable_size(self.reserved()), human_readable_size(self.size))
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "shared"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.used.fetch_add(additional, Ordering::SeqCst);
    }

    fn shrink(&self, _: &MemoryReservation, less: usize) {
        self.used.fetch_sub(less, Ordering::SeqCst);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let holds_much = reservation.size().saturating_add(additional) > self.little();
        let most = match reservation.consumer().can_spill() && holds_much {
            true => self.open_to_spillers(),
            false => self.size,
        };
        let grown = |used: usize| used.checked_add(additional).filter(|used| *used <= most);
        let outcome = self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, grown);
        outcome.map(drop).map_err(|_| {
            resources_datafusion_err!(
                "{} has {} and asked for {} more; {self}",
                reservation.consumer().name(),
                human_readable_size(reservation.size()),
                human_readable_size(additional)
            )
        })
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::MemoryConsumer;
    use std::sync::Arc;

    const MIB: usize = 1 << 20;

    fn pool() -> Arc<dyn MemoryPool> {
        Arc::new(SharedPool::new(2048 * MIB))
    }

    fn spiller(pool: &Arc<dyn MemoryPool>) -> MemoryReservation {
        MemoryConsumer::new("aggregate").with_can_spill(true).register(pool)
    }

    #[test]
    fn hundreds_that_hold_nothing_take_nothing_from_one_that_needs_some() {
        let pool = pool();
        let idle: Vec<_> = (0..500).map(|_| spiller(&pool)).collect();
        let busy = spiller(&pool);
        busy.try_grow(1000 * MIB).unwrap();
        assert_eq!(pool.reserved(), 1000 * MIB);
        drop((idle, busy));
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn whoever_can_spill_does_before_the_rest_is_taken() {
        let pool = pool();
        let large = spiller(&pool);
        large.try_grow(1500 * MIB).unwrap();
        let refused = large.try_grow(100 * MIB).unwrap_err();
        assert!(matches!(refused.find_root(), datafusion::error::DataFusionError::ResourcesExhausted(_)), "{refused}");
        assert!(refused.to_string().contains("aggregate has 1500.0 MB and asked for 100.0 MB more"), "{refused}");
        // What holds little still gets it, and so does what cannot spill.
        let small = spiller(&pool);
        small.try_grow(30 * MIB).unwrap();
        assert!(small.try_grow(30 * MIB).is_err());
        let join = MemoryConsumer::new("join").register(&pool);
        join.try_grow(500 * MIB).unwrap();
        assert!(join.try_grow(100 * MIB).is_err());
        // Having spilled, it may grow again.
        large.free();
        large.try_grow(900 * MIB).unwrap();
        assert_eq!(pool.reserved(), (900 + 30 + 500) * MIB);
    }
}
