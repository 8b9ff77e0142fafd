//! The room as a whole, over small warehouses made here.

mod described;
mod errors;
pub mod fixture;
mod planning;
mod replaced;
mod session;
mod speed;
