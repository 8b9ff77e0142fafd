//! Least-privilege policies for a source and a warehouse, with the real bucket and prefix filled in, ready to paste
//! into a shell. Pure: nothing is asked of a network.

mod azure;
mod gcs;
mod s3;

use super::finding::Side;
use super::place::{Account, Cloud, Place};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// What must be allowed at one address.
#[derive(Debug, Serialize)]
pub struct Policy {
    /// What the address is to Eddyline.
    pub side: Side,
    /// The address.
    pub address: String,
    /// The cloud it is in.
    pub cloud: &'static str,
    /// Words in capitals that the reader replaces.
    pub replace: Vec<&'static str>,
    /// Files to write.
    pub documents: Vec<Document>,
    /// Commands that put them in force.
    pub commands: Vec<String>,
    /// Things to know.
    pub notes: Vec<String>,
}

/// One file of a policy.
#[derive(Debug, Serialize)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// What it is.
    pub what: &'static str,
    /// What it says.
    pub content: Content,
}

/// What a file says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// As JSON.
    Json(Value),
    /// As other text.
    Text(String),
}

impl Document {
    fn text(&self) -> String {
        match &self.content {
            Content::Json(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
            Content::Text(text) => text.trim_end().to_string(),
        }
    }
}

/// The policy for an address.
pub fn policy(side: Side, address: &str, account: &Account) -> Policy {
    let place = Place::of(address);
    match place.cloud {
        Cloud::S3 => s3::policy(side, &place, account),
        Cloud::Gcs => gcs::policy(side, &place),
        Cloud::Azure => azure::policy(side, &place, account),
        Cloud::Folder => {
            let takes = match side {
                Side::Source => "to read and search it: r-x on its folders, r-- on its files",
                Side::Warehouse => "to write in it: rwx on its folders, rw- on its files, and locks (flock)",
            };
            noted(side, &place, format!("the user that runs Eddyline needs {takes}"))
        }
        Cloud::Other => noted(side, &place, "no policy is known for this address".to_string()),
    }
}

fn noted(side: Side, place: &Place, note: String) -> Policy {
    Policy {
        side,
        address: place.address.clone(),
        cloud: place.cloud.name(),
        replace: Vec::new(),
        documents: Vec::new(),
        commands: Vec::new(),
        notes: vec![note],
    }
}

/// Policies as a shell script: remarks are comments, files are written, commands follow.
pub fn text(policies: &[Policy]) -> String {
    let mut out = String::new();
    for policy in policies {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "# {}: {} ({})", role(policy.side), policy.address, policy.cloud);
        for note in &policy.notes {
            let _ = writeln!(out, "# {note}");
        }
        if !policy.replace.is_empty() {
            let _ = writeln!(out, "# replace {}", policy.replace.join(", "));
        }
        for document in &policy.documents {
            let (name, text) = (&document.name, document.text());
            let _ = writeln!(out, "\n# {}\ncat > {name} <<'EOF'\n{text}\nEOF", document.what);
        }
        if !policy.commands.is_empty() {
            let _ = writeln!(out, "\n{}", policy.commands.join("\n"));
        }
    }
    out
}

/// What the address is called.
fn role(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Warehouse => "warehouse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_one_line() {
        let policies = [
            policy(Side::Source, "/data/currents", &Account::default()),
            policy(Side::Warehouse, "memory:///", &Account::default()),
        ];
        insta::assert_snapshot!(text(&policies), @r#"
        # source: /data/currents (a folder)
        # the user that runs Eddyline needs to read and search it: r-x on its folders, r-- on its files

        # warehouse: memory:/// (a store of no known cloud)
        # no policy is known for this address
        "#);
    }
}
