//! Which stories an hour gets: campaigns to many at once at the usual hours, and single stories in between.

use super::account::{agent, upkeep};
use super::behavior::session;
use super::calendar::Calendar;
use super::canvas::canvas;
use super::catalog::{CHANNELS, Channel};
use super::kind::Kind;
use super::options::TypeSpec;
use super::story::{Story, Touch, WINDOWS, stub};
use super::timeline::BLAST;

/// A single story.
#[derive(Debug, Clone, Copy)]
enum Single {
    Session,
    Canvas,
    Upkeep,
    Agent,
    /// A triggered message.
    Message(Channel),
    /// What a campaign does without a message: its control group, its conversions.
    Campaign,
}

impl Single {
    fn is_told_all_day(self) -> bool {
        matches!(self, Single::Session | Single::Message(Channel::Email | Channel::Push))
    }
}

/// Single stories with their weight and the types without which they have nothing to tell.
const SINGLES: &[(Single, u32, &[Kind])] = &[
    (
        Single::Session,
        300,
        &[Kind::SessionStart, Kind::SessionEnd, Kind::CustomEvent, Kind::Purchase, Kind::FirstSession],
    ),
    (Single::Canvas, 60, &[Kind::CanvasEntry, Kind::Progression]),
    (Single::Upkeep, 60, &[Kind::ProfileUpdate, Kind::GroupState, Kind::GlobalState, Kind::PushToken]),
    (Single::Agent, 8, &[Kind::AgentExecuted, Kind::ToolInvocation]),
    (Single::Campaign, 25, &[Kind::EnrollInControl, Kind::CampaignConversion]),
    (Single::Message(Channel::Email), 170, &[Kind::EmailSend, Kind::EmailDelivery, Kind::EmailOpen, Kind::EmailClick]),
    (Single::Message(Channel::Push), 90, &[Kind::PushSend, Kind::PushOpen]),
    (Single::Message(Channel::Sms), 30, &[Kind::SmsSend, Kind::SmsDelivery]),
    (Single::Message(Channel::WhatsApp), 14, &[Kind::WhatsAppSend, Kind::WhatsAppDelivery]),
    (Single::Message(Channel::Rcs), 8, &[Kind::RcsSend, Kind::RcsDelivery]),
    (Single::Message(Channel::Line), 8, &[Kind::LineSend]),
    (Single::Message(Channel::Webhook), 20, &[Kind::WebhookSend]),
    (Single::Message(Channel::Card), 20, &[Kind::CardSend, Kind::CardImpression]),
    (Single::Message(Channel::InApp), 12, &[Kind::InAppImpression]),
    (Single::Message(Channel::Banner), 12, &[Kind::BannerImpression]),
    (Single::Message(Channel::Flag), 6, &[Kind::FlagImpression]),
    (Single::Message(Channel::Live), 6, &[Kind::LiveSend, Kind::LiveOutcome]),
];

/// Channels of campaigns to many, in turn, with the send that they cannot do without and about how many events one
/// recipient causes, in tenths.
const BLASTS: &[(Channel, Kind, u64)] = &[
    (Channel::Email, Kind::EmailSend, 28),
    (Channel::Push, Kind::PushSend, 15),
    (Channel::Email, Kind::EmailSend, 28),
    (Channel::Sms, Kind::SmsSend, 31),
    (Channel::Email, Kind::EmailSend, 28),
    (Channel::Email, Kind::EmailSend, 28),
    (Channel::Card, Kind::CardSend, 17),
    (Channel::Email, Kind::EmailSend, 28),
    (Channel::Push, Kind::PushSend, 15),
    (Channel::WhatsApp, Kind::WhatsAppSend, 28),
];

/// The UTC hours at which marketers like to send.
const BLAST_HOURS: [u32; 4] = WINDOWS;
/// How many of a hundred events belong to campaigns to many.
const BLAST_SHARE: u64 = 52;
/// The last hours get no such campaign, so that single stories can fill up to the exact number of events.
const QUIET_END: u32 = 8;

