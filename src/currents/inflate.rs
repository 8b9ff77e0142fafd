//! Decompression that stops at a limit WHILE it decompresses, so that no bomb is ever unpacked to be measured.
//!
//! The output buffer is handed in and keeps its length between calls: blocks of one file share it, and memory is
//! cleared only once. A caller reads the first `n` bytes, `n` being what the call returned.

use super::source_file::Compression;
use super::{Damage, Limits, Reason};
use flate2::FlushDecompress;
use std::borrow::Cow;
use zstd::stream::raw::Operation as _;

/// What an Avro block or a whole file is compressed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
    Bzip2,
    Xz,
    Gzip,
}

/// Why decompression stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// More output than the limit.
    TooLarge,
    /// The data is wrong, and how.
    Bad(&'static str),
}

/// liblzma may ask for a dictionary of this size; its strongest preset needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;
/// Snappy cannot expand more: its densest element turns 3 bytes into 64.
const SNAPPY_RATIO: usize = 22;
/// Each member costs a fresh start; a file made of millions of tiny ones would take minutes.
const MOST_MEMBERS: usize = 100_000;
const FIRST_GUESS: usize = 16 << 10;

/// Unpacks `input` into `out`, at most `limit` bytes; returns how many. All of `input` must be used up.
pub(super) fn inflate(codec: Codec, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, Fault> {
    match codec {
        Codec::Null => {
            if input.len() > limit {
                return Err(Fault::TooLarge);
            }
            out.clear();
            out.extend_from_slice(input);
            Ok(input.len())
        }
        Codec::Deflate => {
            let mut stream = flate2::Decompress::new(false);
            whole(input, out, limit, |input, out| flate(&mut stream, input, out))
        }
        Codec::Gzip => members(input, out, |input, out, at| {
            let mut stream = flate2::Decompress::new_gzip(15);
            run(input, out, at, limit, |input, out| flate(&mut stream, input, out))
        }),
        Codec::Zstandard => {
            let mut stream = zstd::stream::raw::Decoder::new().map_err(|_| Fault::Bad("zstd does not start"))?;
            members(input, out, |input, out, at| {
                stream.reinit().map_err(|_| Fault::Bad("zstd does not start"))?;
                run(input, out, at, limit, |input, out| {
                    let status = stream.run_on_buffers(input, out).map_err(|_| Fault::Bad("zstd data is corrupt"))?;
                    Ok(Step { read: status.bytes_read, wrote: status.bytes_written, end: status.remaining == 0 })
                })
            })
        }
        Codec::Bzip2 => {
            let mut stream = bzip2::Decompress::new(false);
            whole(input, out, limit, |input, out| {
                let before = (stream.total_in(), stream.total_out());
                let status = stream.decompress(input, out).map_err(|_| Fault::Bad("bzip2 data is corrupt"))?;
                Ok(step(before, (stream.total_in(), stream.total_out()), status == bzip2::Status::StreamEnd))
            })
        }
        Codec::Xz => {
            let mut stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)
                .map_err(|_| Fault::Bad("xz does not start"))?;
            whole(input, out, limit, |input, out| {
                let before = (stream.total_in(), stream.total_out());
                let status = stream.process(input, out, liblzma::stream::Action::Run).map_err(|error| match error {
                    liblzma::stream::Error::MemLimit => Fault::TooLarge,
                    _ => Fault::Bad("xz data is corrupt"),
                })?;
                Ok(step(before, (stream.total_in(), stream.total_out()), status == liblzma::stream::Status::StreamEnd))
            })
        }
        Codec::Snappy => snappy(input, out, limit),
    }
}

/// A whole file without its gzip or zstd wrapping. Bytes that do not look wrapped are taken as they are: some stores
/// unpack gzip on the way out while the key keeps its ending.
pub(super) fn unpack<'a>(compression: Compression, bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Damage> {
    if bytes.is_empty() {
        return Err(Damage::new(Reason::EmptyFile, "the file has no bytes"));
    }
    if bytes.len() > limits.file_bytes {
        return Err(Damage::new(Reason::LimitExceeded, format!("the file is larger than {} bytes", limits.file_bytes)));
    }
    let codec = match compression {
        Compression::None => return Ok(Cow::Borrowed(bytes)),
        Compression::Gzip if bytes.starts_with(&[0x1f, 0x8b]) => Codec::Gzip,
        Compression::Zstd if looks_like_zstd(bytes) => Codec::Zstandard,
        Compression::Gzip | Compression::Zstd => return Ok(Cow::Borrowed(bytes)),
    };
    let mut out = Vec::new();
    let length = inflate(codec, bytes, &mut out, limits.file_bytes).map_err(|fault| match fault {
        Fault::TooLarge => {
            Damage::new(Reason::LimitExceeded, format!("the file unpacks to more than {} bytes", limits.file_bytes))
        }
        Fault::Bad(what) => Damage::new(Reason::BadCompression, what),
    })?;
    out.truncate(length);
    if out.is_empty() {
        return Err(Damage::new(Reason::EmptyFile, "the file unpacks to no bytes"));
    }
    Ok(Cow::Owned(out))
}

