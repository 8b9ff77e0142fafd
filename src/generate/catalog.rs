//! What is sent: campaigns with their variations, Canvases with their steps. Made once; a stub names a message by number.

use super::dice::{Dice, hex32, mix, pick, uuid_string};
use super::words::{JOURNEYS, THEMES};

/// A message channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// E-mail.
    Email,
    /// Push notifications.
    Push,
    /// Text messages.
    Sms,
    /// WhatsApp.
    WhatsApp,
    /// Rich text messages.
    Rcs,
    /// LINE.
    Line,
    /// Calls to the customer's own servers.
    Webhook,
    /// Content cards.
    Card,
    /// Messages in an open app.
    InApp,
    /// Banners.
    Banner,
    /// Feature flags.
    Flag,
    /// Live activities.
    Live,
}

/// Every channel, its name in `channel`, and how many campaigns it has.
pub const CHANNELS: &[(Channel, &str, u32)] = &[
    (Channel::Email, "email", 24),
    (Channel::Push, "push", 16),
    (Channel::Sms, "sms", 8),
    (Channel::WhatsApp, "whatsapp", 6),
    (Channel::Rcs, "rcs", 4),
    (Channel::Line, "line", 4),
    (Channel::Webhook, "webhook", 4),
    (Channel::Card, "content_card", 6),
    (Channel::InApp, "in_app", 6),
    (Channel::Banner, "banner", 4),
    (Channel::Flag, "feature_flag", 3),
    (Channel::Live, "live_activity", 1),
];

/// How a campaign goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// To many at one time, with one dispatch.
    Scheduled,
    /// To one user when something happens.
    Triggered,
    /// By a call of the API, with a send id.
    Api,
}

/// A text that belongs to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The campaign.
    CampaignId,
    /// Its name.
    CampaignName,
    /// The variation of a campaign's message.
    VariationId,
    /// Its name.
    VariationName,
    /// The call of the API.
    SendId,
    /// The Canvas.
    CanvasId,
    /// Its name.
    CanvasName,
    /// The variation of the Canvas.
    CanvasVariationId,
    /// Its name.
    CanvasVariationName,
    /// The step.
    StepId,
    /// Its name.
    StepName,
    /// The message within the step.
    StepMessageId,
    /// The step after.
    NextStepId,
    /// The subscription group of text channels.
    SubscriptionGroup,
    /// The sender: domain of e-mail, number or agent elsewhere.
    Sender,
    /// The pool of sending addresses.
    IpPool,
    /// The channel's name.
    ChannelName,
    /// JSON text sent along.
    Extras,
    /// The link shortened in text messages.
    ShortUrl,
}

const PARTS: usize = Part::ShortUrl as usize + 1;

/// The texts of one message.
#[derive(Debug, Default)]
pub struct Message {
    parts: [Option<Box<str>>; PARTS],
}

impl Message {
    /// A part's text, if the message has it.
    #[inline(always)]
    pub fn part(&self, part: Part) -> Option<&str> {
        self.parts.get(part as usize)?.as_deref()
    }

    fn set(&mut self, part: Part, text: impl Into<Box<str>>) {
        if let Some(slot) = self.parts.get_mut(part as usize) {
            *slot = Some(text.into());
        }
    }
}

/// One campaign.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Its channel.
    pub channel: Channel,
    /// How it goes out.
    pub delivery: Delivery,
    /// The messages of its variations.
    pub messages: Vec<u16>,
    /// The message that stands for its control group.
    pub control: Option<u16>,
}

/// One step of a Canvas.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its channel.
    pub channel: Channel,
    /// Its message in each of the Canvas' variations.
    pub messages: Vec<u16>,
}

/// One Canvas.
#[derive(Debug, Clone)]
pub struct Canvas {
    /// Its steps in order.
    pub steps: Vec<Step>,
    /// How many variations.
    pub variations: u32,
    /// The message that stands for its control group: a variation of its own, without steps.
    pub control: u16,
}

/// Everything that is sent.
#[derive(Debug)]
pub struct Catalog {
    messages: Vec<Message>,
    campaigns: Vec<Campaign>,
    canvases: Vec<Canvas>,
    none: Message,
}

