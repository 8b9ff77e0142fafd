//! The way out: SQL over the warehouse. The only room that names DataFusion. See `README.md` beside this file.

pub mod all_events;
pub mod answer;
mod builtin_views;
mod catalog;
pub mod chart;
mod complaint;
pub mod describe;
mod footers;
mod holdings;
mod in_turn;
mod last;
mod local_time;
mod memory;
mod nearest;
mod pinned;
pub mod postgres;
mod prepared;
pub mod print;
mod prune;
mod reader;
mod scan_statistics;
mod session;
mod sql_type;
mod statement;
mod system_tables;
mod table_provider;
pub mod views;
mod watch;
mod workers;
mod world;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Batches};
pub use builtin_views::FILES as BUILTIN_VIEWS;
/// The parser of views, for those who write them anew.
pub use datafusion::sql::sqlparser;
pub use last::LAST;
pub use nearest::nearest;
pub use prepared::{Described, Moment, Order, Values};
pub use print::OutputFormat;
pub use session::{Options, Relation, Session, Sort};
pub use statement::{Statement, is_complete, split_statements};
pub use system_tables::ColumnInfo;
pub use watch::{Reading, Watch};
