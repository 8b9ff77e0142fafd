//! What a pass relies on from a store, and from a source, held on memory, on a local disk and on real servers of the
//! three clouds: conditional writes, also when several race for them, listings, and keys of any shape.

mod support;

use bytes::Bytes;
use eddyline::load::{Fetched, Opened, Ranges};
use eddyline::warehouse::Store;
use eddyline::warehouse::store::{Put, PutIf, Version};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStoreExt};
use support::clouds::{CURRENTS, Place, WAREHOUSE, on_every_place};
use support::on_one_thread;

on_every_place! {
    what_is_created_once_is_not_created_again
    a_stale_version_is_refused
    an_unconditional_write_replaces
    one_of_many_creators_wins
    one_of_many_replacers_wins
    missing_keys_are_no_errors
    a_listing_is_sorted_and_begins_where_asked
    a_listing_of_many_pages_is_whole
    a_reader_of_one_version_never_gets_another
    a_large_object_is_read_back
    an_empty_object_is_read_back
    keys_of_any_shape_are_read_back
    a_source_lists_and_reads_keys_as_they_stand
    a_source_is_read_in_ranges_of_one_version
    a_source_is_listed_from_the_hour_of_its_bound
}

const KEY: &str = "tables/users_messages_email_send/queue_date=2026-03-02/part-00.parquet";

fn written(put: Put) -> Version {
    match put {
        Put::Written(version) => version,
        Put::Conflict => panic!("the write was refused"),
    }
}

async fn put(store: &Store, key: &str, content: impl Into<Bytes>, condition: PutIf) -> Put {
    store.put(key, content.into(), condition).await.unwrap_or_else(|e| panic!("{}", e.show()))
}

/// The content, and that every way to ask for the version gives the same one.
async fn read(store: &Store, key: &str) -> (Bytes, Version) {
    let object = store.get(key).await.unwrap().unwrap_or_else(|| panic!("{key} is not there"));
    let head = store.head(key).await.unwrap().unwrap();
    assert_eq!((head.location, head.size), (Path::from(key), object.bytes.len() as u64));
    assert_eq!((&head.e_tag, &head.version), (&object.version.e_tag, &object.version.version));
    let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
    let listed = store.list(folder, None).await.unwrap();
    let listed = listed.iter().find(|o| o.location == Path::from(key)).unwrap_or_else(|| panic!("{key} is not listed"));
    assert_eq!((listed.size, &listed.e_tag), (head.size, &head.e_tag));
    (object.bytes, object.version)
}

async fn what_is_created_once_is_not_created_again(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    let first = written(put(&store, KEY, "first", PutIf::Absent).await);
    assert_eq!(read(&store, KEY).await, ("first".into(), first.clone()));
    for again in ["second", "first"] {
        assert_eq!(put(&store, KEY, again, PutIf::Absent).await, Put::Conflict);
    }
    assert_eq!(read(&store, KEY).await, ("first".into(), first));
}

async fn a_stale_version_is_refused(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    let first = written(put(&store, KEY, "first", PutIf::Absent).await);
    let second = written(put(&store, KEY, "second", PutIf::Unchanged(first.clone())).await);
    assert_ne!(first, second);
    assert_eq!(read(&store, KEY).await, ("second".into(), second.clone()));
    assert_eq!(put(&store, KEY, "third", PutIf::Unchanged(first)).await, Put::Conflict);
    assert_eq!(read(&store, KEY).await, ("second".into(), second.clone()));
    // The version as a reader learns it does as well as the one the writer was given.
    let (_, read_version) = read(&store, KEY).await;
    let third = written(put(&store, KEY, "third", PutIf::Unchanged(read_version)).await);
    assert_eq!(read(&store, KEY).await, ("third".into(), third));
    // What is gone is not unchanged.
    assert_eq!(put(&store, &KEY.replace("02/", "03/"), "other", PutIf::Unchanged(second)).await, Put::Conflict);
}

async fn an_unconditional_write_replaces(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    for content in ["one", "two", ""] {
        let version = written(put(&store, KEY, content, PutIf::Always).await);
        assert_eq!(read(&store, KEY).await, (content.into(), version));
    }
}

const RACERS: usize = 8;
const RACES: usize = 3;

