//! `local_time(time, zone)`: what the clock says in a time zone at a moment. DataFusion converts to zones that are
//! written in the query; people's zones are a column.

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Offset, TimeZone};
use datafusion::common::types::logical_string;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    Coercion, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignatureClass, Volatility,
};
use std::collections::HashMap;
use std::sync::Arc;

/// The function's name.
pub const LOCAL_TIME: &str = "local_time";

const LOCAL: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The function. NULL where the zone is none that IANA names.
pub fn local_time() -> ScalarUDF {
    let moment = Coercion::new_exact(TypeSignatureClass::Timestamp);
    let zone = Coercion::new_exact(TypeSignatureClass::Native(logical_string()));
    ScalarUDF::from(LocalTime { signature: Signature::coercible(vec![moment, zone], Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LocalTime {
    signature: Signature,
}

impl ScalarUDFImpl for LocalTime {
    fn name(&self) -> &str {
        LOCAL_TIME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(LOCAL)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [moments, zones] = arrays.as_slice() else {
            return Err(DataFusionError::Plan(format!("{LOCAL_TIME} takes a time and a time zone")));
        };
        Ok(ColumnarValue::Array(shifted(moments, zones)?))
    }
}

fn shifted(moments: &ArrayRef, zones: &ArrayRef) -> Result<ArrayRef> {
    let moments = cast(moments, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
    let moments = moments.as_primitive::<TimestampMicrosecondType>();
    let zones = cast(zones, &DataType::Utf8)?;
    let zones = zones.as_string::<i32>();
    let mut known: HashMap<&str, Option<Tz>> = HashMap::new();
    let local = moments.iter().zip(zones.iter()).map(|(moment, zone)| {
        let (moment, zone) = (moment?, zone?);
        let zone = (*known.entry(zone).or_insert_with(|| named(zone)))?;
        let utc = DateTime::from_timestamp_micros(moment)?.naive_utc();
        let offset = zone.offset_from_utc_datetime(&utc).fix().local_minus_utc();
        moment.checked_add(i64::from(offset) * 1_000_000)
    });
    Ok(Arc::new(TimestampMicrosecondArray::from_iter(local)))
}

/// A zone by its name. A distance from UTC is not a zone: it says nothing of summer time.
fn named(zone: &str) -> Option<Tz> {
    if zone.starts_with(['+', '-']) { None } else { zone.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, StringArray};

    #[test]
    fn the_clock_of_each_zone_summer_time_included() {
        // 2026-03-29: Paris leaps from 02:00 to 03:00 at 01:00 UTC; 2026-10-25 it falls back at 01:00 UTC.
        let cases = [
            ("2026-03-29T00:59:59Z", "Europe/Paris", Some("2026-03-29T01:59:59")),
            ("2026-03-29T01:00:00Z", "Europe/Paris", Some("2026-03-29T03:00:00")),
            ("2026-10-25T00:30:00Z", "Europe/Paris", Some("2026-10-25T02:30:00")),
            ("2026-10-25T01:30:00Z", "Europe/Paris", Some("2026-10-25T02:30:00")),
            ("2026-01-01T00:00:00Z", "Asia/Kathmandu", Some("2026-01-01T05:45:00")),
            ("1960-01-01T00:00:00Z", "UTC", Some("1960-01-01T00:00:00")),
            ("2026-01-01T00:00:00Z", "Mars/Olympus", None),
            ("2026-01-01T00:00:00Z", "[REDACTED]", None),
            ("2026-01-01T00:00:00Z", "+02:00", None),
            ("2026-01-01T00:00:00Z", "", None),
        ];
        let micros = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
        let moments: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(cases.map(|c| micros(c.0))));
        let zones: ArrayRef = Arc::new(StringArray::from_iter_values(cases.map(|c| c.1)));
        let found = shifted(&moments, &zones).unwrap();
        let found = found.as_primitive::<TimestampMicrosecondType>();
        for (at, (moment, zone, expected)) in cases.into_iter().enumerate() {
            let got = found.is_valid(at).then(|| found.value(at));
            assert_eq!(got, expected.map(|text| micros(&format!("{text}Z"))), "{moment} in {zone}");
        }
    }
}
