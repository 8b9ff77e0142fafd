//! The object container's frame: magic, header, blocks, sync markers. Every byte of the file must be accounted for.
//!
//! The one thing this cannot see is a file cut exactly behind a sync marker: it is a valid, shorter file.

use super::super::inflate::{self, Codec};
use super::super::{Damage, Limits, Reason};
use super::cursor::{Cursor, Fault};

const MAGIC: &[u8; 4] = b"Obj\x01";
const SYNC: usize = 16;

/// An open container, at the next block to read.
pub(super) struct Container<'a> {
    /// The writer's schema, as JSON text.
    pub(super) schema: &'a [u8],
    pub(super) codec: Codec,
    sync: &'a [u8],
    cursor: Cursor<'a>,
    blocks: u64,
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

impl<'a> Container<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Container<'a>, Damage> {
        if !bytes.starts_with(MAGIC) {
            return Err(if MAGIC.starts_with(bytes) {
                Damage::new(Reason::Truncated, format!("the file ends in its first {} bytes", MAGIC.len()))
            } else {
                Damage::new(Reason::NotAvro, "the file does not begin with Avro's magic bytes")
            });
        }
        let mut cursor = Cursor::new(bytes);
        let header = header(&mut cursor).map_err(|fault| match fault {
            HeaderFault::At(Fault::End) => {
                Damage::new(Reason::Truncated, format!("the file ends in its header, {} bytes long", bytes.len()))
            }
            HeaderFault::At(fault) => {
                Damage::new(Reason::BadHeader, format!("header, byte {}: {}", cursor.at, fault.text()))
            }
            HeaderFault::Twice(name) => Damage::new(Reason::BadHeader, format!("header: {name} occurs twice")),
        })?;
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
        Ok(Container { schema, codec, sync: header.sync, cursor, blocks: 0 })
    }

    /// Where the next block begins, and its number: what [`Container::go_on`] takes.
    pub(super) fn position(&self) -> (usize, u64) {
        (self.cursor.at, self.blocks)
    }

    /// Goes on at a position another look at the same bytes has come to.
    pub(super) fn go_on(&mut self, (at, blocks): (usize, u64)) {
        self.cursor.at = at;
        self.blocks = blocks;
    }

    /// Whether no block is left.
    pub(super) fn is_done(&self) -> bool {
        self.cursor.left() == 0
    }

    /// How many records the next `bytes` hold, if all blocks are as the next one says it is. A guess: nothing of it was
    /// checked.
    pub(super) fn expected(&self, bytes: usize) -> usize {
        let mut ahead = self.cursor;
        let Ok((count, size)) = ahead.long().and_then(|count| Ok((count, ahead.long()?))) else { return 0 };
        let (Ok(count), Ok(size)) = (usize::try_from(count), usize::try_from(size)) else { return 0 };
        let blocks = self.cursor.left().min(bytes) / size.max(1);
        count.saturating_mul(blocks.max(1))
    }

    /// The next block, or `None` exactly at the end of the file.
    pub(super) fn next_block(&mut self) -> Result<Option<Block<'a>>, Damage> {
        if self.cursor.left() == 0 {
            return Ok(None);
        }
        let (number, offset) = (self.blocks, self.cursor.at);
        self.blocks += 1;
        let damage = |reason, what: &str| Err(Damage::new(reason, format!("block {number} at byte {offset}: {what}")));
        let (count, size) = match self.cursor.long().and_then(|count| Ok((count, self.cursor.long()?))) {
            Ok(head) => head,
            Err(Fault::End) => return damage(Reason::Truncated, "the file ends in the block's head"),
            Err(fault) => return damage(Reason::BadBlock, fault.text()),
        };
        let Ok(count) = u64::try_from(count) else {
            return damage(Reason::BadBlock, "the record count is negative");
        };
        let Ok(size) = u64::try_from(size) else {
            return damage(Reason::BadBlock, "the length is negative");
        };
        let Some(data) = usize::try_from(size).ok().and_then(|size| self.cursor.take(size).ok()) else {
            let what = format!("the file ends inside the block ({size} bytes announced, {} left)", self.cursor.left());
            return damage(Reason::Truncated, &what);
        };
        match self.cursor.take(SYNC) {
            Ok(sync) if sync == self.sync => Ok(Some(Block { number, offset, count, data })),
            Ok(_) => damage(Reason::BadSyncMarker, "the sync marker behind the block is not the header's"),
            Err(_) => damage(Reason::Truncated, "the file ends in the block's sync marker"),
        }
    }
}

struct Header<'a> {
    schema: Option<&'a [u8]>,
    codec: Option<&'a [u8]>,
    sync: &'a [u8],
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
    Ok(Header { schema, codec, sync: cursor.take(SYNC)? })
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
