//! The metrics as a file for node_exporter's textfile collector, which reads every `*.prom` of a folder at any moment:
//! it is there whole or not at all.

use super::metrics::LAST_SUCCESS;
use crate::error::{Error, Result};
use chrono::{DateTime, Utc};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Replaces the file in one rename.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let beside = beside(path);
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(|e| {
        let _ = std::fs::remove_file(&beside);
        Error::failed(format!("cannot write the metrics to {}", path.display())).because(e)
    })
}

/// A name in the same folder that a collector of `*.prom` passes over.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// When a pass last went well, as the file there says.
pub fn last_success(path: &Path) -> Option<DateTime<Utc>> {
    let text = std::fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(LAST_SUCCESS)?.strip_prefix(' '))?;
    DateTime::from_timestamp_millis((value.trim().parse::<f64>().ok()? * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_remembers_the_last_success() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eddyline.prom");
        assert_eq!(last_success(&path), None);
        write(&path, &format!("# HELP {LAST_SUCCESS} When.\n{LAST_SUCCESS} 1772330401.5\n")).unwrap();
        assert_eq!(last_success(&path).unwrap().to_rfc3339(), "2026-03-01T02:00:01.500+00:00");
        write(&path, "other 1\n").unwrap();
        assert_eq!(last_success(&path), None);
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["eddyline.prom"]);
    }

    #[test]
    fn what_cannot_be_replaced_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("taken.prom");
        std::fs::create_dir(&folder).unwrap();
        let error = write(&folder, "x 1\n").unwrap_err();
        assert!(error.what().starts_with("cannot write the metrics to "), "{}", error.what());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write(&dir.path().join("no/such/folder.prom"), "x 1\n").is_err());
    }
}
