//! What all connections of one server have in common.

use super::cancel::Stops;
use super::login::Password;
use super::tls::Tls;
use crate::error::Result;
use crate::query::{Moment, Session};
use datafusion_postgres::pgwire::api::RandomPidSecretKeyGenerator;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::Instant;

/// How long a look at the log is good for: statements in between read what it showed.
const FRESH: Duration = Duration::from_secs(2);
/// Bytes of one result that may stay in memory while its client takes them.
const KEEP: usize = 8 << 20;

/// How the warehouse is served.
pub struct Options {
    /// Without one, everyone who reaches the address may read.
    pub password: Option<Password>,
    /// The only user there is; without one, any name will do.
    pub user: Option<String>,
    /// Encrypts connections; those that are not are refused then.
    pub tls: Option<Tls>,
    /// How many clients there may be at once.
    pub max_connections: usize,
    /// Bytes of memory for running queries.
    pub memory: usize,
}

/// See the module.
pub struct Server {
    /// The warehouse.
    pub session: Session,
    /// How it is served.
    pub options: Options,
    /// Who can be asked to stop.
    pub stops: Arc<Stops>,
    /// A place for each client there may be.
    pub places: Arc<Semaphore>,
    /// Numbers and secrets of connections.
    pub keys: Arc<RandomPidSecretKeyGenerator>,
    /// Turns true when the server ends.
    pub closing: watch::Sender<bool>,
    looked: Mutex<Option<Instant>>,
}

impl Server {
    /// A server without connections.
    pub fn new(session: Session, options: Options) -> Server {
        Server {
            session,
            stops: Arc::default(),
            places: Arc::new(Semaphore::new(options.max_connections)),
            keys: Arc::default(),
            closing: watch::channel(false).0,
            looked: Mutex::new(None),
            options,
        }
    }

    /// What the warehouse holds now, a few seconds ago at most.
    pub async fn moment(&self) -> Result<Moment> {
        let mut looked = self.looked.lock().await;
        if looked.is_none_or(|at| at.elapsed() > FRESH) {
            self.session.refresh().await?;
            *looked = Some(Instant::now());
        }
        Ok(self.session.moment())
    }

    /// Bytes of one result that may stay in memory: all clients together must leave queries most of it.
    pub fn keep(&self) -> usize {
        let share = self.options.memory / 4 / self.options.max_connections.max(1);
        share.clamp(64 << 10, KEEP)
    }
}
