//! What the program says on standard error: lines for people, or, with `--log json`, events and nothing else, so that
//! whoever reads the log gets one JSON object per line.

use crate::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

static EVENTS_ONLY: AtomicBool = AtomicBool::new(false);

/// From now on events and nothing else.
pub fn events_only() {
    EVENTS_ONLY.store(true, Ordering::Relaxed);
}

fn are_events() -> bool {
    EVENTS_ONLY.load(Ordering::Relaxed)
}

/// Something to know while it runs.
pub fn note(text: &str) {
    if are_events() {
        tracing::info!("{text}");
    } else {
        eprintln!("{text}");
    }
}

/// Something to look at that ends nothing.
pub fn warning(text: &str) {
    if are_events() {
        tracing::warn!("{text}");
    } else {
        eprintln!("warning: {text}");
    }
}

/// What ended a pass or the program.
pub fn error(error: &Error) {
    if !are_events() {
        eprintln!("{}", error.show());
        return;
    }
    let kind = error.kind();
    let (because, hint) = (error.causes().join("; "), error.hints().join("; "));
    tracing::error!(kind = kind.name(), exit_code = kind.exit_code(), because, hint, "{}", error.what());
}
