//! A small reader of Avro object containers, written apart from the writer: it takes the schema from the file.

use super::super::Codec;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// One field's value; floats as text.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f32),
    Text(String),
    List(Vec<Cell>),
}

impl Cell {
    pub fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
    pub fn int(&self) -> i64 {
        match self {
            Cell::Int(n) => *n,
            other => panic!("{other:?} is no number"),
        }
    }
}

pub type Row = BTreeMap<String, Cell>;

pub struct Contents {
    pub schema: Json,
    pub codec: String,
    pub rows: Vec<Row>,
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        head
    }
    fn long(&mut self) -> i64 {
        let mut value = 0_u64;
        for shift in 0.. {
            let byte = self.take(1)[0];
            value |= u64::from(byte & 0x7f) << (shift * 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }
    fn text(&mut self) -> String {
        let len = usize::try_from(self.long()).unwrap();
        String::from_utf8(self.take(len).to_vec()).unwrap()
    }
    fn cell(&mut self, kind: &Json) -> Cell {
        if let Some(union) = kind.as_array() {
            let branch = usize::try_from(self.long()).unwrap();
            return self.cell(&union[branch]);
        }
        if let Some(items) = kind.get("items") {
            let mut cells = Vec::new();
            loop {
                match self.long() {
                    0 => return Cell::List(cells),
                    n => cells.extend((0..n).map(|_| self.cell(items))),
                }
            }
        }
        match kind.as_str().unwrap() {
            "null" => Cell::Null,
            "boolean" => Cell::Bool(self.take(1)[0] == 1),
            "int" => {
                let n = self.long();
                assert!(i32::try_from(n).is_ok(), "{n} is no int");
                Cell::Int(n)
            }
            "long" => Cell::Int(self.long()),
            "float" => Cell::Float(f32::from_le_bytes(self.take(4).try_into().unwrap())),
            "string" => Cell::Text(self.text()),
            other => panic!("the type {other}"),
        }
    }
}

fn unpack(codec: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match codec {
        "null" => out.extend_from_slice(bytes),
        "deflate" => {
            flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out).unwrap();
        }
        "snappy" => {
            let (body, sum) = bytes.split_at(bytes.len() - 4);
            out = snap::raw::Decoder::new().decompress_vec(body).unwrap();
            assert_eq!(crc32fast::hash(&out).to_be_bytes(), sum);
        }
        "zstandard" => out = zstd::stream::decode_all(bytes).unwrap(),
        other => panic!("the codec {other}"),
    }
    out
}

/// Reads a whole file and insists on every length, count and marker.
pub fn read(path: &Path) -> Contents {
    let bytes = std::fs::read(path).unwrap();
    let mut at = Bytes(&bytes);
    assert_eq!(at.take(4), b"Obj\x01");
    let mut meta = BTreeMap::new();
    loop {
        match at.long() {
            0 => break,
            n => {
                for _ in 0..n {
                    let key = at.text();
                    meta.insert(key, at.text());
                }
            }
        }
    }
    let sync = at.take(16);
    let schema: Json = serde_json::from_str(&meta["avro.schema"]).unwrap();
    let codec = meta["avro.codec"].clone();
    let mut rows = Vec::new();
    while !at.0.is_empty() {
        let count = at.long();
        assert!(count > 0);
        let len = usize::try_from(at.long()).unwrap();
        let block = unpack(&codec, at.take(len));
        let mut block = Bytes(&block);
        for _ in 0..count {
            let row = schema["fields"].as_array().unwrap().iter().map(|field| {
                let name = field["name"].as_str().unwrap().to_string();
                (name, block.cell(&field["type"]))
            });
            rows.push(row.collect());
        }
        assert!(block.0.is_empty(), "{path:?}: bytes left in a block");
        assert_eq!(at.take(16), sync);
    }
    Contents { schema, codec, rows }
}

/// The codecs by name.
pub const CODECS: [Codec; 4] = [Codec::Null, Codec::Deflate, Codec::Snappy, Codec::Zstandard];
