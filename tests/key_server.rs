//! The listing server that tests and benches use, against a naive model of what S3 does and through the real client.

#[path = "support/key_server.rs"]
mod key_server;

use eddyline::currents::SourceFile;
use eddyline::load::Bucket;
use key_server::{BUCKET, Export, KeyServer, ODD, Object, Requests};
use quick_xml::escape::unescape;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A client that keeps one connection, and knows nothing of S3.
struct Client(BufReader<TcpStream>);

/// A raw answer.
struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Client {
    fn of(server: &KeyServer) -> Client {
        Client(BufReader::new(TcpStream::connect(server.endpoint().strip_prefix("http://").unwrap()).unwrap()))
    }

    fn ask(&mut self, method: &str, target: &str, headers: &str) -> Reply {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = || {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the connection was closed");
            line.trim_end().to_string()
        };
        let status = line().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        while let Some((name, value)) = line().split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_string());
        }
        let length = if method == "HEAD" { 0 } else { headers["content-length"].parse().unwrap() };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Reply { status, headers, body }
    }

    fn list(&mut self, query: &[(&str, &str)]) -> Listed {
        let query: String = query.iter().map(|(name, value)| format!("&{name}={}", percent(value))).collect();
        let reply = self.ask("GET", &format!("/{BUCKET}?list-type=2{query}"), "");
        let text = String::from_utf8(reply.body).unwrap();
        assert_eq!(reply.status, 200, "{text}");
        let within = |text: &str, tag: &str| -> Vec<String> {
            let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
            text.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_string()).collect()
        };
        let plain = |texts: Vec<String>| texts.iter().map(|t| unescape(t).unwrap().to_string()).collect();
        let count: usize = within(&text, "KeyCount")[0].parse().unwrap();
        let shared = within(&text, "CommonPrefixes").iter().flat_map(|p| within(p, "Prefix")).collect();
        let found = Listed {
            keys: plain(within(&text, "Key")),
            prefixes: plain(shared),
            next: within(&text, "NextContinuationToken").pop(),
        };
        assert_eq!(found.keys.len() + found.prefixes.len(), count);
        assert_eq!(found.next.is_some(), within(&text, "IsTruncated") == ["true"]);
        found
    }
}

/// One page.
#[derive(Debug, PartialEq)]
struct Listed {
    keys: Vec<String>,
    prefixes: Vec<String>,
    next: Option<String>,
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn objects<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<Object> {
    keys.into_iter().map(|key| Object::holding(key, key.as_bytes())).collect()
}

/// What S3 would list, one by one: (name, whether it is a common prefix).
fn model(keys: &[String], prefix: &str, delimiter: &str, after: &str) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    for key in keys.iter().filter(|k| k.starts_with(prefix) && k.as_str() > after) {
        let rest = &key[prefix.len()..];
        let rolled = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let entry = match rolled {
            Some(at) => (format!("{prefix}{}", &rest[..at + delimiter.len()]), true),
            None => (key.clone(), false),
        };
        if !found.contains(&entry) {
            found.push(entry);
        }
    }
    found
}

