//! Keys: both layouts, odd ones, and everything else that lies in a bucket.

use super::*;

fn key(key: &str) -> SourceFile {
    SourceFile::from_key(key).unwrap_or_else(|why| panic!("{key}: {why}"))
}

fn summary(file: &SourceFile) -> String {
    let event_type = file.event_type.as_ref().map_or("-", EventType::as_str);
    let hour = file.queue_hour.map_or("-".to_string(), |hour| hour.to_string());
    format!("{event_type} {hour}")
}

#[test]
fn both_layouts_under_any_prefix() {
    let old = "dataexport.prod-03.S3.integration.5a9e4c/event_type=users.messages.email.Send/date=2018-04-26-20/315/\
               prod-03/dataexport.prod-03.S3.integration.5a9e4c+0+0000000071.avro";
    let expected = "users.messages.email.Send 2018-04-26-20";
    for prefix in ["", "currents/", "a/b/c/", "/", "sent_messages/", "event_type=old.copy.Of/date=2001-01-01-01/"] {
        assert_eq!(summary(&key(&format!("{prefix}{old}"))), expected);
    }
    let new = "currents/dataexport.us-01.GCS.integration.5a9e4c/event_type=users.canvas.Entry/date=2026-05-01-03/\
               version=6/us-01/dataexport.us-01.GCS.integration.5a9e4c+0+123456.avro";
    assert_eq!(summary(&key(new)), "users.canvas.Entry 2026-05-01-03");
    assert_eq!(summary(&key("dataexport.S3.integration.5a9e4c+2+0000035465.avro")), "- -");
}

#[test]
fn encoded_keys_are_read_but_kept() {
    let encoded = "p/event_type%3Dusers.messages.email.Send/date%3D2018-04-26-20/315/\
                   dataexport.prod-03.S3.integration.5a9e%2B0%2B0000000071.avro";
    assert_eq!(summary(&key(encoded)), "users.messages.email.Send 2018-04-26-20");
    assert_eq!(summary(&key("p/100%/event_type=users.a.B/%ff%zz/x.avro")), "users.a.B -");
}

#[test]
fn parts_may_be_missing() {
    assert_eq!(summary(&key("event_type=users.a.B/x.avro")), "users.a.B -");
    assert_eq!(summary(&key("date=2024-01-02-03/x.avro")), "- 2024-01-02-03");
    assert_eq!(summary(&key("date=2024-01-02-03/x.json")), "- 2024-01-02-03");
    assert_eq!(summary(&key("event_type=users.a.B/date=2024-01-02/x.avro")), "users.a.B 2024-01-02-00");
    assert_eq!(summary(&key("event_type=users.a.B/date=yesterday/x.avro")), "users.a.B -");
    assert_eq!(summary(&key("stray.avro")), "- -");
}

#[test]
fn endings_tell_format_and_compression() {
    use {Compression as C, Format as F};
    for (end, format, compression) in [
        ("avro", F::Avro, C::None),
        ("AVRO", F::Avro, C::None),
        ("avro.gz", F::Avro, C::Gzip),
        ("json", F::Json, C::None),
        ("jsonl", F::Json, C::None),
        ("ndjson", F::Json, C::None),
        ("json.gz", F::Json, C::Gzip),
        ("json.gzip", F::Json, C::Gzip),
        ("jsonl.zst", F::Json, C::Zstd),
        ("json.zstd", F::Json, C::Zstd),
    ] {
        let file = key(&format!("event_type=users.a.B/x.{end}"));
        assert_eq!((file.format, file.compression), (format, compression), "{end}");
    }
}

#[test]
fn everything_else_is_ignored_with_its_cause() {
    for (key, cause) in [
        ("", "folder_marker"),
        ("currents/", "folder_marker"),
        ("currents/event_type=users.a.B/", "folder_marker"),
        ("currents_$folder$", "folder_marker"),
        ("currents/_SUCCESS", "hidden"),
        ("event_type=users.a.B/.part.avro", "hidden"),
        ("event_type=users.a.B/_temporary/0/x.avro", "hidden"),
        ("t/_delta_log/00000.json", "hidden"),
        ("segment-export/abc/2024-01-01/x.zip", "segment_export"),
        ("segment-export/x.avro", "segment_export"),
        ("sent_messages/email/x.json.gz", "message_archive"),
        ("redshift-manifests/x.json", "redshift_manifest"),
        ("reports/campaigns.csv", "report_csv"),
        ("reports/campaigns.csv.gz", "report_csv"),
        ("event_type=users.a.B/x.parquet", "unknown_extension"),
        ("event_type=users.a.B/x", "unknown_extension"),
        ("event_type=users.a.B/.gz", "hidden"),
        ("notes.json", "not_currents"),
        ("date=2024-01-02/x.json", "not_currents"),
        ("event_type=/x.avro", "bad_event_type"),
        ("event_type=../x.avro", "bad_event_type"),
        ("event_type=users a/x.json", "bad_event_type"),
        ("event_type=users%2Fa/x.json", "unknown"),
    ] {
        let found = SourceFile::from_key(key).map_err(|why| why.as_str());
        if cause == "unknown" {
            // A decoded slash ends the folder's name; what is left is still read by meaning.
            assert_eq!(found.map(|file| summary(&file)), Ok("users -".to_string()));
        } else {
            assert_eq!(found.err(), Some(cause), "{key}");
        }
    }
}