/// Decides.
pub struct Plot {
    calendar: Calendar,
    singles: Vec<(Single, u32)>,
    /// The sum of the weights; and of those that are told in every hour.
    weight: u32,
    always: u32,
    blasts: Vec<(Channel, u64)>,
    turn: usize,
    calm_written: u64,
    /// For each hour, how many events are promised to the hours after it.
    promised: Vec<u64>,
    rare: Vec<(u16, Option<Channel>, Option<Kind>)>,
}

impl Plot {
    /// The plot for the types that the story may tell.
    pub fn new(calendar: Calendar, types: &[TypeSpec], story: &Story) -> Plot {
        let singles: Vec<(Single, u32)> = SINGLES.iter().filter(|s| story.slots.any(s.2)).map(|s| (s.0, s.1)).collect();
        let blasts = BLASTS.iter().filter(|b| story.slots.any(&[b.1])).map(|b| (b.0, b.2)).collect();
        let rare = types.iter().enumerate().map(|(slot, spec)| {
            let send = send_of(spec).filter(|k| story.slots.get(*k) != Some(slot as u16));
            (slot as u16, channel_of(&spec.event_type), send)
        });
        let always = |s: &&(Single, u32)| !story.small || s.0.is_told_all_day();
        Plot {
            weight: singles.iter().map(|s| s.1).sum(),
            always: singles.iter().filter(always).map(|s| s.1).sum(),
            singles,
            blasts,
            turn: 0,
            calm_written: 0,
            promised: vec![0; calendar.hours() as usize],
            rare: rare.collect(),
            calendar,
        }
    }

    /// Promises every type a few events, some in each release of the writer schemas.
    pub fn promise(&mut self, story: &mut Story, events: u64) {
        let hours = self.calendar.hours();
        let each = (events / (self.rare.len() as u64 * 8).max(1)).clamp(1, 5) as usize;
        let mut left = events;
        for third in [0, 2, 1, 0, 2].into_iter().take(each) {
            for at in 0..self.rare.len() {
                if left == 0 {
                    return;
                }
                left -= 1;
                let begin = hours * third / 3;
                let hour = story.dice.between(begin, (hours * (third + 1) / 3).max(begin + 1)).min(hours - 1);
                self.alone(story, at, hour, true);
                for before in self.promised.iter_mut().take(hour as usize) {
                    *before += 1;
                }
            }
        }
    }

    /// How many events are promised to hours after this one.
    pub fn promised_after(&self, hour: u32) -> u64 {
        self.promised.get(hour as usize).copied().unwrap_or(0)
    }

    /// Tells the stories that begin in the hour in hand; `written` events are in files already.
    pub fn hour(&mut self, story: &mut Story, written: u64) {
        let hour = story.line.now();
        let end = hour + QUIET_END >= self.calendar.hours();
        if !end && BLAST_HOURS.contains(&(hour % 24)) {
            self.blast(story, hour);
        }
        let total = self.calendar.by_end_of(hour);
        let calm = if self.blasts.is_empty() { total } else { total * (100 - BLAST_SHARE) / 100 };
        let most = self.calendar.by_end_of(self.calendar.hours()).saturating_sub(self.promised_after(hour));
        let mut fruitless = 0;
        loop {
            let waiting = story.line.waiting();
            let enough = match end {
                true => written + waiting >= total,
                false => self.calm_written + story.line.waiting_calm() >= calm || written + waiting >= most,
            };
            if enough {
                break;
            }
            if fruitless < 6 {
                self.single(story, hour);
            } else {
                let at = story.dice.below(self.rare.len() as u32) as usize;
                // Where every event is late, nothing but a promise reaches this hour.
                self.alone(story, at, hour, fruitless > 9);
            }
            fruitless = if story.line.waiting() > waiting { 0 } else { fruitless + 1 };
        }
        self.calm_written += story.line.waiting_calm();
    }

