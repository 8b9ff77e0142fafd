//! What `eddyline doctor` does: proves in the user's own buckets that what Eddyline needs really works, and says which
//! permissions that takes. The checks do the I/O; findings, verdict and policies are pure.

mod chart;
mod finding;
mod permission;
mod place;
pub mod policy;
mod race;
mod source;
mod verdict;
mod warehouse;

pub use finding::{Check, Finding, Outcome, Side};
pub use place::{Account, Cloud, Place};
pub use source::examine_source;
pub use verdict::{Diagnosis, Verdict};
pub use warehouse::examine_warehouse;
