//! What these pages hold is what the parquet crate's reader reads, and what its own writer would have said of them.

use super::bounds::{MANY, NAMES};
use super::*;
use crate::warehouse::encode::ROW_GROUP_ROWS;
use crate::warehouse::row_groups::RowGroups;
use crate::warehouse::uuid::{instead_of_text, spelled};
use arrow::array::{
    BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::{cast, concat_batches, interleave, max, min};
use arrow::datatypes::{Field, Schema, TimeUnit, UInt16Type};
use bytes::Bytes;
use object_store::PutPayload;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::Encoding;
use parquet::file::metadata::{ColumnChunkMetaDataBuilder, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use std::sync::Arc;

fn schema() -> SchemaRef {
    let item = Arc::new(Field::new("element", DataType::Utf8, true));
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("campaign", DataType::Utf8, true),
        Field::new("nothing", DataType::Utf8, true),
        Field::new("long_text", DataType::Utf8, true),
        Field::new("few", DataType::Int64, true),
        Field::new("many", DataType::Int64, false),
        Field::new("time", moment, true),
        Field::new("price", DataType::Float64, true),
        Field::new("wild", DataType::Float64, true),
        Field::new("day", DataType::Date32, true),
        Field::new("truth", DataType::Boolean, true),
        Field::new("tags", DataType::List(item), true),
    ]))
}

fn batch(dice: &mut Pcg64, rows: usize) -> RecordBatch {
    let mut some = |chance: f64| -> Vec<bool> { (0..rows).map(|_| dice.random_bool(chance)).collect() };
    let (mostly, rarely, half) = (some(0.95), some(0.02), some(0.5));
    let ids: Vec<String> = (0..rows).map(|_| format!("{:032x}", dice.random::<u128>())).collect();
    let campaigns: Vec<Option<String>> =
        mostly.iter().map(|there| there.then(|| format!("campaign {}", dice.random_range(0..40)))).collect();
    let long: Vec<Option<String>> =
        rarely.iter().map(|there| there.then(|| "ßé".repeat(dice.random_range(0..300)))).collect();
    let wild = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::MIN, 1.5];
    let mut tags = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for there in &half {
        match there {
            true => tags.append_value((0..dice.random_range(0..4)).map(|n| (n != 1).then(|| format!("tag {n}")))),
            false => tags.append_null(),
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(ids)),
        Arc::new(StringArray::from(campaigns)),
        Arc::new(StringArray::new_null(rows)),
        Arc::new(StringArray::from(long)),
        Arc::new(Int64Array::from_iter(half.iter().map(|there| there.then(|| dice.random_range(-3..3))))),
        Arc::new(Int64Array::from_iter_values((0..rows).map(|_| dice.random::<i64>()))),
        Arc::new(
            TimestampMicrosecondArray::from_iter(
                mostly
                    .iter()
                    .map(|there| there.then(|| 1_767_607_200_000_000 + dice.random_range(0..86_400) * 1_000_000)),
            )
            .with_timezone("UTC"),
        ),
        Arc::new(Float64Array::from_iter(
            half.iter().map(|there| there.then(|| f64::from(dice.random_range(1..9)) / 4.0)),
        )),
        Arc::new(Float64Array::from_iter(
            half.iter().map(|there| there.then(|| wild.get(dice.random_range(0..9)).copied().unwrap_or(dice.random()))),
        )),
        Arc::new(Date32Array::from_iter(rarely.iter().map(|there| there.then(|| dice.random_range(0..30_000))))),
        Arc::new(BooleanArray::from_iter(half.iter().map(|there| there.then(|| dice.random::<bool>())))),
        Arc::new(tags.finish()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn ours(batches: &[RecordBatch], rows: &[RowAt]) -> Bytes {
    let batches: Vec<Aligned> = batches.iter().map(|b| b.columns().iter().cloned().map(Some).collect()).collect();
    write(&batches, rows)
}

fn write(batches: &[Aligned], rows: &[RowAt]) -> Bytes {
    write_groups_of(40_000, batches, rows)
}

fn write_groups_of(size: usize, batches: &[Aligned], rows: &[RowAt]) -> Bytes {
    let mut object = object_of(&schema());
    let length = |b: &Aligned| b.iter().flatten().map(|a| a.len()).next().unwrap_or(0);
    let lengths: Vec<usize> = batches.iter().map(length).collect();
    let groups: Vec<&[RowAt]> = rows.chunks(size).collect();
    let bloom = |column| (column == 0).then_some(0.01);
    write_row_groups(&mut object, &schema(), (batches.to_vec(), &lengths), &groups, bloom).unwrap();
    whole(object)
}

fn object_of(schema: &Schema) -> ObjectWriter {
    ObjectWriter::new(ArrowSchemaConverter::new().convert(schema).unwrap().into())
}

/// The object in one piece, after a look at what it says of itself in parts.
fn whole(object: ObjectWriter) -> Bytes {
    let (hash, length) = object.hash();
    let parts = object.finish("tests", Vec::new()).unwrap();
    let whole = Bytes::from(PutPayload::from(&parts));
    assert_eq!(whole.len() as u64, parts.length());
    assert_eq!(hash, xxhash_rust::xxh3::xxh3_128(&whole[..length as usize]));
    let read = ParquetMetaDataReader::new().parse_and_finish(&whole).unwrap();
    assert_eq!(parts.metadata().unwrap(), read);
    whole
}

/// As the stock writer writes it, with `kept` bytes of text in statistics and indexes.
fn stock(all: &RecordBatch, kept: usize) -> Bytes {
    let options = ArrowWriterOptions::new()
        .with_properties(
            WriterProperties::builder()
                .set_max_row_group_row_count(Some(40_000))
                .set_data_page_row_count_limit(PAGE_ROWS)
                .set_write_batch_size(PAGE_ROWS)
                // A dictionary that grows too large would end a page.
                .set_dictionary_enabled(false)
                .set_statistics_truncate_length(Some(kept))
                .set_column_index_truncate_length(Some(kept))
                .build(),
        )
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema(), options).unwrap();
    writer.write(all).unwrap();
    writer.into_inner().unwrap().into()
}

fn read(bytes: &Bytes) -> RecordBatch {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().with_batch_size(10_000).build().unwrap();
    let read: Vec<RecordBatch> = reader.map(|b| b.unwrap()).collect();
    let all = concat_batches(&read[0].schema(), &read).unwrap();
    RecordBatch::try_new(schema(), all.columns().to_vec()).unwrap()
}

fn facts(bytes: &Bytes) -> Arc<ParquetMetaData> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    ArrowReaderMetadata::load(bytes, options).unwrap().metadata().clone()
}

