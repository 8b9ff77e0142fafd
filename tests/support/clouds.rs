//! The five places a source or a warehouse may lie in: memory, the local disk, and the three clouds, served by the
//! servers of `tests/servers`. Each spot is new and empty, and nobody else's.

use bytes::Bytes;
use eddyline::load::{Bucket, Loader, Settings};
use eddyline::warehouse::{Snapshot, Store};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a store can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Memory,
    Disk,
    S3,
    Gcs,
    Azure,
}

/// The bucket, or container, of exports; `tests/servers` makes it on every server.
pub const CURRENTS: &str = "currents";
/// The one of warehouses.
pub const WAREHOUSE: &str = "warehouse";

/// What begins a variable that the program or its tests need to reach the servers.
const OURS: [&str; 4] = ["AWS_", "GOOGLE_", "AZURE_", "TEST_"];

/// The variables that lead to the servers. Fails when they are not there, and when they lead anywhere but to them: the
/// tests must not write to the buckets of whoever runs them.
pub fn environment() -> BTreeMap<String, String> {
    let all: BTreeMap<String, String> =
        std::env::vars().filter(|(name, _)| OURS.iter().any(|p| name.starts_with(p))).collect();
    for (server, leading) in [
        ("TEST_S3_ENDPOINT", "AWS_ENDPOINT"),
        ("TEST_GCS_ENDPOINT", "GOOGLE_SERVICE_ACCOUNT_KEY"),
        ("TEST_AZURE_ENDPOINT", "AZURE_ENDPOINT"),
    ] {
        let there = all.get(server).zip(all.get(leading)).is_some_and(|(server, to)| to.contains(server.as_str()));
        assert!(
            there,
            "the test servers are not running: use tests/run, or eval \"$(tests/servers/servers up)\" ({server} and \
             {leading} say where they are)"
        );
    }
    all
}

/// The endpoint of a cloud's server.
pub fn endpoint(place: Place) -> String {
    let name = match place {
        Place::S3 => "TEST_S3_ENDPOINT",
        Place::Gcs => "TEST_GCS_ENDPOINT",
        Place::Azure => "TEST_AZURE_ENDPOINT",
        Place::Memory | Place::Disk => panic!("{place:?} has no server"),
    };
    environment().remove(name).unwrap()
}

/// The same variables with another endpoint for one cloud: a proxy's.
pub fn environment_through(place: Place, proxy: &str) -> BTreeMap<String, String> {
    let real = endpoint(place);
    let mut all = environment();
    for (name, value) in &mut all {
        if !name.starts_with("TEST_") {
            *value = value.replace(&real, proxy);
        }
    }
    all
}

/// Variables as the options of a store, by `object_store`'s names.
pub fn options(environment: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let of_stores = environment.iter().filter(|(name, _)| !name.starts_with("TEST_"));
    of_stores.map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

/// A new, empty part of a place.
pub struct Spot {
    pub place: Place,
    /// What the program is given; nothing of use for memory.
    pub address: String,
    objects: Arc<dyn ObjectStore>,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    /// A new spot, on a cloud in one of the two buckets, or in one like it.
    pub fn spot(self, bucket: &str) -> Spot {
        let (mut folder, scheme) = (None, self.scheme());
        let (address, objects): (String, Arc<dyn ObjectStore>) = match self {
            Place::Memory => ("memory:spot".into(), Arc::new(InMemory::new())),
            Place::Disk => {
                let dir = folder.insert(tempfile::tempdir().unwrap());
                let address = dir.path().to_str().unwrap().to_string();
                let store = Store::open(&address, &[], false).unwrap();
                (address, store.objects().clone())
            }
            Place::S3 | Place::Gcs | Place::Azure => {
                let mut bucket = bucket.to_string();
                static NUMBER: AtomicU64 = AtomicU64::new(0);
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                if self == Place::Gcs {
                    // Its server looks at every object of a bucket whenever it lists a part of it.
                    bucket += &format!("-{now}-{number}");
                    make_gcs_bucket(&bucket);
                }
                let address = format!("{scheme}://{bucket}/{now}-{}-{number}", std::process::id());
                // The library's own, so that what the tests see does not hang on what they test.
                let url = url::Url::parse(&address).unwrap();
                let (objects, prefix) = object_store::parse_url_opts(&url, options(&environment())).unwrap();
                (address, Arc::new(PrefixStore::new(objects, prefix)))
            }
        };
        Spot { place: self, address, objects, _folder: folder }
    }

    /// What an address begins with.
    pub fn scheme(self) -> &'static str {
        match self {
            Place::Memory => "memory",
            Place::Disk => "file",
            Place::S3 => "s3",
            Place::Gcs => "gs",
            Place::Azure => "az",
        }
    }
}

