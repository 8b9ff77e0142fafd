//! The ledger in a checkpoint: `files.parquet`, in the order in which a pass asks. A pass lists recent hours and wants
//! to know what the ledger says of those; it should not read what was loaded years ago.
//!
//! Rows lie by queue hour, then key, in small row groups, so that `queue_hour`'s statistics say which to read. Before
//! them lie the files whose key names no hour: what their hour was depends on when they were written, so they are
//! always read. How many rows those are is in the footer.

use super::checkpoint::{Columns, Row, counts, moments, texts, wrong_checkpoint};
use super::log::{Fate, FileState};
use super::object_reader::{ObjectReader, read_error};
use super::store::Store;
use crate::currents::{QueueHour, SourceFile};
use crate::error::Result;
use arrow::array::{AsArray, RecordBatch, TimestampMillisecondArray};
use arrow::datatypes::TimestampMillisecondType;
use arrow::error::ArrowError;
use bytes::Bytes;
use futures::TryStreamExt;
use parquet::arrow::{ArrowWriter, ParquetRecordBatchStreamBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The name of the object in a checkpoint's folder.
pub const NAME: &str = "files.parquet";

/// How many rows from the first on are of files whose key names no hour.
const ANYWHERE: &str = "eddyline.rows_without_hour";
/// Rows in a row group: about an hour or two of a large export.
const GROUP_ROWS: usize = 8_192;

/// Which files of the ledger are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    All,
    /// At least those of these queue hours (`YYYY-MM-DD-HH`), and those whose key names none.
    Hours(BTreeSet<String>),
}

impl Wanted {
    /// What is needed to know what the ledger says of these keys.
    pub fn of_keys<'a>(keys: impl Iterator<Item = &'a str>) -> Wanted {
        Wanted::Hours(keys.filter_map(hour_in).map(|hour| hour.to_string()).collect())
    }

    fn has(&self, from: &[u8], to: &[u8]) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Hours(hours) => hours.iter().any(|hour| (from..=to).contains(&hour.as_bytes())),
        }
    }
}

/// The queue hour that a key names.
fn hour_in(key: &str) -> Option<QueueHour> {
    SourceFile::from_key(key).ok()?.queue_hour
}

/// Files of the ledger as a record batch; also what `system.files` shows.
pub fn files_batch(files: &[&FileState]) -> std::result::Result<RecordBatch, ArrowError> {
    let all = || files.iter().copied();
    let modified = TimestampMillisecondArray::from_iter_values(all().map(|f| f.modified)).with_timezone("UTC");
    let columns: Columns = vec![
        ("key", texts(all().map(|f| Some(&*f.key)))),
        ("e_tag", texts(all().map(|f| f.e_tag.as_deref()))),
        ("size", counts(all().map(|f| f.size))),
        ("modified", Arc::new(modified)),
        ("fate", texts(all().map(|f| Some(f.fate.as_str())))),
        ("reason", texts(all().map(|f| Some(f.reason.as_str()).filter(|r| !r.is_empty())))),
        ("event_type", texts(all().map(|f| f.event_type.as_deref()))),
        ("queue_hour", texts(all().map(|f| Some(f.hour.as_str())))),
        ("records", counts(all().map(|f| f.read))),
        ("new", counts(all().map(|f| f.new))),
        ("duplicates", counts(all().map(|f| f.duplicates))),
        ("rejected", counts(all().map(|f| f.rejected))),
        ("loaded_at", moments(all().map(|f| f.loaded_at))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
}

/// The ledger as bytes of `files.parquet`.
pub fn encode(files: &HashMap<Arc<str>, FileState>) -> std::result::Result<Bytes, ParquetError> {
    // An hour that is not the key's own is the one the file was written in, or none.
    let placed = |file: &&FileState| hour_in(&file.key).is_some_and(|hour| hour.to_string() == file.hour);
    let (mut by_hour, mut anywhere): (Vec<&FileState>, Vec<&FileState>) = files.values().partition(placed);
    anywhere.sort_by(|a, b| a.key.cmp(&b.key));
    by_hour.sort_by(|a, b| (&a.hour, &a.key).cmp(&(&b.hour, &b.key)));
    let first = files_batch(&anywhere)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_key_value_metadata(Some(vec![KeyValue::new(ANYWHERE.to_string(), anywhere.len().to_string())]))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), first.schema(), Some(properties))?;
    writer.write(&first)?;
    writer.flush()?;
    for group in by_hour.chunks(GROUP_ROWS) {
        writer.write(&files_batch(group)?)?;
    }
    Ok(writer.into_inner()?.into())
}

