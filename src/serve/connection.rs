//! One client: who it is, its settings, whether it is in a transaction, what it can be asked to stop.

use super::cancel::{Listed, Stop};
use super::failure::{error, failure, fatal, guarded, is_fatal};
use super::login::{Exchange, exchange};
use super::rows::Outgoing;
use super::server::Server;
use super::settings::Settings;
use crate::error::Result;
use crate::query::Moment;
use crate::query::postgres::Caller;
use arrow::datatypes::SchemaRef;
use datafusion_postgres::pgwire::api::auth::StartupHandler;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler, PgWireServerHandlers};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::response::TransactionStatus;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};

/// See the module. Cheap to clone: all clones are the same client.
#[derive(Clone)]
pub struct Connection {
    /// What it shares with others.
    pub server: Arc<Server>,
    /// What is known of the client.
    pub known: Arc<Known>,
    /// The login, where one is needed.
    pub exchange: Option<Arc<Exchange>>,
    /// Stops what runs.
    pub stop: Stop,
    /// Notified when the client was sent away.
    pub gone: Arc<Notify>,
    busy: Arc<watch::Sender<bool>>,
}

/// What is known of a client, shared with what tells it.
#[derive(Default)]
pub struct Known(Mutex<State>);

/// What changes while a client is connected.
#[derive(Default)]
pub struct State {
    user: String,
    settings: Settings,
    place: Option<OwnedSemaphorePermit>,
    listed: Option<Listed>,
    /// What the warehouse held when the transaction's first statement ran.
    moment: Option<Moment>,
    /// The settings before the transaction, and those it set only for itself.
    before: Option<Settings>,
    local: BTreeSet<String>,
    /// Cursors by name.
    pub cursors: BTreeMap<String, Cursor>,
    /// Names of prepared statements.
    pub prepared: BTreeSet<String>,
}

/// A cursor: a result that is taken piece by piece.
pub struct Cursor {
    /// What is left of it.
    pub rows: Arc<Mutex<Outgoing>>,
    /// Its columns.
    pub columns: SchemaRef,
    /// Whether it outlives its transaction.
    pub hold: bool,
}

impl Known {
    /// What there is to know, to look at or change; never held while waiting.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client's settings now.
    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// Begins with a name and the settings the client asked for.
    pub fn begin(&self, user: String, settings: Settings) {
        let mut state = self.state();
        (state.user, state.settings) = (user, settings);
    }

    /// Whether the client has a place.
    pub fn has_place(&self) -> bool {
        self.state().place.is_some()
    }

    /// Gives the client a place.
    pub fn take(&self, place: OwnedSemaphorePermit) {
        self.state().place = Some(place);
    }

    /// Lets the client in.
    pub fn let_in(&self, listed: Listed) {
        self.state().listed = Some(listed);
    }

    /// Whether the client is in.
    pub fn is_in(&self) -> bool {
        self.state().listed.is_some()
    }
}

impl State {
    /// Changes settings; returns those whose new value the client is to be told.
    pub fn change(
        &mut self,
        change: impl FnOnce(&mut Settings) -> PgWireResult<()>,
    ) -> PgWireResult<Vec<(&'static str, String)>> {
        let before = self.settings.clone();
        change(&mut self.settings)?;
        let told = self.settings.told().zip(before.told());
        let changed = told.filter(|((_, now), (_, then))| now != then);
        Ok(changed.map(|((name, value), _)| (name, value.to_string())).collect())
    }

    /// A setting lasts only until the transaction ends.
    pub fn only_here(&mut self, name: &str) {
        if self.before.is_some() {
            self.local.insert(name.to_lowercase());
        }
    }

    /// A transaction begins.
    pub fn begin(&mut self) {
        if self.before.is_none() {
            self.before = Some(self.settings.clone());
        }
    }

    /// A transaction ends; settings it made for itself, or all of them, are taken back.
    pub fn end(&mut self, back: bool) -> PgWireResult<Vec<(&'static str, String)>> {
        self.moment = None;
        self.cursors.retain(|_, cursor| cursor.hold && !back);
        let local = std::mem::take(&mut self.local);
        let Some(before) = self.before.take() else { return Ok(Vec::new()) };
        self.change(|settings| {
            if back {
                *settings = before;
                return Ok(());
            }
            local.iter().try_for_each(|name| settings.set(name, before.get(name)))
        })
    }
}

impl Connection {
    /// A client that has just connected.
    pub fn new(server: Arc<Server>) -> Connection {
        let known = Arc::new(Known::default());
        let exchange = exchange(&server, &known).map(Arc::new);
        let stop = Arc::new(watch::channel(0).0);
        let busy = Arc::new(watch::channel(false).0);
        Connection { server, known, exchange, stop, gone: Arc::default(), busy }
    }

    /// Who asks, as SQL sees it.
    pub fn caller(&self) -> Caller {
        let state = self.known.state();
        Caller { user: state.user.clone(), settings: state.settings.all().clone() }
    }

    /// What the statement reads: the newest there is, or within a transaction what its first statement read.
    pub async fn moment(&self) -> PgWireResult<Moment> {
        if let Some(moment) = self.known.state().moment.clone() {
            return Ok(moment);
        }
        let moment = self.guard(self.server.moment()).await?;
        self.keep(&moment);
        Ok(moment)
    }

    /// Within a transaction, reads this moment from now on.
    pub fn keep(&self, moment: &Moment) {
        let mut state = self.known.state();
        if state.before.is_some() {
            state.moment = Some(moment.clone());
        }
    }

    /// Refuses what a client may not do: anything before it is in, and all but the end of a failed transaction.
    pub fn may_ask(&self, status: TransactionStatus, ends: bool) -> PgWireResult<()> {
        if !self.known.is_in() {
            return Err(fatal("28000", "log in first", None));
        }
        if status == TransactionStatus::Error && !ends {
            return Err(error("25P02", "the transaction has failed: nothing runs until it is rolled back"));
        }
        Ok(())
    }

    /// Runs work until it is done, the client or the server wants it to stop, or its time is over.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> PgWireResult<T> {
        let mut stop = self.stop.subscribe();
        let mut closing = self.server.closing.subscribe();
        let limit = self.known.settings().statement_timeout();
        let over = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        self.busy.send_replace(true);
        let done = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => Err(fatal("57P01", "the server is ending", None)),
            _ = stop.changed() => Err(error("57014", "the statement was stopped because its client asked for it")),
            () = over => Err(error("57014", "the statement was stopped: it took longer than statement_timeout")),
            done = work => done.map_err(|e| failure(&e)),
        };
        self.busy.send_replace(false);
        done
    }

    /// Waits until nothing runs, and then for what there is to say to be sent.
    pub async fn idle(&self) {
        let _ = self.busy.subscribe().wait_for(|busy| !*busy).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The parts of the protocol, all played by the connection.
pub struct Handlers(pub Arc<Connection>);

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        self.0.clone()
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        self.0.clone()
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        self.0.clone()
    }

    fn error_handler(&self) -> Arc<impl ErrorHandler> {
        self.0.clone()
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        self.0.clone()
    }
}

impl ErrorHandler for Connection {
    fn on_error<C>(&self, _client: &C, error: &mut PgWireError)
    where
        C: ClientInfo,
    {
        let user = self.known.state().user.clone();
        guarded(error, &user);
        if is_fatal(error) || !self.known.is_in() {
            self.gone.notify_one();
        }
    }
}