/// Channels of Canvas steps, the common ones more than once.
const STEP_CHANNELS: &[Channel] = &[
    Channel::Email,
    Channel::Email,
    Channel::Push,
    Channel::Email,
    Channel::Sms,
    Channel::Push,
    Channel::WhatsApp,
    Channel::Email,
    Channel::InApp,
    Channel::Card,
    Channel::Webhook,
    Channel::Line,
    Channel::Rcs,
];

impl Catalog {
    /// The campaigns and Canvases of a seed. Message 0 is no message.
    pub fn new(seed: u64) -> Catalog {
        let mut maker =
            Maker { seed: mix(seed ^ 0xca7a), next: 0, dice: Dice::new(seed ^ 0xca7a), messages: Vec::new() };
        maker.messages.push(Message::default());
        let mut campaigns = Vec::new();
        for (channel, name, count) in CHANNELS {
            for number in 0..*count {
                campaigns.push(maker.campaign(*channel, name, number));
            }
        }
        let canvases = (0..JOURNEYS.len() + 4).map(|number| maker.canvas(number)).collect();
        Catalog { messages: maker.messages, campaigns, canvases, none: Message::default() }
    }

    /// A message by number.
    #[inline(always)]
    pub fn message(&self, number: u16) -> &Message {
        self.messages.get(usize::from(number)).unwrap_or(&self.none)
    }

    /// A campaign of a channel that goes out in one of the ways; `None` only for a channel without any.
    pub fn campaign(&self, channel: Channel, scheduled: bool, dice: &mut Dice) -> Option<&Campaign> {
        let fits = |c: &&Campaign| c.channel == channel && (c.delivery == Delivery::Triggered) != scheduled;
        let count = self.campaigns.iter().filter(fits).count();
        let wanted = dice.below(count as u32) as usize;
        let any = || self.campaigns.iter().find(|c| c.channel == channel);
        self.campaigns.iter().filter(fits).nth(wanted).or_else(any)
    }

    /// The message that stands for the control group of some campaign; 0 when none has one.
    pub fn control(&self, dice: &mut Dice) -> u16 {
        let controls: Vec<u16> = self.campaigns.iter().filter_map(|c| c.control).collect();
        pick(&controls, dice.bits()).copied().unwrap_or(0)
    }

    /// Some Canvas.
    pub fn canvas(&self, dice: &mut Dice) -> Option<&Canvas> {
        pick(&self.canvases, dice.bits())
    }
}

struct Maker {
    seed: u64,
    next: u64,
    dice: Dice,
    messages: Vec<Message>,
}

impl Maker {
    fn id(&mut self) -> String {
        self.next += 1;
        uuid_string(self.seed, self.next)
    }

    fn message(&mut self, channel: Channel) -> Message {
        let mut message = Message::default();
        let name = CHANNELS.iter().find(|c| c.0 == channel).map_or("", |c| c.1);
        message.set(Part::ChannelName, name);
        let number = self.dice.below(3);
        match channel {
            Channel::Email => {
                message.set(
                    Part::Sender,
                    ["news.shop.example", "mail.shop.example", "info.shop.example"][number as usize],
                );
                message.set(Part::IpPool, ["marketing", "marketing", "transactional"][number as usize]);
            }
            Channel::Sms | Channel::WhatsApp => message.set(Part::Sender, format!("+1555900{number:04}")),
            Channel::Rcs => message.set(Part::Sender, format!("shop_agent_{number}")),
            Channel::Line => message.set(Part::Sender, format!("16{number:08}")),
            _ => {}
        }
        if matches!(channel, Channel::Sms | Channel::WhatsApp | Channel::Rcs | Channel::Line) {
            message
                .set(Part::SubscriptionGroup, uuid_string(self.seed ^ 0x5b, (channel as u64) << 2 | u64::from(number)));
            let code = mix(self.seed ^ self.messages.len() as u64) as u32 & 0x00ff_ffff;
            message.set(Part::ShortUrl, format!("https://s.example/{code:06x}"));
        }
        if self.dice.chance(150) {
            message.set(Part::Extras, format!("{{\"theme\":\"t{}\",\"cost_centre\":\"{}\"}}", number, 100 + number));
        }
        message
    }