/// All write at once under one condition, and one wins.
///
/// `round` makes contents differ: on S3 the ETag is the content's, and the same content again changes nothing.
async fn race(store: &Store, key: &str, round: usize, condition: PutIf) {
    let content = |n: usize| format!("round {round}, racer {n}");
    let each = (0..RACERS).map(|n| put(store, key, content(n), condition.clone()));
    let outcomes = futures::future::join_all(each).await;
    let winners: Vec<usize> = (0..RACERS).filter(|n| outcomes[*n] != Put::Conflict).collect();
    assert_eq!(winners.len(), 1, "{key}: {outcomes:?}");
    let winner = winners[0];
    assert_eq!(read(store, key).await, (content(winner).into(), written(outcomes[winner].clone())));
}

async fn one_of_many_creators_wins(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    for number in 0..RACES {
        race(&store, &format!("meta/log/{number:020}.json"), number, PutIf::Absent).await;
    }
}

async fn one_of_many_replacers_wins(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    if place == Place::Disk {
        // There the lock of one writer decides between processes: see tests/two_loaders.rs.
        return;
    }
    let mut version = written(put(&store, KEY, "first", PutIf::Absent).await);
    for number in 0..RACES {
        race(&store, KEY, number, PutIf::Unchanged(version)).await;
        version = read(&store, KEY).await.1;
    }
}

async fn missing_keys_are_no_errors(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    assert!(store.get(KEY).await.unwrap().is_none());
    assert!(store.head(KEY).await.unwrap().is_none());
    assert!(store.list("tables", None).await.unwrap().is_empty());
    put(&store, KEY, "there", PutIf::Absent).await;
    // A folder is no object, and neither is the beginning of a key.
    let folder = KEY.rsplit_once('/').unwrap().0;
    assert!(store.get(&KEY[..KEY.len() - 1]).await.unwrap().is_none());
    assert!(store.head(folder).await.unwrap().is_none());
    assert!(store.list("meta", None).await.unwrap().is_empty());
}

async fn keys(store: &Store, folder: &str, after: Option<&str>) -> Vec<String> {
    let listed = store.list(folder, after).await.unwrap_or_else(|e| panic!("{}", e.show()));
    listed.into_iter().map(|o| o.location.to_string()).collect()
}

async fn a_listing_is_sorted_and_begins_where_asked(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    let mut all = Vec::new();
    for table in ["a", "ab", "b", "B", "a-b"] {
        for name in ["queue_date=2026-03-02/part-00", "queue_date=2026-03-02/part-01", "queue_date=2026-03-10/part-00"]
        {
            let key = format!("tables/{table}/{name}.parquet");
            put(&store, &key, key.clone(), PutIf::Absent).await;
            all.push(key);
        }
    }
    put(&store, "table/other", "x", PutIf::Absent).await;
    put(&store, "tables2/other", "x", PutIf::Absent).await;
    // By bytes, as the stores say they do.
    all.sort_by_key(|key| Path::from(key.as_str()));
    assert_eq!(keys(&store, "tables", None).await, all);
    let of_a: Vec<_> = all.iter().filter(|key| key.starts_with("tables/a/")).cloned().collect();
    assert_eq!(keys(&store, "tables/a", None).await, of_a, "a folder is not the beginning of a name");
    let afters = [
        of_a[0].as_str(),                           // a key
        of_a[2].as_str(),                           // the last key
        "tables/a/queue_date=2026-03-02/part-00",   // no key; the first one begins with it
        "tables/a/queue_date=2026-03-02/part-00.q", // no key; between two
        "tables/a/queue_date=2026-03-05",           // no key; between two days
        "tables/a",                                 // before everything
        "tables/a/z",                               // after everything
    ];
    for after in afters {
        let expected: Vec<_> = of_a.iter().filter(|key| key.as_str() > after).cloned().collect();
        assert_eq!(keys(&store, "tables/a", Some(after)).await, expected, "after {after}");
    }
}

/// More than one page on every store that has pages: they give at most 1,000 or 5,000 keys at once.
async fn a_listing_of_many_pages_is_whole(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    let count = match place {
        Place::Memory | Place::Disk => 100,
        Place::S3 | Place::Gcs => 1_100,
        Place::Azure => 5_100,
    };
    let name = |n: usize| format!("meta/rejects/{n:05}.json");
    let each = (0..count).map(|n| put_small(&store, name(n)));
    futures::stream::iter(each).buffer_unordered(32).collect::<Vec<()>>().await;
    let all: Vec<String> = (0..count).map(name).collect();
    assert!(keys(&store, "meta/rejects", None).await == all);
    assert!(keys(&store, "meta/rejects", Some(&all[17])).await == all[18..]);
    let none = format!("{}x", all[count - 50]);
    assert!(keys(&store, "meta/rejects", Some(&none)).await == all[count - 49..]);
}

