//! Decoded rows of several files, put together before they are conformed: most files are tiny, and what is done once a
//! batch would cost more than what is done once a row.

use super::cell_build::TableInWork;
use super::context::Context;
use super::read::admit;
use crate::currents::Part;
use crate::error::{Error, Result};
use crate::table::{Conformed, Fit, Run};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;

/// Rows from where on a pile is large enough.
const ROWS: usize = 8_192;
/// Rows that are worth being put with others.
const FEW: usize = 256;
/// How many decoded schemas a table remembers the fit of. Braze changes an event type a few times a year.
const FITS: usize = 16;

/// See the module.
#[derive(Default)]
pub struct Pile {
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    runs: Vec<FileRun>,
    rows: usize,
    bytes: usize,
    has_many: bool,
}

/// Rows that lie together and come from one file.
pub struct FileRun {
    /// The file's number among those of its cell.
    pub file: usize,
    /// Its key.
    pub key: Arc<str>,
    positions: Vec<u64>,
}

impl FileRun {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.positions.len()
    }
}

impl Pile {
    /// Whether these rows can be put on it: they have the same schema as the others, and there are few of them. To put
    /// many with others would only copy them.
    pub fn takes(&self, rows: &RecordBatch) -> bool {
        let same = |own: &SchemaRef| Arc::ptr_eq(own, rows.schema_ref()) && rows.num_rows() <= FEW && !self.has_many;
        self.schema.as_ref().is_none_or(same)
    }

    /// Whether it is large enough to be worked on: by its rows, or its bytes and `limit`.
    pub fn is_full(&self, limit: usize) -> bool {
        self.rows >= ROWS || self.bytes >= limit
    }

    /// Puts rows of a file on it.
    pub fn add(&mut self, file: usize, key: &Arc<str>, part: &Part) {
        self.schema = Some(part.batch.schema());
        self.rows += part.batch.num_rows();
        self.has_many |= part.batch.num_rows() > FEW;
        self.bytes += part.batch.get_array_memory_size();
        self.batches.push(part.batch.clone());
        self.runs.push(FileRun { file, key: key.clone(), positions: part.positions.clone() });
    }

    /// Puts rows on it, when it is empty, of which each file's lie together: the files' numbers, keys and records.
    pub fn put(&mut self, rows: RecordBatch, files: impl Iterator<Item = (usize, Arc<str>, u64)>) {
        self.schema = Some(rows.schema());
        self.rows = rows.num_rows();
        self.has_many = true;
        self.batches.push(rows);
        self.runs.extend(files.map(|(file, key, records)| FileRun { file, key, positions: (0..records).collect() }));
    }

    /// Takes all rows off it, in the columns of the table. Columns the table does not have join it, when the policy
    /// lets them.
    pub fn clear(&mut self, ctx: &Context, table: &mut TableInWork) -> Result<Option<(Conformed, Vec<FileRun>)>> {
        let Pile { schema: Some(schema), batches, runs, .. } = std::mem::take(self) else { return Ok(None) };
        let fit = fit(ctx, table, &schema)?;
        let wrong = |e| {
            let key = runs.first().map_or("", |run| &run.key);
            Error::failed(format!("cannot convert the columns of {key} and what follows")).because(e)
        };
        let of: Vec<Run<'_>> = runs.iter().map(|r| Run { source: &r.key, positions: &r.positions }).collect();
        let together = match batches.as_slice() {
            [one] => one.clone(),
            several => concat_batches(&schema, several).map_err(wrong)?,
        };
        let conformed = fit.conform(&together, &of).map_err(wrong)?;
        Ok(Some((conformed, runs)))
    }
}

fn fit(ctx: &Context, table: &mut TableInWork, schema: &SchemaRef) -> Result<Arc<Fit>> {
    if let Some(fit) = table.fits.iter().find(|fit| fit.is_of(schema)) {
        return Ok(fit.clone());
    }
    let before = table.schema.columns().len();
    admit(ctx, &mut table.schema, &mut table.joined, schema)?;
    if table.schema.columns().len() > before || table.fits.len() >= FITS {
        table.fits.clear();
    }
    let fit = Arc::new(Fit::new(&table.schema, schema));
    table.fits.push(fit.clone());
    Ok(fit)
}
