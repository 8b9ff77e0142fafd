//! What a pass sees of a bucket, and what that costs: keys that clients stumble over, layouts old and new, Braze's other
//! exports beside ours, and requests that follow the new hours.

mod support;

use eddyline::currents::QueueHour;
use eddyline::generate::OutFormat;
use eddyline::load::{Bucket, Loader, Request, Scope, Settings, Through};
use futures::FutureExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::key_server::{BUCKET, Export, KeyServer, ODD, Object};
use support::*;

const TYPE: &str = "currents/dataexport.prod-03.S3.integration.abc/event_type=users.messages.email.Open/";

fn named(keys: impl IntoIterator<Item = String>) -> Vec<Object> {
    keys.into_iter().map(|key| Object::holding(&key, b"x")).collect()
}

fn bucket(server: &KeyServer, folder: &str) -> Bucket {
    Bucket::open(&format!("s3://{BUCKET}/{folder}"), &server.options()).unwrap()
}

async fn keys(bucket: &Bucket, from: Option<&str>) -> Vec<String> {
    let hour = from.map(|hour| QueueHour::parse(hour).unwrap());
    bucket.list(&|_| hour).await.unwrap().objects.into_iter().map(|o| o.key.to_string()).collect()
}

/// Sorted the way keys of a listing are.
fn sorted(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|k| k.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn odd_keys_hide_no_other_and_those_that_can_be_read_are() {
    let odd = ODD.iter().flat_map(|odd| [format!("currents/{odd}"), format!("{TYPE}date=2026-03-02-05/{odd}")]);
    let fine = (0..1500).map(|n| format!("{TYPE}date=2026-03-02-05/1/z/{n:05}.avro"));
    let server = KeyServer::start(named(odd.chain(fine)));
    let bucket = bucket(&server, "currents");
    let listing = bucket.list(&|_| None).await.unwrap();
    let seen: BTreeSet<&str> =
        listing.objects.iter().map(|o| &*o.key).chain(listing.unaskable.iter().map(String::as_str)).collect();
    let expected: Vec<String> = server.objects().iter().map(|o| o.key["currents/".len()..].to_string()).collect();
    assert_eq!(seen, expected.iter().map(String::as_str).collect());
    // What has dots or line breaks between its slashes, nobody can ask for through a URL.
    let unaskable = ["./x.avro", "../x.avro", "a/./b.avro", "a/../b.avro", "line\nbreak.avro", "carriage\rreturn.avro"];
    assert_eq!(listing.unaskable.len(), 2 * unaskable.len(), "{:?}", listing.unaskable);
    for object in listing.objects.iter().filter(|o| !o.key.ends_with('/')) {
        match bucket.fetch(object, 9).await.unwrap() {
            eddyline::load::Fetched::Bytes(bytes, _) => assert_eq!(bytes, "x", "{}", object.key),
            other => panic!("{}: {other:?}", object.key),
        }
        if object.key.ends_with("z/00010.avro") {
            break;
        }
    }
}

#[tokio::test]
async fn an_address_and_its_keys_may_have_a_slash_too_many() {
    let server = KeyServer::start(named([
        "currents//dataexport.prod-03.S3.integration.abc/event_type=a.B/date=2026-03-02-05/x.avro".to_string(),
        "currents//dataexport.prod-03.S3.integration.abc/event_type=a.B/date=2026-03-09-05/x.avro".to_string(),
    ]));
    for (folder, slash) in [("currents", "/"), ("currents/", "/"), ("", "currents//")] {
        let bucket = bucket(&server, folder);
        let rest = "dataexport.prod-03.S3.integration.abc/event_type=a.B/date=2026-03-09-05/x.avro";
        assert_eq!(keys(&bucket, Some("2026-03-08-00")).await, [format!("{slash}{rest}")], "from {folder:?}");
        assert_eq!(bucket.list(&|_| None).await.unwrap().unaskable, Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_layout_is_listed_from_its_bound() {
    let under = "p/dataexport.prod-03.S3.integration.abc";
    let all = [
        // Hours, days, what comes before and after `date=`, another integration, one without event types, an old key.
        format!("{under}/event_type=a.B/date=2026-03-01-23/1/z/x.avro"),
        format!("{under}/event_type=a.B/date=2026-03-02-04/1/z/x.avro"),
        format!("{under}/event_type=a.B/date=2026-03-02-05/1/z/x.avro"),
        format!("{under}/event_type=a.B/date=2026-03-03-00/1/z/x.avro"),
        format!("{under}/event_type=a.B/late.avro"),
        format!("{under}/event_type=c.D/date=2026-03-01/version=6/us-01/x.avro"),
        format!("{under}/event_type=c.D/date=2026-03-02/version=6/us-01/x.avro"),
        "p/dataexport.other/event_type=a.B/date=2026-03-02-05/1/z/x.avro".to_string(),
        "p/plain/date=2026-03-01-00/x.avro".to_string(),
        "p/dataexport.S3.integration.abc+2+0000035465.avro".to_string(),
    ];
    let server = KeyServer::start(named(all.clone()));
    let bucket = bucket(&server, "p");
    let relative: Vec<&str> = all.iter().map(|k| &k[2..]).collect();
    assert_eq!(keys(&bucket, None).await, sorted(&relative));
    let left: Vec<&str> =
        relative.iter().copied().filter(|k| !k.contains("-01-23/1") && !k.contains("-02-04/")).collect();
    let left: Vec<&str> = left.into_iter().filter(|k| !k.contains("date=2026-03-01/version")).collect();
    assert_eq!(keys(&bucket, Some("2026-03-02-05")).await, sorted(&left));
}

#[tokio::test]
async fn other_exports_of_braze_are_passed_over_unless_everything_is_asked_for() {
    let foreign = (0..3000).map(|n| format!("sent_messages/2026/{n:05}/m.json.gz"));
    let ours = ["event_type=a.B/date=2026-03-02-05/1/x.avro", "segment-export/dataexport.x/event_type=a.B/y.avro"];
    let server =
        KeyServer::start(named(foreign.chain(ours.map(str::to_string)).chain(["segment-export/z/1.zip".to_string()])));
    let bucket = bucket(&server, "");
    let listing = bucket.list(&|_| None).await.unwrap();
    assert_eq!(listing.objects.iter().map(|o| &*o.key).collect::<Vec<_>>(), ours);
    assert_eq!(listing.passed_over, ["segment-export/", "sent_messages/"]);
    assert!(server.requests().lists <= 7, "{:?}", server.requests());
    let listing = bucket.list_everything(&|_| None).await.unwrap();
    assert_eq!((listing.objects.len(), listing.passed_over.len()), (3003, 0));
}

#[tokio::test]
async fn many_folders_on_the_way_cost_no_more_than_a_listing_of_all() {
    let beside = (0..3000).map(|n| format!("team/{n:04}/file.txt"));
    let ours = (0..20).map(|n| format!("team/currents/event_type=a.B/date=2026-03-02-{n:02}/x.avro"));
    let server = KeyServer::start(named(beside.chain(ours)));
    let bucket = bucket(&server, "");
    assert_eq!(bucket.list(&|_| None).await.unwrap().objects.len(), 3020);
    let most = 3 + 100 + 3000;
    assert!(server.requests().lists <= most, "{:?}", server.requests());
}

/// A loader from a server's bucket into memory.
fn loader(server: &KeyServer, settings: Settings) -> Loader {
    let store = warehouse(Arc::new(InMemory::new()));
    Loader::new(store, bucket(server, "currents"), definitions(), settings, Duration::ZERO)
}

#[tokio::test]
async fn a_nightly_pass_asks_for_new_hours_and_a_weekly_one_for_everything() {
    let shape = Shape { events: 400, days: 12, types: "users.messages.email.{Send,Open,Click}", ..Shape::default() };
    let all = shape.files();
    let object = |(key, bytes): &(String, bytes::Bytes)| Object::holding(&format!("currents/{key}"), bytes);
    // A file of the first day comes weeks too late; one of the last is late by some hours.
    let is_old = |key: &str| key.contains(&format!("date={}", day(0))) && key.contains("email.Open");
    let first: Vec<Object> = all.iter().filter(|f| !is_old(&f.0)).map(object).collect();
    let missing = all.iter().filter(|f| is_old(&f.0)).count() as u64;
    assert!(missing > 0);
    let store = Arc::new(InMemory::new());
    let on = |server: &KeyServer| {
        let bucket = Bucket::open(&format!("s3://{BUCKET}/currents"), &server.options()).unwrap();
        Loader::new(warehouse(store.clone()), bucket, definitions(), settings(), Duration::ZERO)
    };
    let server = KeyServer::start(first);
    pass(&on(&server), &Request::default()).await;
    let server = KeyServer::start(all.iter().map(object).collect());
    let report = pass(&on(&server), &Request::default()).await;
    assert_eq!((report.seq, report.counters.files), (None, 0), "{}", report.text());
    let lists = report.requests.unwrap().list;
    assert!(lists <= 6, "{lists} pages for three event types");
    // A week later the clock says that everything is due, once.
    let later = clock()() + chrono::TimeDelta::days(8);
    let report = try_pass_at(&on(&server), &Request::default(), &|| later).await.unwrap();
    assert_eq!(report.counters.files, missing, "{}", report.text());
    let report = try_pass_at(&on(&server), &Request::default(), &|| later).await.unwrap();
    assert_eq!(report.seq, None);
}

#[tokio::test]
async fn through_day_leaves_the_day_that_is_not_over() {
    let shape = Shape { events: 200, days: 3, format: OutFormat::Avro, ..Shape::default() };
    let all = shape.files();
    let server = KeyServer::start(all.iter().map(|(k, b)| Object::holding(&format!("currents/{k}"), b)).collect());
    let loader = loader(&server, settings());
    let request = Request { through: Through::Day, ..Request::default() };
    let of_day = |n: i64| all.iter().filter(|(k, _)| k.contains(&format!("date={}", day(n)))).count() as u64;
    let at = |n: i64, hour: u32| day(n).and_hms_opt(hour, 0, 0).unwrap().and_utc();
    let mut files = Vec::new();
    for now in [at(1, 12), at(2, 0), at(2, 2), at(3, 2), at(4, 2)] {
        files.push(try_pass_at(&loader, &request, &|| now).await.unwrap().counters.files);
    }
    // The rest holds what was queued late, up to days after the last one.
    assert_eq!(files[..3], [of_day(0), 0, of_day(1)], "{files:?}");
    assert_eq!(files[3], of_day(2));
}

#[tokio::test]
async fn a_backfill_loads_its_range_goes_on_where_it_broke_off_and_changes_nothing_the_second_time() {
    let all = Shape { events: 600, days: 6, ..Shape::default() }.files();
    let server = KeyServer::start(all.iter().map(|(k, b)| Object::holding(&format!("currents/{k}"), b)).collect());
    let on = |objects: Arc<dyn ObjectStore>| {
        Loader::new(warehouse(objects), bucket(&server, "currents"), definitions(), settings(), Duration::ZERO)
    };
    let (from, to) = (format!("{}-00", day(2)), format!("{}-23", day(3)));
    let scope = Scope { from: QueueHour::parse(&from), to: QueueHour::parse(&to), ..Scope::default() };
    let range = Request { scope, ..Request::default() };
    let within = |key: &str| {
        let hour = key.split("date=").nth(1).map(|rest| &rest[..13]).unwrap_or_default();
        (from.as_str()..=to.as_str()).contains(&hour)
    };
    let wanted: Vec<_> = all.iter().filter(|(key, _)| within(key)).cloned().collect();
    assert!(!wanted.is_empty() && wanted.len() < all.len());

    // The store is gone after the second cell.
    let store = Arc::new(InMemory::new());
    let cells = Arc::new(AtomicUsize::new(0));
    let breaking = Hooked::new(store.clone(), move |op| {
        let more = matches!(&op, Op::Put(path) if path.starts_with("tables/"));
        let gone = cells.fetch_add(usize::from(more), Ordering::SeqCst) >= 2 && matches!(op, Op::Put(_));
        async move { if gone { Fault::Refused } else { Fault::None } }.boxed()
    });
    assert!(try_pass(&on(Arc::new(breaking)), &range).await.is_err());
    let begun = rows(store.as_ref()).await.len();
    let report = pass(&on(store.clone()), &range).await;
    assert_eq!(report.counters.files, wanted.len() as u64);
    let loaded = rows(store.as_ref()).await;
    assert!(0 < begun && begun < loaded.len(), "{begun} of {} rows before it broke off", loaded.len());
    assert_same_rows(&rows(calm(&wanted).await.as_ref()).await, &loaded, "the range");
    assert_eq!(pass(&on(store.clone()), &range).await.seq, None);
    // It moved no watermark: the rest is found without asking for everything.
    let rest = pass(&on(store.clone()), &Request::default()).await;
    assert_eq!(rest.counters.files, (all.len() - wanted.len()) as u64);
    assert_same_rows(&rows(calm(&all).await.as_ref()).await, &rows(store.as_ref()).await, "everything");
    let objects_before = objects(store.as_ref(), "").await;
    assert_eq!(pass(&on(store.clone()), &range).await.seq, None);
    assert_eq!(objects_before, objects(store.as_ref(), "").await);
}

#[tokio::test]
async fn a_key_of_the_future_and_keys_without_a_date_cost_no_watermark() {
    let mut files: Vec<Object> = Shape { events: 60, days: 6, types: "users.messages.email.Open", ..Shape::default() }
        .files()
        .iter()
        .map(|(k, b)| Object::holding(&format!("currents/{k}"), b))
        .collect();
    let (first, body) = (files[0].key.clone(), files[0].body.clone().unwrap());
    let future = first.replace(&format!("date={}", day(0)), "date=2034-01-01");
    files.push(Object::holding(&future, &body));
    let server = KeyServer::start(files.clone());
    let store = Arc::new(InMemory::new());
    let on = |server: &KeyServer| {
        let bucket = Bucket::open(&format!("s3://{BUCKET}/currents"), &server.options()).unwrap();
        Loader::new(warehouse(store.clone()), bucket, definitions(), settings(), Duration::ZERO)
    };
    pass(&on(&server), &Request::default()).await;
    let report = pass(&on(&server), &Request::default()).await;
    assert!(report.counters.listed < files.len() as u64 / 2, "{} listed", report.counters.listed);
    // A file without `date=`, which sorts before all that have one: from then on the prefix is listed whole.
    let (prefix, _) = first.split_once("date=").unwrap();
    files.push(Object::holding(&format!("{prefix}a-first.avro"), &body));
    let server = KeyServer::start(files.clone());
    assert_eq!(pass(&on(&server), &full()).await.counters.files, 1);
    files.push(Object::holding(&format!("{prefix}a-second.avro"), &body));
    let server = KeyServer::start(files.clone());
    let report = pass(&on(&server), &Request::default()).await;
    assert_eq!(report.counters.files, 1, "{}", report.text());
}

#[tokio::test]
async fn two_hundred_thousand_keys_with_few_new_ones_take_a_fiftieth_of_the_requests() {
    let export = Export { types: 2, keys: 200_000, new: 300, ..Export::default() };
    let server = KeyServer::start(export.objects());
    let bucket = bucket(&server, "currents");
    let all = bucket.list(&|_| None).await.unwrap().objects.len();
    let full = server.requests().lists;
    server.forget();
    let newest = export.newest_hour();
    let new = keys(&bucket, Some(&newest)).await.len();
    let few = server.requests().lists;
    println!("{all} keys in {full} requests, {new} new ones in {few}");
    assert_eq!((all, new), (200_000, 300));
    assert!(few * 50 <= full, "{few} requests for what is new, {full} for everything");
}
