//! A catalogue of damage: whatever is wrong with a container, nothing of it loads.

use super::encoder::*;
use super::*;

const SCHEMA: [&str; 4] = [r#""string""#, r#"["null","int"]"#, r#"{"type":"array","items":"string"}"#, r#""boolean""#];

fn rows(from: i64, count: i64) -> Vec<V> {
    let row = |n: i64| {
        let list = V::Array(vec![V::Text("item"), V::Owned(n.to_string())]);
        V::Record(vec![V::Owned(format!("id-{n}")), some(V::Long(n)), list, V::Bool(n % 2 == 0)])
    };
    (from..from + count).map(row).collect()
}

fn damage(bytes: &[u8]) -> (&'static str, String) {
    match decode_avro(bytes) {
        Ok(decoded) => panic!("taken: {} records", decoded.records),
        Err(damage) => (damage.reason.as_str(), damage.detail),
    }
}

fn reason(bytes: &[u8]) -> &'static str {
    damage(bytes).0
}

/// One block of plain data under a truthful header.
fn one_block(count: i64, size: i64, data: &[u8]) -> Vec<u8> {
    [header(&types(&SCHEMA), "null"), raw_block(count, size, data)].concat()
}

fn data(records: &[V]) -> Vec<u8> {
    records.iter().flat_map(value).collect()
}

#[test]
fn a_cut_anywhere_is_seen_except_between_blocks() {
    for codec in CODECS {
        let schema = types(&SCHEMA);
        let mut whole = header(&schema, codec);
        let mut ends = vec![(whole.len(), 0)];
        for (from, count) in [(0, 3), (3, 1), (4, 5)] {
            whole.extend(block(codec, &rows(from, count)));
            ends.push((whole.len(), from + count));
        }
        for cut in 0..whole.len() {
            let result = decode_avro(&whole[..cut]);
            match ends.iter().find(|(end, _)| *end == cut) {
                Some((_, records)) => assert_eq!(result.unwrap().records, records.unsigned_abs(), "{codec} at {cut}"),
                None => {
                    let reason = result.unwrap_err().reason;
                    let expected = if cut == 0 { Reason::EmptyFile } else { Reason::Truncated };
                    assert_eq!(reason, expected, "{codec} cut at {cut}");
                }
            }
        }
        assert_eq!(decode_avro(&whole).unwrap().records, 9);
    }
}

#[test]
fn a_changed_byte_never_panics_and_never_hangs() {
    for codec in CODECS {
        let schema = types(&SCHEMA);
        let start = header(&schema, codec).len();
        let whole = file(&schema, codec, &[rows(0, 3), rows(3, 4)]);
        for at in 0..whole.len() {
            for change in [0x01, 0x02, 0x10, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                let result = decode_avro(&bytes);
                let in_sync = (start - 16..start).contains(&at) || at >= whole.len() - 16;
                if at < 4 || in_sync {
                    assert!(result.is_err(), "{codec}: byte {at} changed and not noticed");
                }
                if let Ok(decoded) = result {
                    assert_eq!(decoded.records, 7, "{codec}: byte {at}");
                }
            }
        }
    }
}

#[test]
fn bytes_added_or_dropped_anywhere_are_seen() {
    for codec in CODECS {
        let whole = file(&types(&SCHEMA), codec, &[rows(0, 3), rows(3, 4)]);
        let start = header(&types(&SCHEMA), codec).len();
        for at in start..whole.len() {
            let added = [&whole[..at], b"x", &whole[at..]].concat();
            assert!(decode_avro(&added).is_err(), "{codec}: a byte added at {at}");
            let dropped = [&whole[..at], &whole[at + 1..]].concat();
            assert!(decode_avro(&dropped).is_err(), "{codec}: byte {at} dropped");
        }
        for tail in [&b"\0"[..], b"\n", b"garbage behind the last block, long enough for anything"] {
            assert!(decode_avro(&[&whole, tail].concat()).is_err(), "{codec}");
        }
    }
}

#[test]
fn counts_and_lengths_must_be_true() {
    let good = data(&rows(0, 3));
    let size = good.len() as i64;
    assert_eq!(decode_avro(&one_block(3, size, &good)).unwrap().records, 3);
    for count in [0, 1, 2, 4, 5] {
        let why = reason(&one_block(count, size, &good));
        assert!(["bad_block", "bad_record"].contains(&why), "{count}: {why}");
    }
    for count in [-1, -3, i64::MIN, i64::MAX, 1 << 40, 49_999_999] {
        assert_eq!(reason(&one_block(count, size, &good)), "bad_block", "{count}");
    }
    for wrong in [size + 1, size + 15, size + 17, 1 << 30, i64::MAX] {
        assert!(["truncated", "bad_sync_marker"].contains(&reason(&one_block(3, wrong, &good))), "{wrong}");
    }
    for wrong in [0, 1, size - 1] {
        assert_eq!(reason(&one_block(3, wrong, &good)), "bad_sync_marker", "{wrong}");
    }
    for wrong in [-1, i64::MIN] {
        assert_eq!(reason(&one_block(3, wrong, &good)), "bad_block", "{wrong}");
    }
    let endless = [header(&types(&SCHEMA), "null"), vec![0xff; 30]].concat();
    assert_eq!(reason(&endless), "bad_block");
}

