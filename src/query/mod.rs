//! The way out: SQL over the warehouse. The only room that names DataFusion. See `README.md` beside this file.

pub mod all_events;
pub mod answer;
mod builtin_views;
mod catalog;
mod complaint;
mod completion;
pub mod describe;
mod footers;
mod holdings;
mod nearest;
mod pinned;
pub mod postgres;
mod prepared;
pub mod print;
mod prune;
mod reader;
pub mod repl;
mod scan_statistics;
mod session;
mod sql_type;
mod statement;
mod system_tables;
mod table_provider;
pub mod views;
mod workers;
mod world;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Batches};
pub use prepared::{Described, Moment, Order, Values};
pub use print::OutputFormat;
pub use repl::repl;
pub use session::{Options, Relation, Session, Sort};
pub use statement::{Statement, is_complete, split_statements};
pub use system_tables::ColumnInfo;
