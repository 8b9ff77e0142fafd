//! The warehouse over PostgreSQL's wire protocol, read only. See `README.md` beside this file.

mod cancel;
mod connection;
mod execute;
mod failure;
mod listener;
mod login;
mod parameters;
mod parse;
mod perform;
mod rows;
mod server;
mod settings;
mod tls;

pub use listener::{Listener, Served};
pub use login::Password;
pub use server::Options;
pub use tls::Tls;
