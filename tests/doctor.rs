//! `eddyline doctor`: each way in which a store misbehaves is found and named, a sound store passes, and nothing but
//! the probes is touched. What it prints, and the policies, through the real program.

#[path = "support/crooked.rs"]
mod crooked;
mod fixtures;

use chrono::{TimeDelta, Utc};
use crooked::{Crooked, Fault};
use eddyline::doctor::{Check, Diagnosis, Finding, Outcome, examine_source, examine_warehouse};
use eddyline::load::Bucket;
use eddyline::warehouse::Store;
use fixtures::{arg, eddyline, eddyline_as_nobody, give_away, write};
use futures::TryStreamExt;
use insta::assert_snapshot;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::Value;
use std::fs;
use std::path::Path as FsPath;
use std::sync::Arc;

const ADDRESS: &str = "s3://acme/warehouse";
const KEY: &str = "p/event_type=users.messages.email.Open/date=2026-01-01-00/1/x.avro";

async fn examined(objects: Arc<dyn ObjectStore>) -> Diagnosis {
    let store = Store::on(objects, ADDRESS);
    Diagnosis::new(None, Some(ADDRESS.into()), examine_warehouse(&store, &Utc::now).await)
}

async fn with(fault: Fault) -> Diagnosis {
    examined(Arc::new(Crooked::new(Arc::new(InMemory::new()), fault))).await
}

async fn keys(objects: &dyn ObjectStore) -> Vec<String> {
    objects.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap()
}

fn failed(diagnosis: &Diagnosis) -> Vec<Check> {
    let failed = diagnosis.findings.iter().filter(|f| f.outcome == Outcome::Failed);
    failed.map(|f| f.check).collect()
}

