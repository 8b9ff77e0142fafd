//! The value of one field of one event, computed from its stub without allocating.

use super::catalog::{Catalog, Part};
use super::content::Content;
use super::dice::{draw, hex8, hex32, mix, number, pick, scale, uuid, uuid_string};
use super::population::Population;
use super::timeline::{BOT, JOINED, LEFT, NO_DEVICE, Stub};
use super::words::{
    AGENTS, CARRIER_ERRORS, DEVICES, FIRST_NAMES, GOAL_SECONDS, HARD_BOUNCES, LAST_NAMES, LINKS, MAILBOXES, PRODUCTS,
    REPLIES, SOFT_BOUNCES,
};

/// A value on its way into a record.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f32),
    /// True or false.
    Bool(bool),
    /// Text that is kept somewhere.
    Text(&'a str),
    /// Text that was just written to the scratch buffer.
    Scratch,
    /// A UUID by its halves.
    Uuid(u64, u64),
    /// Hexadecimal digits, 24 of them.
    Hex24(u64, u64),
    /// Hexadecimal digits, 32 of them.
    Hex32(u64, u64),
    /// Several texts.
    List(&'static [&'static str]),
}

/// What all records draw on.
#[derive(Debug)]
pub struct World {
    /// The people.
    pub population: Population,
    /// The messages.
    pub catalog: Catalog,
    seed: u64,
    app_group: String,
    apps: [String; 3],
    filtering_from: u32,
    old_exit_ids: bool,
}

/// Since August 2019 events carry a `dispatch_id`.
const DISPATCH_SINCE: u32 = 1_564_617_600;
/// Until 2024 `users.canvas.exit.*` had internal ids in `canvas_id` and its like.
const EXIT_IDS_SINCE: u32 = 1_704_067_200;

impl World {
    /// The world of a seed, for a period that starts then and has bot filtering from then on.
    pub fn new(seed: u64, population: Population, start: u32, filtering_from: u32) -> World {
        World {
            population,
            catalog: Catalog::new(seed),
            seed: mix(seed ^ 0x1d),
            app_group: String::from_utf8_lossy(&hex32(draw(seed, 71), draw(seed, 72))[..24]).into_owned(),
            apps: [uuid_string(seed, 81), uuid_string(seed, 82), uuid_string(seed, 83)],
            filtering_from,
            old_exit_ids: start < EXIT_IDS_SINCE,
        }
    }

    /// The two halves of an event's `id`.
    #[inline(always)]
    pub fn id(&self, stub: &Stub) -> (u64, u64) {
        uuid(self.seed, stub.seq)
    }

