//! What bad JSON becomes: one reject for each bad record, and the others load.

use super::*;

/// Rows of column `a`, and each reject as `position@offset reason`.
fn outcome(text: impl AsRef<[u8]>) -> (String, Vec<String>) {
    let decoded = decode_json(text.as_ref()).unwrap();
    assert_eq!(decoded.parts.len(), 1);
    let shown = decoded.rejects.iter().map(|reject| {
        let offset = reject.offset.unwrap() as usize;
        let raw = String::from_utf8_lossy(&text.as_ref()[offset..]).into_owned();
        assert!(raw.starts_with(&reject.record), "the reject is the text at its offset");
        format!("{}@{offset} {}", reject.position, reject.reason)
    });
    (column(&decoded.parts[0].batch, "a"), shown.collect())
}

fn check(text: impl AsRef<[u8]>, rows: &str, rejects: &[&str]) {
    let (found, reasons) = outcome(text.as_ref());
    assert_eq!(found, rows, "{}", String::from_utf8_lossy(text.as_ref()));
    assert_eq!(reasons.len(), rejects.len(), "{reasons:?}");
    for (reason, expected) in reasons.iter().zip(rejects) {
        assert!(reason.starts_with(expected), "{reason} is not {expected}");
    }
}

#[test]
fn a_bad_line_does_not_take_the_next_along() {
    let unclosed = "1@8 the record is not closed before the next one";
    let no_json = "1@8 not valid JSON (line 1, column ";
    for (bad, expected) in [
        ("{\"a\":2", unclosed),
        ("{\"a\":[2", unclosed),
        ("{\"a\":2,", unclosed),
        ("{\"a\":", unclosed),
        ("{", unclosed),
        ("{\"a\":\"cut", "1@8 a string is not closed"),
        ("{\"a\":\"cut\\", "1@8 a string is not closed"),
        ("{\"a\":tru}", no_json),
        ("{\"a\":2,}", no_json),
        ("{\"a\" 2}", no_json),
        ("{\"a\":02}", no_json),
        ("{\"a\":+2}", no_json),
        ("{\"a\":NaN}", no_json),
        ("{'a':2}", no_json),
        ("{\"a\":[2}}", no_json),
        ("{\"a\":\"\\x\"}", no_json),
        ("{\"a\":\"\u{1}\"}", no_json),
        ("{a:2}", no_json),
        ("garbage", "1@8 not a JSON object"),
        ("5", "1@8 not a JSON object"),
        ("\"text\"", "1@8 not a JSON object"),
        ("}", "1@8 not a JSON object"),
        ("{\"a\":\"\\ud83d\"}", "1@8 field `a`: a \\u escape"),
        ("{\"a\":\"\\ude00\\ud83d\"}", "1@8 field `a`: a \\u escape"),
        ("{\"a\":{\"x\":\"\\ud83dx\\ude00\"}}", "1@8 field `a`: a \\u escape"),
        ("{\"a\":2,\"a\":2}", "1@8 field `a` occurs twice"),
        ("{\"a\":2,\"new\":1,\"\\u0061\":3}", "1@8 field `a` occurs twice"),
        ("{\"a\":2,\"\":3}", "1@8 a field's name"),
        ("{\"a\":2,\"event_type\":5}", "1@8 event_type is not text"),
        ("{\"a\":2,\"event_type\":\"no type\"}", "1@8 event_type is not an event type's name"),
    ] {
        check(format!("{{\"a\":1}}\n{bad}\n{{\"a\":3}}\n{{\"a\":4}}"), "1;3;4", &[expected]);
        check(format!("{{\"a\":1}}\n{bad}\r\n{{\"a\":3}}\r\n"), "1;3", &[expected]);
    }
}

#[test]
fn a_rejected_record_leaves_no_column() {
    let decoded = decode_json("{\"new\":1,\"new\":2}\n{\"a\":1}\n{\"b\":1,\"a\":2,\"b\":1}\n{\"a\":3}").unwrap();
    assert_eq!((decoded.parts[0].batch.num_columns(), decoded.rejects.len()), (1, 2));
    assert_eq!(decoded.parts[0].positions, [1, 3]);
    assert_eq!(decoded.rejects[0].event_type.as_ref().unwrap().as_str(), "users.messages.email.Open");
}

#[test]
fn bytes_that_are_no_text() {
    check(b"{\"a\":1}\n{\"a\":\"\xff\"}\n{\"a\":3}\n".as_slice(), "1;3", &["1@8 not UTF-8 at byte 6"]);
}

#[test]
fn a_cut_off_end_is_one_reject() {
    check("{\"a\":1}\n{\"a\":2", "1", &["1@8 cut off"]);
    check("{\"a\":1}\n{\"a\":\"tex", "1", &["1@8 cut off"]);
    check("{\"a\":1}\n{\"a\":\"tex\\", "1", &["1@8 cut off"]);
    check("{\"a\":1}\n{\n  \"a\": {\n    \"b\"", "1", &["1@8 cut off"]);
    check("[{\"a\":1},{\"a\":2", "1", &["1@9 cut off"]);
    check("[{\"a\":1},", "1", &["1@9 cut off"]);
    check("[{\"a\":1}", "1", &["1@8 cut off"]);
    // Every cut of a good file: whole records load, at most one is lost.
    let text = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";
    for cut in 8..text.len() {
        let (rows, rejects) = outcome(&text[..cut]);
        assert_eq!(rows.split(';').count(), cut.div_ceil(8).min((cut + 1) / 8).max(1), "{cut}");
        assert_eq!(rejects.len(), usize::from(!(cut % 8 == 0 || cut % 8 == 7)), "{cut}");
    }
}

