//! The report of one pass: what it did and how it ended, as one JSON object.

use crate::error::{Error, Result};
use crate::load::LoadReport;
use crate::warehouse::gaps::GapAlert;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// See the module. The fields of [`LoadReport`] stand beside these.
#[derive(Debug, Serialize)]
pub struct PassReport {
    /// What the pass did; only moments and addresses when it ended before it could do anything.
    #[serde(flatten)]
    pub pass: LoadReport,
    /// The exit code the pass ended with, or would have if it were the process's only one.
    pub exit_code: u8,
    /// The kind of failure in a word; absent when all went well.
    pub kind: Option<&'static str>,
    /// The failure as it is shown: `error:`, `because:` and `hint:` lines.
    pub error: Option<String>,
    /// Tables that fell silent.
    pub gap_alerts: Vec<GapAlert>,
    /// When a pass last ended with exit code 0; this one, if it did.
    pub last_success: Option<DateTime<Utc>>,
    /// The version that ran it.
    pub eddyline: &'static str,
    /// The failure in parts.
    #[serde(skip)]
    pub failure: Option<Failure>,
}

/// A failure in parts.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What could not be done.
    pub what: String,
    /// Why, outermost first.
    pub because: Vec<String>,
    /// What to do about it.
    pub hints: Vec<String>,
    /// Whether it is a request to stop that was followed.
    pub stopped: bool,
}

impl PassReport {
    /// The report of a pass that ended with `error`, or well. `last_success`: of the passes before.
    pub fn new(
        pass: LoadReport,
        error: Option<&Error>,
        gap_alerts: Vec<GapAlert>,
        last_success: Option<DateTime<Utc>>,
    ) -> PassReport {
        let exit_code = error.map_or(0, |e| e.kind().exit_code());
        PassReport {
            last_success: if error.is_none() { Some(pass.finished) } else { last_success },
            pass,
            exit_code,
            kind: error.map(|e| e.kind().name()),
            error: error.map(Error::show),
            gap_alerts,
            eddyline: env!("CARGO_PKG_VERSION"),
            failure: error.map(|e| Failure {
                what: e.what().to_string(),
                because: e.causes(),
                hints: e.hints(),
                stopped: e.kind().exit_code() > 127,
            }),
        }
    }

    /// Whether it deserves a file of its own: it changed something or failed.
    pub fn is_notable(&self) -> bool {
        self.pass.seq.is_some() || self.exit_code != 0
    }

    /// As JSON, without a line break.
    pub fn json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::failed("cannot write the report").because(e))
    }

    /// How long it took, in seconds.
    pub fn seconds(&self) -> f64 {
        (self.pass.finished - self.pass.started).num_milliseconds() as f64 / 1000.0
    }
}
