//! What good Avro becomes.

use super::encoder::*;
use super::*;
use arrow::array::types::{Date32Type, TimestampMicrosecondType, TimestampMillisecondType};
use arrow::datatypes::TimeUnit;

const NULLABLE: &str = r#"["null","string"]"#;

fn only(decoded: Decoded) -> RecordBatch {
    assert_eq!(decoded.parts.len(), 1);
    decoded.parts.into_iter().next().unwrap().batch
}

#[test]
fn every_plain_type_has_its_column() {
    let schema = types(&[
        r#""string""#,
        r#""int""#,
        r#""long""#,
        r#""float""#,
        r#""double""#,
        r#""boolean""#,
        NULLABLE,
        r#"["int","null"]"#,
        r#"{"type":"array","items":"string"}"#,
        r#"["null",{"type":"array","items":["null","string"]}]"#,
        r#"{"type":"enum","name":"E","symbols":["X","Y"]}"#,
        r#"["string"]"#,
        r#"["null","E"]"#,
    ]);
    let rows = vec![
        V::Record(vec![
            V::Text("é"),
            V::Long(-1),
            V::Long(i64::MIN),
            V::Float(12.34),
            V::Double(0.1),
            V::Bool(true),
            some(V::Text("x")),
            V::In(0, Box::new(V::Long(7))),
            V::Array(vec![V::Text("p"), V::Text("")]),
            some(V::Array(vec![V::Null, some(V::Text("q"))])),
            V::Long(1),
            V::In(0, Box::new(V::Text("s"))),
            some(V::Long(0)),
        ]),
        V::Record(vec![
            V::Text(""),
            V::Long(i64::from(i32::MAX)),
            V::Long(i64::MAX),
            V::Float(-0.0),
            V::Double(1e300),
            V::Bool(false),
            V::Null,
            V::Long(1),
            V::Array(vec![]),
            V::Null,
            V::Long(0),
            V::In(0, Box::new(V::Text(""))),
            V::Null,
        ]),
    ];
    for codec in CODECS {
        for blocks in [vec![rows.clone()], vec![rows[..1].to_vec(), vec![], rows[1..].to_vec()]] {
            let decoded = decode_avro(&file(&schema, codec, &blocks)).unwrap();
            assert_eq!(decoded.records, 2);
            assert_eq!(decoded.record_name.as_deref(), Some("dataexport.S3.inner.users.messages.email.Open"));
            assert_eq!(decoded.parts[0].event_type.as_ref().unwrap().as_str(), "users.messages.email.Open");
            let batch = only(decoded);
            let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
            assert_eq!(names.concat(), "abcdefghijklm");
            assert!(batch.schema().fields().iter().all(|f| f.is_nullable() && f.metadata().is_empty()));
            let expected = [
                ("a", DataType::Utf8, "é;"),
                ("b", DataType::Int32, "-1;2147483647"),
                ("c", DataType::Int64, "-9223372036854775808;9223372036854775807"),
                ("d", DataType::Float32, "12.34;-0.0"),
                ("e", DataType::Float64, "0.1;1e300"),
                ("f", DataType::Boolean, "true;false"),
                ("g", DataType::Utf8, "x;∅"),
                ("h", DataType::Int32, "7;∅"),
                ("i", crate::currents::text_column::list_type(), "[p|];[]"),
                ("j", crate::currents::text_column::list_type(), "[∅|q];∅"),
                ("k", DataType::Utf8, "Y;X"),
                ("l", DataType::Utf8, "s;"),
                ("m", DataType::Utf8, "X;∅"),
            ];
            for (name, data_type, cells) in expected {
                assert_eq!(
                    (type_of(&batch, name), column(&batch, name)),
                    (data_type, cells.to_string()),
                    "{name} {codec}"
                );
            }
        }
    }
}