#[track_caller]
fn finding(diagnosis: &Diagnosis, check: Check) -> &Finding {
    diagnosis.findings.iter().find(|f| f.check == check).unwrap_or_else(|| panic!("{diagnosis:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_store_passes_and_keeps_only_what_was_there() {
    let objects = Arc::new(InMemory::new());
    objects.put(&Path::from("tables/t/queue_date=2026-01-01/part-00.parquet"), "cell".into()).await.unwrap();
    let diagnosis = examined(objects.clone()).await;
    assert_eq!(diagnosis.verdict.exit_code, 0, "{}", diagnosis.text());
    assert_eq!(diagnosis.findings.len(), 14, "{}", diagnosis.text());
    assert!(diagnosis.findings.iter().all(|f| f.outcome == Outcome::Ok), "{}", diagnosis.text());
    assert_eq!(keys(&*objects).await, ["tables/t/queue_date=2026-01-01/part-00.parquet"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_that_do_not_hold_are_found_and_leave_one_loader() {
    let cases: [(Fault, &[Check]); 5] = [
        (Fault::IgnoresCreate, &[Check::CreateAgain, Check::CreateRace]),
        (Fault::CreatesSlowly, &[Check::CreateRace]),
        (Fault::IgnoresUpdate, &[Check::ReplaceStale, Check::ReplaceRace]),
        (Fault::UpdatesSlowly, &[Check::ReplaceRace]),
        (Fault::KnowsNoConditions, &[Check::Create]),
    ];
    for (fault, expected) in cases {
        let diagnosis = with(fault).await;
        assert_eq!(failed(&diagnosis), expected, "{fault:?}: {}", diagnosis.text());
        assert_eq!(diagnosis.verdict.exit_code, 7, "{fault:?}: {}", diagnosis.text());
        let words = &diagnosis.verdict.verdict;
        assert!(words.contains("only ONE loader at a time") && words.contains("neither would notice"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_any_version_are_found() {
    let diagnosis = with(Fault::IgnoresIfMatch).await;
    assert_eq!(failed(&diagnosis), [Check::ReadStale], "{}", diagnosis.text());
    assert_eq!(diagnosis.verdict.exit_code, 7);
    assert!(!diagnosis.verdict.verdict.contains("ONE loader"), "{}", diagnosis.verdict.verdict);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_names_its_permission() {
    let cases: [(Fault, Check, &str); 4] = [
        (Fault::DeniesPut, Check::Create, "s3:PutObject on arn:aws:s3:::acme/warehouse/*"),
        (Fault::DeniesReplacing, Check::Replace, "s3:PutObject and s3:GetObject on arn:aws:s3:::acme/warehouse/*"),
        (Fault::DeniesGet, Check::ReadBack, "s3:GetObject on arn:aws:s3:::acme/warehouse/*"),
        (Fault::DeniesList, Check::List, "s3:ListBucket on arn:aws:s3:::acme for the prefix warehouse/*"),
    ];
    for (fault, check, permission) in cases {
        let diagnosis = with(fault).await;
        assert_eq!(diagnosis.verdict.exit_code, 3, "{fault:?}: {}", diagnosis.text());
        let found = finding(&diagnosis, check);
        assert_eq!(found.outcome, Outcome::Failed, "{fault:?}: {}", diagnosis.text());
        assert_eq!(found.permission.as_deref(), Some(permission), "{fault:?}");
        assert!(diagnosis.verdict.verdict.contains(permission), "{}", diagnosis.verdict.verdict);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_that_is_forbidden_is_the_listings_permission() {
    let diagnosis = with(Fault::DeniesList).await;
    assert_eq!(diagnosis.findings.len(), 14, "{}", diagnosis.text());
    let missing = finding(&diagnosis, Check::Missing);
    assert_eq!(missing.outcome, Outcome::Failed);
    assert!(missing.permission.as_ref().is_some_and(|p| p.starts_with("s3:ListBucket")), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deleted_is_a_warning() {
    let objects = Arc::new(InMemory::new());
    let diagnosis = examined(Arc::new(Crooked::new(objects.clone(), Fault::DeniesDelete))).await;
    assert_eq!(diagnosis.verdict.exit_code, 0, "{}", diagnosis.text());
    let left = finding(&diagnosis, Check::TidyUp);
    assert_eq!(left.outcome, Outcome::Warning);
    assert!(left.hints[0].contains("s3:DeleteObject on arn:aws:s3:::acme/warehouse/meta/doctor/*"), "{left:?}");
    let keys = keys(&*objects).await;
    assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with("meta/doctor/")), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_clocks_are_worth_a_word() {
    let diagnosis = with(Fault::KeepsVersions).await;
    assert_eq!(finding(&diagnosis, Check::Versions).outcome, Outcome::Warning, "{}", diagnosis.text());
    assert_eq!(diagnosis.verdict.exit_code, 0);

    let store = Store::on(Arc::new(InMemory::new()), ADDRESS);
    for (minutes, words) in [(5, "ahead of"), (-5, "behind")] {
        let clock = || Utc::now() + TimeDelta::minutes(minutes);
        let diagnosis = Diagnosis::new(None, Some(ADDRESS.into()), examine_warehouse(&store, &clock).await);
        let skewed = finding(&diagnosis, Check::Clock);
        assert_eq!(skewed.outcome, Outcome::Warning, "{}", diagnosis.text());
        assert!(skewed.detail.contains(words), "{}", skewed.detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_asked_once() {
    let diagnosis = with(Fault::Down).await;
    assert_eq!(failed(&diagnosis), [Check::List], "{}", diagnosis.text());
    assert_eq!(diagnosis.verdict.exit_code, 4);
    assert!(diagnosis.verdict.verdict.starts_with("cannot list meta/log in s3://acme/warehouse: "), "{diagnosis:?}");
    assert!(diagnosis.findings[1].detail.contains("for the same reason"), "{}", diagnosis.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_only_read() {
    let objects = Arc::new(InMemory::new());
    objects.put(&Path::from(KEY), "avro".into()).await.unwrap();
    // Every write would be refused.
    let reading: Arc<dyn ObjectStore> = Arc::new(Crooked::new(objects.clone(), Fault::DeniesPut));
    let found = examine_source(&Bucket::on(reading, "gs://acme/currents"), &Utc::now).await;
    let diagnosis = Diagnosis::new(Some("gs://acme/currents".into()), None, found);
    assert!(diagnosis.findings.iter().all(|f| f.outcome == Outcome::Ok), "{}", diagnosis.text());
    assert_eq!(finding(&diagnosis, Check::ReadOne).detail, format!("4 B: {KEY}"));

    let denied: Arc<dyn ObjectStore> = Arc::new(Crooked::new(objects, Fault::DeniesGet));
    let found = examine_source(&Bucket::on(denied, "gs://acme/currents"), &Utc::now).await;
    let diagnosis = Diagnosis::new(Some("gs://acme/currents".into()), None, found);
    assert_eq!(diagnosis.verdict.exit_code, 3);
    assert!(diagnosis.verdict.verdict.contains("storage.objects.get on gs://acme/currents/*"), "{}", diagnosis.text());

    let empty = examine_source(&Bucket::on(Arc::new(InMemory::new()), "gs://acme/currents"), &Utc::now).await;
    let outcomes: Vec<Outcome> = empty.iter().map(|f| f.outcome).collect();
    assert_eq!(outcomes, [Outcome::Warning, Outcome::Unknown]);
}

/// What the program prints, without what differs from run to run.
fn says(folder: &FsPath, args: &[&str]) -> String {
    let run = eddyline(folder, args);
    let text = format!("{}-- stderr\n{}-- exit code {}", run.stdout, run.stderr, run.code);
    text.lines().map(without_time).collect::<Vec<_>>().join("\n")
}

fn without_time(line: &str) -> String {
    match line.find(" ms").filter(|at| line[..*at].ends_with(|c: char| c.is_ascii_digit())) {
        Some(at) => {
            let from = line[..at].rfind(' ').unwrap_or(0) + 1;
            format!("{}[TIME]{}", line[..from].trim_end().to_string() + "  ", &line[at + 3..])
        }
        None => line.to_string(),
    }
}

#[test]
fn a_local_folder_is_examined() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("export").join(KEY), b"avro");
    fs::create_dir(dir.path().join("w")).unwrap();
    assert_snapshot!(says(dir.path(), &["doctor", "--source", "export", "--warehouse", "w"]), @r#"
    source export (a folder)
      ok       list the keys  [TIME]  1 object, 1 Currents file
      ok       read one object  [TIME]  4 B: p/event_type=users.messages.email.Open/date=2026-01-01-00/1/x.avro

    warehouse w (a folder)
      ok       list the keys  [TIME]  0 objects in meta/log
      ok       a missing object is said to be missing  [TIME]
      ok       a second writer is locked out  [TIME]
      ok       create an object  [TIME]
      ok       a second create of it is refused  [TIME]
      ok       the clocks agree  [TIME]
      ok       read it back  [TIME]
      ok       read exactly this version  [TIME]
      ok       replace exactly this version  [TIME]
      ok       a stale replacement is refused  [TIME]
      ok       a stale read is refused  [TIME]
      ok       two create at once, one wins  [TIME]  5 rounds
      ok       delete the probes  [TIME]

    verdict: what Eddyline needs works here
    -- stderr
    -- exit code 0
    "#);
    assert!(!dir.path().join("w/meta/doctor").exists());
    let left: Vec<_> = fs::read_dir(dir.path().join("w/meta/tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");

    let json = eddyline(dir.path(), &["doctor", "--warehouse", "w", "--json"]).ends(0).json();
    assert_eq!(json["exit_code"], 0);
    assert_eq!(json["source"], Value::Null);
    assert!(json["findings"].as_array().unwrap().iter().all(|f| f["outcome"] == "ok"), "{json}");
}

#[test]
fn a_folder_that_may_not_be_written_is_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("w")).unwrap();
    give_away(dir.path());
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir.path().join("w"), fs::Permissions::from_mode(0o555)).unwrap();
    let run = eddyline_as_nobody(dir.path(), &["doctor", "--warehouse", "w"]).ends(3);
    assert!(run.stdout.contains("missing permission: to write in the folder w (rwx)"), "{}", run.stdout);
    assert!(run.stdout.lines().last().unwrap().starts_with("verdict: not allowed: to write"), "{}", run.stdout);
}

#[test]
fn a_folder_that_another_loader_holds_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let held = dir.path().join("w/meta/lock");
    write(&held, b"");
    let lock = fs::File::open(&held).unwrap();
    lock.lock().unwrap();
    let run = eddyline(dir.path(), &["doctor", "--warehouse", "w"]).ends(0);
    assert!(run.stdout.contains("another eddyline is writing to it now"), "{}", run.stdout);
    assert!(!dir.path().join("w/meta/doctor").exists());
}

#[test]
fn mistakes_end_with_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    for args in [vec!["doctor"], vec!["doctor", "--source", "nowhere"], vec!["doctor", "--warehouse", "nowhere"]] {
        let run = eddyline(dir.path(), &args).ends(2);
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    }
    assert!(!dir.path().join("nowhere").exists());
}

#[test]
fn policies_need_no_network_and_no_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let source = ["doctor", "--print-policy", "--source", "s3://acme/currents"];
    assert_snapshot!(says(dir.path(), &source), @r#"
    # source: s3://acme/currents (Amazon S3)
    # encrypted with a KMS key (SSE-KMS)? Add this statement: {"Sid":"UseTheKey","Effect":"Allow","Action":["kms:Decrypt"],"Resource":"arn:aws:kms:REGION:ACCOUNT:key/KEY"}
    # the bucket is another account's? Its bucket policy needs the same statements, each with "Principal": {"AWS": "arn:aws:iam::ACCOUNT:role/ROLE"}
    # replace ACCOUNT, ROLE

    # an IAM policy for the role or user that runs Eddyline
    cat > eddyline-source.json <<'EOF'
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "List",
          "Effect": "Allow",
          "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::acme",
          "Condition": {
            "StringLike": {
              "s3:prefix": "currents/*"
            }
          }
        },
        {
          "Sid": "Read",
          "Effect": "Allow",
          "Action": "s3:GetObject",
          "Resource": "arn:aws:s3:::acme/currents/*"
        }
      ]
    }
    EOF

    aws iam create-policy --policy-name eddyline-source --policy-document file://eddyline-source.json
    aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::ACCOUNT:policy/eddyline-source
    -- stderr
    -- exit code 0
    "#);
    let places = ["s3://acme/w", "gs://acme/w", "az://box/w", "abfss://box@acme.dfs.core.windows.net", "w"];
    for place in places {
        let args = ["doctor", "--print-policy", "--source", "/data/currents", "--warehouse", place, "--json"];
        let json = eddyline(dir.path(), &args).ends(0).json();
        assert_eq!(json[0]["side"], "source", "{json}");
        assert_eq!((&json[1]["side"], &json[1]["address"]), (&"warehouse".into(), &place.into()), "{json}");
    }
}

/// The files a script writes are what a shell makes of it, and those that are JSON are JSON.
#[test]
fn policies_can_be_pasted_into_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    for (cloud, address) in [("aws", "s3://acme/w"), ("gcloud", "gs://acme/w"), ("az", "az://box/w")] {
        let args = ["doctor", "--print-policy", "--source", address, "--warehouse", address];
        let script = eddyline(dir.path(), &args).ends(0).stdout;
        let place = dir.path().join(cloud);
        // The cloud's own command only says how it was called.
        write(&place.join("bin").join(cloud), b"#!/bin/sh\nfor word in \"$@\"; do echo \"$word\"; done >> called\n");
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(place.join("bin").join(cloud), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", arg(&place.join("bin")));
        let mut shell = std::process::Command::new("sh");
        shell.args(["-eu", "-c", &script]).env("PATH", path).current_dir(&place);
        let ran = shell.output().unwrap();
        assert!(ran.status.success(), "{script}\n{ran:?}");
        let called = fs::read_to_string(place.join("called")).unwrap();
        assert!(called.lines().count() > 8, "{called}");
        let mut documents = 0;
        for entry in fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "json") {
                serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap();
                documents += 1;
            }
        }
        assert_eq!(documents, 2, "{script}");
    }
}
