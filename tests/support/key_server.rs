//! An S3 server that only lists and reads, over any sorted set of keys: for listings of a million keys, and for keys that
//! real servers take but clients stumble over. It finds its place by binary search and steps over common prefixes, so a
//! page costs the same wherever it begins. It counts requests by kind and asks for no signature.
#![allow(dead_code)] // every user has its own part

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The bucket every server here has.
pub const BUCKET: &str = "bench";

/// What an answer to a listing holds at most, as in S3.
const PAGE: usize = 1000;

/// Keys that S3 takes and that clients stumble over, to be put under some prefix.
pub const ODD: [&str; 12] = [
    "a//b.avro",
    "./x.avro",
    "../x.avro",
    "a/./b.avro",
    "a/../b.avro",
    "line\nbreak.avro",
    "carriage\rreturn.avro",
    "/leading.avro",
    "trailing/",
    "a&b<c>\"d'.avro",
    "plus+space percent%25.avro",
    "größe-☃.avro",
];

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key in the bucket, as it is, not encoded.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was last modified, seconds since 1970.
    pub modified: i64,
    /// What reading it gives; without it, zeros.
    pub body: Option<Vec<u8>>,
}

impl Object {
    /// An object with these bytes, modified at the beginning of 2026.
    pub fn holding(key: &str, body: &[u8]) -> Object {
        let (key, body) = (key.to_string(), body.to_vec());
        Object { key, size: body.len() as u64, modified: 1_767_225_600, body: Some(body) }
    }

    /// Its ETag, in quotes: another one for another key, size, time or body.
    pub fn e_tag(&self) -> String {
        let numbers = [self.size.to_le_bytes(), self.modified.to_le_bytes()].concat();
        let body = self.body.as_deref().unwrap_or_default();
        format!("\"{:016x}{:016x}\"", fnv(&[self.key.as_bytes(), body]), fnv(&[&numbers]))
    }
}

/// Requests answered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Listings, one for each page.
    pub lists: u64,
    /// Objects read.
    pub gets: u64,
    /// Objects asked about.
    pub heads: u64,
    /// Everything refused.
    pub refused: u64,
    /// Keys in all pages together.
    pub keys: u64,
}

#[derive(Default)]
struct Counters {
    lists: AtomicU64,
    gets: AtomicU64,
    heads: AtomicU64,
    refused: AtomicU64,
    keys: AtomicU64,
}

struct Shared {
    objects: Vec<Object>,
    counters: Counters,
    stop: AtomicBool,
}

/// A running server; it ends when it is dropped.
pub struct KeyServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<std::thread::JoinHandle<()>>,
}

impl KeyServer {
    /// Serves these objects as the bucket [`BUCKET`]. A key given twice counts once, the last one given.
    pub fn start(mut objects: Vec<Object>) -> KeyServer {
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        objects.reverse();
        objects.dedup_by(|a, b| a.key == b.key);
        objects.reverse();
        let shared = Arc::new(Shared { objects, counters: Counters::default(), stop: AtomicBool::new(false) });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let of_thread = shared.clone();
        let accepting = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if of_thread.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(connection), shared) = (connection, of_thread.clone()) else { continue };
                std::thread::spawn(move || shared.serve(&connection));
            }
        });
        KeyServer { shared, address, accepting: Some(accepting) }
    }

    /// Where it listens, as a URL without a path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The store options that lead to it.
    pub fn options(&self) -> Vec<(String, String)> {
        [
            ("aws_endpoint", self.endpoint().as_str()),
            ("aws_allow_http", "true"),
            ("aws_region", "us-east-1"),
            ("aws_access_key_id", "anyone"),
            ("aws_secret_access_key", "anything"),
        ]
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .to_vec()
    }

    /// The objects, sorted by key.
    pub fn objects(&self) -> &[Object] {
        &self.shared.objects
    }

    /// What was answered since the start or the last [`Self::forget`].
    pub fn requests(&self) -> Requests {
        let counters = &self.shared.counters;
        let at = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Requests {
            lists: at(&counters.lists),
            gets: at(&counters.gets),
            heads: at(&counters.heads),
            refused: at(&counters.refused),
            keys: at(&counters.keys),
        }
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        let counters = &self.shared.counters;
        for counter in [&counters.lists, &counters.gets, &counters.heads, &counters.refused, &counters.keys] {
            counter.store(0, Ordering::SeqCst);
        }
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
    }
}

