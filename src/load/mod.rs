//! The way in: from a listing of the bucket to committed cells. Knows nothing of SQL.

mod bucket;
mod builders;
mod cell_build;
mod context;
mod damaged;
mod dedupe;
mod gather;
mod ledger;
mod loader;
mod look;
mod mix;
mod old_rows;
mod pile;
mod plan;
mod publish;
mod reach;
mod read;
mod report;
mod restate;
mod route;
pub mod schedule;
mod settle;
mod small;
mod table_build;
mod tally;
mod turns;
mod unread;
mod watch;

pub use bucket::{Bound, Bucket, Fetched, Listed, Listing, Opened, Ranges};
pub use context::{ColumnPolicy, Settings};
pub use loader::{Clock, Loader, Request};
pub use plan::{Plan, Scope};
pub use reach::{FullScan, Through};
pub use report::{LoadReport, bytes, count, number, one_line, plan_text};
pub use restate::restate;
pub use watch::{Progress, Stop};