    /// A campaign to many, as large as its share of the volume allows.
    fn blast(&mut self, story: &mut Story, hour: u32) {
        let world = story.world;
        let people = world.population.len();
        for _ in 0..4 {
            let due = self.calendar.by_end_of(hour + 3) * BLAST_SHARE / 100;
            let budget = due.saturating_sub(story.line.blasted());
            let turn = self.turn;
            let Some((channel, tenths)) = self.blasts.get(turn % self.blasts.len().max(1)).copied() else { return };
            let wanted = (budget * 10 / tenths).min(u64::from(people) * 3 / 4) as u32;
            if wanted < 5 {
                return;
            }
            self.turn += 1;
            let Some(campaign) = world.catalog.campaign(channel, true, &mut story.dice) else { return };
            let time = story.line.second(hour) + story.dice.below(12) * 300;
            let link = story.dice.bits() | 1;
            // A stride that shares no factor with the number of people: nobody gets the message twice.
            let mut stride = people / 3 + story.dice.below(people / 3) + 1;
            while gcd(stride, people) != 1 {
                stride += 1;
            }
            let mut user = story.dice.below(people);
            for _ in 0..wanted {
                user = ((u64::from(user) + u64::from(stride)) % u64::from(people)) as u32;
                if !world.population.is_there(user, time) || !world.population.owns_address(user) {
                    continue;
                }
                let touch = Touch { link, flags: BLAST, ..Touch::of(user) };
                if let Some(message) = campaign.control.filter(|_| story.dice.chance(100)) {
                    let touch = Touch { message, link: 0, ..touch };
                    story.say(Kind::EnrollInControl, time, &touch);
                    story.converts(&touch, time, 22);
                    continue;
                }
                let which = story.dice.below(campaign.messages.len() as u32) as usize;
                let message = campaign.messages.get(which).copied().unwrap_or(0);
                // A large campaign takes its minutes.
                let sent = time + story.dice.below(240);
                let touch = Touch { message, ..touch };
                story.message(channel, touch, sent);
                story.converts(&touch, sent, 25 + 4 * which as u32);
            }
        }
    }

    /// One single story in that hour.
    fn single(&self, story: &mut Story, hour: u32) {
        // In a small export the seldom stories are told in few hours, and there more often.
        let open = WINDOWS.contains(&(hour % 24)) || self.always == 0;
        let seldom_times = if story.small && open { 24 / WINDOWS.len() as u32 } else { 1 };
        let weight = if open { self.always + (self.weight - self.always) * seldom_times } else { self.always };
        let mut chance = story.dice.below(weight);
        let mut chosen = None;
        for (single, weight) in &self.singles {
            let weight = match story.small && !single.is_told_all_day() {
                true if open => weight * seldom_times,
                true => continue,
                false => *weight,
            };
            if chance < weight {
                chosen = Some(*single);
                break;
            }
            chance -= weight;
        }
        let world = story.world;
        let time = story.line.second(hour) + story.dice.below(3600);
        let user = world.population.someone(&mut story.dice, time);
        match chosen {
            None => {}
            Some(Single::Session) => session(story, user, time),
            Some(Single::Canvas) => canvas(story, user, time),
            Some(Single::Upkeep) => upkeep(story, user, time),
            Some(Single::Agent) => agent(story, user, time),
            Some(Single::Message(channel)) => {
                let touch = self.triggered(story, channel, user);
                story.message(channel, touch, time);
                if matches!(channel, Channel::Email | Channel::Push | Channel::Sms | Channel::WhatsApp) {
                    story.converts(&touch, time, 30);
                }
            }
            Some(Single::Campaign) => {
                let Some(campaign) = world.catalog.campaign(Channel::Email, false, &mut story.dice) else { return };
                match campaign.control.filter(|_| story.dice.chance(600)) {
                    Some(message) => {
                        let touch = Touch { message, ..Touch::of(user) };
                        story.say(Kind::EnrollInControl, time, &touch);
                        story.converts(&touch, time, 24);
                    }
                    None => {
                        let message = campaign.messages.first().copied().unwrap_or(0);
                        let touch = Touch { message, link: story.dice.bits() | 1, ..Touch::of(user) };
                        story.message(Channel::Email, touch, time);
                        story.converts(&touch, time, 30);
                    }
                };
            }
        }
    }

    fn triggered(&self, story: &mut Story, channel: Channel, user: u32) -> Touch {
        let link = story.dice.bits() | 1;
        let world = story.world;
        let message = world.catalog.campaign(channel, false, &mut story.dice).and_then(|c| c.messages.first().copied());
        Touch { link, message: message.unwrap_or(0), ..Touch::of(user) }
    }

