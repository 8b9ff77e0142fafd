//! Events as small stubs, each waiting in the hour in which it is queued.
//!
//! A stub holds what cannot be computed again; everything else of a record follows from it. Hours are taken one after
//! the other, so that what waits is the hour in hand and the tails of earlier stories, never the whole export.

use super::dice::Dice;

/// The stub says that the event was caused by a machine (an open by a mail proxy).
pub const MACHINE: u8 = 1;
/// The click looks like a scanner's.
pub const BOT: u8 = 2;
/// The first of its kind for the message and recipient.
pub const FIRST: u8 = 4;
/// The provider dropped the message; the webhook failed for good; the user is in the control group.
pub const HARD: u8 = 8;
/// The message fell back to SMS.
pub const FALLBACK: u8 = 16;
/// The step is where the Canvas begins.
pub const BEGIN: u8 = 32;
/// Part of a campaign sent to many at once.
pub const BLAST: u8 = 64;
/// A record delivered again.
pub const COPY: u8 = 128;

/// The detail of a change of subscription that the user asked for: leaves.
pub const LEFT: u16 = 1;
/// The same: joins.
pub const JOINED: u16 = 2;

/// No device takes part.
pub const NO_DEVICE: u8 = u8::MAX;

/// One event to come.
#[derive(Debug, Clone, Copy)]
pub struct Stub {
    /// The identity: `id` and every detail left to chance follow from it.
    pub seq: u64,
    /// What the events of one story share (dispatch, session, Canvas entry); 0 for none.
    pub link: u64,
    /// When it happened, seconds since 1970.
    pub time: u32,
    /// When the message was sent, seconds since 1970; 0 for none.
    pub sent: u32,
    /// Who.
    pub user: u32,
    /// The other user: the survivor of a merge.
    pub peer: u32,
    /// Which message of the catalog; 0 for none.
    pub message: u16,
    /// Which type of the caller's list.
    pub slot: u16,
    /// A number whose meaning depends on the type: a link, a conversion, a duration.
    pub detail: u16,
    /// Which of the user's devices.
    pub device: u8,
    /// See the constants.
    pub flags: u8,
    /// The release of the writer schemas when it was first written.
    pub release: u8,
}

/// Where a stub waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The hour, from the start.
    pub hour: u32,
    /// The position in that hour.
    pub index: usize,
}

/// The hours of the period.
#[derive(Debug)]
pub struct Timeline {
    start: u32,
    now: u32,
    next_seq: u64,
    late: u64,
    hours: Vec<Vec<Stub>>,
    copies: Vec<Vec<Stub>>,
    /// Waiting stubs per hour that are not part of a blast.
    calm: Vec<u64>,
    blasted: u64,
}

impl Timeline {
    /// An empty period of so many hours; `late` is a rate out of 2^32.
    pub fn new(start: u32, hours: u32, late: u64) -> Timeline {
        let hours = hours as usize;
        Timeline {
            start,
            now: 0,
            next_seq: 1,
            late,
            hours: vec![Vec::new(); hours],
            copies: vec![Vec::new(); hours],
            calm: vec![0; hours],
            blasted: 0,
        }
    }

    /// How many hours there are.
    pub fn len(&self) -> u32 {
        self.hours.len() as u32
    }

    /// The hour in hand.
    pub fn now(&self) -> u32 {
        self.now
    }

    /// The first second of an hour.
    pub fn second(&self, hour: u32) -> u32 {
        self.start + hour * 3600
    }

    /// Queues an event a few seconds after it happened, or, at the rate of late events, 1 to 72 hours after. One that
    /// would be queued after the period is not part of the export.
    pub fn push(&mut self, mut stub: Stub, dice: &mut Dice) -> Option<Place> {
        let chance = dice.bits();
        let mut queued = stub.time + (chance & 15) as u32;
        if (chance >> 32) < self.late {
            let left = self.second(self.len()).saturating_sub(queued).saturating_sub(1);
            if left > 3600 {
                queued += dice.between(3600, (72 * 3600).min(left));
            }
        }
        let hour = (queued.saturating_sub(self.start) / 3600).max(self.now);
        stub.seq = self.next_seq;
        let place = self.put(hour, stub)?;
        self.next_seq += 1;
        Some(place)
    }

    /// Queues an event in a given hour, ahead of everything told later.
    pub fn reserve(&mut self, hour: u32, mut stub: Stub) {
        stub.seq = self.next_seq;
        if self.put(hour, stub).is_some() {
            self.next_seq += 1;
        }
    }

    fn put(&mut self, hour: u32, stub: Stub) -> Option<Place> {
        let bucket = self.hours.get_mut(hour as usize)?;
        bucket.push(stub);
        if stub.flags & BLAST != 0 {
            self.blasted += 1;
        } else if let Some(calm) = self.calm.get_mut(hour as usize) {
            *calm += 1;
        }
        Some(Place { hour, index: bucket.len() - 1 })
    }

    /// Sets flags on a stub that still waits.
    pub fn mark(&mut self, place: Place, flags: u8) {
        if let Some(stub) = self.hours.get_mut(place.hour as usize).and_then(|h| h.get_mut(place.index)) {
            stub.flags |= flags;
        }
    }

    /// Queues a copy of a written record; `false` when the period ends before that hour.
    pub fn repeat(&mut self, hour: u32, mut stub: Stub) -> bool {
        stub.flags |= COPY;
        match self.copies.get_mut(hour as usize) {
            Some(bucket) if hour > self.now => {
                bucket.push(stub);
                true
            }
            _ => false,
        }
    }

    /// How many distinct events wait in the hour in hand.
    pub fn waiting(&self) -> u64 {
        self.hours.get(self.now as usize).map_or(0, |h| h.len() as u64)
    }

    /// How many of those are not part of a blast.
    pub fn waiting_calm(&self) -> u64 {
        self.calm.get(self.now as usize).copied().unwrap_or(0)
    }

    /// How many events of blasts were queued so far, written or waiting.
    pub fn blasted(&self) -> u64 {
        self.blasted
    }

    /// Takes the hour in hand, events and copies, and moves on to the next.
    pub fn take(&mut self) -> (Vec<Stub>, Vec<Stub>) {
        let at = self.now as usize;
        self.now += 1;
        let events = self.hours.get_mut(at).map(std::mem::take).unwrap_or_default();
        let copies = self.copies.get_mut(at).map(std::mem::take).unwrap_or_default();
        (events, copies)
    }
}
