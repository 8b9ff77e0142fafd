//! Between a cloud client and the network: counts requests, lets listings survive keys the client would refuse, notices
//! connections that have gone silent, and gives up where nobody will ever answer.

use super::odd_names;
use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use serde::Serialize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Hosts that hand out credentials to machines of their cloud, and answer nowhere else.
pub const METADATA: [&str; 3] = ["169.254.169.254", "169.254.170.2", "metadata.google.internal"];
/// How often such a host is asked before it counts as absent: with the pauses between, 10 to 30 seconds. On a machine
/// just started it may take a while to answer.
const METADATA_TRIES: u64 = 9;
/// How long a read may say nothing before its connection counts as dead. The client has only a limit for the whole
/// request, which must leave room for large objects.
const SILENCE: Duration = Duration::from_secs(30);
/// What clients send to those hosts and to nobody else; their address may be another one.
const METADATA_HEADERS: [&str; 4] =
    ["x-aws-ec2-metadata-token-ttl-seconds", "x-aws-ec2-metadata-token", "metadata-flavor", "metadata"];
/// How the error of a metadata host is known that nobody answers for.
pub const NO_METADATA: &str = "no metadata service answers";

/// An error of a metadata host, see [`NO_METADATA`].
#[derive(Debug)]
struct NoMetadata(HttpError);

impl std::fmt::Display for NoMetadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{NO_METADATA}: {}", self.0)
    }
}

impl std::error::Error for NoMetadata {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Requests made to a store, retries included.
#[derive(Debug, Default)]
pub struct Traffic {
    list: AtomicU64,
    get: AtomicU64,
    put: AtomicU64,
    other: AtomicU64,
    throttled: AtomicU64,
    failed: AtomicU64,
}

/// [`Traffic`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Pages of listings.
    pub list: u64,
    /// Reads of objects, whole or in part, and looks at them.
    pub get: u64,
    /// Writes of objects.
    pub put: u64,
    /// Everything else: deletes, credentials.
    pub other: u64,
    /// Of all, answered by 429 or 503: slow down.
    pub throttled: u64,
    /// Of all, those that another trouble befell: no connection, no answer, an error of the server.
    pub failed: u64,
}

impl Traffic {
    /// The counts so far.
    pub fn requests(&self) -> Requests {
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Requests {
            list: of(&self.list),
            get: of(&self.get),
            put: of(&self.put),
            other: of(&self.other),
            throttled: of(&self.throttled),
            failed: of(&self.failed),
        }
    }
}

impl Requests {
    /// All requests.
    pub fn total(&self) -> u64 {
        self.list + self.get + self.put + self.other
    }

    /// What was made since `before`.
    pub fn since(&self, before: &Requests) -> Requests {
        self.each_with(before, |now, before| now - before)
    }

    /// The sum of two stores' requests.
    pub fn and(&self, other: &Requests) -> Requests {
        self.each_with(other, |one, other| one + other)
    }

    fn each_with(&self, other: &Requests, of: fn(u64, u64) -> u64) -> Requests {
        Requests {
            list: of(self.list, other.list),
            get: of(self.get, other.get),
            put: of(self.put, other.put),
            other: of(self.other, other.other),
            throttled: of(self.throttled, other.throttled),
            failed: of(self.failed, other.failed),
        }
    }
}

/// Makes clients whose requests pass through here.
#[derive(Debug)]
pub struct Connector {
    traffic: Arc<Traffic>,
}

impl Connector {
    /// A connector that counts into `traffic`.
    pub fn new(traffic: Arc<Traffic>) -> Connector {
        Connector { traffic }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Wire { inner, traffic: self.traffic.clone(), unanswered: AtomicU64::new(0) }))
    }
}

