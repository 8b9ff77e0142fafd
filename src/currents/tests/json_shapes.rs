//! What good JSON becomes.

use super::encoder::gzip;
use super::*;

/// All rows of a one-part file, nothing rejected.
fn batch(text: impl AsRef<[u8]>) -> RecordBatch {
    let decoded = decode_json(text).unwrap();
    assert_eq!(decoded.rejects, vec![]);
    assert_eq!(decoded.parts.len(), 1);
    decoded.parts.into_iter().next().unwrap().batch
}

#[test]
fn every_layout_of_records() {
    for text in [
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n",
        "{\"a\":1,\"b\":\"x\"}\r\n{\"a\":2,\"b\":\"y\"}",
        "\u{feff}{\"a\":1,\"b\":\"x\"}{\"a\":2,\"b\":\"y\"}",
        "\n\n{\"a\":1,\"b\":\"x\"}\n\n\n  {\"a\":2,\"b\":\"y\"}\n\n",
        "{\n  \"a\": 1,\n  \"b\": \"x\"\n}\n{\n  \"a\": 2,\n  \"b\": \"y\"\n}\n",
        "{\n\"a\":\n1,\n\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n",
        "[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]",
        "[\n  {\n    \"a\": 1, \"b\": \"x\"\n  },\n  {\n    \"a\": 2, \"b\": \"y\"\n  }\n]\n",
        "[{\"a\":1,\"b\":\"x\"}]\n[{\"a\":2,\"b\":\"y\"}]",
        "{\"a\":1,\"b\":\"x\"},\n{\"a\":2,\"b\":\"y\"},\n",
    ] {
        let batch = batch(text);
        assert_eq!((column(&batch, "a"), column(&batch, "b")), ("1;2".to_string(), "x;y".to_string()), "{text}");
    }
    assert_eq!(decode_json("[]").unwrap().records, 0);
    assert_eq!(decode_json(" [ ] \n").unwrap().records, 0);
}

#[test]
fn compressed_files() {
    let decode_as = |end: &str, bytes: &[u8]| {
        let file = SourceFile::from_key(&format!("event_type=users.a.B/x.json{end}")).unwrap();
        decode(&file, bytes, &Limits::default(), &SchemaCache::new())
    };
    let (one, two) = (b"{\"a\":1}\n".as_slice(), b"{\"a\":2}\n".as_slice());
    let zst = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    for (end, bytes) in [
        (".gz", gzip(&[one, two].concat())),
        (".gz", [gzip(one), gzip(b""), gzip(two)].concat()),
        (".gz", [one, two].concat()),
        (".zst", zst(&[one, two].concat())),
        (".zst", [zst(one), zst(two)].concat()),
    ] {
        let decoded = decode_as(end, &bytes).unwrap();
        assert_eq!(column(&decoded.parts[0].batch, "a"), "1;2", "{end}");
        if bytes[0] == b'{' {
            continue;
        }
        for cut in [bytes.len() - 1, 12] {
            assert_eq!(decode_as(end, &bytes[..cut]).unwrap_err().reason, Reason::BadCompression, "{end} {cut}");
        }
        let trailing = [bytes.as_slice(), b"trailing"].concat();
        assert_eq!(decode_as(end, &trailing).unwrap_err().reason, Reason::BadCompression, "{end}");
    }
    assert_eq!(decode_as(".gz", &gzip(b"")).unwrap_err().reason, Reason::EmptyFile);
    let mut flipped = gzip(one);
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    assert_eq!(decode_as(".gz", &flipped).unwrap_err().reason, Reason::BadCompression);
}