#[test]
fn logical_types_on_their_base_types() {
    let schema = types(&[
        r#"{"type":"long","logicalType":"timestamp-millis"}"#,
        r#"{"type":"long","logicalType":"timestamp-micros"}"#,
        r#"{"type":"int","logicalType":"date"}"#,
        r#"{"type":"long","logicalType":"date"}"#,
        r#"["null",{"type":"int","logicalType":"date"}]"#,
        r#"{"type":"string","logicalType":"uuid"}"#,
    ]);
    let row = V::Record(vec![V::Long(1), V::Long(2), V::Long(3), V::Long(4), V::Null, V::Text("u")]);
    let batch = only(decode_avro(&file(&schema, "null", &[vec![row]])).unwrap());
    assert_eq!(type_of(&batch, "a"), DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())));
    assert_eq!(type_of(&batch, "b"), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(batch.column(0).as_primitive::<TimestampMillisecondType>().value(0), 1);
    assert_eq!(batch.column(1).as_primitive::<TimestampMicrosecondType>().value(0), 2);
    assert_eq!(batch.column(2).as_primitive::<Date32Type>().value(0), 3);
    assert_eq!((type_of(&batch, "d"), cell(&batch, "d", 0)), (DataType::Int64, "4".to_string()));
    assert!(batch.column(4).is_null(0) && type_of(&batch, "e") == DataType::Date32);
    assert_eq!(cell(&batch, "f", 0), "u");
}

