//! What an address means to the cloud it is in: whose store, which bucket, which prefix.

use crate::warehouse::store::local_folder;
use percent_encoding::percent_decode_str;
use url::Url;

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon S3, or another store that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A folder on this machine.
    Folder,
    /// None of these.
    Other,
}

impl Cloud {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Cloud::S3 => "Amazon S3",
            Cloud::Gcs => "Google Cloud Storage",
            Cloud::Azure => "Azure Blob Storage",
            Cloud::Folder => "a folder",
            Cloud::Other => "a store of no known cloud",
        }
    }
}

/// What the options of the stores say beside the address; it fills in policies.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The Azure storage account.
    pub azure: Option<String>,
    /// The AWS region; it tells the partition of an ARN.
    pub region: Option<String>,
}

impl Account {
    /// Picks them out of `object_store`'s options; a later option wins.
    pub fn of(options: &[(String, String)]) -> Account {
        let last = |names: &[&str]| {
            options.iter().rev().find(|(k, _)| names.contains(&k.as_str())).map(|(_, value)| value.clone())
        };
        Account {
            azure: last(&["azure_storage_account_name", "account_name"]),
            region: last(&["aws_region", "region", "aws_default_region", "default_region"]),
        }
    }
}

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address as given.
    pub address: String,
    /// Whose store it is.
    pub cloud: Cloud,
    /// The bucket or container; empty for a folder.
    pub bucket: String,
    /// The prefix without slashes around it; for a folder its path. Empty: the whole bucket.
    pub prefix: String,
    /// The storage account, where the address names it.
    pub account: Option<String>,
}

impl Place {
    /// Takes an address apart. Never fails: what is no address is a store of no known cloud.
    pub fn of(address: &str) -> Place {
        let place = |cloud, bucket: &str, path: &str, account: Option<&str>| Place {
            address: address.to_string(),
            cloud,
            bucket: bucket.to_string(),
            prefix: plain(path),
            account: account.map(str::to_string),
        };
        if let Some(folder) = local_folder(address) {
            return Place { prefix: folder.display().to_string(), ..place(Cloud::Folder, "", "", None) };
        }
        let Ok(url) = Url::parse(address) else { return place(Cloud::Other, "", "", None) };
        let (host, path) = (url.host_str().unwrap_or_default(), url.path());
        let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
        let label = host.split('.').next().unwrap_or_default();
        match url.scheme() {
            "s3" | "s3a" => place(Cloud::S3, host, path, None),
            "gs" => place(Cloud::Gcs, host, path, None),
            "az" | "adl" | "azure" | "abfs" | "abfss" if url.username().is_empty() => {
                place(Cloud::Azure, host, path, None)
            }
            "az" | "adl" | "azure" | "abfs" | "abfss" => place(Cloud::Azure, url.username(), path, Some(label)),
            "https" if host.ends_with("core.windows.net") => place(Cloud::Azure, first, rest, Some(label)),
            "https" if host.ends_with("r2.cloudflarestorage.com") => place(Cloud::S3, first, rest, None),
            "https" if host.ends_with("amazonaws.com") && label == "s3" => place(Cloud::S3, first, rest, None),
            "https" if host.ends_with("amazonaws.com") => place(Cloud::S3, label, path, None),
            _ => place(Cloud::Other, host, path, None),
        }
    }

    /// The prefix as keys begin with it: `currents/`, or nothing for a whole bucket.
    pub fn key_prefix(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }
}

/// A URL's path as a key, the way the store reads it.
fn plain(path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_kind_are_taken_apart() {
        let cases = [
            ("s3://acme/currents/", Cloud::S3, "acme", "currents", None),
            ("s3://acme", Cloud::S3, "acme", "", None),
            ("https://s3.eu-central-1.amazonaws.com/acme/a/b", Cloud::S3, "acme", "a/b", None),
            ("https://acme.s3.eu-central-1.amazonaws.com/a%20b", Cloud::S3, "acme", "a b", None),
            ("https://1234.r2.cloudflarestorage.com/acme/w", Cloud::S3, "acme", "w", None),
            ("gs://acme/w", Cloud::Gcs, "acme", "w", None),
            ("az://box/w", Cloud::Azure, "box", "w", None),
            ("abfss://box@acme.dfs.core.windows.net/w", Cloud::Azure, "box", "w", Some("acme")),
            ("https://acme.blob.core.windows.net/box/w", Cloud::Azure, "box", "w", Some("acme")),
            ("https://acme.blob.core.windows.net/box", Cloud::Azure, "box", "", Some("acme")),
            ("/data/w", Cloud::Folder, "", "/data/w", None),
            ("file:///data/w", Cloud::Folder, "", "/data/w", None),
            ("memory:///", Cloud::Other, "", "", None),
        ];
        for (address, cloud, bucket, prefix, account) in cases {
            let found = Place::of(address);
            let seen = (found.cloud, found.bucket.as_str(), found.prefix.as_str(), found.account.as_deref());
            assert_eq!(seen, (cloud, bucket, prefix, account), "{address}");
        }
    }

    #[test]
    fn the_account_comes_from_the_options() {
        let pair = |k: &str, v: &str| (k.to_string(), v.to_string());
        let options = [pair("azure_storage_account_name", "old"), pair("account_name", "acme"), pair("region", "cn-1")];
        let account = Account::of(&options);
        assert_eq!((account.azure.as_deref(), account.region.as_deref()), (Some("acme"), Some("cn-1")));
    }
}
