//! Custom roles and bindings for Google Cloud Storage.

use super::super::finding::Side;
use super::super::place::Place;
use super::{Content, Document, Policy, role};

/// The policy of a source or a warehouse in Google Cloud Storage.
pub fn policy(side: Side, place: &Place) -> Policy {
    let name = format!("eddyline-{}", role(side));
    // Ids of roles have no hyphens.
    let id = name.replace('-', "_");
    let bucket = &place.bucket;
    let permissions: &[&str] = match side {
        Side::Source => &["storage.objects.list", "storage.objects.get"],
        Side::Warehouse => {
            &["storage.objects.list", "storage.objects.get", "storage.objects.create", "storage.objects.delete"]
        }
    };
    let mut yaml = format!("title: Eddyline {}\nstage: GA\nincludedPermissions:\n", role(side));
    for permission in permissions {
        yaml += &format!("- {permission}\n");
    }
    let mut documents = vec![Document {
        name: format!("{name}-role.yaml"),
        what: "a role with what Eddyline needs and no more",
        content: Content::Text(yaml),
    }];
    let mut bind = format!(
        "gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=serviceAccount:SERVICE_ACCOUNT \
         --role=projects/PROJECT/roles/{id}"
    );
    let mut notes = Vec::new();
    if side == Side::Warehouse {
        notes.push(
            "to replace an object takes storage.objects.delete here; beside that only the doctor deletes, its own probes"
                .to_string(),
        );
    }
    if let Some(condition) = condition(place) {
        let file = format!("{name}-condition.json");
        bind += &format!(" --condition-from-file={file}");
        notes.push("conditions need uniform bucket-level access".to_string());
        documents.push(Document {
            name: file,
            what: "holds the role to the prefix: objects by their names, listings by what they ask for",
            content: Content::Json(serde_json::json!({ "title": name, "expression": condition })),
        });
    }
    Policy {
        side,
        address: place.address.clone(),
        cloud: place.cloud.name(),
        replace: vec!["PROJECT", "SERVICE_ACCOUNT (its address)"],
        documents,
        commands: vec![format!("gcloud iam roles create {id} --project=PROJECT --file={name}-role.yaml"), bind],
        notes,
    }
}

/// The condition that holds a binding to the prefix; none for a whole bucket. A listing is a request to the bucket, so
/// the names of objects do not bind it.
fn condition(place: &Place) -> Option<String> {
    if place.prefix.is_empty() {
        return None;
    }
    let under = place.key_prefix().replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!(
        "resource.name.startsWith(\"projects/_/buckets/{}/objects/{under}\") || \
         api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"{under}\")",
        place.bucket
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_held_to_its_prefix() {
        let policy = policy(Side::Source, &Place::of("gs://acme/currents"));
        assert_eq!(
            policy.documents[0].text(),
            "title: Eddyline source\nstage: GA\nincludedPermissions:\n- storage.objects.list\n- storage.objects.get"
        );
        let condition: serde_json::Value = serde_json::from_str(&policy.documents[1].text()).unwrap();
        assert_eq!(
            condition["expression"],
            "resource.name.startsWith(\"projects/_/buckets/acme/objects/currents/\") || \
             api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"currents/\")"
        );
        assert!(policy.commands[1].contains("gs://acme ") && policy.commands[1].contains("roles/eddyline_source"));
        assert!(policy.commands[1].ends_with("--condition-from-file=eddyline-source-condition.json"));
    }

    #[test]
    fn a_whole_bucket_takes_no_condition_and_replacing_takes_delete() {
        let policy = policy(Side::Warehouse, &Place::of("gs://acme"));
        assert_eq!(policy.documents.len(), 1);
        assert!(policy.documents[0].text().contains("- storage.objects.delete"));
        assert!(!policy.commands[1].contains("--condition"));
    }
}
