//! Text messages, plain and rich; a rich one that is rejected falls back to a plain one.

use super::kind::Kind;
use super::story::{Story, Touch};
use super::timeline::{FALLBACK, JOINED, LEFT};
use super::value::reply;

/// Tells one SMS. `fallback` is the flag of one that replaces a rich message.
pub fn sms(story: &mut Story, touch: &Touch, fallback: u8) {
    if fallback == 0 && story.mishap(touch.sent, 15) {
        story.say(Kind::SmsAbort, touch.sent, touch);
        return;
    }
    if story.mishap(touch.sent, 8) {
        story.say(Kind::SmsRetry, touch.sent.saturating_sub(60), touch);
    }
    story.tell(Kind::SmsSend, touch.sent, touch, 0, fallback);
    let mut time = touch.sent + story.dice.between(1, 4);
    if story.mishap(touch.sent, 30) {
        story.tell(Kind::SmsRejection, time, touch, 0, fallback);
        return;
    }
    story.tell(Kind::SmsCarrierSend, time, touch, 0, fallback);
    time += story.dice.between(1, 40);
    match story.dice.below(1000) {
        0..45 => {
            story.tell(Kind::SmsFailure, time, touch, 0, fallback);
            return;
        }
        // Some carriers never confirm.
        45..60 => {}
        _ => {
            story.tell(Kind::SmsDelivery, time, touch, 0, fallback);
        }
    }
    if story.reacts(touch.user, 90) {
        let after = story.dice.tail(600, 2 * 86_400);
        story.tell(Kind::SmsClick, time + after, &Touch { link: 0, ..*touch }, 1, 0);
    }
    if story.dice.chance(25) {
        let after = story.dice.tail(300, 86_400);
        inbound(story, touch, time + after);
    }
}

/// An answer: one event for each profile with that number.
fn inbound(story: &mut Story, touch: &Touch, time: u32) {
    let touch = Touch { link: 0, ..*touch };
    story.say(Kind::SmsInbound, time, &touch);
    if let Some(user) = story.world.population.sharer(touch.user) {
        story.say(Kind::SmsInbound, time, &Touch { user, ..touch });
    }
    answered(story, &touch, time);
}

/// What an answer does to the subscription.
pub fn answered(story: &mut Story, touch: &Touch, time: u32) {
    let change = match reply(time) {
        Some((_, "Unsubscribed")) => LEFT,
        Some((_, "Subscribed")) => JOINED,
        _ => return,
    };
    story.tell(Kind::GroupState, time + 1, touch, change, 0);
}

/// Tells one RCS message.
pub fn rcs(story: &mut Story, touch: &Touch) {
    if story.mishap(touch.sent, 15) {
        story.say(Kind::RcsAbort, touch.sent, touch);
        return;
    }
    story.say(Kind::RcsSend, touch.sent, touch);
    let time = touch.sent + story.dice.between(1, 20);
    if story.mishap(touch.sent, 90) {
        story.tell(Kind::RcsRejection, time, touch, 0, FALLBACK);
        sms(story, &Touch { sent: time + 2, ..*touch }, FALLBACK);
        return;
    }
    story.say(Kind::RcsDelivery, time, touch);
    if story.dice.chance(650) {
        let read = time + story.dice.tail(400, 3 * 86_400);
        let quiet = Touch { link: 0, ..*touch };
        story.say(Kind::RcsRead, read, &quiet);
        if story.reacts(touch.user, 110) {
            story.tell(Kind::RcsClick, read + 8, &quiet, 2, 0);
        }
        if story.dice.chance(40) {
            story.say(Kind::RcsInbound, read + 40, &quiet);
            answered(story, &quiet, read + 40);
        }
    }
}
