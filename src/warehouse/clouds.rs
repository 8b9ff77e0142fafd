//! Opening a cloud address: one builder per cloud, with `object_store`'s own option names, our retries, our request
//! limit, and our layer between the client and the network.

use super::refusal::NO_ADDRESS;
use super::wire::{Connector, Traffic};
use crate::error::{Error, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::limit::LimitStore;
use object_store::list::PaginatedListStore;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreScheme, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Our own option beside `object_store`'s: how long a request is tried again before it counts as failed, such as `3m`.
pub const RETRY_FOR: &str = "retry_for";
/// Our own option: how many requests may be under way at once.
pub const REQUESTS: &str = "requests";
/// [`RETRY_FOR`] where nobody says otherwise.
pub const RETRY_FOR_DEFAULT: Duration = Duration::from_secs(180);
/// [`REQUESTS`] where nobody says otherwise.
pub const REQUESTS_DEFAULT: usize = 64;

/// An open bucket or container.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its objects, from the bucket's root.
    pub objects: Arc<dyn ObjectStore>,
    /// Its listings, page by page, from the bucket's root.
    pub pages: Pages,
    /// The folder the address names, without slashes at its ends; empty for the whole bucket.
    pub prefix: String,
    /// The requests made so far.
    pub traffic: Arc<Traffic>,
    /// Requests that may be under way at once; pages of listings are not counted by the store itself.
    pub requests: usize,
}

/// A store that lists page by page.
#[derive(Clone)]
pub struct Pages(pub Arc<dyn PaginatedListStore>);

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages")
    }
}

/// Which cloud an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon S3 and others that speak its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Cloud {
    /// The cloud of an address; `None` for a local folder or an address of another kind.
    pub fn of(address: &str) -> Option<Cloud> {
        match scheme_of(&Url::parse(address).ok()?)? {
            ObjectStoreScheme::AmazonS3 => Some(Cloud::S3),
            ObjectStoreScheme::GoogleCloudStorage => Some(Cloud::Gcs),
            ObjectStoreScheme::MicrosoftAzure => Some(Cloud::Azure),
            _ => None,
        }
    }
}

/// Whether some cloud's client knows an option of this name, or it is ours.
pub fn is_option(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == RETRY_FOR
        || name == REQUESTS
        || name.parse::<AmazonS3ConfigKey>().is_ok()
        || name.parse::<GoogleConfigKey>().is_ok()
        || name.parse::<AzureConfigKey>().is_ok()
}

/// Opens a cloud address. Nothing is asked of the store yet.
pub fn open(address: &str, options: &[(String, String)]) -> Result<Remote> {
    // The address may hold a secret until it is known to be without extras.
    let scheme = address.split(':').next().unwrap_or_default();
    let wrong =
        |e: String| Error::usage(format!("the `{scheme}:` address is not understood")).because(e).hint(NO_ADDRESS);
    let url = Url::parse(address).map_err(|e| wrong(e.to_string()))?;
    let scheme = scheme_of(&url).ok_or_else(|| wrong("no store here has addresses of this kind".to_string()))?;
    refuse_extras(&url, &scheme)?;
    let traffic = Arc::new(Traffic::default());
    let how = How::from(options, traffic.clone())?;
    let unopened = |e: object_store::Error| {
        Error::usage(format!("cannot open {address}"))
            .because(e)
            .hint("give the store's own options and credentials: AWS_*, GOOGLE_*, AZURE_*, or [store] in eddyline.toml")
    };
    // The builders have the same methods and no trait in common. Each passes over the options of the others.
    macro_rules! built {
        ($builder:ty) => {{
            let builder = how.options.iter().fold(<$builder>::new().with_url(address), |builder, (name, value)| {
                match name.parse() {
                    Ok(name) => builder.with_config(name, value),
                    Err(_) => builder,
                }
            });
            let builder = builder.with_retry(how.retry.clone()).with_http_connector(how.connector());
            how.limited(Arc::new(builder.build().map_err(unopened)?))
        }};
    }
    let (objects, pages): (Arc<dyn ObjectStore>, Arc<dyn PaginatedListStore>) = match scheme {
        ObjectStoreScheme::AmazonS3 => built!(AmazonS3Builder),
        ObjectStoreScheme::GoogleCloudStorage => built!(GoogleCloudStorageBuilder),
        ObjectStoreScheme::MicrosoftAzure => built!(MicrosoftAzureBuilder),
        _ => return Err(wrong(format!("nothing here reads `{}` addresses", url.scheme()))),
    };
    Ok(Remote { objects, pages: Pages(pages), prefix: folder_of(&url, scheme), traffic, requests: how.requests })
}

