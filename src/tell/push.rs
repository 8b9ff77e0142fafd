//! A Prometheus push gateway, for jobs that end before anyone could scrape them.

use super::call;
use crate::error::Result;
use reqwest::Method;
use url::Url;

/// What the text format is called.
const TEXT: &str = "text/plain; version=0.0.4";

/// Where to push.
pub struct PushGateway(Url);

impl PushGateway {
    /// The gateway at an address. One that names its group (`…/metrics/job/…`) is taken as it is; otherwise the group
    /// is the job `eddyline`.
    pub fn at(address: &str) -> Result<PushGateway> {
        let mut url = call::address("--push-gateway", address)?;
        if !url.path().contains("/metrics/job") {
            let path = format!("{}/metrics/job/eddyline", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(PushGateway(url))
    }

    /// Sends the metrics. `whole`: they are all there are and replace the group; otherwise the gateway keeps those it
    /// has that are not in the text.
    pub async fn push(&self, text: &str, whole: bool) -> Result<()> {
        let method = if whole { Method::PUT } else { Method::POST };
        call::send("the push gateway", method, &self.0, TEXT, text).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_added_unless_it_is_named() {
        let at = |address: &str| PushGateway::at(address).unwrap().0.to_string();
        assert_eq!(at("http://gateway:9091"), "http://gateway:9091/metrics/job/eddyline");
        assert_eq!(at("http://gateway:9091/"), "http://gateway:9091/metrics/job/eddyline");
        assert_eq!(at("https://g.example/push/"), "https://g.example/push/metrics/job/eddyline");
        let named = "http://gateway:9091/metrics/job/braze/instance/eu";
        assert_eq!(at(named), named);
        let encoded = "http://gateway:9091/metrics/job@base64/YnJhemU";
        assert_eq!(at(encoded), encoded);
    }
}
