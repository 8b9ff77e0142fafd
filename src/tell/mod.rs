//! Telling the operator how a pass ended: the report kept in the warehouse, metrics, a webhook. Best effort: what
//! cannot be told is a warning and never changes how the pass ended. Nothing here prints.

mod call;
mod kept;
mod metrics;
mod metrics_file;
mod pass_report;
mod push;
mod webhook;

pub use kept::{Latest, keep, latest};
pub use pass_report::PassReport;

use crate::error::Result;
use crate::warehouse::gaps::GapAlert;
use crate::warehouse::status::Status;
use push::PushGateway;
use std::path::PathBuf;
use webhook::Webhook;

/// Who hears how a pass ended, as configured. The addresses may hold secrets, hence no `Debug`.
#[derive(Clone, Default)]
pub struct Channels {
    /// The file a collector reads.
    pub metrics_file: Option<PathBuf>,
    /// The address of a push gateway.
    pub push_gateway: Option<String>,
    /// The address that hears of failures.
    pub webhook: Option<String>,
}

/// Tells the channels.
#[derive(Default)]
pub struct Teller {
    metrics_file: Option<PathBuf>,
    push_gateway: Option<PushGateway>,
    webhook: Option<Webhook>,
}

impl Teller {
    /// A teller of these channels. An address that is none is a usage error that does not repeat it.
    pub fn new(channels: Channels) -> Result<Teller> {
        Ok(Teller {
            metrics_file: channels.metrics_file,
            push_gateway: channels.push_gateway.as_deref().map(PushGateway::at).transpose()?,
            webhook: channels.webhook.as_deref().map(Webhook::at).transpose()?,
        })
    }

    /// Whether metrics are wanted, which need a [`Status`].
    pub fn has_metrics(&self) -> bool {
        self.metrics_file.is_some() || self.push_gateway.is_some()
    }

    /// Fills in when a pass last went well, where the warehouse could not say and an earlier metrics file can.
    pub fn remember(&self, report: &mut PassReport) {
        if let (None, Some(path)) = (report.last_success, &self.metrics_file) {
            report.last_success = metrics_file::last_success(path);
        }
    }

    /// Tells everyone, at once. `status`: of the warehouse after the pass; `None` when it cannot be read. `begun`: gap
    /// alerts the pass before this one did not have. Returns what could not be told, a line each.
    pub async fn tell(&self, report: &PassReport, status: Option<&Status>, begun: &[GapAlert]) -> Vec<String> {
        let mut troubles = Vec::new();
        let text = match self.has_metrics().then(|| metrics::text(report, status)).transpose() {
            Ok(text) => text,
            Err(error) => {
                troubles.push(one_line(&error));
                None
            }
        };
        if let (Some(text), Some(path)) = (&text, &self.metrics_file) {
            troubles.extend(metrics_file::write(path, text).err().as_ref().map(one_line));
        }
        let pushed = async {
            let (Some(text), Some(gateway)) = (&text, &self.push_gateway) else { return Ok(()) };
            gateway.push(text, status.is_some()).await
        };
        let called = async {
            let Some(webhook) = &self.webhook else { return Ok(()) };
            webhook.call(report, begun).await
        };
        let (pushed, called) = tokio::join!(pushed, called);
        troubles.extend([pushed, called].into_iter().filter_map(|r| r.err().as_ref().map(one_line)));
        troubles
    }
}

/// An error and its causes in one line.
fn one_line(error: &crate::error::Error) -> String {
    let mut parts = vec![error.what().to_string()];
    parts.extend(error.causes());
    parts.join(": ")
}