async fn put_small(store: &Store, key: String) {
    put(store, &key, "{}", PutIf::Always).await;
}

async fn a_reader_of_one_version_never_gets_another(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    let first = written(put(&store, KEY, "the first version", PutIf::Absent).await);
    let ask = |version: &Version, range: Option<GetRange>| {
        let options = GetOptions { if_match: version.e_tag.clone(), range, ..GetOptions::default() };
        let objects = store.objects().clone();
        async move { objects.get_opts(&Path::from(KEY), options).await }
    };
    let part = || Some(GetRange::Bounded(4..9));
    assert_eq!(ask(&first, None).await.unwrap().bytes().await.unwrap(), "the first version");
    assert_eq!(ask(&first, part()).await.unwrap().bytes().await.unwrap(), "first");
    let second = written(put(&store, KEY, "the other version", PutIf::Unchanged(first.clone())).await);
    for range in [None, part()] {
        let refused = ask(&first, range).await.unwrap_err();
        assert!(matches!(refused, object_store::Error::Precondition { .. }), "{refused:?}");
    }
    assert_eq!(ask(&second, part()).await.unwrap().bytes().await.unwrap(), "other");
}

async fn a_large_object_is_read_back(place: Place) {
    let spot = place.spot(WAREHOUSE);
    let store = spot.store();
    let content = |seed: u64| -> Bytes {
        use rand::{RngCore, SeedableRng};
        let mut bytes = vec![0; 9 << 20];
        rand_pcg::Pcg64::seed_from_u64(seed).fill_bytes(&mut bytes);
        bytes.into()
    };
    let (one, two) = (content(1), content(2));
    let version = written(put(&store, KEY, one.clone(), PutIf::Absent).await);
    assert!(read(&store, KEY).await.0 == one);
    written(put(&store, KEY, two.clone(), PutIf::Unchanged(version)).await);
    let range = (4 << 20)..(6 << 20);
    let part = spot.objects().get_range(&Path::from(KEY), range.clone()).await.unwrap();
    assert!(part == two[range.start as usize..range.end as usize]);
    assert!(read(&store, KEY).await.0 == two);
}

async fn an_empty_object_is_read_back(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    let version = written(put(&store, KEY, "", PutIf::Absent).await);
    assert_eq!(read(&store, KEY).await, (Bytes::new(), version.clone()));
    written(put(&store, KEY, "more", PutIf::Unchanged(version)).await);
    assert_eq!(read(&store, KEY).await.0, "more");
}

/// Names a bucket may hold, other than the few that no library can name.
const ODD: [&str; 16] = [
    "a+b", "a%2Bb", "a b", "a%20b", "x=y", "é", "日本", "a&b", "a;b,c", "(a)", "a'b", "a@b:c", "~a", "a*b", "100%",
    "a#b?c",
];

async fn keys_of_any_shape_are_read_back(place: Place) {
    let store = place.spot(WAREHOUSE).store();
    for odd in ODD {
        put(&store, &format!("meta/rejects/{odd}/{odd}.json"), odd, PutIf::Absent).await;
    }
    for odd in ODD {
        assert_eq!(read(&store, &format!("meta/rejects/{odd}/{odd}.json")).await.0, odd);
    }
    assert_eq!(keys(&store, "meta/rejects", None).await.len(), ODD.len(), "two keys were taken for one");
}

async fn a_source_lists_and_reads_keys_as_they_stand(place: Place) {
    let spot = place.spot(CURRENTS);
    let key =
        |odd: &str| format!("export/event_type=users.messages.email.Send/date=2026-03-02-05/{odd}/1+2+{odd}.avro");
    let mut files: Vec<(String, Bytes)> = ODD.iter().map(|odd| (key(odd), Bytes::from(*odd))).collect();
    spot.upload(&files).await;
    files.sort();
    let bucket = spot.bucket();
    let listing = bucket.list(&|_| None).await.unwrap_or_else(|e| panic!("{}", e.show()));
    let listed: Vec<&str> = listing.objects.iter().map(|o| &*o.key).collect();
    assert_eq!(listed, files.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>());
    for (listed, (key, content)) in listing.objects.iter().zip(&files) {
        match bucket.fetch(listed, u64::MAX).await.unwrap() {
            Fetched::Bytes(bytes, now) => {
                assert_eq!(bytes, *content, "{key}");
                assert_eq!((now.key.to_string(), &now.e_tag, now.size), (key.clone(), &listed.e_tag, listed.size));
            }
            other => panic!("{key}: {other:?}"),
        }
    }
    // What the bucket holds is what was put there, whoever asks.
    let raw: Vec<_> = spot.objects().list(None).try_collect().await.unwrap();
    assert_eq!(raw.len(), files.len());
}