/// What is asked for.
struct Asked {
    method: String,
    /// Percent-decoded, with its leading slash.
    path: String,
    /// Names and values, percent-decoded.
    query: Vec<(String, String)>,
    range: Option<String>,
    close: bool,
}

impl Asked {
    fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// An answer: status, headers beside the length, body.
struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    fn xml(status: &'static str, body: String) -> Answer {
        Answer { status, headers: "Content-Type: application/xml\r\n".to_string(), body: body.into_bytes() }
    }

    fn refusal(status: &'static str, code: &str) -> Answer {
        Answer::xml(status, format!("{DECLARATION}<Error><Code>{code}</Code><Message>{code}</Message></Error>"))
    }
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

impl Shared {
    /// Answers one connection's requests until it is closed or the server ends.
    fn serve(&self, connection: &TcpStream) {
        let _ = connection.set_nodelay(true);
        let _ = connection.set_read_timeout(Some(Duration::from_millis(100)));
        let mut reader = BufReader::new(connection);
        let mut writer = connection;
        while let Some(asked) = self.read(&mut reader) {
            let answer = self.answer(&asked);
            let Answer { status, headers, body } = answer;
            let mut bytes =
                format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
            if asked.method != "HEAD" {
                bytes.extend(body);
            }
            if writer.write_all(&bytes).is_err() || asked.close {
                return;
            }
        }
    }

    /// The next request, or `None` at the end of the connection.
    fn read(&self, reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
        let first = self.line(reader)?;
        let mut parts = first.split(' ');
        let (method, target) = (parts.next()?.to_string(), parts.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (decoded(name, true), decoded(value, true))
        };
        let query = query.split('&').filter(|p| !p.is_empty()).map(pair).collect();
        let mut asked = Asked { method, path: decoded(path, false), query, range: None, close: false };
        let mut length = 0;
        loop {
            let line = self.line(reader)?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "range" => asked.range = Some(value.trim().to_string()),
                "connection" => asked.close = value.trim().eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
        Some(asked)
    }

    /// A line without its end. Waits for it as long as the server runs.
    fn line(&self, reader: &mut BufReader<&TcpStream>) -> Option<String> {
        let mut line = Vec::new();
        loop {
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.ends_with(b"\n") => return Some(String::from_utf8(line).ok()?.trim_end().to_string()),
                Ok(_) => {}
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    if self.stop.load(Ordering::SeqCst) {
                        return None;
                    }
                }
                Err(_) => return None,
            }
        }
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::SeqCst);
        let (bucket, key) = asked.path[1..].split_once('/').unwrap_or((&asked.path[1..], ""));
        let answer = match asked.method.as_str() {
            "GET" | "HEAD" if bucket != BUCKET => Answer::refusal("404 Not Found", "NoSuchBucket"),
            "GET" if key.is_empty() => self.list(asked),
            "GET" | "HEAD" => self.object(asked, key),
            _ => Answer::refusal("501 Not Implemented", "NotImplemented"),
        };
        match (answer.status.as_bytes()[0], asked.method.as_str()) {
            (b'2', "HEAD") => count(&self.counters.heads),
            (b'2', _) if key.is_empty() => count(&self.counters.lists),
            (b'2', _) => count(&self.counters.gets),
            _ => count(&self.counters.refused),
        };
        answer
    }

    fn object(&self, asked: &Asked, key: &str) -> Answer {
        let Ok(at) = self.objects.binary_search_by(|o| o.key.as_str().cmp(key)) else {
            return Answer::refusal("404 Not Found", "NoSuchKey");
        };
        let object = &self.objects[at];
        let mut body = object.body.clone().unwrap_or_else(|| vec![0; object.size as usize]);
        let mut status = "200 OK";
        let mut headers = format!(
            "ETag: {}\r\nLast-Modified: {}\r\nAccept-Ranges: bytes\r\n",
            object.e_tag(),
            http_date(object.modified)
        );
        if let Some((from, to)) = asked.range.as_deref().and_then(|text| range(text, body.len())) {
            headers += &format!("Content-Range: bytes {from}-{}/{}\r\n", to - 1, body.len());
            (status, body) = ("206 Partial Content", body[from..to].to_vec());
        }
        Answer { status, headers, body }
    }

    /// ListObjectsV2.
    fn list(&self, asked: &Asked) -> Answer {
        let prefix = asked.value("prefix").unwrap_or_default();
        let delimiter = asked.value("delimiter").unwrap_or_default();
        let most = match asked.value("max-keys").map(str::parse::<usize>) {
            None => PAGE,
            Some(Ok(most)) => most.min(PAGE),
            Some(Err(_)) => return Answer::refusal("400 Bad Request", "InvalidArgument"),
        };
        if asked.value("list-type") != Some("2") {
            return Answer::refusal("501 Not Implemented", "NotImplemented");
        }
        let start = match (asked.value("continuation-token"), asked.value("start-after")) {
            (Some(token), _) => match token.strip_prefix("at-").and_then(|n| n.parse::<usize>().ok()) {
                Some(at) if at <= self.objects.len() => at,
                _ => return Answer::refusal("400 Bad Request", "InvalidArgument"),
            },
            (None, Some(after)) => self.objects.partition_point(|o| o.key.as_str() <= after),
            (None, None) => 0,
        };
        let page = page(&self.objects, prefix, delimiter, start, most);
        self.counters.keys.fetch_add(page.objects.len() as u64, Ordering::SeqCst);
        let url = asked.value("encoding-type") == Some("url");
        let name = |key: &str| if url { encoded(key) } else { escaped(key) };
        let mut body = format!(
            "{DECLARATION}<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{BUCKET}</Name>\
             <Prefix>{}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{}</IsTruncated>",
            name(prefix),
            page.objects.len() + page.prefixes.len(),
            page.next.is_some()
        );
        body.reserve(400 * page.objects.len());
        if url {
            body += "<EncodingType>url</EncodingType>";
        }
        if !delimiter.is_empty() {
            body += &format!("<Delimiter>{}</Delimiter>", name(delimiter));
        }
        if let Some(next) = page.next {
            body += &format!("<NextContinuationToken>at-{next}</NextContinuationToken>");
        }
        for object in page.objects {
            body += "<Contents><Key>";
            body += &name(&object.key);
            body += "</Key><LastModified>";
            body += &iso(object.modified);
            body += "</LastModified><ETag>";
            body += &escaped(&object.e_tag());
            body += "</ETag><Size>";
            body += &object.size.to_string();
            body += "</Size><StorageClass>STANDARD</StorageClass></Contents>";
        }
        for prefix in page.prefixes {
            body += &format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", name(prefix));
        }
        body += "</ListBucketResult>";
        Answer::xml("200 OK", body)
    }
}

