//! Telling: a story says what happens to whom and when, and the timeline keeps it until its hour is written.

use super::catalog::Channel;
use super::dice::Dice;
use super::kind::{Kind, Slots};
use super::timeline::{FIRST, NO_DEVICE, Place, Stub, Timeline};
use super::value::World;
use super::{chat, email, onsite, push, text, webhook};

/// What the events of one message to one user share.
#[derive(Debug, Clone, Copy)]
pub struct Touch {
    /// Who.
    pub user: u32,
    /// On which device.
    pub device: u8,
    /// Which message; 0 for none.
    pub message: u16,
    /// The dispatch, session or entry; 0 for none.
    pub link: u64,
    /// When it was sent, seconds since 1970; 0 for none.
    pub sent: u32,
    /// Flags of every event.
    pub flags: u8,
}

impl Touch {
    /// A user without message or device.
    pub fn of(user: u32) -> Touch {
        Touch { user, device: NO_DEVICE, message: 0, link: 0, sent: 0, flags: 0 }
    }
}

/// The teller.
pub struct Story<'a> {
    /// People and messages.
    pub world: &'a World,
    /// Which types were asked for.
    pub slots: &'a Slots,
    /// Chance.
    pub dice: Dice,
    /// What was told.
    pub line: Timeline,
    /// Whether the export is so small that rare things have their hours (see [`Story::mishap`], [`Story::window`]);
    /// otherwise nearly every type would have a file in nearly every hour, most of them with one record.
    pub small: bool,
}

/// The UTC hours in which systems are at their limits.
const BUSY_HOURS: [u32; 2] = [11, 18];
/// The UTC hours in which a small workspace sends what it does not send all day.
pub const WINDOWS: [u32; 4] = [9, 11, 15, 18];

impl Story<'_> {
    /// One event. Returns where it waits, or nothing if its type was not asked for, its hour is beyond the period or its
    /// user is gone by then.
    #[inline]
    pub fn tell(&mut self, kind: Kind, time: u32, touch: &Touch, detail: u16, flags: u8) -> Option<Place> {
        let slot = self.slots.get(kind)?;
        if !self.world.population.is_there(touch.user, time) {
            return None;
        }
        let stub = stub(slot, time, touch, detail, flags);
        self.line.push(stub, &mut self.dice)
    }

    /// The same without detail or flags.
    pub fn say(&mut self, kind: Kind, time: u32, touch: &Touch) -> Option<Place> {
        self.tell(kind, time, touch, 0, 0)
    }

    /// The life of one message, from its send on.
    pub fn message(&mut self, channel: Channel, touch: Touch, time: u32) {
        let touch = Touch { sent: time, ..touch };
        match channel {
            Channel::Email => email::email(self, &touch),
            Channel::Push => push::push(self, &touch),
            Channel::Sms => text::sms(self, &touch, 0),
            Channel::Rcs => text::rcs(self, &touch),
            Channel::WhatsApp => chat::whatsapp(self, &touch),
            Channel::Line => chat::line(self, &touch),
            Channel::Webhook => webhook::webhook(self, &touch),
            Channel::Card => onsite::card(self, &touch),
            Channel::InApp => onsite::in_app(self, &touch),
            Channel::Banner => onsite::banner(self, &touch),
            Channel::Flag => onsite::flag(self, &touch),
            Channel::Live => onsite::live(self, &touch),
        }
    }

    /// Whether something goes wrong at that time, so many times in a thousand on average: in a small export only in the
    /// busy hours, but then more often.
    pub fn mishap(&mut self, time: u32, per_mille: u32) -> bool {
        match self.small {
            false => self.dice.chance(per_mille),
            true => BUSY_HOURS.contains(&(time / 3600 % 24)) && self.dice.chance(per_mille * 3),
        }
    }

    /// The time itself, or in a small export the next window in which something is sent.
    pub fn window(&mut self, time: u32) -> u32 {
        if !self.small {
            return time;
        }
        let mut hour = time / 3600;
        while !WINDOWS.contains(&(hour % 24)) {
            hour += 1;
        }
        if hour == time / 3600 { time } else { hour * 3600 + self.dice.below(3_000) }
    }

    /// One of the user's devices, or none.
    pub fn some_device(&mut self, user: u32) -> Option<u8> {
        match self.world.population.devices(user) {
            0 => None,
            count => Some(self.dice.below(u32::from(count)) as u8),
        }
    }

    /// Whether the user reacts, so many times in a thousand for the average user.
    pub fn reacts(&mut self, user: u32, per_mille: u32) -> bool {
        let interest = self.world.population.interest(user);
        self.dice.chance(per_mille * interest / 340)
    }

    /// Now and then a goal of the campaign is met after a message, or by a member of the control group without one.
    pub fn converts(&mut self, touch: &Touch, time: u32, per_mille: u32) {
        if self.reacts(touch.user, per_mille) {
            let met = time + self.dice.tail(20_000, 3 * 86_400);
            let goal = self.goal();
            self.tell(Kind::CampaignConversion, met, &Touch { link: 0, ..*touch }, goal, 0);
        }
    }

    /// Which goal is met, 0 to 3: mostly the first.
    pub fn goal(&mut self) -> u16 {
        match self.dice.below(20) {
            0..14 => 0,
            14..17 => 1,
            17..19 => 2,
            _ => 3,
        }
    }
}

/// The opens of one message to one recipient. The one that is queued first gets marked: as long as any of them is part of
/// the export, that one is, so that counting marks counts messages that were opened.
#[derive(Debug, Default)]
pub struct Opens {
    first: Option<Place>,
}

impl Opens {
    /// Tells one more.
    pub fn tell(&mut self, story: &mut Story, kind: Kind, time: u32, touch: &Touch, flags: u8) {
        let place = story.tell(kind, time, touch, 0, flags);
        self.first = match (self.first, place) {
            (Some(first), Some(place)) if place.hour < first.hour => Some(place),
            (None, place) => place,
            (first, _) => first,
        };
    }

    /// Marks the first.
    pub fn mark(self, story: &mut Story) {
        if let Some(first) = self.first {
            story.line.mark(first, FIRST);
        }
    }
}

/// The stub of an event; its identity comes later.
pub fn stub(slot: u16, time: u32, touch: &Touch, detail: u16, flags: u8) -> Stub {
    Stub {
        seq: 0,
        link: touch.link,
        time,
        sent: touch.sent,
        user: touch.user,
        peer: touch.user,
        message: touch.message,
        slot,
        detail,
        device: touch.device,
        flags: flags | touch.flags,
        release: 0,
    }
}