/// Histograms of levels only help to guess sizes in memory; ours have none.
fn without_histograms(index: &ColumnIndexMetaData) -> String {
    let text = format!("{index:?}");
    match text.split_once(", repetition_level_histograms") {
        Some((before, after)) => format!("{before}{}", after.split_once(" }").unwrap().1),
        None => text,
    }
}

#[test]
fn every_type_comes_back_in_the_order_asked_for_with_the_statistics_of_the_stock_writer() {
    let mut dice = Pcg64::seed_from_u64(11);
    for sizes in [vec![1], vec![9, 0, 3], vec![5_000, 300], vec![60_000, 7, 40_000]] {
        let batches: Vec<RecordBatch> = sizes.iter().map(|rows| batch(&mut dice, *rows)).collect();
        let mut rows: Vec<RowAt> = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            rows.extend((0..*size as u32).map(|row| RowAt { batch: number as u32, row }));
        }
        rows.sort_by_key(|at| (at.row.wrapping_mul(2_654_435_761), at.batch));
        let places: Vec<(usize, usize)> = rows.iter().map(|at| (at.batch as usize, at.row as usize)).collect();
        let columns = (0..schema().fields().len()).map(|column| {
            let arrays: Vec<&dyn Array> = batches.iter().map(|b| b.column(column).as_ref()).collect();
            interleave(&arrays, &places).unwrap()
        });
        let expected = RecordBatch::try_new(schema(), columns.collect()).unwrap();
        let written = ours(&batches, &rows);
        let back = read(&written);
        for (column, field) in schema().fields().iter().enumerate() {
            assert_eq!(format!("{:?}", back.column(column)), format!("{:?}", expected.column(column)));
            assert_eq!(back.column(column).to_data(), expected.column(column).to_data(), "{}", field.name());
        }

        let (mine, stock) = (facts(&written), [NAMES, MANY].map(|kept| facts(&stock(&expected, kept))));
        assert_eq!(mine.num_row_groups(), stock[0].num_row_groups());
        for (group, a) in mine.row_groups().iter().enumerate() {
            for (number, a) in a.columns().iter().enumerate() {
                let name = a.column_path().string();
                let hardly_repeats = a.encodings().any(|e| e == Encoding::DELTA_LENGTH_BYTE_ARRAY);
                let theirs = &stock[usize::from(hardly_repeats)];
                let b = theirs.row_group(group).column(number);
                assert_eq!(a.num_values(), b.num_values(), "{name}");
                assert_eq!(
                    a.statistics().unwrap().null_count_opt(),
                    b.statistics().unwrap().null_count_opt(),
                    "{name}"
                );
                assert_eq!(a.statistics().unwrap().min_bytes_opt(), b.statistics().unwrap().min_bytes_opt(), "{name}");
                assert_eq!(a.statistics().unwrap().max_bytes_opt(), b.statistics().unwrap().max_bytes_opt(), "{name}");
                assert_eq!(a.statistics().unwrap().max_is_exact(), b.statistics().unwrap().max_is_exact(), "{name}");
                let (mine_of, theirs_of) =
                    [&mine, theirs].map(|facts| &facts.column_index().unwrap()[group][number]).into();
                let pages = mine.offset_index().unwrap()[group][number].page_locations().len();
                // Large texts end a page early here as there, but not after the same row.
                match name.as_str() {
                    "long_text" | "tags.list.element" => {}
                    // The statistics above say as much.
                    _ if pages == 1 => assert_eq!(mine_of, &ColumnIndexMetaData::NONE, "{name}"),
                    _ => assert_eq!(without_histograms(mine_of), without_histograms(theirs_of), "{name}"),
                }
                assert_eq!(a.bloom_filter_offset().is_some(), number == 0);
            }
        }
    }
}

