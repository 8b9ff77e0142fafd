//! What users do: sessions with what happens in them, installs, removals.

use super::catalog::Channel;
use super::kind::Kind;
use super::story::{Story, Touch};

/// Tells one session that starts at `time`.
pub fn session(story: &mut Story, user: u32, time: u32) {
    let Some(device) = story.some_device(user) else {
        // A purchase in a shop: nobody's device took part.
        story.say(Kind::Purchase, time, &Touch::of(user));
        story.say(Kind::CustomEvent, time + 1, &Touch::of(user));
        return;
    };
    let touch = Touch { device, link: story.dice.bits() | 1, ..Touch::of(user) };
    if story.dice.chance(35) {
        story.say(Kind::FirstSession, time, &touch);
        if story.dice.chance(300) {
            story.say(Kind::InstallAttribution, time + 2, &Touch::of(user));
        }
        story.say(Kind::PushToken, time + 3, &Touch { sent: time, ..touch });
    }
    story.say(Kind::SessionStart, time, &touch);
    let mut at = time + story.dice.between(1, 20);
    for (channel, chance) in [(Channel::InApp, 130), (Channel::Banner, 110), (Channel::Flag, 60), (Channel::Card, 25)] {
        if story.dice.chance(chance) {
            onsite(story, channel, &touch, at);
        }
    }
    while story.dice.chance(550) {
        at += story.dice.between(3, 90);
        story.say(Kind::CustomEvent, at, &touch);
    }
    if story.dice.chance(110) {
        at += story.dice.between(10, 120);
        story.say(Kind::Purchase, at, &touch);
    }
    if story.dice.chance(50) {
        story.say(Kind::Location, at, &touch);
    }
    let length = at - time + story.dice.between(1, 200);
    story.tell(Kind::SessionEnd, time + length, &touch, length.min(u32::from(u16::MAX)) as u16, 0);
    if story.dice.chance(4) {
        let after = story.dice.between(600, 86_400);
        story.say(Kind::Uninstall, time + length + after, &touch);
    }
}

fn onsite(story: &mut Story, channel: Channel, touch: &Touch, time: u32) {
    let world = story.world;
    let Some(campaign) = world.catalog.campaign(channel, false, &mut story.dice) else { return };
    let which = story.dice.below(campaign.messages.len() as u32) as usize;
    let message = campaign.messages.get(which).copied().unwrap_or(0);
    let link = story.dice.bits() | 1;
    story.message(channel, Touch { message, link, ..*touch }, time);
}
