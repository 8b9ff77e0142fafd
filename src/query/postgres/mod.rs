//! What PostgreSQL's clients expect of the SQL itself, whatever carries it: their session statements, their catalogs,
//! their types. The protocol is the business of `serve/`.

mod catalog;
mod directory;
mod functions;
mod information_schema;
mod recognize;
mod setting;
mod soften;
mod types;

pub use catalog::PgCatalog;
pub use directory::Origin;
pub use functions::Caller;
pub use recognize::{Request, Rows, read, read_only};
pub use types::{outward, outward_batch, reads_as};

/// The version of PostgreSQL clients may take us for: the one the catalogs are laid out like.
pub const SERVER_VERSION: &str = "16.6";
/// The name of the database there is.
pub const DATABASE: &str = super::catalog::CATALOG;