#[test]
fn the_bloom_filter_knows_its_ids_and_hardly_any_other() {
    let mut dice = Pcg64::seed_from_u64(12);
    let rows = batch(&mut dice, 10_000);
    let order: Vec<RowAt> = (0..10_000).map(|row| RowAt { batch: 0, row }).collect();
    let written = ours(std::slice::from_ref(&rows), &order);
    let reader = ParquetRecordBatchReaderBuilder::try_new(written).unwrap();
    let filter = reader.get_row_group_column_bloom_filter(0, 0).unwrap().unwrap();
    assert!(rows.column(0).as_string::<i32>().iter().all(|id| filter.check(&id.unwrap())));
    let strangers = (0..10_000).filter(|n| filter.check(&format!("stranger {n}").as_str())).count();
    assert!(strangers < 300, "{strangers}");
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let rows = batch(&mut Pcg64::seed_from_u64(13), 3_000);
    let order: Vec<RowAt> = (0..3_000).rev().map(|row| RowAt { batch: 0, row }).collect();
    assert_eq!(ours(std::slice::from_ref(&rows), &order), ours(std::slice::from_ref(&rows), &order));
}

#[test]
fn absent_columns_are_null_and_a_dictionary_is_its_text() {
    let whole = batch(&mut Pcg64::seed_from_u64(14), 4);
    let full: Aligned = whole.columns().iter().cloned().map(Some).collect();
    let coded: DictionaryArray<UInt16Type> = ["x", "y", "x"].into_iter().collect();
    let mut part: Aligned = vec![None; full.len()];
    part[0] = Some(Arc::new(StringArray::from(vec!["a", "b", "c"])));
    part[1] = Some(Arc::new(coded));
    part[5] = Some(Arc::new(Int64Array::from(vec![7, 8, 9])));
    let rows: Vec<RowAt> = [(1, 2), (0, 3), (1, 1), (1, 0)].map(|(batch, row)| RowAt { batch, row }).into();
    let back = read(&write(&[full, part], &rows));
    assert_eq!(back.slice(1, 1), whole.slice(3, 1));
    let campaigns = back.column(1).as_string::<i32>();
    assert_eq!([campaigns.value(0), campaigns.value(2), campaigns.value(3)], ["x", "y", "x"]);
    assert_eq!(back.column(5).as_primitive::<Int64Type>().value(3), 7);
    assert!((0..back.num_columns()).filter(|c| ![0, 1, 5].contains(c)).all(|c| back.column(c).is_null(0)));
}