#[derive(Debug)]
struct Wire {
    inner: HttpClient,
    traffic: Arc<Traffic>,
    /// Requests to a metadata host in a row that nobody answered.
    unanswered: AtomicU64,
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let lists = is_listing(&request);
        let metadata = asks_metadata(&request);
        let counter = match request.method().as_str() {
            _ if lists => &self.traffic.list,
            _ if metadata => &self.traffic.other,
            "GET" | "HEAD" => &self.traffic.get,
            "PUT" => &self.traffic.put,
            _ => &self.traffic.other,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let (method, host) = (request.method().to_string(), request.uri().host().unwrap_or_default().to_string());
        let reads = matches!(request.method().as_str(), "GET" | "HEAD");
        let answer = self.inner.execute(request);
        let answer = if reads {
            tokio::time::timeout(SILENCE, answer).await.unwrap_or_else(|silence| Err(silent(silence)))
        } else {
            answer.await
        };
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                self.note_failure(&method, &host, &error);
                return Err(match error.kind() {
                    _ if metadata => self.patience(error),
                    // The client does not ask twice for a write that may have taken effect. Every write of ours can
                    // be: its condition fails the second time, and the writer looks whether what is there is its own.
                    HttpErrorKind::Interrupted | HttpErrorKind::Timeout if method == "PUT" => {
                        HttpError::new(HttpErrorKind::Request, error)
                    }
                    _ => error,
                });
            }
        };
        self.unanswered.store(0, Ordering::Relaxed);
        let status = response.status();
        if matches!(status.as_u16(), 429 | 503) {
            self.traffic.throttled.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(method, host, status = status.as_u16(), "the store says to slow down");
        } else if status.is_server_error() {
            self.traffic.failed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(method, host, status = status.as_u16(), "the store answered with an error of its own");
        }
        let (parts, body) = response.into_parts();
        let body = if reads { HttpResponseBody::new(Watched::new(body)) } else { body };
        if status.is_success() && !lists {
            return Ok(HttpResponse::from_parts(parts, body));
        }
        // Pages and refusals are small, and read here so that one that is cut short is asked for again: for the client
        // the request is over once the head is there. Objects it asks for again by itself, from where they broke off.
        let body = match body.bytes().await {
            Ok(body) => body,
            Err(error) => {
                self.note_failure(&method, &host, &error);
                return Err(HttpError::new(HttpErrorKind::Request, error));
            }
        };
        let body = if status.is_success() { odd_names::escape(body) } else { body };
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

impl Wire {
    fn note_failure(&self, method: &str, host: &str, error: &HttpError) {
        self.traffic.failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(method, host, kind = ?error.kind(), "a request failed");
    }

    /// An error of a metadata host: after a few, one that is not tried again.
    fn patience(&self, error: HttpError) -> HttpError {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 < METADATA_TRIES {
            return error;
        }
        self.unanswered.store(0, Ordering::Relaxed);
        HttpError::new(HttpErrorKind::Unknown, NoMetadata(error))
    }
}

fn silent(silence: tokio::time::error::Elapsed) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, silence)
}

/// A body that fails when nothing of it comes for [`SILENCE`]; the client then asks for the rest.
struct Watched {
    body: HttpResponseBody,
    silence: Pin<Box<tokio::time::Timeout<std::future::Pending<()>>>>,
}

impl Watched {
    fn new(body: HttpResponseBody) -> Watched {
        Watched { body, silence: Box::pin(tokio::time::timeout(SILENCE, std::future::pending())) }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silence = Box::pin(tokio::time::timeout(SILENCE, std::future::pending()));
            return Poll::Ready(frame);
        }
        match self.silence.as_mut().poll(context) {
            Poll::Ready(Err(silence)) => Poll::Ready(Some(Err(silent(silence)))),
            _ => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn asks_metadata(request: &HttpRequest) -> bool {
    request.uri().host().is_some_and(|host| METADATA.contains(&host))
        || METADATA_HEADERS.iter().any(|name| request.headers().contains_key(*name))
}

/// S3 and GCS: `?list-type=2`; Azure: `?restype=container&comp=list`.
fn is_listing(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method().as_str() == "GET" && query.split('&').any(|q| q == "list-type=2" || q == "comp=list")
}
