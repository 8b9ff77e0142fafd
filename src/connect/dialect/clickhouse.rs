//! ClickHouse. A view needs the settings of [`SETTINGS`] in its own text: without them an outer join yields empty texts
//! and zeroes instead of NULLs, and an alias hides the column of the same name.

use super::functions::Said::{self, As, Named, NullsAsEmpty, Same};

/// What stands behind every view's SELECT.
pub const SETTINGS: &str = "SETTINGS join_use_nulls = 1, prefer_column_name_to_alias = 1";

/// How ClickHouse says the functions that work row by row.
pub const CALLS: &[(&str, Said)] = &[
    ("abs", Same),
    ("array_append", Named("arrayPushBack")),
    ("array_has", Named("has")),
    ("array_length", Named("length")),
    ("array_max", Named("arrayMax")),
    ("array_min", Named("arrayMin")),
    ("array_position", As("nullIf(toInt64(indexOf({0}, {1})), 0)")),
    ("array_slice", As("arraySlice({0}, {1}, {2} - {1} + 1)")),
    ("array_to_string", Named("arrayStringConcat")),
    ("ceil", Same),
    ("coalesce", Same),
    ("concat", NullsAsEmpty),
    ("current_date", As("toDate32(now('UTC'))")),
    ("ends_with", Named("endsWith")),
    ("exp", Same),
    ("floor", Same),
    ("generate_series", As("if(isNull({0}) OR isNull({1}), [], range(assumeNotNull({0}), assumeNotNull({1}) + 1))")),
    ("greatest", Same),
    ("least", Same),
    ("left", Named("leftUTF8")),
    ("length", Named("lengthUTF8")),
    ("ln", Same),
    // The zone is looked up for every row, so one that is none must not come so far.
    (
        "local_time",
        As("if({1} IN (SELECT time_zone FROM system.time_zones), parseDateTime64BestEffortOrNull(\
           formatDateTime({0}, '%F %T.%f', if({1} IN (SELECT time_zone FROM system.time_zones), assumeNotNull({1}), 'UTC')), \
           6, 'UTC'), NULL)"),
    ),
    ("lower", Named("lowerUTF8")),
    ("lpad", Named("leftPadUTF8")),
    ("ltrim", Named("trimLeft")),
    ("make_array", Named("array")),
    ("now", As("now64(6, 'UTC')")),
    ("nullif", Named("nullIf")),
    ("pi", Same),
    ("power", Same),
    ("replace", Named("replaceAll")),
    ("reverse", Named("reverseUTF8")),
    ("right", Named("rightUTF8")),
    // Its own round takes a half to the even neighbour.
    ("round", As("(sign({0}) * floor(abs({0}) + 0.5))")),
    ("rpad", Named("rightPadUTF8")),
    ("rtrim", Named("trimRight")),
    ("split_part", As("if(isNull({0}), NULL, splitByString({1}, assumeNotNull({0}))[{2}])")),
    ("sqrt", Same),
    ("starts_with", Named("startsWith")),
    ("strpos", As("toInt64(positionUTF8({0}, {1}))")),
    ("substr", Named("substringUTF8")),
    ("to_timestamp_seconds", As("toDateTime64({0}, 6, 'UTC')")),
    ("to_unixtime", As("intDiv(toUnixTimestamp64Micro({0}), 1000000)")),
    ("trim", Named("trimBoth")),
    ("upper", Named("upperUTF8")),
];
