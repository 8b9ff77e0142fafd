//! A Markdown table.

use super::text::{harmless, is_number, texts};
use super::unwritable;
use crate::error::Result;
use crate::query::answer::Answer;
use std::io::Write;

/// Writes every row.
pub fn write(answer: &Answer, out: &mut (dyn Write + Send)) -> Result<()> {
    let fields = answer.schema.fields();
    let names: Vec<String> = fields.iter().map(|f| cell(f.name())).collect();
    let rules: Vec<&str> = fields.iter().map(|f| if is_number(f.data_type()) { "---:" } else { "---" }).collect();
    write!(out, "| {} |\n| {} |\n", names.join(" | "), rules.join(" | ")).map_err(unwritable)?;
    for batch in answer.batches()? {
        let batch = batch?;
        let columns = texts(&batch)?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|c| Ok(c.get(row)?.map_or_else(|| "NULL".to_string(), |t| cell(&t))));
            let cells = cells.collect::<Result<Vec<String>>>()?;
            writeln!(out, "| {} |", cells.join(" | ")).map_err(unwritable)?;
        }
    }
    Ok(())
}

fn cell(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|l| harmless(l).replace('|', "\\|")).collect();
    lines.join("<br>")
}
