//! Our Avro decoder against another one: every file of a generated export, decoded by both, column by column.

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow_avro::reader::ReaderBuilder;
use eddyline::currents::{Limits, SchemaCache, SourceFile, decode};
use eddyline::generate::{Codec, Layout, Options, OutFormat, generate, type_specs};
use eddyline::table::Definitions;
use std::fs;
use std::io::Cursor;
use std::path::Path;

fn files(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
            found.push((key, fs::read(&path).unwrap()));
        }
    }
}

/// A column as text, so that both decoders' choices of string and list types compare.
fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<String>> {
    let array = batch.column(column);
    let options = FormatOptions::default();
    let format = ArrayFormatter::try_new(array, &options).unwrap();
    (0..array.len()).map(|row| array.is_valid(row).then(|| format.value(row).to_string())).collect()
}

#[test]
fn two_decoders_read_the_same() {
    for codec in [Codec::Null, Codec::Snappy, Codec::Deflate, Codec::Zstandard] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            out: dir.path().to_path_buf(),
            events: 5_000,
            days: 3,
            start: "2026-03-02".parse().unwrap(),
            seed: 7,
            codec,
            layout: Layout::Classic,
            format: OutFormat::Avro,
            duplicates: 0.0,
            late: 0.1,
            files_per_hour: 1,
            types: type_specs(&Definitions::builtin().unwrap(), None).unwrap(),
        };
        generate(&options, &mut |_| {}).unwrap();
        let root = dir.path().join("currents");
        let mut all = Vec::new();
        files(&root, &root, &mut all);
        assert!(all.len() > 100);
        for (key, bytes) in all {
            let source = SourceFile::from_key(&key).unwrap();
            let ours = decode(&source, &bytes, &Limits::default(), &SchemaCache::default()).unwrap();
            let reader = ReaderBuilder::new().build(Cursor::new(&bytes)).unwrap();
            let schema = reader.schema();
            let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
            let theirs = concat_batches(&schema, &batches).unwrap();
            let ours = &ours.parts[0].batch;
            assert_eq!(ours.num_rows(), theirs.num_rows(), "{key}");
            assert_eq!(ours.num_columns(), theirs.num_columns(), "{key}");
            for (at, field) in ours.schema().fields().iter().enumerate() {
                let other = theirs.schema().index_of(field.name()).unwrap();
                assert_eq!(texts(ours, at), texts(&theirs, other), "{key}: {}", field.name());
            }
        }
    }
}
