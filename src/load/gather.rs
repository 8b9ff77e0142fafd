//! What files bring to a cell: fetched ahead, decoded piece by piece, conformed, and admitted against the ids the cell
//! has and the cells around it.

use super::bucket::{Listed, Opened};
use super::cell_build::{BuiltCell, FilePart, TableInWork};
use super::context::Context;
use super::mix::{Admitted, Mix};
use super::pile::Pile;
use super::plan::PlannedFile;
use super::read::{FileRead, damage_text, reject, take_in_hand, take_share};
use super::small::SmallFiles;
use super::unread::Unread;
use super::watch::Progress;
use crate::currents::{Decoded, Pieces, unpack};
use crate::error::{Error, Result};
use crate::table::NoIdentity;
use crate::warehouse::encode::CellWriter;
use crate::warehouse::footer::CellFile;
use crate::warehouse::order::Selected;
use crate::warehouse::rejects::{self, RejectedRecord};
use crate::warehouse::{CellKey, CellState, Fate};
use futures::StreamExt;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Decoded rows are about this many times the bytes of their file.
const SWELLS: usize = 4;

/// Why a cell has to be begun again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// A file brought new columns after rows were encoded without them.
    SchemaGrew,
    /// A file turned out damaged, or was replaced, after some of its rows were taken.
    Doubt,
}

/// What ends the reading of a cell's files before its end.
pub enum Interrupted {
    /// The cell has to be begun again.
    Again(Again),
    /// The table's work ends.
    Failed(Error),
}

impl From<Again> for Interrupted {
    fn from(again: Again) -> Interrupted {
        Interrupted::Again(again)
    }
}

impl From<Error> for Interrupted {
    fn from(error: Error) -> Interrupted {
        Interrupted::Failed(error)
    }
}

/// See the module.
pub struct Gathered {
    /// The ids of the cell, and the rows that wait to be admitted.
    pub mix: Mix,
    /// The files' shares.
    pub parts: Vec<FilePart>,
    /// Rejected records, by the object they are to be kept in.
    pub rejects: BTreeMap<String, Vec<RejectedRecord>>,
    /// Where rows went that no longer fitted in memory.
    pub writer: Option<CellWriter>,
    /// Bytes the stored cell's rows may take in memory.
    pub base_bytes: usize,
    /// Rows that left the stored cell, by source file.
    pub left_out: HashMap<String, u64>,
    /// Whether the cell has to list the files even when they bring it nothing.
    pub must_be_listed: bool,
    pub(super) small: SmallFiles,
    pub(super) pile: Pile,
    misfits: BTreeMap<String, u64>,
    /// Bytes of all files to read, until it is known about how many rows they have.
    to_come: Option<u64>,
}

impl Gathered {
    /// Nothing yet, for a cell whose stored object has so many bytes.
    pub fn new(stored: u64) -> Gathered {
        Gathered {
            mix: Mix::default(),
            parts: Vec::new(),
            rejects: BTreeMap::new(),
            writer: None,
            base_bytes: stored as usize * 2 * SWELLS,
            left_out: HashMap::new(),
            must_be_listed: false,
            small: SmallFiles::default(),
            pile: Pile::default(),
            misfits: BTreeMap::new(),
            to_come: None,
        }
    }

    /// Reads files. `doubtful`: a file turned out damaged after some of its rows were taken, so all are decoded once
    /// before any row of them is.
    pub async fn read(
        &mut self,
        ctx: &Context,
        table: &mut TableInWork,
        key: &CellKey,
        files: Vec<Arc<PlannedFile>>,
        doubtful: bool,
    ) -> std::result::Result<(), Interrupted> {
        // Files are fetched ahead as they are and decoded one at a time: decoded ones are several times as large.
        let in_ranges = |file: &PlannedFile| !doubtful && ctx.settings.in_ranges(file);
        let held = |file: &PlannedFile| if doubtful { file.listed.size } else { ctx.settings.held(file) };
        let largest = files.iter().map(|file| held(file)).max().unwrap_or(0);
        let most = ctx.settings.effective_limits().file_bytes as u64;
        self.to_come = Some(files.iter().map(|file| file.listed.size).sum());
        let mut fetched = futures::stream::iter(bundles(files, ctx.bucket.bundle()))
            .map(|bundle| async move {
                let listed: Vec<Listed> = bundle.iter().map(|file| file.listed.clone()).collect();
                let outcomes = match (bundle.as_slice(), listed.as_slice()) {
                    ([file], [listed]) if in_ranges(file) => {
                        let range = ctx.settings.piece_bytes() as u64;
                        vec![ctx.bucket.open_in_ranges(listed, most, range).await]
                    }
                    _ => {
                        let outcomes = ctx.bucket.fetch_all(&listed, most).await;
                        outcomes.into_iter().map(|outcome| outcome.map(Opened::Instead)).collect()
                    }
                };
                futures::stream::iter(bundle.into_iter().zip(outcomes))
            })
            .buffered(ctx.bucket.ahead(ctx.settings.files_ahead(largest)))
            .flatten();
        let doing = format!("while building {key}");
        while let Some((file, outcome)) = ctx.stop.or(&doing, fetched.next()).await? {
            if let Some(kind) = ctx.stop.requested() {
                return Err(Error::new(kind, format!("stopped {doing}")).into());
            }
            Progress::add(&ctx.progress.files_done, 1);
            let opened = match doubtful {
                true => Some(outcome?),
                false => self.small.take(&file, outcome?),
            };
            if opened.is_some() || self.small.are_enough(ctx.settings.piece_bytes()) {
                self.take_small(ctx, table, key).await?;
            }
            let Some(opened) = opened else { continue };
            self.take(ctx, table, key, &file, (opened, doubtful)).await?;
        }
        self.take_small(ctx, table, key).await?;
        self.conform(ctx, table, key).await
    }

