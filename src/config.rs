//! Options from `eddyline.toml` and the environment. The only room that reads the environment.
//!
//! Every option can be a flag, an `EDDYLINE_*` variable or a key of the file; a flag wins over a variable, a variable
//! over the file. A key nobody knows is an error that names file and line, and so is an unknown variable.

mod aws_profile;

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file looked for in the working folder.
pub const FILE: &str = "eddyline.toml";
/// What our variables begin with.
pub const PREFIX: &str = "EDDYLINE_";
/// The password of `serve`. A variable only: a flag's value can be read by everyone on the machine.
pub const PG_PASSWORD: &str = "EDDYLINE_PG_PASSWORD";

/// The file, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `--source`
    pub source: Option<String>,
    /// `--warehouse`
    pub warehouse: Option<String>,
    /// `--defs`
    pub defs: Option<PathBuf>,
    /// `--views`
    pub views: Option<PathBuf>,
    /// `--query-memory`
    pub query_memory: Option<String>,
    /// `--threads`
    pub threads: Option<usize>,
    /// `--columns`
    pub columns: Option<String>,
    /// `--schema-budget`
    pub schema_budget: Option<String>,
    /// `--target-object-size`
    pub target_object_size: Option<String>,
    /// `--lateness`
    pub lateness: Option<String>,
    /// `--through`
    pub through: Option<String>,
    /// `--full-scan`
    pub full_scan: Option<String>,
    /// `--lock-wait`
    pub lock_wait: Option<String>,
    /// `--workers`
    pub workers: Option<usize>,
    /// `--prefetch`
    pub prefetch: Option<usize>,
    /// `--types`
    pub types: Option<String>,
    /// `--every`
    pub every: Option<String>,
    /// `--cron`
    pub cron: Option<String>,
    /// `--jitter`
    pub jitter: Option<String>,
    /// `--strict`
    pub strict: Option<bool>,
    /// `--report`
    pub report: Option<String>,
    /// `--log`
    pub log: Option<String>,
    /// `--gap-alert`
    pub gap_alert: Option<String>,
    /// `--check`
    pub check: Option<bool>,
    /// `[tell]`
    pub tell: Tell,
    /// `[serve]`
    pub serve: Serve,
    /// `[dedupe]`
    pub dedupe: Dedupe,
    /// `[limits]`
    pub limits: LimitsSection,
    /// `[store]`: options of the object stores, by `object_store`'s own key names.
    pub store: BTreeMap<String, String>,
}

/// `[dedupe]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dedupe {
    /// `--dedupe-window`, in days.
    pub window: Option<u32>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// `--memory`
    pub memory: Option<String>,
    /// `--max-file-bytes`: what a file may hold unpacked.
    pub file_bytes: Option<String>,
    /// `--max-block-bytes`: what an Avro block may hold unpacked.
    pub block_bytes: Option<String>,
}

/// `[tell]`: who hears how a pass ended. The addresses may be `${env:NAME}`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tell {
    /// `--metrics-file`
    pub metrics_file: Option<PathBuf>,
    /// `--push-gateway`
    pub push_gateway: Option<String>,
    /// `--webhook`
    pub webhook: Option<String>,
}

/// Without the addresses: they may hold secrets.
impl std::fmt::Debug for Tell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tell").field("metrics_file", &self.metrics_file).finish_non_exhaustive()
    }
}

