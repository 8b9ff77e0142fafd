//! The values of a statement's parameters, decoded by arrow-pg. What it is not given to guess: every parameter gets a
//! type here, because it leaves out nulls whose type it does not know, and those behind them move up.

use super::failure::error;
use crate::query::Values;
use arrow::datatypes::{DataType, TimeUnit};
use bytes::Bytes;
use datafusion_postgres::arrow_pg::datatypes::df::deserialize_parameters;
use datafusion_postgres::arrow_pg::datatypes::into_pg_type;
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::error::PgWireResult;
use std::sync::Arc;

/// The type clients are told a parameter has, where they do not say so themselves.
pub fn told(wanted: Option<&DataType>) -> Type {
    wanted.map_or(Type::TEXT, |kind| into_pg_type(kind).unwrap_or(Type::TEXT))
}

/// The values of a portal. `wanted` holds the types the statement asks for, as far as it tells.
pub fn values<S: Clone>(portal: &Portal<S>, wanted: &[Option<DataType>]) -> PgWireResult<Values> {
    let count = portal.parameters.len();
    if count != wanted.len() {
        let what = format!("{count} values for {} parameters", wanted.len());
        return Err(error("08P01", what));
    }
    let codes = match &portal.parameter_format {
        Format::Individual(codes) if codes.len() != count => {
            return Err(error("08P01", format!("{} formats for {count} values", codes.len())));
        }
        format => (0..count).map(|at| format.format_for(at).value()).collect(),
    };
    decoded(&portal.statement.parameter_types, codes, portal.parameters.clone(), wanted)
}

/// Nulls of the types the values will have: what a statement's result looks like depends on them.
pub fn nulls(said: &[Option<Type>], wanted: &[Option<DataType>]) -> PgWireResult<Values> {
    decoded(said, vec![0; wanted.len()], vec![None; wanted.len()], wanted)
}

fn decoded(
    said: &[Option<Type>],
    codes: Vec<i16>,
    values: Vec<Option<Bytes>>,
    wanted: &[Option<DataType>],
) -> PgWireResult<Values> {
    let mut typed = Portal::<()>::default();
    let (mut types, mut formats, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (wanted, code)) in wanted.iter().zip(codes).enumerate() {
        let said = said.get(at).cloned().flatten().filter(|t| *t != Type::UNKNOWN);
        let (kind, code) = match said {
            // A text is read as what the statement compares it with, as PostgreSQL reads one of unknown type.
            Some(Type::TEXT | Type::VARCHAR) if wanted.is_some() => (told(wanted.as_ref()), 0),
            Some(said) => (said, code),
            None => (told(wanted.as_ref()), code),
        };
        kinds.push(fitting(&kind, wanted.as_ref()));
        types.push(Some(kind));
        formats.push(code);
    }
    typed.statement = Arc::new(StoredStatement::new(String::new(), (), types));
    typed.parameter_format = Format::Individual(formats);
    typed.parameters = values;
    deserialize_parameters(&typed, &kinds.iter().map(Option::as_ref).collect::<Vec<_>>())
}

/// The type a value is put into, where that loses nothing; otherwise the plan finds the type both sides share.
fn fitting(kind: &Type, wanted: Option<&DataType>) -> Option<DataType> {
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    match (kind, wanted) {
        (&Type::INT2 | &Type::INT4 | &Type::INT8, Some(wanted)) => wanted.is_numeric().then(|| whole(wanted))?,
        (&Type::FLOAT4 | &Type::FLOAT8, Some(wanted @ (DataType::Float32 | DataType::Float64))) => Some(wanted.clone()),
        (&Type::NUMERIC, Some(wanted @ (DataType::Decimal128(..) | DataType::Float64))) => Some(wanted.clone()),
        // Wide enough for what is compared: its own guess can be narrower than its scale.
        (&Type::NUMERIC, _) => Some(DataType::Decimal128(38, 10)),
        (&Type::TIMESTAMPTZ, Some(wanted @ DataType::Timestamp(_, Some(_)))) => Some(wanted.clone()),
        (&Type::TIMESTAMPTZ, _) => Some(utc()),
        (&Type::TIMESTAMP, Some(wanted @ DataType::Timestamp(..))) => Some(wanted.clone()),
        (&Type::TIME, Some(wanted)) => Some(wanted.clone()),
        _ => None,
    }
}

/// Numbers a whole number can be put into.
fn whole(wanted: &DataType) -> Option<DataType> {
    (wanted.is_integer() || matches!(wanted, DataType::Float32 | DataType::Float64)).then(|| wanted.clone())
}
