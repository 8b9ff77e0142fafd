//! Where the warehouse lies, in the spelling each tool wants.

use crate::error::{Error, Result};
use crate::warehouse::clouds::Cloud;
use crate::warehouse::store::local_folder;
use percent_encoding::percent_decode_str;
use url::Url;

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An absolute path.
    Folder(String),
    /// A bucket that speaks S3's protocol.
    S3 {
        /// The bucket.
        bucket: String,
        /// The folder in it, without slashes at its ends.
        folder: String,
        /// The region, when it is known.
        region: Option<String>,
        /// Where requests go, when that is not Amazon.
        endpoint: Option<String>,
    },
    /// A bucket in Google Cloud Storage.
    Gcs {
        /// The bucket.
        bucket: String,
        /// The folder in it.
        folder: String,
    },
    /// A container in Azure Blob Storage.
    Azure {
        /// The storage account.
        account: String,
        /// The container.
        container: String,
        /// The folder in it.
        folder: String,
    },
}

impl Place {
    /// The place of an address; `options` are the store's, by the names of its client.
    pub fn of(address: &str, options: &[(String, String)]) -> Result<Place> {
        let option = |names: &[&str]| {
            let found = options.iter().rev().find(|(name, value)| names.contains(&name.as_str()) && !value.is_empty());
            found.map(|(_, value)| value.clone())
        };
        let Some(cloud) = Cloud::of(address) else { return folder(address) };
        let unclear = || Error::usage(format!("cannot tell bucket and folder of {address}"));
        let url = Url::parse(address).map_err(|e| unclear().because(e))?;
        let host = url.host_str().unwrap_or_default();
        let path = percent_decode_str(url.path()).decode_utf8_lossy().trim_matches('/').to_string();
        let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
        let (first, rest) = (first.to_string(), rest.trim_matches('/').to_string());
        let web = url.scheme() == "https";
        Ok(match cloud {
            Cloud::S3 => {
                let labels: Vec<&str> = host.split('.').collect();
                let of_host = |at: usize| labels.get(at).filter(|l| **l != "amazonaws").map(|l| l.to_string());
                let (bucket, folder, of_address) = match (web, labels.first()) {
                    (false, _) => (host.to_string(), path, None),
                    (true, Some(&"s3")) => (first, rest, of_host(1)),
                    (true, _) if host.ends_with("amazonaws.com") => {
                        (labels.first().map_or_else(String::new, |l| l.to_string()), path, of_host(2))
                    }
                    (true, _) => (first, rest, None),
                };
                let region = ["aws_region", "region", "aws_default_region", "default_region"];
                let endpoint = ["aws_endpoint", "aws_endpoint_url", "endpoint", "endpoint_url", "aws_endpoint_url_s3"];
                Place::S3 { bucket, folder, region: of_address.or(option(&region)), endpoint: option(&endpoint) }
            }
            Cloud::Gcs => Place::Gcs { bucket: host.to_string(), folder: path },
            Cloud::Azure => {
                let names = ["azure_storage_account_name", "azure_account_name", "account_name"];
                let emulated = ["azure_storage_use_emulator", "azure_use_emulator", "use_emulator"];
                let emulated = option(&emulated).filter(|v| v == "true" || v == "1").map(|_| "devstoreaccount1".into());
                let named = option(&names).or(emulated);
                let of_host = host.split('.').next().filter(|_| host.contains('.')).map(str::to_string);
                let (container, folder, account) = match (web, url.username()) {
                    (true, _) => (first, rest, of_host),
                    (false, "") => (host.to_string(), path, named),
                    (false, container) => (container.to_string(), path, of_host),
                };
                let account = account.ok_or_else(|| {
                    Error::usage(format!("the storage account of {address} is not known")).hint(
                        "set AZURE_STORAGE_ACCOUNT_NAME, or write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/…",
                    )
                })?;
                Place::Azure { account, container, folder }
            }
        })
    }

