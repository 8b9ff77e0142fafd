//! Eddyline: a Braze Currents export in, a Parquet warehouse and SQL out.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod connect;
pub mod currents;
pub mod doctor;
pub mod error;
pub mod generate;
pub mod load;
pub mod query;
pub mod serve;
pub mod shell;
pub mod table;
pub mod tell;
pub mod warehouse;
