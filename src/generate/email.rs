//! The life of an e-mail: delivered or bounced, opened by people and by machines, clicked by people and by scanners.

use super::kind::Kind;
use super::story::{Opens, Story, Touch};
use super::timeline::{BOT, HARD, LEFT, MACHINE};
use super::words::MAILBOXES;

/// Everything about one message ends before it is a week old, so that each has one unique open by Braze's rule of seven
/// days.
const MOST_DELAY: u32 = 6 * 86_400;

/// Tells one e-mail.
pub fn email(story: &mut Story, touch: &Touch) {
    if story.mishap(touch.sent, 12) {
        story.say(Kind::EmailAbort, touch.sent, touch);
        return;
    }
    if story.mishap(touch.sent, 6) {
        story.say(Kind::EmailRetry, touch.sent.saturating_sub(90), touch);
    }
    story.say(Kind::EmailSend, touch.sent, touch);
    let Some(delivered) = arrival(story, touch) else { return };
    story.say(Kind::EmailDelivery, delivered, touch);
    let mut opens = Opens::default();
    let (machine, scans) = match MAILBOXES.get(story.world.population.mailbox(touch.user)) {
        Some(mailbox) => (mailbox.machine_opens, mailbox.scans),
        None => (0, 0),
    };
    if story.dice.chance(machine) {
        let after = story.dice.between(3, 240);
        opens.tell(story, Kind::EmailOpen, delivered + after, touch, MACHINE);
    }
    if story.dice.chance(scans) {
        let mut time = delivered + story.dice.between(1, 20);
        for link in 0..story.dice.between(2, 5) {
            story.tell(Kind::EmailClick, time, touch, link as u16, BOT);
            time += story.dice.below(2);
        }
    }
    if story.reacts(touch.user, 330) {
        people(story, touch, delivered, &mut opens);
    }
    opens.mark(story);
}

/// When the message arrives, if it does.
fn arrival(story: &mut Story, touch: &Touch) -> Option<u32> {
    let mut time = touch.sent + story.dice.between(1, 25);
    if story.dice.chance(14) {
        time += story.dice.below(300);
        let flags = if story.dice.chance(200) { HARD } else { 0 };
        story.tell(Kind::EmailBounce, time, touch, 1, flags);
        return None;
    }
    if story.mishap(touch.sent, 20) {
        for _ in 0..story.dice.between(1, 4) {
            time += story.dice.between(60, 3_600);
            story.say(Kind::EmailSoftBounce, time, touch);
        }
        return story.dice.chance(500).then_some(time + 900);
    }
    if story.mishap(touch.sent, 26) {
        for attempt in 1..story.dice.between(2, 4) {
            time += story.dice.between(30, 1_200);
            story.tell(Kind::EmailDeferral, time, touch, attempt as u16, 0);
        }
        return Some(time + 600);
    }
    Some(time)
}

/// Opens and clicks by people.
fn people(story: &mut Story, touch: &Touch, delivered: u32, opens: &mut Opens) {
    // Within a shared address it is not sure whose profile an open is attributed to.
    let sharer = story.world.population.sharer(touch.user);
    let as_seen = match sharer {
        Some(user) if story.dice.chance(300) => Touch { user, ..*touch },
        _ => *touch,
    };
    let mut after = story.dice.tail(5_400, MOST_DELAY - 86_400);
    opens.tell(story, Kind::EmailOpen, delivered + after, &as_seen, 0);
    if story.dice.chance(190) {
        let link = story.dice.below(5) as u16;
        let clicked = delivered + after + story.dice.between(3, 150);
        story.tell(Kind::EmailClick, clicked, &as_seen, link, 0);
        if story.dice.chance(120) {
            let later = story.dice.between(2, 60);
            story.tell(Kind::EmailClick, clicked + later, &as_seen, link, 0);
        }
    }
    if story.dice.chance(6) {
        story.tell(Kind::EmailUnsubscribe, delivered + after + 20, touch, 5, 0);
        story.tell(Kind::GlobalState, delivered + after + 21, touch, LEFT, 0);
    }
    if story.dice.chance(2) {
        story.say(Kind::EmailSpam, delivered + after + 30, touch);
    }
    while story.dice.chance(210) && after < MOST_DELAY {
        after += story.dice.tail(10_800, 86_400);
        opens.tell(story, Kind::EmailOpen, delivered + after.min(MOST_DELAY), &as_seen, 0);
    }
}
