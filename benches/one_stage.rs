//! One stage of a load, by itself, over a whole export: `one_stage decode|conform|encode EXPORT REPEAT`.
//!
//! The input of the stage is prepared first, then the stage runs REPEAT times, on one thread. Whoever counts
//! instructions or processor time runs it twice with different REPEAT and subtracts: what is left is the stage's own.
//! `benches/instructions` and `benches/peers/run --case stages` do that.

use arrow::array::AsArray;
use eddyline::currents::{Decoded, Limits, Pieces, SchemaCache, SourceFile, decode, decode_together};
use eddyline::table::{Definitions, Fit, Run, TableSchema};
use eddyline::warehouse::encode::CellWriter;
use eddyline::warehouse::id::id_keys;
use eddyline::warehouse::order::Selected;
use eddyline::warehouse::uuid::instead_of_text;
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

type Date = chrono::NaiveDate;
type Batch = arrow::record_batch::RecordBatch;
type Schemas = BTreeMap<String, TableSchema>;

/// A file of the export.
struct Input {
    key: String,
    source: SourceFile,
    bytes: Vec<u8>,
}

/// A cell to write: its table, its day and its rows.
struct Cell {
    schema: TableSchema,
    day: Date,
    rows: Vec<Selected>,
}

/// How the schemas of the files fit their tables, each worked out once, as in a load.
#[derive(Default)]
struct Fits(BTreeMap<String, Vec<Fit>>);

fn main() {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [stage, export, repeat] = arguments.as_slice() else {
        println!("one_stage decode|conform|encode EXPORT REPEAT, where EXPORT holds `event_type=…` folders");
        return;
    };
    let repeat: u32 = repeat.parse().unwrap();
    let inputs = inputs(Path::new(export));
    let definitions = Definitions::builtin().unwrap();
    let limits = Limits::default();
    let (events, seconds) = match stage.as_str() {
        "decode" => timed(repeat, || {
            // A pass of its own: a schema is parsed once in it.
            let schemas = SchemaCache::default();
            decode_as_a_load_does(&inputs, &limits, &schemas)
        }),
        "conform" => {
            let (decoded, schemas) = (decoded(&inputs), schemas(&inputs, &definitions));
            timed(repeat, || {
                let mut fits = Fits::default();
                let files = inputs.iter().zip(&decoded);
                files.map(|(input, decoded)| fits.conformed(input, decoded, &schemas).num_rows() as u64).sum()
            })
        }
        "encode" => {
            let cells = cells(&inputs, &definitions);
            timed(repeat, || cells.iter().map(encoded_rows).sum())
        }
        other => panic!("there is no stage {other}"),
    };
    println!("{{\"stage\":\"{stage}\",\"events\":{events},\"repeat\":{repeat},\"seconds\":{seconds:.6}}}");
}

/// Runs it so many times: (events of one time, seconds of the last).
fn timed(repeat: u32, mut stage: impl FnMut() -> u64) -> (u64, f64) {
    let (mut events, mut seconds) = (0, 0.0);
    for _ in 0..repeat {
        let began = Instant::now();
        events = stage();
        seconds = began.elapsed().as_secs_f64();
    }
    (events, seconds)
}

/// Every file of the export, in the order of its key.
fn inputs(root: &Path) -> Vec<Input> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<Input>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let key = path.strip_prefix(root).unwrap().to_str().unwrap();
                let source = SourceFile::from_key(key).unwrap();
                found.push(Input { key: key.to_string(), source, bytes: std::fs::read(&path).unwrap() });
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    assert!(!found.is_empty(), "{} holds no export", root.display());
    found
}

