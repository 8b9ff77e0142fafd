//! Performs one statement, whichever way it came.

use super::connection::{Connection, Cursor};
use super::failure::{error, failure};
use super::parse::shown;
use super::rows::{Outgoing, response};
use crate::query::postgres::{Request, Rows, outward};
use crate::query::{Order, Values};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{QueryResponse, Response, Tag};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::messages::response::TransactionStatus;
use std::sync::{Arc, Mutex, PoisonError};

/// Cursors a client may have open.
const CURSORS: usize = 64;

/// What performing a statement comes to.
pub struct Performed {
    /// What to answer.
    pub response: Response,
    /// Settings the client is told the new values of.
    pub told: Vec<(&'static str, String)>,
    /// Prepared statements to forget.
    pub forget: Vec<String>,
}

impl Performed {
    fn answer(response: Response) -> Performed {
        Performed { response, told: Vec::new(), forget: Vec::new() }
    }

    fn done(tag: &str) -> Performed {
        Performed::answer(Response::Execution(Tag::new(tag)))
    }
}

impl Connection {
    /// Performs a statement. `columns`: what the client was told of its rows, where it was.
    pub async fn perform(
        &self,
        request: &Request,
        status: TransactionStatus,
        format: &Format,
        columns: Option<&SchemaRef>,
        values: Option<Values>,
    ) -> PgWireResult<Performed> {
        self.may_ask(status, matches!(request, Request::Commit | Request::Rollback))?;
        let mut performed = match request {
            Request::Rows(rows) => {
                let (outgoing, columns) = self.run(rows, columns, values).await?;
                let settings = self.known.settings();
                Performed::answer(Response::Query(response(outgoing, &columns, None, format, &settings, rows.tag)?))
            }
            Request::Show(name) => Performed::answer(Response::Query(self.show(name, format)?)),
            Request::Begin => {
                self.known.state().begin();
                Performed::answer(Response::TransactionStart(Tag::new("BEGIN")))
            }
            Request::Commit | Request::Rollback => {
                let back = matches!(request, Request::Rollback) || status == TransactionStatus::Error;
                let told = self.known.state().end(back)?;
                let tag = Tag::new(if back { "ROLLBACK" } else { "COMMIT" });
                Performed { told, ..Performed::answer(Response::TransactionEnd(tag)) }
            }
            Request::Set { name, value, local } => {
                let mut state = self.known.state();
                let told = state.change(|settings| settings.set(name, value.as_deref()))?;
                if *local {
                    state.only_here(name);
                }
                Performed { told, ..Performed::done("SET") }
            }
            Request::Reset(name) => {
                let mut state = self.known.state();
                let told = state.change(|settings| match name {
                    Some(name) => settings.set(name, None),
                    None => {
                        settings.reset();
                        Ok(())
                    }
                })?;
                Performed { told, ..Performed::done("RESET") }
            }
            Request::Discard => {
                let mut state = self.known.state();
                let told = state.change(|settings| {
                    settings.reset();
                    Ok(())
                })?;
                state.cursors.clear();
                let forget = std::mem::take(&mut state.prepared).into_iter().collect();
                Performed { told, forget, ..Performed::done("DISCARD ALL") }
            }
            Request::Deallocate(Some(name)) => {
                self.known.state().prepared.remove(name);
                Performed { forget: vec![name.clone()], ..Performed::done("DEALLOCATE") }
            }
            Request::Deallocate(None) => {
                let forget = std::mem::take(&mut self.known.state().prepared).into_iter().collect();
                Performed { forget, ..Performed::done("DEALLOCATE ALL") }
            }
            Request::Declare { cursor, rows, hold } => self.declare(cursor, rows, *hold, values).await?,
            Request::Fetch { cursor, count } => self.fetch(cursor, *count, format)?,
            Request::Close(Some(name)) => {
                let there = self.known.state().cursors.remove(name);
                there.ok_or_else(|| error("34000", format!("there is no cursor \"{name}\"")))?;
                Performed::done("CLOSE CURSOR")
            }
            Request::Close(None) => {
                self.known.state().cursors.clear();
                Performed::done("CLOSE CURSOR ALL")
            }
            Request::Nothing(tag) => Performed::done(tag),
        };
        performed.told.sort();
        Ok(performed)
    }

    async fn run(
        &self,
        rows: &Arc<Rows>,
        columns: Option<&SchemaRef>,
        values: Option<Values>,
    ) -> PgWireResult<(Arc<Mutex<Outgoing>>, SchemaRef)> {
        let moment = self.moment().await?;
        let order = Order { rows: rows.clone(), caller: self.caller(), values, keep: self.server.keep() };
        let (answer, moment) = self.guard(self.server.session.answer(&moment, order)).await?;
        self.keep(&moment);
        let columns = columns.cloned().unwrap_or_else(|| outward(&answer.schema));
        if columns.fields().len() != answer.schema.fields().len() {
            return Err(error("0A000", "the columns changed since the statement was prepared: prepare it again"));
        }
        let outgoing = Outgoing::new(answer, columns.clone(), self)?;
        Ok((Arc::new(Mutex::new(outgoing)), columns))
    }

    fn show(&self, name: &str, format: &Format) -> PgWireResult<QueryResponse> {
        let settings = self.known.settings();
        let text = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let columns = match name {
            "all" => {
                let (names, values) = settings.all().iter().map(|(n, v)| (n.clone(), v.clone())).unzip();
                let nothing = vec![String::new(); settings.all().len()];
                vec![text(names), text(values), text(nothing)]
            }
            "session_authorization" => vec![text(vec![self.caller().user])],
            name => {
                let value = settings.get(name).map(str::to_string);
                vec![text(vec![value.ok_or_else(|| error("42704", format!("there is no setting \"{name}\"")))?])]
            }
        };
        let batch = RecordBatch::try_new(shown(name), columns)
            .map_err(|e| failure(&crate::error::Error::failed("cannot show the settings").because(e)))?;
        let answer = crate::query::Answer::of(batch.schema(), vec![batch.clone()]);
        let rows = Arc::new(Mutex::new(Outgoing::new(answer, batch.schema(), self)?));
        response(rows, &batch.schema(), None, format, &settings, "SHOW")
    }

    async fn declare(
        &self,
        name: &str,
        rows: &Arc<Rows>,
        hold: bool,
        values: Option<Values>,
    ) -> PgWireResult<Performed> {
        {
            let state = self.known.state();
            if state.cursors.contains_key(name) {
                return Err(error("42P03", format!("there is a cursor \"{name}\" already")));
            }
            if state.cursors.len() >= CURSORS {
                return Err(error("53000", format!("there are {CURSORS} cursors open: close some")));
            }
        }
        let (rows, columns) = self.run(rows, None, values).await?;
        self.known.state().cursors.insert(name.to_string(), Cursor { rows, columns, hold });
        Ok(Performed::done("DECLARE CURSOR"))
    }

    /// The next rows of a cursor.
    fn fetch(&self, name: &str, count: Option<usize>, format: &Format) -> PgWireResult<Performed> {
        let settings = self.known.settings();
        let state = self.known.state();
        let cursor = state.cursors.get(name);
        let cursor = cursor.ok_or_else(|| error("34000", format!("there is no cursor \"{name}\"")))?;
        cursor.rows.lock().unwrap_or_else(PoisonError::into_inner).attend();
        let response = response(cursor.rows.clone(), &cursor.columns, count, format, &settings, "FETCH")?;
        Ok(Performed::answer(Response::Query(response)))
    }
}