    fn add(&mut self, message: Message) -> u16 {
        self.messages.push(message);
        (self.messages.len() - 1) as u16
    }

    fn campaign(&mut self, channel: Channel, name: &str, number: u32) -> Campaign {
        let id = self.id();
        let theme = THEMES.get((number as usize + channel as usize) % THEMES.len()).copied().unwrap_or("Campaign");
        let title = format!("{theme} ({name} {:02})", number + 1);
        let delivery = match number % 5 {
            0 | 2 => Delivery::Scheduled,
            4 => Delivery::Api,
            _ => Delivery::Triggered,
        };
        let send = (delivery == Delivery::Api).then(|| {
            let hex = hex32(mix(self.seed ^ u64::from(number)), 0);
            String::from_utf8_lossy(&hex[..24]).into_owned()
        });
        let variations = 1 + self.dice.below(3);
        let mut messages = Vec::new();
        let control = (variations > 1).then_some(());
        for variation in 0..variations + u32::from(control.is_some()) {
            let mut message = self.message(channel);
            message.set(Part::CampaignId, id.as_str());
            message.set(Part::CampaignName, title.as_str());
            message.set(Part::VariationId, self.id());
            let label = if variation == variations { "Control".into() } else { format!("Variant {}", variation + 1) };
            message.set(Part::VariationName, label);
            if let Some(send) = &send {
                message.set(Part::SendId, send.as_str());
            }
            messages.push(self.add(message));
        }
        let control = control.and_then(|()| messages.pop());
        Campaign { channel, delivery, messages, control }
    }

    fn canvas(&mut self, number: usize) -> Canvas {
        let id = self.id();
        let journey = JOURNEYS.get(number % JOURNEYS.len()).copied().unwrap_or("Canvas");
        let name = format!("{journey} {}", number / JOURNEYS.len() + 1);
        let variations = 2;
        let names: Vec<(String, String)> = (0..variations).map(|v| (self.id(), format!("Path {}", v + 1))).collect();
        let steps: Vec<(String, Channel)> = (0..2 + self.dice.below(4) as usize)
            .map(|at| (self.id(), STEP_CHANNELS.get((number * 3 + at) % STEP_CHANNELS.len()).copied()))
            .map(|(id, channel)| (id, channel.unwrap_or(Channel::Email)))
            .collect();
        let made = (0..steps.len()).map(|at| {
            let mut messages = Vec::new();
            let Some((step, channel)) = steps.get(at) else { return Step { channel: Channel::Email, messages } };
            for (variation_id, variation_name) in &names {
                let mut message = self.message(*channel);
                message.set(Part::CanvasId, id.as_str());
                message.set(Part::CanvasName, name.as_str());
                message.set(Part::CanvasVariationId, variation_id.as_str());
                message.set(Part::CanvasVariationName, variation_name.as_str());
                message.set(Part::StepId, step.as_str());
                message.set(Part::StepName, format!("Step {}", at + 1));
                message.set(Part::StepMessageId, self.id());
                if let Some((next, _)) = steps.get(at + 1) {
                    message.set(Part::NextStepId, next.as_str());
                }
                messages.push(self.add(message));
            }
            Step { channel: *channel, messages }
        });
        let steps = made.collect();
        let mut control = Message::default();
        control.set(Part::CanvasId, id.as_str());
        control.set(Part::CanvasName, name.as_str());
        control.set(Part::CanvasVariationId, self.id());
        control.set(Part::CanvasVariationName, "Control");
        Canvas { steps, variations, control: self.add(control) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_belongs_to_a_campaign_or_to_a_canvas() {
        let catalog = Catalog::new(5);
        assert!(catalog.message(0).part(Part::ChannelName).is_none());
        for number in 1..catalog.messages.len() as u16 {
            let message = catalog.message(number);
            let campaign = message.part(Part::CampaignId).is_some();
            assert_ne!(campaign, message.part(Part::CanvasId).is_some());
            assert_eq!(campaign, message.part(Part::VariationId).is_some());
            let of_no_step = campaign || catalog.canvases.iter().any(|c| c.control == number);
            assert_ne!(of_no_step, message.part(Part::StepMessageId).is_some());
        }
        assert!(catalog.campaigns.iter().any(|c| c.control.is_some()));
    }
}