#[test]
fn a_row_group_is_copied_and_decoded_as_it_is() {
    let rows = batch(&mut Pcg64::seed_from_u64(15), 100_000);
    let order: Vec<RowAt> = (0..100_000).map(|row| RowAt { batch: 0, row }).collect();
    let stored = ours(std::slice::from_ref(&rows), &order);
    let metadata = ArrowReaderMetadata::load(&stored, ArrowReaderOptions::new()).unwrap();
    let mut groups = RowGroups::of(&stored, &metadata);
    assert_eq!((0..groups.count()).map(|group| groups.rows(group)).collect::<Vec<_>>(), [40_000, 40_000, 20_000]);

    let decoded: Vec<RecordBatch> = groups.decode(1).unwrap().map(|b| b.unwrap()).collect();
    let decoded = concat_batches(&decoded[0].schema(), &decoded).unwrap();
    let coded = |column: usize| matches!(decoded.column(column).data_type(), DataType::Dictionary(..));
    let texts_that_repeat = [1, 3];
    assert_eq!((0..decoded.num_columns()).filter(|c| coded(*c)).collect::<Vec<_>>(), texts_that_repeat);
    let schema = schema();
    let plain = decoded.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()).unwrap());
    assert_eq!(RecordBatch::try_new(schema.clone(), plain.collect()).unwrap(), rows.slice(40_000, 40_000));

    let mut object = object_of(&schema);
    assert!(groups.fit(&object));
    for group in [2, 0] {
        assert!(groups.copy(group, &mut object).unwrap());
    }
    let copy = whole(object);
    assert_eq!(read(&copy), concat_batches(&schema, [&rows.slice(80_000, 20_000), &rows.slice(0, 40_000)]).unwrap());
    let (before, after) = (facts(&stored), facts(&copy));
    for (from, to) in [(2, 0), (0, 1)] {
        assert_eq!(before.column_index().unwrap()[from], after.column_index().unwrap()[to]);
        let columns = before.row_group(from).columns().iter().zip(after.row_group(to).columns());
        for (number, (a, b)) in columns.enumerate() {
            assert_eq!((a.statistics(), a.num_values()), (b.statistics(), b.num_values()));
            let pages = |facts: &ParquetMetaData, group: usize| -> Vec<(i64, i32)> {
                let start = facts.row_group(group).column(number).byte_range().0 as i64;
                let pages = facts.offset_index().unwrap()[group][number].page_locations();
                pages.iter().map(|page| (page.offset - start, page.compressed_page_size)).collect()
            };
            assert_eq!(pages(&before, from), pages(&after, to));
        }
    }
    let reader = ParquetRecordBatchReaderBuilder::try_new(copy).unwrap();
    let filter = reader.get_row_group_column_bloom_filter(0, 0).unwrap().unwrap();
    assert!(rows.slice(80_000, 20_000).column(0).as_string::<i32>().iter().all(|id| filter.check(&id.unwrap())));

    let other = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, false)]));
    assert!(!groups.fit(&object_of(&other)));
}