#[test]
fn everything_else_becomes_json_text() {
    let schema = types(&[
        r#"{"type":"record","name":"R","fields":[{"name":"x","type":"int"},{"name":"y\"","type":["null","R"]}]}"#,
        r#"{"type":"map","values":"double"}"#,
        r#""bytes""#,
        r#"{"type":"fixed","name":"F","size":3}"#,
        r#"["null","int","string"]"#,
        r#"{"type":"array","items":"int"}"#,
        r#""null""#,
        r#"["null"]"#,
        r#"["null",{"type":"array","items":{"type":"array","items":"float"}}]"#,
        r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
        r#"{"type":"array","items":["null","string","int"]}"#,
    ]);
    let row = |odd: f64| {
        V::Record(vec![
            V::Record(vec![V::Long(1), some(V::Record(vec![V::Long(2), V::Null]))]),
            V::Map(vec![("k\n", V::Double(1.5)), ("n", V::Double(odd))]),
            V::Raw(bytes(&[0, b'"', b'a', 0xff])),
            V::Raw(vec![1, b'\\', b'z']),
            V::In(2, Box::new(V::Text("é\u{1}"))),
            V::Array(vec![V::Long(1), V::Long(-2)]),
            V::Raw(vec![]),
            V::Null,
            some(V::Array(vec![V::Array(vec![]), V::Array(vec![V::Float(12.34), V::Float(f32::NEG_INFINITY)])])),
            V::Raw(bytes(&[4, 0xd2])),
            V::Array(vec![V::Null, some(V::Text("t")), V::In(2, Box::new(V::Long(3)))]),
        ])
    };
    let mut second = row(f64::INFINITY);
    if let V::Record(fields) = &mut second {
        fields[4] = V::Null;
        fields[8] = V::Null;
    }
    let batch = only(decode_avro(&file(&schema, "null", &[vec![row(f64::NAN), second]])).unwrap());
    for (name, cells) in [
        ("a", r#"{"x":1,"y\"":{"x":2,"y\"":null}};{"x":1,"y\"":{"x":2,"y\"":null}}"#),
        ("b", r#"{"k\u000A":1.5,"n":"NaN"};{"k\u000A":1.5,"n":"Infinity"}"#),
        ("c", r#""\u0000\"a\u00FF";"\u0000\"a\u00FF""#),
        ("d", r#""\u0001\\z";"\u0001\\z""#),
        ("e", r#""é\u0001";∅"#),
        ("f", "[1,-2];[1,-2]"),
        ("g", "∅;∅"),
        ("h", "∅;∅"),
        ("i", r#"[[],[12.34,"-Infinity"]];∅"#),
        ("j", r#""\u0004\u00D2";"\u0004\u00D2""#),
        ("k", r#"[null,"t",3];[null,"t",3]"#),
    ] {
        assert!(is_json(&batch, name), "{name}");
        assert_eq!(type_of(&batch, name), DataType::Utf8);
        assert_eq!(column(&batch, name), cells, "{name}");
        for row in (0..2).filter(|row| cell(&batch, name, *row) != "∅") {
            serde_json::from_str::<serde_json::Value>(&cell(&batch, name, row)).unwrap();
        }
    }
}

#[test]
fn the_flavour_with_wrapped_types_is_read() {
    let schema = r#"{"type":"record","name":"users.canvas.Entry","connect.version":3,"owner":"x","fields":[
        {"name":"id","type":{"type":"string","connect.doc":"d"},"doc":"d"},
        {"name":"n","type":{"type":["null",{"type":"int","connect.x":{}}]},"default":null},
        {"name":"l","type":{"type":{"type":"array","items":{"type":"string"}}}}]}"#;
    let row = V::Record(vec![V::Text("i"), some(V::Long(4)), V::Array(vec![V::Text("v")])]);
    let decoded = decode_avro(&file(schema, "null", &[vec![row]])).unwrap();
    assert_eq!(decoded.parts[0].event_type.as_ref().unwrap().as_str(), "users.canvas.Entry");
    let batch = only(decoded);
    assert_eq!(
        (cell(&batch, "id", 0), cell(&batch, "n", 0), cell(&batch, "l", 0)),
        ("i".into(), "4".into(), "[v]".into())
    );
}

#[test]
fn names_resolve_by_namespace() {
    let schema = r#"{"type":"record","name":"a.b.R","fields":[
        {"name":"e","type":{"type":"enum","name":"E","symbols":["P","Q"]}},
        {"name":"f","type":"E"},{"name":"g","type":"a.b.E"},
        {"name":"h","type":{"type":"enum","name":"E","namespace":"z","symbols":["S"]}},{"name":"i","type":"z.E"}]}"#;
    let row = V::Record(vec![V::Long(0), V::Long(1), V::Long(1), V::Long(0), V::Long(0)]);
    let decoded = decode_avro(&file(schema, "null", &[vec![row]])).unwrap();
    assert_eq!((decoded.record_name.as_deref(), &decoded.parts[0].event_type), (Some("a.b.R"), &None));
    let batch = only(decoded);
    assert_eq!(["e", "f", "g", "h", "i"].map(|name| cell(&batch, name, 0)).concat(), "PQQSS");
}

#[test]
fn no_blocks_and_no_fields() {
    let empty = decode_avro(&header(&types(&[NULLABLE]), "null")).unwrap();
    assert_eq!((empty.records, empty.parts.len()), (0, 0));
    let bare = decode_avro(&[header(&record(""), "null"), raw_block(3, 0, &[])].concat()).unwrap();
    assert_eq!((bare.records, bare.parts[0].batch.num_rows(), bare.parts[0].batch.num_columns()), (3, 3, 0));
}

#[test]
fn sized_blocks_of_items_and_header_entries() {
    let schema = types(&[r#"{"type":"array","items":"string"}"#, r#"{"type":"map","values":"int"}"#]);
    let list = [long(-1), long(2), bytes(b"x"), long(1), bytes(b"y"), long(0)].concat();
    let map = [long(-1), long(3), bytes(b"k"), long(5), long(0)].concat();
    let entries = [bytes(b"avro.schema"), bytes(schema.as_bytes())].concat();
    let start = [b"Obj\x01".to_vec(), long(-1), long(entries.len() as i64), entries, long(0), SYNC.to_vec()].concat();
    let data = [list, map].concat();
    let whole = [start, raw_block(1, data.len() as i64, &data)].concat();
    let batch = only(decode_avro(&whole).unwrap());
    assert_eq!((cell(&batch, "a", 0), cell(&batch, "b", 0)), ("[x|y]".to_string(), r#"{"k":5}"#.to_string()));
}

#[test]
fn key_and_schema_must_agree() {
    let bytes = file(&types(&[r#""int""#]), "null", &[vec![V::Long(1)]]);
    let decode_as = |key: &str| {
        let file = SourceFile::from_key(key).unwrap();
        let schemas = SchemaCache::new();
        let peeked = peek(&file, &bytes, &Limits::default(), &schemas);
        let decoded = decode(&file, &bytes, &Limits::default(), &schemas);
        assert_eq!(peeked.clone().err(), decoded.clone().err());
        peeked.map(|types| {
            assert_eq!(types, vec![decoded.unwrap().parts[0].event_type.clone()]);
            types[0].as_ref().map(|t| t.as_str().to_string())
        })
    };
    assert_eq!(
        decode_as("event_type=users.messages.email.OPEN/x.avro").unwrap().as_deref(),
        Some("users.messages.email.OPEN")
    );
    assert_eq!(decode_as("x.avro").unwrap().as_deref(), Some("users.messages.email.Open"));
    let damage = decode_as("event_type=users.messages.email.Click/x.avro").unwrap_err();
    assert_eq!(damage.reason, Reason::EventTypeMismatch);
    assert!(damage.detail.contains("email.Click") && damage.detail.contains("email.Open"));
}

#[test]
fn schemas_are_compiled_once_and_limits_still_hold() {
    let schemas = SchemaCache::new();
    let bytes = file(&types(&[NULLABLE, NULLABLE]), "null", &[vec![V::Record(vec![V::Null, V::Null])]]);
    let mut prints = Vec::new();
    for _ in 0..3 {
        prints.push(decode(&avro_file(), &bytes, &Limits::default(), &schemas).unwrap().schema_fingerprint);
    }
    assert_eq!(schemas.len(), 1);
    assert!(prints[0].is_some() && prints.iter().all(|print| *print == prints[0]));
    let narrow = Limits { fields: 1, ..Limits::default() };
    assert_eq!(decode(&avro_file(), &bytes, &narrow, &schemas).unwrap_err().reason, Reason::BadSchema);
    let other = file(&types(&[NULLABLE]), "null", &[vec![V::Null]]);
    assert_ne!(decode(&avro_file(), &other, &Limits::default(), &schemas).unwrap().schema_fingerprint, prints[0]);
    assert_eq!(schemas.len(), 2);
}

#[test]
fn a_wrapped_container_is_unpacked() {
    let bytes = file(&types(&[r#""int""#]), "deflate", &[vec![V::Long(5)]]);
    let gz = SourceFile::from_key("x.avro.gz").unwrap();
    for stored in [gzip(&bytes), bytes] {
        let decoded = decode(&gz, &stored, &Limits::default(), &SchemaCache::new()).unwrap();
        assert_eq!(column(&only(decoded), "a"), "5");
    }
}

#[test]
fn text_with_more_values_than_there_are_codes_is_plain_text() {
    let schema = types(&[NULLABLE, r#""string""#]);
    // Codes run out in the middle of a block, for the first column only.
    let text = |row: usize| match row % 1_000 {
        999 => V::Null,
        _ => some(V::Owned(format!("value {row} of many"))),
    };
    let row = |row: usize| V::Record(vec![text(row), V::Owned(format!("{}", row % 7))]);
    let blocks: Vec<Vec<V>> = (0..7).map(|block| (0..10_000).map(|at| row(block * 10_000 + at)).collect()).collect();
    let bytes = file(&schema, "null", &blocks);
    let whole = only(decode_avro(&bytes).unwrap());
    let (source, limits, schemas) = (avro_file(), Limits::default(), SchemaCache::new());
    let piece = Pieces::of(&source, &limits, &schemas, usize::MAX).decode(&bytes, true).unwrap();
    let coded = only(piece.decoded.unwrap());
    assert_eq!((type_of(&coded, "a"), type_of(&coded, "b")), (DataType::Utf8, coded_type()));
    for (name, column) in [("a", coded.column(0)), ("b", coded.column(1))] {
        let plain = arrow::compute::cast(column, &DataType::Utf8).unwrap();
        assert_eq!(&plain, whole.column_by_name(name).unwrap());
    }
    // Nulls have the code of the first value, and it may be long.
    let bytes_of = |batch: &RecordBatch| batch.column(0).as_string::<i32>().value_data().len();
    assert_eq!(bytes_of(&coded), bytes_of(&whole));
}
