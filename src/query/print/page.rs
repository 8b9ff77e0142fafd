//! A page for a browser that needs nothing beside itself: the rows as a table, above them their chart.

use super::text::{harmless, is_number, texts};
use super::unwritable;
use crate::error::Result;
use crate::query::answer::Answer;
use crate::query::chart::{Chart, svg};
use std::io::Write;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
const STYLE: &str = "<style>\nbody { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222 }\n\
    svg { max-width: 100%; height: auto; margin-bottom: 1.5em }\n\
    table { border-collapse: collapse }\n\
    th, td { padding: .25em .75em; border-bottom: 1px solid #ddd; text-align: left; white-space: pre-wrap }\n\
    th { position: sticky; top: 0; background: #fff }\n\
    .number { text-align: right; font-variant-numeric: tabular-nums }\n.null { color: #999 }\n</style>\n";

/// Writes the page, all rows of it.
pub fn write(answer: &Answer, out: &mut (dyn Write + Send)) -> Result<()> {
    let names: Vec<String> = answer.schema.fields().iter().map(|f| escaped(f.name())).collect();
    let right: Vec<bool> = answer.schema.fields().iter().map(|f| is_number(f.data_type())).collect();
    let mut text = format!("{HEAD}<title>{}</title>\n{STYLE}</head>\n<body>\n", names.join(", "));
    // Most results make no chart: the table alone is the page then.
    if let Ok(chart) = Chart::of(answer, None) {
        text.push_str(&svg(&chart)?);
        text.push('\n');
    }
    let class = |right: bool| if right { " class=\"number\"" } else { "" };
    text.push_str("<table>\n<thead><tr>");
    for (name, right) in names.iter().zip(&right) {
        text.push_str(&format!("<th{}>{name}</th>", class(*right)));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    out.write_all(text.as_bytes()).map_err(unwritable)?;
    for batch in answer.batches()? {
        let batch = batch?;
        let columns = texts(&batch)?;
        for row in 0..batch.num_rows() {
            let mut line = "<tr>".to_string();
            for (column, right) in columns.iter().zip(&right) {
                match column.get(row)? {
                    Some(value) => line.push_str(&format!("<td{}>{}</td>", class(*right), escaped(&value))),
                    None => line.push_str("<td class=\"null\">NULL</td>"),
                }
            }
            line.push_str("</tr>\n");
            out.write_all(line.as_bytes()).map_err(unwritable)?;
        }
    }
    let word = if answer.rows == 1 { "row" } else { "rows" };
    writeln!(out, "</tbody>\n</table>\n<p>{} {word}</p>\n</body>\n</html>", answer.rows).map_err(unwritable)
}

/// Text that is only text in a page.
fn escaped(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '&' => clean.push_str("&amp;"),
            '<' => clean.push_str("&lt;"),
            '>' => clean.push_str("&gt;"),
            '"' => clean.push_str("&quot;"),
            '\'' => clean.push_str("&#39;"),
            c => clean.push(c),
        }
    }
    clean
}
