//! What there is to query, in words: the list of tables, one table.

use super::all_events::ROW_CHANNEL;
use super::answer::Answer;
use super::print::text::cut;
use super::print::{OutputFormat, write};
use super::session::{Session, Sort};
use super::system_tables::ColumnInfo;
use crate::error::{Error, Result};
use crate::warehouse::{CellKey, CellState, Snapshot};
use arrow::array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray, UInt64Array};
use chrono::{DateTime, NaiveDate};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// A table's cells, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Queue days that have a cell.
    pub days: u64,
    /// The first and the newest of them.
    pub range: Option<(NaiveDate, NaiveDate)>,
    /// The latest `time`, microseconds since 1970.
    pub newest: Option<i64>,
}

impl Held {
    /// What a snapshot holds of a table.
    pub fn of(snapshot: &Snapshot, table: &str) -> Held {
        let mut held = Held::default();
        let mut days = BTreeSet::new();
        for CellState { key: CellKey { queue_date, .. }, rows, size, max_time, .. } in snapshot.cells_of(table) {
            held.rows = held.rows.saturating_add(*rows);
            held.bytes = held.bytes.saturating_add(*size);
            held.newest = held.newest.max(*max_time);
            days.insert(*queue_date);
        }
        held.days = days.len() as u64;
        held.range = days.first().copied().zip(days.last().copied());
        held
    }
}

/// The list of tables as a result: those with rows first.
pub fn tables(session: &Session) -> Result<Answer> {
    let snapshot = session.snapshot();
    let definitions = session.definitions();
    let mut all: Vec<(String, Held)> =
        snapshot.table_names(definitions).into_iter().map(|t| (t.clone(), Held::of(&snapshot, &t))).collect();
    all.sort_by_key(|(_, held)| held.rows == 0);
    let definition = |t: &str| definitions.table(t);
    let channel = |t: &str| {
        let channel = definition(t)?.channel.clone();
        channel.map(|c| if c == ROW_CHANNEL { "in each row".to_string() } else { c })
    };
    let text = |f: &dyn Fn(&str) -> Option<String>| -> ArrayRef {
        Arc::new(all.iter().map(|(t, _)| f(t)).collect::<StringArray>())
    };
    let count = |f: fn(&Held) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(all.iter().map(|(_, held)| f(held))))
    };
    let newest = all.iter().map(|(_, h)| h.range.map(|r| super::table_provider::days(r.1)));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("table", text(&|t| Some(t.to_string()))),
        ("channel", text(&channel)),
        ("stage", text(&|t| definition(t)?.stage.clone())),
        ("rows", count(|h| h.rows)),
        ("days", count(|h| h.days)),
        ("bytes", count(|h| h.bytes)),
        ("newest_day", Arc::new(newest.collect::<Date32Array>())),
    ];
    answer(columns)
}

fn answer(columns: Vec<(&str, ArrayRef)>) -> Result<Answer> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .map_err(|e| Error::failed("cannot list the tables").because(e))?;
    Ok(Answer::of(batch.schema(), vec![batch]))
}