    /// The usual address of a path in the warehouse: a path, `s3://`, `gs://` or `az://`.
    pub fn url(&self, path: &str) -> String {
        match self {
            Place::Folder(folder) => join(&[folder, path]),
            Place::S3 { bucket, folder, .. } => format!("s3://{}", join(&[bucket, folder, path])),
            Place::Gcs { bucket, folder } => format!("gs://{}", join(&[bucket, folder, path])),
            Place::Azure { container, folder, .. } => format!("az://{}", join(&[container, folder, path])),
        }
    }

    /// The address for Hadoop's clients: Spark's and Trino's.
    pub fn hadoop(&self, path: &str) -> String {
        match self {
            Place::Folder(folder) => format!("file://{}", join(&[folder, path])),
            Place::S3 { bucket, folder, .. } => format!("s3a://{}", join(&[bucket, folder, path])),
            Place::Gcs { .. } => self.url(path),
            Place::Azure { account, container, folder } => {
                format!("abfss://{container}@{account}.dfs.core.windows.net/{}", join(&[folder, path]))
            }
        }
    }
}

fn folder(address: &str) -> Result<Place> {
    let path = local_folder(address).ok_or_else(|| {
        Error::usage(format!("nothing here reads the address {address}")).hint("give a folder, s3://, gs:// or az://")
    })?;
    let wrong = |e| Error::usage(format!("cannot tell the absolute path of {}", path.display())).because(e);
    let path = std::path::absolute(&path).map_err(wrong)?;
    Ok(Place::Folder(path.display().to_string().trim_end_matches('/').to_string()))
}

/// Parts of a path with one slash between them; empty ones are left out.
fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(address: &str) -> [String; 2] {
        let options = [("aws_region", "eu-west-1"), ("azure_storage_account_name", "acme")];
        let options: Vec<_> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let place = Place::of(address, &options).unwrap();
        [place.url("tables/t"), place.hadoop("tables/t")]
    }

    #[test]
    fn an_address_is_spelled_as_each_tool_wants_it() {
        let s3 = ["s3://b/w/tables/t", "s3a://b/w/tables/t"];
        let azure = ["az://c/w/tables/t", "abfss://c@acme.dfs.core.windows.net/w/tables/t"];
        for (address, expected) in [
            ("/data/w", ["/data/w/tables/t", "file:///data/w/tables/t"]),
            ("/data/w/", ["/data/w/tables/t", "file:///data/w/tables/t"]),
            ("file:///data/w", ["/data/w/tables/t", "file:///data/w/tables/t"]),
            ("s3://b/w/", s3),
            ("s3a://b/w", s3),
            ("s3://b", ["s3://b/tables/t", "s3a://b/tables/t"]),
            ("https://s3.eu-west-1.amazonaws.com/b/w", s3),
            ("https://b.s3.eu-west-1.amazonaws.com/w", s3),
            ("gs://b/a/w", ["gs://b/a/w/tables/t", "gs://b/a/w/tables/t"]),
            ("az://c/w", azure),
            ("abfss://c@acme.dfs.core.windows.net/w", azure),
            ("https://acme.blob.core.windows.net/c/w", azure),
        ] {
            assert_eq!(urls(address), expected, "{address}");
        }
    }

    #[test]
    fn region_endpoint_and_account_come_from_address_or_options() {
        let region = |address: &str| match Place::of(address, &[("aws_region".into(), "r".into())]).unwrap() {
            Place::S3 { region, .. } => region,
            other => panic!("{other:?}"),
        };
        assert_eq!(region("s3://b/w").as_deref(), Some("r"));
        assert_eq!(region("https://b.s3.eu-west-1.amazonaws.com/w").as_deref(), Some("eu-west-1"));
        let error = Place::of("az://c/w", &[]).unwrap_err();
        assert!(error.show().contains("AZURE_STORAGE_ACCOUNT_NAME"), "{}", error.show());
    }
}
