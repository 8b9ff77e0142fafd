//! When to kill a load so that it is struck while it runs. How long one takes changes with whatever else the machine
//! does, from one minute to the next: a time taken once does not do.

use rand::Rng;
use std::time::Duration;

/// How long a load takes here and now. It follows what the kills meet, to about one in six that comes too late.
pub struct Pace(Duration);

impl Pace {
    /// What a load took, to begin with.
    pub fn of(load: Duration) -> Pace {
        Pace(load)
    }

    /// A moment between a load's beginning and its end.
    pub fn moment(&self, dice: &mut impl Rng) -> Duration {
        self.0.mul_f64(dice.random_range(0.03..0.95))
    }

    /// The kill found it running, or the load was faster.
    pub fn met(&mut self, running: bool) {
        self.0 = self.0.mul_f64(if running { 1.05 } else { 0.8 });
    }
}
