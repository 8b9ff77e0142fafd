//! The object container's frame: magic, header, blocks, sync markers. Every byte of the file must be accounted for.
//!
//! The one thing this cannot see is a file cut exactly behind a sync marker: it is a valid, shorter file.

use super::super::inflate::{self, Codec};
use super::super::{Damage, Limits, Reason};
use super::cursor::{Cursor, Fault};

const MAGIC: &[u8; 4] = b"Obj\x01";
/// Bytes of a sync marker.
pub(super) const SYNC: usize = 16;

/// What a container's header says.
pub(super) struct Head<'a> {
    /// The writer's schema, as JSON text.
    pub(super) schema: &'a [u8],
    pub(super) codec: Codec,
    pub(super) sync: [u8; SYNC],
    /// How many bytes it has.
    pub(super) length: usize,
}

/// One block, still compressed.
pub(super) struct Block<'a> {
    /// From 0.
    pub(super) number: u64,
    /// Where the block begins, in bytes of the file.
    pub(super) offset: usize,
    /// Records, as announced.
    pub(super) count: u64,
    pub(super) data: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads the header a file begins with. `is_end`: the file has no more than these bytes; `None` when it has more,
    /// and they are needed.
    pub(super) fn read(bytes: &'a [u8], is_end: bool) -> Result<Option<Head<'a>>, Damage> {
        if !bytes.starts_with(MAGIC) {
            return match MAGIC.starts_with(bytes) {
                true if !is_end => Ok(None),
                true => {
                    Err(Damage::new(Reason::Truncated, format!("the file ends in its first {} bytes", MAGIC.len())))
                }
                false => Err(Damage::new(Reason::NotAvro, "the file does not begin with Avro's magic bytes")),
            };
        }
        let mut cursor = Cursor::new(bytes);
        let header = match header(&mut cursor) {
            Ok(header) => header,
            Err(HeaderFault::At(Fault::End)) if !is_end => return Ok(None),
            Err(HeaderFault::At(Fault::End)) => {
                let what = format!("the file ends in its header, {} bytes long", bytes.len());
                return Err(Damage::new(Reason::Truncated, what));
            }
            Err(HeaderFault::At(fault)) => {
                let what = format!("header, byte {}: {}", cursor.at, fault.text());
                return Err(Damage::new(Reason::BadHeader, what));
            }
            Err(HeaderFault::Twice(name)) => {
                return Err(Damage::new(Reason::BadHeader, format!("header: {name} occurs twice")));
            }
        };
        let schema = header.schema.ok_or_else(|| Damage::new(Reason::BadHeader, "header: avro.schema is missing"))?;
        let codec = match header.codec {
            None | Some(b"null" | b"") => Codec::Null,
            Some(b"deflate") => Codec::Deflate,
            Some(b"snappy") => Codec::Snappy,
            Some(b"zstandard") => Codec::Zstandard,
            Some(b"bzip2") => Codec::Bzip2,
            Some(b"xz") => Codec::Xz,
            Some(other) => {
                let name = String::from_utf8_lossy(other.get(..32).unwrap_or(other));
                return Err(Damage::new(Reason::UnknownCodec, format!("codec {}", name.escape_debug())));
            }
        };
        Ok(Some(Head { schema, codec, sync: header.sync, length: cursor.at }))
    }
}

/// The blocks of a file, from one of them on.
pub(super) struct Blocks<'a> {
    cursor: Cursor<'a>,
    sync: [u8; SYNC],
    /// Where the bytes begin in the file.
    from: usize,
    number: u64,
    is_end: bool,
}