    /// Takes a file, by itself.
    pub(super) async fn take(
        &mut self,
        ctx: &Context,
        table: &mut TableInWork,
        key: &CellKey,
        file: &PlannedFile,
        (opened, doubtful): (Opened, bool),
    ) -> std::result::Result<(), Interrupted> {
        let unread =
            |listed: &Listed, fate, reason| FilePart::unread(file, listed.e_tag.clone(), listed.size, fate, reason);
        let limits = ctx.settings.effective_limits();
        let pieces_of_it = || Pieces::of(&file.source, &limits, &ctx.schemas, ctx.settings.piece_bytes());
        let whole;
        let (left, listed) = match opened {
            Opened::Ranges(ranges, listed) => {
                Progress::add(&ctx.progress.bytes, listed.size);
                (Ok(Unread::ranges(ranges)), listed)
            }
            Opened::Instead(fetched) => match take_in_hand(ctx, file, fetched) {
                FileRead::Bytes(bytes, listed) => {
                    whole = bytes;
                    let sound = unpack(&file.source, &whole, &limits).and_then(|bytes| {
                        if doubtful {
                            pieces_of_it().check(&bytes)?;
                        }
                        Ok(Unread::whole(bytes))
                    });
                    (sound, listed)
                }
                FileRead::Damaged(reason, listed) => {
                    self.parts.push(unread(&listed, Fate::Quarantined, reason));
                    return Ok(());
                }
                FileRead::Vanished => {
                    self.parts.push(unread(&file.listed, Fate::Vanished, String::new()));
                    return Ok(());
                }
            },
        };
        let at = self.parts.len();
        let mut left = match left {
            Ok(left) => left,
            Err(damage) => {
                self.parts.push(unread(&listed, Fate::Quarantined, damage_text(&damage)));
                return Ok(());
            }
        };
        let mut pieces = pieces_of_it();
        while !pieces.is_done() {
            if let Some(kind) = ctx.stop.requested() {
                return Err(Error::new(kind, format!("stopped while building {key}")).into());
            }
            let (rest, is_end) = left.rest();
            let piece = match pieces.decode(rest, is_end) {
                Ok(piece) => piece,
                // Of a file that is read in ranges this may only mean that it was replaced between two of them.
                Err(damage) if left.is_whole() && self.parts.len() == at => {
                    self.parts.push(unread(&listed, Fate::Quarantined, damage_text(&damage)));
                    return Ok(());
                }
                Err(_) => return Err(Again::Doubt.into()),
            };
            left.advance(piece.used);
            let Some(decoded) = piece.decoded else {
                if !ctx.stop.or(&format!("while building {key}"), left.read_on()).await?? {
                    return Err(Again::Doubt.into());
                }
                continue;
            };
            if self.parts.len() == at {
                self.parts.push(FilePart::loaded(&listed));
            }
            self.take_piece(ctx, table, key, (at, file), &decoded).await?;
        }
        Ok(())
    }

    /// Takes a piece of the file with the number `at`.
    async fn take_piece(
        &mut self,
        ctx: &Context,
        table: &mut TableInWork,
        key: &CellKey,
        (at, file): (usize, &PlannedFile),
        decoded: &Decoded,
    ) -> std::result::Result<(), Interrupted> {
        let share = take_share(table.schema.table(), file, decoded);
        let Some(part) = self.parts.get_mut(at) else { return Ok(()) };
        part.file.read += share.read;
        let file_key = part.file.key.clone();
        self.reject(table, key, at, share.rejects);
        for part in share.parts {
            if !self.pile.takes(&part.batch) {
                self.conform(ctx, table, key).await?;
            }
            self.pile.add(at, &file_key, part);
        }
        if self.pile.is_full(ctx.settings.piece_bytes()) {
            self.conform(ctx, table, key).await?;
        }
        Ok(())
    }

