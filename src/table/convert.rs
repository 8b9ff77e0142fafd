//! One decoded column into the type its table stores it as. Lossless or not at all: a value that does not fit is
//! left null and its row reported, so that the caller keeps the value in `_extra`.

use super::column::{ColumnType, UTC};
use super::extra::value_text;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder,
    PrimitiveArray, StringBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType,
};
use arrow::error::ArrowError;
use serde_json::Value;
use std::sync::Arc;

/// A converted column and the rows whose value did not fit (null in the column).
pub struct Converted {
    /// The column, in the stored type.
    pub array: ArrayRef,
    /// Rows whose value did not fit.
    pub misfit_rows: Vec<usize>,
}

/// The last second a timestamp may name: the end of the year 2261, the last whole one that fits 64-bit nanoseconds,
/// which pandas and others count in.
const LAST_SECOND: i64 = 9_214_646_400 - 1;
/// Its counterpart before 1970: the start of 1678.
const FIRST_SECOND: i64 = -9_214_560_000;
/// Whole numbers up to here are exact in a double.
const EXACT_IN_DOUBLE: i64 = 1 << 53;

/// Converts a decoded column. `json`: the column holds JSON text of values.
pub fn convert(array: &ArrayRef, json: bool, kind: ColumnType) -> Result<Converted, ArrowError> {
    let stored = kind.stored();
    if !json {
        match (array.data_type(), &stored) {
            (from, to) if from == to && !matches!(to, DataType::Timestamp(_, _)) => {
                return Ok(Converted { array: array.clone(), misfit_rows: Vec::new() });
            }
            (DataType::Int32, DataType::Int64) | (DataType::Int32, DataType::Float64) => {
                return Ok(Converted { array: cast(array, &stored)?, misfit_rows: Vec::new() });
            }
            (DataType::List(item), DataType::List(_)) if item.data_type() == &DataType::Utf8 => {
                return Ok(Converted { array: cast(array, &stored)?, misfit_rows: Vec::new() });
            }
            (DataType::Int32, DataType::Timestamp(_, _)) => {
                return Ok(moments(array.as_primitive::<Int32Type>(), kind));
            }
            (DataType::Int64, DataType::Timestamp(_, _)) => {
                return Ok(moments(array.as_primitive::<Int64Type>(), kind));
            }
            _ => {}
        }
    }
    let value = |row: usize| decoded(array, row, json);
    let mut misfits = Vec::new();
    let rows = array.len();
    let array: ArrayRef = match stored {
        DataType::Int64 => {
            let mut to = Int64Builder::with_capacity(rows);
            fill(rows, array, &mut misfits, |row| value(row).integer(), |v| to.append_option(v));
            Arc::new(to.finish())
        }
        DataType::Float64 => {
            let mut to = Float64Builder::with_capacity(rows);
            fill(rows, array, &mut misfits, |row| value(row).real(), |v| to.append_option(v));
            Arc::new(to.finish())
        }
        DataType::Boolean => {
            let mut to = BooleanBuilder::with_capacity(rows);
            fill(rows, array, &mut misfits, |row| value(row).boolean(), |v| to.append_option(v));
            Arc::new(to.finish())
        }
        DataType::Timestamp(_, _) => {
            let mut to = TimestampMicrosecondBuilder::with_capacity(rows).with_timezone(UTC);
            let units = per_second(kind);
            fill(rows, array, &mut misfits, |row| value(row).micros(units), |v| to.append_option(v));
            Arc::new(to.finish())
        }
        DataType::Date32 => {
            let mut to = arrow::array::Date32Builder::with_capacity(rows);
            fill(rows, array, &mut misfits, |row| value(row).date(), |v| to.append_option(v));
            Arc::new(to.finish())
        }
        DataType::List(_) => {
            let mut to = ListBuilder::new(StringBuilder::new()).with_field(super::column::list_item());
            fill(
                rows,
                array,
                &mut misfits,
                |row| value(row).texts(),
                |v| match v {
                    Some(items) => to.append_value(items),
                    None => to.append_null(),
                },
            );
            Arc::new(to.finish())
        }
        _ => {
            let mut to = StringBuilder::with_capacity(rows, rows * 16);
            fill(rows, array, &mut misfits, |row| value(row).text(array, row, json), |v| to.append_option(v));
            Arc::new(to.finish())
        }
    };
    Ok(Converted { array, misfit_rows: misfits })
}

/// Every event has a moment, nearly always a whole number: worth a way of its own.
fn moments<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, kind: ColumnType) -> Converted
where
    T::Native: Into<i64>,
{
    let units = per_second(kind);
    let possible = FIRST_SECOND * units..(LAST_SECOND + 1) * units;
    let numbers = || array.values().iter().map(|value| (*value).into());
    // All of them, without a question for each: a number in the place of a null changes nothing.
    if numbers().fold(true, |all, number| all & possible.contains(&number)) {
        let micros: Vec<i64> = numbers().map(|number| number * (1_000_000 / units)).collect();
        let moments = TimestampMicrosecondArray::new(micros.into(), array.nulls().cloned()).with_timezone(UTC);
        return Converted { array: Arc::new(moments), misfit_rows: Vec::new() };
    }
    let mut misfit_rows = Vec::new();
    let moments = array.iter().enumerate().map(|(row, value)| {
        let micros = value.and_then(|value| Decoded::Integer(value.into()).micros(units));
        if micros.is_none() && value.is_some() {
            misfit_rows.push(row);
        }
        micros
    });
    let moments = TimestampMicrosecondArray::from_iter(moments).with_timezone(UTC);
    Converted { array: Arc::new(moments), misfit_rows }
}