/// Folders of hours, folders of days, and a key beside them.
async fn a_source_is_listed_from_the_hour_of_its_bound(place: Place) {
    let spot = place.spot(CURRENTS);
    let of_type = |name: &str| format!("export/event_type=users.messages.email.{name}/");
    let mut files: Vec<(String, Bytes)> = Vec::new();
    let hours = ["2026-03-01-23", "2026-03-02-04", "2026-03-02-05", "2026-03-02-06"];
    let days = ["2026-03-01", "2026-03-02", "2026-03-03"];
    for (name, dates) in [("Open", &hours[..]), ("Send", &hours), ("Click", &days)] {
        for date in dates {
            files.push((format!("{}date={date}/315/{name}+0+1.avro", of_type(name)), "content".into()));
        }
    }
    files.push(("export/readme.txt".into(), "content".into()));
    spot.upload(&files).await;
    files.sort();
    let bucket = spot.bucket();
    for (name, hour) in [
        ("Send", "2026-03-02-05"),
        ("Send", "2026-03-02-03"),
        ("Send", "2026-03-02-00"),
        ("Send", "2026-03-03-00"),
        ("Click", "2026-03-02-00"),
    ] {
        let bounded = of_type(name);
        let first = eddyline::currents::QueueHour::parse(hour).unwrap();
        let listing = bucket.list(&|prefix| (prefix == bounded).then_some(first)).await.unwrap();
        let listed: Vec<&str> = listing.objects.iter().map(|o| &*o.key).collect();
        let from = format!("{bounded}date={}", hour.strip_suffix("-00").unwrap_or(hour));
        let wanted = |key: &&str| !key.starts_with(&bounded) || *key >= from.as_str();
        let expected: Vec<&str> = files.iter().map(|(key, _)| key.as_str()).filter(wanted).collect();
        assert_eq!(listed, expected, "{name} from {hour}");
    }
}

/// All that the ranges give; `None` when they say that the object has changed.
async fn rest_of(mut ranges: Ranges, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while !ranges.is_end() {
        bytes = ranges.read(bytes).await.unwrap()?;
    }
    Some(bytes)
}

async fn a_source_is_read_in_ranges_of_one_version(place: Place) {
    let spot = place.spot(CURRENTS);
    let key = "event_type=users.messages.email.Send/date=2026-03-02-05/1/a b.avro".to_string();
    let content = |fill: u8| Bytes::from_iter((0..1_000u16).map(|at| fill.wrapping_add(at as u8)));
    let (first, second) = (content(1), content(2));
    spot.upload(&[(key.clone(), first.clone())]).await;
    let bucket = spot.bucket();
    let listed = bucket.list(&|_| None).await.unwrap().objects.remove(0);
    let open = async |range| match bucket.open_in_ranges(&listed, 2_000, range).await.unwrap() {
        Opened::Ranges(ranges, listed) => (ranges, listed),
        other => panic!("{other:?}"),
    };
    for range in [1_001, 1_000, 999, 500, 300] {
        let (ranges, now) = open(range).await;
        assert_eq!((now.key, now.e_tag, now.size), (listed.key.clone(), listed.e_tag.clone(), listed.size));
        // What is left of the ranges before stays in front.
        let read = rest_of(ranges, b"left".to_vec()).await.unwrap();
        assert_eq!(read, [b"left", first.as_ref()].concat(), "{range}");
    }
    let too_large = bucket.open_in_ranges(&listed, 999, 300).await.unwrap();
    assert!(matches!(too_large, Opened::Instead(Fetched::TooLarge(1_000))), "{too_large:?}");

    let (mut ranges, _) = open(300).await;
    let bytes = ranges.read(Vec::new()).await.unwrap().unwrap();
    spot.upload(&[(key.clone(), second.clone())]).await;
    assert_eq!(rest_of(ranges, bytes).await, None, "a mixture of two versions");
    let (ranges, now) = open(300).await;
    assert_ne!(now.e_tag, listed.e_tag, "the version read is not the listed one");
    assert_eq!(rest_of(ranges, Vec::new()).await.unwrap(), second);

    spot.delete("event_type=users.messages.email.Send").await;
    let gone = bucket.open_in_ranges(&listed, 2_000, 300).await.unwrap();
    assert!(matches!(gone, Opened::Instead(Fetched::Vanished)), "{gone:?}");
}
