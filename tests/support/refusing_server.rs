//! An HTTP server that refuses: by rules on the request line it answers with a given status and body, says nothing, hangs
//! up, or dawdles. What no rule takes goes to another server, when there is one. It keeps the line of every request.
#![allow(dead_code)] // every user has its own part

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is done with the requests whose line holds a text.
pub struct Rule {
    text: String,
    /// How many more it takes.
    left: AtomicU64,
    then: Then,
}

enum Then {
    Says { status: String, headers: String, body: String },
    Hangs,
    HangsUp,
    Dawdles(Duration),
}

/// A rule on requests whose line (`GET /bucket/key?query HTTP/1.1`) holds this text; an empty one takes all.
pub fn when(text: &str) -> Rule {
    Rule { text: text.to_string(), left: AtomicU64::new(u64::MAX), then: Then::Hangs }
}

impl Rule {
    /// Only for the first so many requests.
    pub fn times(self, times: u64) -> Rule {
        Rule { left: AtomicU64::new(times), ..self }
    }

    /// Answers, such as with "403 Forbidden".
    pub fn says(self, status: &str, body: &str) -> Rule {
        let headers = "Content-Type: application/xml\r\n".to_string();
        Rule { then: Then::Says { status: status.to_string(), headers, body: body.to_string() }, ..self }
    }

    /// Never answers and keeps the connection.
    pub fn hangs(self) -> Rule {
        Rule { then: Then::Hangs, ..self }
    }

    /// Closes the connection in the middle of the answer's body.
    pub fn hangs_up(self) -> Rule {
        Rule { then: Then::HangsUp, ..self }
    }

    /// Passes the request on, after this time.
    pub fn dawdles(self, time: Duration) -> Rule {
        Rule { then: Then::Dawdles(time), ..self }
    }

    fn takes(&self, line: &str) -> bool {
        let fewer = |left: u64| left.checked_sub(1);
        line.contains(&self.text) && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok()
    }
}

/// See the module. Stops when dropped.
pub struct RefusingServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    rules: Vec<Rule>,
    /// `127.0.0.1:port`
    behind: Option<String>,
    lines: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl RefusingServer {
    /// A server on a port of its own; the first rule that takes a request decides.
    pub fn start(rules: Vec<Rule>) -> RefusingServer {
        RefusingServer::with(rules, None)
    }

    /// One that passes on what no rule takes, to the server at `http://127.0.0.1:port`.
    pub fn before(endpoint: &str, rules: Vec<Rule>) -> RefusingServer {
        RefusingServer::with(rules, endpoint.strip_prefix("http://").map(str::to_string))
    }

    fn with(rules: Vec<Rule>, behind: Option<String>) -> RefusingServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { rules, behind, lines: Mutex::default(), stop: AtomicBool::new(false) });
        let ours = shared.clone();
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ours.stop.load(Ordering::SeqCst) {
                    break;
                }
                let ours = ours.clone();
                std::thread::spawn(move || ours.serve(stream));
            }
        });
        RefusingServer { address, shared, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:port`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The request lines so far that hold this text.
    pub fn asked(&self, text: &str) -> usize {
        self.shared.lines.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }
}

impl Drop for RefusingServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// One request to a connection. A client that goes away is no trouble of ours.
    fn serve(&self, mut stream: TcpStream) {
        let Some(head) = head(&stream) else { return };
        let line = head.lines().next().unwrap_or_default().to_string();
        let rule = self.rules.iter().find(|rule| rule.takes(&line));
        self.lines.lock().unwrap().push(line);
        let _ = match rule.map(|rule| &rule.then) {
            Some(Then::Says { status, headers, body }) => answer(&mut stream, status, headers, body),
            Some(Then::HangsUp) => self.pass_on(&head, &mut stream, 2),
            Some(Then::Hangs) => {
                while !self.stop.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Ok(())
            }
            Some(Then::Dawdles(time)) => {
                std::thread::sleep(*time);
                self.pass_on(&head, &mut stream, 1)
            }
            None => self.pass_on(&head, &mut stream, 1),
        };
    }

    /// Passes a request on, and gives the first part of the answer's body: all of it, half of it, ….
    fn pass_on(&self, head: &str, client: &mut TcpStream, part: usize) -> std::io::Result<()> {
        let Some(behind) = &self.behind else {
            if part == 1 {
                return answer(client, "501 Not Implemented", "", "");
            }
            return write!(client, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml ");
        };
        let mut server = TcpStream::connect(behind)?;
        server.write_all(closing(head).as_bytes())?;
        let mut reply = Vec::new();
        server.read_to_end(&mut reply)?;
        let end = reply.windows(4).position(|w| w == b"\r\n\r\n").map_or(reply.len(), |at| at + 4);
        let head = String::from_utf8_lossy(&reply[..end]).to_string();
        client.write_all(closing(&head).as_bytes())?;
        client.write_all(&reply[end..end + (reply.len() - end) / part])
    }
}

fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The head of a message, with `Connection: close` instead of what it says of its connection.
fn closing(head: &str) -> String {
    let lines = head.lines().filter(|l| !l.is_empty() && !l.to_ascii_lowercase().starts_with("connection:"));
    lines.chain(["Connection: close", "", ""]).collect::<Vec<_>>().join("\r\n")
}

/// Reads a request; gives its head.
fn head(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let from = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        let line = head[from..].trim_end().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        if line.is_empty() {
            std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
            return Some(head);
        }
    }
}
