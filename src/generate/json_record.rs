//! A record as one line of JSON. Fields without a value are left out.

use super::avro_record::{real, text_of, whole};
use super::dice::{hex32, number, uuid_text};
use super::options::AvroType;
use super::schema::WriterSchema;
use super::timeline::Stub;
use super::value::{Value, World};
use std::io::Write as _;

/// Appends one record and a newline. `scratch` is only lent.
pub fn put_record(to: &mut Vec<u8>, world: &World, schema: &WriterSchema, stub: &Stub, scratch: &mut Vec<u8>) {
    let mut separator = b'{';
    for field in &schema.fields {
        if field.since > stub.release {
            continue;
        }
        let mut value = world.value(&field.content, field.salt, stub, scratch);
        if matches!(value, Value::Null) {
            if field.nullable {
                continue;
            }
            value = world.filler(stub);
        }
        to.push(separator);
        separator = b',';
        to.extend_from_slice(&field.json_key);
        put_value(to, field.avro, value, scratch);
    }
    to.extend_from_slice(b"}\n");
}

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
        AvroType::Int => number(to, i64::from(whole(value, scratch) as i32)),
        AvroType::Long => number(to, whole(value, scratch)),
        AvroType::Boolean => {
            let yes = matches!(value, Value::Bool(true) | Value::Int(1..));
            to.extend_from_slice(if yes { b"true" } else { b"false" });
        }
        // Rust prints the shortest text that reads back as the same 32-bit float. Writing to memory cannot fail.
        AvroType::Float => {
            let _ = write!(to, "{}", real(value, scratch));
        }
        AvroType::StringArray => {
            to.push(b'[');
            if let Value::List(items) = value {
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        to.push(b',');
                    }
                    put_text(to, item.as_bytes());
                }
            }
            to.push(b']');
        }
    }
}

fn put_text(to: &mut Vec<u8>, text: &[u8]) {
    to.push(b'"');
    for byte in text {
        match byte {
            b'"' => to.extend_from_slice(b"\\\""),
            b'\\' => to.extend_from_slice(b"\\\\"),
            b'\n' => to.extend_from_slice(b"\\n"),
            0..0x20 => {
                let _ = write!(to, "\\u{byte:04x}");
            }
            _ => to.push(*byte),
        }
    }
    to.push(b'"');
}