#[test]
fn pages_prefixes_and_delimiters_are_those_of_a_naive_model() {
    let mut random = rand_pcg::Pcg32::seed_from_u64(3);
    let mut cases = (0, 0, 0);
    for _ in 0..40 {
        let mut word = |most: usize| -> String {
            let length = random.random_range(0..=most);
            (0..length).map(|_| ["a", "b", "/", "/", "c-", "ö"][random.random_range(0..6)]).collect()
        };
        let mut keys: Vec<String> = (0..60).map(|_| word(6)).filter(|k| !k.is_empty()).collect();
        keys.sort();
        keys.dedup();
        let server = KeyServer::start(objects(keys.iter().map(String::as_str)));
        let mut client = Client::of(&server);
        for _ in 0..25 {
            let (prefix, after) = (word(2), word(4));
            let delimiter = ["", "/", "/", "b", "//"][word(4).len() % 5];
            let most = 1 + word(6).len() % 7;
            let expected = model(&keys, &prefix, delimiter, &after);
            let (mut token, mut seen) = (None::<String>, 0);
            loop {
                let most_text = most.to_string();
                let mut query = vec![("prefix", prefix.as_str()), ("max-keys", &most_text)];
                if !delimiter.is_empty() {
                    query.push(("delimiter", delimiter));
                }
                if !after.is_empty() {
                    query.push(("start-after", &after));
                }
                if let Some(token) = &token {
                    query.push(("continuation-token", token));
                }
                let page = client.list(&query);
                let here = &expected[seen..expected.len().min(seen + most)];
                let names = |prefixes: bool| here.iter().filter(|e| e.1 == prefixes).map(|e| e.0.clone()).collect();
                let (keys, prefixes): (Vec<String>, Vec<String>) = (names(false), names(true));
                assert_eq!((&page.keys, &page.prefixes), (&keys, &prefixes), "{query:?}");
                seen += here.len();
                assert_eq!(page.next.is_some(), seen < expected.len(), "{query:?}");
                cases.0 += 1;
                cases.1 += page.keys.len();
                cases.2 += page.prefixes.len();
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
        }
        assert_eq!(server.requests().refused, 0);
    }
    assert!(cases.0 > 1000 && cases.1 > 1000 && cases.2 > 100, "the cases are too thin: {cases:?}");
}

#[test]
fn a_page_holds_a_thousand_at_most() {
    let keys: Vec<String> = (0..2500).map(|n| format!("k{n:04}")).collect();
    let server = KeyServer::start(objects(keys.iter().map(String::as_str)));
    let mut client = Client::of(&server);
    assert_eq!(client.list(&[("max-keys", "5000")]).keys, keys[..1000]);
    assert_eq!(client.list(&[("start-after", "k1999")]).keys, keys[2000..]);
    assert_eq!(client.list(&[("max-keys", "0")]), Listed { keys: vec![], prefixes: vec![], next: None });
    assert_eq!(server.requests(), Requests { lists: 3, keys: 1500, ..Requests::default() });
    server.forget();
    assert_eq!(server.requests(), Requests::default());
}

#[test]
fn odd_keys_are_listed_and_read_as_they_are() {
    let server = KeyServer::start(objects(ODD));
    let mut client = Client::of(&server);
    let mut expected = ODD.map(str::to_string);
    expected.sort();
    assert_eq!(client.list(&[]).keys, expected);
    let raw = String::from_utf8(client.ask("GET", "/bench?list-type=2", "").body).unwrap();
    assert!(raw.contains("<Key>line&#xA;break.avro</Key>") && raw.contains("a&amp;b&lt;c&gt;"), "{raw}");
    let encoded = String::from_utf8(client.ask("GET", "/bench?list-type=2&encoding-type=url", "").body).unwrap();
    assert!(encoded.contains("<Key>line%0Abreak.avro</Key>"), "{encoded}");
    assert!(encoded.contains("<Key>plus%2Bspace+percent%2525.avro</Key>"), "{encoded}");
    for key in ODD {
        let reply = client.ask("GET", &format!("/{BUCKET}/{}", percent(key)), "");
        assert_eq!((reply.status, reply.body.as_slice()), (200, key.as_bytes()), "{key:?}");
    }
}

#[test]
fn objects_are_read_whole_and_in_part_and_refusals_are_told() {
    let zeros = Object { key: "zeros".into(), size: 5, modified: 0, body: None };
    let server = KeyServer::start([objects(["a"]), vec![Object::holding("digits", b"0123456789"), zeros]].concat());
    let mut client = Client::of(&server);
    let mut ask = |method: &str, target: &str, headers: &str| {
        let reply = client.ask(method, target, headers);
        (reply.status, String::from_utf8(reply.body).unwrap(), reply.headers)
    };
    let whole = ask("GET", "/bench/digits", "");
    assert_eq!((whole.0, whole.1.as_str()), (200, "0123456789"));
    assert_eq!(whole.2["etag"], server.objects()[1].e_tag());
    assert_eq!(whole.2["last-modified"], "Thu, 01 Jan 2026 00:00:00 GMT");
    for (range, part) in [("2-4", "234"), ("7-", "789"), ("-2", "89"), ("8-99", "89")] {
        let reply = ask("GET", "/bench/digits", &format!("Range: bytes={range}\r\n"));
        assert_eq!((reply.0, reply.1.as_str()), (206, part), "{range}");
    }
    assert_eq!(ask("HEAD", "/bench/digits", "").2["content-length"], "10");
    assert_eq!(ask("GET", "/bench/zeros", "").1, "\0\0\0\0\0");
    assert!(ask("GET", "/bench/none", "").1.contains("NoSuchKey"));
    assert!(ask("GET", "/other?list-type=2", "").1.contains("NoSuchBucket"));
    assert_eq!(ask("GET", "/bench?list-type=2&continuation-token=x", "").0, 400);
    assert_eq!(ask("GET", "/bench", "").0, 501);
    assert_eq!(ask("PUT", "/bench/a", "Content-Length: 0\r\n").0, 501);
    assert_eq!(server.requests(), Requests { lists: 0, gets: 6, heads: 1, refused: 5, keys: 0 });
}

#[test]
fn e_tags_tell_versions_apart() {
    let object = Object::holding("k", b"12");
    let others = [
        Object::holding("l", b"12"),
        Object::holding("k", b"13"),
        Object { modified: 5, ..object.clone() },
        Object { size: 3, body: None, ..object.clone() },
    ];
    assert!(others.iter().all(|o| o.e_tag() != object.e_tag()));
    assert_eq!(object.clone().e_tag(), object.e_tag());
}

#[test]
fn an_export_is_what_it_says() {
    let export = Export { types: 7, integrations: 2, keys: 2050, new: 300, ..Export::default() };
    let objects = export.objects();
    assert_eq!((objects.len(), export.newest_hour().as_str()), (2050, "2026-03-01-05"));
    let (mut hours, mut folders) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for object in &objects {
        let file = SourceFile::from_key(&object.key).unwrap();
        let hour = file.queue_hour.unwrap();
        let began = hour.date.and_hms_opt(hour.hour.into(), 0, 0).unwrap().and_utc().timestamp();
        assert!((began + 3600..began + 7200).contains(&object.modified), "{}", object.key);
        assert!(file.event_type.is_some());
        *hours.entry(hour.to_string()).or_default() += 1;
        let end = object.key.find("date=").unwrap();
        *folders.entry(object.key[..end].to_string()).or_default() += 1;
    }
    assert_eq!(hours.into_values().collect::<Vec<_>>(), [250, 300, 300, 300, 300, 300, 300]);
    let expected: Vec<String> = (0..14).map(|n| export.folder(n / 7, n % 7)).collect();
    assert_eq!(folders.len(), 14);
    assert!(expected.iter().all(|f| folders.contains_key(f)), "{folders:?}");
    let mut keys: Vec<&str> = objects.iter().map(|o| o.key.as_str()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 2050, "a key is there twice");
}

#[tokio::test]
async fn the_real_client_lists_and_reads_from_it() {
    let export = Export { keys: 3210, new: 100, ..Export::default() };
    let server = KeyServer::start([export.objects(), vec![Object::holding("currents/x.avro", b"bytes")]].concat());
    let bucket = Bucket::open("s3://bench/currents", &server.options()).unwrap();
    let found = bucket.list(&|_| None).await.unwrap();
    let expected: Vec<_> = server.objects().iter().map(|o| (o.key["currents/".len()..].to_string(), o.size)).collect();
    let listed: Vec<_> = found.objects.iter().map(|o| (o.key.to_string(), o.size)).collect();
    assert_eq!(listed, expected);
    let last = found.objects.last().unwrap();
    assert_eq!((last.e_tag.clone(), last.modified), (Some(server.objects()[3210].e_tag().into()), 1_767_225_600_000));
    bucket.fetch(last, u64::MAX).await.unwrap();
    assert_eq!((server.requests().gets, server.requests().refused), (1, 0));
    assert!(server.requests().lists >= 4);
}