/// How many source units make a second.
fn per_second(kind: ColumnType) -> i64 {
    if kind == ColumnType::TimestampMillis { 1_000 } else { 1 }
}

fn fill<T>(
    rows: usize,
    array: &ArrayRef,
    misfits: &mut Vec<usize>,
    mut take: impl FnMut(usize) -> Option<T>,
    mut put: impl FnMut(Option<T>),
) {
    for row in 0..rows {
        if array.is_null(row) {
            put(None);
            continue;
        }
        let taken = take(row);
        if taken.is_none() {
            misfits.push(row);
        }
        put(taken);
    }
}

/// One decoded value, whatever column it came in.
enum Decoded {
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Text(String),
    Texts(Vec<Option<String>>),
    Micros(i64),
    Days(i32),
    /// Objects, mixed arrays, numbers beyond 64 bits.
    Other,
    /// A JSON null inside a JSON column: no value, and no misfit either.
    Null,
}

fn decoded(array: &ArrayRef, row: usize, json: bool) -> Decoded {
    match array.data_type() {
        DataType::Utf8 if json => match serde_json::from_str::<Value>(array.as_string::<i32>().value(row)) {
            Ok(value) => Decoded::of_json(value),
            Err(_) => Decoded::Other,
        },
        DataType::Utf8 => Decoded::Text(array.as_string::<i32>().value(row).to_string()),
        DataType::Boolean => Decoded::Boolean(array.as_boolean().value(row)),
        DataType::Int32 => Decoded::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Decoded::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Decoded::Real(shortest(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Decoded::Real(array.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => Decoded::Days(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let millis = array.as_primitive::<TimestampMillisecondType>().value(row);
            millis.checked_mul(1_000).map_or(Decoded::Other, Decoded::Micros)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Decoded::Micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::List(item) if item.data_type() == &DataType::Utf8 => {
            let items = array.as_list::<i32>().value(row);
            let items = items.as_string::<i32>();
            Decoded::Texts(items.iter().map(|i| i.map(str::to_string)).collect())
        }
        _ => Decoded::Other,
    }
}

impl Decoded {
    fn of_json(value: Value) -> Decoded {
        match value {
            Value::Null => Decoded::Null,
            Value::Bool(value) => Decoded::Boolean(value),
            Value::String(value) => Decoded::Text(value),
            Value::Number(number) => match (number.as_i64(), number.is_f64(), number.as_f64()) {
                (Some(value), _, _) => Decoded::Integer(value),
                (None, true, Some(value)) => Decoded::Real(value),
                _ => Decoded::Other,
            },
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::Null => Some(None),
                    Value::String(text) => Some(Some(text)),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()
                .map_or(Decoded::Other, Decoded::Texts),
            Value::Object(_) => Decoded::Other,
        }
    }

    fn integer(self) -> Option<i64> {
        match self {
            Decoded::Integer(value) => Some(value),
            Decoded::Real(value) if value.fract() == 0.0 && value.abs() <= EXACT_IN_DOUBLE as f64 => Some(value as i64),
            _ => None,
        }
    }

    fn real(self) -> Option<f64> {
        match self {
            Decoded::Real(value) => Some(value),
            Decoded::Integer(value) if value.abs() <= EXACT_IN_DOUBLE => Some(value as f64),
            _ => None,
        }
    }

    fn boolean(self) -> Option<bool> {
        match self {
            Decoded::Boolean(value) => Some(value),
            _ => None,
        }
    }

    /// `units`: how many source units make a second when the value is a bare number.
    fn micros(self, units: i64) -> Option<i64> {
        let micros = match self {
            Decoded::Integer(value) => value.checked_mul(1_000_000 / units)?,
            Decoded::Real(value) => {
                let micros = (value * (1_000_000 / units) as f64).round();
                if micros.abs() > 9.2e18 || micros.is_nan() {
                    return None;
                }
                micros as i64
            }
            Decoded::Micros(value) => value,
            Decoded::Days(days) => i64::from(days).checked_mul(86_400_000_000)?,
            Decoded::Text(text) => chrono::DateTime::parse_from_rfc3339(&text).ok()?.timestamp_micros(),
            _ => return None,
        };
        let second = micros.div_euclid(1_000_000);
        (FIRST_SECOND..=LAST_SECOND).contains(&second).then_some(micros)
    }

    fn date(self) -> Option<i32> {
        match self {
            Decoded::Days(days) => Some(days),
            Decoded::Text(text) => {
                let day = chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
                i32::try_from(day.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok()
            }
            _ => None,
        }
    }

    fn texts(self) -> Option<Vec<Option<String>>> {
        match self {
            Decoded::Texts(items) => Some(items),
            _ => None,
        }
    }

    /// Text takes anything: several of Braze's text columns hold JSON, and an exporter may send them unquoted.
    fn text(self, array: &ArrayRef, row: usize, json: bool) -> Option<String> {
        match self {
            Decoded::Text(text) => Some(text),
            _ => {
                let mut text = String::new();
                value_text(&mut text, array, row, json);
                Some(text)
            }
        }
    }
}

/// The double with the same shortest decimal text as a 32-bit float: 12.34f32 becomes 12.34, not 12.34000015.
pub fn shortest(value: f32) -> f64 {
    let wide = f64::from(value);
    if value.fract() == 0.0 || !value.is_finite() {
        return wide;
    }
    value.to_string().parse().unwrap_or(wide)
}
