//! What happens to profiles: merges and deletions, updates, subscriptions, buckets, tokens; and the agents at work.

use super::kind::Kind;
use super::story::{Story, Touch, stub};

/// Tells all merges and deletions of the period: they are fixed with the population.
pub fn departures(story: &mut Story) {
    let world = story.world;
    for (user, gone, heir) in world.population.leavers() {
        let kind = if heir.is_some() { Kind::Orphan } else { Kind::DeleteRequest };
        let Some(slot) = story.slots.get(kind) else { continue };
        let mut stub = stub(slot, gone, &Touch::of(user), 0, 0);
        stub.peer = heir.unwrap_or(user);
        story.line.push(stub, &mut story.dice);
    }
}

/// Tells one small thing about a profile.
pub fn upkeep(story: &mut Story, user: u32, time: u32) {
    let mut touch = Touch::of(user);
    match story.dice.below(100) {
        0..55 => story.say(Kind::ProfileUpdate, time, &touch),
        55..70 => story.say(Kind::GroupState, time, &touch),
        70..78 => story.say(Kind::GlobalState, time, &touch),
        78..84 => story.say(Kind::RandomBucket, time, &touch),
        84..98 => {
            let Some(device) = story.some_device(user) else { return };
            touch.device = device;
            touch.sent = time.saturating_sub(story.dice.between(60, 900_000));
            story.say(Kind::PushToken, time, &touch)
        }
        _ => story.say(Kind::InstallAttribution, time, &touch),
    };
}

/// Tells one run of an agent: tools first, then the answer.
pub fn agent(story: &mut Story, user: u32, time: u32) {
    let touch = Touch { link: story.dice.bits() | 1, ..Touch::of(user) };
    let mut at = time;
    for _ in 0..story.dice.below(3) {
        story.say(Kind::ToolInvocation, at, &touch);
        at += story.dice.between(1, 4);
    }
    story.say(Kind::AgentExecuted, at, &touch);
}