    /// Conforms the rows that lie on the pile and offers them to the cell.
    pub(super) async fn conform(
        &mut self,
        ctx: &Context,
        table: &mut TableInWork,
        key: &CellKey,
    ) -> std::result::Result<(), Interrupted> {
        let columns_before = table.joined.len();
        let Some((conformed, runs)) = self.pile.clear(ctx, table)? else { return Ok(()) };
        if table.joined.len() > columns_before && self.writer.is_some() {
            return Err(Again::SchemaGrew.into());
        }
        for (column, count) in conformed.misfits {
            *self.misfits.entry(column).or_default() += count;
        }
        let mut rows: Vec<(usize, usize)> = runs.iter().map(|run| (run.file, run.rows())).collect();
        for NoIdentity { run, position, reason, record } in conformed.rejects {
            if let (Some(of), Some(rows)) = (runs.get(run), rows.get_mut(run)) {
                rows.1 -= 1;
                let rejected = reject(&of.key, position, None, reason, record);
                self.reject(table, key, of.file, vec![rejected]);
            }
        }
        self.make_room_for_ids(ctx);
        self.mix.offer(&rows, conformed.batch);
        self.make_room(ctx, table, key).await?;
        Ok(())
    }

    /// Makes room for the ids of all files, by the rows of the first. A little less than they may be: room that is not
    /// needed is as dear as growing once more.
    fn make_room_for_ids(&mut self, ctx: &Context) {
        let Some(to_come) = self.to_come.take() else { return };
        let of_first = |count: fn(&CellFile) -> u64| self.parts.iter().map(|part| count(&part.file)).sum::<u64>();
        let (bytes, rows) = (of_first(|file| file.size), of_first(|file| file.read));
        let all = u128::from(to_come) * u128::from(rows) / u128::from(bytes.max(1));
        // No more than may wait before they are written.
        let most = ctx.settings.chunk_bytes() / 256;
        self.mix.reserve(usize::try_from(all - all / 16).unwrap_or(most).min(most));
    }

    /// Notes rejected records of a file.
    fn reject(&mut self, table: &TableInWork, key: &CellKey, file: usize, rejected: Vec<RejectedRecord>) {
        if let (Some(part), Some(first)) = (self.parts.get_mut(file), rejected.first()) {
            part.file.rejected += rejected.len() as u64;
            let path = rejects::path(table.schema.table(), key.queue_date, &first.file);
            self.rejects.entry(path).or_default().extend(rejected);
        }
    }

    /// Encodes what waits once it takes too much memory.
    async fn make_room(&mut self, ctx: &Context, table: &mut TableInWork, key: &CellKey) -> Result<()> {
        let (waiting, chunk) = (self.mix.waiting_bytes(), ctx.settings.chunk_bytes());
        if waiting + self.base_bytes > chunk && waiting * 4 > chunk {
            let admitted = self.admit(table, key).await?;
            let writer = self.writer.get_or_insert_with(|| CellWriter::new(table.schema.clone(), key.queue_date));
            writer.write_chunk(admitted)?;
        }
        Ok(())
    }

    /// Admits what waits: rows no neighbour stores. Counts per file.
    pub async fn admit(&mut self, table: &mut TableInWork, key: &CellKey) -> Result<Vec<Selected>> {
        let elsewhere = table.neighbours.stored(key, self.mix.waiting_ids(), self.mix.waiting()).await?;
        let Admitted { batches, counts } = self.mix.admit(&elsewhere);
        for (at, new, duplicates) in counts {
            if let Some(part) = self.parts.get_mut(at) {
                part.file.new += new;
                part.file.duplicates += duplicates;
            }
        }
        Ok(batches)
    }

    /// The outcome: the cell as it is in the store now, and the bytes written.
    pub fn into_cell(self, state: Option<CellState>, written: u64) -> BuiltCell {
        BuiltCell {
            state,
            written,
            parts: self.parts,
            misfits: self.misfits,
            ids: Some(self.mix.into_ids()),
            left_out: self.left_out,
        }
    }
}

/// Files that are read in one go: at most so many, of at most so many bytes together.
fn bundles(files: Vec<Arc<PlannedFile>>, (most, most_bytes): (usize, u64)) -> Vec<Vec<Arc<PlannedFile>>> {
    let mut bundles: Vec<Vec<Arc<PlannedFile>>> = Vec::new();
    let mut bytes = 0u64;
    for file in files {
        bytes = bytes.saturating_add(file.listed.size);
        match bundles.last_mut().filter(|last| last.len() < most && bytes <= most_bytes) {
            Some(last) => last.push(file),
            None => {
                bytes = file.listed.size;
                bundles.push(vec![file]);
            }
        }
    }
    bundles
}

impl FilePart {
    /// A file that is being read: nothing counted yet.
    pub(super) fn loaded(listed: &Listed) -> FilePart {
        FilePart {
            file: CellFile {
                key: listed.key.clone(),
                e_tag: listed.e_tag.clone(),
                size: listed.size,
                read: 0,
                new: 0,
                duplicates: 0,
                rejected: 0,
            },
            modified: listed.modified,
            fate: Fate::Loaded,
            reason: String::new(),
            held: false,
        }
    }
}
