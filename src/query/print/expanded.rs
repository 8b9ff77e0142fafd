//! Rows one below the other, a line per column: for rows too wide for a table.

use super::table::count;
use super::text::{harmless, texts};
use super::unwritable;
use crate::error::Result;
use crate::query::answer::Answer;
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// Writes at most `max_rows` rows and how many there are.
pub fn expanded(answer: &Answer, out: &mut (dyn Write + Send), max_rows: Option<usize>) -> Result<()> {
    let names: Vec<String> = answer.schema.fields().iter().map(|f| harmless(f.name()).into_owned()).collect();
    let widest = names.iter().map(|n| n.width()).max().unwrap_or(0);
    let limit = max_rows.unwrap_or(usize::MAX);
    let mut shown = 0;
    for batch in answer.batches()? {
        let batch = batch?;
        let columns = texts(&batch)?;
        for row in 0..batch.num_rows().min(limit.saturating_sub(shown)) {
            shown += 1;
            writeln!(out, "row {shown}").map_err(unwritable)?;
            for (name, column) in names.iter().zip(&columns) {
                let text = column.get(row)?;
                let text = text.as_deref().map_or("NULL".into(), harmless);
                let gap = " ".repeat(widest.saturating_sub(name.width()));
                writeln!(out, "  {name}{gap}  {text}").map_err(unwritable)?;
            }
        }
    }
    count(answer.rows, shown, out)
}