/// Reads the files that are asked for; others may come with them.
pub async fn read(store: &Store, path: &str, wanted: &Wanted) -> Result<Vec<FileState>> {
    let missing = || wrong_checkpoint(path).because("it is missing");
    let object = store.head(path).await?.ok_or_else(missing)?;
    let wrong = |e: ParquetError| match e {
        ParquetError::External(_) => read_error(format!("cannot read the checkpoint {path}"), e),
        damage => wrong_checkpoint(path).because(damage),
    };
    let builder = ParquetRecordBatchStreamBuilder::new(ObjectReader::new(store, &object)).await.map_err(wrong)?;
    let groups = groups_with(builder.metadata(), wanted);
    let mut stream = builder.with_row_groups(groups).build().map_err(wrong)?;
    let mut files = Vec::new();
    while let Some(batch) = stream.try_next().await.map_err(wrong)? {
        read_batch(&batch, &mut files);
    }
    Ok(files)
}

fn groups_with(metadata: &Arc<ParquetMetaData>, wanted: &Wanted) -> Vec<usize> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let anywhere = pairs.into_iter().flatten().find(|pair| pair.key == ANYWHERE);
    // Without that number the rows lie in no order that is known.
    let anywhere = anywhere.and_then(|pair| pair.value.as_ref()?.parse().ok()).unwrap_or(i64::MAX);
    let mut rows_before = 0i64;
    let mut groups = Vec::new();
    for (at, group) in metadata.row_groups().iter().enumerate() {
        let hours = group.columns().iter().find(|column| column.column_path().string() == "queue_hour");
        let has = match hours.and_then(|column| column.statistics()) {
            Some(Statistics::ByteArray(hours)) => match (hours.min_bytes_opt(), hours.max_bytes_opt()) {
                (Some(from), Some(to)) => wanted.has(from, to),
                _ => true,
            },
            _ => true,
        };
        if rows_before < anywhere || has {
            groups.push(at);
        }
        rows_before += group.num_rows();
    }
    groups
}

fn read_batch(batch: &RecordBatch, files: &mut Vec<FileState>) {
    for row in (0..batch.num_rows()).map(|r| Row(batch, r)) {
        let (Some(key), Some(fate)) = (row.text("key"), row.text("fate").and_then(|f: String| Fate::parse(&f))) else {
            continue;
        };
        let modified = row.at("modified").and_then(|c| c.as_primitive_opt::<TimestampMillisecondType>());
        let file = FileState {
            e_tag: row.text("e_tag"),
            size: row.count("size"),
            modified: modified.map_or(0, |c| c.value(row.1)),
            fate,
            reason: row.text("reason").unwrap_or_default(),
            event_type: row.text("event_type"),
            hour: row.text("queue_hour").unwrap_or_default(),
            read: row.count("records"),
            new: row.count("new"),
            duplicates: row.count("duplicates"),
            rejected: row.count("rejected"),
            loaded_at: row.moment("loaded_at"),
            key,
        };
        files.push(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::store::PutIf;
    use object_store::memory::InMemory;

    fn file(key: String, hour: &str) -> FileState {
        FileState {
            key: key.into(),
            e_tag: Some("e".into()),
            size: 1,
            modified: 2,
            fate: Fate::Loaded,
            reason: String::new(),
            event_type: None,
            hour: hour.into(),
            read: 3,
            new: 3,
            duplicates: 0,
            rejected: 0,
            loaded_at: Default::default(),
        }
    }

    /// Three thousand hours of ten files each, and some whose key names no hour.
    fn ledger() -> HashMap<Arc<str>, FileState> {
        let first = QueueHour::parse("2026-01-01-00").unwrap();
        let hours = std::iter::successors(Some(first), |hour| hour.next()).take(3_000);
        let dated = hours.flat_map(|hour| {
            (0..10).map(move |n| file(format!("p/event_type=users.x.Y/date={hour}/{n}.avro"), &hour.to_string()))
        });
        let odd = ["2026-02-03-04", "", "2020-01-01-00"];
        let undated = odd.iter().enumerate().map(|(n, hour)| file(format!("p/event_type=users.x.Y/{n}.avro"), hour));
        dated.chain(undated).map(|file| (file.key.clone(), file)).collect()
    }

    #[tokio::test]
    async fn a_few_hours_are_read_without_the_rest_and_files_without_an_hour_always() {
        let store = Store::on(Arc::new(InMemory::new()), "memory");
        let all = ledger();
        store.put("files.parquet", encode(&all).unwrap(), PutIf::Absent).await.unwrap();
        let whole = read(&store, "files.parquet", &Wanted::All).await.unwrap();
        assert_eq!(whole.into_iter().map(|f| (f.key.clone(), f)).collect::<HashMap<_, _>>(), all);

        let keys = ["p/event_type=users.x.Y/date=2026-04-30-23/7.avro", "p/event_type=users.x.Y/0.avro"];
        let some = read(&store, "files.parquet", &Wanted::of_keys(keys.into_iter())).await.unwrap();
        assert!(some.len() < all.len() / 2, "{} of {}", some.len(), all.len());
        let found: BTreeSet<&str> = some.iter().map(|f| &*f.key).collect();
        assert!(keys.iter().all(|key| found.contains(key)));
        assert_eq!(found.iter().filter(|key| !key.contains("date=")).count(), 3);
    }
}