/// Refuses what the client would pass over and every message would repeat: keys and signatures in the address.
fn refuse_extras(url: &Url, scheme: &ObjectStoreScheme) -> Result<()> {
    let host = url.host_str().unwrap_or_default();
    // `abfss://container@account…` is no secret.
    let user = !url.username().is_empty() && *scheme != ObjectStoreScheme::MicrosoftAzure;
    let extra = match (url.query(), url.fragment(), url.password()) {
        (Some(_), ..) => "a query (`?…`)",
        (_, Some(_), _) => "a fragment (`#…`)",
        (_, _, Some(_)) => "a password",
        _ if user => "a user name",
        _ => return Ok(()),
    };
    Err(Error::usage(format!("the {} address at {host} has {extra}", url.scheme())).hint(
        "leave it out; a SAS belongs into AZURE_STORAGE_SAS_TOKEN, keys into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
         write # and ? in names as %23 and %3F",
    ))
}

/// The kind of store behind an address. Told without its folder, which may hold what `object_store` refuses.
fn scheme_of(url: &Url) -> Option<ObjectStoreScheme> {
    let mut bare = url.clone();
    bare.set_path(url.path().trim_start_matches('/').split('/').next().unwrap_or_default());
    ObjectStoreScheme::parse(&bare).ok().map(|(scheme, _)| scheme)
}

/// The folder in the bucket that an address names. `object_store` would refuse one with an empty segment in it, and
/// people have such: a prefix that was configured with a slash too many.
fn folder_of(url: &Url, scheme: ObjectStoreScheme) -> String {
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
    let path = path.trim_matches('/');
    let in_path = url.scheme() == "https"
        && match (scheme, url.host_str()) {
            (ObjectStoreScheme::AmazonS3, Some(host)) => host.starts_with("s3") || host.contains("r2.cloudflare"),
            _ => true,
        };
    match (in_path, path.split_once('/')) {
        (false, _) => path.to_string(),
        (true, Some((_bucket, folder))) => folder.trim_matches('/').to_string(),
        (true, None) => String::new(),
    }
}

/// What all builders share.
struct How {
    options: Vec<(String, String)>,
    retry: RetryConfig,
    requests: usize,
    traffic: Arc<Traffic>,
}