#[test]
fn types_hold_for_the_whole_column() {
    for (values, data_type, json, cells) in [
        ("true,false,null", DataType::Boolean, false, "true;false;∅"),
        ("1,-2,null", DataType::Int64, false, "1;-2;∅"),
        ("9223372036854775807,1", DataType::Int64, false, "9223372036854775807;1"),
        ("1,2.5", DataType::Float64, false, "1.0;2.5"),
        ("1e3", DataType::Float64, false, "1000.0"),
        ("1.0,-0", DataType::Float64, false, "1.0;-0.0"),
        (r#""x",null,"""#, DataType::Utf8, false, "x;∅;"),
        (r#"["x",null],[],null"#, list(), false, "[x|∅];[];∅"),
        (r#"[null]"#, list(), false, "[∅]"),
        ("null,null", DataType::Utf8, true, "∅;∅"),
        (r#"1,"a""#, DataType::Utf8, true, r#"1;"a""#),
        ("true,1", DataType::Utf8, true, "true;1"),
        ("9223372036854775808,1", DataType::Utf8, true, "9223372036854775808;1"),
        ("9007199254740993,0.5", DataType::Utf8, true, "9007199254740993;0.5"),
        ("0.123456789012345678901,1.50", DataType::Utf8, true, "0.123456789012345678901;1.50"),
        ("1e400", DataType::Utf8, true, "1e400"),
        ("1e-400", DataType::Utf8, true, "1e-400"),
        (r#"{"x": 1e400},{}"#, DataType::Utf8, true, r#"{"x": 1e400};{}"#),
        (r#"["x",1]"#, DataType::Utf8, true, r#"["x",1]"#),
        (r#"["x"],"x""#, DataType::Utf8, true, r#"["x"];"x""#),
    ] {
        let array = format!("[{values}]");
        let values_text: Vec<&serde_json::value::RawValue> = serde_json::from_str(&array).unwrap();
        let text: String = values_text.iter().map(|value| format!("{{\"a\":{}}}\n", value.get())).collect();
        let batch = batch(text);
        assert_eq!((type_of(&batch, "a"), is_json(&batch, "a")), (data_type, json), "{values}");
        assert_eq!(column(&batch, "a"), cells, "{values}");
    }
}

fn list() -> DataType {
    crate::currents::text_column::list_type()
}

#[test]
fn columns_come_in_order_of_appearance_and_missing_is_null() {
    let batch = batch("{\"b\":1}\n{\"a\":\"x\",\"b\":2}\n{}\n{\"c\":true,\"a\":\"y\"}");
    let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names.concat(), "bac");
    assert_eq!(["b", "a", "c"].map(|name| column(&batch, name)), ["1;2;∅;∅", "∅;x;∅;y", "∅;∅;∅;true"]);
}

#[test]
fn escapes_become_characters() {
    let text = r#"{"a":"q\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é😀\u0000","b":["\u0041","\\"],"\u0063":1}"#;
    let batch = batch(text);
    assert_eq!(cell(&batch, "a", 0), "q\"\\/\u{8}\u{c}\n\r\té😀é😀\0");
    assert_eq!((cell(&batch, "b", 0), cell(&batch, "c", 0)), ("[A|\\]".to_string(), "1".to_string()));
}

#[test]
fn brackets_and_quotes_inside_text_mean_nothing() {
    let batch = batch("{\"a\":\"}{\\\"]\"}\n{\"a\":\"[{\\\\\"}\n{\"a\":\"\\\\\\\"{\"}");
    assert_eq!(column(&batch, "a"), "}{\"];[{\\;\\\"{");
}

#[test]
fn union_branches_are_unwrapped() {
    let text = r#"{"a":{"string":"x"},"b":{"int":1},"c":{"array":[{"string":"y"},null]},"d":{"boolean":true},"e":{ "long" : 5 },"f":{"double":1.5},"g":{"map":{"k":1}},"h":null}"#;
    let batch = batch(text);
    let cells = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| cell(&batch, name, 0));
    assert_eq!(cells, ["x", "1", "[y|∅]", "true", "5", "1.5", r#"{"k":1}"#, "∅"]);
    // What only looks like a branch stays what it is.
    let text = r#"{"a":{"string":1},"b":{"int":"1"},"c":{"string":"x","y":1},"d":{"text":"x"},"e":{"stringy":"x"}}"#;
    let batch = self::batch(text);
    for (name, text) in [
        ("a", r#"{"string":1}"#),
        ("b", r#"{"int":"1"}"#),
        ("c", r#"{"string":"x","y":1}"#),
        ("d", r#"{"text":"x"}"#),
        ("e", r#"{"stringy":"x"}"#),
    ] {
        assert_eq!((cell(&batch, name, 0), is_json(&batch, name)), (text.to_string(), true));
    }
}

#[test]
fn the_envelope_is_flattened() {
    let text = r#"{"event_type":"users.canvas.Entry","id":"i","time":1,"user":{"user_id":"u","external_user_id":null},"properties":{"canvas_id":"c","properties":{"k":1},"event_type":"mine","id":"i"}}"#;
    let decoded = decode_json(text).unwrap();
    assert_eq!(decoded.parts[0].event_type.as_ref().unwrap().as_str(), "users.canvas.Entry");
    let batch = &decoded.parts[0].batch;
    let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["id", "time", "user_id", "external_user_id", "canvas_id", "properties", "event_type"]);
    assert_eq!(cell(batch, "properties", 0), r#"{"k":1}"#);
    assert_eq!(cell(batch, "event_type", 0), "mine");
    // Without an event_type, or with properties as text, there is no envelope to flatten.
    let flat = self::batch(r#"{"id":"i","user":{"a":1},"properties":"{\"a\":1}"}"#);
    assert_eq!((cell(&flat, "user", 0), cell(&flat, "properties", 0)), (r#"{"a":1}"#.into(), r#"{"a":1}"#.into()));
    assert!(is_json(&flat, "user") && !is_json(&flat, "properties"));
    let text = self::batch(r#"{"event_type":"users.a.B","properties":"{}","user":{"x":1}}"#);
    assert_eq!((cell(&text, "properties", 0), cell(&text, "x", 0)), ("{}".to_string(), "1".to_string()));
}

#[test]
fn event_types_may_be_mixed() {
    let text = concat!(
        r#"{"event_type":"users.b.B","x":1}"#,
        "\n",
        r#"{"y":"k"}"#,
        "\n",
        r#"{"event_type":"users.a.A","x":"t"}"#,
        "\n",
        r#"{"event_type":{"string":"users.b.B"},"x":2}"#,
        "\n",
        r#"{"event_type":null,"y":"l"}"#,
    );
    let decoded = decode_json(text).unwrap();
    let parts: Vec<(String, Vec<u64>)> = decoded
        .parts
        .iter()
        .map(|part| (part.event_type.as_ref().unwrap().as_str().to_string(), part.positions.clone()))
        .collect();
    let name = |text: &str| text.to_string();
    assert_eq!(
        parts,
        [
            (name("users.b.B"), vec![0, 3]),
            (name("users.messages.email.Open"), vec![1, 4]),
            (name("users.a.A"), vec![2])
        ]
    );
    assert_eq!(column(&decoded.parts[0].batch, "x"), "1;2");
    assert_eq!(type_of(&decoded.parts[2].batch, "x"), DataType::Utf8);
    assert!(decoded.parts.iter().all(|part| part.batch.column_by_name("event_type").is_none()));
    let peeked = peek(&json_file(), text.as_bytes(), &Limits::default(), &SchemaCache::new()).unwrap();
    assert_eq!(peeked, decoded.parts.iter().map(|part| part.event_type.clone()).collect::<Vec<_>>());
    let stray = SourceFile::from_key("date=2024-01-02-03/x.json").unwrap();
    let decoded = decode(&stray, b"{\"a\":1}", &Limits::default(), &SchemaCache::new()).unwrap();
    assert_eq!(decoded.parts[0].event_type, None);
    assert_eq!(peek(&stray, b"{\"a\":1}", &Limits::default(), &SchemaCache::new()), Ok(vec![None]));
}
