//! What one JSON value is, judged by its text. The text has been through a JSON parser before.

use super::record::union_value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Whole numbers up to this size survive in a 64-bit float.
const EXACT_IN_DOUBLE: u64 = 1 << 53;
/// Significant decimal digits that a 64-bit float can give back.
const DIGITS_OF_DOUBLE: usize = 17;

/// A kind of value, as far as column types care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Null,
    Boolean,
    /// Fits 53 bits, so it may stand among fractions.
    Integer,
    /// Fits 64 bits.
    WideInteger,
    /// With a fraction or exponent, and representable.
    Fraction,
    Text,
    /// An array of texts and nulls.
    TextList,
    /// Kept as its text: objects, other arrays, numbers that no column type can give back.
    Other,
}

/// The kind of a value.
pub(super) fn kind(value: &str) -> Kind {
    match value.as_bytes().first() {
        Some(b'"') => Kind::Text,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        Some(b'[') => {
            let listed = items(value)
                .is_some_and(|items| items.iter().all(|item| matches!(kind_of_item(item), Kind::Null | Kind::Text)));
            if listed { Kind::TextList } else { Kind::Other }
        }
        Some(b'-' | b'0'..=b'9') => number(value),
        _ => Kind::Other,
    }
}

fn kind_of_item(item: &str) -> Kind {
    match item.as_bytes().first() {
        Some(b'"') => Kind::Text,
        Some(b'n') => Kind::Null,
        _ => Kind::Other,
    }
}

fn number(text: &str) -> Kind {
    let fraction = text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if !fraction && text != "-0" {
        return match text.parse::<i64>() {
            Ok(value) if value.unsigned_abs() <= EXACT_IN_DOUBLE => Kind::Integer,
            Ok(_) => Kind::WideInteger,
            Err(_) => Kind::Other,
        };
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').collect();
    let significant = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && significant <= DIGITS_OF_DOUBLE && (value != 0.0 || significant == 0) => {
            Kind::Fraction
        }
        _ => Kind::Other,
    }
}

/// The text a JSON string stands for, borrowed where it has no escapes; `None` if it is no sound string.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str::<String>(value).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The items of a JSON array as text, unions unwrapped; `None` if it is no array.
pub(super) fn items(value: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    Some(items.into_iter().map(|item| union_value(item.get()).unwrap_or(item.get())).collect())
}

/// Whether every `\u` escape of a surrogate has its other half. (The parser does not look into text it skips.)
pub(super) fn text_is_sound(value: &str) -> bool {
    let mut rest = value.as_bytes();
    let mut high = false;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = rest.get(at + 1..).unwrap_or_default();
        let unit = match escape {
            [b'u', digits @ ..] => digits
                .get(..4)
                .and_then(|hex| std::str::from_utf8(hex).ok())
                .and_then(|hex| u16::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        let low = unit.is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        // A low half must follow a high one at once, and a high one must be followed by a low one.
        if low != high || (high && at != 0) {
            return false;
        }
        high = unit.is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
        rest = escape.get(if unit.is_some() { 5 } else { 1 }..).unwrap_or_default();
    }
    !high
}
