//! Messengers: WhatsApp, whose events name their message exactly, and LINE.

use super::kind::Kind;
use super::story::{Story, Touch};
use super::text::answered;

/// Tells one WhatsApp message.
pub fn whatsapp(story: &mut Story, touch: &Touch) {
    if story.mishap(touch.sent, 15) {
        story.say(Kind::WhatsAppAbort, touch.sent, touch);
        return;
    }
    if story.mishap(touch.sent, 8) {
        story.say(Kind::WhatsAppRetry, touch.sent.saturating_sub(60), touch);
    }
    story.say(Kind::WhatsAppSend, touch.sent, touch);
    let delivered = touch.sent + story.dice.between(1, 60);
    if story.mishap(touch.sent, 50) {
        story.say(Kind::WhatsAppFailure, delivered, touch);
        return;
    }
    story.say(Kind::WhatsAppDelivery, delivered, touch);
    if !story.dice.chance(720) {
        return;
    }
    let read = delivered + story.dice.tail(500, 3 * 86_400);
    story.say(Kind::WhatsAppRead, read, touch);
    if story.reacts(touch.user, 130) {
        story.tell(Kind::WhatsAppClick, read + 6, &Touch { link: 0, ..*touch }, 2, 0);
    }
    if story.dice.chance(90) {
        let after = story.dice.tail(120, 86_400);
        story.say(Kind::WhatsAppInbound, read + after, touch);
        answered(story, touch, read + after);
    }
}

/// Tells one LINE message.
pub fn line(story: &mut Story, touch: &Touch) {
    if story.mishap(touch.sent, 15) {
        story.say(Kind::LineAbort, touch.sent, touch);
        return;
    }
    if story.mishap(touch.sent, 10) {
        story.say(Kind::LineRetry, touch.sent.saturating_sub(60), touch);
    }
    story.say(Kind::LineSend, touch.sent, touch);
    if story.reacts(touch.user, 140) {
        let after = story.dice.tail(700, 2 * 86_400);
        story.tell(Kind::LineClick, touch.sent + after, touch, 1, 0);
    }
    if story.dice.chance(50) {
        let after = story.dice.tail(300, 86_400);
        story.say(Kind::LineInbound, touch.sent + after, &Touch { link: 0, ..*touch });
    }
}