    fn hardware(&self, stub: &Stub) -> Option<(u64, &'static (&'static str, &'static str, &'static str))> {
        if stub.device == NO_DEVICE {
            return None;
        }
        let device = self.population.device(stub.user, stub.device);
        Some((device, pick(DEVICES, device << 7)?))
    }

    /// The platform of a user's device.
    pub fn platform(&self, user: u32, device: u8) -> &'static str {
        pick(DEVICES, self.population.device(user, device) << 7).map_or("", |d| d.0)
    }

    fn user_id(&self, user: u32) -> Value<'_> {
        let nature = self.population.nature(user);
        Value::Hex24(mix(nature ^ 0x1d), u64::from(user) ^ (nature & 0xffff_0000))
    }

    /// The value of a field. `salt` is the field's own number; a text may be left in `scratch`.
    #[inline]
    pub fn value<'a>(&'a self, content: &Content, salt: u64, stub: &Stub, scratch: &mut Vec<u8>) -> Value<'a> {
        match *content {
            Content::Part(part) => match self.catalog.message(stub.message).part(part) {
                Some(text) => Value::Text(text),
                None => Value::Null,
            },
            Content::Id => {
                let (high, low) = self.id(stub);
                Value::Uuid(high, low)
            }
            Content::User => self.user_id(stub.user),
            Content::Time => Value::Int(i64::from(stub.time)),
            Content::AppGroup => Value::Text(&self.app_group),
            Content::Dispatch => match stub.link {
                0 => Value::Null,
                _ if stub.time < DISPATCH_SINCE => Value::Null,
                link => Value::Hex32(mix(link), mix(!link)),
            },
            Content::Email => Value::Text(self.population.address(stub.user)),
            Content::External => match self.population.external(stub.user) {
                Some(text) => in_scratch(scratch, &text),
                None => Value::Null,
            },
            Content::Words(words, nulls) => {
                let drawn = draw(stub.seq, salt);
                if (drawn & 1023) < u64::from(nulls) {
                    return Value::Null;
                }
                pick(words, drawn).map_or(Value::Null, |text| Value::Text(text))
            }
            Content::Zone => self.population.place(stub.user).map_or(Value::Null, |p| Value::Text(p.zone)),
            Content::Device => match self.hardware(stub) {
                Some((device, _)) => {
                    let (high, low) = uuid(device, 1);
                    Value::Uuid(high, low)
                }
                None => Value::Null,
            },
            Content::DeviceModel => self.hardware(stub).map_or(Value::Null, |(_, d)| Value::Text(d.1)),
            Content::OsVersion => self.hardware(stub).map_or(Value::Null, |(_, d)| Value::Text(d.2)),
            Content::Platform => self.hardware(stub).map_or(Value::Null, |(_, d)| Value::Text(d.0)),
            Content::App => {
                let app = match self.hardware(stub).map_or("", |(_, d)| d.0) {
                    "" => return Value::Null,
                    "ios" => &self.apps[0],
                    "android" => &self.apps[1],
                    _ => &self.apps[2],
                };
                Value::Text(app)
            }
            _ => self.seldom(content, salt, stub, scratch),
        }
    }

    /// The contents that few records have.
    fn seldom<'a>(&'a self, content: &Content, salt: u64, stub: &Stub, scratch: &mut Vec<u8>) -> Value<'a> {
        let drawn = draw(stub.seq, salt);
        let null = |nulls: u16| (drawn & 1023) < u64::from(nulls);
        let place = || self.population.place(stub.user);
        match *content {
            Content::Heir => self.user_id(stub.peer),
            Content::TimeMs => Value::Int(i64::from(stub.time) * 1000 + i64::from(scale(drawn, 1000))),
            Content::Sent => match stub.sent {
                0 => Value::Null,
                sent => Value::Int(i64::from(sent)),
            },
            Content::InternalPart(part) => match self.catalog.message(stub.message).part(part) {
                Some(_) if self.old_exit_ids => Value::Hex24(mix(u64::from(stub.message) ^ part as u64), self.seed),
                Some(text) => Value::Text(text),
                None => Value::Null,
            },
            Content::ApiPart(part) if self.old_exit_ids => part_of(self, stub, part),
            Content::Link => match stub.link {
                0 => own(stub, 5),
                link => uuid_of(link, 2),
            },
            Content::LinkUser => uuid_of(stub.link, u64::from(stub.user)),
            Content::InReplyTo if stub.link == 0 => Value::Null,
            Content::InReplyTo => uuid_of(stub.link, u64::from(stub.user)),
            Content::OwnId => own(stub, 6),
            Content::Domain => {
                MAILBOXES.get(self.population.mailbox(stub.user)).map_or(Value::Null, |m| Value::Text(m.domain))
            }
            Content::Mailbox => {
                MAILBOXES.get(self.population.mailbox(stub.user)).map_or(Value::Null, |m| Value::Text(m.name))
            }
            Content::Phone => {
                scratch.clear();
                scratch.extend_from_slice(b"+1555");
                scratch.extend_from_slice(&self.population.phone(stub.user));
                Value::Scratch
            }
            Content::Country => place().map_or(Value::Null, |p| Value::Text(p.country)),
            Content::Language => place().map_or(Value::Null, |p| Value::Text(p.language)),
            Content::City => place().map_or(Value::Null, |p| Value::Text(p.city)),
            Content::Latitude => place().map_or(Value::Null, |p| Value::Float(p.at.0 + fraction(drawn))),
            Content::Longitude => place().map_or(Value::Null, |p| Value::Float(p.at.1 + fraction(drawn))),
            Content::Gender => match self.population.nature(stub.user) >> 20 & 7 {
                0..3 => Value::Text("F"),
                3..6 => Value::Text("M"),
                6 => Value::Text("O"),
                _ => Value::Null,
            },
            Content::FirstName if null(300) => Value::Null,
            Content::FirstName => text_or_null(pick(FIRST_NAMES, self.population.nature(stub.user) << 3)),
            Content::LastName if null(300) => Value::Null,
            Content::LastName => text_or_null(pick(LAST_NAMES, self.population.nature(stub.user) << 11)),
            Content::Birthday if null(600) => Value::Null,
            Content::Birthday => {
                let nature = self.population.nature(stub.user);
                scratch.clear();
                number(scratch, 1950 + i64::from(scale(nature << 9, 56)));
                scratch.extend_from_slice([b"-03-09", b"-07-21", b"-11-30", b"-01-02"][(nature & 3) as usize]);
                Value::Scratch
            }
            Content::UserToken(which) => {
                let nature = self.population.nature(stub.user);
                Value::Hex32(mix(nature ^ which), mix(nature ^ !which))
            }
            Content::AdId => match self.hardware(stub) {
                Some((device, _)) if device & 3 == 0 => uuid_of(device, 9),
                _ => Value::Null,
            },
            Content::AdIdType => match self.hardware(stub) {
                Some((device, kind)) if device & 3 == 0 => match kind.0 {
                    "ios" => Value::Text("ios_idfa"),
                    _ => Value::Text("google_ad_id"),
                },
                _ => Value::Null,
            },
            Content::DeviceToken(which) => match self.hardware(stub) {
                Some((device, _)) => Value::Hex32(mix(device ^ which), mix(device ^ !which)),
                None => Value::Null,
            },
            Content::FlagText(bit) if stub.flags & bit != 0 => Value::Text("true"),
            Content::FlagTrue(bit) if stub.flags & bit != 0 => Value::Bool(true),
            Content::Flag(bit) => Value::Bool(stub.flags & bit != 0),
            Content::Bot if stub.time >= self.filtering_from => Value::Bool(stub.flags & BOT != 0),
            Content::BotReason if stub.time >= self.filtering_from && stub.flags & BOT != 0 => {
                Value::List([&["user_agent", "timing"] as &[&str], &["timing"]][(drawn & 1) as usize])
            }
            Content::Url => {
                scratch.clear();
                scratch.extend_from_slice(b"https://shop.example/");
                scratch.extend_from_slice(link(stub).as_bytes());
                scratch.extend_from_slice(b"?utm_source=message&m=");
                number(scratch, i64::from(stub.message));
                scratch.extend_from_slice(b"&uid=");
                scratch.extend_from_slice(&hex8(self.population.nature(stub.user) as u32));
                Value::Scratch
            }
            Content::LinkAlias if null(200) => Value::Null,
            Content::LinkAlias => Value::Text(link(stub)),
            Content::LinkId if null(200) => Value::Null,
            Content::LinkId => {
                scratch.clear();
                number(scratch, i64::from(stub.detail));
                Value::Scratch
            }
            Content::UserAgent if stub.flags & BOT != 0 => Value::Text("LinkScanner/2.1 (+https://scanner.example)"),
            Content::UserAgent => text_or_null(pick(AGENTS, self.population.nature(stub.user) << 5)),
            Content::BounceReason => {
                let reasons = if stub.detail == 1 { HARD_BOUNCES } else { SOFT_BOUNCES };
                text_or_null(pick(reasons, drawn))
            }
            // The same draw for both, so that code and text agree.
            Content::CarrierText => pick(CARRIER_ERRORS, draw(stub.seq, 30)).map_or(Value::Null, |e| Value::Text(e.1)),
            Content::CarrierCode => pick(CARRIER_ERRORS, draw(stub.seq, 30)).map_or(Value::Null, |e| Value::Text(e.0)),
            // Drawn by the second, so that all profiles that share the phone wrote the same.
            Content::ReplyText => reply(stub.time).map_or(Value::Null, |r| Value::Text(r.0)),
            Content::ReplyAction => reply(stub.time).map_or(Value::Null, |r| Value::Text(r.1)),
            Content::SubscriptionChannel(others) => match self.catalog.message(stub.message).part(Part::ChannelName) {
                Some(channel) => Value::Text(channel),
                None => text_or_null(pick(others, drawn)),
            },
            Content::SubscriptionGroup => match self.catalog.message(stub.message).part(Part::SubscriptionGroup) {
                Some(group) => Value::Text(group),
                None => uuid_of(self.seed ^ 0x5b, drawn % 3),
            },
            Content::OfMessage(words) => text_or_null(pick(words, draw(u64::from(stub.message), salt))),
            Content::OfDispatch(words) => text_or_null(pick(words, draw(stub.link, salt))),
            Content::SubscriptionStatus => match stub.detail {
                LEFT => Value::Text("Unsubscribed"),
                JOINED => Value::Text("Subscribed"),
                _ => text_or_null(pick(&["Subscribed", "Unsubscribed", "Unsubscribed", "Opted In"], drawn)),
            },
            Content::Conversion => {
                scratch.clear();
                scratch.extend_from_slice(b"{\"window\":");
                number(scratch, i64::from(GOAL_SECONDS.get(usize::from(stub.detail & 3)).copied().unwrap_or(0)));
                scratch.extend_from_slice(match stub.detail & 3 {
                    0 => b",\"type\":\"Makes Purchase\"}" as &[u8],
                    1 => b",\"type\":\"Opens App\",\"app_ids\":[]}",
                    2 => b",\"type\":\"Performs Custom Event\",\"custom_event_name\":\"checkout_started\"}",
                    _ => b",\"type\":\"Upgrades App\"}",
                });
                Value::Scratch
            }
            Content::ConversionIndex => Value::Int(i64::from(stub.detail & 3)),
            Content::Detail => Value::Int(i64::from(stub.detail)),
            Content::Properties => {
                scratch.clear();
                if drawn & 7 == 0 {
                    scratch.extend_from_slice(b"{}");
                    return Value::Scratch;
                }
                scratch.extend_from_slice(b"{\"sku\":\"");
                scratch.extend_from_slice(pick(PRODUCTS, drawn).map_or("", |p| p).as_bytes());
                scratch.extend_from_slice(b"\",\"quantity\":");
                number(scratch, 1 + (drawn >> 8 & 3) as i64);
                scratch.extend_from_slice(b",\"value\":");
                number(scratch, (drawn >> 12 & 255) as i64);
                scratch.extend_from_slice(if drawn & 16 == 0 { b".5,\"gift\":false}" } else { b".25,\"gift\":true}" });
                Value::Scratch
            }
            Content::Attributes => {
                scratch.clear();
                scratch.extend_from_slice(b"{\"tier\":\"");
                scratch.extend_from_slice([b"gold" as &[u8], b"blue", b"none", b"none"][(drawn & 3) as usize]);
                scratch.extend_from_slice(b"\",\"points\":");
                number(scratch, (drawn >> 8 & 4095) as i64);
                scratch.push(b'}');
                Value::Scratch
            }
            Content::Price => {
                let cents = 99 + i64::from(scale(drawn, 18_000));
                let sign = if drawn & 31 == 0 { -1 } else { 1 };
                Value::Float((sign * cents) as f32 / 100.0)
            }
            Content::Number(_, _, nulls) | Content::Real(_, _, nulls) | Content::Random(nulls) if null(nulls) => {
                Value::Null
            }
            Content::Chance(_, nulls) | Content::List(_, nulls) if null(nulls) => Value::Null,
            Content::Number(low, high, _) => Value::Int(i64::from(low) + i64::from(scale(drawn, (high - low) as u32))),
            Content::Real(low, high, _) => {
                Value::Float((i64::from(low) + i64::from(scale(drawn, (high - low) as u32))) as f32 / 100.0)
            }
            Content::Random(_) => Value::Hex32(drawn, mix(drawn)),
            Content::Chance(rate, _) => Value::Bool((drawn >> 20 & 1023) < u64::from(rate)),
            Content::List(items, _) => Value::List(items.get(..1 + (drawn >> 20 & 1) as usize).unwrap_or(items)),
            Content::Filler if drawn & 15 == 0 => {
                scratch.clear();
                scratch.extend_from_slice(b"v");
                number(scratch, (drawn >> 8 & 1023) as i64);
                Value::Scratch
            }
            _ => Value::Null,
        }
    }

    /// What a field gets that must have a value and has none.
    pub fn filler(&self, stub: &Stub) -> Value<'_> {
        Value::Hex24(mix(stub.seq), 0)
    }
}

