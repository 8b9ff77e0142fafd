//! Records gathered by event type, and their fields as columns.
//!
//! A column's type is known only at its end, so cells are kept as slices of the file's text until then.

use super::super::decode::{Part, json_metadata};
use super::super::text_column::{ListColumn, NotUtf8, TextColumn, TooLong};
use super::super::{Damage, EventType, Limits, Reason};
use super::record::Field;
use super::scalar::{self, Kind};
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes kept for one cell until its column is built.
const CELL_BYTES: usize = std::mem::size_of::<(u32, &str)>();
/// Bytes a new column takes before its first cell, its place in the index included.
const COLUMN_BYTES: usize = 256;
/// Event types in one file. Braze has about a hundred in all; each costs a batch.
const MOST_TYPES: usize = 1_000;

/// All parts of one file.
pub(super) struct Collector<'a, 'l> {
    limits: &'l Limits,
    parts: Vec<Rows<'a>>,
    by_type: HashMap<Option<EventType>, usize>,
    bytes: usize,
}

/// The rows of one event type.
struct Rows<'a> {
    event_type: Option<EventType>,
    positions: Vec<u64>,
    columns: Vec<Column<'a>>,
    by_name: HashMap<String, usize>,
    /// Records offered so far, rejected ones too.
    offered: usize,
}

struct Column<'a> {
    name: String,
    /// Row and value, ascending; rows without a value have no cell.
    cells: Vec<(u32, &'a str)>,
    seen: Seen,
    /// The last record offered that had this field, counted from 1, and which of its fields it was.
    last: (usize, usize),
}

/// The kinds of value a column has had.
#[derive(Clone, Copy, Default)]
struct Seen(u8);

impl Seen {
    fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }

    fn only(self, kinds: &[Kind]) -> bool {
        self.0 & !kinds.iter().fold(1 << Kind::Null as u8, |set, kind| set | 1 << *kind as u8) == 0
    }

    fn has_values(self) -> bool {
        !self.only(&[])
    }
}

impl<'a, 'l> Collector<'a, 'l> {
    pub(super) fn new(limits: &'l Limits) -> Collector<'a, 'l> {
        Collector { limits, parts: Vec::new(), by_type: HashMap::new(), bytes: 0 }
    }