/// Decodes everything as a load does, small files together and large ones piece by piece; how many records.
fn decode_as_a_load_does(inputs: &[Input], limits: &Limits, schemas: &SchemaCache) -> u64 {
    /// As in `src/load`.
    const SMALL: usize = 512 << 10;
    const ENOUGH: usize = 2 << 20;
    const PIECE: usize = 8 << 20;
    let mut records = 0;
    let mut rest = inputs;
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let alike = |input: &&Input| {
            bytes += input.bytes.len();
            let small = input.bytes.len() <= SMALL && bytes <= ENOUGH + SMALL;
            small && input.source.event_type == first.source.event_type
        };
        let small: Vec<_> = rest.iter().take_while(alike).map(|i| (&i.source, i.bytes.as_slice())).collect();
        if small.is_empty() {
            let mut pieces = Pieces::of(&first.source, limits, schemas, PIECE);
            let mut left = first.bytes.as_slice();
            while !pieces.is_done() {
                let piece = pieces.decode(left, true).unwrap();
                left = &left[piece.used..];
                records += black_box(piece.decoded).map_or(0, |decoded| decoded.records);
            }
            rest = &rest[1..];
            continue;
        }
        let together = black_box(decode_together(&small, limits, schemas, PIECE).unwrap());
        records += together.records.iter().sum::<u64>();
        rest = &rest[together.records.len()..];
    }
    records
}

fn decoded(inputs: &[Input]) -> Vec<Decoded> {
    let (limits, schemas) = (Limits::default(), SchemaCache::default());
    inputs.iter().map(|i| decode(&i.source, &i.bytes, &limits, &schemas).unwrap()).collect()
}

fn table_of(input: &Input) -> String {
    input.source.event_type.as_ref().unwrap().table()
}

/// Every table's schema.
fn schemas(inputs: &[Input], definitions: &Definitions) -> Schemas {
    let tables: BTreeSet<String> = inputs.iter().map(table_of).collect();
    tables.into_iter().map(|table| (table.clone(), TableSchema::defined(&table, definitions))).collect()
}

impl Fits {
    /// A file's rows as its table has them. Generated files hold one event type each.
    fn conformed(&mut self, input: &Input, decoded: &Decoded, schemas: &Schemas) -> Batch {
        let [part] = decoded.parts.as_slice() else { panic!("{} holds more than one event type", input.key) };
        let table = table_of(input);
        let known = self.0.entry(table.clone()).or_default();
        let at = known.iter().position(|fit| fit.is_of(part.batch.schema_ref())).unwrap_or_else(|| {
            known.push(Fit::new(&schemas[&table], part.batch.schema_ref()));
            known.len() - 1
        });
        let run = Run { source: &input.key, positions: &part.positions };
        known[at].conform(&part.batch, &[run]).unwrap().batch
    }
}

/// The cells a load of the export would write, with duplicates left in.
fn cells(inputs: &[Input], definitions: &Definitions) -> Vec<Cell> {
    let schemas = schemas(inputs, definitions);
    let mut fits = Fits::default();
    let mut cells: BTreeMap<(String, Date), Cell> = BTreeMap::new();
    for (input, decoded) in inputs.iter().zip(decoded(inputs)) {
        let (table, day) = (table_of(input), input.source.queue_hour.unwrap().date);
        let schema = schemas[&table].clone();
        let cell = cells.entry((table, day)).or_insert_with(|| Cell { schema, day, rows: Vec::new() });
        cell.rows.push(compared(fits.conformed(input, &decoded, &schemas)).into());
    }
    cells.into_values().collect()
}

/// What is left of a batch's ids once a load has compared them.
fn compared(batch: Batch) -> Batch {
    let ids = batch.column_by_name("id").and_then(|ids| ids.as_string_opt::<i32>()).unwrap();
    let (keys, are_uuids) = id_keys(ids.iter());
    if are_uuids { instead_of_text(batch, keys) } else { batch }
}

fn encoded_rows(cell: &Cell) -> u64 {
    let mut writer = CellWriter::new(cell.schema.clone(), cell.day);
    writer.write_chunk(cell.rows.clone()).unwrap();
    black_box(writer.finish(&[], 1).unwrap().unwrap()).rows
}