#[test]
fn sync_markers_must_match() {
    let whole = file(&types(&SCHEMA), "null", &[rows(0, 3), rows(3, 4)]);
    let first = header(&types(&SCHEMA), "null").len() + block("null", &rows(0, 3)).len();
    for end in [first, whole.len()] {
        let mut bytes = whole.clone();
        bytes[end - 16..end].copy_from_slice(b"another marker!!");
        let (why, detail) = damage(&bytes);
        assert_eq!(why, "bad_sync_marker");
        assert!(detail.contains("at byte"), "{detail}");
    }
}

#[test]
fn blocks_that_do_not_decompress() {
    for codec in &CODECS[1..] {
        let start = header(&types(&SCHEMA), codec);
        let packed = compress(codec, &data(&rows(0, 3)));
        let with = |data: &[u8]| [start.clone(), raw_block(3, data.len() as i64, data)].concat();
        assert_eq!(decode_avro(&with(&packed)).unwrap().records, 3);
        for length in 0..packed.len() {
            let why = reason(&with(&packed[..length]));
            assert_eq!(why, "bad_codec_data", "{codec} shortened to {length}");
        }
        assert_eq!(reason(&with(&[&packed[..], b"\0\0\0\0tail"].concat())), "bad_codec_data", "{codec}");
        assert_eq!(reason(&with(&[0xa5; 40])), "bad_codec_data", "{codec}");
    }
    // Snappy's checksum is its own.
    let mut packed = compress("snappy", &data(&rows(0, 3)));
    let last = packed.len() - 1;
    packed[last] ^= 1;
    let bytes = [header(&types(&SCHEMA), "snappy"), raw_block(3, packed.len() as i64, &packed)].concat();
    assert_eq!(reason(&bytes), "bad_codec_data");
}

