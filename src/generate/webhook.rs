//! Webhooks: calls of the customer's own servers, which fail and are tried again.

use super::kind::Kind;
use super::story::{Story, Touch};
use super::timeline::HARD;

/// Tells one webhook.
pub fn webhook(story: &mut Story, touch: &Touch) {
    if story.mishap(touch.sent, 12) {
        story.say(Kind::WebhookAbort, touch.sent, touch);
        return;
    }
    let mut time = touch.sent;
    if story.mishap(time, 40) {
        let attempts = story.dice.between(1, 5) as u16;
        for attempt in 0..attempts {
            let flags = if attempt == 4 - 1 { HARD } else { 0 };
            story.tell(Kind::WebhookFailure, time, touch, attempt, flags);
            story.say(Kind::WebhookRetry, time + 1, touch);
            time += 30 << attempt;
            if flags == HARD {
                return;
            }
        }
    }
    story.say(Kind::WebhookSend, time, touch);
}
