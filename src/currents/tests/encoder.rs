//! A small Avro writer, free to lie.

use std::io::Write as _;

pub const CODECS: [&str; 6] = ["null", "deflate", "snappy", "zstandard", "bzip2", "xz"];
pub const SYNC: [u8; 16] = *b"sync-marker-0123";

/// A value, written by its shape alone.
#[derive(Clone, Debug)]
pub enum V {
    Bool(bool),
    Long(i64),
    Float(f32),
    Double(f64),
    Text(&'static str),
    Owned(String),
    Raw(Vec<u8>),
    /// A union's branch and its value.
    In(i64, Box<V>),
    /// Branch 0 with nothing behind it: null in `["null", T]`.
    Null,
    Array(Vec<V>),
    Map(Vec<(&'static str, V)>),
    Record(Vec<V>),
}

pub fn some(value: V) -> V {
    V::In(1, Box::new(value))
}

pub fn long(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let mut out = Vec::new();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

pub fn bytes(value: &[u8]) -> Vec<u8> {
    [long(value.len() as i64), value.to_vec()].concat()
}

pub fn value(v: &V) -> Vec<u8> {
    match v {
        V::Bool(b) => vec![u8::from(*b)],
        V::Long(n) => long(*n),
        V::Float(f) => f.to_le_bytes().to_vec(),
        V::Double(f) => f.to_le_bytes().to_vec(),
        V::Text(text) => bytes(text.as_bytes()),
        V::Owned(text) => bytes(text.as_bytes()),
        V::Raw(raw) => raw.clone(),
        V::In(branch, inner) => [long(*branch), value(inner)].concat(),
        V::Null => long(0),
        V::Array(items) if items.is_empty() => long(0),
        V::Array(items) => [long(items.len() as i64), items.iter().flat_map(value).collect(), long(0)].concat(),
        V::Map(entries) if entries.is_empty() => long(0),
        V::Map(entries) => {
            let inner = entries.iter().flat_map(|(name, v)| [bytes(name.as_bytes()), value(v)].concat()).collect();
            [long(entries.len() as i64), inner, long(0)].concat()
        }
        V::Record(fields) => fields.iter().flat_map(value).collect(),
    }
}

pub fn compress(codec: &str, data: &[u8]) -> Vec<u8> {
    match codec {
        "null" => data.to_vec(),
        "deflate" => {
            let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        "snappy" => {
            let mut out = snap::raw::Encoder::new().compress_vec(data).unwrap();
            out.extend(crc32fast::hash(data).to_be_bytes());
            out
        }
        "zstandard" => zstd::encode_all(data, 3).unwrap(),
        "bzip2" => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        "xz" => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        other => panic!("no codec {other}"),
    }
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

pub fn header(schema: &str, codec: &str) -> Vec<u8> {
    let entries = [bytes(b"avro.codec"), bytes(codec.as_bytes()), bytes(b"avro.schema"), bytes(schema.as_bytes())];
    [b"Obj\x01".to_vec(), long(2), entries.concat(), long(0), SYNC.to_vec()].concat()
}

/// A block that says `count` and `size`, whatever `data` is.
pub fn raw_block(count: i64, size: i64, data: &[u8]) -> Vec<u8> {
    [long(count), long(size), data.to_vec(), SYNC.to_vec()].concat()
}

pub fn block(codec: &str, records: &[V]) -> Vec<u8> {
    let data = compress(codec, &records.iter().flat_map(value).collect::<Vec<u8>>());
    raw_block(records.len() as i64, data.len() as i64, &data)
}

/// A whole file, one block per slice.
pub fn file(schema: &str, codec: &str, blocks: &[Vec<V>]) -> Vec<u8> {
    let mut out = header(schema, codec);
    for records in blocks {
        out.extend(block(codec, records));
    }
    out
}

/// A record schema from its fields' JSON.
pub fn record(fields: &str) -> String {
    format!(
        r#"{{"type":"record","name":"Open","namespace":"dataexport.S3.inner.users.messages.email","fields":[{fields}]}}"#
    )
}

/// A record schema of fields `a`, `b`, … with the given types.
pub fn types(types: &[&str]) -> String {
    let names = "abcdefghijklmnopqrstuvwxyz".chars();
    let fields: Vec<String> =
        names.zip(types).map(|(name, json)| format!(r#"{{"name":"{name}","type":{json}}}"#)).collect();
    record(&fields.join(","))
}
