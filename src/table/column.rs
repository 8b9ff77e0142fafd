//! What a column can hold: the source types Braze sends, and the Arrow type each is stored as.

use crate::currents::coded_type;
use arrow::datatypes::{DataType, Field, TimeUnit};
use std::sync::Arc;

/// The time zone written on every timestamp.
pub const UTC: &str = "UTC";

/// The type of a column, as the definitions name it.
///
/// Several source types share one stored type: `int` and `long` are both stored as 64-bit integers, so that a field
/// that widens later still has one schema in every file of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    String,
    /// 32-bit integer at the source.
    Int,
    /// 64-bit integer.
    Long,
    /// 32-bit float at the source; stored as the double with the same shortest decimal text (12.34 stays 12.34).
    Float,
    /// 64-bit float.
    Double,
    /// True or false.
    Boolean,
    /// A list of text.
    StringArray,
    /// Seconds since 1970 UTC at the source, stored as microseconds.
    TimestampSeconds,
    /// Milliseconds since 1970 UTC at the source, stored as microseconds.
    TimestampMillis,
    /// A calendar day.
    Date,
}

const NAMES: &[(&str, ColumnType)] = &[
    ("string", ColumnType::String),
    ("int", ColumnType::Int),
    ("long", ColumnType::Long),
    ("float", ColumnType::Float),
    ("double", ColumnType::Double),
    ("boolean", ColumnType::Boolean),
    ("array<string>", ColumnType::StringArray),
    ("timestamp_s", ColumnType::TimestampSeconds),
    ("timestamp_ms", ColumnType::TimestampMillis),
    ("date", ColumnType::Date),
];

impl ColumnType {
    /// The type of that name in `table_defs/`, if there is one.
    pub fn parse(name: &str) -> Option<ColumnType> {
        NAMES.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
    }

    /// The name used in `table_defs/` and in log entries.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(_, t)| *t == self).map_or("string", |(n, _)| n)
    }

    /// All names, for error messages.
    pub fn names() -> String {
        NAMES.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ")
    }

    /// The Arrow type every file of a table stores this column as.
    pub fn stored(self) -> DataType {
        match self {
            ColumnType::String => DataType::Utf8,
            ColumnType::Int | ColumnType::Long => DataType::Int64,
            ColumnType::Float | ColumnType::Double => DataType::Float64,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::StringArray => list_of_text(),
            ColumnType::TimestampSeconds | ColumnType::TimestampMillis => timestamp(),
            ColumnType::Date => DataType::Date32,
        }
    }

    /// The column type that stores values of an Arrow type as decoded from a file; `None` when only `_extra` can.
    pub fn for_decoded(decoded: &DataType) -> Option<ColumnType> {
        Some(match decoded {
            DataType::Utf8 => ColumnType::String,
            coded if *coded == coded_type() => ColumnType::String,
            DataType::Int32 | DataType::Int64 => ColumnType::Long,
            DataType::Float32 | DataType::Float64 => ColumnType::Double,
            DataType::Boolean => ColumnType::Boolean,
            DataType::List(item) if item.data_type() == &DataType::Utf8 => ColumnType::StringArray,
            DataType::Timestamp(_, _) => ColumnType::TimestampMillis,
            DataType::Date32 => ColumnType::Date,
            _ => return None,
        })
    }

    /// The column type of a stored Arrow type; used to read a table's columns back from the footers of its cells.
    pub fn for_stored(stored: &DataType) -> Option<ColumnType> {
        ColumnType::for_decoded(stored)
    }
}

/// Microseconds since 1970, UTC.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// How a text that is a UUID may be held until it is written: its 16 bytes, in the order its digits have.
pub fn uuid_type() -> DataType {
    DataType::FixedSizeBinary(16)
}

/// A list of nullable text. The item is named as the Parquet specification names it.
pub fn list_of_text() -> DataType {
    DataType::List(list_item())
}

/// The item field of [`list_of_text`].
pub fn list_item() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (name, kind) in NAMES {
            assert_eq!(ColumnType::parse(name), Some(*kind));
            assert_eq!(kind.as_str(), *name);
        }
        assert_eq!(ColumnType::parse("bytes"), None);
    }

    #[test]
    fn a_stored_type_reads_back_as_a_type_stored_the_same_way() {
        for (_, kind) in NAMES {
            let back = ColumnType::for_stored(&kind.stored()).unwrap();
            assert_eq!(back.stored(), kind.stored());
        }
    }
}