/// What one page of a listing holds.
struct Page<'a> {
    objects: Vec<&'a Object>,
    prefixes: Vec<&'a str>,
    /// Where the next page begins.
    next: Option<usize>,
}

/// The page from `start` on. What lies before `start` counts for nothing: a common prefix is listed if any of its keys
/// lies behind it.
fn page<'a>(objects: &'a [Object], prefix: &str, delimiter: &str, start: usize, most: usize) -> Page<'a> {
    let mut at = start.max(objects.partition_point(|o| o.key.as_str() < prefix));
    let mut page = Page { objects: Vec::new(), prefixes: Vec::new(), next: None };
    let within = |at: usize| objects.get(at).filter(|o| o.key.starts_with(prefix));
    while let Some(object) = within(at) {
        if page.objects.len() + page.prefixes.len() == most {
            page.next = (most > 0).then_some(at);
            break;
        }
        let rest = &object.key[prefix.len()..];
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(end) => {
                let shared = &object.key[..prefix.len() + end + delimiter.len()];
                page.prefixes.push(shared);
                at += objects[at..].partition_point(|o| o.key.starts_with(shared));
            }
            None => {
                page.objects.push(object);
                at += 1;
            }
        }
    }
    page
}

/// A Currents export as keys alone.
#[derive(Debug, Clone)]
pub struct Export {
    /// What stands before every key, such as `currents/`.
    pub prefix: String,
    /// Event types, at most 120.
    pub types: usize,
    /// Integrations; each has every type.
    pub integrations: usize,
    /// Keys altogether.
    pub keys: usize,
    /// How many of them are of the newest hour. Every hour before has as many, as far as the keys go.
    pub new: usize,
    /// The newest hour, in hours since 1970.
    pub newest: i64,
}

impl Default for Export {
    /// 300 keys an hour, up to 2026-03-01-05.
    fn default() -> Export {
        let newest = 1_772_341_200 / 3600;
        Export { prefix: "currents/".to_string(), types: 15, integrations: 1, keys: 200_000, new: 300, newest }
    }
}

