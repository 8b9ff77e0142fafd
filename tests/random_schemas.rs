//! Our Avro decoder against another one, on random schemas and records: `second_decoder.rs` compares them on what Braze
//! writes, this on whatever Avro allows. A longer hunt:
//! `PROPTEST_CASES=100000 PROPTEST_RNG_SEED=1 cargo test --test random_schemas`.

#[path = "support/random_avro.rs"]
mod random_avro;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::*;
use arrow_avro::reader::ReaderBuilder;
use eddyline::currents::{
    Decoded, KIND_JSON, KIND_KEY, Limits, Pieces, SchemaCache, SourceFile, decode, decode_together,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use random_avro::{AvroFile, Container, bytes, files, long};
use serde::de::IgnoredAny;
use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::{Arc, LazyLock};

/// One cache for all schemas, as in a pass.
static SCHEMAS: LazyLock<SchemaCache> = LazyLock::new(SchemaCache::new);

fn source() -> SourceFile {
    SourceFile::from_key("x.avro").unwrap()
}

fn ours(file: &[u8]) -> Decoded {
    decode(&source(), file, &Limits::default(), &SCHEMAS).unwrap()
}

fn theirs(file: &[u8]) -> Result<RecordBatch, String> {
    let reader = ReaderBuilder::new().build(Cursor::new(file)).map_err(|e| e.to_string())?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    concat_batches(&schema, &batches).map_err(|e| e.to_string())
}

/// The type our column must have where theirs has this one; `None` where ours is JSON text.
fn our_type(theirs: &DataType) -> Option<DataType> {
    match theirs {
        DataType::Boolean
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Date32 => Some(theirs.clone()),
        DataType::Timestamp(unit @ (TimeUnit::Millisecond | TimeUnit::Microsecond), Some(_)) => {
            Some(DataType::Timestamp(*unit, Some("UTC".into())))
        }
        // Logical types that are none of Braze's show what is stored.
        DataType::Timestamp(..) | DataType::Time64(_) => Some(DataType::Int64),
        DataType::Time32(_) => Some(DataType::Int32),
        // Enums.
        DataType::Dictionary(..) => Some(DataType::Utf8),
        DataType::List(item) => match item.data_type() {
            DataType::Utf8 => Some(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))),
            DataType::Union(branches, _) if branches.len() == 1 && is_text(branches) => {
                Some(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))))
            }
            _ => None,
        },
        DataType::Union(branches, _) if branches.len() == 1 => {
            branches.iter().next().and_then(|(_, branch)| our_type(branch.data_type()))
        }
        _ => None,
    }
}

fn is_text(branches: &UnionFields) -> bool {
    branches.iter().all(|(_, branch)| *branch.data_type() == DataType::Utf8)
}

/// One value as JSON text: what both decoders' arrays, and our JSON columns, can be turned into without loss.
fn show(array: &dyn Array, row: usize, out: &mut String) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    macro_rules! primitive {
        ($type:ty) => {
            write!(out, "{}", array.as_primitive::<$type>().value(row)).unwrap()
        };
    }
    macro_rules! float {
        ($type:ty) => {
            match array.as_primitive::<$type>().value(row) {
                value if value.is_nan() => out.push_str("\"NaN\""),
                value if value.is_infinite() && value > 0.0 => out.push_str("\"Infinity\""),
                value if value.is_infinite() => out.push_str("\"-Infinity\""),
                value => write!(out, "{value:?}").unwrap(),
            }
        };
    }
    match array.data_type() {
        DataType::Null => out.push_str("null"),
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)).unwrap(),
        DataType::Int32 => primitive!(Int32Type),
        DataType::Date32 => primitive!(Date32Type),
        DataType::Time32(TimeUnit::Millisecond) => primitive!(Time32MillisecondType),
        DataType::Int64 => primitive!(Int64Type),
        DataType::Time64(TimeUnit::Microsecond) => primitive!(Time64MicrosecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => primitive!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => primitive!(TimestampNanosecondType),
        DataType::Float32 => float!(Float32Type),
        DataType::Float64 => float!(Float64Type),
        DataType::Utf8 => quote(array.as_string::<i32>().value(row), out),
        DataType::Dictionary(..) => {
            let symbols = array.as_dictionary::<Int32Type>();
            show(symbols.values(), symbols.keys().value(row) as usize, out);
        }
        DataType::Binary => quote_bytes(array.as_binary::<i32>().value(row), out),
        DataType::FixedSizeBinary(_) => quote_bytes(array.as_fixed_size_binary().value(row), out),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            between('[', ']', items.len(), out, |item, out| show(&items, item, out));
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            between('{', '}', entries.len(), out, |entry, out| {
                show(entries.column(0), entry, out);
                out.push(':');
                show(entries.column(1), entry, out);
            });
        }
        DataType::Struct(fields) => between('{', '}', fields.len(), out, |field, out| {
            quote(fields[field].name(), out);
            out.push(':');
            show(array.as_struct().column(field), row, out);
        }),
        DataType::Union(..) => {
            let union = array.as_union();
            show(union.child(union.type_id(row)), union.value_offset(row), out);
        }
        other => panic!("no text for {other}"),
    }
}

