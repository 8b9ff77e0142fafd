//! A record as Avro bytes, straight from its stub.

use super::dice::{hex32, number, uuid_text};
use super::options::AvroType;
use super::schema::WriterSchema;
use super::timeline::Stub;
use super::value::{Value, World};

/// Appends a number the way Avro writes `int` and `long`.
#[inline(always)]
pub fn put_long(to: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    if rest < 0x80 {
        to.push(rest as u8);
        return;
    }
    let mut bytes = [0_u8; 10];
    let mut len = 0;
    loop {
        let more = rest >= 0x80;
        bytes[len] = (rest as u8 & 0x7f) | (u8::from(more) << 7);
        len += 1;
        rest >>= 7;
        if !more {
            break;
        }
    }
    to.extend_from_slice(&bytes[..len]);
}

#[inline(always)]
fn put_text(to: &mut Vec<u8>, text: &[u8]) {
    put_long(to, text.len() as i64);
    to.extend_from_slice(text);
}

/// Appends one record. `scratch` is only lent.
pub fn put_record(to: &mut Vec<u8>, world: &World, schema: &WriterSchema, stub: &Stub, scratch: &mut Vec<u8>) {
    for field in &schema.fields {
        let mut value = match field.since <= stub.release {
            true => world.value(&field.content, field.salt, stub, scratch),
            // A copy of a record that was first written when this column did not exist.
            false => Value::Null,
        };
        if field.nullable {
            if matches!(value, Value::Null) {
                to.push(0);
                continue;
            }
            to.push(2);
        } else if matches!(value, Value::Null) {
            value = world.filler(stub);
        }
        put_value(to, field.avro, value, scratch);
    }
}

#[inline(always)]
fn put_value(to: &mut Vec<u8>, avro: AvroType, value: Value, scratch: &mut Vec<u8>) {
    match avro {
        AvroType::String => match value {
            Value::Text(text) => put_text(to, text.as_bytes()),
            Value::Scratch => put_text(to, scratch),
            Value::Uuid(high, low) => put_text(to, &uuid_text(high, low)),
            Value::Hex24(high, low) => put_text(to, &hex32(high, low << 32)[..24]),
            Value::Hex32(high, low) => put_text(to, &hex32(high, low)),
            other => {
                text_of(other, scratch);
                put_text(to, scratch);
            }
        },
        AvroType::Int => put_long(to, i64::from(whole(value, scratch) as i32)),
        AvroType::Long => put_long(to, whole(value, scratch)),
        AvroType::Boolean => to.push(u8::from(matches!(value, Value::Bool(true) | Value::Int(1..)))),
        AvroType::Float => to.extend_from_slice(&real(value, scratch).to_le_bytes()),
        AvroType::StringArray => {
            if let Value::List(items) = value
                && !items.is_empty()
            {
                put_long(to, items.len() as i64);
                for item in items {
                    to.push(2);
                    put_text(to, item.as_bytes());
                }
            }
            to.push(0);
        }
    }
}

/// Any other value as text, in `scratch`: what a field gets whose caller gave it a type we did not expect.
pub fn text_of(value: Value, scratch: &mut Vec<u8>) {
    scratch.clear();
    match value {
        Value::Int(n) => number(scratch, n),
        Value::Float(n) => scratch.extend_from_slice(n.to_string().as_bytes()),
        Value::Bool(yes) => scratch.extend_from_slice(if yes { b"true" } else { b"false" }),
        Value::List(items) => scratch.extend_from_slice(items.join(",").as_bytes()),
        _ => {}
    }
}

/// The value as a whole number; digits in a text count.
pub fn whole(value: Value, scratch: &[u8]) -> i64 {
    match value {
        Value::Int(n) => n,
        Value::Float(n) => n as i64,
        Value::Bool(yes) => i64::from(yes),
        Value::Text(text) => text.parse().unwrap_or(0),
        Value::Scratch => std::str::from_utf8(scratch).ok().and_then(|t| t.parse().ok()).unwrap_or(0),
        _ => 0,
    }
}

/// The value as a 32-bit float.
pub fn real(value: Value, scratch: &[u8]) -> f32 {
    match value {
        Value::Float(n) => n,
        other => whole(other, scratch) as f32,
    }
}
