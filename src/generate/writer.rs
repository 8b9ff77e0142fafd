//! Writes an hour: its events by type and file, and what is delivered again.

use super::avro_file::{BLOCK_BYTES, Container, sync_marker};
use super::calendar::Calendar;
use super::dice::{draw, mix, scale, threshold};
use super::layout::{Keys, PARTITIONS};
use super::options::{Options, OutFormat};
use super::schema::{Releases, WriterSchema};
use super::timeline::{COPY, Stub, Timeline};
use super::truth::Tally;
use super::value::World;
use super::{avro_record, json_record};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// What is gathered of a file before it goes to the disk.
const FLUSH_BYTES: usize = 4 * 1024 * 1024;

/// Writes the export's files.
pub struct Writer<'a> {
    options: &'a Options,
    world: &'a World,
    schemas: Vec<Releases>,
    keys: Keys,
    container: Container,
    root: PathBuf,
    duplicates: u64,
    /// Records written so far, per type and partition.
    offsets: Vec<[u64; PARTITIONS]>,
    /// Per type: this hour's records, and those that it gets a second time.
    records: Vec<Vec<Stub>>,
    again: Vec<Vec<Stub>>,
    block: Vec<u8>,
    file: Vec<u8>,
    scratch: Vec<u8>,
    files: u64,
    /// What was written.
    pub tally: Tally,
}

impl<'a> Writer<'a> {
    /// A writer into `root`, the export's folder.
    pub fn new(
        options: &'a Options,
        world: &'a World,
        schemas: Vec<Releases>,
        root: PathBuf,
        tally: Tally,
    ) -> Result<Writer<'a>> {
        let types = options.types.len();
        Ok(Writer {
            options,
            world,
            schemas,
            keys: Keys::new(options.seed, options.layout, options.format),
            container: Container::new(options.codec)?,
            root,
            duplicates: threshold(options.duplicates),
            offsets: vec![[0; PARTITIONS]; types],
            records: vec![Vec::new(); types],
            again: vec![Vec::new(); types],
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            file: Vec::with_capacity(FLUSH_BYTES),
            scratch: Vec::with_capacity(256),
            files: 0,
            tally,
        })
    }

    /// Writes one hour. Copies for later hours go back into the timeline.
    pub fn hour(
        &mut self,
        calendar: &Calendar,
        hour: u32,
        events: &[Stub],
        copies: &[Stub],
        line: &mut Timeline,
    ) -> Result<()> {
        let release = calendar.release(hour);
        for stub in events {
            let stub = Stub { release, ..*stub };
            self.tally.event(&stub, self.world.id(&stub));
            self.repeat(&stub, hour, line);
            if let Some(records) = self.records.get_mut(usize::from(stub.slot)) {
                records.push(stub);
            }
        }
        for stub in copies {
            if let Some(records) = self.records.get_mut(usize::from(stub.slot)) {
                records.push(*stub);
            }
        }
        let date = calendar.key(hour);
        let mut records = std::mem::take(&mut self.records);
        let mut again = std::mem::take(&mut self.again);
        for (slot, (records, again)) in records.iter_mut().zip(&mut again).enumerate() {
            if !records.is_empty() {
                self.type_hour(slot, &date, release, records, again)?;
            }
            records.clear();
            again.clear();
        }
        self.records = records;
        self.again = again;
        Ok(())
    }

    /// Decides whether and when a record is delivered again: the same hour, another, or another day within the week.
    fn repeat(&mut self, stub: &Stub, hour: u32, line: &mut Timeline) {
        let drawn = draw(stub.seq, 0xd0b1e);
        if (drawn >> 32) >= self.duplicates {
            return;
        }
        let chance = mix(drawn);
        let later = match chance % 6 {
            0 => 0,
            1..4 => 1 + scale(chance, 12),
            _ => 24 + scale(chance, 5 * 24 + 20),
        };
        if later == 0 || !line.repeat(hour + later, *stub) {
            let again = Stub { flags: stub.flags | COPY, ..*stub };
            if let Some(list) = self.again.get_mut(usize::from(stub.slot)) {
                list.push(again);
            }
        }
    }

    /// One type's files of an hour.
    fn type_hour(&mut self, slot: usize, date: &str, release: u8, records: &[Stub], again: &[Stub]) -> Result<()> {
        let Some(spec) = self.options.types.get(slot) else { return Ok(()) };
        let Some(schema) = self.schemas.get(slot).and_then(|r| r.get(release)).cloned() else { return Ok(()) };
        let folder = self.root.join(self.keys.folder(&spec.event_type, date, schema.id, release));
        self.create(&folder)?;
        let files = (self.options.files_per_hour as usize).min(records.len()).max(1);
        for number in 0..files {
            let from = records.len() * number / files;
            let to = records.len() * (number + 1) / files;
            self.one_file(slot, number, &folder, &schema, records.get(from..to).unwrap_or_default())?;
        }
        // Delivered again in the same hour: in a file of its own, since no file holds a record twice.
        if !again.is_empty() {
            self.one_file(slot, files, &folder, &schema, again)?;
        }
        Ok(())
    }

    /// Creates a folder and those above it, from the top: trying the whole first would fail each time.
    fn create(&self, folder: &Path) -> Result<()> {
        let below = folder.strip_prefix(&self.root).unwrap_or(folder);
        let mut at = self.root.clone();
        for (depth, part) in below.iter().enumerate() {
            at.push(part);
            match std::fs::create_dir(&at) {
                Err(e) if depth > 1 || e.kind() != ErrorKind::AlreadyExists => {
                    return Err(Error::failed(format!("cannot create {}", at.display())).because(e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn one_file(
        &mut self,
        slot: usize,
        number: usize,
        folder: &Path,
        schema: &WriterSchema,
        records: &[Stub],
    ) -> Result<()> {
        let partition = number % PARTITIONS;
        let Some(offset) = self.offsets.get_mut(slot).and_then(|o| o.get_mut(partition)) else { return Ok(()) };
        let mut name = String::with_capacity(80);
        self.keys.file(&mut name, partition, *offset);
        *offset += records.len() as u64;
        let path = folder.join(name);
        let broken = |cause: std::io::Error| Error::failed(format!("cannot write {}", path.display())).because(cause);
        let mut to = File::create(&path).map_err(broken)?;
        let mut bytes = 0;
        self.files += 1;
        self.file.clear();
        self.block.clear();
        let avro = self.options.format == OutFormat::Avro;
        let sync = sync_marker(self.options.seed, self.files);
        if avro {
            self.container.header(&mut self.file, &schema.text, &sync);
        }
        let mut count = 0;
        for stub in records {
            if avro {
                avro_record::put_record(&mut self.block, self.world, schema, stub, &mut self.scratch);
                count += 1;
                if self.block.len() >= BLOCK_BYTES {
                    self.container.block(&mut self.file, count, &mut self.block, &sync)?;
                    count = 0;
                }
            } else {
                json_record::put_record(&mut self.file, self.world, schema, stub, &mut self.scratch);
            }
            if self.file.len() >= FLUSH_BYTES {
                to.write_all(&self.file).map_err(broken)?;
                bytes += self.file.len() as u64;
                self.file.clear();
            }
        }
        if count > 0 {
            self.container.block(&mut self.file, count, &mut self.block, &sync)?;
        }
        to.write_all(&self.file).map_err(broken)?;
        bytes += self.file.len() as u64;
        self.tally.file(slot, records.len() as u64, bytes);
        Ok(())
    }
}