    /// Adds a record, wholly or, with the reason, not at all.
    pub(super) fn add(
        &mut self,
        event_type: Option<EventType>,
        position: u64,
        fields: &[Field<'a>],
    ) -> Result<(), String> {
        let known = match self.parts.last() {
            Some(part) if part.event_type == event_type => Some(self.parts.len() - 1),
            _ => self.by_type.get(&event_type).copied(),
        };
        let index = known.unwrap_or(self.parts.len());
        if known.is_none() {
            if index >= MOST_TYPES {
                return Err(format!("the file's records have more than {MOST_TYPES} event types"));
            }
            self.parts.push(Rows::new(event_type.clone()));
        }
        let Some(part) = self.parts.get_mut(index) else { return Err("too many event types".to_string()) };
        let result = part.add(position, fields, self.limits);
        match (&result, known) {
            (&Ok(bytes), _) => {
                self.count(bytes);
                if known.is_none() {
                    self.by_type.insert(event_type, index);
                }
            }
            (Err(_), None) => drop(self.parts.pop()),
            (Err(_), Some(_)) => {}
        }
        result.map(|_| ())
    }

    /// Counts bytes kept for this file elsewhere.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// An error once all that is kept takes more than the limit.
    pub(super) fn within_budget(&self) -> Result<(), Damage> {
        if self.bytes > self.limits.column_bytes {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn too_large(&self) -> Damage {
        let what = format!("columns and rejects take more than {} bytes", self.limits.column_bytes);
        Damage::new(Reason::LimitExceeded, what)
    }

    /// One part per event type, in order of first appearance.
    pub(super) fn finish(self) -> Result<Vec<Part>, Damage> {
        // Sparse columns are filled with nulls: what that takes must be known before it is taken.
        let dense = self.parts.iter().map(|part| part.positions.len().saturating_mul(part.columns.len()));
        if dense.fold(0usize, |sum, cells| sum.saturating_add(cells.saturating_mul(9))) > self.limits.column_bytes {
            return Err(self.too_large());
        }
        self.parts.into_iter().map(Rows::finish).collect()
    }
}

impl<'a> Rows<'a> {
    fn new(event_type: Option<EventType>) -> Rows<'a> {
        Rows { event_type, positions: Vec::new(), columns: Vec::new(), by_name: HashMap::new(), offered: 0 }
    }

    /// Returns the bytes this takes.
    fn add(&mut self, position: u64, fields: &[Field<'a>], limits: &Limits) -> Result<usize, String> {
        let Ok(row) = u32::try_from(self.positions.len()) else { return Err("too many records".to_string()) };
        let before = self.columns.len();
        match self.place(fields, limits) {
            Ok(places) => {
                for (column, value) in &places {
                    if let Some(column) = self.columns.get_mut(*column) {
                        let kind = scalar::kind(value);
                        column.seen.add(kind);
                        if kind != Kind::Null {
                            column.cells.push((row, value));
                        }
                    }
                }
                self.positions.push(position);
                let columns = self.columns.len().saturating_sub(before);
                let cells = places.len().saturating_mul(CELL_BYTES);
                Ok(cells.saturating_add(columns.saturating_mul(COLUMN_BYTES)).saturating_add(size_of::<u64>()))
            }
            Err(reason) => {
                // A rejected record leaves no columns behind.
                for column in self.columns.drain(before..) {
                    self.by_name.remove(&column.name);
                }
                Err(reason)
            }
        }
    }

    /// The column of each field, new ones made.
    fn place(&mut self, fields: &[Field<'a>], limits: &Limits) -> Result<Vec<(usize, &'a str)>, String> {
        self.offered += 1;
        let record = self.offered;
        let mut places = Vec::with_capacity(fields.len());
        // Records mostly have the same fields in the same order.
        let mut guess = 0usize;
        for (index, field) in fields.iter().enumerate() {
            let guessed = self.columns.get(guess).is_some_and(|column| column.name == field.name);
            let found = if guessed { Some(guess) } else { self.by_name.get(field.name.as_ref()).copied() };
            let at = match found {
                Some(at) => at,
                None if self.columns.len() >= limits.fields => {
                    return Err(format!("the file's records have more than {} different fields", limits.fields));
                }
                None => {
                    let name = field.name.to_string();
                    self.by_name.insert(name.clone(), self.columns.len());
                    self.columns.push(Column { name, cells: Vec::new(), seen: Seen::default(), last: (0, 0) });
                    self.columns.len() - 1
                }
            };
            guess = at + 1;
            let Some(column) = self.columns.get_mut(at) else { continue };
            let (last, earlier) = std::mem::replace(&mut column.last, (record, index));
            if last != record {
                places.push((at, field.value));
                continue;
            }
            column.last = (record, earlier);
            let same = fields.get(earlier).is_some_and(|earlier| same_fact(earlier, field));
            if !same {
                return Err(format!("field `{}` occurs twice", field.name));
            }
        }
        Ok(places)
    }

    fn finish(self) -> Result<Part, Damage> {
        let rows = self.positions.len();
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for column in self.columns {
            let name = column.name.clone();
            let (array, json) = column.finish(rows).map_err(|Unbuildable| {
                Damage::new(Reason::LimitExceeded, format!("field `{name}`: the column grows too large"))
            })?;
            let field = ArrowField::new(&name, array.data_type().clone(), true);
            fields.push(if json { field.with_metadata(json_metadata()) } else { field });
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|_| Damage::new(Reason::BadJson, "the columns do not make a batch"))?;
        Ok(Part { event_type: self.event_type, batch, positions: self.positions })
    }
}

/// The envelope may say one thing in two places; one object may not say it twice.
fn same_fact(one: &Field<'_>, other: &Field<'_>) -> bool {
    (one.level != other.level) && one.value == other.value
}

/// The column's text does not fit 32-bit offsets.
struct Unbuildable;

impl From<TooLong> for Unbuildable {
    fn from(_: TooLong) -> Unbuildable {
        Unbuildable
    }
}

impl From<NotUtf8> for Unbuildable {
    fn from(_: NotUtf8) -> Unbuildable {
        Unbuildable
    }
}

impl Column<'_> {
    /// The column as an array of `rows` rows, and whether its text is JSON.
    fn finish(self, rows: usize) -> Result<(ArrayRef, bool), Unbuildable> {
        let (seen, rows) = (self.seen, Dense { cells: self.cells.iter(), pending: None, row: 0, rows });
        let array: ArrayRef = if !seen.has_values() {
            Arc::new(text(rows, |_, _| Ok(()))?)
        } else if seen.only(&[Kind::Boolean]) {
            Arc::new(rows.map(|cell| cell.map(|value| value == "true")).collect::<BooleanArray>())
        } else if seen.only(&[Kind::Integer, Kind::WideInteger]) {
            Arc::new(rows.map(|cell| cell.and_then(|value| value.parse::<i64>().ok())).collect::<Int64Array>())
        } else if seen.only(&[Kind::Integer, Kind::Fraction]) {
            Arc::new(rows.map(|cell| cell.and_then(|value| value.parse::<f64>().ok())).collect::<Float64Array>())
        } else if seen.only(&[Kind::Text]) {
            Arc::new(text(rows, push_string)?)
        } else if seen.only(&[Kind::TextList]) {
            list(rows)?
        } else {
            Arc::new(text(rows, |column, value| Ok(column.push(value.as_bytes())?))?)
        };
        let json = *array.data_type() == DataType::Utf8 && !(seen.has_values() && seen.only(&[Kind::Text]));
        Ok((array, json))
    }
}

/// Every row's value or absence, in order.
struct Dense<'c, 'a> {
    cells: std::slice::Iter<'c, (u32, &'a str)>,
    pending: Option<(u32, &'a str)>,
    row: usize,
    rows: usize,
}

impl<'a> Iterator for Dense<'_, 'a> {
    type Item = Option<&'a str>;

    fn next(&mut self) -> Option<Option<&'a str>> {
        if self.row >= self.rows {
            return None;
        }
        let next = self.pending.take().or_else(|| self.cells.next().copied());
        let row = self.row;
        self.row += 1;
        match next {
            Some((at, value)) if usize::try_from(at).is_ok_and(|at| at == row) => Some(Some(value)),
            later => {
                self.pending = later;
                Some(None)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rows.saturating_sub(self.row);
        (left, Some(left))
    }
}

fn text(
    rows: Dense<'_, '_>,
    push: impl Fn(&mut TextColumn, &str) -> Result<(), Unbuildable>,
) -> Result<arrow::array::StringArray, Unbuildable> {
    let mut column = TextColumn::default();
    column.reserve(rows.rows);
    for cell in rows {
        column.valid.push(cell.is_some());
        match cell {
            Some(value) => push(&mut column, value)?,
            None => column.close()?,
        }
    }
    Ok(column.finish()?)
}

fn push_string(column: &mut TextColumn, value: &str) -> Result<(), Unbuildable> {
    // Records with unsound strings were rejected when they were read.
    Ok(column.push(scalar::string(value).unwrap_or_default().as_bytes())?)
}

fn list(rows: Dense<'_, '_>) -> Result<ArrayRef, Unbuildable> {
    let mut column = ListColumn::default();
    for cell in rows {
        column.valid.push(cell.is_some());
        for item in cell.and_then(scalar::items).unwrap_or_default() {
            let item = scalar::string(item);
            column.items.valid.push(item.is_some());
            column.items.push(item.unwrap_or_default().as_bytes())?;
        }
        column.close()?;
    }
    Ok(column.finish()?)
}
