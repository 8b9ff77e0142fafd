//! Custom roles and role assignments for Azure Blob Storage.

use super::super::finding::Side;
use super::super::permission::{PROBES, action};
use super::super::place::{Account, Place};
use super::{Content, Document, Policy, role};
use serde_json::json;

/// The policy of a source or a warehouse in Azure Blob Storage.
pub fn policy(side: Side, place: &Place, account: &Account) -> Policy {
    let name = format!("eddyline-{}", role(side));
    let account = place.account.clone().or_else(|| account.azure.clone());
    let mut replace = vec!["SUBSCRIPTION", "RESOURCE_GROUP", "PRINCIPAL (an object id)"];
    if account.is_none() {
        replace.push("STORAGE_ACCOUNT");
    }
    let account = account.unwrap_or_else(|| "STORAGE_ACCOUNT".to_string());
    let group = "/subscriptions/SUBSCRIPTION/resourceGroups/RESOURCE_GROUP";
    let verbs: &[&str] = match side {
        Side::Source => &["read"],
        Side::Warehouse => &["read", "write", "delete"],
    };
    let definition = json!({
        "Name": format!("Eddyline {}", role(side)),
        "IsCustom": true,
        "Description": "What Eddyline needs and no more",
        "Actions": [],
        "NotActions": [],
        "DataActions": verbs.iter().map(|verb| action(verb)).collect::<Vec<_>>(),
        "NotDataActions": [],
        "AssignableScopes": [group],
    });
    let mut documents = vec![Document {
        name: format!("{name}-role.json"),
        what: "a role with what Eddyline needs; to list blobs is part of blobs/read",
        content: Content::Json(definition),
    }];
    let mut assign = format!(
        "az role assignment create --assignee PRINCIPAL --role \"Eddyline {}\" --scope \
         {group}/providers/Microsoft.Storage/storageAccounts/{account}/blobServices/default/containers/{}",
        role(side),
        place.bucket
    );
    if let Some(condition) = condition(side, place) {
        let file = format!("{name}-condition.txt");
        assign += &format!(" --condition \"$(cat {file})\" --condition-version 2.0");
        documents.push(Document {
            name: file,
            what: match side {
                Side::Source => "holds the role to the prefix",
                Side::Warehouse => "holds the role to the prefix, and deleting to the doctor's probes",
            },
            content: Content::Text(condition),
        });
    }
    let letters = match side {
        Side::Source => "rl (read, list)",
        Side::Warehouse => "rcwl (read, create, write, list), and d if the doctor is to delete its probes",
    };
    Policy {
        side,
        address: place.address.clone(),
        cloud: place.cloud.name(),
        replace,
        documents,
        commands: vec![format!("az role definition create --role-definition @{name}-role.json"), assign],
        notes: vec![format!("with a SAS of the container instead of a role: the permissions {letters}")],
    }
}

/// The condition of the assignment; none where the whole container may be used as the role says.
fn condition(side: Side, place: &Place) -> Option<String> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let under = place.key_prefix();
    let containers = "Microsoft.Storage/storageAccounts/blobServices/containers";
    let path = |under: &str| format!("@Resource[{containers}/blobs:path] StringStartsWith '{}'", quoted(under));
    let asked = |under: &str| format!("@Request[{containers}/blobs:prefix] StringStartsWith '{}'", quoted(under));
    let only =
        |verb: &str, which: &str, may: String| format!("((!(ActionMatches{{'{}'}}{which})) OR ({may}))", action(verb));
    let mut parts = Vec::new();
    if !under.is_empty() {
        parts.push(only("read", " AND NOT SubOperationMatches{'Blob.List'}", path(&under)));
        parts.push(only("read", " AND SubOperationMatches{'Blob.List'}", asked(&under)));
        if side == Side::Warehouse {
            parts.push(only("write", "", path(&under)));
        }
    }
    if side == Side::Warehouse {
        parts.push(only("delete", "", path(&format!("{under}{PROBES}/"))));
    }
    if parts.is_empty() { None } else { Some(parts.join("\nAND\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn told(side: Side, address: &str) -> (Value, Option<String>, Policy) {
        let account = Account { azure: Some("fromoptions".into()), ..Account::default() };
        let policy = policy(side, &Place::of(address), &account);
        let definition = serde_json::from_str(&policy.documents[0].text()).unwrap();
        (definition, policy.documents.get(1).map(Document::text), policy)
    }

    #[test]
    fn a_source_is_read_within_its_prefix() {
        let (definition, condition, policy) = told(Side::Source, "abfss://box@acme.dfs.core.windows.net/currents");
        assert_eq!(
            definition["DataActions"],
            json!(["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"])
        );
        let condition = condition.unwrap();
        assert!(condition.contains("blobs:path] StringStartsWith 'currents/'"), "{condition}");
        assert!(condition.contains("blobs:prefix] StringStartsWith 'currents/'"), "{condition}");
        assert!(policy.commands[1].contains("storageAccounts/acme/blobServices/default/containers/box"));
        assert!(!policy.replace.contains(&"STORAGE_ACCOUNT"));
    }

    #[test]
    fn a_warehouse_deletes_only_probes_even_with_a_container_of_its_own() {
        let (definition, condition, policy) = told(Side::Warehouse, "az://box");
        assert_eq!(definition["DataActions"].as_array().unwrap().len(), 3);
        let condition = condition.unwrap();
        assert!(condition.contains("blobs/delete") && condition.contains("'meta/doctor/'"), "{condition}");
        assert!(!condition.contains("blobs/read"), "{condition}");
        assert!(policy.commands[1].contains("storageAccounts/fromoptions/"));
    }

    #[test]
    fn brackets_of_a_condition_match() {
        for (side, address) in [(Side::Source, "az://box/a"), (Side::Warehouse, "az://box/a/b")] {
            let text = told(side, address).1.unwrap();
            for (open, close) in [("(", ")"), ("{", "}"), ("[", "]")] {
                assert_eq!(text.matches(open).count(), text.matches(close).count(), "{text}");
            }
        }
    }
}