    /// One event of a given type by itself, after its send where it has one.
    fn alone(&self, story: &mut Story, at: usize, hour: u32, reserved: bool) {
        let Some((slot, channel, send)) = self.rare.get(at).copied() else { return };
        let world = story.world;
        let time = story.line.second(hour) + 60 + story.dice.below(3_400);
        let mut user = world.population.someone(&mut story.dice, time);
        while world.population.devices(user) == 0 {
            user = world.population.present((user + 1) % world.population.len(), time);
        }
        let mut touch = match channel {
            Some(channel) => self.triggered(story, channel, user),
            None => Touch { link: story.dice.bits() | 1, ..Touch::of(user) },
        };
        touch.device = match channel {
            None
            | Some(Channel::Push | Channel::Card | Channel::InApp | Channel::Banner | Channel::Flag | Channel::Live) => {
                0
            }
            _ => super::timeline::NO_DEVICE,
        };
        touch.sent = time - 50;
        let name = story.slots.kind_at(slot);
        if matches!(name, Some(Kind::CanvasEntry | Kind::Progression | Kind::CanvasConversion | Kind::SplitEntry))
            || matches!(
                name,
                Some(Kind::ExperimentConversion | Kind::ExitAudience | Kind::ExitEvent | Kind::CostepSend)
            )
        {
            let canvas = world.catalog.canvas(&mut story.dice);
            touch.message = canvas.and_then(|c| c.steps.first()?.messages.first().copied()).unwrap_or(0);
            touch.device = super::timeline::NO_DEVICE;
        }
        if matches!(name, Some(Kind::CampaignConversion | Kind::EnrollInControl)) {
            touch = Touch { link: 0, ..self.triggered(story, Channel::Email, user) };
            if name == Some(Kind::EnrollInControl) {
                touch.message = world.catalog.control(&mut story.dice);
            }
        }
        let mut event = stub(slot, time, &touch, 0, 0);
        if matches!(name, Some(Kind::Orphan | Kind::DeleteRequest)) {
            // Said once more of somebody who leaves anyway.
            let which = story.dice.below(8) as usize;
            let fits = |l: &(u32, u32, Option<u32>)| l.2.is_some() == (name == Some(Kind::Orphan));
            let leaver = world.population.leavers().filter(fits).nth(which);
            let leaver = leaver.or_else(|| world.population.leavers().find(fits));
            event.user = leaver.map_or(user, |l| l.0);
            event.peer = leaver.and_then(|l| l.2).unwrap_or_else(|| world.population.present(0, time));
        }
        if matches!(name, Some(Kind::EmailOpen | Kind::PushOpen)) {
            event.flags |= super::timeline::FIRST;
        }
        if reserved {
            story.line.reserve(hour, event);
        } else {
            story.line.push(event, &mut story.dice);
        }
        if let Some(send) = send {
            story.say(send, touch.sent, &touch);
        }
    }
}

/// The send that belongs to a type of the known channels.
fn send_of(spec: &TypeSpec) -> Option<Kind> {
    match channel_of(&spec.event_type)? {
        Channel::Email => Some(Kind::EmailSend),
        Channel::Push => Some(Kind::PushSend),
        Channel::Sms => Some(Kind::SmsSend),
        Channel::WhatsApp => Some(Kind::WhatsAppSend),
        Channel::Rcs => Some(Kind::RcsSend),
        Channel::Line => Some(Kind::LineSend),
        Channel::Card => Some(Kind::CardSend),
        _ => None,
    }
}

/// The channel of a message's event type.
fn channel_of(event_type: &str) -> Option<Channel> {
    let name = match event_type.strip_prefix("users.messages.")?.split('.').next()? {
        "pushnotification" => "push",
        "contentcard" => "content_card",
        "inappmessage" => "in_app",
        "featureflag" => "feature_flag",
        "liveactivity" => "live_activity",
        name => name,
    };
    CHANNELS.iter().find(|c| c.1 == name).map(|c| c.0)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
