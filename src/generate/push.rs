//! The life of a push notification: one send for each device, a bounce or now and then an open.

use super::kind::Kind;
use super::story::{Opens, Story, Touch};

/// Tells one push to all devices of a user.
pub fn push(story: &mut Story, touch: &Touch) {
    for device in 0..story.world.population.devices(touch.user) {
        let touch = Touch { device, ..*touch };
        if story.mishap(touch.sent, 15) {
            story.say(Kind::PushAbort, touch.sent, &touch);
            continue;
        }
        if story.mishap(touch.sent, 5) {
            story.say(Kind::PushRetry, touch.sent.saturating_sub(30), &touch);
        }
        story.say(Kind::PushSend, touch.sent, &touch);
        if story.mishap(touch.sent, 24) {
            let after = story.dice.between(1, 90);
            story.say(Kind::PushBounce, touch.sent + after, &touch);
            continue;
        }
        if story.dice.chance(50) && story.world.platform(touch.user, device) == "ios" {
            let after = story.dice.between(1, 5);
            story.say(Kind::PushForeground, touch.sent + after, &touch);
        }
        if story.reacts(touch.user, 80) {
            // The phone's clock and the queue disagree: some opens seem to come before their send.
            let opened = match story.dice.chance(45) {
                true => touch.sent.saturating_sub(1),
                false => touch.sent + story.dice.tail(900, 4 * 86_400),
            };
            let mut opens = Opens::default();
            opens.tell(story, Kind::PushOpen, opened, &touch, 0);
            if story.dice.chance(40) {
                let again = story.dice.between(60, 7_200);
                opens.tell(story, Kind::PushOpen, opened + again, &touch, 0);
            }
            opens.mark(story);
        }
    }
}
