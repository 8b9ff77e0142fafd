//! Values as text: timestamps in ISO with their zone, floats shortest, lists as JSON.

use super::unprintable;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::json::LineDelimitedWriter;
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One column of a batch as text.
pub struct Texts<'a> {
    column: &'a ArrayRef,
    shown: Shown<'a>,
}

enum Shown<'a> {
    Plain(ArrayFormatter<'a>),
    Json(Vec<String>),
}

const FORMAT: FormatOptions<'static> = FormatOptions::new();

impl<'a> Texts<'a> {
    /// The texts of a column.
    pub fn of(column: &'a ArrayRef) -> Result<Texts<'a>> {
        let shown = match is_nested(column.data_type()) {
            true => Shown::Json(json_texts(column)?),
            false => Shown::Plain(ArrayFormatter::try_new(column.as_ref(), &FORMAT).map_err(unprintable)?),
        };
        Ok(Texts { column, shown })
    }

    /// The text in a row; `None` for null.
    pub fn get(&self, row: usize) -> Result<Option<Cow<'_, str>>> {
        if self.column.is_null(row) {
            return Ok(None);
        }
        Ok(Some(match &self.shown {
            Shown::Plain(format) => Cow::Owned(format.value(row).try_to_string().map_err(unprintable)?),
            Shown::Json(texts) => Cow::Borrowed(texts.get(row).map_or("", String::as_str)),
        }))
    }
}

/// The texts of all columns.
pub fn texts(batch: &RecordBatch) -> Result<Vec<Texts<'_>>> {
    batch.columns().iter().map(Texts::of).collect()
}

/// Whether a column's values are right-aligned.
pub fn is_number(kind: &DataType) -> bool {
    kind.is_numeric()
}

fn is_nested(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, value) => is_nested(value),
        other => other.is_nested(),
    }
}

fn json_texts(column: &ArrayRef) -> Result<Vec<String>> {
    let batch = RecordBatch::try_from_iter([("v", column.clone())]).map_err(unprintable)?;
    let mut bytes = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut bytes);
    writer.write(&batch).and_then(|()| writer.finish()).map_err(unprintable)?;
    let text = String::from_utf8(bytes).map_err(unprintable)?;
    // A null is an object without its field.
    let value = |line: &str| line.strip_prefix("{\"v\":").and_then(|l| l.strip_suffix('}')).unwrap_or("").to_string();
    Ok(text.lines().map(value).collect())
}

/// Text that cannot steer a terminal: control characters as escapes.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) {
            true => clean.extend(c.escape_default()),
            false => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

/// Control characters, and those that turn the direction of what follows.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text within that many terminal columns, ending in `…` where it was cut.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}