#[test]
fn a_row_group_whose_pages_nobody_knows_is_not_copied() {
    let rows = batch(&mut Pcg64::seed_from_u64(20), 500);
    let silent = WriterProperties::builder().set_offset_index_disabled(true);
    let silent = silent.set_statistics_enabled(EnabledStatistics::None).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(silent)).unwrap();
    writer.write(&rows).unwrap();
    let stored: Bytes = writer.into_inner().unwrap().into();
    let metadata = ArrowReaderMetadata::load(&stored, ArrowReaderOptions::new()).unwrap();
    let mut object = object_of(&schema());
    assert!(!RowGroups::of(&stored, &metadata).copy(0, &mut object).unwrap());
    let nothing = ArrowReaderMetadata::load(&whole(object), ArrowReaderOptions::new()).unwrap();
    assert_eq!(nothing.metadata().num_row_groups(), 0);
}

#[test]
fn a_footer_that_lies_about_a_column_is_an_error() {
    let rows = batch(&mut Pcg64::seed_from_u64(21), 500);
    let order: Vec<RowAt> = (0..500).map(|row| RowAt { batch: 0, row }).collect();
    let stored = ours(std::slice::from_ref(&rows), &order);
    let about = facts(&stored);
    let refused = |lie: fn(ColumnChunkMetaDataBuilder) -> ColumnChunkMetaDataBuilder| {
        let mut columns = about.row_group(0).columns().to_vec();
        columns[5] = lie(columns[5].clone().into_builder().set_dictionary_page_offset(None)).build().unwrap();
        let group = about.row_group(0).clone().into_builder().set_column_metadata(columns).build().unwrap();
        let lying = about.as_ref().clone().into_builder().set_row_groups(vec![group]).build();
        Chunk::stored(&stored, &lying, (0, 5), None).is_err()
    };
    assert!(refused(|column| column.set_data_page_offset(-5)));
    assert!(refused(|column| column.set_data_page_offset(i64::MAX)));
    assert!(refused(|column| column.set_total_compressed_size(-1)));
    assert!(refused(|column| column.set_total_compressed_size(i64::MAX)));
    assert!(!refused(|column| column));
    assert!([(0, 99), (1, 0)].into_iter().all(|place| Chunk::stored(&stored, &about, place, None).is_err()));
}

#[test]
fn the_largest_dictionary_a_row_group_has_comes_back_in_codes_of_two_bytes() {
    let rows = batch(&mut Pcg64::seed_from_u64(17), ROW_GROUP_ROWS);
    let mut aligned: Aligned = rows.columns().iter().cloned().map(Some).collect();
    // A dictionary is kept up to six values in ten rows.
    let value = |row: usize| row * 39_000 / ROW_GROUP_ROWS;
    let texts = StringArray::from_iter_values((0..ROW_GROUP_ROWS).map(|row| format!("campaign {}", value(row))));
    aligned[1] = Some(Arc::new(texts.clone()));
    let order: Vec<RowAt> = (0..ROW_GROUP_ROWS as u32).map(|row| RowAt { batch: 0, row }).collect();
    let stored = write_groups_of(ROW_GROUP_ROWS, &[aligned], &order);
    let metadata = ArrowReaderMetadata::load(&stored, ArrowReaderOptions::new()).unwrap();
    let decoded = RowGroups::of(&stored, &metadata).decode(0).unwrap().next().unwrap().unwrap();
    let coded = decoded.column(1).as_dictionary::<UInt16Type>();
    assert_eq!(coded.values().len(), 39_000);
    assert_eq!(cast(coded, &DataType::Utf8).unwrap().as_string::<i32>(), &texts);
}

#[test]
fn the_times_of_a_row_group_are_known_or_it_says_that_they_are_not() {
    let rows = batch(&mut Pcg64::seed_from_u64(16), 500);
    let order: Vec<RowAt> = (0..500).map(|row| RowAt { batch: 0, row }).collect();
    let times = |stored: &Bytes| {
        let metadata = ArrowReaderMetadata::load(stored, ArrowReaderOptions::new()).unwrap();
        RowGroups::of(stored, &metadata).times(0)
    };
    let of = rows.column(6).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times(&ours(std::slice::from_ref(&rows), &order)), Some((min(of), max(of))));
    let mut timeless: Aligned = rows.columns().iter().cloned().map(Some).collect();
    timeless[6] = None;
    assert_eq!(times(&write(&[timeless], &order)), Some((None, None)));
    let silent = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(silent)).unwrap();
    writer.write(&rows).unwrap();
    assert_eq!(times(&writer.into_inner().unwrap().into()), None);
}

