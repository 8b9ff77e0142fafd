//! What a cell's footer says about it beside Parquet's own facts: which files its rows came from, and a fingerprint.
//! It is enough to rebuild the log from the cells.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Footer keys.
pub const FILES: &str = "eddyline.files";
/// XXH3-128 over the column data and the list of files.
pub const FINGERPRINT: &str = "eddyline.fingerprint";
/// How many slots the cell's day has.
pub const SLOTS: &str = "eddyline.slots";
/// The version of what is written here.
pub const FORMAT: &str = "eddyline.format";
/// The value of [`FORMAT`].
pub const FORMAT_VERSION: &str = "1";

/// One source file a cell holds rows of, with its share of the accounting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellFile {
    /// The file's key in the source.
    pub key: String,
    /// The file's ETag when it was read.
    pub e_tag: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Records of this table read from it.
    pub read: u64,
    /// Of those, how many became rows of this cell.
    pub new: u64,
    /// How many were stored already, here or in a neighbouring cell.
    pub duplicates: u64,
    /// How many were rejected.
    pub rejected: u64,
}

/// The facts of one cell, as its footer states them.
#[derive(Debug, Clone, PartialEq)]
pub struct CellFooter {
    /// The files.
    pub files: Vec<CellFile>,
    /// The fingerprint: `<32 hex digits>:<bytes of column data>`.
    pub fingerprint: String,
    /// How many slots the day has.
    pub slots: u8,
}

impl CellFooter {
    /// Reads the facts from key/value metadata.
    pub fn from_pairs<'a>(path: &str, pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Result<CellFooter> {
        let mut footer = CellFooter { files: Vec::new(), fingerprint: String::new(), slots: 1 };
        let mut known = false;
        for (key, value) in pairs {
            let Some(value) = value else { continue };
            match key {
                FORMAT if value != FORMAT_VERSION => {
                    return Err(Error::failed(format!("{path} was written in format {value}"))
                        .hint("a newer Eddyline wrote this warehouse: use that version"));
                }
                FORMAT => known = true,
                FILES => {
                    footer.files = serde_json::from_str(value).map_err(|e| {
                        Error::failed(format!("cannot read the file list in the footer of {path}")).because(e)
                    })?;
                }
                FINGERPRINT => footer.fingerprint = value.to_string(),
                SLOTS => footer.slots = value.parse().unwrap_or(1),
                _ => {}
            }
        }
        if !known {
            return Err(Error::failed(format!("{path} was not written by Eddyline"))
                .hint("move it out of the warehouse's tables/ folder"));
        }
        Ok(footer)
    }

    /// Whether the cell already holds this version of a file.
    pub fn holds(&self, key: &str, e_tag: Option<&str>, size: u64) -> bool {
        self.files.iter().any(|f| f.key == key && f.e_tag.as_deref() == e_tag && f.size == size)
    }
}

/// A fingerprint from its parts.
pub fn fingerprint(data: u128, bytes: u64, files: &str) -> String {
    let mut all = Vec::with_capacity(16 + files.len());
    all.extend_from_slice(&data.to_le_bytes());
    all.extend_from_slice(files.as_bytes());
    format!("{:032x}:{bytes}", xxhash_rust::xxh3::xxh3_128(&all))
}