impl Export {
    /// The newest hour as `YYYY-MM-DD-HH`.
    pub fn newest_hour(&self) -> String {
        hour(self.newest)
    }

    /// What a key of this integration and type begins with: up to and including its `event_type=` folder.
    pub fn folder(&self, integration: usize, event_type: usize) -> String {
        format!("{}dataexport.{}/event_type={}/", self.prefix, integration_name(integration), type_name(event_type))
    }

    /// All objects, in no order. Their bodies are zeros.
    pub fn objects(&self) -> Vec<Object> {
        let series = self.types * self.integrations;
        let mut offsets = vec![0_u64; series];
        let hours = self.keys.div_ceil(self.new);
        let mut found = Vec::with_capacity(self.keys);
        for age in (0..hours).rev() {
            // The oldest hour takes what does not fill an hour.
            let in_hour = if age + 1 == hours { self.keys - (hours - 1) * self.new } else { self.new };
            let at = self.newest - age as i64;
            let date = hour(at);
            for n in 0..in_hour {
                let which = n % series;
                let (integration, event_type) = (which / self.types, which % self.types);
                let (folder, name) = (self.folder(integration, event_type), integration_name(integration));
                let (schema, offset) = (300 + event_type, offsets[which]);
                offsets[which] += 1;
                found.push(Object {
                    key: format!("{folder}date={date}/{schema}/prod-01/dataexport.{name}+0+{offset:010}.avro"),
                    size: 20_000 + (n as u64 * 7919) % 50_000,
                    modified: (at + 1) * 3600 + n as i64 % 600,
                    body: None,
                });
            }
        }
        found
    }
}

fn integration_name(number: usize) -> String {
    format!("prod-01.S3.integration.{number:024x}")
}

/// Names like Braze's; the first ones are the busiest.
fn type_name(number: usize) -> String {
    const CHANNELS: [&str; 12] = [
        "email",
        "pushnotification",
        "sms",
        "whatsapp",
        "inappmessage",
        "contentcard",
        "webhook",
        "rcs",
        "line",
        "liveactivity",
        "banner",
        "featureflag",
    ];
    const ACTIONS: [&str; 10] =
        ["Send", "Delivery", "Open", "Click", "Bounce", "Abort", "Retry", "Rejection", "Dismissal", "Impression"];
    format!("users.messages.{}.{}", CHANNELS[number / ACTIONS.len()], ACTIONS[number % ACTIONS.len()])
}

/// `YYYY-MM-DD-HH` of an hour since 1970.
fn hour(hours: i64) -> String {
    let (year, month, day) = civil(hours.div_euclid(24));
    format!("{year:04}-{month:02}-{day:02}-{:02}", hours.rem_euclid(24))
}

/// `2026-01-01T00:00:00.000Z` of a second since 1970.
fn iso(seconds: i64) -> String {
    let ((year, month, day), rest) = (civil(seconds.div_euclid(86_400)), seconds.rem_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// `Thu, 01 Jan 2026 00:00:00 GMT` of a second since 1970.
fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (weekday, month) = (DAYS[days.rem_euclid(7) as usize], MONTHS[month as usize - 1]);
    format!("{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a day since 1970. Counts from March, so that the odd day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn fnv(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// `bytes=a-b`, `bytes=a-` or `bytes=-n` of a body, as a half-open range; `None` where it does not fit.
fn range(text: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let found = match (from.parse::<usize>().ok(), to.parse::<usize>().ok()) {
        (Some(from), Some(to)) => (from, length.min(to + 1)),
        (Some(from), None) => (from, length),
        (None, Some(last)) => (length.saturating_sub(last), length),
        (None, None) => return None,
    };
    (found.0 < found.1).then_some(found)
}

/// Text in XML. Control characters become references, as S3 writes them.
fn escaped(text: &str) -> String {
    // Nearly every key is plain.
    if !text.bytes().any(|b| matches!(b, b'&' | b'<' | b'>' | b'"') || b.is_ascii_control()) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_ascii_control() => out += &format!("&#x{:X};", c as u32),
            c => out.push(c),
        }
    }
    out
}

/// Text as `encoding-type=url` gives it.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// Percent-decoded; in a query a plus is a space.
fn decoded(text: &str, query: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let hex = bytes.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        match (byte, hex) {
            (b'%', Some(hex)) => {
                out.push(hex);
                at += 2;
            }
            (b'+', _) if query => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
