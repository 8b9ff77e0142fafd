//! Pages through zstd, at level 1, and where it is to look for what repeats.

use std::io::Result;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter::{HashLog, MinMatch};
use zstd::zstd_safe::compress_bound;

/// Measured: higher levels take longer and the files grow.
const LEVEL: i32 = 1;

/// Where what repeats lies in a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Anywhere.
    Far,
    /// Shortly before, if at all: ids in order of users. A table of what was seen that fits the processor's nearest cache
    /// finds as much, in six sevenths of the time.
    Near,
    /// In the number before: numbers in order have all but their low bytes in common.
    Numbers,
}

/// See the module.
pub(super) struct Zstd {
    compressor: Compressor<'static>,
    look: Look,
}

impl Zstd {
    pub(super) fn new() -> Result<Zstd> {
        Ok(Zstd { compressor: Compressor::new(LEVEL)?, look: Look::Far })
    }

    /// One page, compressed, in the place of what `out` holds.
    pub(super) fn compress(&mut self, page: &[u8], look: Look, out: &mut Vec<u8>) -> Result<()> {
        if self.look != look {
            // 0 is what the level says.
            let (log, least) = match look {
                Look::Far => (0, 0),
                Look::Near => (10, 0),
                Look::Numbers => (10, 4),
            };
            self.compressor.set_parameter(HashLog(log))?;
            self.compressor.set_parameter(MinMatch(least))?;
            self.look = look;
        }
        out.clear();
        out.reserve(compress_bound(page.len()));
        self.compressor.compress_to_buffer(page, out).map(|_| ())
    }
}
