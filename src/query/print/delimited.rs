//! CSV, quoted as RFC 4180 has it. Lines end as other lines of a shell pipeline do, in a bare newline.

use super::text::texts;
use super::unwritable;
use crate::error::Result;
use crate::query::answer::Answer;
use std::io::Write;

/// Writes a header and every row.
pub fn write(answer: &Answer, out: &mut (dyn Write + Send)) -> Result<()> {
    let names: Vec<String> = answer.schema.fields().iter().map(|f| quoted(f.name())).collect();
    writeln!(out, "{}", names.join(",")).map_err(unwritable)?;
    let mut line = String::new();
    for batch in answer.batches()? {
        let batch = batch?;
        let columns = texts(&batch)?;
        for row in 0..batch.num_rows() {
            line.clear();
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    line.push(',');
                }
                // Null is nothing.
                if let Some(text) = column.get(row)? {
                    line.push_str(&quoted(&text));
                }
            }
            line.push('\n');
            out.write_all(line.as_bytes()).map_err(unwritable)?;
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    // An empty text differs from null by its quotes.
    if text.is_empty() || text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}
