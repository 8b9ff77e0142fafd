//! The Avro object container: header, blocks, sync markers, four codecs.

use super::avro_record::put_long;
use super::dice::{draw, mix};
use super::options::Codec;
use crate::error::{Error, Result};
use flate2::{Compress, Compression, FlushCompress, Status};

/// A block is closed when its records have this many bytes.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Writes blocks; keeps the compressors and their buffers from file to file.
pub struct Container {
    codec: Codec,
    packed: Vec<u8>,
    deflate: Compress,
    snappy: snap::raw::Encoder,
    zstandard: Option<zstd::bulk::Compressor<'static>>,
}

impl Container {
    /// A writer for one codec.
    pub fn new(codec: Codec) -> Result<Container> {
        let zstandard = match codec {
            Codec::Zstandard => Some(
                zstd::bulk::Compressor::new(1)
                    .map_err(|e| Error::failed("cannot set up the codec zstandard").because(e))?,
            ),
            _ => None,
        };
        Ok(Container {
            codec,
            packed: Vec::new(),
            deflate: Compress::new(Compression::fast(), false),
            snappy: snap::raw::Encoder::new(),
            zstandard,
        })
    }

    /// Appends the header: magic, schema, codec, sync marker.
    pub fn header(&self, to: &mut Vec<u8>, schema: &str, sync: &[u8; 16]) {
        to.extend_from_slice(b"Obj\x01");
        put_long(to, 2);
        for (key, value) in [("avro.schema", schema), ("avro.codec", self.codec.as_str())] {
            for text in [key, value] {
                put_long(to, text.len() as i64);
                to.extend_from_slice(text.as_bytes());
            }
        }
        to.push(0);
        to.extend_from_slice(sync);
    }

    /// Appends a block of so many records and empties `records`.
    pub fn block(&mut self, to: &mut Vec<u8>, count: i64, records: &mut Vec<u8>, sync: &[u8; 16]) -> Result<()> {
        self.packed.clear();
        let broken = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::failed(format!("cannot pack a block with the codec {}", self.codec.as_str())).because(e)
        };
        match self.codec {
            Codec::Null => {}
            Codec::Deflate => {
                self.deflate.reset();
                // Deflate never needs more: stored blocks add 5 bytes for every 16 KB.
                self.packed.reserve(records.len() + records.len() / 1024 + 1024);
                let status = self.deflate.compress_vec(records, &mut self.packed, FlushCompress::Finish);
                match status {
                    Ok(Status::StreamEnd) => {}
                    Ok(_) => return Err(broken("the output does not fit its buffer".into())),
                    Err(e) => return Err(broken(e.into())),
                }
            }
            Codec::Snappy => {
                self.packed.resize(snap::raw::max_compress_len(records.len()), 0);
                let len = self.snappy.compress(records, &mut self.packed).map_err(|e| broken(e.into()))?;
                self.packed.truncate(len);
                self.packed.extend_from_slice(&crc32fast::hash(records).to_be_bytes());
            }
            Codec::Zstandard => {
                if let Some(compressor) = &mut self.zstandard {
                    self.packed.resize(zstd::zstd_safe::compress_bound(records.len()), 0);
                    let len = compressor.compress_to_buffer(records, &mut self.packed).map_err(|e| broken(e.into()))?;
                    self.packed.truncate(len);
                }
            }
        }
        let bytes = if self.codec == Codec::Null { &*records } else { &self.packed };
        put_long(to, count);
        put_long(to, bytes.len() as i64);
        to.extend_from_slice(bytes);
        to.extend_from_slice(sync);
        records.clear();
        Ok(())
    }
}

/// The sync marker of a file.
pub fn sync_marker(seed: u64, file: u64) -> [u8; 16] {
    let high = draw(seed ^ 0x5_19c, file);
    let mut marker = [0; 16];
    marker[..8].copy_from_slice(&high.to_be_bytes());
    marker[8..].copy_from_slice(&mix(high).to_be_bytes());
    marker
}