fn drawn(answer: &Answer, width: Option<usize>) -> Result<String> {
    let mut out = Vec::new();
    write(answer, OutputFormat::Table, &mut out, width, None)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The columns of the list a terminal has room for: names are what it is read for, so the others give way to them.
fn fitting(all: &Answer, width: Option<usize>) -> Result<Answer> {
    let wanted: &[&str] = match width {
        Some(width) if width < 100 => &["table", "rows", "newest_day"],
        Some(width) if width < 140 => &["table", "rows", "days", "bytes", "newest_day"],
        _ => return Ok(Answer::of(all.schema.clone(), all.batches()?.collect::<Result<_>>()?)),
    };
    let at: Vec<usize> = wanted.iter().filter_map(|name| all.schema.index_of(name).ok()).collect();
    let wrong = |e| Error::failed("cannot list the tables").because(e);
    let schema = Arc::new(all.schema.project(&at).map_err(wrong)?);
    let batches = all.batches()?.map(|batch| batch?.project(&at).map_err(wrong)).collect::<Result<_>>()?;
    Ok(Answer::of(schema, batches))
}

/// The list of tables and views as text.
pub fn list(session: &Session, width: Option<usize>) -> Result<String> {
    let mut text = drawn(&fitting(&tables(session)?, width)?, width)?;
    for (sort, heading) in [(Sort::View, "\nViews\n"), (Sort::System, "\nWhat Eddyline knows itself\n")] {
        text.push_str(heading);
        for relation in session.relations().iter().filter(|r| r.sort == sort) {
            let line = format!("  {:<20} {}", relation.name, relation.meaning);
            let _ = writeln!(text, "{}", fitting_line(&line, width));
        }
    }
    Ok(text)
}

/// The list of views as text, each with the first sentence of what it says of itself.
pub fn views(session: &Session, width: Option<usize>) -> String {
    let relations = session.relations();
    let views: Vec<_> = relations.iter().filter(|r| r.sort == Sort::View).collect();
    let widest = views.iter().map(|v| v.name.len()).max().unwrap_or(0);
    let lines = views.iter().map(|v| fitting_line(&format!("{:<widest$}  {}", v.name, v.meaning), width) + "\n");
    lines.chain(["\\d NAME says more about one\n".to_string()]).collect()
}

/// A line that fits the terminal.
fn fitting_line(line: &str, width: Option<usize>) -> String {
    width.map_or_else(|| line.to_string(), |width| cut(line, width))
}

/// One table or view as text: what it means, what it holds, its columns.
pub async fn table(session: &Session, name: &str, width: Option<usize>) -> Result<String> {
    let name = name.trim().trim_end_matches(';').to_lowercase();
    let columns = session.columns(&name).await?;
    let mut text = String::new();
    if let Some(view) = session.views().iter().find(|v| v.name == name) {
        let _ = writeln!(text, "{name}: a view\n\n{}\n", view.doc);
        let tables = tables_under(session, &name);
        let snapshot = session.snapshot();
        let held: Vec<(&str, Held)> =
            tables.iter().map(|t| (t.as_str(), Held::of(&snapshot, t))).filter(|(_, held)| held.rows > 0).collect();
        if !tables.is_empty() {
            let rows: u64 = held.iter().map(|(_, h)| h.rows).sum();
            let _ = writeln!(text, "reads {} tables; {} of them have rows, {rows} together", tables.len(), held.len());
            text.push_str(&freshness_line(&snapshot, &held));
            text.push('\n');
        }
    } else if let Some(relation) = session.relations().into_iter().find(|r| r.name == name) {
        let _ = writeln!(text, "{name}: {}", relation.meaning);
        if relation.sort == Sort::Table {
            text.push_str(&facts(session, &name));
        }
        text.push('\n');
    }
    text.push_str(&drawn(&column_list(&columns)?, width)?);
    Ok(text)
}

fn facts(session: &Session, name: &str) -> String {
    let mut text = String::new();
    let snapshot = session.snapshot();
    if let Some(definition) = session.definitions().table(name) {
        let of =
            |label: &str, value: &Option<String>| value.as_ref().map(|v| format!(", {label} {v}")).unwrap_or_default();
        let channel = of("channel", &definition.channel);
        let stage = of("stage", &definition.stage);
        let _ = writeln!(text, "event type {}{channel}{stage}", definition.event_type);
        if !definition.current {
            text.push_str("Braze no longer sends this type.\n");
        }
        if definition.incomplete {
            text.push_str("Its field list is not public: columns appear as the data brings them.\n");
        }
    }
    let held = Held::of(&snapshot, name);
    match held.range {
        None => text.push_str("no rows yet\n"),
        Some((first, last)) => {
            let _ =
                writeln!(text, "{} rows in {} days from {first} to {last}, {} bytes", held.rows, held.days, held.bytes);
            text.push_str(&freshness_line(&snapshot, &[(name, held)]));
        }
    }
    text
}

/// `newest event …, last written …`, or nothing for tables without rows.
fn freshness_line(snapshot: &Snapshot, held: &[(&str, Held)]) -> String {
    let tables = held.iter().map(|(table, _)| *table);
    freshness(snapshot, tables)
        .map_or(String::new(), |(newest, written)| format!("newest event {newest}, last written {written}\n"))
}

/// The newest event of some tables and when one of them was last written, in ISO; `None` without rows.
pub fn freshness<'t>(snapshot: &Snapshot, tables: impl Iterator<Item = &'t str>) -> Option<(String, String)> {
    let cells: Vec<&CellState> = tables.flat_map(|table| snapshot.cells_of(table)).collect();
    let newest = cells.iter().filter_map(|c| c.max_time).max().and_then(DateTime::from_timestamp_micros)?;
    let written = cells.iter().map(|c| c.written_at).max()?;
    let iso = |t: DateTime<chrono::Utc>| t.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Some((iso(newest), iso(written)))
}

/// The tables a view reads, itself or through other views.
fn tables_under(session: &Session, view: &str) -> BTreeSet<String> {
    let tables = session.snapshot().table_names(session.definitions());
    let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![view.to_string()]);
    while let Some(name) = open.pop() {
        let name = name.trim_start_matches("public.").to_string();
        if !seen.insert(name.clone()) {
            continue;
        }
        if name == super::all_events::ALL_EVENTS {
            found.extend(tables.iter().cloned());
        } else if let Some(view) = session.views().iter().find(|v| v.name == name) {
            open.extend(view.reads.iter().map(|(read, _)| read.clone()));
        } else if tables.contains(&name) {
            found.insert(name);
        }
    }
    found
}

fn column_list(columns: &[ColumnInfo]) -> Result<Answer> {
    let text =
        |f: fn(&ColumnInfo) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(columns.iter().map(f))) };
    let mut all: Vec<(&str, ArrayRef)> = vec![
        ("column", text(|c| &c.name)),
        ("type", text(|c| c.kind)),
        ("pii", Arc::new(columns.iter().map(|c| Some(c.pii)).collect::<BooleanArray>())),
    ];
    if columns.iter().any(|c| !c.meaning.is_empty() || c.discovered) {
        all.push((
            "meaning",
            text(|c| if c.discovered && c.meaning.is_empty() { "discovered in the data" } else { &c.meaning }),
        ));
    }
    answer(all)
}