#[test]
fn files_that_are_something_else() {
    assert_eq!(reason(b""), "empty_file");
    assert_eq!(reason(b"Obj"), "truncated");
    assert_eq!(reason(b"Obj\x01"), "truncated");
    assert_eq!(reason(b"Obj\x02 and more"), "not_avro");
    assert_eq!(reason(br#"{"id":"x"}"#), "not_avro");
    assert_eq!(reason(&[0; 100]), "not_avro");
}

#[test]
fn headers_that_lie() {
    let schema = types(&SCHEMA);
    let head = |entries: &[u8]| [b"Obj\x01", entries, &SYNC[..]].concat();
    let entry = |name: &str, value: &str| [bytes(name.as_bytes()), bytes(value.as_bytes())].concat();
    let map = |entries: &[Vec<u8>]| [long(entries.len() as i64), entries.concat(), long(0)].concat();
    assert_eq!(decode_avro(&head(&map(&[entry("avro.schema", &schema)]))).unwrap().records, 0);
    assert_eq!(reason(&head(&long(0))), "bad_header");
    assert_eq!(reason(&head(&map(&[entry("avro.codec", "null")]))), "bad_header");
    let twice = map(&[entry("avro.schema", &schema), entry("avro.schema", &schema)]);
    assert_eq!(reason(&head(&twice)), "bad_header");
    let (why, detail) = damage(&head(&map(&[entry("avro.schema", &schema), entry("avro.codec", "lz\n4")])));
    assert_eq!((why, detail.as_str()), ("unknown_codec", "codec lz\\n4"));
    let wrong_size = [long(-1), long(3), entry("avro.schema", &schema), long(0)].concat();
    assert_eq!(reason(&head(&wrong_size)), "bad_header");
    let lying_count = [b"Obj\x01".to_vec(), long(i64::MAX), entry("a", "b").repeat(9)].concat();
    assert_eq!(reason(&lying_count), "truncated");
    let lying_size = [b"Obj\x01".to_vec(), long(i64::MIN), long(1 << 40), entry("a", "b")].concat();
    assert_eq!(reason(&lying_size), "truncated");
    assert_eq!(reason(&head(&[long(1), long(-5)].concat())), "bad_header");
    assert_eq!(reason(&head(&[long(1), long(i64::MAX)].concat())), "truncated");
}

#[test]
fn records_that_do_not_follow_the_schema() {
    let bad = |json: &str, value: &[u8]| {
        let schema = types(&[r#""string""#, json]);
        let data = [bytes(b"SECRET"), value.to_vec()].concat();
        let whole = [header(&schema, "null"), raw_block(1, data.len() as i64, &data)].concat();
        let (why, detail) = damage(&whole);
        assert!(!detail.contains("SECRET"), "{detail}");
        assert!(detail.contains("record 0") && detail.contains("field `b`"), "{detail}");
        why
    };
    let union = r#"["null","string"]"#;
    let list = r#"{"type":"array","items":"string"}"#;
    assert_eq!(bad(r#""boolean""#, &[2]), "bad_record");
    assert_eq!(bad(union, &long(2)), "bad_record");
    assert_eq!(bad(union, &long(-1)), "bad_record");
    assert_eq!(bad(r#"["string"]"#, &long(-1)), "bad_record");
    assert_eq!(bad(r#"["null","int","string"]"#, &long(5)), "bad_record");
    assert_eq!(bad(r#""int""#, &long(1 << 31)), "bad_record");
    assert_eq!(bad(r#""long""#, &[0xff; 10]), "bad_record");
    assert_eq!(bad(r#""string""#, &long(-1)), "bad_record");
    assert_eq!(bad(r#""string""#, &long(i64::MAX)), "bad_record");
    assert_eq!(bad(r#""string""#, &bytes(b"\xff")), "bad_record");
    assert_eq!(bad(list, &[long(1), bytes(b"\xff"), long(0)].concat()), "bad_record");
    assert_eq!(bad(list, &long(i64::MAX)), "bad_record");
    assert_eq!(bad(list, &[long(-1), long(9), bytes(b"x"), bytes(b"padding")].concat()), "bad_record");
    assert_eq!(
        bad(r#"{"type":"map","values":"string"}"#, &[long(1), bytes(b"\xff"), bytes(b"")].concat()),
        "bad_record"
    );
    assert_eq!(bad(r#"{"type":"enum","name":"E","symbols":["A"]}"#, &long(1)), "bad_record");
    assert_eq!(bad(r#"{"type":"enum","name":"E","symbols":["A"]}"#, &long(-1)), "bad_record");
}

#[test]
fn bad_text_is_found_in_its_record() {
    let schema = types(&[r#"["null","string"]"#, r#"{"type":"array","items":["null","string"]}"#]);
    let row = |text: &[u8], item: &[u8]| {
        let list = [long(2), long(0), long(1), bytes(item), long(0)].concat();
        V::Raw([long(1), bytes(text), list].concat())
    };
    let good = || row("é".as_bytes(), b"x");
    // Two halves of one character in neighbouring rows: the buffer is UTF-8, the values are not.
    let blocks = [vec![good(), V::Raw([long(0), long(0)].concat())], vec![row(b"\xc3", b"x"), row(b"\xa9", b"x")]];
    let (why, detail) = damage(&file(&schema, "null", &blocks));
    assert_eq!((why, detail.as_str()), ("bad_record", "record 2, field `a`: text is not UTF-8"));
    let blocks = [vec![good(), V::Raw([long(0), long(0)].concat())], vec![good(), row(b"y", b"\xff")]];
    let (why, detail) = damage(&file(&schema, "null", &blocks));
    assert_eq!((why, detail.as_str()), ("bad_record", "record 3, field `b`: text is not UTF-8"));
}

#[test]
fn schemas_that_cannot_be_used() {
    let bad = |schema: &str| {
        let (why, detail) = damage(&header(schema, "null"));
        assert_eq!(why, "bad_schema", "{schema}: {detail}");
    };
    for schema in [
        "",
        "nonsense",
        "{}",
        "[]",
        "5",
        r#""string""#,
        r#"{"type":"array","items":"string"}"#,
        r#"{"type":"record","name":"R"}"#,
        r#"{"type":"record","fields":[]}"#,
        r#"{"type":"record","name":"","fields":[]}"#,
        r#"{"type":"record","name":"R","fields":[5]}"#,
        r#"{"type":"record","name":"R","fields":{}}"#,
        "\u{feff}{}",
    ] {
        bad(schema);
    }
    for field in [
        r#""undefined""#,
        "[]",
        r#"["null",["null","string"]]"#,
        r#"{"type":"array"}"#,
        r#"{"type":"map"}"#,
        "5",
        "null",
        r#"{"type":"enum","name":"E"}"#,
        r#"{"type":"enum","name":"E","symbols":[1]}"#,
        r#"{"type":"fixed","name":"F"}"#,
        r#"{"type":"fixed","name":"F","size":-1}"#,
        r#"{"type":"enum","name":"Open","symbols":[]}"#,
        "{}",
    ] {
        bad(&types(&[field]));
    }
    bad(&record(r#"{"name":"a","type":"int"},{"name":"a","type":"int"}"#));
    bad(&record(r#"{"name":"","type":"int"}"#));
    bad(&record(r#"{"name":"a"}"#));
    bad(&record(&(0..2001).map(|n| format!(r#"{{"name":"f{n}","type":"null"}}"#)).collect::<Vec<_>>().join(",")));
}
