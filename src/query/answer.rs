//! The rows of a result, complete before the first is shown: a query that finds a cell replaced starts again, and
//! nothing may have been printed by then. Large results go to a temporary file.

use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::spill_file::SpillFile;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A result.
pub struct Answer {
    /// Its columns.
    pub schema: SchemaRef,
    /// How many rows it has.
    pub rows: usize,
    kept: Vec<RecordBatch>,
    spilled: Option<Spilled>,
    _reservation: Option<MemoryReservation>,
}

struct Spilled {
    path: PathBuf,
    // Deletes the file when dropped.
    _file: Arc<dyn SpillFile>,
}

type DfResult<T> = std::result::Result<T, DataFusionError>;

impl Answer {
    /// A result that is at hand.
    pub fn of(schema: SchemaRef, batches: Vec<RecordBatch>) -> Answer {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        Answer { schema, rows, kept: batches, spilled: None, _reservation: None }
    }

    /// Reads a stream to its end. Beyond `limit` bytes, or what the memory pool grants, rows go to a temporary file.
    pub async fn collect(
        mut stream: SendableRecordBatchStream,
        runtime: &RuntimeEnv,
        limit: usize,
    ) -> DfResult<Answer> {
        let mut answer = Answer::of(stream.schema(), Vec::new());
        let reservation = MemoryConsumer::new("result").with_can_spill(true).register(&runtime.memory_pool);
        let mut writer: Option<StreamWriter<BufWriter<File>>> = None;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            answer.rows = answer.rows.saturating_add(batch.num_rows());
            if let Some(writer) = &mut writer {
                writer.write(&batch)?;
                continue;
            }
            let bytes = batch.get_array_memory_size();
            let fits = reservation.size().saturating_add(bytes) <= limit && reservation.try_grow(bytes).is_ok();
            answer.kept.push(batch);
            if !fits {
                writer = Some(answer.spill(runtime)?);
                reservation.free();
            }
        }
        if let Some(mut writer) = writer {
            writer.finish()?;
            writer.into_inner()?.into_inner().map_err(|e| DataFusionError::IoError(e.into_error()))?;
        }
        // From here on it only stays: it takes from the pool and no longer shares with what may spill.
        let held = MemoryConsumer::new("a result that is kept").register(&runtime.memory_pool);
        let bytes = reservation.size();
        drop(reservation);
        held.grow(bytes);
        answer._reservation = Some(held);
        Ok(answer)
    }

    fn spill(&mut self, runtime: &RuntimeEnv) -> DfResult<StreamWriter<BufWriter<File>>> {
        let file = runtime.disk_manager.create_tmp_file("a large result")?;
        let path = file.path().map(Path::to_path_buf);
        let path = path.ok_or_else(|| DataFusionError::Execution("temporary files are not local".into()))?;
        let out = File::create(&path).map_err(DataFusionError::IoError)?;
        let mut writer = StreamWriter::try_new_buffered(out, &self.schema)?;
        for batch in self.kept.drain(..) {
            writer.write(&batch)?;
        }
        self.spilled = Some(Spilled { path, _file: file });
        Ok(writer)
    }

    /// Whether the rows lie in a temporary file.
    pub fn is_spilled(&self) -> bool {
        self.spilled.is_some()
    }

    /// The rows from the first on, for whoever takes them over time. Memory and file are given back with the last.
    pub fn into_batches(self) -> Result<Batches> {
        let reader = self.spilled.as_ref().map(Spilled::reader).transpose()?;
        let Answer { kept, spilled, _reservation, .. } = self;
        Ok(Batches { kept: kept.into_iter(), reader, _spilled: spilled, _reservation })
    }

    /// The rows from the first on; may be called again.
    pub fn batches(&self) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + '_>> {
        match &self.spilled {
            None => Ok(Box::new(self.kept.iter().cloned().map(Ok))),
            Some(spilled) => Ok(Box::new(spilled.batches()?)),
        }
    }

    /// The rows from the first on, for a reader that outlives the caller; the result lives as long as that reads.
    pub fn shared_batches(self: Arc<Self>) -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
        let batches: Box<dyn Iterator<Item = Result<RecordBatch>> + Send> = match &self.spilled {
            None => Box::new(self.kept.clone().into_iter().map(Ok)),
            Some(spilled) => match spilled.batches() {
                Ok(batches) => Box::new(batches),
                Err(error) => Box::new(std::iter::once(Err(error))),
            },
        };
        // The temporary file is deleted with its answer.
        Box::new(batches.inspect(move |_| {
            let _ = &self;
        }))
    }
}

impl Spilled {
    fn reader(&self) -> Result<StreamReader<BufReader<File>>> {
        let file = File::open(&self.path).map_err(unreadable)?;
        StreamReader::try_new(BufReader::new(file), None).map_err(unreadable)
    }

    fn batches(&self) -> Result<impl Iterator<Item = Result<RecordBatch>> + Send + use<>> {
        Ok(self.reader()?.map(|batch| batch.map_err(unreadable)))
    }
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::failed("cannot read the result back from its temporary file").because(error)
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("rows", &self.rows).field("spilled", &self.is_spilled()).finish()
    }
}

/// The rows of an answer that is used up on the way.
pub struct Batches {
    kept: std::vec::IntoIter<RecordBatch>,
    reader: Option<StreamReader<BufReader<File>>>,
    _spilled: Option<Spilled>,
    _reservation: Option<MemoryReservation>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match &mut self.reader {
            Some(reader) => Some(reader.next()?.map_err(unreadable)),
            None => self.kept.next().map(Ok),
        }
    }
}