/// `[serve]`: how the warehouse is served. The password itself stands in a file of its own or in a variable.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Serve {
    /// `--pg`
    pub pg: Option<String>,
    /// `--user`
    pub user: Option<String>,
    /// `--password-file`
    pub password_file: Option<PathBuf>,
    /// `--tls-cert`
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`
    pub tls_key: Option<PathBuf>,
    /// `--max-connections`
    pub max_connections: Option<usize>,
}

/// Reads the named file, or `eddyline.toml` in the working folder when there is one.
pub fn read(named: Option<&Path>) -> Result<Config> {
    let path = named.unwrap_or(Path::new(FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(e) => return Err(Error::usage(format!("cannot read {}", path.display())).because(e)),
    };
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, name: &str) -> Result<Config> {
    let mut config: Config = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(0, |s| text.get(..s.start).unwrap_or_default().matches('\n').count() + 1);
        Error::usage(format!("{name}:{line}: {}", without_value(e.message())))
            .hint("`eddyline help load` lists the options; the file's keys have the same names")
    })?;
    let told = [("push_gateway", &mut config.tell.push_gateway), ("webhook", &mut config.tell.webhook)];
    let told = told.into_iter().filter_map(|(key, value)| Some((format!("tell.{key}"), value.as_mut()?)));
    let stores = config.store.iter_mut().map(|(key, value)| (format!("store.{key}"), value));
    for (key, value) in stores.chain(told) {
        *value = resolve(value).map_err(|missing| {
            Error::usage(format!("{name}: {key} refers to the variable {missing}, which is not set"))
        })?;
    }
    Ok(config)
}

/// The first line of what is wrong with the file, without the value that is: it may be a secret.
fn without_value(message: &str) -> String {
    let line = message.lines().next().unwrap_or("not understood");
    match line.strip_prefix("invalid type: ").or(line.strip_prefix("invalid value: ")) {
        Some(rest) => {
            let expected = rest.rfind(", expected ").and_then(|at| rest.get(at..)).unwrap_or_default();
            format!("a value of another type{expected}")
        }
        None => line.to_string(),
    }
}

/// Replaces `${env:NAME}`, so that a file need not hold a secret.
fn resolve(value: &str) -> std::result::Result<String, String> {
    let Some(name) = value.strip_prefix("${env:").and_then(|v| v.strip_suffix('}')) else {
        return Ok(value.to_string());
    };
    std::env::var(name).map_err(|_| name.to_string())
}

/// Refuses variables that look like ours and are not: a misspelt one would be ignored in silence.
pub fn check_environment(known: &[String]) -> Result<()> {
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|n| n.starts_with(PREFIX)) else { continue };
        if !known.iter().any(|k| k == name) {
            return Err(Error::usage(format!("the environment sets {name}, which is no option"))
                .hint(format!("options are {}", known.join(", "))));
        }
    }
    Ok(())
}

/// The options of the object stores: those of the environment that `object_store` reads, then the file's. For S3,
/// `profile` adds the keys of the AWS profile when neither names any.
pub fn store_options(config: &Config, profile: bool) -> Result<Vec<(String, String)>> {
    const READ: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];
    let ambient = std::env::vars().filter(|(name, _)| READ.iter().any(|p| name.starts_with(p)));
    let ambient = ambient.map(|(name, value)| (name.to_lowercase(), value));
    // A token belongs to the key it came with: not to one that the file names.
    let own_key = config.store.keys().any(|k| k.to_lowercase().trim_start_matches("aws_") == "access_key_id");
    let ambient = ambient.filter(|(name, _)| !(own_key && name == "aws_session_token"));
    let mut options: Vec<(String, String)> =
        ambient.chain(config.store.iter().map(|(k, v)| (k.to_lowercase(), v.clone()))).collect();
    if profile {
        options.extend(aws_profile::options(&options, home().as_deref())?);
    }
    Ok(options)
}

/// The password of `serve`, where the environment has one.
pub fn pg_password() -> Option<String> {
    std::env::var(PG_PASSWORD).ok()
}

/// How this program was called, for commands that are shown to be copied.
pub fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "eddyline".to_string())
}

/// Where a person's files lie, for the shell's history.
pub fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// The editor a person chose, as a shell command.
pub fn editor() -> String {
    let chosen = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).ok();
    chosen.filter(|e| !e.trim().is_empty()).unwrap_or_else(|| "vi".into())
}

/// The pager a person chose, as a shell command. Without a choice one that lets wide tables be scrolled sideways.
pub fn pager() -> String {
    std::env::var("PAGER").ok().filter(|p| !p.trim().is_empty()).unwrap_or_else(|| "less -FRSX".into())
}

/// A duration such as `15m` or `48h`.
pub fn duration(option: &str, text: &str) -> Result<Duration> {
    humantime::parse_duration(text).map_err(|e| {
        Error::usage(format!("{option}: `{text}` is not a duration")).because(e).hint("write 90s, 15m, 48h or 7d")
    })
}

/// A size such as `512MiB`.
pub fn size(option: &str, text: &str) -> Result<u64> {
    parse_size::parse_size(text).map_err(|e| {
        Error::usage(format!("{option}: `{text}` is not a size")).because(e.to_string()).hint("write 512MiB or 2GiB")
    })
}

/// The text files of a folder with a given ending: (name, text), sorted.
pub fn folder(option: &str, path: &Path, ending: &str) -> Result<Vec<(String, String)>> {
    let wrong = |e: std::io::Error| Error::usage(format!("{option}: cannot read {}", path.display())).because(e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_some_and(|e| e == ending) {
            let text = std::fs::read_to_string(&path).map_err(wrong)?;
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_file_and_line() {
        let error = parse("source = \"x\"\n\n[limits]\nmemroy = \"1GiB\"\n", "eddyline.toml").unwrap_err();
        assert!(error.what().starts_with("eddyline.toml:4: unknown field `memroy`"), "{}", error.what());
        assert_eq!(error.kind().exit_code(), 2);
    }

    #[test]
    fn the_files_that_the_readme_shows_are_understood() {
        let readme = include_str!("../README.md");
        let shown: Vec<&str> = readme.split("```toml\n").skip(1).filter_map(|t| t.split("```").next()).collect();
        assert!(shown.len() >= 2, "{shown:?}");
        for text in shown {
            let read = toml::from_str::<Config>(text);
            assert!(read.is_ok(), "{text}\n{}", read.unwrap_err());
        }
    }

    #[test]
    fn a_value_is_never_repeated() {
        let texts = [
            "[store]\nazure_storage_account_key = 4711",
            "workers = \"4711\"",
            "strict = \"4711\"",
            "log = [4711]",
            "[tell]\nwebhook = 4711",
        ];
        for text in texts {
            let error = parse(text, "f.toml").unwrap_err().show();
            assert!(error.contains("a value of another type, expected ") && !error.contains("4711"), "{error}");
        }
    }

    #[test]
    fn a_missing_secret_names_the_variable() {
        let error = parse("[store]\naws_secret_access_key = \"${env:NO_SUCH_SECRET_1}\"", "f.toml").unwrap_err();
        assert!(error.what().contains("NO_SUCH_SECRET_1"));
        let error = parse("[tell]\nwebhook = \"${env:NO_SUCH_SECRET_2}\"", "f.toml").unwrap_err();
        assert_eq!(error.what(), "f.toml: tell.webhook refers to the variable NO_SUCH_SECRET_2, which is not set");
    }

    #[test]
    fn an_address_that_is_no_toml_is_not_repeated() {
        for text in ["[tell]\nwebhook = https://h.example/4711", "[tell]\nwebhook = \"https://h.example/4711"] {
            let error = parse(text, "f.toml").unwrap_err().show();
            assert!(!error.contains("4711"), "{error}");
        }
    }

    #[test]
    fn sizes_and_durations_are_read_or_explained() {
        assert_eq!(size("--memory", "2GiB").unwrap(), 2 << 30);
        assert_eq!(duration("--every", "15m").unwrap(), Duration::from_secs(900));
        assert!(size("--memory", "lots").is_err());
        assert!(duration("--every", "soon").is_err());
    }
}