/// A zstd frame, or one of the sixteen skippable ones.
fn looks_like_zstd(bytes: &[u8]) -> bool {
    matches!(bytes, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What one call of a decompressor did.
struct Step {
    read: usize,
    wrote: usize,
    end: bool,
}

fn step(before: (u64, u64), after: (u64, u64), end: bool) -> Step {
    let size = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    Step { read: size(before.0, after.0), wrote: size(before.1, after.1), end }
}

fn flate(stream: &mut flate2::Decompress, input: &[u8], out: &mut [u8]) -> Result<Step, Fault> {
    let before = (stream.total_in(), stream.total_out());
    let status =
        stream.decompress(input, out, FlushDecompress::None).map_err(|_| Fault::Bad("deflate data is corrupt"))?;
    Ok(step(before, (stream.total_in(), stream.total_out()), status == flate2::Status::StreamEnd))
}

/// One stream that must use up all of the input.
fn whole(
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
    once: impl FnMut(&[u8], &mut [u8]) -> Result<Step, Fault>,
) -> Result<usize, Fault> {
    let (read, wrote) = run(input, out, 0, limit, once)?;
    if read != input.len() {
        return Err(Fault::Bad("bytes follow the end of the compressed data"));
    }
    Ok(wrote)
}

/// Streams one after the other, as gzip and zstd allow.
fn members(
    input: &[u8],
    out: &mut Vec<u8>,
    mut member: impl FnMut(&[u8], &mut Vec<u8>, usize) -> Result<(usize, usize), Fault>,
) -> Result<usize, Fault> {
    let (mut rest, mut at) = (input, 0);
    for _ in 0..MOST_MEMBERS {
        let (read, end) = member(rest, out, at)?;
        at = end;
        rest = rest.get(read..).unwrap_or_default();
        match (rest.is_empty(), read) {
            (true, _) => return Ok(at),
            (false, 0) => return Err(Fault::Bad("the compressed data makes no progress")),
            (false, _) => {}
        }
    }
    Err(Fault::TooLarge)
}

/// Runs one stream to its end, writing from `at` on; returns bytes read and the position behind the last one written.
fn run(
    input: &[u8],
    out: &mut Vec<u8>,
    mut at: usize,
    limit: usize,
    mut once: impl FnMut(&[u8], &mut [u8]) -> Result<Step, Fault>,
) -> Result<(usize, usize), Fault> {
    let mut read = 0usize;
    loop {
        let rest = input.get(read..).unwrap_or_default();
        if at >= out.len() && at < limit {
            // Doubling, but never beyond the limit: the limit bounds memory, not only length.
            let target = out.len().saturating_mul(2).max(rest.len().saturating_mul(3)).max(FIRST_GUESS).min(limit);
            out.reserve_exact(target.saturating_sub(out.len()));
            out.resize(target, 0);
        }
        let mut probe = [0u8; 1];
        let end = out.len().min(limit);
        let full = at >= end;
        let room = if full { &mut probe[..] } else { out.get_mut(at..end).unwrap_or_default() };
        let step = once(rest, room)?;
        if full && step.wrote > 0 {
            return Err(Fault::TooLarge);
        }
        read = read.saturating_add(step.read).min(input.len());
        at = at.saturating_add(step.wrote);
        if step.end {
            return Ok((read, at));
        }
        if step.read == 0 && step.wrote == 0 {
            return Err(Fault::Bad("the compressed data is cut off"));
        }
    }
}

/// Avro's snappy: a raw snappy block, then the CRC-32 of what it unpacks to, big-endian.
fn snappy(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, Fault> {
    let Some((packed, sum)) = input.split_last_chunk::<4>() else {
        return Err(Fault::Bad("a snappy block has no room for its checksum"));
    };
    let length = snap::raw::decompress_len(packed).map_err(|_| Fault::Bad("snappy data is corrupt"))?;
    if length > limit {
        return Err(Fault::TooLarge);
    }
    if packed.is_empty() || length > packed.len().saturating_mul(SNAPPY_RATIO) {
        return Err(Fault::Bad("a snappy block claims more than it can hold"));
    }
    if out.len() < length {
        out.reserve_exact(length - out.len());
        out.resize(length, 0);
    }
    let room = out.get_mut(..length).unwrap_or_default();
    let wrote = snap::raw::Decoder::new().decompress(packed, room).map_err(|_| Fault::Bad("snappy data is corrupt"))?;
    if crc32fast::hash(room) != u32::from_be_bytes(*sum) {
        return Err(Fault::Bad("the checksum of a snappy block is wrong"));
    }
    Ok(wrote)
}
