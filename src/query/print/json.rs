//! JSON: one array, or an object a line. Nulls are written, so that every object has every key.

use super::{unprintable, unwritable};
use crate::error::Result;
use crate::query::answer::Answer;
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::{JsonArray, LineDelimited};
use std::io::Write;

/// Writes one array.
pub fn array(answer: &Answer, out: &mut (dyn Write + Send)) -> Result<()> {
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, JsonArray>(&mut *out);
    for batch in answer.batches()? {
        writer.write(&batch?).map_err(unprintable)?;
    }
    writer.finish().map_err(unprintable)?;
    drop(writer);
    out.write_all(b"\n").map_err(unwritable)
}

/// Writes one object a line.
pub fn lines(answer: &Answer, out: &mut (dyn Write + Send)) -> Result<()> {
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, LineDelimited>(out);
    for batch in answer.batches()? {
        writer.write(&batch?).map_err(unprintable)?;
    }
    writer.finish().map_err(unprintable)
}
