//! The keys of an AWS profile, from the files that the AWS command line keeps. The S3 client reads none of them.
//!
//! Only keys written there are taken. A profile that names a role, a process or a sign-on would need AWS's own client;
//! `aws configure export-credentials --format env` turns those into variables.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a profile says, by the S3 client's names.
const KEYS: [(&str, &str); 5] = [
    ("aws_access_key_id", "aws_access_key_id"),
    ("aws_secret_access_key", "aws_secret_access_key"),
    ("aws_session_token", "aws_session_token"),
    ("region", "aws_region"),
    ("endpoint_url", "aws_endpoint"),
];
/// Options that say where credentials come from. With one of them a profile is asked only when it is named.
const OTHERS: [&str; 4] = [
    "aws_web_identity_token_file",
    "aws_container_credentials_relative_uri",
    "aws_container_credentials_full_uri",
    "aws_skip_signature",
];

/// The options a profile adds to those given: the one `AWS_PROFILE` names, or `default`. Keys given count more.
pub fn options(given: &[(String, String)], home: Option<&Path>) -> Result<Vec<(String, String)>> {
    // The client takes each name with and without `aws_`.
    let of = |name: &str| {
        let bare = |k: &str| k.strip_prefix("aws_").unwrap_or(k).to_string();
        given.iter().rev().find(|(k, _)| bare(k) == bare(name)).map(|(_, v)| v.as_str())
    };
    let named = of("aws_profile");
    if of("aws_access_key_id").is_some() || (named.is_none() && OTHERS.iter().any(|name| of(name).is_some())) {
        return Ok(Vec::new());
    }
    let name = named.unwrap_or("default");
    let file = |variable: &str, usual: &str| -> Option<PathBuf> {
        of(variable).map(PathBuf::from).or_else(|| Some(home?.join(".aws").join(usual)))
    };
    let mut found: HashMap<String, String> = HashMap::new();
    for (path, section) in [
        (
            file("aws_config_file", "config"),
            if name == "default" { name.to_string() } else { format!("profile {name}") },
        ),
        (file("aws_shared_credentials_file", "credentials"), name.to_string()),
    ] {
        let Some(text) = path.and_then(|path| std::fs::read_to_string(path).ok()) else { continue };
        found.extend(section_of(&text, &section));
    }
    if named.is_some() && !found.contains_key("aws_access_key_id") {
        let error = Error::usage(format!("the AWS profile {name} has no access key"));
        return Err(if found.is_empty() {
            error.because("no such profile is in ~/.aws/config or ~/.aws/credentials")
        } else {
            error.hint(format!(
                "a profile with a role or sign-on: eval \"$(aws configure export-credentials --profile {name} --format env)\""
            ))
        });
    }
    let other = |option: &str| match option {
        "aws_region" => of("aws_default_region"),
        "aws_endpoint" => of("aws_endpoint_url"),
        _ => None,
    };
    let missing = KEYS.iter().filter(|(_, option)| of(option).is_none() && other(option).is_none());
    Ok(missing.filter_map(|(key, option)| Some((option.to_string(), found.get(*key)?.clone()))).collect())
}

/// The `key = value` lines of one `[section]`. Indented lines belong to nested settings, which are not ours.
fn section_of(text: &str, section: &str) -> HashMap<String, String> {
    let mut inside = false;
    let mut found = HashMap::new();
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = name.trim() == section;
        } else if let Some((key, value)) =
            line.split_once('=').filter(|_| inside && !line.starts_with([' ', '\t', '#']))
        {
            found.insert(key.trim().to_string(), value.trim().to_string());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(
            home.path().join(".aws/config"),
            "[default]\nregion = eu-west-1\ns3 =\n  region = nested\n[profile night]\nregion=eu-central-1\n\
             [profile sso]\nsso_session = x\n",
        )
        .unwrap();
        std::fs::write(
            home.path().join(".aws/credentials"),
            "# comment\n[default]\naws_access_key_id = A\naws_secret_access_key = B\n\
             [night]\naws_access_key_id=C\naws_secret_access_key=D\naws_session_token = E==\n",
        )
        .unwrap();
        home
    }

    fn found(given: &[(&str, &str)]) -> Result<Vec<String>> {
        let given: Vec<_> = given.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let home = home();
        Ok(options(&given, Some(home.path()))?.into_iter().map(|(k, v)| format!("{k}={v}")).collect())
    }

    #[test]
    fn a_profile_fills_in_what_is_not_given() {
        assert_eq!(found(&[]).unwrap(), ["aws_access_key_id=A", "aws_secret_access_key=B", "aws_region=eu-west-1"]);
        assert_eq!(
            found(&[("aws_profile", "night"), ("aws_region", "mine")]).unwrap(),
            ["aws_access_key_id=C", "aws_secret_access_key=D", "aws_session_token=E=="]
        );
    }

    #[test]
    fn other_credentials_go_before_a_profile_nobody_named() {
        assert!(found(&[("aws_access_key_id", "X")]).unwrap().is_empty());
        assert!(found(&[("access_key_id", "X")]).unwrap().is_empty());
        assert_eq!(found(&[("aws_default_region", "x")]).unwrap().len(), 2);
        assert!(found(&[("aws_web_identity_token_file", "/t")]).unwrap().is_empty());
        assert_eq!(found(&[("aws_web_identity_token_file", "/t"), ("aws_profile", "night")]).unwrap().len(), 4);
    }

    #[test]
    fn a_named_profile_without_keys_is_a_mistake() {
        for name in ["nobody", "sso"] {
            let error = found(&[("aws_profile", name)]).unwrap_err();
            assert!(error.show().contains(name), "{}", error.show());
            assert_eq!(error.kind().exit_code(), 2);
        }
    }
}