fn part_of<'a>(world: &'a World, stub: &Stub, part: Part) -> Value<'a> {
    match world.catalog.message(stub.message).part(part) {
        Some(text) => Value::Text(text),
        None => Value::Null,
    }
}

fn uuid_of<'a>(seed: u64, number: u64) -> Value<'a> {
    let (high, low) = uuid(seed, number);
    Value::Uuid(high, low)
}

fn own<'a>(stub: &Stub, which: u64) -> Value<'a> {
    uuid_of(mix(stub.seq), which)
}

/// What is written back in that second, and what it does to the subscription.
pub fn reply(time: u32) -> Option<(&'static str, &'static str)> {
    pick(REPLIES, draw(u64::from(time), 31)).copied()
}

fn link(stub: &Stub) -> &'static str {
    LINKS.get(usize::from(stub.detail) % LINKS.len()).copied().unwrap_or("home")
}

fn text_or_null<'a>(text: Option<&&'static str>) -> Value<'a> {
    text.map_or(Value::Null, |t| Value::Text(t))
}

fn in_scratch<'a>(scratch: &mut Vec<u8>, text: &[u8]) -> Value<'a> {
    scratch.clear();
    scratch.extend_from_slice(text);
    Value::Scratch
}

/// Up to a tenth of a degree.
fn fraction(drawn: u64) -> f32 {
    scale(drawn, 1000) as f32 / 10_000.0
}
