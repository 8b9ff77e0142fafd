//! Small files that ask for much: they end in an error, soon, and without the memory they ask for.

use super::encoder::*;
use super::*;
use crate::currents::inflate::{Codec, Fault, inflate};

const MIB: usize = 1 << 20;

fn reason(bytes: &[u8], limits: &Limits) -> Reason {
    match decode(&avro_file(), bytes, limits, &SchemaCache::new()) {
        Ok(decoded) => panic!("taken: {} records", decoded.records),
        Err(damage) => damage.reason,
    }
}

fn limits() -> Limits {
    Limits { block_bytes: MIB, file_bytes: 8 * MIB, column_bytes: 16 * MIB, ..Limits::default() }
}

#[test]
fn decompression_stops_at_the_limit_and_so_does_memory() {
    let zeros = vec![0u8; 64 * MIB];
    let codecs = [Codec::Deflate, Codec::Snappy, Codec::Zstandard, Codec::Bzip2, Codec::Xz];
    for (name, codec) in CODECS[1..].iter().zip(codecs) {
        let packed = compress(name, &zeros);
        assert!(packed.len() < 4 * MIB, "{name}");
        let mut out = Vec::new();
        assert_eq!(inflate(codec, &packed, &mut out, MIB), Err(Fault::TooLarge), "{name}");
        assert!(out.capacity() <= MIB, "{name}: {} bytes", out.capacity());
        let bytes = [header(&types(&[r#""bytes""#]), name), raw_block(1, packed.len() as i64, &packed)].concat();
        assert_eq!(reason(&bytes, &limits()), Reason::LimitExceeded, "{name}");
        // Exactly at the limit is not beyond it, also when the buffer was used before.
        let packed = compress(name, &zeros[..MIB]);
        assert_eq!(inflate(codec, &packed, &mut out, MIB), Ok(MIB), "{name}");
        assert_eq!(inflate(codec, &packed, &mut out, MIB - 1), Err(Fault::TooLarge), "{name}");
        let small = compress(name, b"small");
        assert_eq!(inflate(codec, &small, &mut out, MIB).map(|n| out[..n].to_vec()), Ok(b"small".to_vec()));
    }
    for (end, packed) in [("gz", gzip(&zeros)), ("zst", zstd::encode_all(&zeros[..], 3).unwrap())] {
        let file = SourceFile::from_key(&format!("event_type=users.a.B/x.json.{end}")).unwrap();
        let damage = decode(&file, &packed, &limits(), &SchemaCache::new()).unwrap_err();
        assert_eq!(damage.reason, Reason::LimitExceeded, "{end}");
    }
}

#[test]
fn many_blocks_are_one_large_file() {
    let packed = compress("deflate", &bytes(&vec![b'x'; MIB - 8]));
    let block = raw_block(1, packed.len() as i64, &packed);
    let bytes = [header(&types(&[r#""string""#]), "deflate"), block.repeat(9)].concat();
    assert_eq!(reason(&bytes, &limits()), Reason::LimitExceeded);
    let fewer = [header(&types(&[r#""string""#]), "deflate"), block.repeat(7)].concat();
    assert_eq!(decode(&avro_file(), &fewer, &limits(), &SchemaCache::new()).unwrap().records, 7);
}

#[test]
fn a_snappy_block_may_not_claim_what_it_cannot_hold() {
    // A length of 100 MiB, and nothing behind it.
    let claim = [0x80, 0x80, 0x80, 0x32, 0, 0, 0, 0];
    let mut out = Vec::new();
    let result = inflate(Codec::Snappy, &claim, &mut out, 256 * MIB);
    assert!(matches!(result, Err(Fault::Bad(_))) && out.capacity() == 0);
}

#[test]
fn records_without_bytes_are_only_counted() {
    let nulls = |count: usize| {
        record(&(0..count).map(|n| format!(r#"{{"name":"f{n}","type":"null"}}"#)).collect::<Vec<_>>().join(","))
    };
    let bytes = |schema: &str, count: i64| [header(schema, "null"), raw_block(count, 0, &[])].concat();
    assert_eq!(reason(&bytes(&nulls(0), i64::MAX), &limits()), Reason::LimitExceeded);
    assert_eq!(reason(&bytes(&nulls(2000), 50_000_000), &Limits::default()), Reason::LimitExceeded);
    let many = raw_block(1_000, 0, &[]).repeat(100);
    let many = [header(&nulls(2000), "null"), many].concat();
    assert_eq!(reason(&many, &limits()), Reason::LimitExceeded);
    let few = decode_avro(&bytes(&nulls(3), 1000)).unwrap();
    assert_eq!((few.records, few.parts[0].batch.column(2).null_count()), (1000, 1000));
    assert!(is_json(&few.parts[0].batch, "f0"));
}

#[test]
fn items_without_bytes_end_at_the_limit() {
    let schema = types(&[r#"{"type":"array","items":"null"}"#]);
    let data = [long(i64::MAX), long(0)].concat();
    let bytes = [header(&schema, "null"), raw_block(1, data.len() as i64, &data)].concat();
    let small = Limits { json_bytes: 1000, ..Limits::default() };
    assert_eq!(reason(&bytes, &small), Reason::LimitExceeded);
    // A record that holds two of the next smaller one, sixty times over: 2^60 values of no bytes.
    let mut json = r#"{"type":"record","name":"R0","fields":[{"name":"x","type":"null"}]}"#.to_string();
    for n in 1..60 {
        json = format!(
            r#"{{"type":"record","name":"R{n}","fields":[{{"name":"x","type":{json}}},{{"name":"y","type":"R{}"}}]}}"#,
            n - 1
        );
        if n == 30 {
            break;
        }
    }
    let bytes = [header(&types(&[&json]), "null"), raw_block(1, 0, &[])].concat();
    assert_eq!(reason(&bytes, &small), Reason::LimitExceeded);
}

#[test]
fn a_long_symbol_repeated_is_bounded() {
    let schema = types(&[&format!(r#"{{"type":"enum","name":"E","symbols":["{}"]}}"#, "S".repeat(100_000))]);
    let bytes = [header(&schema, "null"), raw_block(10_000, 10_000, &[0; 10_000])].concat();
    assert_eq!(reason(&bytes, &limits()), Reason::LimitExceeded);
}

#[test]
fn schemas_nested_deep_are_refused() {
    let nest = |levels: usize, open: &str, close: &str| {
        types(&[&format!("{}\"int\"{}", open.repeat(levels), close.repeat(levels))])
    };
    for levels in [200, 100_000] {
        for (open, close) in [(r#"{"type":"array","items":"#, "}"), ("[", "]"), (r#"{"type":"#, "}")] {
            let schema = nest(levels, open, close);
            let generous = Limits { schema_bytes: 16 * MIB, ..Limits::default() };
            assert_eq!(reason(&header(&schema, "null"), &generous), Reason::BadSchema);
        }
    }
    let mut json = r#""int""#.to_string();
    for n in 0..200 {
        json = format!(r#"{{"type":"record","name":"R{n}","fields":[{{"name":"x","type":{json}}}]}}"#);
    }
    assert_eq!(reason(&header(&json, "null"), &Limits::default()), Reason::BadSchema);
    assert_eq!(
        reason(&header(&format!("{}{}", " ".repeat(MIB), types(&[])), "null"), &Limits::default()),
        Reason::LimitExceeded
    );
    let fine = decode_avro(&header(&nest(30, r#"{"type":"array","items":"#, "}"), "null")).unwrap();
    assert_eq!(fine.records, 0);
}

#[test]
fn recursive_values_end_at_the_limit() {
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    let whole = |depth: usize| {
        let data = [vec![2; depth], vec![0]].concat();
        [header(&types(&[list]), "null"), raw_block(1, data.len() as i64, &data)].concat()
    };
    assert_eq!(decode_avro(&whole(20)).unwrap().records, 1);
    assert_eq!(reason(&whole(100_000), &Limits::default()), Reason::LimitExceeded);
    // A record of itself has no end and takes no bytes.
    let endless = r#"{"type":"record","name":"A","fields":[{"name":"a","type":"A"},{"name":"b","type":"A"}]}"#;
    let bytes = [header(endless, "null"), raw_block(1, 0, &[])].concat();
    assert_eq!(reason(&bytes, &Limits::default()), Reason::LimitExceeded);
}

#[test]
fn json_asks_for_no_more_than_its_size() {
    let decode = |text: &str, limits: &Limits| decode(&json_file(), text.as_bytes(), limits, &SchemaCache::new());
    let deep = "[".repeat(50_000);
    let damage = decode(&format!("{{\"a\":{deep}"), &Limits::default()).unwrap_err();
    assert_eq!(damage.reason, Reason::BadJson);
    assert_eq!(decode(&deep, &Limits::default()).unwrap_err().reason, Reason::BadJson);
    assert_eq!(decode(&"{\"a\":".repeat(50_000), &Limits::default()).unwrap_err().reason, Reason::BadJson);
    let many = Limits { records: 10, ..Limits::default() };
    assert_eq!(decode(&"{}\n".repeat(11), &many).unwrap_err().reason, Reason::LimitExceeded);
    assert_eq!(decode(&"{}\n".repeat(10), &many).unwrap().records, 10);
    // Each record brings columns of its own: dense, that is rows times columns.
    let sparse: String = (0..2000).map(|n| format!("{{\"f{n}\":1}}\n")).collect();
    assert_eq!(decode(&sparse, &limits()).unwrap_err().reason, Reason::LimitExceeded);
    assert_eq!(
        decode(&format!("{{\"a\":1}}\n{}", "{\n".repeat(200_000)), &limits()).unwrap_err().reason,
        Reason::LimitExceeded
    );
    let wide: String = (0..30).map(|n| format!("{{\"f{n}\":1}}\n")).collect();
    let narrow = Limits { fields: 20, ..Limits::default() };
    let decoded = decode(&wide, &narrow).unwrap();
    assert_eq!((decoded.parts[0].batch.num_columns(), decoded.rejects.len()), (20, 10));
    let types: String = (0..1500).map(|n| format!("{{\"event_type\":\"t.t{n}\"}}\n")).collect();
    let decoded = decode(&types, &Limits::default()).unwrap();
    assert_eq!((decoded.parts.len(), decoded.rejects.len()), (1000, 500));
}

#[test]
fn broken_json_takes_linear_time() {
    // Each line would swallow all the following ones if it could.
    for line in [
        "{\"a\":[\n",
        "{\"a\":\n",
        "{\"a\":[{},\n",
        "{\n",
        "{\"\n",
        "{\"a\":1,\n",
        "  {\"a\":[\n",
        "[\n",
        "]\n",
        "{]\n",
        "},{\n",
    ] {
        let text = line.repeat(300_000);
        let decoded = decode_json(&text);
        assert!(decoded.is_err() || !decoded.unwrap().rejects.is_empty());
    }
}
