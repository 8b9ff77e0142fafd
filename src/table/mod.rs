//! What a table is: its definition, its columns, and how decoded records become its rows. Pure; reads `table_defs/`
//! as text given to it.

mod column;
mod conform;
mod convert;
mod definition;
mod extra;
mod schema;

pub use column::{ColumnType, UTC, uuid_type};
pub use conform::{Conformed, Fit, KIND_JSON, KIND_KEY, NoIdentity, Run, align, discover, has_extra};
pub use definition::{COLUMNS_FILE, ColumnDef, Definitions, TableDef};
pub use schema::{EXTRA, ID, NewColumn, QUEUE_DATE, SOURCE_FILE, SOURCE_ROW, TIME, TableSchema};