impl<'a> Blocks<'a> {
    /// `bytes` begin at byte `from` of the file, with block `number`; `is_end`: and end with the file.
    pub(super) fn new(bytes: &'a [u8], sync: [u8; SYNC], (from, number): (usize, u64), is_end: bool) -> Blocks<'a> {
        Blocks { cursor: Cursor::new(bytes), sync, from, number, is_end }
    }

    /// How many of the bytes the blocks taken so far have.
    pub(super) fn used(&self) -> usize {
        self.cursor.at
    }

    /// The number of the next block.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether no block is left in the file.
    pub(super) fn is_done(&self) -> bool {
        self.is_end && self.cursor.left() == 0
    }

    /// How many records the next `bytes` of the file hold, if all blocks are as the next one says it is. A guess: nothing of
    /// it was checked, and where the file goes on it may have less.
    pub(super) fn expected(&self, bytes: usize) -> usize {
        let mut ahead = self.cursor;
        let Ok((count, size)) = ahead.long().and_then(|count| Ok((count, ahead.long()?))) else { return 0 };
        let (Ok(count), Ok(size)) = (usize::try_from(count), usize::try_from(size)) else { return 0 };
        // The last block is seldom full: whole blocks would be too many or too few by most of one.
        let bytes = if self.is_end { self.cursor.left().min(bytes) } else { bytes };
        count.saturating_mul(bytes.max(size)) / size.max(1)
    }

    /// The next block; `None` exactly at the end of the file, and where the bytes end inside a block and the file does
    /// not.
    pub(super) fn next_block(&mut self) -> Result<Option<Block<'a>>, Damage> {
        let start = self.cursor;
        if start.left() == 0 {
            return Ok(None);
        }
        match self.block() {
            Err(Damage { reason: Reason::Truncated, .. }) if !self.is_end => {
                self.cursor = start;
                Ok(None)
            }
            Ok(block) => {
                self.number += 1;
                Ok(Some(block))
            }
            Err(Damage { reason, detail }) => {
                let at = format!("block {} at byte {}", self.number, self.from.saturating_add(start.at));
                Err(Damage::new(reason, format!("{at}: {detail}")))
            }
        }
    }

    /// The damage does not say yet which block it is in.
    fn block(&mut self) -> Result<Block<'a>, Damage> {
        let fault = |reason, what: &str| Err(Damage::new(reason, what));
        let offset = self.from.saturating_add(self.cursor.at);
        let (count, size) = match self.cursor.long().and_then(|count| Ok((count, self.cursor.long()?))) {
            Ok(head) => head,
            Err(Fault::End) => return fault(Reason::Truncated, "the file ends in the block's head"),
            Err(other) => return fault(Reason::BadBlock, other.text()),
        };
        let Ok(count) = u64::try_from(count) else {
            return fault(Reason::BadBlock, "the record count is negative");
        };
        let Ok(size) = u64::try_from(size) else {
            return fault(Reason::BadBlock, "the length is negative");
        };
        let Some(data) = usize::try_from(size).ok().and_then(|size| self.cursor.take(size).ok()) else {
            let what = format!("the file ends inside the block ({size} bytes announced, {} left)", self.cursor.left());
            return fault(Reason::Truncated, &what);
        };
        match self.cursor.take(SYNC) {
            Ok(sync) if sync == self.sync => Ok(Block { number: self.number, offset, count, data }),
            Ok(_) => fault(Reason::BadSyncMarker, "the sync marker behind the block is not the header's"),
            Err(_) => fault(Reason::Truncated, "the file ends in the block's sync marker"),
        }
    }
}

struct Header<'a> {
    schema: Option<&'a [u8]>,
    codec: Option<&'a [u8]>,
    sync: [u8; SYNC],
}

enum HeaderFault {
    At(Fault),
    Twice(&'static str),
}

impl From<Fault> for HeaderFault {
    fn from(fault: Fault) -> HeaderFault {
        HeaderFault::At(fault)
    }
}

fn header<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, HeaderFault> {
    cursor.take(MAGIC.len())?;
    let (mut schema, mut codec) = (None, None);
    while let Some(entries) = cursor.items()? {
        // Each entry takes at least two bytes, so that the file's length bounds a lying count.
        for _ in 0..entries.count {
            let (name, value) = (cursor.bytes()?, cursor.bytes()?);
            let (slot, name) = match name {
                b"avro.schema" => (&mut schema, "avro.schema"),
                b"avro.codec" => (&mut codec, "avro.codec"),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(HeaderFault::Twice(name));
            }
        }
        entries.close(cursor)?;
    }
    Ok(Header { schema, codec, sync: *cursor.array()? })
}

/// A block that does not decompress.
pub(super) fn block_damage(block: &Block<'_>, fault: inflate::Fault, limits: &Limits) -> Damage {
    let at = format!("block {} at byte {}", block.number, block.offset);
    match fault {
        inflate::Fault::TooLarge => {
            Damage::new(Reason::LimitExceeded, format!("{at}: unpacks to more than {} bytes", limits.block_bytes))
        }
        inflate::Fault::Bad(what) => Damage::new(Reason::BadCodecData, format!("{at}: {what}")),
    }
}