fn between(open: char, close: char, count: usize, out: &mut String, mut one: impl FnMut(usize, &mut String)) {
    out.push(open);
    for number in 0..count {
        if number > 0 {
            out.push(',');
        }
        one(number, out);
    }
    out.push(close);
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).unwrap());
}

/// As Avro's own JSON has it: a character for each byte.
fn quote_bytes(bytes: &[u8], out: &mut String) {
    quote(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>(), out);
}

fn shown(array: &dyn Array, row: usize) -> String {
    let mut out = String::new();
    show(array, row, &mut out);
    out
}

/// A cell of ours. What is JSON already stays as it is, only that a string has several spellings in JSON.
fn our_cell(batch: &RecordBatch, column: usize, row: usize) -> String {
    let array = batch.column(column);
    if array.is_null(row) || !is_json(batch.schema_ref().field(column)) {
        return shown(array, row);
    }
    let mut rest = array.as_string::<i32>().value(row);
    assert!(serde_json::from_str::<IgnoredAny>(rest).is_ok(), "no JSON: {rest}");
    let mut out = String::new();
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..at]);
        let mut strings = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<String>();
        quote(&strings.next().unwrap().unwrap(), &mut out);
        rest = &rest[at + strings.byte_offset()..];
    }
    out + rest
}

fn is_json(field: &Field) -> bool {
    field.metadata().get(KIND_KEY).is_some_and(|kind| kind == KIND_JSON)
}

fn compare(file: &AvroFile, pieces: (usize, usize)) -> Result<(), TestCaseError> {
    let decoded = ours(&file.bytes);
    prop_assert_eq!((decoded.records, decoded.rejects.len()), (file.records as u64, 0));
    let theirs = theirs(&file.bytes).map_err(|e| TestCaseError::fail(format!("the other decoder fails: {e}")))?;
    prop_assert_eq!(theirs.num_rows(), file.records, "the other decoder loses rows");
    let Some(part) = decoded.parts.first() else {
        prop_assert_eq!(file.records, 0);
        return Ok(());
    };
    let ours = &part.batch;
    prop_assert_eq!((decoded.parts.len(), ours.num_rows()), (1, file.records));
    prop_assert!(part.positions.iter().copied().eq(0..file.records as u64));
    for (ours, names) in [(ours, "ours"), (&theirs, "theirs")] {
        let found: Vec<&String> = ours.schema_ref().fields().iter().map(|field| field.name()).collect();
        prop_assert_eq!(found, file.names.iter().collect::<Vec<_>>(), "{}", names);
    }
    for (column, field) in ours.schema_ref().fields().iter().enumerate() {
        let expected = our_type(theirs.column(column).data_type());
        let found = Some(field.data_type().clone()).filter(|_| !is_json(field));
        prop_assert_eq!(found, expected, "type of {} ({})", field.name(), theirs.column(column).data_type());
        for row in 0..file.records {
            let (one, other) = (our_cell(ours, column, row), shown(theirs.column(column), row));
            prop_assert_eq!(one, other, "row {} of {}", row, field.name());
        }
    }
    in_pieces(file, pieces, ours)?;
    in_company(file, pieces.0, ours)
}

/// The same file decoded together with itself: its rows, as often as it was taken.
fn in_company(file: &AvroFile, piece: usize, whole: &RecordBatch) -> Result<(), TestCaseError> {
    let (source, limits) = (source(), Limits::default());
    let files = [(&source, file.bytes.as_slice()); 3];
    let together = decode_together(&files, &limits, &SCHEMAS, piece).expect("sound files are decoded together");
    let taken = together.records.len();
    prop_assert!((1..=files.len()).contains(&taken) && together.records.iter().all(|r| *r == file.records as u64));
    prop_assert!(taken == files.len() || piece < 3 * file.bytes.len(), "{} of {}", taken, piece);
    let expected = concat_batches(whole.schema_ref(), std::iter::repeat_n(whole, taken)).unwrap();
    for (ours, expected) in together.batch.columns().iter().zip(expected.columns()) {
        prop_assert_eq!(&arrow::compute::cast(ours, expected.data_type()).unwrap(), expected);
    }
    // One that is damaged spoils it for all.
    let cut = &file.bytes[..file.bytes.len() - 1];
    prop_assert!(decode_together(&[(&source, cut), (&source, &file.bytes)], &limits, &SCHEMAS, piece).is_none());
    Ok(())
}

