//! Eddyline: a Braze Currents export in, a Parquet warehouse and SQL out.
#![forbid(unsafe_code)]

pub mod currents;
pub mod error;
pub mod load;
pub mod table;
pub mod warehouse;
