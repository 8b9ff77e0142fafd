//! Requests to stop a statement. They come on a connection of their own and name the one they mean by a number and a
//! secret; whoever does not know the secret stops nothing.

use super::connection::Connection;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::messages::cancel::CancelRequest;
use datafusion_postgres::pgwire::messages::startup::SecretKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Told to stop what runs now: everyone who watches it from before.
pub type Stop = Arc<watch::Sender<u64>>;

/// The connections that can be asked to stop.
#[derive(Default)]
pub struct Stops(Mutex<HashMap<(i32, Bytes), Stop>>);

impl Stops {
    /// Adds a connection, for as long as what comes back is kept.
    pub fn add(self: &Arc<Self>, number: i32, secret: &SecretKey, stop: Stop) -> Listed {
        let key = (number, secret.to_bytes());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), stop);
        Listed { stops: self.clone(), key }
    }

    fn stop(&self, number: i32, secret: &SecretKey) {
        let key = (number, secret.to_bytes());
        if let Some(stop) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            stop.send_modify(|times| *times = times.wrapping_add(1));
        }
    }
}

/// A connection that can be asked to stop.
pub struct Listed {
    stops: Arc<Stops>,
    key: (i32, Bytes),
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.stops.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[async_trait]
impl CancelHandler for Connection {
    async fn on_cancel_request(&self, request: CancelRequest) {
        self.server.stops.stop(request.pid, &request.secret_key);
    }
}