#[test]
fn pretty_printed_text_resumes_at_the_next_object() {
    let text = "{\n  \"a\": 1\n}\n{\n  \"a\": \"x\n}\n{\n  \"a\": 3,\n  \"b\": {\n    \"c\": 1\n  }\n}\n";
    check(text, "1;3", &["1@13 a string is not closed"]);
    check("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n{\n  \"a\": 3\n}\n", "1;3", &["1@13 the record is not closed"]);
}

#[test]
fn arrays_resume_where_they_can() {
    check(
        "[{\"a\":1},5,\"x,]\",[{\"a\":9}],null,{\"a\":3}]",
        "1;3",
        &["1@9 not a", "2@11 not a", "3@17 not a", "4@27 not a"],
    );
    check("[{\"a\":1},{\"a\":tru},{\"a\":3}]", "1;3", &["1@9 not valid JSON"]);
    check(
        "[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2,\n  {\n    \"a\": 3\n  }\n]\n",
        "1;3",
        &["1@24 the record is not closed"],
    );
    check("[\n{\"a\":1},\n{\"a\":[2,\n{\"a\":3}\n]", "1;3", &["1@11 the record is not closed"]);
    check("[{\"a\":1}] tail\n{\"a\":2}", "1;2", &["1@10 not a JSON object"]);
}

#[test]
fn records_nested_too_deep() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    check(format!("{{\"a\":1}}{deep}{{\"a\":3}}"), "1;3", &["1@7 nested too deep"]);
    let unclosed = format!("{{\"a\":{}", "[".repeat(5000));
    check(format!("{{\"a\":1}}\n{unclosed}\n{{\"a\":3}}"), "1;3", &["1@8 nested too deep"]);
    let fine = format!("{{\"a\":{}{}}}", "[".repeat(63), "]".repeat(63));
    assert_eq!(decode_json(&fine).unwrap().rejects.len(), 0);
}

#[test]
fn one_fact_in_two_places_must_be_one_fact() {
    let record = |user: &str, properties: &str| {
        format!(r#"{{"event_type":"users.a.B","a":1,"user":{{{user}}},"properties":{{{properties}}}}}"#)
    };
    check(record(r#""u":1"#, r#""u":1,"a":1"#), "1", &[]);
    let other = format!("{}\n{}", record("", ""), record(r#""u":1"#, r#""u":2"#));
    check(&other, "1", &["1@59 field `u` occurs twice"]);
    let twice = format!("{}\n{}", record("", ""), record(r#""u":1,"u":1"#, ""));
    check(&twice, "1", &["1@59 field `u` occurs twice"]);
    let users = r#"{"event_type":"users.a.B","user":{},"user":{}}"#;
    check(format!("{}\n{users}", record("", "")), "1", &["1@59 field `user` occurs twice"]);
    let types = r#"{"event_type":"users.a.B","event_type":"users.a.B"}"#;
    check(format!("{}\n{types}", record("", "")), "1", &["1@59 field `event_type` occurs twice"]);
}

#[test]
fn reasons_never_hold_values() {
    let text = "{\"a\":1}\n{\"a\":\"SECRET\"x}\n{\"a\":SECRET}\nSECRET\n{\"event_type\":\"SECRET SECRET\"}\n{\"a\":\"SECRET\\ud800\"}\n";
    let decoded = decode_json(text).unwrap();
    assert_eq!(decoded.rejects.len(), 5);
    for reject in &decoded.rejects {
        assert!(!reject.reason.contains("SECRET") && reject.record.contains("SECRET"), "{reject:?}");
    }
    let damage = decode_json("{\"a\":SECRET}").unwrap_err();
    assert!(!damage.to_string().contains("SECRET"));
}

#[test]
fn long_records_are_cut_between_characters() {
    let decoded = decode_json(format!("{{\"a\":1}}\n{{\"a\":x{}}}", "é".repeat(50_000))).unwrap();
    let kept = &decoded.rejects[0].record;
    assert!(kept.len() <= 64 << 10 && kept.len() > (64 << 10) - 4 && kept.ends_with('é'));
    let mut text = b"{\"a\":1}\n{\"a\":\"".to_vec();
    text.extend([0xff; 100_000]);
    let kept = decode_json([&text[..], b"\"}"].concat()).unwrap().rejects[0].record.len();
    assert!(kept <= 64 << 10);
}

#[test]
fn files_without_one_usable_record() {
    for (text, reason) in [
        (&b""[..], "empty_file"),
        (b" \r\n\t ", "empty_file"),
        (b"\xef\xbb\xbf\n", "empty_file"),
        (b"garbage", "bad_json"),
        (b"id,time\n1,2\n", "bad_json"),
        (b"{", "bad_json"),
        (b"[", "bad_json"),
        (b"[1,2]", "bad_json"),
        (b"Obj\x01\x04", "bad_json"),
        (b"\xff\xfe{\0}\0", "bad_json"),
        (b"{\"a\":1", "bad_json"),
        (b"<html></html>", "bad_json"),
    ] {
        let damage = decode_json(text).unwrap_err();
        assert_eq!(damage.reason.as_str(), reason, "{}", String::from_utf8_lossy(text));
        let peeked = peek(&json_file(), text, &Limits::default(), &SchemaCache::new());
        assert_eq!(peeked.unwrap_err().reason.as_str(), reason);
    }
}