/// By the server's own interface, which is another than the one the program speaks.
fn make_gcs_bucket(name: &str) {
    use std::io::{Read, Write};
    let behind = environment().remove("TEST_GCS_BEHIND").expect("TEST_GCS_BEHIND is set by tests/servers");
    let host = behind.strip_prefix("http://").unwrap();
    let body = format!("{{\"name\":\"{name}\"}}");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let head = format!("POST /storage/v1/b?project=test HTTP/1.1\r\nHost: {host}\r\nConnection: close");
    let length = body.len();
    write!(stream, "{head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

impl Spot {
    /// The objects, by the library alone.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// The warehouse there, opened as the program opens it.
    pub fn store(&self) -> Store {
        match self.place {
            Place::Memory => Store::on(self.objects.clone(), &self.address),
            Place::Disk => Store::open(&self.address, &[], true).unwrap(),
            _ => Store::open(&self.address, &options(&environment()), true).unwrap(),
        }
    }

    /// The source there, opened as the program opens it.
    pub fn bucket(&self) -> Bucket {
        match self.place {
            Place::Memory => Bucket::on(self.objects.clone(), &self.address),
            Place::Disk => Bucket::open(&self.address, &[]).unwrap(),
            _ => Bucket::open(&self.address, &options(&environment())).unwrap(),
        }
    }

    /// Puts files there, under their keys as they stand; a file of the same key is replaced.
    pub async fn upload(&self, files: &[(String, Bytes)]) {
        let each = files.iter().map(|(key, content)| async move {
            let path = Path::parse(key).unwrap();
            self.objects.put(&path, content.clone().into()).await.map(|_| ())
        });
        futures::stream::iter(each).buffer_unordered(16).try_collect::<Vec<()>>().await.unwrap();
    }

    /// Deletes everything under a folder.
    pub async fn delete(&self, folder: &str) {
        let found: Vec<_> = self.objects.list(Some(&Path::from(folder))).try_collect().await.unwrap();
        assert!(!found.is_empty(), "nothing under {folder} to delete");
        for meta in found {
            self.objects.delete(&meta.location).await.unwrap();
        }
    }

    /// A loader from here into a warehouse.
    pub fn loader(&self, warehouse: Store, settings: Settings) -> Loader {
        let patience = Duration::from_secs(60);
        Loader::new(warehouse, self.bucket(), super::definitions(), settings, patience)
    }
}

/// `verify --deep` finds nothing wrong and the log's cells are the stored ones.
pub async fn assert_store_verified(store: &Store, when: &str) {
    let snapshot = Snapshot::open(store).await.unwrap();
    let found = eddyline::warehouse::verify::verify(store, &snapshot, &super::definitions(), true).await.unwrap();
    assert!(found.problems.is_empty(), "{when}: {:#?}", found.problems);
    assert!(found.notes.is_empty(), "{when}: {:#?}", found.notes);
}

/// Makes one test of each of these functions for each place: `s3::a_stale_version_is_refused`, and so on.
#[allow(unused_macros)]
macro_rules! on_every_place {
    ($($test:ident)*) => {
        on_every_place!(@ memory, Memory, $($test)*);
        on_every_place!(@ disk, Disk, $($test)*);
        on_every_place!(@ s3, S3, $($test)*);
        on_every_place!(@ gcs, Gcs, $($test)*);
        on_every_place!(@ azure, Azure, $($test)*);
    };
    (@ $module:ident, $place:ident, $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::on_one_thread(super::$test(super::Place::$place));
            })*
        }
    };
}
#[allow(unused_imports)] // not every test file runs on every place
pub(crate) use on_every_place;
