//! IAM policies for S3.

use super::super::finding::Side;
use super::super::permission::PROBES;
use super::super::place::{Account, Place};
use super::{Content, Document, Policy, role};
use serde_json::{Value, json};

/// The policy of a source or a warehouse in S3.
pub fn policy(side: Side, place: &Place, account: &Account) -> Policy {
    let name = format!("eddyline-{}", role(side));
    let partition = partition(account);
    let bucket = format!("arn:{partition}:s3:::{}", place.bucket);
    let under = literal(&place.key_prefix());
    let objects = format!("{bucket}/{under}*");
    let mut statements = vec![list(&bucket, &under)];
    statements.push(match side {
        Side::Source => json!({ "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": objects }),
        Side::Warehouse => json!({
            "Sid": "ReadAndWrite", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": objects,
        }),
    });
    if side == Side::Warehouse {
        statements.push(json!({
            "Sid": "DoctorTidiesUp", "Effect": "Allow", "Action": "s3:DeleteObject",
            "Resource": format!("{bucket}/{under}{PROBES}/*"),
        }));
    }
    let key = match side {
        Side::Source => json!(["kms:Decrypt"]),
        Side::Warehouse => json!(["kms:Decrypt", "kms:GenerateDataKey"]),
    };
    let key = json!({
        "Sid": "UseTheKey", "Effect": "Allow", "Action": key,
        "Resource": format!("arn:{partition}:kms:REGION:ACCOUNT:key/KEY"),
    });
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Policy {
        side,
        address: place.address.clone(),
        cloud: place.cloud.name(),
        replace: vec!["ACCOUNT", "ROLE"],
        documents: vec![Document {
            name: format!("{name}.json"),
            what: "an IAM policy for the role or user that runs Eddyline",
            content: Content::Json(document),
        }],
        commands: vec![
            format!("aws iam create-policy --policy-name {name} --policy-document file://{name}.json"),
            format!(
                "aws iam attach-role-policy --role-name ROLE --policy-arn arn:{partition}:iam::ACCOUNT:policy/{name}"
            ),
        ],
        notes: vec![
            format!("encrypted with a KMS key (SSE-KMS)? Add this statement: {key}"),
            format!(
                "the bucket is another account's? Its bucket policy needs the same statements, each with \
                 \"Principal\": {{\"AWS\": \"arn:{partition}:iam::ACCOUNT:role/ROLE\"}}"
            ),
        ],
    }
}

/// Listing is allowed on the bucket and held to the prefix. It is also what makes S3 say of a missing object that it is
/// missing, and not that it is forbidden.
fn list(bucket: &str, under: &str) -> Value {
    let mut statement = json!({ "Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket });
    if let (false, Some(fields)) = (under.is_empty(), statement.as_object_mut()) {
        fields.insert("Condition".to_string(), json!({ "StringLike": { "s3:prefix": format!("{under}*") } }));
    }
    statement
}

/// A prefix as IAM takes it by the letter.
fn literal(prefix: &str) -> String {
    prefix.chars().map(|c| if matches!(c, '*' | '?' | '$') { format!("${{{c}}}") } else { c.to_string() }).collect()
}

/// The first part of an ARN, by the region.
fn partition(account: &Account) -> &'static str {
    match account.region.as_deref() {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(side: Side, address: &str, account: &Account) -> Value {
        let policy = policy(side, &Place::of(address), account);
        serde_json::from_str(&policy.documents[0].text()).unwrap()
    }

    #[test]
    fn a_source_is_listed_and_read_and_no_more() {
        let policy = document(Side::Source, "s3://acme/currents", &Account::default());
        assert_eq!(
            policy["Statement"],
            json!([
                {
                    "Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::acme",
                    "Condition": { "StringLike": { "s3:prefix": "currents/*" } }
                },
                {
                    "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::acme/currents/*"
                },
            ])
        );
    }

    #[test]
    fn a_warehouse_is_written_and_only_probes_are_deleted() {
        let policy = document(Side::Warehouse, "s3://acme", &Account::default());
        assert!(policy["Statement"][0].get("Condition").is_none(), "{policy}");
        assert_eq!(policy["Statement"][1]["Action"], json!(["s3:GetObject", "s3:PutObject"]));
        assert_eq!(policy["Statement"][1]["Resource"], "arn:aws:s3:::acme/*");
        assert_eq!(policy["Statement"][2]["Resource"], "arn:aws:s3:::acme/meta/doctor/*");
    }

    #[test]
    fn odd_prefixes_and_other_partitions() {
        let china = Account { region: Some("cn-north-1".into()), ..Account::default() };
        let policy = document(Side::Source, "s3://acme/a*b$", &china);
        assert_eq!(policy["Statement"][1]["Resource"], "arn:aws-cn:s3:::acme/a${*}b${$}/*");
    }
}
