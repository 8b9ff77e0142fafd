//! A bar while a query runs long: how many of its cells were opened, how many bytes were read. On standard error and only
//! on a terminal, so that results stay clean; gone when the query ends.

use crate::query::Watch;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::future::Future;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// A query that ends sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(700);
const REDRAW: Duration = Duration::from_millis(100);

/// Runs work that `watch` follows, showing how far it is.
pub async fn shown<T>(watch: &Watch, work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let start = Instant::now();
    let first = tokio::time::timeout(PATIENCE, &mut work).await;
    if let Ok(done) = first {
        return done;
    }
    // Dropped however this ends, Ctrl-C too: the line is clear again.
    let bar = Cleared(ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr()));
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
        bar.0.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    loop {
        let reading = watch.reading();
        bar.0.set_length(reading.cells.max(1) as u64);
        bar.0.set_position(reading.opened as u64);
        bar.0.set_message(format!(
            "{} of {} cells, {} read, {} s",
            reading.opened,
            reading.cells,
            HumanBytes(reading.bytes),
            start.elapsed().as_secs()
        ));
        if let Ok(done) = tokio::time::timeout(REDRAW, &mut work).await {
            return done;
        }
    }
}

struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
