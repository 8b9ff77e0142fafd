//! One user's way through a Canvas: entry, steps with their messages, exit, conversion.

use super::kind::Kind;
use super::story::{Story, Touch};
use super::timeline::{BEGIN, HARD};
use super::words::GOAL_SECONDS;

/// Tells one entry at `time`.
pub fn canvas(story: &mut Story, user: u32, time: u32) {
    let world = story.world;
    let Some(canvas) = world.catalog.canvas(&mut story.dice) else { return };
    let variation = story.dice.below(canvas.variations) as usize;
    let entry = story.dice.bits() | 1;
    let first = canvas.steps.first().and_then(|s| s.messages.get(variation)).copied().unwrap_or(0);
    let control = story.dice.chance(150);
    let touch = Touch { message: if control { canvas.control } else { first }, link: entry, ..Touch::of(user) };
    story.tell(Kind::CanvasEntry, time, &touch, 0, if control { HARD } else { 0 });
    let experiment = !control && story.dice.chance(200);
    if experiment {
        // The first path of an experiment is its control group.
        story.tell(Kind::SplitEntry, time + 1, &touch, 0, if variation == 0 { HARD } else { 0 });
    }
    let mut at = time;
    if !control {
        at = steps(story, canvas, variation, &touch, time);
    }
    if story.reacts(user, if control { 70 } else { 90 + 30 * variation as u32 }) {
        let which = story.goal();
        // The time of a Canvas conversion is the end of its window.
        let converted = at + GOAL_SECONDS.get(usize::from(which)).copied().unwrap_or(0);
        story.tell(Kind::CanvasConversion, converted, &touch, which, 0);
        if experiment {
            story.tell(Kind::ExperimentConversion, converted, &touch, which, 0);
        }
    }
}

/// Tells the steps; returns when the user left.
fn steps(story: &mut Story, canvas: &super::catalog::Canvas, variation: usize, touch: &Touch, time: u32) -> u32 {
    let mut at = time;
    for (number, step) in canvas.steps.iter().enumerate() {
        let message = step.messages.get(variation).copied().unwrap_or(0);
        let here = Touch { message, ..*touch };
        let begin = if number == 0 { BEGIN } else { 0 };
        story.tell(Kind::Progression, at, &here, 0, begin);
        let dispatch = story.dice.bits() | 1;
        let sent = at + story.dice.between(1, 30);
        story.message(step.channel, Touch { link: dispatch, ..here }, sent);
        if story.dice.chance(60) {
            story.say(Kind::CostepSend, sent, &Touch { link: dispatch, ..here });
        }
        let later = sent + story.dice.between(3_600, 2 * 86_400);
        at = story.window(later);
        match story.dice.below(1000) {
            0..60 => {
                story.say(Kind::ExitAudience, at, &here);
                return at;
            }
            60..110 => {
                story.say(Kind::ExitEvent, at, &here);
                return at;
            }
            110..200 => return at,
            _ => {}
        }
    }
    at
}
