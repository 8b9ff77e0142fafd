//! A table that fits the terminal: wide columns shrink; when that is not enough, the middle ones are left out.

use super::text::{cut, harmless, is_number, texts};
use super::unwritable;
use crate::error::Result;
use crate::query::answer::Answer;
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// No column shrinks below this.
const NARROWEST: usize = 8;
/// What stands for columns left out.
const ELISION: &str = "…";

/// One column, laid out.
struct Column {
    name: String,
    texts: Vec<String>,
    right: bool,
    width: usize,
}

impl Column {
    fn natural(&self) -> usize {
        self.texts.iter().map(|t| t.width()).chain([self.name.width()]).max().unwrap_or(0)
    }
}

/// Writes at most `max_rows` rows, then how many there are.
pub fn write(
    answer: &Answer,
    out: &mut (dyn Write + Send),
    width: Option<usize>,
    max_rows: Option<usize>,
) -> Result<()> {
    let (mut columns, shown) = gather(answer, max_rows.unwrap_or(usize::MAX))?;
    let all = columns.len();
    for column in &mut columns {
        column.width = column.natural();
    }
    let mut elided = false;
    if let Some(width) = width {
        elided = fit(&mut columns, shown, width);
    }
    let mut text = line(&columns, None);
    let rules: Vec<String> = columns.iter().map(|c| "─".repeat(c.width + 2)).collect();
    text.push_str(&rules.join("┼"));
    text.push('\n');
    for row in 0..shown {
        text.push_str(&line(&columns, Some(row)));
    }
    out.write_all(text.as_bytes()).map_err(unwritable)?;
    if elided {
        let left = columns.len().saturating_sub(1);
        writeln!(out, "{left} of {all} columns shown").map_err(unwritable)?;
    }
    count(answer.rows, shown, out)
}

/// `N rows (M shown)`.
pub fn count(rows: usize, shown: usize, out: &mut (dyn Write + Send)) -> Result<()> {
    let word = if rows == 1 { "row" } else { "rows" };
    let part = if shown < rows { format!(" ({shown} shown)") } else { String::new() };
    writeln!(out, "{rows} {word}{part}").map_err(unwritable)
}

fn gather(answer: &Answer, limit: usize) -> Result<(Vec<Column>, usize)> {
    let mut columns: Vec<Column> = answer
        .schema
        .fields()
        .iter()
        .map(|f| Column {
            name: harmless(f.name()).into_owned(),
            texts: Vec::new(),
            right: is_number(f.data_type()),
            width: 0,
        })
        .collect();
    let mut shown = 0;
    for batch in answer.batches()? {
        if shown >= limit {
            break;
        }
        let batch = batch?;
        let rows = batch.num_rows().min(limit - shown);
        for (column, texts) in columns.iter_mut().zip(texts(&batch)?) {
            for row in 0..rows {
                let text = texts.get(row)?;
                column.texts.push(text.as_deref().map_or("NULL".into(), harmless).into_owned());
            }
        }
        shown += rows;
    }
    Ok((columns, shown))
}

/// What a table of these widths takes: each column has a space on either side, and a line between two.
fn taken(widths: impl Iterator<Item = usize>) -> usize {
    widths.map(|w| w + 3).sum::<usize>().saturating_sub(1)
}

/// Makes the columns fit. Returns whether some were left out.
fn fit(columns: &mut Vec<Column>, rows: usize, width: usize) -> bool {
    let least = |c: &Column| c.natural().min(NARROWEST);
    let mut elided = false;
    if taken(columns.iter().map(least)) > width {
        elided = true;
        let middle = columns.len() / 2;
        let gap = || Column { name: ELISION.into(), texts: vec![ELISION.into(); rows], right: false, width: 1 };
        if columns.len() > 1 {
            columns.splice(middle..=middle, [gap()]);
        }
        let mut at = middle;
        // From the middle outwards; the first column stays.
        while taken(columns.iter().map(least)) > width && columns.len() > 2 {
            if at > 1 && at * 2 >= columns.len() {
                at -= 1;
                columns.remove(at);
            } else if at + 1 < columns.len() {
                columns.remove(at + 1);
            } else {
                break;
            }
        }
    }
    // The largest cap under which everything fits: only columns above it shrink.
    let widest = columns.iter().map(Column::natural).max().unwrap_or(0);
    let fits = |cap: usize| taken(columns.iter().map(|c| c.natural().min(cap))) <= width;
    let (mut low, mut high) = (NARROWEST.min(widest), widest);
    while low < high {
        let cap = (low + high).div_ceil(2);
        if fits(cap) { low = cap } else { high = cap - 1 }
    }
    for column in columns.iter_mut() {
        column.width = column.natural().min(low);
    }
    elided
}

fn line(columns: &[Column], row: Option<usize>) -> String {
    let cells: Vec<String> = columns
        .iter()
        .map(|column| {
            let text = match row {
                Some(row) => column.texts.get(row).map_or("", String::as_str),
                None => column.name.as_str(),
            };
            let text = cut(text, column.width);
            let gap = " ".repeat(column.width.saturating_sub(text.width()));
            if column.right { format!(" {gap}{text} ") } else { format!(" {text}{gap} ") }
        })
        .collect();
    let joined = cells.join("│");
    format!("{}\n", joined.trim_end())
}