#[test]
fn moments_have_a_dictionary_in_order_where_it_is_shorter_than_their_differences() {
    let rows = batch(&mut Pcg64::seed_from_u64(18), 40_000);
    let plain: Aligned = rows.columns().iter().cloned().map(Some).collect();
    let order: Vec<RowAt> = (0..40_000).map(|row| RowAt { batch: 0, row }).collect();
    let with = |times: Vec<i64>| {
        let mut aligned = plain.clone();
        aligned[6] = Some(Arc::new(TimestampMicrosecondArray::from(times.clone()).with_timezone("UTC")));
        let stored = write(&[aligned], &order);
        assert_eq!(read(&stored).column(6).as_primitive::<TimestampMicrosecondType>().values(), times.as_slice());
        let facts = facts(&stored);
        let column = facts.row_group(0).column(6);
        (column.encodings().any(|e| e == parquet::basic::Encoding::RLE_DICTIONARY), column.compressed_size())
    };
    let second = |n: i64| 1_767_607_200_000_000 + n * 1_000_000;
    let mut dice = Pcg64::seed_from_u64(19);
    let mut some = |of: i64, step: i64| (0..40_000).map(|_| second(0) + dice.random_range(0..of) * step).collect();
    let (coded, seconds) = with(some(86_400, 1_000_000));
    // Differences take 37 bits; 32,000 moments of 86,400 take 15 for each row and 3 bytes each.
    assert!(coded && seconds < 40_000 * 36 / 8, "{seconds} bytes");
    // Milliseconds lie closer together and need to repeat more.
    assert!(with(some(20_000, 1_000)).0 && !with(some(86_400, 1_000)).0);
    // One after the other, or too far apart.
    assert!(!with((0..40_000).map(second).collect()).0);
    assert!(!with((0..40_000).map(|n| second(n * 7_919 % 40_000 * 100)).collect()).0);
    // A few values that repeat are few however they lie.
    assert!(with((0..40_000).map(|n| second(n / 1_000 * 10_000_000)).collect()).0);
}

#[test]
fn uuids_held_as_bytes_are_written_as_their_text_would_be() {
    let mut dice = Pcg64::seed_from_u64(12);
    for sizes in [vec![16], vec![17], vec![9, 30_000, 1, 50_000]] {
        let (mut texts, mut held, mut mixed) = (Vec::new(), Vec::new(), Vec::new());
        for (number, size) in sizes.iter().enumerate() {
            let rows = batch(&mut dice, *size);
            let uuids: Vec<u128> = (0..*size).map(|_| dice.random()).collect();
            let ids = uuids.iter().map(|uuid| String::from_utf8(spelled(*uuid).to_vec()).unwrap());
            let mut columns = rows.columns().to_vec();
            columns[0] = Arc::new(StringArray::from_iter_values(ids));
            let rows = RecordBatch::try_new(schema(), columns).unwrap();
            let as_bytes = instead_of_text(rows.clone(), uuids);
            mixed.push(if number % 2 == 0 { rows.clone() } else { as_bytes.clone() });
            texts.push(rows);
            held.push(as_bytes);
        }
        // Most rows, in no order.
        let all = (0u32..).zip(&sizes).flat_map(|(batch, size)| (0..*size as u32).map(move |row| RowAt { batch, row }));
        let mut rows: Vec<(u64, RowAt)> = all.map(|at| (dice.random(), at)).collect();
        rows.sort_unstable();
        let rows: Vec<RowAt> = rows.into_iter().map(|(_, at)| at).filter(|at| at.row % 19 != 5).collect();
        let expected = ours(&texts, &rows);
        assert!(ours(&held, &rows) == expected, "{sizes:?}");
        assert!(ours(&mixed, &rows) == expected, "{sizes:?}, beside text");
    }
}
