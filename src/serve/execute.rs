//! The two ways statements come: as text that runs at once, or prepared, bound and executed.

use super::connection::Connection;
use super::failure::error;
use super::parameters::values;
use super::parse::Prepared;
use super::perform::Performed;
use super::rows::fields;
use async_trait::async_trait;
use datafusion_postgres::pgwire::api::portal::{Format, Portal, PortalExecutionState};
use datafusion_postgres::pgwire::api::query::{
    ExtendedQueryHandler, SimpleQueryHandler, send_describe_response, send_execution_response,
};
use datafusion_postgres::pgwire::api::results::{DescribePortalResponse, Response, Tag};
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::api::store::{Entry, PortalStore};
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::extendedquery::{
    Describe, Execute, Parse, ParseComplete, PortalSuspended, Sync as End, TARGET_TYPE_BYTE_PORTAL,
};
use datafusion_postgres::pgwire::messages::response::{EmptyQueryResponse, ReadyForQuery, TransactionStatus};
use datafusion_postgres::pgwire::messages::startup::ParameterStatus;
use futures::{Sink, SinkExt, StreamExt};
use std::fmt::Debug;
use std::sync::Arc;

/// Prepared statements a client may have.
const PREPARED: usize = 4096;

/// Sends what performing a statement changed, and gives back what it answers.
async fn settle<C>(client: &mut C, performed: Performed) -> PgWireResult<Response>
where
    C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    C::PortalStore: PortalStore,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    for name in performed.forget {
        client.portal_store().rm_statement(&name);
    }
    for (name, value) in performed.told {
        let told = ParameterStatus::new(name.to_string(), value);
        client.feed(PgWireBackendMessage::ParameterStatus(told)).await?;
    }
    Ok(performed.response)
}

#[async_trait]
impl SimpleQueryHandler for Connection {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        self.may_ask(client.transaction_status(), true)?;
        let requests = self.guard(self.server.session.read(query)).await?;
        if requests.is_empty() {
            return Ok(vec![Response::EmptyQuery]);
        }
        let mut responses = Vec::new();
        let mut status = client.transaction_status();
        for request in &requests {
            let performed = match self.perform(request, status, &Format::UnifiedText, None, None).await {
                Ok(performed) => performed,
                Err(error) if responses.is_empty() => return Err(error),
                // Those before it have their results; those behind it do not run.
                Err(error) => {
                    responses.push(Response::Error(Box::new(error.into())));
                    break;
                }
            };
            let response = settle(client, performed).await?;
            match &response {
                Response::TransactionStart(_) => status = TransactionStatus::Transaction,
                Response::TransactionEnd(_) => status = TransactionStatus::Idle,
                _ => {}
            }
            responses.push(response);
        }
        Ok(responses)
    }
}

#[async_trait]
impl ExtendedQueryHandler for Connection {
    type Statement = Arc<Prepared>;
    type QueryParser = Connection;

    fn query_parser(&self) -> Arc<Connection> {
        Arc::new(self.clone())
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
        let statement = StoredStatement::parse(client, &message, self.query_parser()).await?;
        {
            let mut state = self.known.state();
            if state.prepared.len() >= PREPARED && !state.prepared.contains(&name) {
                return Err(error("53400", format!("there are {PREPARED} prepared statements: deallocate some")));
            }
            state.prepared.insert(name.clone());
        }
        match statement {
            Some(statement) => client.portal_store().put_statement(Arc::new(statement)),
            None => client.portal_store().put_empty_statement(&name),
        }
        client.feed(PgWireBackendMessage::ParseComplete(ParseComplete::new())).await?;
        Ok(())
    }

    /// A cursor is a portal too: drivers ask what its rows look like.
    async fn on_describe<C>(&self, client: &mut C, message: Describe) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().filter(|_| message.target_type == TARGET_TYPE_BYTE_PORTAL);
        let columns = name.and_then(|name| self.known.state().cursors.get(name).map(|c| c.columns.clone()));
        match columns {
            Some(columns) => {
                let told = DescribePortalResponse::new(fields(&columns, &Format::UnifiedText, None)?);
                send_describe_response(client, &told).await
            }
            None => self._on_describe(client, message).await,
        }
    }

    /// The library's own collects a whole result before it sends the first row; this one sends as it goes.
    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                client.feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
                return Ok(());
            }
            None => return Err(PgWireError::PortalNotFound(name.to_owned())),
        };
        client.set_state(PgWireConnectionState::QueryInProgress);
        let most = usize::try_from(message.max_rows).unwrap_or(0);
        let state = portal.state();
        let mut state = state.lock().await;
        if matches!(*state, PortalExecutionState::Initial) {
            match ExtendedQueryHandler::do_query(self, client, &portal, most).await? {
                Response::Query(response) => *state = PortalExecutionState::Suspended(response),
                other => {
                    *state = PortalExecutionState::Finished;
                    finish(client, other).await?;
                    client.set_state(PgWireConnectionState::ReadyForQuery);
                    return Ok(());
                }
            }
        }
        let (sent, more, tag) = match &mut *state {
            PortalExecutionState::Suspended(response) => {
                let mut sent = 0;
                let more = loop {
                    if most > 0 && sent == most {
                        break true;
                    }
                    match response.data_rows().next().await {
                        Some(row) => client.feed(PgWireBackendMessage::DataRow(row?)).await?,
                        None => break false,
                    }
                    sent += 1;
                };
                (sent, more, response.command_tag().to_string())
            }
            PortalExecutionState::Initial | PortalExecutionState::Finished => (0, false, "SELECT".to_string()),
        };
        if more {
            client.feed(PgWireBackendMessage::PortalSuspended(PortalSuspended::new())).await?;
        } else {
            *state = PortalExecutionState::Finished;
            send_execution_response(client, Tag::new(&tag).with_rows(sent)).await?;
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }

    /// Outside a transaction a portal ends with the exchange it was made in: what it holds is given back.
    async fn on_sync<C>(&self, client: &mut C, _message: End) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let status = client.transaction_status();
        match status {
            TransactionStatus::Idle => client.portal_store().clear_portals(),
            _ => client.portal_store().rm_portal(DEFAULT_NAME),
        }
        client.send(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(status))).await?;
        Ok(())
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Self::Statement>,
        _most: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let statement = &portal.statement.statement;
        let values = values(portal, &statement.parameters)?;
        let columns = (!statement.columns.fields().is_empty()).then_some(&statement.columns);
        let status = client.transaction_status();
        let format = &portal.result_column_format;
        let performed = self.perform(&statement.request, status, format, columns, Some(values)).await?;
        settle(client, performed).await
    }
}

/// Answers what has no rows.
async fn finish<C>(client: &mut C, response: Response) -> PgWireResult<()>
where
    C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    C::PortalStore: PortalStore,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    match response {
        Response::Execution(tag) => send_execution_response(client, tag).await,
        Response::TransactionStart(tag) => {
            client.set_transaction_status(TransactionStatus::Transaction);
            send_execution_response(client, tag).await
        }
        Response::TransactionEnd(tag) => {
            client.set_transaction_status(TransactionStatus::Idle);
            client.portal_store().clear_portals();
            send_execution_response(client, tag).await
        }
        _ => Err(error("XX000", "the statement has no answer")),
    }
}
