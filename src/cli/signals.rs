//! SIGINT and SIGTERM, for commands that end in order.

use crate::error::{Error, Kind, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from when it is made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen: from now on the signals no longer end the process by themselves.
    pub fn listen() -> Result<Signals> {
        let wrong = |e| Error::failed("cannot listen for signals").because(e);
        let interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
        let terminate = signal(SignalKind::terminate()).map_err(wrong)?;
        Ok(Signals { interrupt, terminate })
    }

    /// Waits for the next one and says how a command ends that it stops.
    pub async fn next(&mut self) -> Kind {
        tokio::select! {
            _ = self.interrupt.recv() => Kind::Interrupted,
            _ = self.terminate.recv() => Kind::Terminated,
        }
    }
}