/// The same file decoded piece by piece, from ranges: the same rows, in order.
fn in_pieces(file: &AvroFile, (piece, range): (usize, usize), whole: &RecordBatch) -> Result<(), TestCaseError> {
    let (source, limits) = (source(), Limits::default());
    let mut pieces = Pieces::of(&source, &limits, &SCHEMAS, piece);
    let (mut batches, mut positions) = (Vec::new(), Vec::new());
    // No more of the file is there at first than a range, and another range whenever that is not enough.
    let (mut done, mut there) = (0, range.min(file.bytes.len()));
    while !pieces.is_done() {
        let step = pieces.decode(&file.bytes[done..there], there == file.bytes.len()).unwrap();
        done += step.used;
        if step.decoded.is_none() {
            prop_assert!(there < file.bytes.len(), "a whole file is not enough");
            there = (there + range).min(file.bytes.len());
        }
        for part in step.decoded.into_iter().flat_map(|decoded| decoded.parts) {
            positions.extend(part.positions);
            batches.push(part.batch);
        }
    }
    prop_assert!(positions.into_iter().eq(0..file.records as u64));
    prop_assert_eq!(&concat_batches(whole.schema_ref(), &batches).unwrap(), whole);
    Ok(())
}

/// The same cases each time, unless asked for others.
fn config(cases: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { cases };
    let rng_seed = if asked.rng_seed == RngSeed::Random { RngSeed::Fixed(20) } else { asked.rng_seed };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..asked }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn two_decoders_read_the_same_of_any_schema(file in files(), piece in 1usize..2_000, range in 1usize..2_000) {
        compare(&file, (piece, range))?;
    }
}

/// Shapes that the random files leave out because the other decoder refuses them or reads something else. Each must
/// still be needed: one that both read the same belongs among the random ones.
#[test]
fn what_the_other_decoder_reads_differently() {
    let uuid = "D9428888-122B-11E1-B85C-61CD3CBB3210";
    let cases = [
        ("an array of nulls", r#"{"type":"array","items":"null"}"#, vec![4, 0], "[null,null]"),
        (
            "a null in a record",
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"null"}]}"#,
            vec![2],
            r#"{"a":1,"b":null}"#,
        ),
        (
            "a map of nulls",
            r#"{"type":"map","values":"null"}"#,
            [long(1), bytes(b"k"), long(0)].concat(),
            r#"{"k":null}"#,
        ),
        ("a record without fields", r#"{"type":"record","name":"E","fields":[]}"#, vec![], "{}"),
        (
            "a type that holds itself",
            r#"{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}"#,
            vec![2, 0],
            r#"{"next":{"next":null}}"#,
        ),
        ("a type wrapped twice", r#"{"type":{"type":"int"}}"#, vec![2], "1"),
        (
            "a name with a quotation mark",
            r#"{"type":"record","name":"R","fields":[{"name":"a\"","type":"int"}]}"#,
            vec![2],
            r#"{"a\"":1}"#,
        ),
        (
            "a type named with dots and used again",
            r#"{"type":"record","name":"R","fields":[
                {"name":"a","type":{"type":"enum","name":"x.y.E","symbols":["P","Q"]}},{"name":"b","type":"x.y.E"}]}"#,
            vec![0, 2],
            r#"{"a":"P","b":"Q"}"#,
        ),
        ("a wrapped null", r#"[{"type":"null"},"int"]"#, vec![2, 2], "1"),
        ("a UUID", r#"{"type":"string","logicalType":"uuid"}"#, bytes(uuid.as_bytes()), &format!("\"{uuid}\"")),
        (
            "a decimal",
            r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
            bytes(&[4, 0xd2]),
            r#""\u0004Ò""#,
        ),
        (
            "a duration",
            r#"{"type":"fixed","name":"D","size":12,"logicalType":"duration"}"#,
            b"abcdefghijkl".to_vec(),
            "\"abcdefghijkl\"",
        ),
    ];
    let container = Container { codec: "null", sync: [7; 16], sizes: vec![1], header: (9, false) };
    for (what, json, record, expected) in cases {
        let schema = format!(
            r#"{{"type":"record","name":"Top","fields":[{{"name":"n","type":"long"}},{{"name":"v","type":{json}}}]}}"#
        );
        let file = container.file(&schema, &[[long(1), record].concat()]);
        let ours = &ours(&file).parts[0].batch;
        let cell = our_cell(ours, 1, 0);
        assert_eq!(cell, expected, "{what}");
        let Ok(theirs) = theirs(&file) else { continue };
        let column = theirs.column(1);
        let found = Some(ours.column(1).data_type().clone()).filter(|_| !is_json(ours.schema_ref().field(1)));
        let readable = !matches!(column.data_type(), DataType::Decimal128(..) | DataType::Interval(_));
        assert!(
            !readable || our_type(column.data_type()) != found || shown(column, 0) != cell,
            "{what}: both read it the same now"
        );
    }
    // Records that take no bytes.
    let nothing = r#"{"type":"record","name":"Top","fields":[{"name":"v","type":"null"}]}"#;
    let file = container.file(nothing, &[vec![], vec![]]);
    assert_eq!((ours(&file).records, theirs(&file).unwrap().num_rows()), (2, 0));
}
