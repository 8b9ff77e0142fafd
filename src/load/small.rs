//! Small files on their way into a cell: gathered until decoding them together is worth it.

use super::bucket::{Fetched, Listed, Opened};
use super::cell_build::{FilePart, TableInWork};
use super::context::Context;
use super::gather::{Gathered, Interrupted};
use super::plan::PlannedFile;
use super::watch::Progress;
use crate::currents::{SourceFile, decode_together};
use crate::warehouse::CellKey;
use bytes::Bytes;
use std::sync::Arc;

/// Bytes up to which a file is small.
const SMALL: usize = 512 << 10;
/// Bytes of small files from where on there are enough of them.
const ENOUGH: usize = 2 << 20;

/// As many of them are enough however small they are: their keys have codes of two bytes.
const MANY: usize = 1 << 14;

/// See the module.
#[derive(Default)]
pub struct SmallFiles {
    files: Vec<(Arc<PlannedFile>, Bytes, Listed)>,
    bytes: usize,
}

impl SmallFiles {
    /// Adds a file that was read, or gives it back when it is none of these.
    pub fn take(&mut self, file: &Arc<PlannedFile>, opened: Opened) -> Option<Opened> {
        match opened {
            Opened::Instead(Fetched::Bytes(bytes, listed)) if bytes.len() <= SMALL && file.source.is_plain_avro() => {
                self.bytes += bytes.len();
                self.files.push((file.clone(), bytes, listed));
                None
            }
            other => Some(other),
        }
    }

    /// Whether there are enough of them, given how many bytes are decoded at once.
    pub fn are_enough(&self, piece: usize) -> bool {
        self.bytes >= ENOUGH.min(piece) || self.files.len() >= MANY
    }
}

impl Gathered {
    /// Takes the small files that were gathered: those that are alike together, and one by one where one is damaged.
    pub async fn take_small(
        &mut self,
        ctx: &Context,
        table: &mut TableInWork,
        key: &CellKey,
    ) -> Result<(), Interrupted> {
        let SmallFiles { files, .. } = std::mem::take(&mut self.small);
        let limits = ctx.settings.effective_limits();
        let mut rest = files.as_slice();
        while !rest.is_empty() {
            let sources: Vec<(&SourceFile, &[u8])> =
                rest.iter().map(|(file, bytes, _)| (&file.source, bytes.as_ref())).collect();
            let together = decode_together(&sources, &limits, &ctx.schemas, ctx.settings.piece_bytes())
                .filter(|t| t.event_type.as_ref().is_some_and(|of| of.table() == table.schema.table()));
            let Some(together) = together else { break };
            let (taken, behind) = rest.split_at_checked(together.records.len()).unwrap_or((rest, &[]));
            self.conform(ctx, table, key).await?;
            let at = self.parts.len();
            for ((_, bytes, listed), records) in taken.iter().zip(&together.records) {
                Progress::add(&ctx.progress.bytes, bytes.len() as u64);
                let mut part = FilePart::loaded(listed);
                part.file.read = *records;
                self.parts.push(part);
            }
            if together.batch.num_rows() > 0 {
                let runs = taken.iter().zip(&together.records).enumerate();
                let runs = runs.map(|(number, ((_, _, listed), records))| (at + number, listed.key.clone(), *records));
                self.pile.put(together.batch, runs);
                self.conform(ctx, table, key).await?;
            }
            rest = behind;
        }
        for (file, bytes, listed) in rest {
            let opened = Opened::Instead(Fetched::Bytes(bytes.clone(), listed.clone()));
            self.take(ctx, table, key, file, (opened, false)).await?;
        }
        Ok(())
    }
}
