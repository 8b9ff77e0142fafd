//! Avro values without a column type of their own, written as JSON text.
//!
//! Values stand plain, not wrapped in their union branch's name. Bytes and fixed become text of the characters U+0000
//! to U+00FF, as Avro's own JSON does; numbers that JSON has no word for become the texts `NaN`, `Infinity` and
//! `-Infinity`; logical types show what is stored.

use super::super::Limits;
use super::cursor::{Cursor, Fault};
use super::schema::{Node, Schema};
use std::io::Write as _;

/// Writes one value to the end of `out`.
pub(super) struct AsJson<'a> {
    pub(super) schema: &'a Schema,
    pub(super) limits: &'a Limits,
    pub(super) out: &'a mut Vec<u8>,
    /// Where this value's text begins.
    pub(super) start: usize,
}

impl AsJson<'_> {
    /// Returns whether there is a value: `false`, and no text, for a null at the top.
    pub(super) fn value(&mut self, node: usize, cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
        let node = match self.schema.node(node) {
            Node::Union(branches) => branch(branches, cursor)?,
            _ => node,
        };
        if matches!(self.schema.node(node), Node::Null) {
            return Ok(false);
        }
        self.write(node, cursor, 0)?;
        Ok(true)
    }

    fn write(&mut self, node: usize, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Fault> {
        if depth > self.limits.depth {
            return Err(Fault::TooDeep);
        }
        let schema = self.schema;
        match schema.node(node) {
            Node::Null => self.put(b"null"),
            Node::Boolean => self.put(if cursor.boolean()? { b"true" } else { b"false" }),
            Node::Int | Node::Date => self.show(format_args!("{}", cursor.int()?)),
            Node::Long | Node::TimestampMillis | Node::TimestampMicros => self.show(format_args!("{}", cursor.long()?)),
            Node::Float => {
                let value = cursor.float()?;
                if value.is_finite() { self.show(format_args!("{value:?}")) } else { self.odd(f64::from(value)) }
            }
            Node::Double => {
                let value = cursor.double()?;
                if value.is_finite() { self.show(format_args!("{value:?}")) } else { self.odd(value) }
            }
            Node::Text => self.text(cursor.bytes()?),
            Node::Bytes => self.bytes(cursor.bytes()?),
            Node::Fixed(size) => self.bytes(cursor.take(*size)?),
            Node::Enum(symbols) => {
                let symbol = usize::try_from(cursor.int()?).ok().and_then(|number| symbols.get(number));
                self.text(symbol.ok_or(Fault::Symbol)?.as_bytes())
            }
            Node::Union(branches) => self.write(branch(branches, cursor)?, cursor, depth + 1),
            Node::Array(items) => self.many(b'[', b']', cursor, |json, cursor| json.write(*items, cursor, depth + 1)),
            Node::Map(values) => self.many(b'{', b'}', cursor, |json, cursor| {
                json.text(cursor.bytes()?)?;
                json.put(b":")?;
                json.write(*values, cursor, depth + 1)
            }),
            Node::Record(fields) => {
                self.put(b"{")?;
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        self.put(b",")?;
                    }
                    self.text(field.name.as_bytes())?;
                    self.put(b":")?;
                    self.write(field.node, cursor, depth + 1)?;
                }
                self.put(b"}")
            }
        }
    }

    /// Items in blocks. A lying count ends with the bytes, or, where items take none, with the text's limit.
    fn many<'b>(
        &mut self,
        open: u8,
        close: u8,
        cursor: &mut Cursor<'b>,
        mut one: impl FnMut(&mut Self, &mut Cursor<'b>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.put(&[open])?;
        let mut first = true;
        while let Some(block) = cursor.items()? {
            for _ in 0..block.count {
                if !first {
                    self.put(b",")?;
                }
                first = false;
                one(self, cursor)?;
            }
            block.close(cursor)?;
        }
        self.put(&[close])
    }

    fn put(&mut self, text: &[u8]) -> Result<(), Fault> {
        let length = self.out.len().saturating_sub(self.start);
        if length.saturating_add(text.len()) > self.limits.json_bytes {
            return Err(Fault::TooLarge);
        }
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn show(&mut self, number: std::fmt::Arguments<'_>) -> Result<(), Fault> {
        self.put(b"")?;
        // Writing to a vector cannot fail.
        self.out.write_fmt(number).map_err(|_| Fault::TooLarge)
    }

    fn odd(&mut self, value: f64) -> Result<(), Fault> {
        self.put(match value {
            _ if value.is_nan() => b"\"NaN\"",
            _ if value > 0.0 => b"\"Infinity\"",
            _ => b"\"-Infinity\"",
        })
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Fault> {
        simdutf8::basic::from_utf8(text).map_err(|_| Fault::Utf8)?;
        self.quoted(text, |byte| byte >= 0x20)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.quoted(bytes, |byte| (0x20..0x7f).contains(&byte))
    }

    fn quoted(&mut self, bytes: &[u8], plain: impl Fn(u8) -> bool) -> Result<(), Fault> {
        self.put(b"\"")?;
        for &byte in bytes {
            match byte {
                b'"' => self.put(b"\\\"")?,
                b'\\' => self.put(b"\\\\")?,
                _ if plain(byte) => self.put(&[byte])?,
                _ => {
                    const HEX: &[u8; 16] = b"0123456789ABCDEF";
                    let digit = |value: u8| HEX.get(usize::from(value & 15)).copied().unwrap_or(b'0');
                    self.put(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)])?;
                }
            }
        }
        self.put(b"\"")
    }
}

fn branch(branches: &[usize], cursor: &mut Cursor<'_>) -> Result<usize, Fault> {
    usize::try_from(cursor.long()?).ok().and_then(|number| branches.get(number)).copied().ok_or(Fault::Branch)
}
