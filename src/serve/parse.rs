//! Statements that are prepared: read and described once, run as often as the client likes.

use super::connection::Connection;
use super::failure::error;
use super::parameters::{nulls, told};
use super::rows::fields;
use crate::query::postgres::{Request, outward};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::FieldInfo;
use datafusion_postgres::pgwire::api::stmt::QueryParser;
use datafusion_postgres::pgwire::api::{ClientInfo, Type};
use datafusion_postgres::pgwire::error::PgWireResult;
use std::sync::Arc;

/// A prepared statement.
#[derive(Debug)]
pub struct Prepared {
    /// What it asks for.
    pub request: Request,
    /// The columns its rows have; none where there are no rows.
    pub columns: SchemaRef,
    /// The types its parameters should have.
    pub parameters: Vec<Option<DataType>>,
}

impl Connection {
    /// What a statement's result will look like.
    async fn prepared(&self, request: Request, types: &[Option<Type>]) -> PgWireResult<Prepared> {
        let (columns, parameters) = match &request {
            Request::Rows(rows) => {
                let moment = self.moment().await?;
                let caller = self.caller();
                let session = &self.server.session;
                let mut described = self.guard(session.describe(&moment, rows, &caller, None)).await?;
                let parameters = std::mem::take(&mut described.parameters);
                if !parameters.is_empty() {
                    let nulls = nulls(types, &parameters)?;
                    described = self.guard(session.describe(&moment, rows, &caller, Some(nulls))).await?;
                }
                (outward(&described.columns), parameters)
            }
            Request::Show(name) => (shown(name), Vec::new()),
            Request::Fetch { cursor, .. } => {
                let state = self.known.state();
                let there = state.cursors.get(cursor).map(|c| c.columns.clone());
                (there.unwrap_or_else(|| Arc::new(Schema::empty())), Vec::new())
            }
            _ => (Arc::new(Schema::empty()), Vec::new()),
        };
        Ok(Prepared { request, columns, parameters })
    }
}

/// What the items of a list are, as SQL names it.
fn items(kind: &Type) -> Option<&'static str> {
    Some(match *kind {
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => "text",
        Type::INT2_ARRAY => "smallint",
        Type::INT4_ARRAY => "int",
        Type::INT8_ARRAY => "bigint",
        Type::FLOAT4_ARRAY => "real",
        Type::FLOAT8_ARRAY => "double",
        Type::BOOL_ARRAY => "boolean",
        _ => return None,
    })
}

/// The columns of SHOW.
pub fn shown(name: &str) -> SchemaRef {
    let column = |name: &str| Field::new(name, DataType::Utf8, true);
    let columns = match name {
        "all" => vec![column("name"), column("setting"), column("description")],
        name => vec![column(super::settings::Settings::spelling(name))],
    };
    Arc::new(Schema::new(columns))
}

#[async_trait]
impl QueryParser for Connection {
    type Statement = Arc<Prepared>;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Self::Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        self.may_ask(client.transaction_status(), true)?;
        let mut requests = self.guard(self.server.session.read(sql)).await?;
        if requests.len() > 1 {
            return Err(error("42601", "several statements cannot be prepared as one"));
        }
        let Some(mut request) = requests.pop() else { return Ok(None) };
        let lists: Vec<_> = (1..).zip(types).filter_map(|(at, kind)| Some((at, items(kind.as_ref()?)?))).collect();
        if let (Request::Rows(rows), false) = (&request, lists.is_empty()) {
            request = Request::Rows(Arc::new(rows.with_lists(&lists)));
        }
        let ends = matches!(request, Request::Commit | Request::Rollback);
        self.may_ask(client.transaction_status(), ends)?;
        Ok(Some(Arc::new(self.prepared(request, types).await?)))
    }

    fn get_parameter_types(&self, statement: &Self::Statement) -> PgWireResult<Vec<Type>> {
        Ok(statement.parameters.iter().map(|wanted| told(wanted.as_ref())).collect())
    }

    fn get_result_schema(&self, statement: &Self::Statement, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        fields(&statement.columns, format.unwrap_or(&Format::UnifiedText), None)
    }
}