impl How {
    fn from(options: &[(String, String)], traffic: Arc<Traffic>) -> Result<How> {
        let of = |name: &str| options.iter().rev().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let retry_for = match of(RETRY_FOR) {
            None => RETRY_FOR_DEFAULT,
            Some(text) => humantime::parse_duration(text).map_err(|e| {
                Error::usage(format!("retry_for: `{text}` is not a duration")).because(e).hint("write 30s or 3m")
            })?,
        };
        let requests = match of(REQUESTS) {
            None => REQUESTS_DEFAULT,
            Some(text) => text.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                Error::usage(format!("requests: `{text}` is not a number of requests")).hint("write 1 to 1000")
            })?,
        };
        let mut options: Vec<(String, String)> =
            options.iter().filter(|(k, _)| k != RETRY_FOR && k != REQUESTS).cloned().collect();
        // The client's own limit of 30 seconds for a whole request is too short for a large object on a slow line.
        for (name, value) in [("timeout", "10 minutes"), ("connect_timeout", "10 seconds")] {
            if !options.iter().any(|(k, _)| k.ends_with(name) && !(name == "timeout" && k.ends_with("connect_timeout")))
            {
                options.insert(0, (name.to_string(), value.to_string()));
            }
        }
        // Time bounds the retries, not their number: ten of them are over in seconds when connections are refused.
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(15),
            ..BackoffConfig::default()
        };
        let retry = RetryConfig { backoff, max_retries: 100_000, retry_timeout: retry_for };
        Ok(How { options, retry, requests, traffic })
    }

    fn connector(&self) -> Connector {
        Connector::new(self.traffic.clone())
    }

    fn limited<S: ObjectStore + PaginatedListStore>(
        &self,
        store: Arc<S>,
    ) -> (Arc<dyn ObjectStore>, Arc<dyn PaginatedListStore>) {
        let objects: Arc<dyn ObjectStore> = store.clone();
        (Arc::new(LimitStore::new(objects, self.requests)), store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(address: &str) -> String {
        let options = [("aws_region", "x"), ("azure_storage_account_name", "acc"), ("google_skip_signature", "true")];
        let options: Vec<_> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        open(address, &options).unwrap().prefix
    }

    #[test]
    fn the_folder_of_an_address_keeps_odd_names() {
        assert_eq!(folder("s3://bucket"), "");
        assert_eq!(folder("s3://bucket/"), "");
        assert_eq!(folder("s3://bucket/a/b/"), "a/b");
        assert_eq!(folder("s3://bucket/a//b"), "a//b");
        assert_eq!(folder("s3://bucket/a%20b"), "a b");
        assert_eq!(folder("gs://bucket/currents"), "currents");
        assert_eq!(folder("az://container/currents"), "currents");
        assert_eq!(folder("abfss://container@acc.dfs.core.windows.net/currents/x"), "currents/x");
        assert_eq!(folder("https://acc.blob.core.windows.net/container/currents"), "currents");
        assert_eq!(folder("https://s3.eu-central-1.amazonaws.com/bucket/currents"), "currents");
        assert_eq!(folder("https://bucket.s3.eu-central-1.amazonaws.com/currents"), "currents");
    }

    #[test]
    fn other_addresses_and_wrong_numbers_are_mistakes_of_usage() {
        for address in ["ftp://x/y", "s3:/x", "http://example.com/x"] {
            assert_eq!(open(address, &[]).unwrap_err().kind().exit_code(), 2, "{address}");
        }
        for (name, value) in [(RETRY_FOR, "soon"), (REQUESTS, "0"), (REQUESTS, "many")] {
            let error = open("s3://b", &[(name.to_string(), value.to_string())]).unwrap_err();
            assert!(error.what().contains(value), "{}", error.show());
        }
    }

    #[test]
    fn secrets_in_an_address_are_refused_and_not_repeated() {
        for address in [
            "https://acc.blob.core.windows.net/c?sp=rl&sig=HUSH",
            "s3://KEY:HUSH@bucket/x",
            "s3://HUSH@bucket/x",
            "gs://bucket/x#HUSH",
        ] {
            let error = open(address, &[]).unwrap_err();
            assert_eq!(error.kind().exit_code(), 2, "{address}");
            assert!(!error.show().contains("HUSH"), "{}", error.show());
        }
    }

    #[test]
    fn options_are_known_by_the_clients_names() {
        for name in
            ["aws_region", "AWS_REGION", "google_service_account", "azure_storage_sas_token", "retry_for", "timeout"]
        {
            assert!(is_option(name), "{name}");
        }
        assert!(!is_option("aws_regoin"));
        assert_eq!(Cloud::of("abfss://c@a.dfs.core.windows.net/x"), Some(Cloud::Azure));
        assert_eq!(Cloud::of("/data"), None);
    }
}
