//! What a user sees in the app or on the site: content cards, in-app messages, banners, feature flags, live activities.

use super::kind::Kind;
use super::story::{Story, Touch};
use super::timeline::FIRST;

/// Tells one content card, from its send on.
pub fn card(story: &mut Story, touch: &Touch) {
    if story.mishap(touch.sent, 10) {
        story.say(Kind::CardAbort, touch.sent, touch);
        return;
    }
    story.say(Kind::CardSend, touch.sent, touch);
    let Some(device) = story.some_device(touch.user) else { return };
    if !story.reacts(touch.user, 450) {
        return;
    }
    let seen = Touch { device, ..*touch };
    let mut time = touch.sent + story.dice.tail(7_200, 5 * 86_400);
    story.tell(Kind::CardImpression, time, &seen, 0, FIRST);
    while story.dice.chance(250) {
        time += story.dice.between(600, 40_000);
        story.say(Kind::CardImpression, time, &seen);
    }
    match story.dice.below(1000) {
        0..130 => story.tell(Kind::CardClick, time + 4, &seen, 0, FIRST),
        130..200 => story.tell(Kind::CardDismiss, time + 3, &seen, 0, FIRST),
        _ => None,
    };
}

/// Tells one in-app message.
pub fn in_app(story: &mut Story, touch: &Touch) {
    let Some(device) = some_device(story, touch) else { return };
    // No send, hence no dispatch.
    let touch = Touch { device, link: 0, ..*touch };
    if story.mishap(touch.sent, 15) {
        story.say(Kind::InAppAbort, touch.sent, &touch);
        return;
    }
    story.say(Kind::InAppImpression, touch.sent, &touch);
    if story.dice.chance(180) {
        story.say(Kind::InAppClick, touch.sent + 5, &touch);
    }
}

/// Tells one banner.
pub fn banner(story: &mut Story, touch: &Touch) {
    let Some(device) = some_device(story, touch) else { return };
    let touch = Touch { device, ..*touch };
    if story.mishap(touch.sent, 10) {
        story.say(Kind::BannerAbort, touch.sent, &touch);
        return;
    }
    story.tell(Kind::BannerImpression, touch.sent, &touch, 0, FIRST);
    match story.dice.below(1000) {
        0..60 => story.tell(Kind::BannerClick, touch.sent + 7, &touch, 0, FIRST),
        60..90 => story.tell(Kind::BannerDismiss, touch.sent + 4, &touch, 0, FIRST),
        _ => None,
    };
}

/// Tells that a feature flag was read.
pub fn flag(story: &mut Story, touch: &Touch) {
    let Some(device) = some_device(story, touch) else { return };
    story.tell(Kind::FlagImpression, touch.sent, &Touch { device, ..*touch }, 0, FIRST);
}

/// Tells one live activity: token, start, updates, outcomes.
pub fn live(story: &mut Story, touch: &Touch) {
    let Some(device) = some_device(story, touch) else { return };
    let touch = Touch { device, message: 0, ..*touch };
    story.say(Kind::ToStartToken, touch.sent.saturating_sub(20), &touch);
    let mut time = touch.sent;
    for _ in 0..story.dice.between(1, 4) {
        story.say(Kind::LiveSend, time, &touch);
        story.say(Kind::LiveOutcome, time + 2, &touch);
        story.say(Kind::UpdateToken, time + 3, &touch);
        time += story.dice.between(120, 2_400);
    }
}

/// The device that takes part already, or one of the user's.
fn some_device(story: &mut Story, touch: &Touch) -> Option<u8> {
    match touch.device {
        super::timeline::NO_DEVICE => story.some_device(touch.user),
        device => Some(device),
    }
}
