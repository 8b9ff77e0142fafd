//! The socket: accepts clients, limits how many there are, and ends them all in order.

use super::connection::{Connection, Handlers};
use super::server::{Options, Server};
use crate::error::{Error, Result};
use crate::query::Session;
use datafusion_postgres::pgwire::tokio::process_socket;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Sockets beside those of clients that are let in: for logins under way, requests to stop a statement, and for
/// telling those who come too many why they cannot stay.
const BESIDE: usize = 32;
/// How long statements that run have to end when the server does.
const GRACE: Duration = Duration::from_secs(2);
/// How long a client has to take in why it is sent away.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long to wait when no socket can be accepted: the process may have no file descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// A bound address.
pub struct Listener {
    listener: TcpListener,
    server: Arc<Server>,
}

/// What there is to tell when a server has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Clients that were still connected.
    pub connected: usize,
}

impl Listener {
    /// Binds the addresses' first that can be bound.
    pub async fn bind(addresses: &[SocketAddr], session: Session, options: Options) -> Result<Listener> {
        let listener = TcpListener::bind(addresses).await.map_err(|e| {
            let named: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
            Error::usage(format!("cannot listen on {}", named.join(", "))).because(e)
        })?;
        Ok(Listener { listener, server: Arc::new(Server::new(session, options)) })
    }

    /// The address clients connect to.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|e| Error::failed("cannot tell the address that is bound").because(e))
    }

    /// Serves until `end` is done: then nobody is accepted, running statements are stopped, and all are sent away.
    pub async fn serve(self, end: impl Future<Output = ()>) -> Result<Served> {
        let Listener { listener, server } = self;
        let sockets = Arc::new(Semaphore::new(server.options.max_connections.saturating_add(BESIDE)));
        let mut clients = JoinSet::new();
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                Some(_) = clients.join_next(), if !clients.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    // Dropping the socket is all that can be done for one more.
                    Ok((socket, _)) => if let Ok(place) = sockets.clone().try_acquire_owned() {
                        let server = server.clone();
                        clients.spawn(async move {
                            client(socket, server).await;
                            drop(place);
                        });
                    },
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(EXHAUSTED).await;
                    }
                },
            }
        }
        drop(listener);
        while clients.try_join_next().is_some() {}
        let connected = clients.len();
        // Statements end with an error their clients can read; who waits for nothing is cut off.
        server.closing.send_replace(true);
        let _ = tokio::time::timeout(GRACE, async { while clients.join_next().await.is_some() {} }).await;
        clients.shutdown().await;
        Ok(Served { connected })
    }
}

async fn client(socket: TcpStream, server: Arc<Server>) {
    let tls = server.options.tls.as_ref().map(|tls| tls.acceptor.clone());
    let mut closing = server.closing.subscribe();
    let connection = Arc::new(Connection::new(server));
    let gone = connection.gone.clone();
    tokio::select! {
        done = process_socket(socket, tls, Handlers(connection.clone())) => {
            if let Err(error) = done {
                tracing::debug!(%error, "a connection broke");
            }
        }
        // The protocol library goes on reading after an error that ends the connection.
        () = gone.notified() => tokio::time::sleep(FAREWELL).await,
        _ = async {
            let _ = closing.wait_for(|closing| *closing).await;
            connection.idle().await;
        } => {}
    }
}
