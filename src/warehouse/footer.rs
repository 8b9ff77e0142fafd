//! What a cell's footer says about it beside Parquet's own facts: which files its rows came from, and a fingerprint.
//! It is enough to rebuild the log from the cells.

use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

/// Footer keys. The list of files is JSON, or, where that is shorter, `zstd:` and compressed JSON in base64.
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
    #[serde(with = "super::shared_text")]
    pub key: Arc<str>,
    /// The file's ETag when it was read.
    #[serde(default, with = "super::shared_text::optional")]
    pub e_tag: Option<Arc<str>>,
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
                    let wrong = || Error::failed(format!("cannot read the file list in the footer of {path}"));
                    let list = unpacked(value).map_err(|e| wrong().because(e))?;
                    footer.files = serde_json::from_str(&list).map_err(|e| wrong().because(e))?;
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
        self.files.iter().any(|f| *f.key == *key && f.e_tag.as_deref() == e_tag && f.size == size)
    }
}

/// What marks a compressed list of files.
const PACKED: &str = "zstd:";
/// What a list of files may have at most: a cell of a day of 24 slots, each with millions of files, stays below.
const LIST_BYTES: u64 = 1 << 30;

/// The list of files as it is put into a footer. With twenty events a file, JSON as it is would be a fifth of a cell.
pub fn packed(files: String) -> std::io::Result<String> {
    let compressed = zstd::bulk::compress(files.as_bytes(), zstd::DEFAULT_COMPRESSION_LEVEL)?;
    let packed = PACKED.len() + compressed.len().div_ceil(3) * 4;
    if packed >= files.len() {
        return Ok(files);
    }
    let mut text = String::with_capacity(packed);
    text.push_str(PACKED);
    BASE64.encode_string(compressed, &mut text);
    Ok(text)
}

/// The list of files, as JSON, from what a footer has.
pub fn unpacked(value: &str) -> std::io::Result<Cow<'_, str>> {
    let Some(encoded) = value.strip_prefix(PACKED) else { return Ok(value.into()) };
    let compressed = BASE64.decode(encoded).map_err(std::io::Error::other)?;
    let mut list = String::new();
    let read = zstd::Decoder::new(compressed.as_slice())?.take(LIST_BYTES).read_to_string(&mut list)?;
    if read as u64 == LIST_BYTES {
        return Err(std::io::Error::other("it is longer than any list of files"));
    }
    Ok(list.into())
}

/// A fingerprint from its parts.
pub fn fingerprint(data: u128, bytes: u64, files: &str) -> String {
    let mut all = Vec::with_capacity(16 + files.len());
    all.extend_from_slice(&data.to_le_bytes());
    all.extend_from_slice(files.as_bytes());
    format!("{:032x}:{bytes}", xxhash_rust::xxh3::xxh3_128(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(files: usize) -> String {
        let file = |n: usize| CellFile {
            key: format!("p/event_type=users.x.Y/date=2026-03-01-04/p+0+{n:010}.avro").into(),
            e_tag: Some(format!("{n:x}-0").into()),
            size: 1_000 + n as u64,
            read: 20,
            new: 19,
            duplicates: 1,
            rejected: 0,
        };
        serde_json::to_string(&(0..files).map(file).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn long_lists_are_compressed_and_short_ones_stay_readable() {
        for (files, most) in [(0, 2), (1, 150), (1_000, 15_000)] {
            let list = list(files);
            let packed = packed(list.clone()).unwrap();
            assert!(packed.len() <= most, "{files} files: {} bytes of {}", packed.len(), list.len());
            assert_eq!(unpacked(&packed).unwrap(), list);
        }
        assert_eq!(packed(list(0)).unwrap(), "[]");
    }

    #[test]
    fn a_damaged_list_is_an_error_that_names_the_cell() {
        let whole = packed(list(100)).unwrap();
        let cut = whole.get(..whole.len() / 2).unwrap();
        for damaged in [cut, "zstd:", "zstd:!!", "{"] {
            let pairs = [(FORMAT, Some(FORMAT_VERSION)), (FILES, Some(damaged))];
            let error = CellFooter::from_pairs("tables/t/x.parquet", pairs.into_iter()).unwrap_err();
            assert!(error.to_string().contains("the footer of tables/t/x.parquet"), "{error}");
        }
    }
}
