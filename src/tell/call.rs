//! One HTTP request with a body: ten seconds at most, tried twice, redirects not followed. Addresses may hold secrets,
//! so what is said about a failure names the host alone.

use crate::error::{Error, Kind, Result};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use std::time::Duration;
use url::Url;

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before the second.
const PAUSE: Duration = Duration::from_secs(1);

/// Reads an http or https address; `option` is named in the error, the address is not.
pub fn address(option: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text.trim()).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    url.ok_or_else(|| {
        Error::usage(format!("{option}: this is not an http:// or https:// address"))
            .hint("the address is not repeated here, because it may hold a secret")
    })
}

/// Sends `body`. An answer that is no success is an error; so is none. `whom` is told of, as in "the webhook".
pub async fn send(whom: &str, method: Method, url: &Url, content_type: &str, body: &str) -> Result<()> {
    let whom = format!("{whom} at {}", url.host_str().unwrap_or_default());
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(Policy::none())
        .user_agent(concat!("eddyline/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| Error::failed(format!("{whom} cannot be called")).because(e.without_url()))?;
    let attempt = || async {
        let request = client.request(method.clone(), url.clone()).header("content-type", content_type);
        request.body(body.to_string()).send().await.map(|answer| answer.status())
    };
    let mut answer = attempt().await;
    if answer.as_ref().map_or(true, may_pass) {
        tokio::time::sleep(PAUSE).await;
        answer = attempt().await;
    }
    match answer {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(Error::failed(format!("{whom} answered {status}"))),
        Err(e) if e.is_timeout() => {
            let seconds = PATIENCE.as_secs();
            Err(Error::new(Kind::Unreachable, format!("{whom} did not answer within {seconds} s")))
        }
        Err(e) => Err(Error::new(Kind::Unreachable, format!("{whom} cannot be reached")).because(e.without_url())),
    }
}

/// Whether an answer may be another one in a second.
fn may_pass(status: &StatusCode) -> bool {
    status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_and_never_repeated() {
        assert!(address("--webhook", " https://hooks.example/T00/4711 ").is_ok());
        for text in ["", "hooks.example/4711", "ftp://h.example/4711", "https://", "file:///4711", "https://h:4711x/"] {
            let error = address("--webhook", text).unwrap_err();
            assert_eq!(error.kind().exit_code(), 2);
            assert!(error.show().contains("--webhook") && !error.show().contains("4711"), "{}", error.show());
        }
    }

    #[tokio::test]
    async fn who_cannot_be_reached_is_named_by_host() {
        // A port of our own that nobody listens on any more.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = address("--webhook", &format!("http://me:4711@127.0.0.1:{port}/4711?key=4711")).unwrap();
        let error = send("the webhook", Method::POST, &url, "text/plain", "x").await.unwrap_err();
        assert_eq!(error.what(), "the webhook at 127.0.0.1 cannot be reached");
        assert!(error.show().contains("refused") && !error.show().contains("4711"), "{}", error.show());
    }
}
