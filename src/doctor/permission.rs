//! Which permission an operation takes, in the words of the cloud it is done in.

use super::place::{Cloud, Place};

/// What an operation needs to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To list the keys under the prefix.
    List,
    /// To read an object.
    Read,
    /// To write an object that does not exist.
    Create,
    /// To write over an object that exists.
    Replace,
    /// To delete a probe under `meta/doctor/`.
    Delete,
    /// Nothing beyond what other checks asked for.
    Nothing,
}

/// Where the probes lie, within the warehouse.
pub const PROBES: &str = "meta/doctor";

/// The permission in the cloud's words, with the resource it must be given on; `None` where there is no such word.
pub fn permission(place: &Place, need: Need) -> Option<String> {
    let under = place.key_prefix();
    let objects = match need {
        Need::Delete => format!("{under}{PROBES}/*"),
        _ => format!("{under}*"),
    };
    let bucket = &place.bucket;
    let text = match (place.cloud, need) {
        (_, Need::Nothing) | (Cloud::Other, _) => return None,
        (Cloud::S3, Need::List) if under.is_empty() => format!("s3:ListBucket on arn:aws:s3:::{bucket}"),
        (Cloud::S3, Need::List) => format!("s3:ListBucket on arn:aws:s3:::{bucket} for the prefix {under}*"),
        (Cloud::S3, Need::Read) => format!("s3:GetObject on arn:aws:s3:::{bucket}/{objects}"),
        (Cloud::S3, Need::Create) => format!("s3:PutObject on arn:aws:s3:::{bucket}/{objects}"),
        (Cloud::S3, Need::Replace) => format!("s3:PutObject and s3:GetObject on arn:aws:s3:::{bucket}/{objects}"),
        (Cloud::S3, Need::Delete) => format!("s3:DeleteObject on arn:aws:s3:::{bucket}/{objects}"),
        (Cloud::Gcs, Need::List) => format!("storage.objects.list on the bucket {bucket}"),
        (Cloud::Gcs, Need::Read) => format!("storage.objects.get on gs://{bucket}/{objects}"),
        (Cloud::Gcs, Need::Create) => format!("storage.objects.create on gs://{bucket}/{objects}"),
        (Cloud::Gcs, Need::Replace) => {
            format!("storage.objects.delete (to replace an object takes it) on gs://{bucket}/{objects}")
        }
        (Cloud::Gcs, Need::Delete) => format!("storage.objects.delete on gs://{bucket}/{objects}"),
        (Cloud::Azure, Need::List) => format!("{}, or `l` in the SAS, {}", action("read"), container(place)),
        (Cloud::Azure, Need::Read) => format!("{}, or `r` in the SAS, {}", action("read"), container(place)),
        (Cloud::Azure, Need::Create) => format!("{}, or `c` in the SAS, {}", action("write"), container(place)),
        (Cloud::Azure, Need::Replace) => format!("{}, or `w` in the SAS, {}", action("write"), container(place)),
        (Cloud::Azure, Need::Delete) => format!("{}, or `d` in the SAS, {}", action("delete"), container(place)),
        (Cloud::Folder, Need::List) => format!("to read and search the folder {} (r-x)", place.prefix),
        (Cloud::Folder, Need::Read) => format!("to read the files in {} (r--)", place.prefix),
        (Cloud::Folder, _) => format!("to write in the folder {} (rwx)", place.prefix),
    };
    Some(text)
}

/// A data action of Azure's role definitions.
pub fn action(verb: &str) -> String {
    format!("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{verb}")
}

fn container(place: &Place) -> String {
    format!("on the container {}", place.bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_is_asked_in_its_own_words() {
        let said = |address: &str, need| permission(&Place::of(address), need).unwrap_or_default();
        assert_eq!(said("s3://acme/w", Need::List), "s3:ListBucket on arn:aws:s3:::acme for the prefix w/*");
        assert_eq!(said("s3://acme", Need::Read), "s3:GetObject on arn:aws:s3:::acme/*");
        assert_eq!(said("s3://acme/w", Need::Delete), "s3:DeleteObject on arn:aws:s3:::acme/w/meta/doctor/*");
        assert!(said("gs://acme/w", Need::Replace).starts_with("storage.objects.delete"));
        assert!(said("az://box/w", Need::List).contains("containers/blobs/read"));
        assert_eq!(said("memory:///", Need::Read), "");
        assert_eq!(said("s3://acme/w", Need::Nothing), "");
    }
}
