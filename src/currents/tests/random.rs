//! Random input: what was written comes back, and nonsense never panics.

use super::encoder::*;
use super::*;
use proptest::prelude::*;

/// A column's type as schema text, and values of it with the text they must become.
fn column_of_type() -> impl Strategy<Value = (&'static str, BoxedStrategy<(V, String)>)> {
    fn null() -> (V, String) {
        (V::Null, "∅".to_string())
    }
    let text = || "\\PC{0,12}".prop_map(|text| (V::Owned(text.clone()), text)).boxed();
    let int = || any::<i32>().prop_map(|n| (V::Long(n.into()), n.to_string())).boxed();
    let optional = |inner: BoxedStrategy<(V, String)>| {
        prop_oneof![Just(null()), inner.prop_map(|(v, shown)| (some(v), shown))].boxed()
    };
    let list = || {
        let item = prop_oneof![Just(null()), "[a-zé]{0,3}".prop_map(|text| (some(V::Owned(text.clone())), text))];
        let shown = |items: Vec<(V, String)>| {
            let text = items.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>().join("|");
            (V::Array(items.into_iter().map(|(v, _)| v).collect()), format!("[{text}]"))
        };
        proptest::collection::vec(item, 0..4).prop_map(shown).boxed()
    };
    prop_oneof![
        Just((r#""string""#, text())),
        Just((r#"["null","string"]"#, optional(text()))),
        Just((r#""int""#, int())),
        Just((r#"["null","int"]"#, optional(int()))),
        Just((r#""long""#, any::<i64>().prop_map(|n| (V::Long(n), n.to_string())).boxed())),
        Just((r#""float""#, any::<f32>().prop_map(|f| (V::Float(f), format!("{f:?}"))).boxed())),
        Just((r#""double""#, any::<f64>().prop_map(|f| (V::Double(f), format!("{f:?}"))).boxed())),
        Just((r#""boolean""#, any::<bool>().prop_map(|b| (V::Bool(b), b.to_string())).boxed())),
        Just((r#"{"type":"array","items":["null","string"]}"#, list())),
        Just((r#"["null",{"type":"array","items":["null","string"]}]"#, optional(list()))),
        Just((
            r#"{"type":"map","values":"long"}"#,
            any::<i64>().prop_map(|n| (V::Map(vec![("k", V::Long(n))]), format!("{{\"k\":{n}}}"))).boxed()
        )),
    ]
}

/// Column types, and rows of them.
type Table = (Vec<&'static str>, Vec<Vec<(V, String)>>);

fn table() -> impl Strategy<Value = Table> {
    proptest::collection::vec(column_of_type(), 1..8).prop_flat_map(|columns| {
        let (types, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        (Just(types), proptest::collection::vec(values, 0..40))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn avro_comes_back_as_it_was_written(
        (columns, rows) in table(), codec in 0usize..6, per_block in 1usize..20,
    ) {
        let records: Vec<V> = rows.iter().map(|row| V::Record(row.iter().map(|(v, _)| v.clone()).collect())).collect();
        let blocks: Vec<Vec<V>> = records.chunks(per_block).map(<[V]>::to_vec).collect();
        let decoded = decode_avro(&file(&types(&columns), CODECS[codec], &blocks)).unwrap();
        prop_assert_eq!(decoded.records, rows.len() as u64);
        for (at, row) in rows.iter().enumerate() {
            for (array, (_, shown)) in decoded.parts[0].batch.columns().iter().zip(row) {
                prop_assert_eq!(&show(array, at), shown);
            }
        }
    }

    #[test]
    fn avro_nonsense_never_panics(
        (columns, rows) in table(), codec in 0usize..6,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let records: Vec<V> = rows.iter().map(|row| V::Record(row.iter().map(|(v, _)| v.clone()).collect())).collect();
        let mut bytes = file(&types(&columns), CODECS[codec], &[records]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decode_avro(&bytes);
    }

    #[test]
    fn a_block_of_anything_never_panics(
        (columns, _) in table(), data in proptest::collection::vec(any::<u8>(), 0..200), count in 0i64..20,
    ) {
        let bytes = [header(&types(&columns), "null"), raw_block(count, data.len() as i64, &data)].concat();
        let _ = decode_avro(&bytes);
    }

    #[test]
    fn json_of_anything_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_json(&bytes);
    }

    #[test]
    fn json_like_text_never_panics_and_loses_nothing(
        pieces in proptest::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", " ", "\"a\"", "\"a\":1", "1", "-0", "1e999", "null", "true",
            "{\"a\":1}", "{\"a\":\"x\"}\n", "\\ud800", "\\u0041", "{\"string\":\"x\"}", "\"event_type\":\"users.a.B\"",
            "\"user\":{", "é", "\u{feff}", "\r\n{", "  {",
        ]), 0..60),
    ) {
        let text = pieces.concat();
        if let Ok(decoded) = decode_json(&text) {
            // Each reject is a piece of the text, in order and without overlap.
            let mut end = 0;
            for reject in &decoded.rejects {
                let start = usize::try_from(reject.offset.unwrap()).unwrap();
                prop_assert!(start >= end);
                end = start + reject.record.len();
                prop_assert_eq!(text.get(start..end), Some(reject.record.as_str()));
            }
        }
    }

    #[test]
    fn json_comes_back_as_it_was_written(
        rows in proptest::collection::vec(("\\PC{0,12}", any::<i64>(), any::<Option<bool>>()), 1..30), layout in 0usize..4,
    ) {
        let records: Vec<serde_json::Value> =
            rows.iter().map(|(s, n, b)| serde_json::json!({"s": s, "n": n, "b": b})).collect();
        let text = match layout {
            0 => records.iter().map(|record| format!("{record}\n")).collect(),
            1 => records.iter().map(|record| format!("{record:#}\n")).collect(),
            2 => serde_json::to_string(&records).unwrap(),
            _ => serde_json::to_string_pretty(&records).unwrap(),
        };
        let decoded = decode_json(&text).unwrap();
        prop_assert_eq!(decoded.rejects.len(), 0);
        let batch = &decoded.parts[0].batch;
        for (row, (s, n, b)) in rows.iter().enumerate() {
            prop_assert_eq!(&cell(batch, "s", row), s);
            prop_assert_eq!(cell(batch, "n", row), n.to_string());
            prop_assert_eq!(cell(batch, "b", row), b.map_or("∅".to_string(), |b| b.to_string()));
        }
    }

    #[test]
    fn keys_of_anything_never_panic(key in "\\PC{0,40}", raw in "[a-z=%/._+0-9-]{0,60}") {
        let _ = (SourceFile::from_key(&key), SourceFile::from_key(&raw));
        let _ = (EventType::parse(&key), EventType::from_record_name(&raw), QueueHour::parse(&key));
    }
}
