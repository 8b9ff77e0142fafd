//! One record's fields: names and the exact text of their values, the envelope flattened, unions unwrapped.

use super::scalar;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Bytes of a field's name.
const LONGEST_NAME: usize = 256;
/// What Avro's JSON wraps a union's value in, and what the value must then be.
const BRANCHES: [&str; 9] = ["string", "int", "long", "boolean", "float", "double", "array", "map", "bytes"];

/// A field of a record.
pub(super) struct Field<'a> {
    pub(super) name: Cow<'a, str>,
    /// The value's text, union unwrapped. `null` is a value here.
    pub(super) value: &'a str,
    /// The object it stood in. The same name twice in one object is an error; in two it must have one value.
    pub(super) level: Level,
}

/// Where in the envelope a field stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    Top,
    User,
    Properties,
}

/// A record, reused for the next one.
#[derive(Default)]
pub(super) struct Record<'a> {
    /// The record's own `event_type`, where it is text.
    pub(super) event_type: Option<Cow<'a, str>>,
    pub(super) fields: Vec<Field<'a>>,
    top: Vec<(Cow<'a, str>, &'a RawValue)>,
    inner: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// Reads a record from its text, which must be nested no deeper than the limit. The error is a reason to reject it.
pub(super) fn read<'a>(bytes: &'a [u8], record: &mut Record<'a>) -> Result<(), String> {
    let text = simdutf8::compat::from_utf8(bytes)
        .map_err(|e| format!("not UTF-8 at byte {} of the record", e.valid_up_to()))?;
    record.fields.clear();
    record.event_type = None;
    object(text, &mut record.top).map_err(|e| not_json(&e))?;
    let Record { event_type, fields, top, inner } = record;
    let mut seen = 0;
    for (name, raw) in top.iter().filter(|(name, _)| name == "event_type") {
        seen += 1;
        let value = unwrap_union(raw.get());
        match value.as_bytes().first() {
            Some(b'"') => *event_type = Some(scalar::string(value).ok_or("event_type is not valid text")?),
            _ if value == "null" => {}
            _ => return Err(format!("{name} is not text")),
        }
    }
    if seen > 1 {
        return Err("field `event_type` occurs twice".to_string());
    }
    let envelope = event_type.is_some();
    let mut flattened = [false; 2];
    for (name, raw) in top.drain(..) {
        let value = unwrap_union(raw.get());
        let level = match name.as_ref() {
            "event_type" => continue,
            "user" => Level::User,
            "properties" => Level::Properties,
            _ => Level::Top,
        };
        if !envelope || level == Level::Top || !value.starts_with('{') {
            push(fields, name, value, Level::Top)?;
            continue;
        }
        if std::mem::replace(&mut flattened[usize::from(level == Level::User)], true) {
            return Err(format!("field `{name}` occurs twice"));
        }
        object(value, inner).map_err(|e| not_json(&e))?;
        for (name, raw) in inner.drain(..) {
            push(fields, name, unwrap_union(raw.get()), level)?;
        }
    }
    Ok(())
}

fn push<'a>(fields: &mut Vec<Field<'a>>, name: Cow<'a, str>, value: &'a str, level: Level) -> Result<(), String> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err("a field's name is empty, too long or has control characters".to_string());
    }
    if !scalar::text_is_sound(value) {
        return Err(format!("field `{name}`: a \\u escape is half a character"));
    }
    fields.push(Field { name, value, level });
    Ok(())
}

/// `{"string": "x"}` is `"x"`: only a single known name, and only with a value that suits it.
fn unwrap_union(raw: &str) -> &str {
    union_value(raw).unwrap_or(raw)
}

pub(super) fn union_value(raw: &str) -> Option<&str> {
    let name = raw.strip_prefix('{')?.trim_start().strip_prefix('"')?;
    let branch =
        BRANCHES.into_iter().find(|branch| name.strip_prefix(branch).is_some_and(|rest| rest.starts_with('"')))?;
    let mut fields = Vec::new();
    object(raw, &mut fields).ok()?;
    let [(_, value)] = fields.as_slice() else { return None };
    let value = value.get();
    let first = value.as_bytes().first()?;
    let suits = match branch {
        "string" | "bytes" => *first == b'"',
        "int" | "long" => value.parse::<i64>().is_ok(),
        "boolean" => matches!(first, b't' | b'f'),
        "float" | "double" => matches!(first, b'-' | b'0'..=b'9'),
        "array" => *first == b'[',
        _ => *first == b'{',
    };
    suits.then_some(value)
}

fn not_json(error: &serde_json::Error) -> String {
    format!("not valid JSON (line {}, column {} of the record)", error.line(), error.column())
}

/// The fields of the object that `text` is, values as they stand. Earlier contents of `into` are dropped.
fn object<'a>(text: &'a str, into: &mut Vec<(Cow<'a, str>, &'a RawValue)>) -> serde_json::Result<()> {
    into.clear();
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Object(into))?;
    reader.end()
}

struct Object<'v, 'a>(&'v mut Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            self.0.push((name, map.next_value()?));
        }
        Ok(())
    }
}

/// A name, borrowed from the text where it has no escapes.
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Cow<'a, str>, D::Error> {
        reader.deserialize_str(Name)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(name.to_string()))
    }
}
