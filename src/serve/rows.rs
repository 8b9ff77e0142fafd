//! Rows on their way to a client, encoded one by one: what the client has not taken yet stays in the answer, which
//! lies in a file when it is large.

use super::connection::Connection;
use super::failure::{error, failure, fatal};
use super::settings::Settings;
use crate::query::postgres::outward_batch;
use crate::query::{Answer, Batches};
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion_postgres::arrow_pg::datatypes::arrow_schema_to_pg_fields;
use datafusion_postgres::arrow_pg::encoder::encode_value;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{DataRowEncoder, FieldInfo, QueryResponse};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::messages::data::DataRow;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// The columns as the protocol describes them. `Individual` formats must be as many as there are columns.
pub fn fields(columns: &SchemaRef, format: &Format, settings: Option<&Settings>) -> PgWireResult<Vec<FieldInfo>> {
    if let Format::Individual(codes) = format
        && codes.len() != columns.fields().len()
    {
        let what = format!("{} formats for {} columns", codes.len(), columns.fields().len());
        return Err(error("08P01", what));
    }
    arrow_schema_to_pg_fields(columns, format, settings.map(|s| Arc::new(s.format())))
}

/// Rows that a client has not taken yet.
pub struct Outgoing {
    batches: Batches,
    /// The columns the client was told.
    columns: SchemaRef,
    zone: String,
    now: Option<(RecordBatch, usize)>,
    stop: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
}

impl Outgoing {
    /// The rows of an answer, in the columns the client is told.
    pub fn new(answer: Answer, columns: SchemaRef, of: &Connection) -> PgWireResult<Outgoing> {
        let batches = answer.into_batches().map_err(|e| failure(&e))?;
        let (stop, closing) = (of.stop.subscribe(), of.server.closing.subscribe());
        let zone = of.known.settings().zone().to_string();
        Ok(Outgoing { batches, columns, zone, now: None, stop, closing })
    }

    /// From now on only newer requests stop it.
    pub fn attend(&mut self) {
        self.stop.mark_unchanged();
    }

    /// The next row, as the fields ask for it.
    pub fn take(&mut self, fields: &[FieldInfo], encoder: &mut DataRowEncoder) -> PgWireResult<Option<DataRow>> {
        let (batch, row) = loop {
            match self.now.take() {
                Some((batch, row)) if row < batch.num_rows() => break (batch, row),
                _ => {}
            }
            // Between batches is often enough to see that nobody wants the rest.
            if *self.closing.borrow() {
                return Err(fatal("57P01", "the server is ending", None));
            }
            if self.stop.has_changed().unwrap_or(false) {
                return Err(error("57014", "the statement was stopped because its client asked for it"));
            }
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let batch = batch.map_err(|e| failure(&e))?;
            self.now = Some((outward_batch(&batch, &self.columns, Some(&self.zone)).map_err(|e| failure(&e))?, 0));
        };
        let schema = batch.schema_ref();
        for ((column, field), told) in batch.columns().iter().zip(schema.fields()).zip(fields) {
            // Not left to the library's encoder: it sends the null of an interval as zero.
            if column.is_null(row) {
                let (kind, format) = (told.datatype(), told.format());
                encoder.encode_field_with_type_and_format(&None::<&str>, kind, format, told.format_options())?;
            } else {
                encode_value(encoder, column, row, field, told)?;
            }
        }
        self.now = Some((batch, row + 1));
        Ok(Some(encoder.take_row()))
    }
}

/// Rows as a response: `most` of them, or all. They are encoded as they are sent.
pub fn response(
    rows: Arc<Mutex<Outgoing>>,
    columns: &SchemaRef,
    most: Option<usize>,
    format: &Format,
    settings: &Settings,
    tag: &str,
) -> PgWireResult<QueryResponse> {
    let fields = Arc::new(fields(columns, format, Some(settings))?);
    let mut encoder = DataRowEncoder::new(fields.clone());
    let told = fields.clone();
    let take = move || rows.lock().unwrap_or_else(PoisonError::into_inner).take(&told, &mut encoder).transpose();
    let rows = std::iter::from_fn(take).take(most.unwrap_or(usize::MAX));
    let mut response = QueryResponse::new(fields, futures::stream::iter(rows));
    response.set_command_tag(tag);
    Ok(response)
}
